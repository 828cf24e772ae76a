"""Outcomes: what became of each customer in one invocation, as the function answers or raises it.

What belongs here: counts and codes. Not here: how they are logged (`logs`) and measured (`metrics`). No PHI: numbers of
customers, names of outcomes and errors, counts.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from claims_pipeline.errors import ClaimsPipelineError
from claims_pipeline.sync.whole import WholeSync

CLAIM_OUTCOMES = ("created", "updated", "unchanged", "refused", "held")
_NAMED = 20


class Became(StrEnum):
    """What became of a customer."""

    SYNCED = "synced"
    SERVED = "served before"
    AT_WORK = "at work in another delivery of this event"
    PAUSED = "paused"
    LEFT_OUT = "left out: no filter of kind full"
    CONTINUED = "continued"
    FAILED = "failed"


@dataclass(frozen=True)
class CustomerOutcome:
    """One customer. `error`: the name of what failed; its words stand in the log."""

    customer: str
    became: Became
    counts: Mapping[str, int] = field(default_factory=dict)
    sequence: int | None = None
    error: str | None = None

    @classmethod
    def synced(cls, customer: str, whole: WholeSync) -> "CustomerOutcome":
        """Of a sync that came to its end."""
        counts = {name: whole.synced.counts[name] for name in CLAIM_OUTCOMES}
        counts["refused"] = whole.synced.failed
        counts["rows_rejected"] = whole.rejected.rows
        return cls(customer, Became.SYNCED, counts, whole.synced.outcomes.stamp.sequence)

    @classmethod
    def failed(cls, customer: str, error: BaseException) -> "CustomerOutcome":
        """Of a customer whose sync failed."""
        return cls(customer, Became.FAILED, error=type(error).__name__)

    def as_facts(self) -> dict[str, Any]:
        """For the answer."""
        told = {"outcome": self.became.value, "sequence": self.sequence, "error": self.error}
        return {name: value for name, value in told.items() if value is not None} | dict(self.counts)


class CustomersFailed(ClaimsPipelineError):
    """Some customers failed: raised after all were tried, so that AWS counts the invocation as an error."""

    def __init__(self, failed: Sequence[CustomerOutcome], of: int) -> None:
        named = ", ".join(f"{each.customer} ({each.error})" for each in failed[:_NAMED])
        more = f" and {len(failed) - _NAMED} more" if len(failed) > _NAMED else ""
        super().__init__(
            f"{len(failed)} of {of} customer(s) failed: {named}{more}. The log says what to do for each."
        )


@dataclass(frozen=True)
class Answer:
    """What one invocation did."""

    request_id: str
    full_sync: bool
    dry_run: bool
    outcomes: tuple[CustomerOutcome, ...]
    continuation: int | None = None
    """The count of the continuation that goes on with the customers that are not done."""

    @property
    def failed(self) -> tuple[CustomerOutcome, ...]:
        """Customers that failed."""
        return tuple(each for each in self.outcomes if each.became is Became.FAILED)

    @property
    def totals(self) -> dict[str, int]:
        """Sums over the customers, by outcome of claims."""
        names = (*CLAIM_OUTCOMES, "rows_rejected")
        return {name: sum(each.counts.get(name, 0) for each in self.outcomes) for name in names}

    def as_facts(self) -> dict[str, Any]:
        """What the function returns. `statusCode` is there for scripts of the predecessor's operators."""
        return {
            "statusCode": 200,
            "request_id": self.request_id,
            "full_sync": self.full_sync,
            "dry_run": self.dry_run,
            "customers": {each.customer: each.as_facts() for each in self.outcomes},
            "totals": self.totals,
            "continuation": self.continuation,
        }
