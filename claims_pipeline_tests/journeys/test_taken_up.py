"""A report that a run asked for and never read is taken up by the next one, and never mistaken for another fetch's."""

import uuid
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from claims_pipeline.errors import TransientError
from claims_pipeline.sandbox.faults import Fault
from claims_pipeline.settings import FilterKind
from claims_pipeline.sync.connections import Connections, connect, read_settings
from claims_pipeline.sync.options import SyncOptions
from claims_pipeline.sync.whole import WholeSync, sync_customer
from claims_pipeline_tests.journeys.conftest import FIRST, Town
from claims_pipeline_tests.journeys.test_people import report, row


def calls(town: Town, path: str) -> int:
    """Requests to CollaborateMD since the log was cleared."""
    return sum(path in access.path for access in town.sandbox.collaboratemd_wire.log)


@pytest.fixture
def town(build_town: Callable[..., Town]) -> Town:
    """Where a report is waited for no longer than a moment."""
    return build_town(COLLABORATEMD_DEADLINE_SECONDS="0.8", COLLABORATEMD_POLL_SECONDS="0.02")


RUNNING = b'{"Status": "REPORT RUNNING"}'


def fail_to_read(town: Town, *, kind: FilterKind = FilterKind.RECENT, after: int = 0) -> None:
    """A run whose report is accepted, and not finished in time; the first `after` polls are answered."""
    wire = town.sandbox.collaboratemd_wire
    wire.faults.add(Fault(path="/results/", after=after, times=999, status=200, body=RUNNING))
    with pytest.raises(TransientError):
        town.sync(kind=kind)
    wire.faults.clear()
    wire.clear_log()


def at(town: Town, later: timedelta) -> Connections:
    run = town.runs.enter_context(connect(read_settings(town.environment), uuid.uuid4().hex))
    return replace(run, now=lambda: datetime.now(UTC) + later)


def sync_at(town: Town, later: timedelta) -> WholeSync:
    run = at(town, later)
    return sync_customer(run.settings.customer(FIRST), SyncOptions(), run, lambda _: None)


@pytest.mark.journey
def test_the_next_run_polls_on_for_the_same_report_and_takes_no_slot(town: Town) -> None:
    town.put(report(row("500000001")))
    fail_to_read(town)
    state = at(town, timedelta()).state
    left = state.read(FIRST).pending_request
    assert left is not None
    town.put(report(row("500000001"), row("500000002")))  # the report as it was run is what counts
    done = town.sync()
    assert (calls(town, "/run"), calls(town, f"/results/{left.identifier}")) == (0, 1)
    assert list(town.claims()) == ["500000001"]
    assert done.synced.outcomes.stamp.sequence == left.sequence == 1
    assert done.synced.outcomes.stamp.fetched_at == left.requested_at, "as of when it was asked for"
    assert state.read(FIRST).pending_request is None
    town.sync()
    assert calls(town, "/run") == 1
    assert len(town.claims()) == 2


@pytest.mark.journey
def test_a_request_that_came_to_nothing_is_asked_for_anew(town: Town) -> None:
    town.put(report(row("500000001")))
    fail_to_read(town)
    left = at(town, timedelta()).state.read(FIRST).pending_request
    assert left is not None
    lost = Fault(path=f"/results/{left.identifier}", times=9, status=200, body=b'{"Status": "NOT FOUND"}')
    town.sandbox.collaboratemd_wire.faults.add(lost)
    town.sync()
    assert calls(town, "/run") == 1
    assert list(town.claims()) == ["500000001"]


@pytest.mark.journey
def test_an_empty_answer_to_an_old_request_is_not_believed(town: Town) -> None:
    """Its result may simply be gone by now."""
    town.put(report(row("500000001")))
    fail_to_read(town)
    left = at(town, timedelta()).state.read(FIRST).pending_request
    assert left is not None
    empty = Fault(path=f"/results/{left.identifier}", times=99, status=200, body=b'{"Status": "SUCCESS"}')
    town.sandbox.collaboratemd_wire.faults.add(empty)
    town.sync()
    assert calls(town, "/run") == 1
    assert list(town.claims()) == ["500000001"]


@pytest.mark.journey
def test_an_old_request_is_not_taken_up(town: Town) -> None:
    town.put(report(row("500000001")))
    fail_to_read(town)
    sync_at(town, timedelta(hours=2))
    assert calls(town, "/run") == 1


@pytest.mark.journey
def test_a_request_of_before_a_newer_fetch_is_never_taken_up(town: Town) -> None:
    """It would bring older amounts under a higher sequence."""
    town.put(report(row("500000001", paid="1.00")))
    fail_to_read(town)
    town.put(report(row("500000001", paid="2.00")))
    town.full()
    town.sync()
    assert calls(town, "/run") == 2
    assert town.claims()["500000001"]["Paid_Amount__c"] == 2.0


@pytest.mark.journey
@pytest.mark.parametrize("clocks", [timedelta(minutes=-9), timedelta(minutes=9)])
def test_clocks_that_differ_by_minutes_do_no_harm(town: Town, clocks: timedelta) -> None:
    town.put(report(row("500000001")))
    fail_to_read(town)
    sync_at(town, clocks)
    assert calls(town, "/run") == 0
    assert list(town.claims()) == ["500000001"]


@pytest.mark.journey
def test_a_report_that_cannot_be_read_is_asked_for_anew_once_it_is_mended(town: Town) -> None:
    town.put(b"Nothing,We,Know\r\n1,2,3\r\n")
    with pytest.raises(Exception, match="column"):
        town.sync()
    town.put(report(row("500000001")))
    town.sandbox.collaboratemd_wire.clear_log()
    town.sync()
    assert calls(town, "/run") == 1
    assert list(town.claims()) == ["500000001"]


@pytest.mark.journey
def test_a_fetch_of_several_filters_goes_on_where_it_was_left(town: Town) -> None:
    config = Path(town.environment["CLAIMS_CONFIG"])
    second = '  { id = "20022", kind = "full", claim_complete = true },\n]\n'
    config.write_text(config.read_text().replace("\n]\n", "\n" + second, 1))
    town.put(report(row("500000001")))
    town.sandbox.put_report(FIRST, report(row("500000002")), "20022")
    fail_to_read(town, kind=FilterKind.FULL, after=1)
    town.full()
    assert (calls(town, "/run"), calls(town, "/results/")) == (0, 1)
    assert sorted(town.claims()) == ["500000001", "500000002"]
