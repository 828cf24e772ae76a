"""The sensor asks for a run of whoever is due, once; says why of everybody else; and a stop is loud until released."""

from collections.abc import Callable
from itertools import product
from pathlib import Path

import pytest
from dagster import DagsterInstance
from dagster._core.test_utils import instance_for_test

from claims_pipeline.clients.sync_state import SyncRequest
from claims_pipeline_tests.automation.stage import (
    NORTH,
    SOUTH,
    WEST,
    Stage,
    Status,
    claims_toml,
    evaluate,
    names,
    told,
)
from claims_pipeline_tests.clients.sync_state.workers import Wire


def test_who_was_never_synced_is_asked_for_by_the_daily_job(stage: Stage) -> None:
    found = stage.tick()
    assert names(found) == [NORTH, SOUTH, WEST]
    (request, *_) = found.run_requests or ()
    assert request.job_name == "sync_claims"
    assert request.run_key == f"{NORTH}|0|after none|-|0|first"
    assert request.tags["claims/due"] == f"{NORTH}|0|after none|-|0"
    assert request.tags["dagster/partition"] == NORTH


def test_on_a_good_day_nobody_is_and_it_says_when_the_next_will_be(stage: Stage) -> None:
    stage.sync_all()
    due_at = stage.state(NORTH).last_success_at
    assert due_at is not None
    stage.pass_time(hours=25)
    assert told(stage.tick()).startswith("3 fresh. The next is due ")
    stage.pass_time(hours=1, seconds=5)
    assert names(stage.tick()) == [NORTH, SOUTH, WEST]


def test_the_longest_due_comes_first(stage: Stage) -> None:
    for customer in (WEST, NORTH, SOUTH):
        stage.sync(customer, f"run-{customer}")
        stage.pass_time(minutes=1)
    stage.pass_time(hours=27)
    assert names(stage.tick()) == [WEST, NORTH, SOUTH]


def test_where_no_schedule_runs_the_sensor_asks_day_after_day(build_stage: Callable[..., Stage]) -> None:
    """Each success makes the state another: a week of good days is no row of runs that came to nothing."""
    stage = build_stage(NORTH)
    for _ in range(8):
        (run,) = stage.tick_and_launch()
        stage.sync(NORTH, run.run_id)
        stage.ends(run, succeeded=True)
        assert told(stage.tick()).startswith("1 fresh.")
        stage.pass_time(hours=26, minutes=1)


def test_a_wish_is_asked_for_once_and_by_the_job_that_serves_it(stage: Stage) -> None:
    stage.sync_all()
    stage.state(NORTH)
    state = stage.table.worker("other-system").state
    state.ask_for_sync(NORTH, SyncRequest("wish-1"))
    state.ask_for_sync(SOUTH, SyncRequest("wish-2", "full"))
    runs = stage.tick_and_launch()
    assert [(run.tags["dagster/partition"], run.job_name) for run in runs] == [
        (NORTH, "sync_claims"),
        (SOUTH, "full_sync_claims"),
    ]
    assert "2 at work" in told(stage.tick())
    for run, filters in zip(runs, ("recent", "full"), strict=True):
        stage.sync(run.tags["dagster/partition"], run.run_id, filters)
        stage.ends(run, succeeded=True)
    assert told(stage.tick()).startswith("3 fresh.")


def test_a_wish_for_a_full_fetch_that_nothing_can_serve_is_told_and_asked_for_never(
    build_stage: Callable[..., Stage],
) -> None:
    stage = build_stage(NORTH, without_full=(NORTH,))
    stage.sync_all()
    stage.table.worker("other-system").state.ask_for_sync(NORTH, SyncRequest("wish-1", "full"))
    assert "request wish-1 asks for a full fetch, and no filter" in told(stage.tick())
    stage.pass_time(hours=27)
    (run,) = stage.tick_and_launch()
    assert run.job_name == "sync_claims", "the day's sync does not wait for it"
    stage.sync(NORTH, run.run_id)
    stage.ends(run, succeeded=True)
    assert "1 stopped" in told(stage.tick()), "and is not repeated for it"


def test_an_id_that_is_none_is_neither_a_tag_nor_a_key(stage: Stage) -> None:
    stage.sync_all()
    stage.table.worker("other-system").state.ask_for_sync(NORTH, SyncRequest("DOE, JANE " * 50))
    (request,) = stage.tick().run_requests or ()
    assert "DOE" not in f"{request.run_key} {request.tags}"
    assert len(request.run_key or "") < 200


def test_whoever_has_a_run_under_way_is_left_alone(build_stage: Callable[..., Stage]) -> None:
    statuses = (Status.QUEUED, Status.STARTING, Status.STARTED, Status.CANCELING)
    jobs = ("sync_claims", "full_sync_claims", "__ASSET_JOB")
    busy = {f"200000{place:02d}": each for place, each in enumerate(product(jobs, statuses))}
    stage = build_stage(*busy, SOUTH, WEST)
    for customer, (job, status) in busy.items():
        stage.started(customer, job, status)
    stage.started(SOUTH, "another_team_s_job")
    stage.started(WEST, "sync_claims", Status.SUCCESS)
    assert names(stage.tick()) == [SOUTH, WEST]


def test_whoever_is_at_work_by_another_door_is_left_alone(stage: Stage) -> None:
    stage.sync_all()
    stage.pass_time(hours=27)
    worker = stage.table.worker("cli-1", wall_is_off=stage.now() - stage.table.worker("x").clock())
    with worker.state.lease(NORTH):
        assert names(stage.tick()) == [SOUTH, WEST]
    assert set(names(stage.tick())) == {NORTH, SOUTH, WEST}


def test_a_failed_attempt_is_tried_again_after_its_wait_under_a_new_key(stage: Stage) -> None:
    """Dagster never runs a key twice, failed or not: an attempt without a key of its own would be the last."""
    stage.sync_all()
    stage.pass_time(hours=27)
    keys: list[str] = []
    for minutes in (15, 30, 60):
        runs = stage.tick_and_launch()
        (run,) = [each for each in runs if each.tags["dagster/partition"] == NORTH]
        keys.append(run.tags["dagster/run_key"])
        for each in runs:
            if each is not run:
                stage.sync(each.tags["dagster/partition"], each.run_id)
                stage.ends(each, succeeded=True)
        stage.attempt(NORTH, run.run_id, "ReportTimedOut")
        stage.ends(run)
        assert f"{NORTH} waiting: " in told(stage.tick())
        assert "ReportTimedOut" in told(stage.tick())
        stage.pass_time(minutes=minutes - 1)
        assert "1 waiting" in told(stage.tick())
        stage.pass_time(minutes=1, seconds=5)
    assert len(set(keys)) == 3
    assert names(stage.tick()) == [NORTH]


def test_six_failures_stop_it_loudly_until_a_person_releases_it(
    stage: Stage, capfd: pytest.CaptureFixture[str]
) -> None:
    stage.sync_all()
    for number in range(6):
        stage.attempt(NORTH, f"run-{number}", "ReportTimedOut")
    stage.pass_time(hours=25)
    for _ in range(2):
        capfd.readouterr()
        assert f"1 stopped, 2 fresh. {NORTH} stopped: 6 attempts failed" in told(stage.tick())
        logged = capfd.readouterr().err
        assert "ERROR" in logged
        assert f"Customer {NORTH} is stopped: 6 attempts failed, the last with ReportTimedOut" in logged
        assert f"claims-pipeline release {NORTH}" in logged
    stage.table.worker("person").state.release(NORTH, by="ada")
    (run,) = stage.tick_and_launch()
    stage.attempt(NORTH, run.run_id, "ReportTimedOut")
    stage.ends(run)
    assert "1 waiting" in told(stage.tick()), "it counts from the beginning again"


def test_what_does_not_pass_by_itself_stops_at_once(stage: Stage) -> None:
    stage.sync_all()
    stage.attempt(NORTH, "run-1", "ReportColumnsChanged", passes=False)
    stage.pass_time(days=3)
    assert names(stage.tick()) == [SOUTH, WEST]
    stage.table.worker("person").state.release(NORTH, by="ada")
    assert NORTH in names(stage.tick())


def test_a_paused_customer_is_named_with_its_reason_and_not_asked_for(stage: Stage) -> None:
    stage.sync_all()
    person = stage.table.worker("person").state
    person.pause(NORTH, reason="the practice moves house", by="ada")
    person.ask_for_sync(NORTH, SyncRequest("wish-1"))
    assert f"1 paused, 2 fresh. {NORTH} paused: paused by ada: the practice moves house" in told(stage.tick())
    person.resume(NORTH, by="ada")
    assert names(stage.tick()) == [NORTH]


class TestARunThatDagsterBelievesUnderWay:
    """A reboot or a container's kill leaves it STARTED for ever, and its slot of the pool is nobody else's."""

    def stuck(self, stage: Stage, capfd: pytest.CaptureFixture[str]) -> str:
        """What the next look says as an error."""
        capfd.readouterr()
        assert f"{NORTH} stopped: run " in told(stage.tick())
        logged = capfd.readouterr().err
        assert "ERROR" in logged
        assert f"Customer {NORTH} is stopped: run " in logged
        return logged

    def test_and_that_holds_nothing_is_told_after_two_hours_on_every_look_until_it_is_canceled(
        self, build_stage: Callable[..., Stage], capfd: pytest.CaptureFixture[str]
    ) -> None:
        stage = build_stage(NORTH)
        (run,) = stage.tick_and_launch()
        began_at = stage.now()
        stage.pass_time(minutes=115)
        assert told(stage.tick()).startswith("1 at work.")
        stage.pass_time(minutes=6)
        for _ in range(2):
            logged = self.stuck(stage, capfd)
            assert f"run {run.run_id} is under way in Dagster since {began_at:%Y-%m-%d %H:%M} UTC" in logged
            assert "nothing of it moves" in logged
            assert "mark it as canceled in the UI (Force termination)" in logged
        stage.instance.report_run_canceled(run)
        stage.pass_time(minutes=15)
        assert names(stage.tick()) == [NORTH], "and then it goes on by itself"

    def test_and_whose_lease_is_long_dead_is_told_as_well(
        self, build_stage: Callable[..., Stage], capfd: pytest.CaptureFixture[str]
    ) -> None:
        stage = build_stage(NORTH)
        (run,) = stage.tick_and_launch()
        worker = stage.table.worker(run.run_id)
        with worker.state.lease(NORTH) as lease:
            worker.state.begin_attempt(lease, filters="recent")
            stage.pass_time(minutes=125)
            assert "nothing of it moves" in self.stuck(stage, capfd)

    def test_and_that_works_on_is_told_after_twelve_hours_alone(
        self, build_stage: Callable[..., Stage], capfd: pytest.CaptureFixture[str]
    ) -> None:
        stage = build_stage(NORTH)
        (run,) = stage.tick_and_launch()
        for hours, is_told in ((11.9, False), (0.2, True)):
            stage.pass_time(hours=hours)
            worker = stage.table.worker(run.run_id, wall_is_off=stage.now() - stage.table.worker("x").clock())
            with worker.state.lease(NORTH):
                if is_told:
                    assert "longer than any sync takes" in self.stuck(stage, capfd)
                else:
                    assert told(stage.tick()).startswith("1 at work.")

    def test_is_told_of_a_paused_customer_too_since_its_slot_is_everybody_s(
        self, build_stage: Callable[..., Stage], capfd: pytest.CaptureFixture[str]
    ) -> None:
        stage = build_stage(NORTH)
        stage.tick_and_launch()
        stage.table.worker("person").state.pause(NORTH, reason="moving", by="ada")
        assert told(stage.tick()).startswith("1 paused.")
        stage.pass_time(hours=3)
        assert "nothing of it moves" in self.stuck(stage, capfd)

    def test_and_only_waits_in_the_queue_is_told_after_twelve_hours(
        self, build_stage: Callable[..., Stage], capfd: pytest.CaptureFixture[str]
    ) -> None:
        stage = build_stage(NORTH)
        (run,) = stage.tick_and_launch(Status.QUEUED)
        stage.pass_time(hours=11, minutes=55)
        assert told(stage.tick()).startswith("1 at work.")
        stage.pass_time(minutes=10)
        assert f"run {run.run_id} waits in Dagster's queue since " in self.stuck(stage, capfd)
        stage.begins(run)
        assert told(stage.tick()).startswith("1 at work."), "its hours count from its beginning"

    def test_hides_behind_no_other_of_the_same_customer_that_waits(
        self, build_stage: Callable[..., Stage], capfd: pytest.CaptureFixture[str]
    ) -> None:
        stage = build_stage(NORTH)
        stage.started(NORTH, "sync_claims", Status.QUEUED)
        lost = stage.started(NORTH, "sync_claims")
        stage.pass_time(hours=3)
        stage.started(NORTH, "full_sync_claims", Status.QUEUED)
        assert f"run {lost.run_id} is under way" in self.stuck(stage, capfd)


class TestRunsThatNeverReachTheState:
    def test_are_launched_anew_after_growing_waits_and_then_stopped(self, stage: Stage) -> None:
        """A broken code location, wrong settings, a worker that never started: the state knows nothing of them."""
        stage.sync(SOUTH, "run-1")
        stage.sync(WEST, "run-2")
        keys: list[str] = []
        for minutes in (15, 30, 60, 120, 240, 0):
            (run,) = stage.tick_and_launch()
            keys.append(run.tags["dagster/run_key"])
            assert "1 at work" in told(stage.tick())
            stage.ends(run)
            if minutes:
                assert "ended before the sync state was reached" in told(stage.tick())
                stage.pass_time(minutes=minutes - 1)
                assert "1 waiting" in told(stage.tick())
                stage.pass_time(minutes=1, seconds=5)
        assert len(set(keys)) == 6
        words = told(stage.tick())
        assert (
            f"{NORTH} stopped: 6 runs ended before the sync state was reached, the last is {run.run_id}"
            in words
        )
        stage.pass_time(hours=10)
        assert f"{NORTH} stopped" in told(stage.tick())

    def test_are_released_even_where_a_wish_stood_before(self, stage: Stage) -> None:
        for customer in (SOUTH, WEST):
            stage.sync(customer, f"run-{customer}")
        stage.table.worker("other-system").state.ask_for_sync(NORTH, SyncRequest("wish-1"))
        for _ in range(6):
            assert len(stage.tick_and_launch(Status.FAILURE)) == 1
            stage.pass_time(hours=4, seconds=5)
        assert f"{NORTH} stopped" in told(stage.tick())
        stage.table.worker("person").state.release(NORTH, by="ada")
        assert stage.state(NORTH).request == SyncRequest("wish-1"), "the wish stands as it stood"
        assert names(stage.tick()) == [NORTH]

    def test_keep_their_turn_when_some_of_them_are_deleted(self, stage: Stage) -> None:
        """A key made by counting would repeat one that is still there, and Dagster would pass it over for good."""
        runs = []
        for _ in range(3):
            launched = stage.tick_and_launch(Status.FAILURE)
            runs += [run for run in launched if run.tags["dagster/partition"] == NORTH]
            stage.pass_time(hours=4)
        assert len(runs) == 3
        stage.instance.delete_run(runs[0].run_id)
        assert NORTH in [run.tags["dagster/partition"] for run in stage.tick_and_launch()]

    def test_that_were_created_and_never_handed_on_are_asked_for_by_the_same_key(self, stage: Stage) -> None:
        """The daemon died between the two: it hands a NOT_STARTED run on when its key comes again, and only then."""
        runs = stage.tick_and_launch(Status.NOT_STARTED)
        again = stage.tick().run_requests or ()
        assert [each.run_key for each in again] == [run.tags["dagster/run_key"] for run in runs]

    def test_of_others_hold_a_customer_for_ten_minutes_only(self, stage: Stage) -> None:
        stage.started(NORTH, "sync_claims", Status.NOT_STARTED)
        assert NORTH not in names(stage.tick())
        stage.pass_time(minutes=11)
        assert NORTH in names(stage.tick())


def test_a_thousand_customers_cost_ten_reads_and_two_queries_a_tick(
    build_stage: Callable[..., Stage], wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The instance is asked before the state: a run that is no longer under way has written all that it will."""
    customers = tuple(f"{number:08d}" for number in range(20_000_000, 20_001_000))
    stage = build_stage(*customers)
    honest = DagsterInstance.get_run_records

    def counted(self: DagsterInstance, *rest: object, **more: object) -> object:
        wire.sent.append("runs")
        return honest(self, *rest, **more)  # type: ignore[arg-type]  # passed on as it came

    monkeypatch.setattr(DagsterInstance, "get_run_records", counted)
    wire.sent.clear()
    first = names(stage.tick())
    assert first == list(customers[:100]), "and the others' turn comes with the next look"
    assert wire.sent == ["runs", *["BatchGetItem"] * 10, "runs"]
    stage.tick_and_launch()
    assert names(stage.tick()) == list(customers[100:200])


def test_one_line_names_a_few_of_many(build_stage: Callable[..., Stage]) -> None:
    customers = tuple(f"{number:08d}" for number in range(20_000_000, 20_000_040))
    stage = build_stage(*customers)
    person = stage.table.worker("person").state
    for each in customers:
        person.pause(each, reason="x" * 200, by="ada")
    words = told(stage.tick())
    assert words.startswith("40 paused. 20000000 paused: ")
    assert words.endswith("; and 35 more")
    assert len(words) < 1500


def test_a_table_that_nobody_made_is_not_filled_by_itself_and_is_an_error_on_every_look(
    build_stage: Callable[..., Stage], capfd: pytest.CaptureFixture[str]
) -> None:
    """A wrong region or name looks the same: a skipped tick alarms nobody."""
    stage = build_stage(NORTH, DYNAMODB_TABLE_NAME="nobody-made-it")
    for _ in range(2):
        capfd.readouterr()
        words = told(stage.tick())
        assert "Nothing is loaded into a table that nobody made" in words
        assert "a first run by a person" in words
        assert f"ERROR - {words}" in capfd.readouterr().err


def failure_of(stage: Stage) -> str:
    with pytest.raises(Exception) as raised:
        stage.tick()
    causes, error = [], raised.value
    while error is not None:
        causes.append(str(error))
        error = error.__cause__
    return "\n".join(causes)


def test_a_state_that_cannot_be_read_fails_the_tick_in_plain_words(stage: Stage, wire: Wire) -> None:
    wire.refuse("BatchGetItem", "AccessDeniedException")
    assert "AWS refuses batch_get_item on the DynamoDB table" in failure_of(stage)
    wire.refuse("BatchGetItem", "ThrottlingException", times=9)
    assert "DynamoDB cannot do batch_get_item" in failure_of(stage)


def test_wrong_settings_fail_the_tick_by_name_and_nothing_is_launched_to_fail(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, wire: Wire
) -> None:
    monkeypatch.delenv("COLLABORATEMD_PASSWORD")
    wire.sent.clear()
    assert "COLLABORATEMD_PASSWORD is missing" in failure_of(stage)
    assert wire.sent == []


def test_a_customer_that_left_the_settings_is_told(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    definitions = stage.definitions
    Path(stage.environment["CLAIMS_CONFIG"]).write_text(claims_toml([NORTH, SOUTH]))
    assert names(evaluate(definitions, stage.instance)) == [NORTH, SOUTH]
    stage.sync_all()
    assert f"{WEST} stopped: the settings no longer hold this customer" in told(
        evaluate(definitions, stage.instance)
    )


def test_without_customers_it_says_what_to_set(
    build_stage: Callable[..., Stage], wire: Wire, capfd: pytest.CaptureFixture[str]
) -> None:
    stage = build_stage()
    wire.sent.clear()
    assert "No customer is set" in told(stage.tick())
    assert "ERROR - No customer is set: set COLLABORATEMD_CUSTOMER" in capfd.readouterr().err
    assert wire.sent == []


def test_an_instance_on_disk_serves_as_well(stage: Stage) -> None:
    with instance_for_test() as instance:
        stage.instance = instance
        runs = stage.tick_and_launch()
        assert [run.tags["dagster/partition"] for run in runs] == [NORTH, SOUTH, WEST]
        assert "3 at work" in told(stage.tick())
        for run in runs:
            stage.ends(run)
        assert "3 waiting" in told(stage.tick())
        stage.pass_time(minutes=15, seconds=5)
        again = stage.tick_and_launch()
        assert len(again) == 3
        assert not {run.tags["dagster/run_key"] for run in again} & {
            run.tags["dagster/run_key"] for run in runs
        }
