"""`claims-pipeline sandbox`: local stand-ins for the three systems, until stopped."""

import tempfile
from pathlib import Path

import click

from claims_pipeline.cli.local import fill, start_sandbox, wait_for_stop


@click.command("sandbox")
@click.option(
    "--folder", type=click.Path(path_type=Path), help="Where its files go; a temporary folder by default."
)
@click.option(
    "--report",
    "reports",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A CSV report of your own; a second one becomes a second customer's.",
)
@click.option("--claims", default=2000, show_default=True, help="Claims to invent, when no report is given.")
@click.option("--charges", is_flag=True, help="Invent a report with a row a charge line.")
@click.option("--seed", default=1, show_default=True, help="The same seed invents the same claims.")
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
    write_environment: Path | None,
) -> int:
    """Local stand-ins for CollaborateMD, Salesforce and DynamoDB, until stopped."""
    from claims_pipeline.sandbox.systems import as_exports

    where = folder or Path(tempfile.mkdtemp(prefix="claims-sandbox-"))
    with start_sandbox(where, max(len(reports), 1), seed) as sandbox:
        fill(sandbox, reports, claims=claims, charges=charges, seed=seed)
        exports = as_exports(sandbox.environment())
        if write_environment is not None:
            write_environment.write_text(exports + "\n")
        click.echo(f"The sandbox is up; its files are in {where}. In another shell:\n\n{exports}\n")
        click.echo("claims-pipeline sync\n\nCtrl-C stops it.")
        wait_for_stop()
    return 0
