"""Retention: a customer's old reports are removed when its next fetch begins.

What belongs here: which fetches are needed still. Not here: the files (`storage.retention`). Needed are a fetch that
was not committed, the last committed one and all after it, and the one
that the stored rows come from, whose files its row balance counts again.
"""

from claims_pipeline.clients.sync_state import CustomerState
from claims_pipeline.errors import ClaimsPipelineError
from claims_pipeline.storage.frames import Stamp
from claims_pipeline.sync.connections import Connections
from claims_pipeline.sync.options import Progress


def remove_old_reports(
    state: CustomerState, last: Stamp | None, connections: Connections, say: Progress
) -> None:
    """Remove what is older than the setting says, and tell how much. A storage that refuses holds nobody up.

    `last`: the stamp of the stored rows.
    """
    keep = connections.settings.keep
    customer, committed = state.customer, state.committed_sequence
    stored = last.sequence if last is not None else None
    try:
        removed = connections.storage.remove_old(
            customer,
            spared=lambda sequence: sequence >= committed or sequence == stored,
            before=connections.now() - keep,
        )
    except (ClaimsPipelineError, OSError) as error:
        say(
            f"reports older than {keep.days} days (CLAIMS_KEEP_DAYS) could not be removed ({type(error).__name__}): "
            "they hold claims. Let this process list and delete files in the storage; the next fetch tries again."
        )
        return
    if removed.fetches or removed.dry_run_files:
        say(
            f"removed what is older than {keep.days} days: the reports of {removed.fetches:,} fetch(es), "
            f"{removed.dry_run_files:,} file(s) of dry runs"
        )
