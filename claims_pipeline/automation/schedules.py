"""The schedules: each customer's daily sync, and its weekly full fetch.

What belongs here: whom a schedule asks for, and who is left out. Not here: when they fire (`settings.times`), nor
trying again after a failure (`sensors`). A stopped customer is asked for all the same, once a day, so that what a long
outage stopped heals by itself.
"""

from collections.abc import Sequence

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from claims_pipeline.automation.telling import NO_CUSTOMER, nobody_asked
from claims_pipeline.clients.sync_state import StateTableMissing
from claims_pipeline.errors import ClaimsPipelineError, where_it_broke
from claims_pipeline.resources.systems import SyncStateTable
from claims_pipeline.settings import FilterKind, ScheduleTimes

DAILY_NAME = "daily_sync"
FULL_NAME = "weekly_full_sync"
_NAMED = 20


def build(
    customers: Sequence[str],
    times: ScheduleTimes,
    *,
    daily: UnresolvedAssetJobDefinition,
    full: UnresolvedAssetJobDefinition,
) -> list[dg.ScheduleDefinition]:
    """Both schedules over these customers."""

    @dg.schedule(
        name=DAILY_NAME,
        job=daily,
        cron_schedule=times.daily_cron,
        execution_timezone=times.timezone,
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="A sync of each customer's recent claims. Paused customers are left out.",
    )
    def daily_sync(
        context: dg.ScheduleEvaluationContext, sync_state: SyncStateTable
    ) -> list[dg.RunRequest] | dg.SkipReason:
        return _requests(context, sync_state, customers, FilterKind.RECENT)

    @dg.schedule(
        name=FULL_NAME,
        job=full,
        cron_schedule=times.full_cron,
        execution_timezone=times.timezone,
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="A full fetch of each customer that has a full filter, and its reconciliation. Paused customers "
        "are left out.",
    )
    def weekly_full_sync(
        context: dg.ScheduleEvaluationContext, sync_state: SyncStateTable
    ) -> list[dg.RunRequest] | dg.SkipReason:
        return _requests(context, sync_state, customers, FilterKind.FULL)

    return [daily_sync, weekly_full_sync]


def _requests(
    context: dg.ScheduleEvaluationContext,
    sync_state: SyncStateTable,
    customers: Sequence[str],
    kind: FilterKind,
) -> list[dg.RunRequest] | dg.SkipReason:
    """One run a customer. When nothing can be known of them, all are asked for: the run itself says what is wrong."""
    if not customers:
        return nobody_asked(NO_CUSTOMER, context.log)
    left_out: dict[str, str] = {}
    try:
        left_out = _left_out(sync_state, customers, kind)
    except StateTableMissing as missing:
        return nobody_asked(f"Nothing is loaded into a table that nobody made. {missing}", context.log)
    except Exception as error:  # noqa: BLE001 - whatever is wrong, a day's sync must not be left out in silence
        words = str(error) if isinstance(error, ClaimsPipelineError) else where_it_broke(error)
        context.log.warning(f"All customers are asked for, paused ones too, since nothing is known: {words}")
    for words in _in_groups(left_out):
        context.log.info(words)
    asked = [each for each in customers if each not in left_out]
    if not asked:
        return dg.SkipReason("No customer is asked for. " + " ".join(_in_groups(left_out)))
    day = f"{context.scheduled_execution_time:%Y-%m-%d}"
    return [dg.RunRequest(partition_key=each, run_key=f"{each}|{day}") for each in asked]


def _left_out(sync_state: SyncStateTable, customers: Sequence[str], kind: FilterKind) -> dict[str, str]:
    """Customer -> why it is not asked for."""
    settings, state = sync_state.for_a_look()
    filters = {each.number: each.filters_of(kind) for each in settings.customers}
    states = state.read_many(customers)
    found = {}
    for each in customers:
        if states[each].paused is not None:
            found[each] = "paused"
        elif each not in filters:
            found[each] = "no longer in the settings (reload the code location)"
        elif not filters[each]:
            found[each] = f"no filter of kind {kind.value}"
    return found


def _in_groups(left_out: dict[str, str]) -> list[str]:
    """One bounded line a reason."""
    lines = []
    for why in sorted(set(left_out.values())):
        names = [each for each, reason in left_out.items() if reason == why]
        more = f" and {len(names) - _NAMED:,} more" if len(names) > _NAMED else ""
        lines.append(f"Left out, {why}: {', '.join(names[:_NAMED])}{more}.")
    return lines
