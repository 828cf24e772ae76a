"""The sync state in DynamoDB: who may work on a customer, which fetch is the next, what was committed.

What belongs here: one item a customer, the roll-up `default` that operators query, and the report slot; every write
conditional, so that a lost answer, a taken-over lease or a writer that wakes late can never do harm. Not here: when a
customer is due, nor anything of a claim (no PHI stands in the table). No scans, no deletes of items.
"""

from claims_pipeline.clients.sync_state.committing import OtherOrganization
from claims_pipeline.clients.sync_state.connecting import Patience, connect
from claims_pipeline.clients.sync_state.deciding import NothingToDecide
from claims_pipeline.clients.sync_state.facts import (
    Attempts,
    BulkJob,
    Commit,
    CommittedFilter,
    CustomerState,
    Decision,
    Doubt,
    Failure,
    FilterCommit,
    Holder,
    OrgAlerts,
    Passes,
    PastSync,
    Paused,
    PayorsAbove,
    PendingRequest,
    SyncRequest,
    ToldAlert,
)
from claims_pipeline.clients.sync_state.lease import Lease
from claims_pipeline.clients.sync_state.state import SyncState
from claims_pipeline.clients.sync_state.table import (
    StateAccessDenied,
    StateTableMissing,
    StateTableWrong,
    StateUnavailable,
)

__all__ = [
    "Attempts",
    "BulkJob",
    "Commit",
    "CommittedFilter",
    "CustomerState",
    "Decision",
    "Doubt",
    "Failure",
    "FilterCommit",
    "Holder",
    "Lease",
    "NothingToDecide",
    "OrgAlerts",
    "OtherOrganization",
    "Passes",
    "PastSync",
    "Patience",
    "Paused",
    "PayorsAbove",
    "PendingRequest",
    "StateAccessDenied",
    "StateTableMissing",
    "StateTableWrong",
    "StateUnavailable",
    "SyncRequest",
    "SyncState",
    "ToldAlert",
    "connect",
]
