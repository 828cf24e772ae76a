"""`claims-pipeline release`: what stopped a customer is mended; try it again at once."""

import click

from claims_pipeline.cli.deciding import by_option, how_it_stands, open_state


@click.command("release")
@click.argument("customers", nargs=-1, required=True, metavar="CUSTOMER...")
@click.option(
    "--free-lease",
    is_flag=True,
    help="Also take it from whoever holds it: that run stops before its next batch and commits nothing.",
)
@by_option
def command(customers: tuple[str, ...], free_lease: bool, by: str) -> int:
    """Forget the failed attempts of each CUSTOMER, and ask for a sync at once."""
    from claims_pipeline.sync.due import plain_id

    settings, state = open_state()
    for customer in customers:
        settings.customer(customer)
    for customer in customers:
        before = state.read(customer)
        state.release(customer, by=by, free_lease=free_lease)
        click.echo(
            f"Customer {customer} is released: {before.attempts.count} failed attempt(s) are forgotten."
        )
        if free_lease and before.holder is not None:
            click.echo(f"Run {plain_id(before.holder.run)} has lost its lease.")
        click.echo(how_it_stands(settings, state.read(customer)))
    return 0
