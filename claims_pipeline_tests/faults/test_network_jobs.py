"""Bulk jobs that end badly, and results that are lost: what was committed is found again, the rest is sent.

What belongs here: whole runs over jobs that fail, are aborted, or cannot say what they did. Not here: the wire.
"""

from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from claims_pipeline.cli.exits import Exit
from claims_pipeline.sandbox.broken_wires import Wire
from claims_pipeline.sandbox.faults import Fault
from claims_pipeline_tests.faults.network_table import BULK, FOR_EVER, WAYS
from claims_pipeline_tests.faults.network_town import FIRST, Day, Network, day, delete, networks
from claims_pipeline_tests.faults.network_truths import (
    must_be_free,
    must_be_safe,
    must_come_right,
    must_have_arrived,
    must_have_nothing_left,
    must_pass_later,
)

_DAYS = count(1)
BY_BULK, FULL = WAYS[BULK]


@pytest.fixture(scope="module")
def wired(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Network]:
    with networks(tmp_path_factory.mktemp("wired")) as network:
        yield network


@pytest.fixture
def bulk(wired: Network, tmp_path: Path) -> tuple[Network, Day]:
    """A day on which all claims go by Bulk: some are new, others changed."""
    network, today = wired.anew(tmp_path, **BY_BULK), day(next(_DAYS), claims=8)
    network.town.put(today.report)
    for number in list(today.book)[::3]:
        delete(network, number)
    return network, today


@pytest.mark.journey
@pytest.mark.parametrize("script", ["fail_after_rows", "abort_after_rows"])
@pytest.mark.parametrize("rows", [pytest.param(0, marks=pytest.mark.everywhere), 3])
def test_rows_of_a_job_that_ends_badly_are_told_apart_and_the_rest_is_sent_again(
    bulk: tuple[Network, Day], script: str, rows: int
) -> None:
    network, today = bulk
    network.town.put(day(next(_DAYS), claims=8).report)
    network.run()  # its payors are listed then, and the jobs of today are its claims'
    network.town.put(today.report)
    network.bulk(**{script: rows, "jobs_stopped": 1})
    ran = network.run()
    must_have_arrived(network, ran, today)
    assert ran.count("salesforce", method="PUT", path="/batches") == 2
    must_have_nothing_left(network, today)


@pytest.mark.journey
@pytest.mark.parametrize("script", ["fail_after_rows", "abort_after_rows"])
def test_jobs_that_always_end_badly_leave_what_they_committed_and_commit_nothing(
    bulk: tuple[Network, Day], script: str
) -> None:
    network, today = bulk
    network.bulk(**{script: 1})
    ran = network.run()
    must_pass_later(ran, "salesforce")
    assert "has not said what became of" in ran.err
    assert network.number(FIRST, "committed_sequence") == 0
    arrived = {number for number, amounts in network.book().items() if amounts == today.book.get(number)}
    assert 0 < len(arrived) < len(today.book), "each job committed a row before it ended"
    must_be_safe(network, ran, today)
    must_be_free(network)
    network.bulk(**{script: None})
    must_come_right(network, today)
    must_have_nothing_left(network, today)


LOST = {
    "none": Fault(status=204),
    "an empty file": Fault(status=200, headers={"Content-Type": "text/csv"}),
    "gone": Fault(
        status=404, body=b'[{"errorCode":"NOT_FOUND","message":"The requested resource does not exist"}]'
    ),
    "cut at a row's end": Fault(cut_after_bytes=120, wire=Wire.NO_LENGTH),
}


@pytest.mark.journey
@pytest.mark.parametrize(
    "times", [pytest.param(1, marks=pytest.mark.everywhere), FOR_EVER], ids=["once", "for ever"]
)
@pytest.mark.parametrize("fault", LOST.values(), ids=LOST)
@pytest.mark.parametrize("results", ["successfulResults", "failedResults"])
def test_results_that_are_lost_are_no_results_that_say_nothing(
    bulk: tuple[Network, Day], fault: Fault, times: int, results: str
) -> None:
    """A claim whose result is lost is asked for again, and never taken for refused, nor for one that arrived."""
    network, today = bulk
    refused = list(today.book)[1]
    if results == "failedResults":
        network.town.sandbox.org.scripts.lock("Claim__c", refused, 1)
    path = f"jobs/ingest/\\w+/{results}"
    network.wires["salesforce"].faults.add(
        Fault(**{**vars(fault), "method": "GET", "path": path, "times": times})
    )
    ran = network.run()
    if ran.code == Exit.ALL_ARRIVED:
        must_have_arrived(network, ran, today)
    else:
        assert ran.code in (Exit.TRANSIENT, Exit.PERMANENT), ran.err
        assert "Salesforce" in ran.err
        assert network.number(FIRST, "committed_sequence") == 0
        must_be_safe(network, ran, today)
        must_be_free(network)
        network.town.sandbox.org.scripts.clear()
        must_come_right(network, today)
    network.clear_faults()
    must_have_nothing_left(network, today)


@pytest.mark.journey
def test_a_bulk_query_that_fails_proves_nothing_and_commits_nothing(bulk: tuple[Network, Day]) -> None:
    network, today = bulk
    network.bulk(fail_queries=True)
    ran = network.run(*FULL)
    must_pass_later(ran, "salesforce")
    assert "ended as Failed" in ran.err
    assert network.number(FIRST, "committed_sequence") == 0
    must_be_safe(network, ran, today)
    must_be_free(network)
    network.bulk(fail_queries=False)
    must_come_right(network, today, *FULL)


@pytest.mark.journey
def test_a_job_that_outlives_its_run_is_ended_before_the_next_one_compares(bulk: tuple[Network, Day]) -> None:
    """The job waits at Salesforce, its run gives up and cannot even abort it: it must not write later."""
    network, _ = bulk
    network.bulk(hold=True)
    for method in ("GET", "PATCH"):  # neither looked at nor aborted; its UploadComplete still goes through
        after = 1 if method == "PATCH" else 0
        network.wires["salesforce"].faults.add(
            Fault(method, r"jobs/ingest/\w+$", status=503, after=after, times=FOR_EVER)
        )
    ran = network.run()
    must_pass_later(ran, "salesforce")
    jobs = network.items()[FIRST]["bulk_jobs"]
    assert isinstance(jobs, dict)
    assert len(jobs["M"]) == 1, "its id is kept for whoever comes next"
    tomorrow = day(next(_DAYS), claims=8)
    network.town.put(tomorrow.report)
    network.clear_faults()
    again = network.run("--dry-run")
    assert again.code == Exit.ALL_ARRIVED
    network.town.environment["SALESFORCE_BULK_FROM_ROWS"] = "1000000"
    must_come_right(network, tomorrow)
    network.bulk(hold=False)
    must_have_nothing_left(network, tomorrow)
