"""Going on: a run in several parts takes up each customer where the part before it had to stop, or was killed.

What belongs here: what an earlier part of the same run left, and from which step the next one goes on. Not here: the
steps (`whole`), nor when a part must stop (`time_left`). A report that was asked for is taken up by `fetching.asking`,
whoever comes next.
"""

from claims_pipeline.clients.sync_state import CustomerState
from claims_pipeline.settings import Customer
from claims_pipeline.storage.frames import NotStored, StampedFrame, StoredFrameDamaged
from claims_pipeline.sync.connections import Connections
from claims_pipeline.sync.known import RAW
from claims_pipeline.sync.options import Progress, SyncOptions
from claims_pipeline.sync.payors.mapping import no_payors
from claims_pipeline.sync.settling.bring import StoredClaims
from claims_pipeline.sync.settling.settle import settle
from claims_pipeline.sync.whole import REJECTED, TRANSFORMED, WholeSync, bring_over, sync_customer


def go_on(customer: Customer, options: SyncOptions, connections: Connections, say: Progress) -> WholeSync:
    """Bring the customer's claims over from where this run was stopped; from the beginning where it left nothing.

    `connections.run` is the same in all parts of a run, and no two of them may be at work on a customer at once.
    """
    if options.dry_run:
        return sync_customer(customer, options, connections, say)
    state = connections.state.read_for_a_dry_run(customer.number)
    claims = _left(TRANSFORMED, state, options, connections)
    rejected = _left(REJECTED, state, options, connections)
    if claims is not None and rejected is not None:
        return _settled(
            StoredClaims(claims, rejected, no_payors(connections.now())), options, connections, say
        )
    raw = _left(RAW, state, options, connections)
    if raw is None:
        return sync_customer(customer, options, connections, say)
    say(f"going on with fetch {raw.stamp.sequence}, which was fetched and not yet sent")
    with connections.storage.work_folder("going-on") as work:
        return bring_over(raw, options, connections, work, say)


def was_committed(customer: Customer, options: SyncOptions, connections: Connections) -> bool:
    """Whether an earlier part of this run brought the customer's claims over, whatever became of its word of it."""
    if options.dry_run:
        return False
    state = connections.state.read_for_a_dry_run(customer.number)
    raw = _stored(RAW, customer.number, connections)
    if raw is None or raw.stamp.sequence != state.committed_sequence:
        return False
    return _is_of_this_run(raw, options, connections)


def _settled(
    stored: StoredClaims, options: SyncOptions, connections: Connections, say: Progress
) -> WholeSync:
    """The stored claims settled; their payors are read anew, since a person may have mapped some meanwhile."""
    say(f"going on with the claims of fetch {stored.sequence}, which were not all sent")
    with connections.storage.work_folder("going-on") as work:
        synced = settle(stored, options, connections, work, say)
        return WholeSync(synced, stored.rejected, stored.payors, stored.claims)


def _left(
    name: str, state: CustomerState, options: SyncOptions, connections: Connections
) -> StampedFrame | None:
    """What this run stored of the newest fetch, if that was never committed."""
    found = _stored(name, state.customer, connections)
    if found is None or not _is_of_this_run(found, options, connections):
        return None
    return found if found.stamp.sequence == state.sequence > state.committed_sequence else None


def _is_of_this_run(found: StampedFrame, options: SyncOptions, connections: Connections) -> bool:
    facts = found.stamp.facts
    return facts.get("fetched_by") == connections.run and facts.get("kind") == options.kind.value


def _stored(name: str, customer: str, connections: Connections) -> StampedFrame | None:
    """A damaged file counts as none: it must not stop the fetch that replaces it."""
    try:
        return connections.storage.read(f"{name}/{customer}")
    except (NotStored, StoredFrameDamaged):
        return None
