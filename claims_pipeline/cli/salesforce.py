"""`claims-pipeline salesforce`: install what is in salesforce/ into an org, and tell what an org lacks of it.

What belongs here: the options. Not here: deploying (`salesforce_deploy`), comparing (`salesforce_diff`).
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

Command = TypeVar("Command", bound=Callable[..., Any])


def _with_who_and_what(command: Command) -> Command:
    """The command with the options that both have."""
    username = click.option(
        "--username",
        metavar="NAME",
        help="Sign in as this admin instead of SALESFORCE_USERNAME (by password, his is asked for).",
    )
    source = click.option(
        "--source",
        type=click.Path(exists=True, file_okay=False, path_type=Path),
        help="The SFDX project; our own salesforce/ by default.",
    )
    return username(source(command))


@click.group("salesforce")
def command() -> None:
    """Install our objects, fields and page into a Salesforce org, and tell what an org lacks of them.

    Needs the settings of Salesforce alone. Deploying needs an admin (Modify Metadata, Customize Application, Author
    Apex): name one with --username. See docs/salesforce-admin.md.
    """


@command.command("deploy")
@click.option(
    "--check-only", is_flag=True, help="Let the org try the package, tests and all, and change nothing."
)
@click.option(
    "--what",
    type=click.Choice(["all", "fields", "page"]),
    default="all",
    show_default=True,
    help="Everything; objects, fields and layouts alone; or all but these.",
)
@click.option(
    "--assign",
    "assign",
    multiple=True,
    metavar="[SET=]USERNAME",
    help="Give this user our permission sets, or the one named: what is deployed is seen by nobody before.",
)
@click.option(
    "--zip",
    "zip_file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the package here and ask no org: to be uploaded by hand.",
)
@click.option(
    "--complete",
    is_flag=True,
    help="With --zip: for an org that has no Claim__c and no Claim_Payor__c. Never for one that has: its own would be "
    "overwritten.",
)
@_with_who_and_what
def deploy(
    check_only: bool,
    what: str,
    assign: tuple[str, ...],
    zip_file: Path | None,
    complete: bool,
    username: str | None,
    source: Path | None,
) -> int:
    """Deploy through the Metadata API: all or nothing, with our own tests alone, failures with file and line.

    Where the org has Claim__c or Claim_Payor__c, they stay the customer's: only our fields and list views are added.
    Where the org does not let this address in, the package is written to a file, with the steps to upload it by hand.
    """
    from claims_pipeline.cli import salesforce_deploy

    if complete and zip_file is None:
        raise click.UsageError("--complete goes with --zip: when it deploys, the command looks for itself.")
    if zip_file is not None and (check_only or assign or username):
        raise click.UsageError("--zip asks no org: it goes without --check-only, --assign and --username.")
    asked = salesforce_deploy.Asked(check_only, what, assign, username, source)
    if zip_file is not None:
        return salesforce_deploy.write_only(asked, zip_file, complete=complete)
    return salesforce_deploy.deploy(asked)


@command.command("diff")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
@_with_who_and_what
def diff(as_json: bool, username: str | None, source: Path | None) -> int:
    """What of ours the org lacks, has changed, or hides from the integration user (SALESFORCE_USERNAME).

    His eyes alone cannot tell a field that is missing from one that is hidden: with --username, an admin's are asked
    too. Reads only. Ends with 4 where something should be done.
    """
    from claims_pipeline.cli import salesforce_diff

    return salesforce_diff.diff(username, source, as_json=as_json)
