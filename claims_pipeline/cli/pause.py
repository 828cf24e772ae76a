"""`claims-pipeline pause`: hold a customer back until it is resumed."""

import click

from claims_pipeline.cli.deciding import by_option, open_state, reason_option


@click.command("pause")
@click.argument("customer")
@reason_option
@by_option
def command(customer: str, reason: str, by: str) -> int:
    """Hold CUSTOMER back: no schedule and no sensor asks for it until it is resumed."""
    settings, state = open_state()
    settings.customer(customer)
    state.pause(customer, reason=reason, by=by)
    click.echo(f"Customer {customer} is paused. A run that is under way goes on. To end it:")
    click.echo(f"  claims-pipeline resume {customer}")
    return 0
