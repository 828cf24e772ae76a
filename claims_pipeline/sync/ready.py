"""Ready: what must be so before a customer is touched: nobody paused it, the org is ours, its fields can be written.

What belongs here: the stops that cost nothing, before a report slot is taken or a row is sent; and counting the
attempt. Not here: whether a report is believed (`guards`), nor when a customer is due (`due`).
"""

from claims_pipeline.clients.salesforce import ClaimShape
from claims_pipeline.clients.sync_state import CustomerState, Lease
from claims_pipeline.errors import OlderThanCommitted, PermanentError
from claims_pipeline.sync import known
from claims_pipeline.sync.connections import Connections


class CustomerPaused(PermanentError):
    """A person holds this customer back."""


def take_up(customer: str, filters: str, connections: Connections, lease: Lease) -> CustomerState:
    """Count this run's attempt on the leased customer; the state as it stands. Raises CustomerPaused.

    `filters`: recent or full.
    """
    state = connections.state.read(customer)
    if state.paused is not None:
        since = f" since {state.paused.since:%Y-%m-%d %H:%M} UTC" if state.paused.since else ""
        raise CustomerPaused(
            f"Customer {customer} is paused{since} by {state.paused.by or 'unknown'} ({state.paused.reason}). Nothing "
            f"was done. When it may be synced again: claims-pipeline resume {customer}"
        )
    connections.state.begin_attempt(lease, filters=filters)
    return state


def require_our_org(connections: Connections, *, remember: bool) -> None:
    """Raise OtherOrganization unless the settings lead to the org that the state belongs to.

    `remember`: the first org to come is kept (a dry run leaves no mark).
    """
    organization_id = connections.salesforce.sign_in().organization_id
    if remember:
        connections.state.confirm_org(organization_id)
    else:
        connections.state.require_org(organization_id)


def require_newest(customer: str, sequence: int, state: CustomerState, connections: Connections) -> None:
    """Raise OlderThanCommitted where a newer fetch is in Salesforce already."""
    committed = known.committed_sequence(customer, state, connections)
    if sequence < committed:
        raise OlderThanCommitted(
            f"Customer {customer}: these claims are of fetch {sequence}, and fetch {committed} is already in "
            "Salesforce. Sending them would bring old amounts back, so nothing was done. Fetch again instead."
        )


def preflight(connections: Connections) -> ClaimShape:
    """What the org lets us write to `Claim__c`; names every missing or unwritable field before a row is sent."""
    return connections.salesforce.preflight(left_alone=connections.settings.salesforce.fields_left_alone)
