"""What `claims-pipeline salesforce deploy` does, step by step, and its words.

What belongs here: the order of things, and what is said of each. Not here: the package and the calls
(`clients.salesforce.metadata`), the words for uploading by hand (`salesforce_by_hand`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import click

from claims_pipeline.cli.exits import Exit
from claims_pipeline.cli.progress import progress
from claims_pipeline.cli.salesforce_by_hand import by_hand, write_zip
from claims_pipeline.clients.salesforce import AddressRefused
from claims_pipeline.clients.salesforce.metadata import (
    THE_PREDECESSORS,
    ComponentProblem,
    DeployOptions,
    DeployState,
    DeployStatus,
    MetadataClient,
    MetadataPackage,
    Part,
    Project,
    Standing,
    build_package,
    read_project,
)
from claims_pipeline.errors import PermanentError
from claims_pipeline.sync.connections import open_metadata, read_salesforce_settings

_ZIP = Path("claims-salesforce.zip")
_ADDED_ONLY = Standing(objects=frozenset(THE_PREDECESSORS))
"""What an org is taken to have that nobody could ask: the predecessor's objects, which must not be overwritten."""


class DeployFailed(PermanentError):
    """The org took nothing of the package."""


class NotAssigned(PermanentError):
    """Not every permission set could be given."""


@dataclass(frozen=True)
class Asked:
    """The options. `assign` holds `USERNAME` or `SET=USERNAME`."""

    check_only: bool
    what: str
    assign: tuple[str, ...]
    username: str | None
    source: Path | None


def write_only(asked: Asked, zip_file: Path, *, complete: bool) -> Exit:
    """The package as a file, without asking any org."""
    standing = Standing() if complete else _ADDED_ONLY
    package = build_package(read_project(asked.source), Part(asked.what), standing)
    click.echo(write_zip(package, zip_file))
    for line in by_hand(package, zip_file, complete=complete):
        click.echo(line)
    return Exit.ALL_ARRIVED


def deploy(asked: Asked) -> Exit:
    """Deploy, and assign; where the org does not let us in, write the package and say what to do with it."""
    project = read_project(asked.source)
    client = open_metadata(read_salesforce_settings(), username=asked.username, ask_secret=ask_secret)
    try:
        client.sign_in()
        return _deploy(asked, project, client)
    except AddressRefused as refused:
        click.echo(str(refused), err=True)
        package = build_package(project, Part(asked.what), _ADDED_ONLY)
        click.echo(write_zip(package, _ZIP))
        for line in by_hand(package, _ZIP, complete=False):
            click.echo(line)
        return Exit.BY_HAND
    finally:
        client.close()


def ask_secret(what: str) -> str:
    """A secret, typed unseen."""
    answer: str = click.prompt(what, hide_input=True, default="", show_default=False, err=True)
    return answer


def _deploy(asked: Asked, project: Project, client: MetadataClient) -> Exit:
    for warning in client.warnings:
        click.echo(f"Warning: {warning}", err=True)
    package = build_package(project, Part(asked.what), client.standing())
    wanted = wanted_assignments(asked.assign, package)
    client.permission_sets.user_ids(sorted({username for _, username in wanted}))
    _tell_plan(asked, package, client)
    tests = package.test_classes if package.has_apex else ()
    options = DeployOptions(check_only=asked.check_only, tests=tests)
    with progress("deploy") as say:
        status = client.deploy(package.zipped(), options, tell=lambda found: say(progress_line(found)))
    for line in failure_lines(status, package):
        click.echo(line)
    if not status.success:
        raise DeployFailed(_why_failed(status))
    if asked.check_only:
        click.echo("The org would take the package. Nothing was changed: run again without --check-only.")
        return Exit.ALL_ARRIVED
    click.echo(f"Deployed: {len(status.deployed) or len(package.components)} components ({status.id}).")
    _assign(wanted, client)
    if not wanted and package.permission_sets:
        click.echo(
            "What is new is seen by nobody yet, you included: give the users our permission sets, by --assign or in "
            "Setup (Permission Sets, Manage Assignments)."
        )
    click.echo("Next: claims-pipeline salesforce diff, then claims-pipeline check.")
    return Exit.ALL_ARRIVED


def wanted_assignments(asked: Sequence[str], package: MetadataPackage) -> list[tuple[str, str]]:
    """(Set, user name) of each assignment; a bare user name means every set of the package."""
    wanted: list[tuple[str, str]] = []
    for entry in asked:
        named, equals, username = entry.rpartition("=")
        if equals and named not in package.permission_sets:
            known = ", ".join(package.permission_sets) or "none"
            raise click.UsageError(
                f"--assign {entry}: the package has no permission set {named}; it has {known}."
            )
        if not username.strip():
            raise click.UsageError(f"--assign {entry}: it names no user.")
        if not equals and not package.permission_sets:
            raise click.UsageError("--assign: the package has no permission set to give.")
        sets = [named] if equals else list(package.permission_sets)
        wanted += [(name, username.strip()) for name in sets]
    return list(dict.fromkeys(wanted))


def _tell_plan(asked: Asked, package: MetadataPackage, client: MetadataClient) -> None:
    who = client.sign_in()
    doing = "Checking" if asked.check_only else "Deploying"
    click.echo(
        f"{doing} {len(package.components)} components in org {who.organization_id} as {who.username} ..."
    )
    theirs = [line for line in package.left_out if line.endswith("the org's own stays as it is")]
    if theirs:
        click.echo(
            f"The org has its own {' and '.join(THE_PREDECESSORS)}: {len(theirs)} components of ours that would change "
            "them stay out."
        )
    for line in package.left_out:
        if line not in theirs:
            click.echo(f"Left out: {line}")


def progress_line(status: DeployStatus) -> str:
    """How far it is, in one line."""
    state = status.state.value if isinstance(status.state, DeployState) else status.state
    parts = [state]
    if status.components[1]:
        parts.append(f"components {status.components[0]}/{status.components[1]}")
    if status.tests[1]:
        parts.append(f"tests {status.tests[0]}/{status.tests[1]}")
    if errors := status.component_errors + status.test_errors:
        parts.append(f"errors {errors}")
    return ", ".join([*parts, status.detail] if status.detail and not status.done else parts)


def failure_lines(status: DeployStatus, package: MetadataPackage) -> list[str]:
    """Each component's problem with file and line, each failed test, each class with too little coverage."""
    lines = [_problem_line(found, package) for found in status.problems]
    for failure in status.test_failures:
        lines.append(f"Test failed: {failure.class_name}.{failure.method}: {failure.message}")
        lines += [f"    {line}" for line in failure.stack_trace.splitlines() if line.strip()]
    lines += [f"Coverage: {warning}" for warning in status.coverage_warnings]
    return lines


def _problem_line(found: ComponentProblem, package: MetadataPackage) -> str:
    word = "Warning" if found.is_warning else "Error"
    place = found.file
    if found.line is not None:
        place += f":{found.line}" + (f":{found.column}" if found.column is not None else "")
        source = package.origin(found.file, found.line)
        if source is not None:
            place = f"salesforce/{source[0]}:{source[1]} ({place})"
    named = " ".join(filter(None, (found.type, found.name)))
    return f"{word}: {place}  {named}: {found.problem}"


def _why_failed(status: DeployStatus) -> str:
    if status.state is DeployState.CANCELED:
        return f"Deployment {status.id} was canceled in the org; nothing was changed. Ask who did, then run again."
    counts = [
        f"{count} {word}"
        for count, word in (
            (sum(not found.is_warning for found in status.problems), "component problem(s)"),
            (len(status.test_failures), "failed test(s)"),
            (len(status.coverage_warnings), "class(es) with too little coverage"),
        )
        if count
    ]
    said = f" The org says: {status.error}." if status.error else ""
    return (
        f"Deployment {status.id} failed: {', '.join(counts) or 'no component is named'}.{said} Nothing was changed. "
        "Mend what is named above, and run again (--check-only tries without changing anything)."
    )


def _assign(wanted: Sequence[tuple[str, str]], client: MetadataClient) -> None:
    refused = []
    for found in client.permission_sets.assign(wanted):
        if found.problem is None:
            word = "given to" if found.given else "was already with"
            click.echo(f"Permission set {found.permission_set} {word} {found.username}.")
        else:
            refused.append(f"{found.permission_set} to {found.username} ({found.problem})")
    if refused:
        raise NotAssigned(
            f"The package is deployed, but these permission sets could not be given: {'; '.join(refused)}. Give them "
            "in Setup (Permission Sets, Manage Assignments); a user of another licence may need a permission set "
            "licence first."
        )
