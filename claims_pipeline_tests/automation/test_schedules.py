"""The schedules ask once a day for each customer, once a week for its full fetch, whatever the clocks do."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from itertools import islice, pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import dagster as dg
import pytest
from dagster._core.definitions.schedule_definition import ScheduleExecutionData
from dagster._utils.schedules import schedule_execution_time_iterator

from claims_pipeline.definitions import build_definitions
from claims_pipeline_tests.automation.stage import NORTH, SOUTH, WEST, Stage, claims_toml, resources
from claims_pipeline_tests.clients.sync_state.workers import Wire

NEW_YORK = ZoneInfo("America/New_York")
NIGHT = datetime(2026, 3, 2, 2, tzinfo=NEW_YORK)


def tick(stage: Stage, name: str, at: datetime = NIGHT) -> ScheduleExecutionData:
    definitions = stage.definitions
    schedule = definitions.resolve_schedule_def(name)
    context = dg.build_schedule_context(
        instance=stage.instance,
        scheduled_execution_time=at,
        repository_def=definitions.get_repository_def(),
        resources=resources(definitions, schedule.required_resource_keys),
    )
    with context:
        return schedule.evaluate_tick(context)


def asked(found: ScheduleExecutionData) -> list[tuple[str | None, str | None]]:
    return [(request.partition_key, request.run_key) for request in found.run_requests or ()]


def test_every_name_cron_zone_and_status() -> None:
    """A change of any of these changes when claims move: it should be seen in a review."""
    repository = build_definitions({}).get_repository_def()
    schedules = {
        each.name: (each.job_name, each.cron_schedule, each.execution_timezone, each.default_status.value)
        for each in repository.schedule_defs
    }
    sensors = {
        each.name: (
            sorted(target.resolvable_to_job.name for target in each.targets),
            each.minimum_interval_seconds,
            each.default_status.value,
        )
        for each in repository.sensor_defs
    }
    assert schedules == {
        "daily_sync": ("sync_claims", "0 2 * * *", "America/New_York", "RUNNING"),
        "weekly_full_sync": ("full_sync_claims", "0 4 * * 0", "America/New_York", "RUNNING"),
    }
    assert sensors == {
        "claims_sync_sensor": (["full_sync_claims", "sync_claims"], 60, "RUNNING"),
        "claims_alert_sensor": ([], 300, "RUNNING"),
        "claims_run_failure_sensor": ([], 60, "RUNNING"),
    }
    assert sorted(repository.job_names) == ["__ASSET_JOB", "full_sync_claims", "sync_claims"]


def test_the_times_are_settings_and_a_wrong_one_keeps_nothing_from_loading() -> None:
    environ = {
        "CLAIMS_DAILY_CRON": "30 1 * * *",
        "CLAIMS_FULL_CRON": "every sunday",
        "CLAIMS_TIMEZONE": "Europe/Berlin",
    }
    definitions = build_definitions(environ)
    daily, full = (definitions.resolve_schedule_def(name) for name in ("daily_sync", "weekly_full_sync"))
    assert (daily.cron_schedule, daily.execution_timezone) == ("30 1 * * *", "Europe/Berlin")
    assert (full.cron_schedule, full.execution_timezone) == ("0 4 * * 0", "Europe/Berlin")


def test_each_customer_is_asked_for_once_under_the_day_s_key(stage: Stage) -> None:
    found = tick(stage, "daily_sync")
    assert asked(found) == [(each, f"{each}|2026-03-02") for each in (NORTH, SOUTH, WEST)]
    assert {request.tags["dagster/partition"] for request in found.run_requests or ()} == {
        NORTH,
        SOUTH,
        WEST,
    }


def test_the_weekly_one_asks_for_those_that_have_a_full_filter(build_stage: Callable[..., Stage]) -> None:
    stage = build_stage(NORTH, SOUTH, WEST, without_full=(SOUTH,))
    assert [customer for customer, _ in asked(tick(stage, "weekly_full_sync"))] == [NORTH, WEST]
    assert [customer for customer, _ in asked(tick(stage, "daily_sync"))] == [NORTH, SOUTH, WEST]


def test_without_any_full_filter_the_weekly_one_says_so(build_stage: Callable[..., Stage]) -> None:
    stage = build_stage(NORTH, SOUTH, without_full=(NORTH, SOUTH))
    found = tick(stage, "weekly_full_sync")
    assert asked(found) == []
    assert found.skip_message == (
        f"No customer is asked for. Left out, no filter of kind full: {NORTH}, {SOUTH}."
    )


def test_a_paused_customer_is_left_out_and_named(stage: Stage, capfd: pytest.CaptureFixture[str]) -> None:
    stage.table.worker("person").state.pause(SOUTH, reason="moving", by="ada")
    for name in ("daily_sync", "weekly_full_sync"):
        capfd.readouterr()
        assert [customer for customer, _ in asked(tick(stage, name))] == [NORTH, WEST]
        assert f"Left out, paused: {SOUTH}." in capfd.readouterr().err


def test_a_stopped_customer_is_asked_for_once_a_day_all_the_same(stage: Stage) -> None:
    """So that what a long outage stopped heals by itself."""
    stage.attempt(NORTH, "run-1", "ReportColumnsChanged", passes=False)
    assert NORTH in [customer for customer, _ in asked(tick(stage, "daily_sync"))]


def test_a_state_that_cannot_be_read_leaves_nobody_out(
    stage: Stage, wire: Wire, capfd: pytest.CaptureFixture[str]
) -> None:
    stage.table.worker("person").state.pause(SOUTH, reason="moving", by="ada")
    wire.refuse("BatchGetItem", "AccessDeniedException")
    assert len(asked(tick(stage, "daily_sync"))) == 3
    logged = capfd.readouterr().err
    assert "WARNING" in logged
    assert "All customers are asked for, paused ones too, since nothing is known: AWS refuses" in logged


def test_a_fault_of_ours_leaves_nobody_out_either_and_quotes_nothing(
    stage: Stage, wire: Wire, capfd: pytest.CaptureFixture[str]
) -> None:
    broken = {"sync_id": {"S": NORTH}, "doubt": {"S": "DOE, JANE"}}
    wire.tell("BatchGetItem", {"Responses": {stage.table.name: [broken]}})
    assert len(asked(tick(stage, "daily_sync"))) == 3
    logged = capfd.readouterr().err
    assert "nothing is known: TypeError in " in logged
    assert "DOE" not in logged


def test_wrong_settings_leave_nobody_out(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLLABORATEMD_PASSWORD")
    assert len(asked(tick(stage, "weekly_full_sync"))) == 3


def test_a_table_that_nobody_made_is_not_filled_by_itself_and_is_an_error(
    build_stage: Callable[..., Stage], capfd: pytest.CaptureFixture[str]
) -> None:
    found = tick(build_stage(NORTH, DYNAMODB_TABLE_NAME="nobody-made-it"), "daily_sync")
    assert asked(found) == []
    assert "Nothing is loaded into a table that nobody made" in str(found.skip_message)
    assert f"ERROR - {found.skip_message}" in capfd.readouterr().err


def test_without_customers_it_says_what_to_set_as_an_error(
    build_stage: Callable[..., Stage], capfd: pytest.CaptureFixture[str]
) -> None:
    found = tick(build_stage(), "daily_sync")
    assert str(found.skip_message).startswith(
        "No customer is set: set COLLABORATEMD_CUSTOMER or CLAIMS_CONFIG"
    )
    assert f"ERROR - {found.skip_message}" in capfd.readouterr().err


def test_a_customer_that_left_the_settings_is_left_out(
    build_stage: Callable[..., Stage],
) -> None:
    stage = build_stage(NORTH, SOUTH)
    assert len(asked(tick(stage, "daily_sync"))) == 2
    Path(stage.environment["CLAIMS_CONFIG"]).write_text(claims_toml([NORTH]))
    assert [customer for customer, _ in asked(tick(stage, "daily_sync"))] == [NORTH]


def _ticks(cron: str, zone: str, since: datetime) -> Iterator[datetime]:
    return schedule_execution_time_iterator(since.timestamp(), cron, zone, ascending=True)


@pytest.mark.parametrize(
    "begins", [datetime(2026, 3, 6, 12, tzinfo=NEW_YORK), datetime(2026, 10, 30, 12, tzinfo=NEW_YORK)]
)
@pytest.mark.parametrize("zone", ["America/New_York", "UTC", "Europe/Berlin"])
def test_when_the_clocks_change_each_day_has_its_sync_and_no_day_two(
    stage: Stage, begins: datetime, zone: str
) -> None:
    daily = stage.definitions.resolve_schedule_def("daily_sync")
    at = list(islice(_ticks(str(daily.cron_schedule), zone, begins), 5))
    days = [each.astimezone(ZoneInfo(zone)).date() for each in at]
    assert [later - earlier for earlier, later in pairwise(days)] == [timedelta(days=1)] * 4
    keys = {key for each in at for _, key in asked(tick(stage, "daily_sync", each))}
    assert len(keys) == 15


@pytest.mark.parametrize(("changes", "hour"), [((2026, 3, 8), 3), ((2026, 11, 1), 2)])
def test_on_the_sunday_when_the_clocks_change_both_fire_once(
    changes: tuple[int, int, int], hour: int
) -> None:
    eve = datetime(*changes, tzinfo=NEW_YORK) - timedelta(minutes=1)
    (night,) = islice(_ticks("0 2 * * *", "America/New_York", eve), 1)
    (full,) = islice(_ticks("0 4 * * 0", "America/New_York", eve), 1)
    assert (night.date(), night.hour) == (datetime(*changes).date(), hour)  # noqa: DTZ001 - a date
    assert (full.date(), full.hour) == (night.date(), 4)
