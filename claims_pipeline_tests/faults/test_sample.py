"""A sample of the sweep, at fixed boundaries, small enough for every `make test`. The whole is in `test_sweep`."""

from pathlib import Path

import pytest

from claims_pipeline_tests.faults.boundaries import Point, after, before
from claims_pipeline_tests.faults.days import Scenario, first_load, next_day
from claims_pipeline_tests.faults.doors import CommandLine
from claims_pipeline_tests.faults.sweep import BATCHES, CLOSE_A_JOB, sweeping

BATCH = f"{BATCHES[0]}Claim__c/Claim_Number__c"
COMMIT = "DynamoDB TransactWriteItems"
BY_COLLECTIONS = [after(BATCH), before(COMMIT), after(COMMIT)]
BY_BULK = [after("POST /jobs/ingest"), after(CLOSE_A_JOB), before("GET /jobs/ingest/{id}/successfulResults")]


@pytest.mark.journey
@pytest.mark.parametrize(
    ("scenario", "points"),
    [(first_load(1), BY_COLLECTIONS), (next_day(1, moves_on=True), BY_BULK)],
    ids=["collections", "bulk"],
)
def test_a_run_killed_at_these_boundaries_is_mended_by_the_next(
    scenario: Scenario, points: list[Point], tmp_path: Path
) -> None:
    with sweeping(scenario, CommandLine(), tmp_path) as sweep:
        found = sweep.kill_at_each(points)
        assert not found, "\n".join(map(str, found))


@pytest.mark.journey
def test_a_warm_process_crosses_the_boundaries_of_a_cold_one(tmp_path: Path) -> None:
    """The sweep kills warm ones at a cold one's boundaries: conditions imposed on one alone would spoil its verdict."""
    with sweeping(next_day(1, moves_on=False), CommandLine(), tmp_path) as sweep:
        assert sweep.crossed(under=[]) == sweep.crossed()
