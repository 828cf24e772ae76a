"""Unsent: claims of a fetch that was finished and never committed, kept below those of the next recent one.

What belongs here: finding such a fetch when the next one begins. A recent filter is a window: a claim of a fetch whose
run died may not be in the next report any more; it would stand nowhere until a full fetch, or an older version of it
that is kept would come back over what the dead run had sent. Not here: keeping (`kept`).
"""

from collections.abc import Mapping
from pathlib import Path

from claims_pipeline.clients.sync_state import CustomerState
from claims_pipeline.errors import PermanentError
from claims_pipeline.settings import Customer
from claims_pipeline.storage.frames import Stamp
from claims_pipeline.sync.connections import Connections
from claims_pipeline.sync.fetching.reports import read_kept, stamp_of_kept
from claims_pipeline.sync.options import Progress
from claims_pipeline.sync.payors.mapping import no_payors
from claims_pipeline.sync.settling.kept import keep_below
from claims_pipeline.sync.transform import transform

_MOST_LOOKED_AT = 50


def keep_unsent(
    customer: Customer,
    sequence: int,
    state: CustomerState,
    lengths: Mapping[str, int],
    connections: Connections,
    work: Path,
    say: Progress,
) -> None:
    """Keep the claims of the newest fetch below `sequence` that was finished and never committed.

    Costs nothing on a day after a commit. `lengths`: see `transform`.
    """
    try:
        stamp = _newest_unsent(customer, sequence, state, connections)
        if stamp is None:
            return
        say(f"fetch {stamp.sequence} was never committed: its claims are kept until they are")
        raw = read_kept(customer, stamp, connections.storage, work / "unsent")
        payors = no_payors(connections.now())
        claims = transform(raw, payors, lengths, connections.storage, work / "unsent-claims").claims
    except PermanentError as error:  # it would fail for ever: it must not stop the fetch that comes after it
        say(f"an earlier fetch cannot be read again ({type(error).__name__}): a full fetch brings its claims")
        return
    keep_below(claims, connections.storage, work, now=connections.now())


def _newest_unsent(
    customer: Customer, sequence: int, state: CustomerState, connections: Connections
) -> Stamp | None:
    oldest = max(state.committed_sequence, sequence - 1 - _MOST_LOOKED_AT)
    for number in range(sequence - 1, oldest, -1):
        stamp = stamp_of_kept(customer.number, number, connections.storage)
        if stamp is not None and stamp.facts["report_id"] == customer.report_id:
            return stamp
    return None
