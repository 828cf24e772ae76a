"""Attempts: each run that takes a customer in hand is counted, until one succeeds.

What belongs here: counting a run once, whatever it tries again within itself, and keeping how it failed. Not here: when
the next one is due (`sync.due`). The count moves before anything else is done, so that a killed run has counted too.
"""

from claims_pipeline.clients.sync_state.facts import CustomerState, Failure, SyncRequest
from claims_pipeline.clients.sync_state.lease import Lease, Leasing
from claims_pipeline.clients.sync_state.table import Change, ConditionFailed, StateTable

_FULL = "full"


def begin_attempt(lease: Lease, found: CustomerState, leasing: Leasing, filters: str | None) -> None:
    """Count this run's attempt on the leased customer, once a run; a fetch serves the open wish that it fits.

    `found`: as it was read under the lease. `filters`: of the fetch that begins; None: stored claims are settled,
    which are older than the wish.
    """
    if found.attempts.last_run == leasing.owner:
        return
    values: dict[str, object] = {
        "attempts": found.attempts.count + 1,
        "last_attempt_at": leasing.clock(),
        "last_attempt_run": leasing.owner,
    }
    removes = ["#last_failure"]
    if found.request is not None and filters is not None and _serves(filters, found.request):
        values["attempt_request"] = found.request.id
    else:
        removes.append("#attempt_request")
    sets = ", ".join(f"#{name} = :{name}" for name in values)
    lease.write(f"SET {sets} REMOVE {', '.join(removes)}", values)


def record_failure(table: StateTable, leasing: Leasing, customer: str, failure: Failure) -> None:
    """Keep how this run's attempt failed. Another run's attempt, begun since, is left as it stands."""
    change = Change(
        customer,
        "SET #last_failure = :failure",
        "#last_attempt_run = :run AND #attempts > :none",
        {
            "failure": failure,
            "run": leasing.owner,
            "none": 0,
        },
    )
    try:
        table.update(change)
    except ConditionFailed:
        return  # no attempt of ours was begun, or it has committed, or another's came after it


def _serves(filters: str, request: SyncRequest) -> bool:
    """A full fetch holds what a recent one would have brought."""
    return request.filters in (None, filters) or filters == _FULL
