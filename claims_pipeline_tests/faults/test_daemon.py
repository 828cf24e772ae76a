"""Dagster's own healing: the daemon launches a run, its process is killed, and monitoring and retries bring it home.

What belongs here: what our `dagster.yaml` promises, with its intervals made short. Not here: deaths of a job that runs
without a daemon (`test_sweep`).
"""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg
import pytest
import yaml
from dagster import DagsterRunStatus

from claims_pipeline.assets.raw_collaboratemd_claims import REPORT_SLOT_POOL
from claims_pipeline_tests.faults import judging
from claims_pipeline_tests.faults.boundaries import Point, after
from claims_pipeline_tests.faults.conftest import SEED
from claims_pipeline_tests.faults.days import first_load
from claims_pipeline_tests.faults.hooks import read_tape
from claims_pipeline_tests.faults.orders import Order
from claims_pipeline_tests.faults.runner import ORDER
from claims_pipeline_tests.faults.stage import staged
from claims_pipeline_tests.paths import REPOSITORY
from claims_pipeline_tests.process_group import process_group
from claims_pipeline_tests.town import FIRST

LONGEST_SECONDS = 300
SHORT = {"poll_interval_seconds": 1, "free_slots_after_run_end_seconds": 1}
SCENARIO = first_load(SEED)


def home_with_short_intervals(folder: Path) -> Path:
    """An instance by our `dagster.yaml`, which says all but how often the daemon looks."""
    folder.mkdir()
    ours = yaml.safe_load((REPOSITORY / "dagster.yaml").read_text())
    assert ours["run_monitoring"]["enabled"]
    assert ours["run_monitoring"]["free_slots_after_run_end_seconds"] <= 300
    assert ours["run_retries"]["enabled"]
    ours["run_monitoring"].update(SHORT)
    (folder / "dagster.yaml").write_text(yaml.safe_dump(ours))
    location = {
        "module_name": "claims_pipeline_tests.faults.code_location",
        "working_directory": str(REPOSITORY),
    }
    (folder / "workspace.yaml").write_text(yaml.safe_dump({"load_from": [{"python_module": location}]}))
    return folder


@contextmanager
def daemon(order: Order, home: Path) -> Iterator[None]:
    """The daemon and its code server, until they are ended with the process group that is theirs alone."""
    command = [sys.executable, "-m", "dagster._daemon", "run", "-w", str(home / "workspace.yaml")]
    environment = {**order.environment, ORDER: order.to_json()}
    with process_group(command, environment, home=home, log=home / "daemon.log"):
        yield


def launch(order: Order, home: Path) -> None:
    """Ask the daemon for a run, as a person's `dagster job launch` does."""
    tags = json.dumps({"dagster/partition": FIRST})
    job = ["job", "launch", "-w", str(home / "workspace.yaml"), "-j", "sync_claims", "--tags", tags]
    subprocess.run(
        [sys.executable, "-m", "dagster", *job],
        env=dict(order.environment),
        cwd=home,
        check=True,
        capture_output=True,
        timeout=LONGEST_SECONDS,
    )


def until(holds: Callable[[], bool], what: str, home: Path) -> None:
    """Look every half second; what another process does by itself can only be waited for."""
    deadline = time.monotonic() + LONGEST_SECONDS
    while not holds():
        assert time.monotonic() < deadline, (
            f"{what} never came; the daemon said:\n{(home / 'daemon.log').read_text()}"
        )
        time.sleep(0.5)


def pool_is_free(instance: dg.DagsterInstance) -> bool:
    """Whether nobody holds the pool that stands for the report slot, or waits for it."""
    pool = instance.event_log_storage.get_concurrency_info(REPORT_SLOT_POOL)
    return pool.active_slot_count == 0 and pool.pending_step_count == 0


@pytest.mark.sweep
@pytest.mark.parametrize(
    "point",
    [
        after(
            "POST /v1/customer/{id}/reports/results/{id}"
        ),  # within the pool that stands for the report slot
        after("PATCH /composite/sobjects/Claim__c/Claim_Number__c"),
    ],
    ids=["in the report slot", "while sending"],
)
def test_a_run_of_the_daemon_that_is_killed_is_brought_home_and_frees_its_pool(
    point: Point, tmp_path: Path
) -> None:
    home = home_with_short_intervals(tmp_path / "home")
    with staged(tmp_path, SCENARIO.settings) as stage, dg.DagsterInstance.from_config(str(home)) as instance:
        kept = stage.keep()
        stage.dawn(SCENARIO.today)
        stage.forget()
        environment = {**stage.environment, "DAGSTER_HOME": str(home), "PYTHONPATH": str(REPOSITORY)}
        order = Order((), environment, tmp_path / "tape", tmp_path / "out", SCENARIO.conditions, point)
        with daemon(order, home):
            launch(order, home)
            until(lambda: instance.get_runs_count() == 2, "the retry", home)
            until(lambda: all(run.is_finished for run in instance.get_runs()), "the end of the retry", home)
            until(lambda: pool_is_free(instance), "the freed slot", home)
        killed, retried = sorted(instance.get_run_records(), key=lambda record: record.create_timestamp)
        assert killed.dagster_run.status is DagsterRunStatus.FAILURE
        assert retried.dagster_run.status is DagsterRunStatus.SUCCESS
        assert retried.dagster_run.parent_run_id == killed.dagster_run.run_id
        assert point.boundary in read_tape(order.tape)
        assert list(judging.after_rerun(SCENARIO, stage, kept)) == []
