"""Known: what the stored files and the org know of earlier fetches, for a sync state that was lost or is behind.

What belongs here: looking it up. Not here: what is concluded from it (`fetch`, `settle`).
"""

from claims_pipeline.clients.salesforce import ObjectMissing, soql_text
from claims_pipeline.clients.sync_state import CustomerState
from claims_pipeline.settings import Customer
from claims_pipeline.storage.frames import NotStored, Stamp, StoredFrameDamaged
from claims_pipeline.sync.connections import Connections

RAW = "raw_collaboratemd_claims"
SYNCED = "salesforce_synced_claims"
STATUS = "Claim_Sync_Status__c"
_STAMPED = ("transformed_claims", "rejected_claims", SYNCED, "refused_claims")


def last_fetch(customer: str, connections: Connections) -> Stamp | None:
    """The stamp of the fetch that is stored."""
    return _stamp(f"{RAW}/{customer}", connections)


def highest_sequence(
    customer: str, state: CustomerState, last: Stamp | None, connections: Connections
) -> int:
    """The highest sequence that files and org carry. Beyond the last fetch's own, asked for a new state alone."""
    found = last.sequence or 0 if last is not None else 0
    if state.sequence:
        return found
    stamps = [_stamp(f"{name}/{customer}", connections) for name in _STAMPED]
    of_files = [stamp.sequence or 0 for stamp in stamps if stamp is not None]
    return max(found, committed_in_org(customer, connections), *of_files)


def committed_sequence(customer: str, sequence: int, state: CustomerState, connections: Connections) -> int:
    """The highest committed sequence, by the state and, where the state may be lost or behind, by the org's word.

    A fetch of this very run took a sequence above all that state, files and org knew; of any other the org is asked.
    """
    if sequence == state.sequence and state.attempts.last_run == connections.state.owner:
        return state.committed_sequence
    return max(state.committed_sequence, committed_in_org(customer, connections))


def committed_in_org(customer: str, connections: Connections) -> int:
    """The sequence of the last sync that the org's status row tells of; 0 where it tells nothing."""
    salesforce = connections.salesforce
    try:
        fields = salesforce.describe(STATUS).fields
    except ObjectMissing:
        return 0
    if not {"Sequence__c", "Customer__c"} <= set(fields):
        return 0
    rows = salesforce.query(f"SELECT Sequence__c FROM {STATUS} WHERE Customer__c = {soql_text(customer)}")
    return max((int(row["Sequence__c"] or 0) for row in rows), default=0)


def rows_before(customer: Customer, state: CustomerState, connections: Connections) -> dict[str, int]:
    """Filter id -> rows of its last committed report. A state that was lost is helped by the stored outcomes."""
    if state.last_success_at is not None:
        return {each.filter_id: each.rows for each in state.filters if each.report_id == customer.report_id}
    stamp = _stamp(f"{SYNCED}/{customer.number}", connections)
    if stamp is None or stamp.facts.get("report_id") != customer.report_id:
        return {}
    return {report["filter"]: report["rows"] for report in stamp.facts["reports"]}


def changed_labels(last: Stamp | None, labels: dict[str, list[str]]) -> list[str]:
    """A column that came under another label than the last time: said, since it may hold something else now."""
    before = last.facts["labels"] if last is not None else {}
    return [
        f"the column for {name} was {', '.join(before[name])} and is now {', '.join(used)}"
        for name, used in labels.items()
        if used and before.get(name) and before[name] != used
    ]


def _stamp(name: str, connections: Connections) -> Stamp | None:
    """Of a stored frame. A damaged one tells nothing: it must not stop the fetch that replaces it."""
    try:
        return connections.storage.read(name).stamp
    except (NotStored, StoredFrameDamaged):
        return None
