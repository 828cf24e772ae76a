"""Org sums: after a full fetch, the org's own dollars over the claims that arrived are the source's, to the cent.

What belongs here: comparing and adding up, and refusing to go on when they differ. Not here: reading the org
(`standing`).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import polars as pl

from claims_pipeline.claims.compare import KEY_FIELD
from claims_pipeline.claims.outcomes import ClaimOutcome
from claims_pipeline.errors import TransientError
from claims_pipeline.sync.settling.standing import BEFORE, REJECTED, Standing

ARRIVED = (ClaimOutcome.CREATED.value, ClaimOutcome.UPDATED.value, ClaimOutcome.UNCHANGED.value)
BESIDE = (ClaimOutcome.REFUSED.value, ClaimOutcome.HELD.value, REJECTED, "missing")
"""What may stand in the org with other amounts than the source's: told beside, and no part of the proof."""

_AMOUNT = pl.Decimal(38, 2)


@dataclass(frozen=True)
class Sums:
    """Claims, and their US dollars by Salesforce field: at the source and in the org."""

    claims: int
    source: Mapping[str, Decimal]
    org: Mapping[str, Decimal]

    def to_facts(self) -> dict[str, Any]:
        """As JSON holds them: amounts are text."""
        texts = [{name: str(amount) for name, amount in each.items()} for each in (self.source, self.org)]
        return {"claims": self.claims, "source": texts[0], "org": texts[1]}

    @classmethod
    def from_facts(cls, facts: Mapping[str, Any]) -> "Sums":
        """From `to_facts`."""
        source, org = (
            {name: Decimal(text) for name, text in facts[side].items()} for side in ("source", "org")
        )
        return cls(facts["claims"], source, org)


@dataclass(frozen=True)
class OrgSums:
    """What arrived, which must be equal on both sides, and beside it what did not (`BESIDE`)."""

    arrived: Sums
    beside: Mapping[str, Sums]
    absent: int
    differing: int

    def require_equal(self, customer: str) -> None:
        """Raise OrgDiffers unless each claim that arrived stands in the org with the source's amounts."""
        if self.absent or self.differing:
            raise OrgDiffers(customer, self)

    def to_facts(self) -> dict[str, Any]:
        """As a stamp holds them."""
        return {"arrived": self.arrived.to_facts()} | {
            name: sums.to_facts() for name, sums in self.beside.items()
        }

    @classmethod
    def from_facts(cls, facts: Mapping[str, Any]) -> "OrgSums":
        """From `to_facts`: only sums that were proved equal are ever stored."""
        sums = {name: Sums.from_facts(each) for name, each in facts.items()}
        return cls(sums.pop("arrived"), sums, absent=0, differing=0)


class OrgDiffers(TransientError):
    """The org does not hold what was just written or found equal. Nothing was committed."""

    def __init__(self, customer: str, sums: OrgSums) -> None:
        dollars = "; ".join(
            f"{name}: {amount} at the source, {sums.arrived.org[name]} in Salesforce"
            for name, amount in sums.arrived.source.items()
        )
        super().__init__(
            f"Customer {customer}: of {sums.arrived.claims} claims that arrived, {sums.absent} no longer stand in "
            f"Salesforce and {sums.differing} stand there with other amounts ({dollars}). A person at work, or a "
            "trigger or flow of the org, changed them since they were sent. Nothing was committed: run the sync "
            "again. It puts right what a person changed, and holds as REWRITTEN_BY_ORG what the org itself rewrites."
        )


def org_sums(standing: Standing) -> OrgSums:
    """Add up the org's own amounts beside the source's. Memory: one bucket."""
    found: dict[str, list[pl.DataFrame]] = {name: [] for name in ("arrived", *BESIDE)}
    absent = differing = 0
    for named, records in standing.buckets():
        sides = _both_sides(named, records, standing)
        arrived = sides.filter(pl.col("outcome").is_in(ARRIVED))
        absent += arrived.filter("absent").height
        differing += arrived.filter(~pl.col("absent") & pl.col("differs")).height
        found["arrived"].append(add_up(arrived, standing.money))
        for name in BESIDE:
            found[name].append(add_up(sides.filter(pl.col("outcome") == name), standing.money))
    sums = {name: total(parts, standing.money) for name, parts in found.items()}
    arrived_sums = sums.pop("arrived")
    return OrgSums(
        arrived_sums, {name: each for name, each in sums.items() if each.claims}, absent, differing
    )


def _both_sides(named: pl.DataFrame, records: pl.DataFrame, standing: Standing) -> pl.DataFrame:
    """One row a claim that either side knows: `outcome`, source amounts, `org:` amounts, `absent`, `differs`.

    A held claim may be another customer's: of it the org is known as it was when it was compared.
    """
    single = named.unique("claim_key", keep="first", maintain_order=True)
    theirs = records.select(
        "claim_key",
        pl.col(KEY_FIELD).alias("stands"),
        *(pl.col(name).alias(f"org:{name}") for name in standing.money),
    )
    joined = single.join(theirs, on="claim_key", how="full", coalesce=True)
    if not standing.of_customer_alone:
        joined = joined.filter(pl.col("outcome").is_not_null())
    is_held = pl.col("outcome") == ClaimOutcome.HELD.value
    joined = joined.with_columns(
        pl.when(is_held).then(f"{BEFORE}{name}").otherwise(f"org:{name}").alias(f"org:{name}")
        for name in standing.money
    )
    differ = [pl.col(name).ne_missing(pl.col(f"org:{name}")) for name in standing.money]
    return joined.with_columns(
        pl.col("outcome").fill_null("missing"),
        absent=pl.col("stands").is_null(),
        differs=pl.any_horizontal(differ) if differ else pl.lit(False),
    )


def add_up(sides: pl.DataFrame, money: Iterable[str]) -> pl.DataFrame:
    """One row: `claims`, and the sum of each amount and of its `org:` counterpart; for `total`."""
    amounts = [column for name in money for column in (name, f"org:{name}")]
    return sides.select(
        pl.len().cast(pl.Int64).alias("claims"),
        *(pl.col(name).cast(_AMOUNT, strict=False).sum() for name in amounts),
    )


def total(parts: list[pl.DataFrame], money: Iterable[str]) -> Sums:
    """The sums over what `add_up` gave of each bucket."""
    summed = pl.concat(parts).sum().row(0, named=True)
    source = {name: _cents(summed[name]) for name in money}
    return Sums(int(summed["claims"]), source, {name: _cents(summed[f"org:{name}"]) for name in money})


def _cents(amount: Decimal | None) -> Decimal:
    return (amount or Decimal(0)).quantize(Decimal("0.01"))
