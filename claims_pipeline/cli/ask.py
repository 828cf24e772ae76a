"""`claims-pipeline ask`: leave a request for a sync in the state, as another system would."""

import uuid

import click

from claims_pipeline.cli.deciding import how_it_stands, open_state


@click.command("ask")
@click.argument("customer")
@click.option("--full", is_flag=True, help="Ask for a full fetch.")
def command(customer: str, full: bool) -> int:
    """Ask for a sync of CUSTOMER: the sensor starts it within a minute or two, if nothing holds it back."""
    from claims_pipeline.clients.sync_state import SyncRequest
    from claims_pipeline.errors import SettingsError
    from claims_pipeline.settings import FilterKind
    from claims_pipeline.sync.due import plain_id

    settings, state = open_state()
    if full and not settings.customer(customer).filters_of(FilterKind.FULL):
        raise SettingsError([f"customer {customer} has no filter of kind full: declare one to fetch by it"])
    before = state.read(settings.customer(customer).number).request
    request = SyncRequest(f"asked-{uuid.uuid4().hex}", FilterKind.FULL.value if full else None)
    state.ask_for_sync(customer, request)
    instead = f" It takes the place of request {plain_id(before.id)}." if before else ""
    click.echo(f"Request {request.id} is left for customer {customer}.{instead}")
    click.echo(how_it_stands(settings, state.read(customer)))
    return 0
