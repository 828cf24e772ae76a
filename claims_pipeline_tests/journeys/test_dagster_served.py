"""Behind Dagster's own webserver and daemon: a failed run is taken up from where it failed, over GraphQL."""

import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests

from claims_pipeline.sandbox.faults import Fault
from claims_pipeline.sync.connections import connect, read_settings
from claims_pipeline_tests.journeys.conftest import FIRST, Town
from claims_pipeline_tests.journeys.test_people import report, row
from claims_pipeline_tests.paths import REPOSITORY

LONGEST_SECONDS = 180
LAUNCH = """mutation ($params: ExecutionParams!) { launchRun(executionParams: $params) {
  __typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message } } }"""
AGAIN = """mutation ($params: ReexecutionParams!) { launchRunReexecution(reexecutionParams: $params) {
  __typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message } } }"""
RUN = """query ($id: ID!) { runOrError(runId: $id) { ... on Run { status stepKeysToExecute
  eventConnection { events { __typename ... on ExecutionStepFailureEvent { error { message } } } } } } }"""


@dataclass(frozen=True)
class Served:
    """A running webserver with its daemon and code server."""

    url: str

    def ask(self, query: str, **variables: object) -> Any:
        answer = requests.post(
            f"{self.url}/graphql", json={"query": query, "variables": variables}, timeout=60
        )
        told = answer.json()
        assert "errors" not in told, told
        return next(iter(told["data"].values()))

    def launch(self, job: str, partition: str) -> str:
        """Start a run as the UI does; its id."""
        where = {
            "repositoryLocationName": "claims_pipeline",
            "repositoryName": "__repository__",
            "jobName": job,
        }
        tags = [{"key": "dagster/partition", "value": partition}]
        params = {"selector": where, "runConfigData": {}, "executionMetadata": {"tags": tags}}
        return str(self.ask(LAUNCH, params=params)["run"]["runId"])

    def repeat_from_failure(self, run_id: str) -> str:
        """The button `Re-execute from failure`."""
        params = {"parentRunId": run_id, "strategy": "FROM_FAILURE"}
        return str(self.ask(AGAIN, params=params)["run"]["runId"])

    def ended(self, run_id: str) -> dict[str, Any]:
        """The run once it has ended."""
        last = time.monotonic() + LONGEST_SECONDS
        while time.monotonic() < last:
            run: dict[str, Any] = self.ask(RUN, id=run_id)
            if run["status"] in ("SUCCESS", "FAILURE", "CANCELED"):
                return run
            time.sleep(0.5)
        raise AssertionError(f"run {run_id} did not end")


def failures(run: dict[str, Any]) -> str:
    """What the run's failed steps said."""
    return json.dumps([event["error"] for event in run["eventConnection"]["events"] if event.get("error")])


def one_customer(town: Town) -> None:
    """The sensor has nothing else to ask for."""
    config = Path(town.environment["CLAIMS_CONFIG"])
    config.write_text(config.read_text().split("\n\n")[0] + "\n")


@pytest.fixture
def served(town: Town, tmp_path: Path) -> Iterator[Served]:
    one_customer(town)
    with serving(town, tmp_path) as running:
        yield running


@contextmanager
def serving(town: Town, tmp_path: Path) -> Iterator[Served]:
    """`dagster dev` over this town, until it is up, and until its end."""
    home = tmp_path / "home"
    home.mkdir()
    shutil.copy(REPOSITORY / "dagster.yaml", home)
    port = _free_port()
    run = [sys.executable, "-m", "dagster", "dev", "-w", "workspace.yaml", "-h", "127.0.0.1", "-p", str(port)]
    environment = {**os.environ, **town.environment, "DAGSTER_HOME": str(home), "PYTHONWARNINGS": "ignore"}
    with (tmp_path / "dagster-dev.log").open("wb") as log:
        process = subprocess.Popen(
            run, cwd=REPOSITORY, env=environment, stdout=log, stderr=log, start_new_session=True
        )
        try:
            url = f"http://127.0.0.1:{port}"
            _wait_until_up(url, process)
            yield Served(url)
        finally:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(180)


def _free_port() -> int:
    """Below those that the system gives to outgoing connections: it must still be free some seconds later."""
    for port in random.sample(range(20_000, 30_000), 100):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)):
                return port
    raise AssertionError("no port is free")


def _wait_until_up(url: str, process: "subprocess.Popen[bytes]") -> None:
    last = time.monotonic() + LONGEST_SECONDS
    while time.monotonic() < last and process.poll() is None:
        try:
            if requests.get(f"{url}/server_info", timeout=5).ok:
                return
        except requests.RequestException:
            time.sleep(0.5)
    raise AssertionError("dagster dev did not come up")


@pytest.mark.journey
def test_a_failed_sync_is_finished_from_failure_and_an_old_one_changes_nothing(
    town: Town, served: Served
) -> None:
    town.put(report(row("500000001", paid="1.00"), row("500000002")))
    refusal = json.dumps([{"errorCode": "MALFORMED_QUERY", "message": "no"}]).encode()
    fault = Fault(path="/composite", times=99, status=400, body=refusal)
    town.sandbox.salesforce_wire.faults.add(fault)
    failed = served.launch("sync_claims", FIRST)
    assert served.ended(failed)["status"] == "FAILURE"
    assert town.claims() == {}
    old = served.repeat_from_failure(failed)
    assert served.ended(old)["status"] == "FAILURE"

    town.sandbox.salesforce_wire.faults.clear()
    town.sandbox.collaboratemd_wire.clear_log()
    town.put(report(row("500000001", paid="9.00"), row("500000002")))
    finished = served.ended(served.repeat_from_failure(failed))
    assert finished["status"] == "SUCCESS", failures(finished)
    assert "raw_collaboratemd_claims" not in finished["stepKeysToExecute"]
    assert town.sandbox.collaboratemd_wire.log == []
    assert town.claims()["500000001"]["Paid_Amount__c"] == 1.0, "the same sync, from the stored frames"

    assert served.ended(served.launch("sync_claims", FIRST))["status"] == "SUCCESS"
    assert town.claims()["500000001"]["Paid_Amount__c"] == 9.0
    town.sandbox.salesforce_wire.clear_log()
    stale = served.ended(served.repeat_from_failure(old))
    assert stale["status"] == "FAILURE"
    assert "the newer one stands" in failures(stale)
    assert town.writes() == []
    with connect(read_settings(town.environment), "reader") as reader:
        state = reader.state.read(FIRST)
    assert (state.sequence, state.committed_sequence) == (2, 2)
