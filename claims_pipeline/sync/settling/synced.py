"""Synced: what one sync did, as facts: counts, dollars, refusals, and the proof that every claim has its outcome.

What belongs here: adding up outcomes, and refusing to go on when they do not add up. Not here: making them (`send`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import polars as pl

from claims_pipeline.claims.compare import MONEY_FIELDS
from claims_pipeline.claims.outcomes import NOT_FINAL, ClaimOutcome
from claims_pipeline.errors import PermanentError, TransientError
from claims_pipeline.storage.frames import StampedFrame
from claims_pipeline.sync.payors.groups import Group
from claims_pipeline.sync.settling.org_sums import OrgSums

FINAL: tuple[ClaimOutcome, ...] = tuple(outcome for outcome in ClaimOutcome if outcome not in NOT_FINAL)
_OF = pl.col("outcome")


@dataclass(frozen=True)
class Synced:
    """What a sync did. `outcomes`: one row a claim (see `send.outcomes_of`); dollars are US dollars, exact."""

    outcomes: StampedFrame
    counts: Mapping[str, int]
    healed_by_field: Mapping[str, int]
    refused_by_code: Mapping[str, int]
    held_by_reason: Mapping[str, int]
    relinked: Mapping[str, int]
    missing: Mapping[str, int]
    tried_again: int  # claims of earlier fetches that had been refused, among the outcomes
    waiting: int  # refused earlier, and not tried by this sync (once a week)
    refused_beyond: Mapping[str, Mapping[str, int]]  # "relink" or "missing" -> code -> claims
    org_sums: OrgSums | None  # after a full fetch that was sent
    dollars: Mapping[str, Mapping[str, Decimal]]  # outcome -> Salesforce field -> sum
    warnings: tuple[str, ...]
    api_calls: int
    organization_id: str
    instance_url: str
    payor_groups: tuple[Group, ...] | None = None
    """The org's claims by payor, as this sync left them; None where it did not read them. Not stored."""

    @classmethod
    def of(cls, outcomes: StampedFrame) -> "Synced":
        """From outcomes, stored or not: the frame, and what its stamp says of the sync."""
        frame, told = outcomes.frame, outcomes.stamp.facts["sync"]
        sums = _sums_by_outcome(frame)
        counts = _counts(sums)
        return cls(
            outcomes=outcomes,
            counts=counts,
            healed_by_field=_healed_by_field(frame) if counts["healed"] else {},
            refused_by_code=_codes_of(frame, ClaimOutcome.REFUSED, counts),
            held_by_reason=_codes_of(frame, ClaimOutcome.HELD, counts),
            relinked=told["relinked"],
            missing=told["missing"],
            tried_again=told["tried_again"],
            waiting=told["waiting"],
            refused_beyond=told["refused_beyond"],
            org_sums=OrgSums.from_facts(told["org_sums"]) if told["org_sums"] is not None else None,
            dollars={row["outcome"]: {name: row[name] for name in MONEY_FIELDS} for row in sums},
            warnings=tuple(told["warnings"]),
            api_calls=told["api_calls"],
            organization_id=told["organization_id"],
            instance_url=told["instance_url"],
        )

    @property
    def sent(self) -> int:
        """Claims that were created or updated."""
        return self.counts[ClaimOutcome.CREATED] + self.counts[ClaimOutcome.UPDATED]

    @property
    def source_dollars(self) -> dict[str, Decimal]:
        """Source dollars by Salesforce field, over all claims."""
        none = Decimal("0.00")
        return {name: sum((sums[name] for sums in self.dollars.values()), none) for name in MONEY_FIELDS}

    @property
    def failed(self) -> int:
        """Claims that Salesforce refused, or would not take while relinking or marking."""
        refused = ClaimOutcome.REFUSED.value
        return self.counts[refused] + self.relinked.get(refused, 0) + self.missing.get(refused, 0)


class NotSettled(TransientError):
    """Salesforce has not answered for some claims: nothing is committed, and the next run settles them."""

    def __init__(self, customer: str, count: int) -> None:
        super().__init__(
            f"Customer {customer}: Salesforce has not said what became of {count} claim(s). Nothing was committed; "
            "run the sync again: it reads what stands in the org and sends only what is missing."
        )


class OutcomesDoNotBalance(PermanentError):
    """The outcomes are not exactly those of the claims: nothing was committed."""


def require_settled(customer: str, *counts: Mapping[str, int]) -> None:
    """Raise NotSettled while any outcome is not final."""
    open_ones = sum(each.get(outcome.value, 0) for each in counts for outcome in NOT_FINAL)
    if open_ones:
        raise NotSettled(customer, open_ones)


def require_balance(claims: StampedFrame, outcomes: pl.LazyFrame) -> None:
    """Raise OutcomesDoNotBalance unless keys (as sets) and dollars of claims and outcomes are the same."""
    keys, answered = claims.frame.select("claim_key"), outcomes.select("claim_key")
    lost = _height(keys.join(answered, on="claim_key", how="anti"))
    invented = (
        _height(answered.join(keys, on="claim_key", how="anti"))
        + _height(answered)
        - _height(answered.unique())
    )
    sums = [_sums(claims.frame), _sums(outcomes)]
    if lost or invented or sums[0] != sums[1]:
        raise OutcomesDoNotBalance(
            f"Customer {claims.stamp.customer}: {lost} claim(s) have no outcome, {invented} outcome(s) no claim of "
            f"their own, and the sums are {sums[0]} against {sums[1]} dollars. Nothing was committed. This is a fault "
            "of the pipeline: keep the stored files and tell its makers."
        )


def counts_of(outcomes: pl.LazyFrame) -> dict[str, int]:
    """Claims by outcome, every final outcome named; the healed among the updated, the recreated among the created."""
    return _counts(_sums_by_outcome(outcomes))


def _sums_by_outcome(outcomes: pl.LazyFrame) -> list[dict[str, Any]]:
    """One entry an outcome: its claims, the healed and recreated among them, and the source's dollars."""
    sums = outcomes.group_by("outcome").agg(
        pl.len().alias("claims"), pl.col("healed", "recreated", *MONEY_FIELDS).sum()
    )
    return sums.sort("outcome").collect().to_dicts()


def _counts(sums: list[dict[str, Any]]) -> dict[str, int]:
    found = {row["outcome"]: row["claims"] for row in sums}
    among = {name: sum(row[name] for row in sums) for name in ("healed", "recreated")}
    return {**{outcome.value: 0 for outcome in FINAL}, **found, **among}


def _codes_of(outcomes: pl.LazyFrame, outcome: ClaimOutcome, claims: Mapping[str, int]) -> dict[str, int]:
    """How many claims of this outcome stand under each code; `claims`: by outcome."""
    if not claims[outcome]:
        return {}
    counts = outcomes.filter(outcome.value == _OF).group_by("code").len().sort("code").collect()
    return {code or "UNKNOWN": count for code, count in counts.iter_rows()}


def _healed_by_field(outcomes: pl.LazyFrame) -> dict[str, int]:
    """How often each field was put back to the source's value."""
    counts = outcomes.filter("healed").explode("differing").group_by("differing").len().sort("differing")
    return dict(counts.collect().iter_rows())


def _sums(frame: pl.LazyFrame) -> tuple[Decimal, ...]:
    return frame.select(pl.col(name).sum() for name in MONEY_FIELDS).collect().row(0)


def _height(frame: pl.LazyFrame) -> int:
    return int(frame.select(pl.len()).collect().item())
