"""`claims-pipeline sandbox`: local stand-ins for the three systems, until stopped."""

import tempfile
from contextlib import ExitStack
from pathlib import Path

import click

from claims_pipeline.cli.local import fill, start_sandbox, wait_for_stop, with_report_options


@click.command("sandbox")
@click.option(
    "--folder", type=click.Path(path_type=Path), help="Where its files go; a temporary folder by default."
)
@with_report_options
@click.option(
    "--org",
    type=click.Choice(["standing", "older", "bare"]),
    default="standing",
    show_default=True,
    help="What Salesforce has: all of ours, the predecessor's objects alone, or nothing; `salesforce deploy` fills it.",
)
@click.option(
    "--write-environment",
    type=click.Path(path_type=Path),
    help="Write the settings to this file, for `source`.",
)
def command(
    folder: Path | None,
    reports: tuple[Path, ...],
    claims: int,
    charges: bool,
    seed: int,
    org: str,
    write_environment: Path | None,
) -> int:
    """Local stand-ins for CollaborateMD, Salesforce and DynamoDB, until stopped."""
    from claims_pipeline.sandbox.systems import as_exports

    with ExitStack() as stack:
        where = folder or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="claims-sandbox-")))
        sandbox = stack.enter_context(start_sandbox(where, max(len(reports), 1), seed, org))
        fill(sandbox, reports, claims=claims, charges=charges, seed=seed)
        exports = as_exports(sandbox.environment())
        if write_environment is not None:
            _write_whole(write_environment, exports + "\n")
        click.echo(f"The sandbox is up; its files are in {where}. In another shell:\n\n{exports}\n")
        click.echo("claims-pipeline sync\n\nCtrl-C stops it.")
        wait_for_stop()
    return 0


def _write_whole(path: Path, text: str) -> None:
    """For this user alone, and whole once it is there: who waits for the file may source it at once."""
    beside = path.with_name(f".{path.name}.new")
    beside.touch(mode=0o600)
    beside.write_text(text)
    beside.replace(path)
