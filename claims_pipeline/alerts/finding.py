"""Finding: what of a customer, or of the org, is worth an alert as it stands now.

What belongs here: the judgement, from what the sync state says and how the customer stands. Not here: whether people
know it already (`choosing`).
"""

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from claims_pipeline.alerts.kinds import AlertKind
from claims_pipeline.clients.sync_state import CustomerState, OrgAlerts, ToldAlert
from claims_pipeline.settings import AlertRules
from claims_pipeline.sync.due import Standing, Verdict

OF_ITS_RUNS = (AlertKind.VOLUME_GUARD, AlertKind.STOPPED, AlertKind.RUN_FAILED)
"""One trouble, told as the first of these that applies; over with the next sync that succeeds."""
_LONGEST_RUN = timedelta(hours=2)


@dataclass(frozen=True)
class Finding:
    """One thing that stands. `marks`: what makes it news again; `run`: where to look."""

    kind: AlertKind
    words: str
    run: str | None = None
    marks: tuple[str, ...] = ()


@dataclass(frozen=True)
class Look:
    """A customer (None: the org) as one look found it, with what people were told before."""

    customer: str | None
    found: tuple[Finding, ...]
    unclear: frozenset[AlertKind]
    """What cannot be said now, while a run is at work or the customer is paused: it stays as it was told."""
    told: dict[str, ToldAlert]
    moved: int
    sequence: int = 0
    success_at: datetime | None = None
    held_by: str | None = None
    """The run that is at work, as the sync state says."""


def look_at_customer(
    state: CustomerState, verdict: Verdict, now: datetime, rules: AlertRules, due_after: timedelta
) -> Look:
    """What stands of a customer."""
    unclear: set[AlertKind] = set()
    found = [*_claims(state, rules)]
    if verdict.standing is Standing.PAUSED:
        unclear |= {*OF_ITS_RUNS, AlertKind.NO_SUCCESS}
    elif verdict.standing is Standing.AT_WORK:
        unclear |= {*OF_ITS_RUNS}
        found += _no_success(state, now, due_after + _LONGEST_RUN)
        unclear |= {AlertKind.NO_SUCCESS} - {each.kind for each in found}
    else:
        found += [*_runs(state, verdict, now), *_no_success(state, now, due_after)]
    return Look(
        state.customer,
        tuple(sorted(found, key=lambda each: list(AlertKind).index(each.kind))),
        frozenset(unclear),
        dict(state.alerts),
        state.alerts_moved,
        state.committed_sequence,
        state.last_success_at,
        state.holder.run if state.holder is not None else None,
    )


def look_at_org(org: OrgAlerts) -> Look:
    """What stands of the org: payors that wait with many dollars. A failed run of no customer is not known here."""
    payors = org.payors
    found: tuple[Finding, ...] = ()
    if payors is not None and payors.digests:
        count = len(payors.digests)
        words = (
            f"{count:,} payor(s) that nobody has mapped stand above the threshold: {payors.claims:,} claim(s), "
            f"${payors.charged:,.2f} charged."
        )
        found = (Finding(AlertKind.UNMAPPED_PAYOR, words, marks=payors.digests),)
    return Look(
        None,
        found,
        frozenset(),
        dict(org.alerts),
        org.alerts_moved,
        success_at=payors.at if payors is not None else None,
    )


def with_failed_run(look: Look, run: str) -> Look:
    """The same, where Dagster says that this run failed: told unless the state tells more of it.

    A run that found its customer paused or held has failed at nothing that a person could mend.
    """
    is_anothers = AlertKind.RUN_FAILED in look.unclear and look.held_by != run
    if is_anothers or any(each.kind in OF_ITS_RUNS for each in look.found):
        return look
    words = "The run ended in failure, and left no word of it in the sync state."
    return replace(look, found=(Finding(AlertKind.RUN_FAILED, words, run), *look.found))


def _runs(state: CustomerState, verdict: Verdict, now: datetime) -> list[Finding]:
    attempts, marks = state.attempts, (str(state.decisions_made),)
    if state.doubt is not None:
        doubt = state.doubt
        words = (
            f"Filter {doubt.filter_id} brought {doubt.rows:,} rows, and {doubt.rows_before:,} the last time."
        )
        return [Finding(AlertKind.VOLUME_GUARD, words, attempts.last_run, marks)]
    if verdict.standing is Standing.STOPPED:
        return [Finding(AlertKind.STOPPED, _sentence(verdict.why), attempts.last_run, marks)]
    is_known = attempts.failure is not None
    if attempts.count > 0 and (is_known or _is_long_ago(attempts.last_at, now)):
        return [Finding(AlertKind.RUN_FAILED, _sentence(verdict.why), attempts.last_run, marks)]
    return []


def _is_long_ago(at: datetime | None, now: datetime) -> bool:
    """Whether a run that left no word of its end has ended: it gives the customer back between its steps."""
    return at is None or now - at > _LONGEST_RUN


def _no_success(state: CustomerState, now: datetime, after: timedelta) -> list[Finding]:
    """A customer that never was synced at all is told by its failed runs, or is not begun yet."""
    at = state.last_success_at
    if at is None or now - at < after:
        return []
    hours = (now - at).total_seconds() / 3600
    words = f"The last success was {at:%Y-%m-%d %H:%M} UTC, {hours:,.0f} hours ago."
    return [Finding(AlertKind.NO_SUCCESS, words, state.attempts.last_run)]


def _claims(state: CustomerState, rules: AlertRules) -> list[Finding]:
    counts, run = state.counts, state.attempts.last_run
    waiting = counts.get("waiting", 0)
    refused, rejected = counts.get("refused", 0) + waiting, counts.get("rejected_rows", 0)
    found = []
    if refused > rules.refused_above:
        words = f"{refused:,} claim(s) are refused, {waiting:,} of them from earlier syncs."
        found.append(Finding(AlertKind.REFUSED, words, run))
    if rejected > rules.rejected_above:
        words = f"{rejected:,} row(s) of the last report stand behind no claim."
        found.append(Finding(AlertKind.REJECTED, words, run))
    return found


def _sentence(why: str) -> str:
    return f"{why[:1].upper()}{why[1:].rstrip('.')}."


def kinds_of(findings: Collection[Finding]) -> frozenset[AlertKind]:
    """Which kinds stand."""
    return frozenset(each.kind for each in findings)
