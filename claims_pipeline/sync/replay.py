"""Replay: a fetch whose ZIPs were kept is read, transformed and settled again, without CollaborateMD.

What belongs here: from the kept ZIPs and their manifest to the raw rows, under the fetch's own stamp. Not here: the
steps after it (`whole`), nor what an older fetch may do (nothing: `settle` stops it).
"""

from claims_pipeline.clients.sync_state import CustomerState
from claims_pipeline.settings import Customer, FilterKind
from claims_pipeline.storage.frames import NotStored
from claims_pipeline.sync import known
from claims_pipeline.sync.connections import Connections
from claims_pipeline.sync.fetching.reports import read_kept, stamp_of_kept
from claims_pipeline.sync.options import Progress, SyncOptions
from claims_pipeline.sync.ready import preflight, require_newest, require_our_org
from claims_pipeline.sync.whole import WholeSync, bring_over


def replay(
    customer: Customer, sequence: int | None, options: SyncOptions, connections: Connections, say: Progress
) -> WholeSync:
    """Run a stored fetch again: of this sequence, or the last one. It may only converge.

    Raises OlderThanCommitted for a fetch older than the committed one, NotStored where its files are gone.
    """
    require_our_org(connections, remember=True)
    preflight(connections)
    state = connections.state.read(customer.number)
    number = sequence or _last_sequence(customer.number, state, connections)
    require_newest(customer.number, number, state, connections)  # before its files replace newer ones
    stamp = stamp_of_kept(customer.number, number, connections.storage)
    if stamp is None:
        raise NotStored(
            f"Customer {customer.number}: nothing is kept of fetch {number}: it was never finished, or its files were "
            "removed. Fetch again instead: claims-pipeline sync"
        )
    say(f"reading fetch {number} again")
    with connections.storage.work_folder("replay") as work:
        raw = read_kept(customer, stamp, connections.storage, work / "fetch")
        kind = FilterKind(raw.stamp.facts["kind"])
        again = SyncOptions(kind=kind, resend=options.resend)
        return bring_over(raw, again, connections, work, say)


def _last_sequence(customer: str, state: CustomerState, connections: Connections) -> int:
    last = known.last_fetch(customer, connections)
    if last is not None and last.sequence is not None:
        return last.sequence
    return state.committed_sequence
