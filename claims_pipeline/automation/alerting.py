"""When alerts are looked for in Dagster: after a run that failed, and every five minutes.

What belongs here: the two sensors. Not here: what is worth an alert, nor how it leaves (`alerts`). They launch nothing.
Both tell by the sync state, which holds back what people know already; what Dagster knows alone (a run that ended
before it reached the state, one that is stuck) comes from its own records.
"""

from collections.abc import Sequence
from datetime import datetime

import dagster as dg

from claims_pipeline.alerts.finding import Look, look_at_customer, look_at_org, with_failed_run
from claims_pipeline.alerts.messages import Links
from claims_pipeline.alerts.telling import Teller, Told
from claims_pipeline.automation.launches import PARTITION_TAG
from claims_pipeline.automation.sensors import look
from claims_pipeline.clients.sync_state import StateTableMissing, SyncState
from claims_pipeline.errors import SettingsError
from claims_pipeline.resources.failures import failures_told
from claims_pipeline.resources.systems import SyncStateTable
from claims_pipeline.settings import AlertsAlone, DueRules, Settings
from claims_pipeline.sync.connections import Clock
from claims_pipeline.sync.due import judge

LOOK_NAME = "claims_alert_sensor"
FAILURE_NAME = "claims_run_failure_sensor"
_EVERY_SECONDS = 300
_NOBODY = "Nobody is told: CLAIMS_ALERTS_TO names no address."
_WILL_RETRY = "dagster/will_retry"


def build(customers: Sequence[str], now: Clock) -> list[dg.SensorDefinition]:
    """Both sensors over these customers."""
    return [_looking(customers, now), _after_a_failure(now)]


def _looking(customers: Sequence[str], now: Clock) -> dg.SensorDefinition:
    @dg.sensor(
        name=LOOK_NAME,
        minimum_interval_seconds=_EVERY_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Tells people what needs them, once an event and customer, and that it is well again: failed runs, "
        "exhausted attempts, no success for too long, refused and rejected claims, new payors with many dollars. It "
        "launches nothing. Whom it tells: CLAIMS_ALERTS_TO.",
    )
    def claims_alert_sensor(context: dg.SensorEvaluationContext, sync_state: SyncStateTable) -> dg.SkipReason:
        with failures_told():
            settings, state = sync_state.for_a_look()
            if not settings.alerts.to:
                return dg.SkipReason(_NOBODY)
            at = now()
            try:
                looks = [
                    look_at_customer(each.state, each.verdict, at, settings.alerts, settings.due.due_after)
                    for each in look(customers, sync_state, context.instance, at)
                ]
                told = Teller.of(settings, state, now).tell([look_at_org(state.org_alerts()), *looks])
            except StateTableMissing as missing:
                return dg.SkipReason(f"There is nothing to tell of yet. {missing}")
        return dg.SkipReason(_in_words(told))

    return claims_alert_sensor


def _after_a_failure(now: Clock) -> dg.SensorDefinition:
    @dg.run_failure_sensor(
        name=FAILURE_NAME,
        minimum_interval_seconds=60,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Tells people of a run that failed, unless Dagster runs it again or they know of it. Whom it "
        "tells: CLAIMS_ALERTS_TO.",
    )
    def claims_run_failure_sensor(
        context: dg.RunFailureSensorContext, sync_state: SyncStateTable
    ) -> dg.SkipReason:
        run = context.dagster_run
        if run.tags.get(_WILL_RETRY) == "true":
            return dg.SkipReason(f"Run {run.run_id} is run again by Dagster.")
        with failures_told():
            alone, state = sync_state.for_alerts_alone()
            if not alone.alerts.to:
                return dg.SkipReason(_NOBODY)
            try:
                settings, state = sync_state.for_a_look()
                found = _look_after(run, settings, state, sync_state, context.instance, now())
                teller = Teller.of(settings, state, now)
            except SettingsError:
                found = _look_without_settings(run, alone, state, now())
                teller = Teller(state, alone.alerts, {}, now, Links.of(alone.alerts))
            told = teller.tell([with_failed_run(found, run.run_id)])
        return dg.SkipReason(_in_words(told))

    return claims_run_failure_sensor


def _look_after(
    run: dg.DagsterRun,
    settings: Settings,
    state: SyncState,
    sync_state: SyncStateTable,
    instance: dg.DagsterInstance,
    at: datetime,
) -> Look:
    """The customer of the run that failed; a run without one is the org's."""
    customer = run.tags.get(PARTITION_TAG)
    if customer is None:
        return look_at_org(state.org_alerts())
    (looked,) = look([customer], sync_state, instance, at)
    return look_at_customer(looked.state, looked.verdict, at, settings.alerts, settings.due.due_after)


def _look_without_settings(run: dg.DagsterRun, alone: AlertsAlone, state: SyncState, at: datetime) -> Look:
    """The same where the settings are wrong, which is most likely what it failed over."""
    customer = run.tags.get(PARTITION_TAG)
    if customer is None:
        return look_at_org(state.org_alerts())
    found, rules = state.read(customer), DueRules()
    return look_at_customer(found, judge(found, at, rules), at, alone.alerts, rules.due_after)


def _in_words(told: Told) -> str:
    sent = "Nothing new to tell." if not told.messages else f"{told.messages:,} message(s) sent."
    return " ".join([sent, *(f"Not sent, and tried again: {each}" for each in told.unsent)])
