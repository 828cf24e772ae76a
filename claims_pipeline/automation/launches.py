"""What Dagster's own records tell of the customers' runs: who is at work or stuck, and which came to nothing.

What belongs here: the two bounded queries of the instance. Not here: what follows (`sensors`). A run that ended before
it reached the sync state left no trace there: a broken code location, wrong settings, a worker that never started.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import dagster as dg

from claims_pipeline.automation.jobs import FULL_JOB_NAME, JOB_NAME
from claims_pipeline.clients.sync_state import CustomerState
from claims_pipeline.settings import DueRules
from claims_pipeline.sync.due import Standing, Verdict, plain_id, wait_after

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
_LONGEST_STILL = timedelta(hours=2)  # a whole deadline of the report slot, twice
_LONGEST_AT_ALL = timedelta(hours=12)
_QUEUED = (dg.DagsterRunStatus.NOT_STARTED, dg.DagsterRunStatus.QUEUED)


@dataclass(frozen=True)
class UnderWay:
    """A run of a customer that has not ended, for Dagster."""

    run: str
    is_queued: bool
    since: datetime
    """When it began; where it has not, since when it waits."""

    def is_stuck(self, now: datetime, *, is_held: bool) -> bool:
        """Whether a person should look at it. `is_held`: some run holds the customer in the state, and moves."""
        if not self.is_queued and not is_held and now - self.since > _LONGEST_STILL:
            return True
        return now - self.since > _LONGEST_AT_ALL

    def stuck_in_words(self, *, is_held: bool) -> str:
        """What is wrong with it, and what a person does."""
        since = f"{self.since:%Y-%m-%d %H:%M} UTC"
        if self.is_queued:
            return (
                f"run {self.run} waits in Dagster's queue since {since}: look in the UI at the runs before it, and "
                "whether the daemon runs"
            )
        what = "that is longer than any sync takes" if is_held else "nothing of it moves"
        return (
            f"run {self.run} is under way in Dagster since {since}, and {what}: if its process is gone, mark it as "
            "canceled in the UI (Force termination); if it waits for the pool, look at the run that holds the slot"
        )


@dataclass(frozen=True)
class Launches:
    """Runs that were asked for on one and the same state of a customer: none of them changed it."""

    count: int
    last_run: str
    last_at: datetime


def marker_of(state: CustomerState) -> str:
    """What the sensor acts upon: another attempt, wish or decision makes it another."""
    attempts = state.attempts
    wish = "-" if state.request is None else plain_id(state.request.id)
    run = "none" if attempts.last_run is None else plain_id(attempts.last_run)
    return f"{state.customer}|{attempts.count}|after {run}|{wish}|{state.decisions_made}"


def customers_at_work(instance: dg.DagsterInstance, now: datetime) -> dict[str, UnderWay]:
    """Customer -> its run that is under way, whoever started it: one that began before all that wait. One query.

    A run that was created and never handed on is not under way: ours is handed on when it is asked for again by the
    same key, another's counts for ten minutes.
    """
    found: dict[str, UnderWay] = {}
    for record in instance.get_run_records(dg.RunsFilter(statuses=list(_UNDER_WAY))):
        run = record.dagster_run
        customer = run.tags.get(PARTITION_TAG)
        if customer is None or run.job_name not in _JOBS:
            continue
        created_only = run.status is dg.DagsterRunStatus.NOT_STARTED
        if created_only and (DUE_TAG in run.tags or now - record.create_timestamp > _LONGEST_START):
            continue
        under_way = UnderWay(run.run_id, run.status in _QUEUED, _since(record))
        if customer not in found or _begun_first(under_way) < _begun_first(found[customer]):
            found[customer] = under_way
    return found


def _since(record: dg.RunRecord) -> datetime:
    """A run may wait in the queue for hours before it begins: that is no work that stands still."""
    if record.dagster_run.status in _QUEUED:
        return record.create_timestamp
    if record.start_time is not None:
        return datetime.fromtimestamp(record.start_time, UTC)
    return record.update_timestamp


def _begun_first(each: UnderWay) -> tuple[bool, datetime]:
    return each.is_queued, each.since


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
