"""Ready: what must be so before a customer is touched: nobody paused it, the org is ours, its fields can be written.

What belongs here: the stops that cost nothing, before a report slot is taken or a row is sent. Not here: taking the
customer (`holding`), whether a report is believed (`guards`), nor when a customer is due (`due`).
"""

from claims_pipeline.clients.salesforce import ClaimShape
from claims_pipeline.clients.sync_state import CustomerState
from claims_pipeline.errors import OlderThanCommitted, PermanentError, SettingsError
from claims_pipeline.settings import Customer, FilterKind
from claims_pipeline.sync import known
from claims_pipeline.sync.connections import Connections


class CustomerPaused(PermanentError):
    """A person holds this customer back."""


def require_filters(customer: Customer, kind: FilterKind) -> None:
    """Raise SettingsError where the customer has no filter to fetch by."""
    if not customer.filters_of(kind):
        raise SettingsError(
            [f"customer {customer.number} has no filter of kind {kind.value}: declare one to fetch by it"]
        )


def stop_if_paused(state: CustomerState) -> None:
    """Raise CustomerPaused where a person holds the customer back."""
    if state.paused is not None:
        since = f" since {state.paused.since:%Y-%m-%d %H:%M} UTC" if state.paused.since else ""
        raise CustomerPaused(
            f"Customer {state.customer} is paused{since} by {state.paused.by or 'unknown'} ({state.paused.reason}). "
            f"Nothing was done. When it may be synced again: claims-pipeline resume {state.customer}"
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
