"""Committing a sync: the customer's item and the roll-up move together, or not at all.

What belongs here: the transaction, its conditions, and what a refusal means. Not here: what was synced.
"""

from dataclasses import asdict
from datetime import datetime, timedelta

from claims_pipeline.clients.sync_state.facts import (
    HISTORY_LENGTH,
    Commit,
    CommittedFilter,
    CustomerState,
    PastSync,
)
from claims_pipeline.clients.sync_state.items import customer_state
from claims_pipeline.clients.sync_state.lease import Lease
from claims_pipeline.clients.sync_state.table import Change, ConditionFailed, StateTable
from claims_pipeline.errors import OlderThanCommitted, PermanentError

_CLOCKS_DIFFER = timedelta(hours=1)
ROLL_UP = "default"
"""The item that the predecessor's operators query: sums over all customers' last syncs."""


class OtherOrganization(PermanentError):
    """The settings lead to another Salesforce org than the one that the state belongs to."""

    def __init__(self, known: str | None, found: str) -> None:
        super().__init__(
            f"The sync state belongs to Salesforce org {known or '(none yet)'}, and the settings lead to org {found}. "
            "Nothing was sent. If that is a mistake, mend SALESFORCE_DOMAIN and the user. If it is meant (a refreshed "
            f"sandbox), a person says so once: claims-pipeline confirm org {found}"
        )


def commit_sync(
    table: StateTable, lease: Lease, sequence: int, outcome: Commit, *, now: datetime, commit_id: str
) -> None:
    """Move the customer's cursor to `sequence` and the roll-up by the difference.

    An equal sequence is a replay and takes the place of its earlier commit. OlderThanCommitted below it; LeaseLost
    when the lease is another's; OtherOrganization when the state belongs to another org by now.
    """
    before = customer_state(lease.sync_id, table.get(lease.sync_id))
    _stop_if_older(before, sequence)
    changes = (
        _customer_change(before, lease, sequence, outcome, now, commit_id),
        _roll_up_change(before, outcome, now),
    )
    try:
        table.update_together(changes, commit_id)
    except ConditionFailed as refused:
        _settle_refusal(refused, lease, sequence, outcome, commit_id)


def _settle_refusal(
    refused: ConditionFailed, lease: Lease, sequence: int, outcome: Commit, commit_id: str
) -> None:
    if 0 in refused.items:
        found = customer_state(lease.sync_id, refused.items[0])
        if found.commit_id == commit_id:
            return  # it was committed, and the answer was lost
        _stop_if_older(found, sequence)
        raise lease.lost() from None
    known = refused.items[1].get("organization_id", {}).get("S")
    raise OtherOrganization(known, outcome.organization_id) from None


def _stop_if_older(found: CustomerState, sequence: int) -> None:
    if found.committed_sequence > sequence:
        raise OlderThanCommitted(
            f"Fetch {sequence} of customer {found.customer} is older than fetch {found.committed_sequence}, which is "
            "committed: it would bring old amounts back. Nothing is to be done; the newer one stands."
        )


def _customer_change(
    before: CustomerState, lease: Lease, sequence: int, outcome: Commit, now: datetime, commit_id: str
) -> Change:
    values: dict[str, object] = {
        "committed_sequence": sequence,
        "last_success_at": _success_at(before, sequence, now),
        "records_processed": outcome.records_processed,
        "success_count": outcome.success_count,
        "failure_count": outcome.failure_count,
        "counts": outcome.counts,
        "dollars": outcome.dollars,
        "filters": _filters(before, sequence, outcome, now),
        "history": _history(before, sequence, outcome, now),
        "commit_id": commit_id,
        "attempts": 0,
    }
    if before.attempts.request_id is not None:
        values["served_request"] = before.attempts.request_id
    removes = ["#last_failure", "#attempt_request"]
    taken = {(each.report_id, each.filter_id) for each in outcome.filters}
    if before.doubt is not None and before.doubt.of in taken:
        removes.append("#doubt")  # this report was normal, or was believed
    values["believed"] = [each for each in before.believed if each.of not in taken]
    condition = "#lease_token = :token AND "
    condition += "attribute_not_exists(#commit_id)" if before.commit_id is None else "#commit_id = :before"
    condition += (
        " AND (attribute_not_exists(#committed_sequence) OR #committed_sequence <= :committed_sequence)"
    )
    checked = {"token": lease.token} | ({} if before.commit_id is None else {"before": before.commit_id})
    sets = ", ".join(f"#{name} = :{name}" for name in values)
    return Change(lease.sync_id, f"SET {sets} REMOVE {', '.join(removes)}", condition, values | checked)


def _success_at(before: CustomerState, sequence: int, now: datetime) -> datetime:
    """A replay is no newer success: it must not hide that the customer is due.

    Another worker's clock may be ahead by minutes; one that was far off must not hide it either.
    """
    last = before.last_success_at
    if last is not None and sequence == before.committed_sequence and last <= now + _CLOCKS_DIFFER:
        return last
    return last if last is not None and now <= last <= now + _CLOCKS_DIFFER else now


def _roll_up_change(before: CustomerState, outcome: Commit, now: datetime) -> Change:
    return Change(
        ROLL_UP,
        "SET #last_sync_timestamp = :now "
        "ADD #records_processed :records, #success_count :successes, #failure_count :failures",
        "#organization_id = :org",
        {
            "now": now,
            "records": outcome.records_processed - before.records_processed,
            "successes": outcome.success_count - before.success_count,
            "failures": outcome.failure_count - before.failure_count,
            "org": outcome.organization_id,
        },
    )


def _filters(before: CustomerState, sequence: int, outcome: Commit, now: datetime) -> list[CommittedFilter]:
    new = [CommittedFilter(**asdict(each), sequence=sequence, committed_at=now) for each in outcome.filters]
    replaced = {(each.report_id, each.filter_id) for each in new}
    return [each for each in before.filters if (each.report_id, each.filter_id) not in replaced] + new


def _history(before: CustomerState, sequence: int, outcome: Commit, now: datetime) -> list[PastSync]:
    """The newest first; a replay takes the place of what it repeats."""
    new = PastSync(
        sequence=sequence,
        committed_at=now,
        records_processed=outcome.records_processed,
        success_count=outcome.success_count,
        failure_count=outcome.failure_count,
        counts=outcome.counts,
        dollars=outcome.dollars,
    )
    return [new, *(each for each in before.history if each.sequence != sequence)][:HISTORY_LENGTH]
