"""What Dagster's own records tell of the customers' runs: who is at work, and which runs came to nothing.

What belongs here: the two bounded queries of the instance. Not here: what follows (`sensors`). A run that ended before
it reached the sync state left no trace there: a broken code location, wrong settings, a worker that never started.
"""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import dagster as dg

from claims_pipeline.automation.jobs import FULL_JOB_NAME, JOB_NAME
from claims_pipeline.clients.sync_state import CustomerState
from claims_pipeline.settings import DueRules
from claims_pipeline.sync.due import Standing, Verdict, wait_after

DUE_TAG = "claims/due"
"""The tag of a run that the sensor asked for: what the state said of its customer at the time."""
PARTITION_TAG = "dagster/partition"
_JOBS = frozenset({JOB_NAME, FULL_JOB_NAME, "__ASSET_JOB"})  # the last: assets materialised in the UI
_UNDER_WAY = (
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
)
_LONGEST_START = timedelta(minutes=10)
_PLAIN_ID = re.compile(r"[A-Za-z0-9_.:+-]{1,64}", re.ASCII)


@dataclass(frozen=True)
class Launches:
    """Runs that were asked for on one and the same state of a customer: none of them changed it."""

    count: int
    last_run: str
    last_at: datetime


def marker_of(state: CustomerState) -> str:
    """What the sensor acts upon: another attempt, wish or decision makes it another."""
    attempts = state.attempts
    wish = "-" if state.request is None else _plain(state.request.id)
    run = "none" if attempts.last_run is None else _plain(attempts.last_run)
    return f"{state.customer}|{attempts.count}|after {run}|{wish}|{state.decisions_made}"


def _plain(told: str) -> str:
    """An id as others wrote it, or its digest where it is no plain id."""
    return told if _PLAIN_ID.fullmatch(told) else hashlib.sha256(told.encode()).hexdigest()[:16]


def customers_at_work(instance: dg.DagsterInstance, now: datetime) -> dict[str, str]:
    """Customer -> a run of it that is under way, whoever started it. One query.

    A run that was created and never handed on is not under way: ours is handed on when it is asked for again by the
    same key, another's counts for ten minutes.
    """
    found = {}
    for record in instance.get_run_records(dg.RunsFilter(statuses=list(_UNDER_WAY))):
        run = record.dagster_run
        customer = run.tags.get(PARTITION_TAG)
        if customer is None or run.job_name not in _JOBS:
            continue
        created_only = run.status is dg.DagsterRunStatus.NOT_STARTED
        if created_only and (DUE_TAG in run.tags or now - record.create_timestamp > _LONGEST_START):
            continue
        found[customer] = run.run_id
    return found


def launches_of(instance: dg.DagsterInstance, markers: Sequence[str]) -> dict[str, Launches]:
    """Marker -> the runs that were launched on it. One query, and none without markers."""
    if not markers:
        return {}
    found: dict[str, Launches] = {}
    records = instance.get_run_records(dg.RunsFilter(tags={DUE_TAG: list(markers)}), ascending=True)
    for record in records:
        run = record.dagster_run
        if run.status is dg.DagsterRunStatus.NOT_STARTED:
            continue
        marker = run.tags[DUE_TAG]
        count = found[marker].count if marker in found else 0
        found[marker] = Launches(count + 1, run.run_id, record.create_timestamp)
    return found


def after_launches(verdict: Verdict, launches: Launches | None, now: datetime, rules: DueRules) -> Verdict:
    """How a due customer stands once its runs that came to nothing are counted like attempts."""
    if launches is None:
        return verdict
    runs = "1 run" if launches.count == 1 else f"{launches.count} runs"
    why = f"{runs} ended before the sync state was reached, the last is {launches.last_run}"
    if launches.count >= rules.most_attempts:
        to_do = f"look at that run in Dagster, mend it, then `claims-pipeline release {verdict.customer}`"
        return replace(verdict, standing=Standing.STOPPED, why=f"{why}: {to_do}", due_at=None)
    due_at = launches.last_at + wait_after(launches.count, rules)
    if now < due_at:
        why = f"{why}; the next one {due_at:%Y-%m-%d %H:%M} UTC"
        return replace(verdict, standing=Standing.WAITING, why=why, due_at=due_at)
    return replace(verdict, due_at=due_at)
