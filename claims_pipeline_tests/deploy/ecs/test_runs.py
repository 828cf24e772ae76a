"""Dagster on ECS: our production instance on PostgreSQL, its daemon, and runs that are tasks of an emulated ECS."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import boto3
import dagster as dg
import pytest
import yaml
from dagster import DagsterRunStatus
from dagster_aws.ecs import EcsRunLauncher
from dagster_postgres.event_log import PostgresEventLogStorage

from claims_pipeline.assets.raw_collaboratemd_claims import REPORT_SLOT_POOL
from claims_pipeline.sandbox.collaboratemd.shelf import Answer, Script
from claims_pipeline.sandbox.dynamodb import REGION
from claims_pipeline.sandbox.systems import RECENT_FILTER_ID, REPORT_ID
from claims_pipeline_tests.command_line import PLAIN
from claims_pipeline_tests.deploy.ecs.cluster import CLUSTER, PROGRAMS, EmulatedEcs, Wiring, metadata_of
from claims_pipeline_tests.deploy.ecs.postgresql import PASSWORD, USER, PostgreSQL, postgresql
from claims_pipeline_tests.given_report import report, row
from claims_pipeline_tests.paths import REPOSITORY
from claims_pipeline_tests.process_group import process_group
from claims_pipeline_tests.town import FIRST, SECOND, Town
from deploy.checks.templates import DEPLOY
from deploy.checks.variants import VARIANTS

pytestmark = pytest.mark.sweep

BUCKET, SECRET = "claims-storage", "collaboratemd/credentials"
IN_SECRET = (
    "COLLABORATEMD_USERNAME",
    "COLLABORATEMD_PASSWORD",
    "SALESFORCE_USERNAME",
    "SALESFORCE_CONSUMER_KEY",
    "SALESFORCE_PRIVATE_KEY",
)
LONGEST_SECONDS = 300
ECS = next(each for each in VARIANTS if each.template == "dagster/ecs.yaml")


@pytest.fixture(scope="module")
def server() -> Iterator[PostgreSQL]:
    """One PostgreSQL for all tests here."""
    with postgresql() as running:
        yield running


@dataclass
class Production:
    """The instance as on ECS, its cluster, and what its daemon's task finds in its environment."""

    home: Path
    ecs: EmulatedEcs
    run_definition: str
    environment: dict[str, str]
    instance: dg.DagsterInstance
    before: frozenset[str]

    def all_runs(self) -> list[dg.DagsterRun]:
        """Every run of this cluster, first ones first: another test's left theirs in the same database."""
        records = sorted(self.instance.get_run_records(), key=lambda record: record.create_timestamp)
        return [record.dagster_run for record in records if record.dagster_run.run_id not in self.before]

    def runs(self, customer: str) -> list[dg.DagsterRun]:
        """A customer's runs, first ones first."""
        return [run for run in self.all_runs() if run.tags["dagster/partition"] == customer]

    def launch(self, customer: str) -> None:
        """Ask the daemon for a run, as a person's `dagster job launch` does."""
        tags = json.dumps({"dagster/partition": customer})
        arguments = [
            "job",
            "launch",
            "-w",
            str(self.home / "workspace.yaml"),
            "-j",
            "sync_claims",
            "--tags",
            tags,
        ]
        done = subprocess.run(
            [f"{PROGRAMS}/dagster", *arguments],
            env=self.environment,
            cwd=self.home,
            capture_output=True,
            text=True,
            timeout=LONGEST_SECONDS,
        )
        assert done.returncode == 0, done.stderr

    def until(self, holds: Callable[[], bool], what: str) -> None:
        """Look every half second; what another process does by itself can only be waited for."""
        deadline = time.monotonic() + LONGEST_SECONDS
        while not holds():
            assert time.monotonic() < deadline, f"{what} never came; it was said:\n{self.said()}"
            time.sleep(0.5)

    def said(self) -> str:
        """What daemon and runs wrote."""
        return "\n".join(path.read_text() for path in sorted(self.home.parent.rglob("*.log")))

    def pool(self) -> tuple[int, int]:
        """Of the pool that stands for the report slot: how many hold it, how many wait."""
        found = self.instance.event_log_storage.get_concurrency_info(REPORT_SLOT_POOL)
        return found.active_slot_count, found.pending_step_count


def home_of(server: PostgreSQL, folder: Path) -> Path:
    """The production instance's folder: all but the port, how often it looks, and where its scratch is."""
    folder.mkdir()
    ours = yaml.safe_load((DEPLOY / "dagster/dagster.yaml").read_text())
    ours["storage"]["postgres"]["postgres_db"]["port"] = server.port
    ours["local_artifact_storage"]["config"]["base_dir"] = str(folder / "scratch")
    ours["run_monitoring"] |= {"poll_interval_seconds": 1, "free_slots_after_run_end_seconds": 1}
    (folder / "dagster.yaml").write_text(yaml.safe_dump(ours))
    workspace = (DEPLOY / "dagster/workspace.yaml").read_text()
    (folder / "workspace.yaml").write_text(workspace)
    return folder


def outside_of(town: Town, home: Path) -> dict[str, str]:
    """What the image sets, and what leads to the sandbox in place of the internet and AWS."""
    left_out = ("CLAIMS_STORAGE", "DYNAMODB_TABLE_NAME", "AWS_REGION", "DYNAMODB_ENDPOINT_URL", *IN_SECRET)
    sandbox = {name: value for name, value in town.environment.items() if name not in left_out}
    return {
        **PLAIN,
        **sandbox,
        "PATH": f"{PROGRAMS}:{os.environ['PATH']}",
        "PYTHONPATH": str(REPOSITORY),
        "DAGSTER_HOME": str(home),
        "AWS_ENDPOINT_URL": town.sandbox.dynamodb.url,
        "CLAIMS_LEASE_SECONDS": "3",
    }


@pytest.fixture
def production(
    town: Town, server: PostgreSQL, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Production]:
    """All of it, standing, its secret filled, and reports to fetch."""
    home = home_of(server, tmp_path / "home")
    url = town.sandbox.dynamodb.url
    storage: Any = boto3.client("s3", endpoint_url=url, region_name=REGION)
    storage.create_bucket(Bucket=BUCKET)
    keeper: Any = boto3.client("secretsmanager", endpoint_url=url, region_name=REGION)
    keeper.create_secret(
        Name=SECRET, SecretString=json.dumps({name: town.environment[name] for name in IN_SECRET})
    )
    town.put(report(row("RA1"), row("RA2")))
    town.put(report(row("RB1")), SECOND)
    roles = {
        f"{name}.Arn": f"arn:aws:iam::123456789012:role/{name}"
        for name in ("ExecutionRole", "RunRole", "DaemonRole")
    }
    wiring = Wiring(
        {
            **roles,
            "Database.Endpoint.Address": server.host,
            "DatabaseSecret": "arn:aws:secretsmanager:us-east-1:123456789012:secret:dagster-000000",
            "LogGroup": "claims-dagster-LogGroup",
        }
    )
    secrets = {"DAGSTER_PG_USERNAME": USER, "DAGSTER_PG_PASSWORD": PASSWORD}
    variant = replace(
        ECS,
        parameters={**ECS.parameters, "TableName": town.environment["DYNAMODB_TABLE_NAME"], "Customer": ""},
    )
    ecs = EmulatedEcs(url, variant, wiring, secrets, outside_of(town, home), tmp_path)
    run_definition = ecs.register("RunTask")
    ecs.wiring = Wiring({**wiring.values, "RunTask": run_definition})
    daemon_definition = ecs.register("DaemonTask")
    with metadata_of(ecs.start(daemon_definition)) as metadata:
        environment = {**ecs.environment(daemon_definition), "ECS_CONTAINER_METADATA_URI_V4": metadata}
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        with dg.DagsterInstance.from_config(str(home)) as instance, ecs.agent(run_definition):
            before = frozenset(run.run_id for run in instance.get_runs())
            yield Production(home, ecs, run_definition, environment, instance, before)
    storage.delete_objects(
        Bucket=BUCKET,
        Delete={
            "Objects": [
                {"Key": each["Key"]}
                for each in storage.list_objects_v2(Bucket=BUCKET).get("Contents", [{"Key": "none"}])
            ]
        },
    )
    storage.delete_bucket(Bucket=BUCKET)
    ecs.client.delete_cluster(cluster=CLUSTER)
    keeper.delete_secret(SecretId=SECRET, ForceDeleteWithoutRecovery=True)


@contextmanager
def daemon(production: Production) -> Iterator[None]:
    """The daemon as its task runs it, until it is ended with the process group that is its alone."""
    (container,) = production.ecs.definition("claims-daemon")["containerDefinitions"]
    assert container["command"] == ["dagster-daemon", "run", "--workspace", "workspace.yaml"]
    command = [sys.executable, f"{PROGRAMS}/dagster-daemon", *container["command"][1:]]
    log = production.home / "daemon.log"
    with process_group(command, production.environment, home=production.home, log=log):
        yield


def test_the_production_instance_loads(production: Production) -> None:
    assert isinstance(production.instance.run_launcher, EcsRunLauncher)
    assert isinstance(production.instance.event_log_storage, PostgresEventLogStorage)
    assert not production.instance.telemetry_enabled
    assert production.instance.run_monitoring_enabled


def test_a_run_is_a_task_whose_command_finishes_the_sync(town: Town, production: Production) -> None:
    production.launch(FIRST)
    with daemon(production):
        production.until(lambda: all(run.is_finished for run in production.runs(FIRST)), "the run's end")
    (run,) = production.runs(FIRST)
    assert run.status is DagsterRunStatus.SUCCESS, production.said()
    (task,) = production.ecs.tasks(production.run_definition)
    (container,) = production.ecs.definition(production.run_definition)["containerDefinitions"]
    assert container["memory"] == 2048
    assert task["overrides"]["containerOverrides"][0]["command"][:3] == ["dagster", "api", "execute_run"]
    assert run.tags["ecs/task_arn"] == task["taskArn"]
    assert sorted(town.claims()) == ["RA1", "RA2"]


def test_of_two_customers_runs_at_once_one_is_killed_and_its_slot_is_freed(
    town: Town, production: Production
) -> None:
    """The killed run holds the report slot, and the other waits for it."""
    shelf = town.sandbox.reports
    for customer in (FIRST, SECOND):
        shelf.script(customer, REPORT_ID, RECENT_FILTER_ID, Script(polls=(Answer.RUNNING,)))
        production.launch(customer)
    with daemon(production):
        production.until(lambda: len(shelf.runs) == 1, "a report that is asked for")
        holder = shelf.runs[0].key[0]
        waiter = SECOND if holder == FIRST else FIRST
        production.until(lambda: production.pool() == (1, 1), "the other customer's wait for the slot")
        for customer in (FIRST, SECOND):
            shelf.script(customer, REPORT_ID, RECENT_FILTER_ID, Script())
        (held,) = production.runs(holder)
        production.ecs.kill(held.tags["ecs/task_arn"])
        shelf.runs[0].script = Script()
        production.until(lambda: len(production.runs(holder)) == 2, "the retry of the killed run")
        production.until(lambda: all(run.is_finished for run in production.all_runs()), "the end of all")
        production.until(lambda: production.pool() == (0, 0), "the freed slot")
    killed, retried = production.runs(holder)
    (waited,) = production.runs(waiter)
    assert killed.status is DagsterRunStatus.FAILURE
    assert {retried.status, waited.status} == {DagsterRunStatus.SUCCESS}, production.said()
    assert retried.parent_run_id == killed.run_id
    assert sorted(town.claims()) == ["RA1", "RA2", "RB1"]
