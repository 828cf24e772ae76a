"""`claims-pipeline resume`: let a paused customer be synced again."""

import click

from claims_pipeline.cli.deciding import by_option, how_it_stands, open_state


@click.command("resume")
@click.argument("customer")
@by_option
def command(customer: str, by: str) -> int:
    """Let CUSTOMER, which is paused, be synced again."""
    settings, state = open_state()
    settings.customer(customer)
    state.resume(customer, by=by)
    click.echo(f"Customer {customer} is no longer paused.")
    click.echo(how_it_stands(settings, state.read(customer)))
    return 0
