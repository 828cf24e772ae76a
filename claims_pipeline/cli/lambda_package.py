"""`claims-pipeline lambda`: build the Lambda package, and check one."""

from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import click

from claims_pipeline.cli.exits import Exit
from claims_pipeline.errors import PermanentError
from claims_pipeline.packaging.contents import ARCHITECTURES, DEFAULT_PYTHON, MIB, RUNTIMES, Target

if TYPE_CHECKING:
    from claims_pipeline.packaging.checking import Finding

_PYTHONS, _ARCHITECTURES = click.Choice(list(RUNTIMES)), click.Choice(list(ARCHITECTURES))
_COLOURS = {"ok": "green", "not tried": "yellow", "failed": "red"}


class LambdaNotInstalled(PermanentError):
    """What reads binaries is missing."""


@click.group("lambda")
def command() -> None:
    """Build the Lambda function's package (no Docker), and check one as it is."""


@command.command("build")
@click.option("--python", default=DEFAULT_PYTHON, show_default=True, type=_PYTHONS, help="The runtime.")
@click.option("--arch", default="x86_64", show_default=True, type=_ARCHITECTURES, help="The processor.")
@click.option(
    "--folder",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("build/lambda"),
    show_default=True,
    help="Where the zip goes.",
)
@click.option(
    "--config",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A claims.toml for several customers: it goes to the root of the package (CLAIMS_CONFIG=claims.toml).",
)
def build_command(python: str, arch: str, folder: Path, config: Path | None) -> int:
    """Build the zip, pinned by hash and the same to the byte each time, and check it."""
    from claims_pipeline.packaging.building import build

    target = Target(python, arch)
    built = build(target, folder, config)
    click.echo(
        f"{built.path}  {built.zipped_bytes / MIB:.1f} MiB, unzipped {built.unzipped_bytes / MIB:.1f} MiB"
    )
    click.echo(f"sha256  {built.sha256}")
    if built.compiled_by is None:
        click.echo(
            f"No Python {python} is on this machine (PYTHONS may name one), so the modules are not compiled: each cold "
            "start will, which takes seconds.",
            err=True,
        )
    return _told(built.path, target)


@command.command("check")
@click.argument("path", metavar="ZIP", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--python", type=_PYTHONS, help="The runtime, where the package does not say it.")
@click.option("--arch", type=_ARCHITECTURES, help="The processor, where the package does not say it.")
def check_command(path: Path, python: str | None, arch: str | None) -> int:
    """Would this zip run on Lambda? One line a finding; what was not tried is said.

    Its binaries' newest symbols against the runtime's C library, their architecture, sizes, what has no business in
    it, and every import in a clean interpreter of the runtime's version, where this machine has one.
    """
    return _told(path, _checking().target_of(path, python, arch))


def _told(path: Path, target: Target) -> int:
    findings: list[Finding] = []
    for finding in _checking().check(path, target):
        mark = click.style(f"{finding.verdict.value:>9}", fg=_COLOURS[finding.verdict.value])
        click.echo(f"{mark}  {finding.of}: {finding.words}")
        findings.append(finding)
    return Exit.PERMANENT if any(each.verdict.value == "failed" for each in findings) else Exit.ALL_ARRIVED


def _checking() -> ModuleType:
    try:
        from claims_pipeline.packaging import checking
    except ModuleNotFoundError as error:
        raise LambdaNotInstalled(
            f"Checking needs the package {error.name}. Install it: pip install 'claims-pipeline[lambda]'."
        ) from None
    return checking
