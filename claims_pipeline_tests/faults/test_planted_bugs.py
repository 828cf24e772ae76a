"""Planted bugs: each makes the sweep tell of it. A sweep that could not see them would prove nothing.

What belongs here: one bug, the few points at which it shows, and the words it must be told in. The same points without
the bug are in the sweep, which finds nothing there.
"""

from pathlib import Path

import pytest

from claims_pipeline_tests.faults import planted
from claims_pipeline_tests.faults.boundaries import Point, Side, after, before
from claims_pipeline_tests.faults.conftest import SEED
from claims_pipeline_tests.faults.days import Scenario, first_load, next_day
from claims_pipeline_tests.faults.doors import CommandLine
from claims_pipeline_tests.faults.sweep import CLOSE_A_JOB, sweeping

BATCH = "PATCH /composite/sobjects/Claim__c/Claim_Number__c"
FIRST_LOAD, NEXT_DAY = first_load(SEED), next_day(SEED, moves_on=False)
MOVES_ON = next_day(SEED, moves_on=True)
SHOWS = [
    (planted.commit_moved_early, FIRST_LOAD, before(BATCH, 2), "the cursor moved, and claim"),
    (planted.sent_without_comparing, FIRST_LOAD, after(BATCH), "though nothing in it changed"),
    (planted.results_page_dropped, NEXT_DAY, before(CLOSE_A_JOB), "though nothing in it changed"),
    (planted.old_job_not_settled, MOVES_ON, after(CLOSE_A_JOB), "is stale or wrong in Paid_Amount__c"),
]


@pytest.mark.sweep
@pytest.mark.parametrize(
    ("bug", "scenario", "point", "words"), SHOWS, ids=lambda each: getattr(each, "__name__", "")
)
def test_a_planted_bug_is_told(
    bug: object, scenario: Scenario, point: Point, words: str, tmp_path: Path
) -> None:
    name = getattr(bug, "__name__", "")
    with sweeping(scenario, CommandLine(), tmp_path) as sweep:
        assert not sweep.kill_at(point).faults
        assert words in str(sweep.kill_at(point, name))


@pytest.mark.sweep
def test_a_file_written_in_place_is_told(tmp_path: Path) -> None:
    with sweeping(FIRST_LOAD, CommandLine(), tmp_path) as sweep:
        recording = sweep.record(planted.written_in_place.__name__)
        assert len(recording.boundaries) != sum(recording.seen_by_others.values())
        halves = [each for each in recording.boundaries if each.kind == planted.IN_PLACE]
        found = [
            sweep.kill_at(Point(half, Side.BEFORE), planted.written_in_place.__name__) for half in halves
        ]
        assert len(found) >= 5
        assert all("is not whole" in str(each) for each in found), "\n".join(map(str, found))


@pytest.mark.sweep
def test_a_lease_that_is_not_checked_is_told(tmp_path: Path) -> None:
    with sweeping(first_load(SEED, moves_on=True), CommandLine(), tmp_path) as sweep:
        told = str(sweep.stop_at(before(BATCH, 2), planted.lease_not_checked.__name__))
        assert "record(s) after it was taken over" in told
        assert "is stale or wrong in Paid_Amount__c" in told
