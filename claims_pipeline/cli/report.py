"""`claims-pipeline report`: the billing lead's web pages, from what the last syncs stored."""

import uuid

import click

from claims_pipeline.cli.customers import chosen_customers, with_customers
from claims_pipeline.cli.exits import Exit


@click.command("report")
@with_customers
def command(numbers: tuple[str, ...]) -> int:
    """Write a page a customer, one over all, and the claim ids beside them, to CLAIMS_REPORTS.

    Reads what the last syncs stored, and asks Salesforce for the payors to map; writes nothing there. Ends with 4
    when a claim is stuck.
    """
    from claims_pipeline.reporting.publish import payors_to_map, publish
    from claims_pipeline.sync.connections import connect, read_settings
    from claims_pipeline.sync.phrases import dollars_text

    settings = read_settings()
    chosen = [each.number for each in chosen_customers(settings, numbers)]
    with (
        connect(settings, f"report-{uuid.uuid4().hex}") as connections,
        connections.storage.work_folder("report") as work,
    ):
        pages, over_all = publish(chosen, payors_to_map(connections), connections, work)
    for number, page in pages.items():
        dollars = dollars_text(page.stuck_dollars)
        click.echo(f"{number}: {page.stuck_claims:,} claim(s) stuck, {dollars} charged: {page.address}")
    click.echo(f"All customers: {over_all.address}")
    click.echo(f"Claim ids for a spreadsheet: {over_all.list_address}")
    return Exit.NOT_ALL_ARRIVED if over_all.stuck_claims else Exit.ALL_ARRIVED
