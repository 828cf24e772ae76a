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
    """Count this run's attempt on the leased customer, whose fetch begins; the state as it stood.

    `filters`: recent or full. Raises CustomerPaused.
    """
    state = lease.state_when_taken
    _stop_if_paused(customer, state)
    connections.state.begin_attempt(lease, filters=filters, found=state)
    return state


def take_up_stored(customer: str, sequence: int, connections: Connections, lease: Lease) -> CustomerState:
    """The same for stored claims of this fetch, which are about to be sent.

    Raises OlderThanCommitted, and CustomerPaused unless this run was at work before the pause.
    """
    state = lease.state_when_taken
    if state.attempts.last_run != connections.state.owner:
        _stop_if_paused(customer, state)
    require_newest(customer, sequence, state, connections)
    connections.state.begin_attempt(lease, filters=None, found=state)
    connections.state.begin_sending(lease, sequence)
    return state


def _stop_if_paused(customer: str, state: CustomerState) -> None:
    if state.paused is not None:
        since = f" since {state.paused.since:%Y-%m-%d %H:%M} UTC" if state.paused.since else ""
        raise CustomerPaused(
            f"Customer {customer} is paused{since} by {state.paused.by or 'unknown'} ({state.paused.reason}). Nothing "
            f"was done. When it may be synced again: claims-pipeline resume {customer}"
        )


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
    """Raise OlderThanCommitted where a newer fetch is in Salesforce already, or a part of it may be."""
    newest = max(state.sending_sequence, known.committed_sequence(customer, sequence, state, connections))
    if sequence < newest:
        raise OlderThanCommitted(
            f"Customer {customer}: these claims are of fetch {sequence}, and fetch {newest} is already in "
            "Salesforce. Sending them would bring old amounts back, so nothing was done. Fetch again instead."
        )


def preflight(connections: Connections) -> ClaimShape:
    """What the org lets us write to `Claim__c`; names every missing or unwritable field before a row is sent."""
    return connections.salesforce.preflight(left_alone=connections.settings.salesforce.fields_left_alone)
