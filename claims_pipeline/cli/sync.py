"""`claims-pipeline sync`: carry the claims over, customer after customer."""

import uuid
from contextlib import nullcontext

import click
import polars as pl

from claims_pipeline.cli.exits import Exit, exit_code_of, words_of, worst
from claims_pipeline.cli.progress import progress
from claims_pipeline.settings import Customer, FilterKind, Settings
from claims_pipeline.sync.attempts import attempt_told
from claims_pipeline.sync.connections import Connections, connect, read_settings
from claims_pipeline.sync.options import SyncOptions
from claims_pipeline.sync.payors import matcher_of
from claims_pipeline.sync.summary import summary, unmapped_lines
from claims_pipeline.sync.unmapped import unmapped_payors
from claims_pipeline.sync.whole import WholeSync, sync_customer


@click.command("sync")
@click.option(
    "--customer",
    "numbers",
    multiple=True,
    help="CollaborateMD customer number; all of the settings by default.",
)
@click.option(
    "--full",
    is_flag=True,
    help="Fetch the filters declared full, and mark claims that are gone at the source.",
)
@click.option(
    "--dry-run", is_flag=True, help="Compare and say what would be sent; send nothing, move no cursor."
)
@click.option("--resend", is_flag=True, help="Send every claim again, whatever Salesforce holds.")
@click.option(
    "--accept-empty", is_flag=True, help="Believe an empty report of a filter that had rows the last time."
)
def command(numbers: tuple[str, ...], full: bool, dry_run: bool, resend: bool, accept_empty: bool) -> int:
    """Fetch, transform and send the claims of one customer, or of all."""
    settings = read_settings()
    options = SyncOptions(FilterKind.FULL if full else FilterKind.RECENT, dry_run, resend, accept_empty)
    with connect(settings, f"cli-{uuid.uuid4().hex}") as connections:
        codes = [_one(customer, options, connections) for customer in _customers(settings, numbers)]
    return worst(codes)


def _customers(settings: Settings, numbers: tuple[str, ...]) -> list[Customer]:
    return [settings.customer(number) for number in numbers] if numbers else list(settings.customers)


def _one(customer: Customer, options: SyncOptions, connections: Connections) -> Exit:
    """One customer's sync; a failure is told, and does not hold the others."""
    told = nullcontext() if options.dry_run else attempt_told(connections.state, customer.number)
    try:
        with told, progress(f"customer {customer.number}") as say:
            whole = sync_customer(customer, options, connections, say)
        _tell(whole, connections)
    except (Exception, pl.exceptions.PanicException) as error:  # noqa: BLE001 - the other customers' turn comes
        click.echo(f"Customer {customer.number} failed: {words_of(error)}", err=True)
        return exit_code_of(error)
    return Exit.ALL_ARRIVED if whole.all_arrived else Exit.NOT_ALL_ARRIVED


def _tell(whole: WholeSync, connections: Connections) -> None:
    """What became of the claims, at once: they have arrived, whatever becomes of the list of payors."""
    for line in summary(whole.synced, whole.rejected):
        click.echo(line)
    unmapped = unmapped_payors(connections.salesforce, matcher_of(whole.payors), connections.now())
    for line in unmapped_lines(unmapped):
        click.echo(line)
