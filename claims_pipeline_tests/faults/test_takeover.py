"""Taken over: a run that stood still beyond its lease wakes, notices before its next batch, and writes nothing.

What belongs here: processes that are stopped and go on. Not here: those that die (`test_sweep`).
"""

from collections.abc import Callable
from pathlib import Path

import pytest

from claims_pipeline_tests.faults import judging
from claims_pipeline_tests.faults.boundaries import STATE_WRITE, Point, Side, before
from claims_pipeline_tests.faults.conftest import SEED
from claims_pipeline_tests.faults.days import Scenario, first_load, next_day
from claims_pipeline_tests.faults.doors import CommandLine
from claims_pipeline_tests.faults.sweep import CLOSE_A_JOB, sweeping

SCENARIOS = [first_load(SEED, moves_on=True), next_day(SEED, moves_on=True)]


@pytest.mark.sweep
@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_a_run_that_wakes_after_it_was_taken_over_writes_nothing(
    scenario: Scenario, tmp_path: Path, tell: Callable[[str], None]
) -> None:
    with sweeping(scenario, CommandLine(), tmp_path) as sweep:
        recording = sweep.record()
        checks = recording.checks_before_batches()
        assert len(checks) >= 3
        assert all(check.kind.startswith(STATE_WRITE) for check in checks), checks
        found = [sweep.stop_at(Point(check, Side.BEFORE)) for check in checks]
        tell(f"{scenario.name}: stopped before each of {len(checks)} batches")
        assert not any(each.faults for each in found), "\n".join(map(str, found))


@pytest.mark.sweep
def test_a_batch_that_had_left_before_its_run_was_taken_over_is_put_right_by_the_next_sync(
    tmp_path: Path,
) -> None:
    """Salesforce knows of no lease: between the check and the call one batch of Collections may be overtaken."""
    with sweeping(first_load(SEED, moves_on=True), CommandLine(), tmp_path) as sweep:
        late = sweep.stop_at(before("PATCH /composite/sobjects/Claim__c/Claim_Number__c"))
        assert "record(s) after it was taken over" in str(late)
        assert "the run that woke ended" not in str(late)
        assert sweep.door.succeeded(sweep.workshop.run(sweep.order()))
        assert list(judging.differences(sweep.stage, sweep.scenario.at_last)) == []


@pytest.mark.sweep
def test_a_bulk_job_that_is_let_run_after_its_run_was_taken_over_is_aborted_by_then(tmp_path: Path) -> None:
    with sweeping(next_day(SEED, moves_on=True), CommandLine(), tmp_path) as sweep:
        assert not sweep.stop_at(before(CLOSE_A_JOB)).faults
