"""One event once, every customer tried, and a continuation wherever the time ends."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from unittest import mock

import pytest

from claims_pipeline.errors import LeaseHeld
from claims_pipeline.lambda_door.continuing import NotContinued
from claims_pipeline.sandbox.faults import Fault
from claims_pipeline.sandbox.salesforce.bulk_jobs import JobState
from claims_pipeline.sync.connections import REAL_TIME, Clocks, open_state, read_settings
from claims_pipeline_tests.journeys.test_people import report, row
from claims_pipeline_tests.lambda_door.function import FakeTime, Function, became, held_jobs
from claims_pipeline_tests.payor_table import mapping_rows, sums_asked_for
from claims_pipeline_tests.town import FIRST, SECOND, Town

RUNNING = b'{"Status": "REPORT RUNNING"}'
SLOW_POLLS = {"COLLABORATEMD_POLL_SECONDS": "5", "SALESFORCE_POLL_SECONDS": "10"}
NOT_YET = Fault(path="/results/", times=999, status=200, body=RUNNING)


@pytest.fixture
def function(build_town: Callable[..., Town]) -> Function:
    town = build_town(CLAIMS_LEASE_SECONDS="10", **SLOW_POLLS)
    town.put(report(row("500000001"), row("500000002")), FIRST)
    town.put(report(row("500000003")), SECOND)
    return Function(town)


@pytest.fixture
def by_bulk(build_town: Callable[..., Town]) -> Function:
    town = build_town(SALESFORCE_BULK_FROM_ROWS="1", **SLOW_POLLS)
    town.put(report(row("500000001"), row("500000002")), FIRST)
    return Function(town)


def asked_of_collaboratemd(function: Function, path: str = "/run") -> int:
    return sum(path in each.path for each in function.town.sandbox.collaboratemd_wire.log)


def test_every_customer_is_synced_and_told_in_counts(function: Function) -> None:
    answer = function.invoke()
    assert became(answer) == {FIRST: "synced", SECOND: "synced"}
    told = answer.as_facts()
    assert told["statusCode"] == 200
    assert told["customers"][FIRST] == {
        "outcome": "synced",
        "sequence": 1,
        "created": 2,
        "updated": 0,
        "unchanged": 0,
        "refused": 0,
        "held": 0,
        "rows_rejected": 0,
    }
    assert told["totals"]["created"] == 3
    assert (told["continuation"], function.continuations) == (None, [])
    assert len(function.town.claims()) == 3


def test_the_org_adds_up_its_claims_for_the_first_customer_and_when_all_were_tried(
    function: Function,
) -> None:
    function.invoke()
    assert sums_asked_for(function.town) == 2
    (waiting,) = mapping_rows(function.town).values()
    assert waiting["Claim_Count__c"] == 3.0


def test_only_the_customers_that_are_named_are_synced(function: Function) -> None:
    assert became(function.invoke({"customers": [SECOND]})) == {SECOND: "synced"}
    assert list(function.town.claims()) == ["500000003"]


def test_a_dry_run_tells_and_changes_nothing(function: Function) -> None:
    answer = function.invoke({"dry_run": True})
    assert answer.totals["created"] == 3
    assert function.town.claims() == {}
    assert not [each for each in function.town.sandbox.dynamodb.log if each.is_write]


def test_a_second_delivery_does_nothing(function: Function) -> None:
    function.invoke(request_id="request-1")
    function.town.put(report(row("500000009")), FIRST)
    for wire in (function.town.sandbox.collaboratemd_wire, function.town.sandbox.salesforce_wire):
        wire.clear_log()
    again = function.invoke(request_id="request-1")
    assert became(again) == {FIRST: "served before", SECOND: "served before"}
    assert function.town.sandbox.collaboratemd_wire.log == []
    assert function.town.sandbox.salesforce_wire.log == []
    assert became(function.invoke(request_id="request-2"))[FIRST] == "synced"


def test_a_second_delivery_at_the_same_moment_does_nothing(function: Function) -> None:
    """While the first waits for its report, the second sees it alive and leaves; the first is not disturbed."""
    second = []

    def deliver_again() -> None:
        if not second:
            second.append(function.invoke({"customers": [FIRST]}, "request-1", clocks=REAL_TIME))

    function.town.sandbox.collaboratemd_wire.faults.add(replace(NOT_YET, times=2))
    time = FakeTime(meanwhile=deliver_again)
    first = function.invoke(
        {"customers": [FIRST]}, "request-1", clocks=Clocks(monotonic=time.monotonic, sleep=time.sleep)
    )
    assert [became(each) for each in second] == [{FIRST: "at work in another delivery of this event"}]
    assert became(first) == {FIRST: "synced"}
    assert asked_of_collaboratemd(function) == 1


def test_another_event_at_the_same_moment_fails_so_that_aws_delivers_it_again(function: Function) -> None:
    second = []

    def deliver_another() -> None:
        if not second:
            second.append(function.invoke({"customers": [FIRST]}, "request-2", clocks=REAL_TIME))

    function.town.sandbox.collaboratemd_wire.faults.add(replace(NOT_YET, times=2))
    time = FakeTime(meanwhile=deliver_another)
    function.invoke(
        {"customers": [FIRST]}, "request-1", clocks=Clocks(monotonic=time.monotonic, sleep=time.sleep)
    )
    assert [each.error for each in second[0].outcomes] == [LeaseHeld.__name__]
    assert became(function.invoke({"customers": [FIRST]}, "request-2")) == {FIRST: "synced"}


def test_a_delivery_whose_word_of_its_success_was_lost_is_known_all_the_same(function: Function) -> None:
    with mock.patch("claims_pipeline.lambda_door.turns.Turns.note", side_effect=NotContinued("lost")):
        assert became(function.invoke(request_id="request-1")) == {FIRST: "failed", SECOND: "failed"}
    assert len(function.town.claims()) == 3
    asked = asked_of_collaboratemd(function)
    assert became(function.invoke(request_id="request-1")) == {
        FIRST: "served before",
        SECOND: "served before",
    }
    assert asked_of_collaboratemd(function) == asked


def test_a_failure_does_not_hold_the_others_and_a_retry_does_what_failed_alone(function: Function) -> None:
    function.town.put(b"Nothing,We,Know\r\n1,2,3\r\n", FIRST)
    answer = function.invoke(request_id="request-1")
    assert became(answer) == {FIRST: "failed", SECOND: "synced"}
    assert answer.failed[0].error == "ReportColumnsChanged"
    assert function.state(FIRST).attempts.failure.error == "ReportColumnsChanged"
    function.town.put(report(row("500000001")), FIRST)
    assert became(function.invoke(request_id="request-1")) == {FIRST: "synced", SECOND: "served before"}
    assert sorted(function.town.claims()) == ["500000001", "500000003"]


def test_a_number_that_the_settings_do_not_know_fails_alone(function: Function) -> None:
    answer = function.invoke({"customers": ["99999999", SECOND]})
    assert became(answer) == {"99999999": "failed", SECOND: "synced"}


def test_paused_customers_and_those_without_a_full_filter_are_no_failures(function: Function) -> None:
    town = function.town
    config = town.sandbox.folder / "claims.toml"
    first, second = config.read_text().split(f'[customers."{SECOND}"]')
    full = '  { id = "20021", kind = "full", claim_complete = true },\n'
    config.write_text(f'{first}[customers."{SECOND}"]{second.replace(full, "")}')
    pause(function, FIRST)
    assert became(function.invoke({"full_sync": True})) == {
        FIRST: "paused",
        SECOND: "left out: no filter of kind full",
    }
    assert town.claims() == {}


def pause(function: Function, customer: str) -> None:
    state = open_state(read_settings(function.town.environment), "ada")
    state.ensure_table()
    state.pause(customer, reason="moving house", by="ada")


@pytest.fixture
def report_never_comes(function: Function) -> Iterator[Function]:
    function.town.sandbox.collaboratemd_wire.faults.add(NOT_YET)
    yield function
    function.town.sandbox.collaboratemd_wire.faults.clear()


def test_a_report_that_outlasts_the_time_is_taken_up_by_the_continuation(
    report_never_comes: Function,
) -> None:
    function = report_never_comes
    stopped = function.invoke(request_id="request-1", seconds=60)
    assert became(stopped) == {FIRST: "continued", SECOND: "continued"}
    assert function.continuations == [
        {
            "full_sync": False,
            "continuation": {"count": 1, "of": "request-1", "customers": [FIRST, SECOND]},
        }
    ]
    left = function.state(FIRST)
    assert left.pending_request is not None
    assert left.holder is None, "the lease is given back"
    assert (left.attempts.count, left.attempts.failure) == (1, None), "to stop in time is no failure"
    again = function.go_on(seconds=60)
    assert became(again) == {FIRST: "continued", SECOND: "continued"}
    function.town.sandbox.collaboratemd_wire.faults.clear()
    assert became(function.go_on()) == {FIRST: "synced", SECOND: "synced"}
    assert asked_of_collaboratemd(function) == 2, "one report a customer"
    assert len(function.town.claims()) == 3
    assert function.state(FIRST).attempts.count == 0


def test_the_first_event_delivered_again_leaves_the_work_to_the_continuation(
    report_never_comes: Function,
) -> None:
    function = report_never_comes
    function.invoke(request_id="request-1", seconds=60)
    function.town.sandbox.collaboratemd_wire.faults.clear()
    assert became(function.invoke(request_id="request-1")) == {
        FIRST: "served before",
        SECOND: "served before",
    }
    assert function.town.claims() == {}
    twice = (
        function.continuations * 2
    )  # asked for twice, since an answer was lost: other request ids, one event
    assert [became(function.invoke(each))[FIRST] for each in twice] == ["synced", "served before"]


def test_a_bulk_job_that_outlasts_the_time_goes_on_and_is_waited_for(by_bulk: Function) -> None:
    function, town = by_bulk, by_bulk.town
    with held_jobs(town):
        stopped = function.invoke({"customers": [FIRST]}, "request-1", seconds=60)
        assert became(stopped) == {FIRST: "continued"}
        held = {each.id for each in function.state(FIRST).bulk_jobs}  # the payors' and the claims'
        assert held
        assert became(function.go_on(seconds=60)) == {FIRST: "continued"}
        assert {each.id for each in function.state(FIRST).bulk_jobs} == held, "the same jobs are waited for"
        assert town.claims() == {}
    answer = function.go_on()
    assert answer.as_facts()["customers"][FIRST]["unchanged"] == 2, (
        "all that the job wrote is found in the org"
    )
    assert sorted(town.claims()) == ["500000001", "500000002"]
    assert asked_of_collaboratemd(function) == 1, "the report is not fetched again"
    state = function.state(FIRST)
    assert (state.bulk_jobs, state.committed_sequence, state.attempts.count) == ((), 1, 0)


def test_a_job_of_another_run_is_aborted_as_ever(by_bulk: Function) -> None:
    function, town = by_bulk, by_bulk.town
    with held_jobs(town):
        function.invoke({"customers": [FIRST]}, "request-1", seconds=60)
        held = function.state(FIRST).bulk_jobs
        assert held
        town.sandbox.bulk.script.hold = False
        assert became(function.invoke({"customers": [FIRST]}, "request-2")) == {FIRST: "synced"}
    assert {town.sandbox.bulk.ingest.find(job.id).state for job in held} == {JobState.ABORTED}
    assert sorted(town.claims()) == ["500000001", "500000002"]


def test_a_person_who_maps_a_payor_between_two_parts_is_heard(by_bulk: Function) -> None:
    function, town = by_bulk, by_bulk.town
    with held_jobs(town):
        function.invoke({"customers": [FIRST]}, "request-1", seconds=60)
    claim = next(iter(town.claims().values()))
    payor = next(iter(town.payors().values()))
    town.map(str(claim["Source_Payor_Key__c"]), payor)
    function.go_on()
    assert {each["Claim_Payor__c"] for each in town.claims().values()} == {payor}


def test_the_chain_is_bounded_and_ends_loudly(build_town: Callable[..., Town]) -> None:
    town = build_town(LAMBDA_MOST_CONTINUATIONS="1", **SLOW_POLLS)
    town.put(report(row("500000001")))
    town.sandbox.collaboratemd_wire.faults.add(NOT_YET)
    function = Function(town)
    function.invoke({"customers": [FIRST]}, "request-1", seconds=60)
    ended = function.go_on(seconds=60)
    assert [(each.became.value, each.error) for each in ended.outcomes] == [
        ("failed", "TooManyContinuations")
    ]
    assert function.continuations == []
    assert function.state(FIRST).attempts.failure.error == "TooManyContinuations"


def test_a_continuation_that_aws_does_not_accept_fails_and_forgets_nothing(
    report_never_comes: Function,
) -> None:
    function = report_never_comes
    function.refuse_continuation = NotContinued("no")
    ended = function.invoke(request_id="request-1", seconds=60)
    assert {each.error for each in ended.outcomes} == {"NotContinued"}
    function.town.sandbox.collaboratemd_wire.faults.clear()
    assert became(function.invoke(request_id="request-1")) == {FIRST: "synced", SECOND: "synced"}
    assert asked_of_collaboratemd(function) == 2, "the report that was left is taken up"


def test_a_dry_run_that_outlasts_the_time_fails_and_leaves_nothing(report_never_comes: Function) -> None:
    ended = report_never_comes.invoke({"dry_run": True}, seconds=60)
    assert {each.error for each in ended.outcomes} == {"OutOfTime"}
    assert report_never_comes.continuations == []
