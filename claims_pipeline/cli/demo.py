"""`claims-pipeline demo`: the whole pipeline through Dagster against a sandbox, told as a billing lead wants it."""

import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from claims_pipeline.cli.local import fill, start_sandbox, wait_for_stop, with_report_options
from claims_pipeline.errors import PermanentError

if TYPE_CHECKING:
    from claims_pipeline.sandbox.systems import Sandbox

_JOB = "sync_claims"
_MARK = ".made-by-claims-pipeline-demo"
_MODULE = "claims_pipeline.definitions"
_REPOSITORY = Path(__file__).parents[2]


class DemoFailed(PermanentError):
    """A run of the demo did not succeed."""


@click.command("demo")
@with_report_options
@click.option(
    "--folder",
    type=click.Path(path_type=Path),
    default=Path(".demo"),
    show_default=True,
    help="Where its files go.",
)
@click.option("--ui", is_flag=True, help="Leave the Dagster UI up at a printed address, until Ctrl-C.")
@click.option(
    "--port", default=3000, show_default=True, help="The UI's port; another is taken where it is busy."
)
def command(
    reports: tuple[Path, ...], claims: int, charges: bool, seed: int, folder: Path, ui: bool, port: int
) -> int:
    """The whole pipeline through Dagster against a sandbox, with a summary."""
    where = folder.absolute()
    _begin_anew(where)
    click.echo("Starting the sandbox: CollaborateMD, Salesforce and DynamoDB on this machine ...")
    with start_sandbox(where, max(len(reports), 1), seed) as sandbox:
        fill(sandbox, reports, claims=claims, charges=charges, seed=seed)
        environment = _environment(sandbox, where)
        for customer in sandbox.customers:
            click.echo(f"Materialising all assets for customer {customer.number} ({customer.name}) ...")
            _materialise(customer.number, environment, where)
        click.echo("")
        _tell(sandbox, environment)
        if ui:
            _serve_ui(environment, where, port)
    return 0


def _begin_anew(where: Path) -> None:
    """An empty folder of the demo's own; a folder that holds anything else is never touched."""
    mark = where / _MARK
    if where.exists() and any(where.iterdir()) and not mark.exists():
        raise DemoFailed(f"{where} holds files that are not the demo's. Name another folder with --folder.")
    shutil.rmtree(where, ignore_errors=True)
    where.mkdir(mode=0o700, parents=True)
    mark.touch()


def _environment(sandbox: "Sandbox", where: Path) -> dict[str, str]:
    """The settings of a pipeline against this sandbox, with a Dagster instance of its own."""
    home = where / "dagster"
    home.mkdir(parents=True)
    shutil.copy(_REPOSITORY / "dagster.yaml", home / "dagster.yaml")
    return {**sandbox.environment(), "DAGSTER_HOME": str(home)}


def _materialise(customer: str, environment: Mapping[str, str], where: Path) -> None:
    """Run the job for one customer, as a person would by Dagster's command line; its words go to a log file."""
    tags = json.dumps({"dagster/partition": customer})
    run = [sys.executable, "-m", "dagster", "job", "execute", "-m", _MODULE, "-j", _JOB, "--tags", tags]
    log = where / f"dagster-{customer}.log"
    with log.open("wb") as stream:
        code = subprocess.run(
            run, env={**os.environ, **environment}, stdout=stream, stderr=stream, check=False
        ).returncode
    if code:
        raise DemoFailed(f"The run for customer {customer} failed. What Dagster said is in {log}.")


def _tell(sandbox: "Sandbox", environment: Mapping[str, str]) -> None:
    """The summary of every customer, from what the runs stored, and what stands in the org."""
    from claims_pipeline.reporting.publish import reports_place
    from claims_pipeline.sync.connections import connect, read_settings
    from claims_pipeline.sync.settling.synced import Synced
    from claims_pipeline.sync.summary import org_line, summary, unmapped_lines

    with connect(read_settings(environment), "demo") as connections:
        storage = connections.storage
        for customer in sandbox.customers:
            synced = Synced.of(storage.read(f"salesforce_synced_claims/{customer.number}"))
            rejected = storage.read(f"rejected_claims/{customer.number}")
            for line in (*summary(synced, rejected), ""):
                click.echo(line)
        click.echo("All customers")
        click.echo(org_line(connections.salesforce))
        for line in unmapped_lines(storage.read("unmapped_payors")):
            click.echo(line)
        place = reports_place(connections.settings)
        click.echo(f"\nThe billing lead's report, for a browser: {place.address('index.html')}")


def _serve_ui(environment: Mapping[str, str], where: Path, port: int) -> None:
    """The Dagster UI and daemon, until Ctrl-C. The sandbox stays up with them, so that runs can be started."""
    free = _free_port(port)
    workspace = str(_REPOSITORY / "workspace.yaml")
    run = [sys.executable, "-m", "dagster", "dev", "-w", workspace, "-h", "127.0.0.1", "-p", str(free)]
    with (where / "dagster-dev.log").open("wb") as log:
        # a session of its own: started from a non-interactive shell, it would ignore the signals that stop it
        served = subprocess.Popen(
            run, env={**os.environ, **environment}, stdout=log, stderr=log, start_new_session=True
        )
        try:
            click.echo(
                f"\nThe Dagster UI is at http://127.0.0.1:{free} (ready in some seconds). Ctrl-C stops it."
            )
            wait_for_stop()
        finally:
            served.terminate()
            served.wait()


def _free_port(wanted: int) -> int:
    for port in (wanted, 0):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise DemoFailed("No port is free for the Dagster UI.")
