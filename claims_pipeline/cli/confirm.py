"""`claims-pipeline confirm`: a person's word that a report, or another Salesforce org, is right.

What belongs here: showing what is confirmed, and keeping it. Not here: the guards that ask for it (`sync`).
"""

from typing import TYPE_CHECKING

import click

from claims_pipeline.cli.deciding import by_option, how_it_stands, open_state, read_of_settings
from claims_pipeline.errors import PermanentError

if TYPE_CHECKING:
    from claims_pipeline.settings import Settings

_SAME_ORG = 15  # the 18-character form of an id adds three that follow from these


class NothingToConfirm(PermanentError):
    """The org that was named is not the one to be confirmed."""


@click.group("confirm")
def command() -> None:
    """A person's word that a report, or another Salesforce org, is right."""


@command.command("report")
@click.argument("customer")
@by_option
def report(customer: str, by: str) -> int:
    """The report of CUSTOMER that looked too small is right: the next one may be as small."""
    settings, state = open_state()
    settings.customer(customer)
    doubt = state.believe_report(customer, by=by)
    click.echo(
        f"Customer {customer}: {doubt.rows:,} rows of filter {doubt.filter_id} will be believed, where there were "
        f"{doubt.rows_before:,}."
    )
    click.echo(how_it_stands(settings, state.read(customer)))
    return 0


@command.command("org")
@click.argument("org_id")
@by_option
def org(org_id: str, by: str) -> int:
    """The sync state goes over to the org ORG_ID, to which the settings lead (a refreshed sandbox)."""
    from claims_pipeline.clients.salesforce import AnotherOrgAnswers
    from claims_pipeline.clients.sync_state import OtherOrganization

    settings, state = open_state()
    known, found = state.organization_id(), _org_of(settings)
    click.echo(f"The sync state belongs to org {known or '(none yet)'}; the settings lead to org {found}.")
    if org_id[:_SAME_ORG] != found[:_SAME_ORG]:
        raise NothingToConfirm(
            f"Org {org_id} is not the one that the settings lead to: nothing was changed. Mend the settings, or "
            f"confirm {found}."
        )
    if known is None or known[:_SAME_ORG] == found[:_SAME_ORG]:
        raise NothingToConfirm("No other org is known: there is nothing to confirm, and nothing was changed.")
    state.accept_org(found, instead_of=known, by=by)
    click.echo(f"The sync state belongs to org {found} now.")
    of_the_org = (OtherOrganization.__name__, AnotherOrgAnswers.__name__)
    for customer, each in read_of_settings(settings, state).items():
        if each.attempts.failure is not None and each.attempts.failure.error in of_the_org:
            state.release(customer, by=by)
            click.echo(f"Customer {customer}, which had stopped for it, is released.")
    return 0


def _org_of(settings: "Settings") -> str:
    """The id of the org that the settings sign in to."""
    from claims_pipeline.sync.connections import open_salesforce

    salesforce = open_salesforce(settings)
    try:
        return salesforce.sign_in().organization_id
    finally:
        salesforce.close()
