"""What `claims-pipeline salesforce diff` does, and its words.

What belongs here: looking with both pairs of eyes, and printing. Not here: the comparison
(`clients.salesforce.metadata.differences`).
"""

import json
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path

import click

from claims_pipeline.cli.exits import Exit
from claims_pipeline.cli.salesforce_deploy import ask_secret
from claims_pipeline.clients.salesforce import AnotherOrgAnswers, ObjectDescription
from claims_pipeline.clients.salesforce.metadata import (
    Definitions,
    Difference,
    Kind,
    MetadataClient,
    Seen,
    definitions_of,
    differences,
    read_project,
    untold,
)
from claims_pipeline.sync.connections import open_metadata, read_salesforce_settings

_COLOURS = {
    Kind.MISSING: "red",
    Kind.NOT_SEEN: "red",
    Kind.HIDDEN: "yellow",
    Kind.READ_ONLY: "yellow",
    Kind.CHANGED: "yellow",
    Kind.LARGER: "green",
}


def diff(username: str | None, source: Path | None, *, as_json: bool) -> Exit:
    """Look, compare, tell. Whether something should be done is the exit code."""
    definitions = definitions_of(read_project(source))
    seen, unassigned = _look(definitions, username)
    found = [*differences(definitions, seen), *unassigned]
    unknown = untold(definitions, seen)
    if as_json:
        entries = [{"kind": one.kind.value, "name": one.name, "words": one.words} for one in found]
        click.echo(json.dumps({"differences": entries, "cannot_be_told": unknown}, indent=2))
    else:
        _tell(found, unknown, definitions)
    return Exit.ALL_ARRIVED if all(one.kind.is_harmless for one in found) else Exit.NOT_ALL_ARRIVED


def _look(definitions: Definitions, username: str | None) -> tuple[Seen, list[Difference]]:
    """What the integration user sees, and, with an admin's name, what there is."""
    settings = read_salesforce_settings()
    with ExitStack() as stack:
        integration = open_metadata(settings, ask_secret=ask_secret)
        stack.callback(integration.close)
        mine = _described(integration, definitions)
        me = integration.sign_in()
        if username is None:
            return Seen(mine, me.username), []
        admin = open_metadata(settings, username=username, ask_secret=ask_secret)
        stack.callback(admin.close)
        if admin.sign_in().organization_id != me.organization_id:
            raise AnotherOrgAnswers(me.organization_id, admin.sign_in().organization_id)
        listed = admin.listed("CustomObject", "CustomField")
        there = frozenset(listed["CustomObject"] | listed["CustomField"])
        seen = Seen(mine, me.username, _described(admin, definitions), there)
        return seen, _unassigned(definitions, admin, me.username, me.user_id)


def _described(client: MetadataClient, definitions: Definitions) -> dict[str, ObjectDescription | None]:
    return {name: client.describe(name) for name in definitions.objects}


def _unassigned(
    definitions: Definitions, admin: MetadataClient, username: str, user_id: str
) -> list[Difference]:
    """Whether the integration user has its permission set, where the project has one."""
    grants = definitions.grants
    if grants is None or grants.name in admin.permission_sets.assigned(user_id, [grants.name]):
        return []
    words = (
        f"it is not assigned to {username}: claims-pipeline salesforce deploy --assign {grants.name}={username}, or "
        "Setup > Permission Sets > Manage Assignments"
    )
    return [Difference(Kind.HIDDEN, f"permission set {grants.name}", words)]


def _tell(found: Iterable[Difference], unknown: list[str], definitions: Definitions) -> None:
    count = 0
    for one in found:
        mark = click.style(f"{one.kind.value:>9}", fg=_COLOURS[one.kind])
        click.echo(f"{mark}  {one.name}: {one.words}")
        count += not one.kind.is_harmless
    if unknown:
        click.echo(
            f"{len(unknown)} field(s) are for people alone, so the integration user does not see them, and cannot tell "
            f"whether they are there: {', '.join(unknown)}. With --username ADMIN they are looked for."
        )
    whole = f"{len(definitions.objects)} objects, {len(definitions.fields)} fields"
    click.echo(
        f"{count} difference(s) to be mended ({whole})."
        if count
        else f"The org has all of ours ({whole}), and shows the integration user what it needs."
    )
