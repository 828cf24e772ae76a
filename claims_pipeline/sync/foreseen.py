"""Foreseen: what a dry run found that a sync would do, as facts and as lines for people.

What belongs here: fields that would change, dollars that would move, payors never seen before. Not here: counts by
outcome and their words (`summary`), nor how it was found out (`settling.rehearse`). No claim's values; payor names
only in the list of payors.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal

import polars as pl

from claims_pipeline.claims.compare import MONEY_FIELDS, PAYOR_KEY_FIELD
from claims_pipeline.claims.outcomes import ClaimOutcome
from claims_pipeline.claims.payors import MatchRule
from claims_pipeline.storage.frames import StampedFrame
from claims_pipeline.sync.phrases import AMOUNT_WORDS, SHOWN, dollars_text, line
from claims_pipeline.sync.settling.standing import BEFORE
from claims_pipeline.sync.whole import WholeSync

_RULE_WORDS: Mapping[str, str] = {
    MatchRule.NAME_AND_ID.value: "matched by name and id",
    MatchRule.ID.value: "matched by id",
    MatchRule.NAME.value: "matched by name",
    MatchRule.AMBIGUOUS.value: "more than one payor fits: to map",
    MatchRule.UNMAPPED.value: "no payor fits: to map",
}


@dataclass(frozen=True)
class NewPayor:
    """A payor that the mapping table does not list yet. `charged`: US dollars of its claims in the report."""

    key: str
    name: str | None
    payor_id: str | None
    rule: str
    claims: int
    charged: Decimal

    @property
    def what_becomes(self) -> str:
        """How it would be matched, in words."""
        return _RULE_WORDS.get(self.rule, self.rule)


@dataclass(frozen=True)
class Moved:
    """US dollars of the claims that would be written: what Salesforce holds of them now, and what it would hold."""

    before: Decimal
    after: Decimal

    @property
    def difference(self) -> Decimal:
        """What would come to Salesforce, or go."""
        return self.after - self.before


@dataclass(frozen=True)
class Foreseen:
    """What a sync would do. `new_payors` is None where the org has no mapping table to tell by."""

    updated_by_field: Mapping[str, int]
    moved: Mapping[str, Moved]  # by Salesforce field
    new_payors: tuple[NewPayor, ...] | None


def foresee(whole: WholeSync) -> Foreseen:
    """From a dry run's stored frames. Memory: the distinct payors."""
    outcomes = whole.synced.outcomes.frame
    return Foreseen(_updated_by_field(outcomes), _moved(outcomes), _new_payors(whole.claims, whole.payors))


def _updated_by_field(outcomes: pl.LazyFrame) -> dict[str, int]:
    updated = outcomes.filter(pl.col("outcome") == ClaimOutcome.UPDATED.value)
    counts = (
        updated.explode("differing").drop_nulls("differing").group_by("differing").len().sort("differing")
    )
    return dict(counts.collect().iter_rows())


def _moved(outcomes: pl.LazyFrame) -> dict[str, Moved]:
    written = outcomes.filter(
        pl.col("outcome").is_in([ClaimOutcome.CREATED.value, ClaimOutcome.UPDATED.value])
    )
    names = [name for field in MONEY_FIELDS for name in (BEFORE + field, field)]
    sums = written.select(pl.col(name).sum() for name in names).collect().row(0, named=True)
    none = Decimal("0.00")
    return {field: Moved(sums[BEFORE + field] or none, sums[field] or none) for field in MONEY_FIELDS}


def _new_payors(claims: StampedFrame, payors: StampedFrame) -> tuple[NewPayor, ...] | None:
    """Most dollars first. A key that a person typed by hand is known too, in whatever case."""
    if not payors.stamp.facts.get("mapping_table", True) or payors.stamp.facts.get("hidden"):
        return None
    listed = payors.frame.filter(pl.col("kind") == "mapping").select("payor_key").collect().to_series()
    known = {key.casefold() for key in listed.drop_nulls()}
    found = (
        claims.frame.drop_nulls(PAYOR_KEY_FIELD)
        .group_by(PAYOR_KEY_FIELD)
        .agg(
            pl.col("payor_name", "payor_id", "match_rule").min(),
            pl.len().alias("claims"),
            pl.col("Charged_Amount__c").sum().alias("charged"),
        )
        .collect()
    )
    new = [NewPayor(*row) for row in found.iter_rows() if row[0].casefold() not in known]
    return tuple(sorted(new, key=lambda each: (-each.charged, each.key)))


def foreseen_lines(foreseen: Foreseen) -> Iterator[str]:
    """What stands beside the counts by outcome."""
    for name, count in foreseen.updated_by_field.items():
        yield line(count, f"of the updated would change in {name}", indent=4)
    for name, moved in foreseen.moved.items():
        yield (
            f"{'':>12}  {AMOUNT_WORDS[name]} of the claims to write: {dollars_text(moved.before)} in Salesforce now, "
            f"{dollars_text(moved.after)} then ({_signed(moved.difference)})"
        )
    if foreseen.new_payors is None:
        yield f"{'':>12}  which payors are new cannot be told: the org's mapping table is not there, or is hidden"
        return
    yield line(
        len(foreseen.new_payors),
        "payors that the mapping table does not list yet (matched, or payors to map)",
    )
    for payor in foreseen.new_payors[:SHOWN]:
        payor_id = f" ({payor.payor_id})" if payor.payor_id else ""
        words = f"{dollars_text(payor.charged)}  {payor.name or payor.key}{payor_id}; {payor.what_becomes}"
        yield line(payor.claims, words, indent=4)
    if len(foreseen.new_payors) > SHOWN:
        yield f"{'':>12}      and {len(foreseen.new_payors) - SHOWN} more"


def _signed(amount: Decimal) -> str:
    return f"+{dollars_text(amount)}" if amount > 0 else dollars_text(amount)
