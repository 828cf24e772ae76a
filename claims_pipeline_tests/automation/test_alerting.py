"""People are told once an event and customer, and that it is well again; what Dagster alone knows is told too."""

from collections.abc import Callable, Iterator

import dagster as dg
import pytest

from claims_pipeline.clients.sync_state import Doubt
from claims_pipeline_tests.alerts.given_mailbox import Mailbox, mailboxes
from claims_pipeline_tests.automation.stage import NORTH, SOUTH, WEST, Stage, Status, resources
from claims_pipeline_tests.clients.sync_state.workers import Wire, outcome

UI = "https://dagster.example.com"


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    with mailboxes() as box:
        yield box


@pytest.fixture
def stage(build_stage: Callable[..., Stage], mailbox: Mailbox) -> Stage:
    stage = build_stage(NORTH, SOUTH, WEST, CLAIMS_ALERTS_TO=mailbox.address, CLAIMS_DAGSTER_URL=UI)
    stage.sync_all()
    return stage


def look(stage: Stage) -> str:
    """One look of the alert sensor: what its tick says."""
    sensor = stage.definitions.resolve_sensor_def("claims_alert_sensor")
    needed = resources(stage.definitions, sensor.required_resource_keys)
    with dg.build_sensor_context(
        instance=stage.instance, definitions=stage.definitions, resources=needed
    ) as context:
        found = sensor.evaluate_tick(context)
    assert not found.run_requests
    return str(found.skip_message)


def after_failure(stage: Stage, run: dg.DagsterRun) -> str:
    """What the failure sensor's tick says of a run that failed."""
    sensor = stage.definitions.resolve_sensor_def("claims_run_failure_sensor")
    needed = resources(stage.definitions, sensor.required_resource_keys)
    event = dg.DagsterEvent(event_type_value=dg.DagsterEventType.RUN_FAILURE.value, job_name=run.job_name)
    built = dg.build_run_status_sensor_context(
        sensor_name="claims_run_failure_sensor",
        dagster_event=event,
        dagster_instance=stage.instance,
        dagster_run=run,
        resources=needed,
    )
    with built.for_run_failure() as context:
        return str(sensor(context).skip_message)  # type: ignore[union-attr]  # it answers with a SkipReason


def failed(stage: Stage, customer: str, **tags: str) -> dg.DagsterRun:
    run = stage.started(customer, "sync_claims")
    stage.instance.add_run_tags(run.run_id, tags)
    stage.ends(run)
    return stage.instance.get_run_by_id(run.run_id) or run


def test_on_a_good_day_nobody_is_told_of_anything(stage: Stage, mailbox: Mailbox) -> None:
    assert look(stage) == "Nothing new to tell."
    assert mailbox.taken() == []


def test_a_failed_run_is_told_once_with_its_link_and_the_next_step_until_it_is_well(
    stage: Stage, mailbox: Mailbox
) -> None:
    run = failed(stage, NORTH)
    stage.attempt(NORTH, run.run_id, "SalesforceUnavailable")
    assert after_failure(stage, run) == "1 message(s) sent."
    (message,) = mailbox.taken()
    assert message["title"] == f"Claims of customer {NORTH} (Clinic): a run failed"
    assert f"Run: {UI}/runs/{run.run_id}" in message["message"]
    assert "What to do: Nothing, unless it stops" in message["message"]
    assert look(stage) == "Nothing new to tell."
    again = failed(stage, NORTH)
    stage.attempt(NORTH, again.run_id, "SalesforceUnavailable")
    assert after_failure(stage, again) == "Nothing new to tell."
    assert mailbox.taken() == []
    stage.sync(NORTH, "at-last")
    look(stage)
    (message,) = mailbox.taken()
    assert message["title"] == f"Claims of customer {NORTH} (Clinic): well again"
    assert "This is over: a run failed." in message["message"]
    assert look(stage) == "Nothing new to tell."


def test_what_still_stands_is_told_again_after_a_day(stage: Stage, mailbox: Mailbox) -> None:
    stage.attempt(NORTH, "run-1", "ReportColumnsChanged", passes=False)
    look(stage)
    stage.pass_time(hours=23)
    look(stage)
    assert mailbox.titles() == [f"Claims of customer {NORTH} (Clinic): stopped, until a person acts"]
    mailbox.taken()
    stage.pass_time(hours=1, minutes=1)
    stage.sync(SOUTH, "today")
    stage.sync(WEST, "today-too")
    look(stage)
    assert mailbox.titles() == [
        f"Claims of customer {NORTH} (Clinic): still: stopped, until a person acts",
    ]


def test_who_is_released_and_stops_again_is_told_again(stage: Stage, mailbox: Mailbox) -> None:
    state = stage.table.worker("person").state
    for number in ("1", "2"):
        stage.attempt(NORTH, f"run-{number}", "ReportColumnsChanged", passes=False)
        look(stage)
        (message,) = mailbox.taken()
        assert "stopped" in message["title"]
        state.release(NORTH, by="someone")
        look(stage)
        assert mailbox.taken() == []  # a release is no success


def test_exhausted_attempts_are_told_after_the_failed_run(stage: Stage, mailbox: Mailbox) -> None:
    for number in range(6):
        stage.attempt(NORTH, f"run-{number}", "SalesforceUnavailable")
        look(stage)
    assert [title.partition(": ")[2] for title in mailbox.titles()] == [
        "a run failed",
        "stopped, until a person acts",
    ]
    (_, stopped) = mailbox.taken()
    assert f"claims-pipeline release {NORTH}" in stopped["message"]
    stage.sync(NORTH, "at-last")
    look(stage)
    (message,) = mailbox.taken()  # one word for both
    assert "a run failed" in message["message"]
    assert "stopped" in message["message"]


def test_no_success_in_26_hours(stage: Stage, mailbox: Mailbox) -> None:
    stage.pass_time(hours=25, minutes=59)
    look(stage)
    assert mailbox.taken() == []
    stage.sync(SOUTH, "today")
    stage.table.worker("person").state.pause(WEST, reason="a move", by="someone")
    stage.pass_time(minutes=2)
    look(stage)
    assert mailbox.titles() == [f"Claims of customer {NORTH} (Clinic): no success for too long"]


def test_the_volume_guard_is_told_as_itself(stage: Stage, mailbox: Mailbox) -> None:
    worker = stage.table.worker("run-1")
    with worker.state.lease(NORTH) as lease:
        worker.state.begin_attempt(lease, filters="recent")
        worker.state.doubt_report(lease, Doubt("4001", "5001", 3, 700, stage.now()))
    worker.state.record_failure(NORTH, "ReportDoubted", passes=False)
    look(stage)
    (message,) = mailbox.taken()
    assert message["title"].endswith("the report looks too small to be believed")
    assert "Filter 5001 brought 3 rows, and 700 the last time." in message["message"]
    assert f"claims-pipeline confirm report {NORTH}" in message["message"]


@pytest.mark.parametrize(
    ("counts", "titles"),
    [
        ({"refused": 10, "rejected_rows": 25}, []),
        ({"refused": 6, "waiting": 5}, ["Salesforce refuses claims"]),
        ({"rejected_rows": 26}, ["rows of the report are rejected"]),
    ],
)
def test_refused_and_rejected_are_told_above_their_thresholds(
    stage: Stage, mailbox: Mailbox, counts: dict[str, int], titles: list[str]
) -> None:
    worker = stage.table.worker("run-1", wall_is_off=stage.now() - stage.table.worker("x").clock())
    worker.sync(NORTH, outcome(counts=counts))
    look(stage)
    look(stage)
    assert [title.partition(": ")[2] for title in mailbox.titles()] == titles
    mailbox.taken()
    worker.sync(NORTH, outcome())
    look(stage)
    assert [title.partition(": ")[2] for title in mailbox.titles()] == (["well again"] if titles else [])


def test_a_run_that_never_reached_the_state_is_told_by_dagster_alone(stage: Stage, mailbox: Mailbox) -> None:
    run = failed(stage, NORTH)
    after_failure(stage, run)
    (message,) = mailbox.taken()
    assert message["title"].endswith("a run failed")
    assert f"{UI}/runs/{run.run_id}" in message["message"]
    look(stage)
    assert mailbox.taken() == []  # neither told twice nor taken for well
    stage.sync(NORTH, "at-last")
    look(stage)
    assert [each["title"] for each in mailbox.taken()] == [f"Claims of customer {NORTH} (Clinic): well again"]


def test_a_run_that_failed_over_the_settings_is_told_all_the_same(
    stage: Stage, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = failed(stage, NORTH)
    monkeypatch.setenv("COLLABORATEMD_PASSWORD", "")
    monkeypatch.setenv("SALESFORCE_DOMAIN", "https://acme.lightning.force.com")
    after_failure(stage, run)
    (message,) = mailbox.taken()
    assert message["title"] == f"Claims of customer {NORTH}: a run failed"
    assert f"{UI}/runs/{run.run_id}" in message["message"]


def test_a_run_that_dagster_runs_again_is_not_told(stage: Stage, mailbox: Mailbox) -> None:
    run = failed(stage, NORTH, **{"dagster/will_retry": "true"})
    assert after_failure(stage, run).endswith("is run again by Dagster.")
    assert mailbox.taken() == []


def test_a_run_under_way_is_neither_a_failure_nor_well(stage: Stage, mailbox: Mailbox) -> None:
    """A step of it failed, and Dagster tries that again in a minute."""
    run = stage.started(NORTH, "sync_claims")
    stage.attempt(NORTH, run.run_id, "SalesforceUnavailable")
    look(stage)
    assert mailbox.taken() == []


def test_an_address_that_takes_nothing_fails_nothing_and_gets_it_later(
    build_stage: Callable[..., Stage], mailbox: Mailbox
) -> None:
    """Two addresses: the one that works gets each message once, the other gets it when it works again."""
    with mailboxes() as other:
        stage = build_stage(NORTH, CLAIMS_ALERTS_TO=f"{mailbox.address} {other.address}")
        stage.sync_all()
        stage.attempt(NORTH, "run-1", "ReportColumnsChanged", passes=False)
        other.is_closed = True
        said = look(stage)
        assert "address 2 of CLAIMS_ALERTS_TO" in said
        assert "secret-token" not in said
        look(stage)
        assert (len(mailbox.taken()), other.taken()) == (1, [])
        other.is_closed = False
        look(stage)
        assert (mailbox.taken(), len(other.taken())) == ([], 1)
        look(stage)
        assert (mailbox.taken(), other.taken()) == ([], [])


def test_a_lost_answer_of_dynamodb_does_not_tell_twice(stage: Stage, mailbox: Mailbox, wire: Wire) -> None:
    stage.attempt(NORTH, "run-1", "ReportColumnsChanged", passes=False)
    wire.lose_answer("UpdateItem")
    look(stage)
    look(stage)
    assert len(mailbox.taken()) == 1


def test_who_was_killed_over_a_message_leaves_it_to_the_next(
    stage: Stage, mailbox: Mailbox, wire: Wire
) -> None:
    stage.attempt(NORTH, "run-1", "ReportColumnsChanged", passes=False)
    wire.before("UpdateItem", lambda: None)
    wire.refuse("UpdateItem", "ValidationException")
    with pytest.raises(dg.Failure):
        look(stage)  # the second write, after the message has left
    assert len(mailbox.taken()) == 1
    look(stage)
    assert mailbox.taken() == []  # held back: someone may be about to send it
    stage.pass_time(minutes=11)
    look(stage)
    assert len(mailbox.taken()) == 1


def test_a_thousand_customers_are_few_messages_and_few_calls(
    build_stage: Callable[..., Stage], mailbox: Mailbox, wire: Wire
) -> None:
    customers = [f"{number:08d}" for number in range(20_000_000, 20_001_000)]
    stage = build_stage(*customers, CLAIMS_ALERTS_TO=mailbox.address)
    for each in customers[:12]:
        stage.attempt(each, f"run-{each}", "ReportColumnsChanged", passes=False)
    wire.sent.clear()
    look(stage)
    (message,) = mailbox.taken()
    assert message["title"] == "Claims of 12 customers: stopped, until a person acts"
    assert customers[0] in message["message"]
    calls = list(wire.sent)
    assert calls.count("BatchGetItem") == 10
    assert calls.count("UpdateItem") == 24  # two a customer that is told of
    wire.sent.clear()
    look(stage)
    assert wire.sent.count("UpdateItem") == 0
    assert mailbox.taken() == []


def test_where_nobody_is_told_nothing_is_asked(build_stage: Callable[..., Stage], wire: Wire) -> None:
    stage = build_stage(NORTH)
    wire.sent.clear()
    assert look(stage) == "Nobody is told: CLAIMS_ALERTS_TO names no address."
    assert wire.sent == []


def test_a_run_of_no_customer_is_told_of_the_org(stage: Stage, mailbox: Mailbox) -> None:
    run = stage._created("__ASSET_JOB", {}, Status.STARTED)
    stage.ends(run)
    after_failure(stage, run)
    (message,) = mailbox.taken()
    assert message["title"] == "Claims, all customers: a run failed"
