"""`claims-pipeline reconcile`: does Salesforce hold what the source holds? Customer after customer."""

import json
import uuid

import click
import polars as pl

from claims_pipeline.cli.customers import chosen_customers, with_customers
from claims_pipeline.cli.exits import Exit, exit_code_of, worst
from claims_pipeline.cli.progress import progress
from claims_pipeline.errors import words_of
from claims_pipeline.sync.connections import Connections, connect, read_settings
from claims_pipeline.sync.reconciliation.findings import Reconciliation
from claims_pipeline.sync.reconciliation.reconcile import reconcile
from claims_pipeline.sync.reconciliation.told import reconciliation_lines


@click.command("reconcile")
@with_customers
@click.option("--json", "as_json", is_flag=True, help="One JSON list on stdout, an entry a customer.")
def command(numbers: tuple[str, ...], as_json: bool) -> int:
    """After a full fetch: does Salesforce hold every claim of the source, no other, and each field and cent the same?

    Reads the stored report and Salesforce; writes nothing anywhere.
    """
    settings = read_settings()
    customers = chosen_customers(settings, numbers)
    codes, told = [], []
    with connect(settings, f"reconcile-{uuid.uuid4().hex}") as connections:
        for customer in customers:
            try:
                found = reconcile_one(customer.number, connections)
            except (Exception, pl.exceptions.PanicException) as error:  # noqa: BLE001 - the other customers' turn comes
                click.echo(f"Customer {customer.number} failed: {words_of(error)}", err=True)
                codes.append(exit_code_of(error))
                told.append({"customer": customer.number, "error": words_of(error)})
                continue
            codes.append(exit_code_of_found(found))
            told.append(found.to_facts())
            if not as_json:
                for line in (*reconciliation_lines(found), ""):
                    click.echo(line)
    if as_json:
        click.echo(json.dumps(told, indent=2))
    return worst(codes)


def reconcile_one(customer: str, connections: Connections) -> Reconciliation:
    """One customer's reconciliation, with progress on stderr."""
    with (
        progress(f"customer {customer}") as say,
        connections.storage.work_folder("reconcile") as work,
    ):
        return reconcile(customer, connections, work, say)


def exit_code_of_found(found: Reconciliation) -> Exit:
    """Whether all is as it should be."""
    return Exit.ALL_ARRIVED if found.is_equal else Exit.NOT_ALL_ARRIVED
