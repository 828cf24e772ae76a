"""Standings: how all customers stand, those that need a person first.

What belongs here: what `status` tells of a customer, once, for people and for scripts. Not here: when a customer is due
(`due`), nor how it is printed (`cli`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from claims_pipeline.clients.sync_state import CustomerState
from claims_pipeline.settings import Customer, DueRules, Settings
from claims_pipeline.sync.due import Standing, Verdict, is_overdue, plain_id, stands

_ORDER = tuple(Standing)
_SINCE_EVER = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True)
class CustomerStanding:
    """One customer, with what its last sync left behind."""

    customer: Customer
    state: CustomerState
    verdict: Verdict
    is_overdue: bool

    @property
    def needs_a_look(self) -> bool:
        """Stopped, a report in doubt, or too long without a success while nobody is at work and nobody paused it."""
        if self.verdict.standing is Standing.STOPPED or self.state.doubt is not None:
            return True
        return self.is_overdue and self.verdict.standing in (Standing.DUE, Standing.WAITING)

    @property
    def refused(self) -> int:
        """Claims that Salesforce refused."""
        return self.state.counts.get("refused", 0)

    @property
    def held(self) -> int:
        """Claims that were not sent, since another customer or the org itself writes them."""
        return self.state.counts.get("held", 0)

    @property
    def rejected_rows(self) -> int:
        """Report rows behind no claim."""
        return self.state.counts.get("rejected_rows", 0)

    def as_facts(self) -> dict[str, Any]:
        """For a script. Instants in ISO 8601."""
        state, attempts = self.state, self.state.attempts
        return {
            "customer": self.customer.number,
            "name": self.customer.name,
            "standing": self.verdict.standing.value,
            "why": self.verdict.why,
            "needs_a_look": self.needs_a_look,
            "is_overdue": self.is_overdue,
            "due_at": _iso(self.verdict.due_at),
            "last_success_at": _iso(state.last_success_at),
            "committed_sequence": state.committed_sequence,
            "attempts": attempts.count,
            "last_attempt_at": _iso(attempts.last_at),
            "last_attempt_run": attempts.last_run,
            "last_failure": attempts.failure.error if attempts.failure else None,
            "refused": self.refused,
            "held": self.held,
            "rejected_rows": self.rejected_rows,
            "request": plain_id(state.request.id) if state.request else None,
            "held_by": plain_id(state.holder.run) if state.holder else None,
            "doubt": None
            if state.doubt is None
            else {
                "filter": state.doubt.filter_id,
                "rows": state.doubt.rows,
                "rows_before": state.doubt.rows_before,
                "at": _iso(state.doubt.at),
            },
            "paused": None
            if state.paused is None
            else {"reason": state.paused.reason, "by": state.paused.by, "since": _iso(state.paused.since)},
        }


def standings(
    settings: Settings, states: Mapping[str, CustomerState], now: datetime
) -> list[CustomerStanding]:
    """Every customer of the settings: those that need a look first, then by standing, the longest without a success."""
    found = [_of(each, states[each.number], now, settings.due) for each in settings.customers]
    return sorted(found, key=_stuck_first)


def _of(customer: Customer, state: CustomerState, now: datetime, rules: DueRules) -> CustomerStanding:
    return CustomerStanding(
        customer, state, stands(state, customer, now, rules), is_overdue(state, now, rules)
    )


def _stuck_first(each: CustomerStanding) -> tuple[bool, int, datetime, str]:
    since = each.state.last_success_at or _SINCE_EVER
    return not each.needs_a_look, _ORDER.index(each.verdict.standing), since, each.customer.number


def _iso(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat(timespec="seconds")
