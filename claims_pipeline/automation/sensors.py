"""The sensor `claims_sync_sensor`: asks for a run of each customer that is due.

What belongs here: one look at state and instance, and the requests that follow. Not here: who is due (`sync.due`),
what the instance knows (`launches`). The truth stands in the sync state: the sensor keeps no cursor.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from claims_pipeline.automation.jobs import FULL_JOB_NAME, JOB_NAME
from claims_pipeline.automation.launches import (
    DUE_TAG,
    Launches,
    UnderWay,
    after_launches,
    customers_at_work,
    launches_of,
    marker_of,
)
from claims_pipeline.automation.telling import NO_CUSTOMER, in_one_line, log_stopped, nobody_asked
from claims_pipeline.clients.sync_state import CustomerState, StateTableMissing
from claims_pipeline.resources.failures import failures_told
from claims_pipeline.resources.systems import SyncStateTable
from claims_pipeline.settings import Customer, DueRules, FilterKind
from claims_pipeline.sync.connections import Clock
from claims_pipeline.sync.due import Standing, Verdict, is_held, needs_full, stands, unserved_wish

SENSOR_NAME = "claims_sync_sensor"
_EVERY_SECONDS = 60
_MOST_REQUESTS = 100
_SINCE_EVER = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True)
class Looked:
    """A customer as one look found it."""

    state: CustomerState
    verdict: Verdict
    full: bool = False
    """Whether its run must be a full fetch."""
    launches: Launches | None = None

    def request(self) -> dg.RunRequest:
        """A run, under a key that no earlier one had: it carries the state and the launch before it."""
        marker = marker_of(self.state)
        launch = "first" if self.launches is None else f"after launch {self.launches.last_run}"
        return dg.RunRequest(
            run_key=f"{marker}|{launch}",
            job_name=FULL_JOB_NAME if self.full else JOB_NAME,
            partition_key=self.state.customer,
            tags={DUE_TAG: marker},
        )


def build(
    customers: Sequence[str], jobs: Sequence[UnresolvedAssetJobDefinition], now: Clock
) -> dg.SensorDefinition:
    """The sensor over these customers."""

    @dg.sensor(
        name=SENSOR_NAME,
        jobs=jobs,
        minimum_interval_seconds=_EVERY_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Asks for a run of each customer whose last success is too long ago, of whom a sync is wished, or "
        "whose failed attempt has waited long enough; tells who is stopped until a person acts.",
    )
    def claims_sync_sensor(
        context: dg.SensorEvaluationContext, sync_state: SyncStateTable
    ) -> dg.SensorResult | dg.SkipReason:
        with failures_told():
            try:
                looked = look(customers, sync_state, context.instance, now())
            except StateTableMissing as missing:
                return nobody_asked(
                    f"Nothing is loaded into a table that nobody made. {missing}", context.log
                )
        verdicts = [each.verdict for each in looked]
        if not verdicts:
            return nobody_asked(NO_CUSTOMER, context.log)
        log_stopped(verdicts, context.log)
        due = sorted((each for each in looked if each.verdict.standing is Standing.DUE), key=_since)
        if not due:
            return dg.SkipReason(in_one_line(verdicts))
        context.log.info(in_one_line(verdicts))
        return dg.SensorResult(run_requests=[each.request() for each in due[:_MOST_REQUESTS]])

    return claims_sync_sensor


def look(
    customers: Sequence[str], sync_state: SyncStateTable, instance: dg.DagsterInstance, now: datetime
) -> list[Looked]:
    """Every customer as it stands now.

    The instance is asked first: a run that is not under way by then has written all that it will to the state.
    """
    if not customers:
        return []
    settings, state = sync_state.for_a_look()
    set_up = {each.number: each for each in settings.customers}
    at_work = customers_at_work(instance, now)
    looked = [
        _judged(found, set_up.get(number), at_work.get(number), now, settings.due)
        for number, found in state.read_many(customers).items()
    ]
    due = [marker_of(each.state) for each in looked if each.verdict.standing is Standing.DUE]
    launches = launches_of(instance, due)
    return [_with_launches(each, launches.get(marker_of(each.state)), now, settings.due) for each in looked]


def _judged(
    state: CustomerState, customer: Customer | None, run: UnderWay | None, now: datetime, rules: DueRules
) -> Looked:
    """How it stands by the state; `run` is one under way in Dagster."""
    if customer is None:
        why = "the settings no longer hold this customer: reload the code location"
        return Looked(state, Verdict(state.customer, Standing.STOPPED, why))
    verdict = stands(state, customer, now, rules)
    if unserved_wish(state, customer) is not None:
        state = replace(state, request=None)
    wish = state.request
    full = not customer.filters_of(FilterKind.RECENT) or (wish is not None and needs_full(wish))
    return Looked(state, verdict if run is None else _under_way(verdict, run, is_held(state, now), now), full)


def _under_way(verdict: Verdict, run: UnderWay, is_held: bool, now: datetime) -> Verdict:
    """How a customer stands of which Dagster has a run: a stuck one is told also while the customer is paused.

    Its slot of the pool is never freed, so that it keeps all other customers from their reports.
    """
    if run.is_stuck(now, is_held=is_held):
        why = run.stuck_in_words(is_held=is_held)
        return replace(verdict, standing=Standing.STOPPED, why=why, due_at=None)
    if verdict.standing is Standing.PAUSED:
        return verdict
    why = f"run {run.run} is under way in Dagster"
    return replace(verdict, standing=Standing.AT_WORK, why=why, due_at=None)


def _with_launches(looked: Looked, launches: Launches | None, now: datetime, rules: DueRules) -> Looked:
    if looked.verdict.standing is not Standing.DUE:
        return looked
    return replace(looked, verdict=after_launches(looked.verdict, launches, now, rules), launches=launches)


def _since(looked: Looked) -> tuple[datetime, str]:
    """The longest due first."""
    return looked.verdict.due_at or _SINCE_EVER, looked.state.customer
