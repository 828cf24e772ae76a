"""`claims-pipeline check`: one line a finding, and what to do."""

import uuid

import click

from claims_pipeline.cli.exits import Exit, exit_code_of, worst
from claims_pipeline.sync.check import Finding, Verdict, check
from claims_pipeline.sync.connections import connect, read_settings

_COLOURS = {Verdict.OK: "green", Verdict.WARNING: "yellow", Verdict.FAILED: "red"}


@click.command("check")
def command() -> int:
    """Can we sign in everywhere, are the fields there, is each report readable and its columns known?

    Sends nothing and moves no cursor. Runs each customer's reports, as a sync would.
    """
    codes = [Exit.ALL_ARRIVED]
    with (
        connect(read_settings(), f"check-{uuid.uuid4().hex}") as connections,
        connections.storage.work_folder("check") as work,
    ):
        for finding in check(connections, work):
            mark = click.style(f"{finding.verdict.value:>7}", fg=_COLOURS[finding.verdict])
            click.echo(f"{mark}  {finding.of}: {finding.words}")
            codes.append(_code_of(finding))
    return worst(codes)


def _code_of(finding: Finding) -> Exit:
    """What fails for want of an answer may pass by itself; every other failure needs a person."""
    if finding.verdict is not Verdict.FAILED:
        return Exit.ALL_ARRIVED
    return Exit.PERMANENT if finding.error is None else exit_code_of(finding.error)
