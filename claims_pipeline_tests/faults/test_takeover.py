"""Taken over: a run that stood still beyond its lease wakes, notices before its next batch, and writes nothing.

What belongs here: processes that are stopped and go on. Not here: those that die (`test_sweep`).
"""

from collections.abc import Callable
from pathlib import Path

import pytest

from claims_pipeline_tests.faults.boundaries import STATE_WRITE, Point, Side
from claims_pipeline_tests.faults.conftest import SEED
from claims_pipeline_tests.faults.days import Scenario, first_load, next_day
from claims_pipeline_tests.faults.doors import CommandLine
from claims_pipeline_tests.faults.sweep import sweeping

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
