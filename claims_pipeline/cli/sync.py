"""`claims-pipeline sync`: carry the claims over, customer after customer.

What a dry run or a full sync alone needs is imported there: an unchanged day is short.
"""

import uuid
from contextlib import nullcontext
from dataclasses import dataclass, replace

import click
import polars as pl

from claims_pipeline.alerts.payors import note_payors
from claims_pipeline.cli.customers import chosen_customers, with_customers
from claims_pipeline.cli.deciding import this_user
from claims_pipeline.cli.exits import Exit, exit_code_of, worst
from claims_pipeline.cli.progress import progress
from claims_pipeline.errors import words_of
from claims_pipeline.settings import Customer, FilterKind
from claims_pipeline.storage.frames import StampedFrame
from claims_pipeline.sync.attempts import attempt_told
from claims_pipeline.sync.connections import Connections, connect, read_settings
from claims_pipeline.sync.options import SyncOptions
from claims_pipeline.sync.payors.counting import count_waiting
from claims_pipeline.sync.payors.groups import Group
from claims_pipeline.sync.payors.mapping import matcher_of
from claims_pipeline.sync.payors.unmapped import unmapped_payors
from claims_pipeline.sync.summary import summary, unmapped_lines
from claims_pipeline.sync.whole import WholeSync, sync_customer


@click.command("sync")
@with_customers
@click.option(
    "--full",
    is_flag=True,
    help="Fetch the filters declared full, mark claims that are gone at the source, and compare Salesforce with it.",
)
@click.option(
    "--dry-run",
    is_flag=True,
    help="Say what a sync would create, change and be refused; send nothing, move no cursor.",
)
@click.option("--resend", is_flag=True, help="Send every claim again, whatever Salesforce holds.")
@click.option(
    "--accept-empty",
    is_flag=True,
    help="Believe a report that is empty or far smaller than the last one of its filter. Who said so is kept.",
)
def command(numbers: tuple[str, ...], full: bool, dry_run: bool, resend: bool, accept_empty: bool) -> int:
    """Fetch, transform and send the claims of one customer, or of all."""
    settings = read_settings()
    kind = FilterKind.FULL if full else FilterKind.RECENT
    by = this_user() if accept_empty else ""
    options = SyncOptions(kind, dry_run, resend, accept_empty, by)
    with connect(settings, f"cli-{uuid.uuid4().hex}") as connections:
        customers = chosen_customers(settings, numbers)
        codes, arrived, last = list[Exit](), list[Customer](), None
        for customer in customers:
            done = _one(customer, options, connections)
            codes.append(done.code)
            if done.payors is not None:
                arrived.append(customer)
                last = done  # of the others nothing is kept: each holds the org's payors and groups
                options = replace(options, follows=options.follows or dry_run or done.groups is not None)
        if last is not None:
            if last.customer is not customers[-1]:
                last = replace(last, groups=None)  # another one was at work after it
            codes.append(_tell_unmapped(last, connections, counts=options.follows and not dry_run))
        if options.reconciles:
            codes += [_told_equal(customer, connections) for customer in arrived]
    return worst(codes)


@dataclass(frozen=True)
class _Done:
    """One customer's turn; `payors` and `groups` as they were read, where its claims have arrived."""

    customer: Customer
    code: Exit
    payors: StampedFrame | None = None
    groups: tuple[Group, ...] | None = None


def _one(customer: Customer, options: SyncOptions, connections: Connections) -> _Done:
    """One customer's sync; a failure is told, and does not hold the others."""
    told = nullcontext() if options.dry_run else attempt_told(connections.state, customer.number)
    try:
        with told, progress(f"customer {customer.number}") as say:
            whole = sync_customer(customer, options, connections, say)
        tell(whole)
    except (Exception, pl.exceptions.PanicException) as error:  # noqa: BLE001 - the other customers' turn comes
        return _Done(customer, _failed(customer, error))
    code = Exit.ALL_ARRIVED if whole.all_arrived else Exit.NOT_ALL_ARRIVED
    return _Done(customer, code, whole.payors, whole.synced.payor_groups)


def _failed(customer: Customer, error: BaseException) -> Exit:
    click.echo(f"Customer {customer.number} failed: {words_of(error)}", err=True)
    return exit_code_of(error)


def _told_equal(customer: Customer, connections: Connections) -> Exit:
    """The verdict on a full sync. It is told from what stands after the commit: what the sync read back came before."""
    from claims_pipeline.cli.reconcile import exit_code_of_found, reconcile_one
    from claims_pipeline.sync.reconciliation.told import verdict, what_to_do

    try:
        found = reconcile_one(customer.number, connections)
    except (Exception, pl.exceptions.PanicException) as error:  # noqa: BLE001 - the other customers' turn comes
        return _failed(customer, error)
    click.echo(verdict(found))
    if not found.is_equal:
        click.echo(what_to_do(found))
    return exit_code_of_found(found)


def tell(whole: WholeSync) -> None:
    """What became of the claims, at once: they have arrived, whatever becomes of the list of payors."""
    for line in summary(whole.synced, whole.rejected):
        click.echo(line)
    if whole.synced.outcomes.stamp.dry_run:
        from claims_pipeline.sync.foreseen import foresee, foreseen_lines

        for line in foreseen_lines(foresee(whole)):
            click.echo(line)


def tell_unmapped(
    payors: StampedFrame, connections: Connections, groups: tuple[Group, ...] | None = None
) -> None:
    """The payors to map: the org's own claims of all customers, so once, however many customers were synced.

    `groups`: see `unmapped_payors`.
    """
    unmapped = unmapped_payors(connections.salesforce, matcher_of(payors), connections.now(), groups)
    note_payors(connections.state, unmapped, connections.settings.alerts)
    for line in unmapped_lines(unmapped):
        click.echo(line)


def _tell_unmapped(done: _Done, connections: Connections, *, counts: bool) -> Exit:
    """`counts`: customers followed one another, so that what waits is counted now, unless the last one has done it."""
    try:
        if done.payors is not None:
            groups = done.groups
            if groups is None and counts:
                counted = count_waiting(done.payors, connections)
                groups = counted.groups
                for warning in counted.warnings:
                    click.echo(f"Warning: {warning}")
            tell_unmapped(done.payors, connections, groups)
    except (Exception, pl.exceptions.PanicException) as error:  # noqa: BLE001 - what arrived has arrived
        click.echo(f"The payors to map could not be told: {words_of(error)}", err=True)
        return exit_code_of(error)
    return Exit.ALL_ARRIVED
