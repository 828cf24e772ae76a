"""The crash sweep: killed at every boundary, and run again; nothing lost, nothing doubled, nothing stale, balance even.

What belongs here: the whole of it, by both doors (`make test-faults`). Not here: the sample of it in `make test`
(`test_sample`), processes that stop rather than die (`test_takeover`).
"""

from collections.abc import Callable
from math import ceil
from pathlib import Path
from random import Random

import pytest

from claims_pipeline_tests.faults.boundaries import points_of
from claims_pipeline_tests.faults.conftest import SEED
from claims_pipeline_tests.faults.days import Scenario, first_load, next_day
from claims_pipeline_tests.faults.doors import CommandLine, DagsterJob
from claims_pipeline_tests.faults.sweep import sweeping

Tell = Callable[[str], None]
PARTS = 4
"""A scenario's points are dealt out to so many tests, so that two processes share them evenly."""

SCENARIOS = [first_load(SEED), next_day(SEED, moves_on=False), next_day(SEED, moves_on=True)]
each_scenario = pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)


@pytest.mark.sweep
@pytest.mark.parametrize("part", range(PARTS))
@each_scenario
def test_a_run_killed_at_any_boundary_is_mended_by_the_next(
    scenario: Scenario, part: int, tmp_path: Path, tell: Tell
) -> None:
    with sweeping(scenario, CommandLine(), tmp_path) as sweep:
        recording = sweep.record()
        recording.require_seen()
        points = recording.points[part::PARTS]
        found = sweep.kill_at_each(points)
        tell(f"{scenario.name}, part {part + 1}: {len(points)} deaths of {recording.told()}")
        assert not found, "\n".join(map(str, found))


@pytest.mark.sweep
@each_scenario
def test_a_dagster_run_killed_at_a_tenth_of_the_boundaries_is_mended_by_the_next(
    scenario: Scenario, tmp_path: Path, tell: Tell
) -> None:
    with sweeping(scenario, DagsterJob(), tmp_path) as sweep:
        recording = sweep.record()
        recording.require_seen()
        some = Random(SEED).sample(recording.boundaries, ceil(len(recording.boundaries) / 10))
        found = sweep.kill_at_each(points_of(some))
        tell(f"{scenario.name}, by Dagster: {2 * len(some)} deaths of {recording.told()}")
        assert not found, "\n".join(map(str, found))
