"""Holding: a customer that this run alone works on, from the taking of its lease to the giving back.

What belongs here: taking a customer for a fetch or for stored claims, and counting the attempt. Not here: what stops a
run that may not touch it (`ready`), nor how a lease works (`clients.sync_state`).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from claims_pipeline.clients.sync_state import CustomerState, Lease
from claims_pipeline.settings import Customer
from claims_pipeline.sync.connections import Connections
from claims_pipeline.sync.options import SyncOptions
from claims_pipeline.sync.ready import require_filters, require_newest, require_our_org, stop_if_paused


@dataclass(frozen=True)
class Held:
    """A customer in this run's hands. `state`: as it stood when it was taken.

    A dry run has no lease: it holds nobody up, and leaves no mark.
    """

    state: CustomerState
    lease: Lease | None


@contextmanager
def held_to_fetch(customer: Customer, options: SyncOptions, connections: Connections) -> Iterator[Held]:
    """The customer, whose fetch begins: one at a time, so that a higher sequence is a later report.

    Raises SettingsError for a kind of fetch that the customer has no filter for, CustomerPaused, OtherOrganization.
    """
    require_filters(customer, options.kind)
    if options.dry_run:
        held = Held(connections.state.read_for_a_dry_run(customer.number), None)
        require_our_org(connections, remember=False)
        yield held
        return
    with connections.state.lease(customer.number, makes_table=True) as lease:
        state = lease.state_when_taken
        stop_if_paused(state)
        connections.state.begin_attempt(lease, filters=options.kind.value, found=state)
        require_our_org(connections, remember=True)
        yield Held(state, lease)


@contextmanager
def held_to_settle(customer: str, sequence: int | None, connections: Connections) -> Iterator[Held]:
    """The customer, whose stored claims of this fetch are about to be sent. (A dry run's have no sequence.)

    Raises OtherOrganization, OlderThanCommitted, and CustomerPaused unless this run was at work before the pause.
    """
    if sequence is None:
        require_our_org(connections, remember=False)
        yield Held(connections.state.read_for_a_dry_run(customer), None)
        return
    with connections.state.lease(customer) as lease:
        require_our_org(connections, remember=True)
        state = lease.state_when_taken
        if state.attempts.last_run != connections.state.owner:
            stop_if_paused(state)
        require_newest(customer, sequence, state, connections)
        connections.state.begin_attempt(lease, filters=None, found=state)
        yield Held(state, lease)
