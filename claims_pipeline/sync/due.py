"""Due: whether a customer's time has come, and if not, why not.

What belongs here: the judgement, from the state and one instant. Not here: clocks, reading the state, nor asking for
a run (`automation`). Clocks of the workers may differ by minutes, so a stamp may stand in the future.
"""

import hashlib
import re
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from claims_pipeline.clients.sync_state import Attempts, CustomerState, Holder, Passes, SyncRequest
from claims_pipeline.settings import Customer, DueRules, FilterKind

CLOCKS_DIFFER = timedelta(minutes=5)
"""How far another worker's clock may be from ours."""
_TERMS_UNTIL_DEAD = 2
_MOST_DOUBLINGS = 30
_PLAIN_ID = re.compile(r"[A-Za-z0-9_.:+-]{1,64}", re.ASCII)


class Standing(StrEnum):
    """How a customer stands with the sensor. The order is the order in which people should look."""

    STOPPED = "stopped"
    PAUSED = "paused"
    DUE = "due"
    WAITING = "waiting"
    AT_WORK = "at work"
    FRESH = "fresh"


@dataclass(frozen=True)
class Verdict:
    """How a customer stands, and why, in words for people."""

    customer: str
    standing: Standing
    why: str
    due_at: datetime | None = None
    """Since when it is due, or from when on it will be. None: since ever, or not before a person acts."""


def plain_id(told: str) -> str:
    """An id as others wrote it, or its digest where it is no plain id: it goes into logs, tags and keys."""
    return told if _PLAIN_ID.fullmatch(told) else hashlib.sha256(told.encode()).hexdigest()[:16]


def wait_after(attempts: int, rules: DueRules) -> timedelta:
    """How long to wait after so many failed attempts: doubling, up to the longest."""
    doublings = min(max(attempts - 1, 0), _MOST_DOUBLINGS)
    return min(rules.first_wait * (1 << doublings), max(rules.longest_wait, rules.first_wait))


def needs_full(wish: SyncRequest) -> bool:
    """Whether only a full fetch serves this wish."""
    return wish.filters not in (None, FilterKind.RECENT.value)


def unserved_wish(state: CustomerState, customer: Customer) -> SyncRequest | None:
    """The wish that no fetch of this customer can serve, where it is one: it has no filter for it."""
    wish = state.request
    return None if wish is None or not needs_full(wish) or customer.filters_of(FilterKind.FULL) else wish


def stands(state: CustomerState, customer: Customer, now: datetime, rules: DueRules) -> Verdict:
    """How the customer stands at `now` with the filters that it has.

    A wish that none of them serves keeps nothing from running; who would be fresh is stopped until a person acts.
    """
    wish = unserved_wish(state, customer)
    if wish is None:
        return judge(state, now, rules)
    verdict = judge(replace(state, request=None), now, rules)
    if verdict.standing is not Standing.FRESH:
        return verdict
    why = (
        f"request {plain_id(wish.id)} asks for a full fetch, and no filter of this customer is declared full: declare "
        f"one, or `claims-pipeline ask {state.customer}` for a recent one"
    )
    return Verdict(state.customer, Standing.STOPPED, why)


def judge(state: CustomerState, now: datetime, rules: DueRules) -> Verdict:
    """How the customer stands at `now`, by its state alone."""
    if state.paused is not None:
        by = f" by {state.paused.by}" if state.paused.by else ""
        why = f"paused{by}: {state.paused.reason}. `claims-pipeline resume {state.customer}` lets it go on"
        return Verdict(state.customer, Standing.PAUSED, why)
    if state.holder is not None and (dead_at := _dead_at(state.holder, now)) is not None:
        return Verdict(
            state.customer, Standing.AT_WORK, f"run {plain_id(state.holder.run)} is at work", dead_at
        )
    if state.attempts.count > 0:
        return _after_failure(state, state.attempts, now, rules)
    return _after_success(state, now, rules)


def is_held(state: CustomerState, now: datetime) -> bool:
    """Whether a run holds it that has not stood still for so long that it counts as dead."""
    return state.holder is not None and _dead_at(state.holder, now) is not None


def is_overdue(state: CustomerState, now: datetime, rules: DueRules) -> bool:
    """Whether its last success is too long ago, or there never was one."""
    return (
        state.last_success_at is None
        or now >= _success_at(state.last_success_at, state, now) + rules.due_after
    )


def _dead_at(holder: Holder, now: datetime) -> datetime | None:
    """When its holder counts as dead unless it moves; None: it does already, as it has stood still for so long."""
    if holder.moved_at is None:
        return None
    believed = timedelta(seconds=_TERMS_UNTIL_DEAD * holder.term_seconds) + CLOCKS_DIFFER
    return holder.moved_at + believed if abs(now - holder.moved_at) < believed else None


def _after_success(state: CustomerState, now: datetime, rules: DueRules) -> Verdict:
    customer = state.customer
    if state.request is not None:
        return Verdict(customer, Standing.DUE, f"request {plain_id(state.request.id)} asks for a sync")
    if state.last_success_at is None:
        return Verdict(customer, Standing.DUE, "never synced")
    success_at = _success_at(state.last_success_at, state, now)
    due_at = success_at + rules.due_after
    if now >= due_at:
        return Verdict(customer, Standing.DUE, f"last success {_told(success_at)}", due_at)
    return Verdict(
        customer, Standing.FRESH, f"last success {_told(success_at)}, due again {_told(due_at)}", due_at
    )


def _success_at(told: datetime, state: CustomerState, now: datetime) -> datetime:
    """The last success; where it stands far in the future (a clock was wrong), the beginning of the last attempt."""
    began = state.attempts.last_at
    if told > now + CLOCKS_DIFFER and began is not None:
        return min(told, began)
    return told


def _after_failure(state: CustomerState, attempts: Attempts, now: datetime, rules: DueRules) -> Verdict:
    how = f"{_counted(attempts.count)} failed{_last(attempts)}"
    if attempts.failure is not None and attempts.failure.passes is Passes.NOT:
        return Verdict(
            state.customer, Standing.STOPPED, f"{how}, which does not pass by itself. {_to_do(state)}"
        )
    if attempts.count >= rules.most_attempts:
        return Verdict(state.customer, Standing.STOPPED, f"{how}. {_to_do(state)}")
    if attempts.last_at is None:
        return Verdict(state.customer, Standing.DUE, how)
    due_at = attempts.last_at + wait_after(attempts.count, rules)
    if now >= due_at:
        return Verdict(state.customer, Standing.DUE, how, due_at)
    return Verdict(state.customer, Standing.WAITING, f"{how}; the next one {_told(due_at)}", due_at)


def _counted(attempts: int) -> str:
    return "1 attempt" if attempts == 1 else f"{attempts} attempts"


def _last(attempts: Attempts) -> str:
    error = (
        attempts.failure.error if attempts.failure else "no word of it: it was killed, or is still at work"
    )
    return f", the last with {error}" + (f" (run {plain_id(attempts.last_run)})" if attempts.last_run else "")


def _to_do(state: CustomerState) -> str:
    doubt = state.doubt
    if doubt is not None:
        return (
            f"The report of filter {doubt.filter_id} has {doubt.rows:,} rows, and {doubt.rows_before:,} the last time: "
            f"look at it in CollaborateMD. If it is right: `claims-pipeline confirm report {state.customer}`; if it "
            f"has been mended: `claims-pipeline release {state.customer}`"
        )
    return f"Mend it (the run's log says what), then `claims-pipeline release {state.customer}`"


def _told(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"
