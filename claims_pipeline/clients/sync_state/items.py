"""Items of the sync state as DynamoDB writes them, and the facts in them.

What belongs here: the translation, both ways. Not here: the facts' shapes (`facts`), conditions and calls (`table`).
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict, is_dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, TypeVar

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer

from claims_pipeline.clients.sync_state.facts import (
    Attempts,
    BulkJob,
    CommittedFilter,
    CustomerState,
    Decision,
    Doubt,
    Failure,
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

_Fact = TypeVar("_Fact")
_serialize = TypeSerializer().serialize
_deserialize = TypeDeserializer().deserialize


def to_wire(value: object) -> dict[str, Any]:
    """A value as DynamoDB's JSON has it; facts as maps, instants as ISO 8601 text."""
    return dict(_serialize(_plain(value)))


def _plain(value: object) -> object:
    if is_dataclass(value) and not isinstance(value, type):
        return _plain(asdict(value))
    if isinstance(value, datetime):
        return value.isoformat(timespec="milliseconds")
    if isinstance(value, float):
        return Decimal(str(value))
    if isinstance(value, Mapping):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return value


def from_wire(item: Mapping[str, Any]) -> dict[str, Any]:
    """An item's attributes in Python: numbers are Decimal."""
    return {name: _deserialize(value) for name, value in item.items()}


def customer_state(customer: str, item: Mapping[str, Any]) -> CustomerState:
    """The facts of a customer's item, as DynamoDB returned it; names that we don't know are passed over."""
    held = from_wire(item)
    return CustomerState(
        customer=customer,
        sequence=int(held.get("sequence", 0)),
        committed_sequence=int(held.get("committed_sequence", 0)),
        sending_sequence=int(held.get("sending_sequence", 0)),
        last_success_at=_instant(held.get("last_success_at")),
        records_processed=int(held.get("records_processed", 0)),
        success_count=int(held.get("success_count", 0)),
        failure_count=int(held.get("failure_count", 0)),
        counts=_counts(held.get("counts", {})),
        dollars=dict(held.get("dollars", {})),
        filters=tuple(_filter(each) for each in held.get("filters", [])),
        pending_request=_if_there(held, "pending_request", _pending_request),
        bulk_jobs=tuple(_job(each) for _, each in sorted(held.get("bulk_jobs", {}).items())),
        attempts=_attempts(held),
        request=_open_request(held),
        holder=_holder(held),
        paused=_if_there(held, "paused", _paused),
        doubt=_if_there(held, "doubt", _doubt),
        believed=tuple(_doubt(each) for each in held.get("believed", [])),
        decisions=decisions_in(held),
        decisions_made=int(held.get("decisions_made", 0)),
        history=tuple(_past(each) for each in held.get("history", [])),
        alerts=_alerts(held),
        alerts_moved=int(held.get("alerts_moved", 0)),
        commit_id=held.get("commit_id"),
    )


def org_alerts(item: Mapping[str, Any]) -> OrgAlerts:
    """The facts of the item that stands for the org in alerts."""
    held = from_wire(item)
    payors = _if_there(held, "payors_above", _payors_above)
    return OrgAlerts(_alerts(held), int(held.get("alerts_moved", 0)), payors)


def _alerts(held: Mapping[str, Any]) -> dict[str, ToldAlert]:
    return {
        kind: ToldAlert(
            kind,
            datetime.fromisoformat(each["at"]),
            int(each["sequence"]),
            tuple(each["marks"]),
            tuple(each["left"]),
            bool(each["is_sending"]),
            bool(each["is_well"]),
        )
        for kind, each in held.get("alerts", {}).items()
    }


def _payors_above(held: Mapping[str, Any]) -> PayorsAbove:
    at = datetime.fromisoformat(held["at"])
    return PayorsAbove(tuple(held["digests"]), int(held["claims"]), Decimal(held["charged"]), at)


def decisions_in(held: Mapping[str, Any]) -> tuple[Decision, ...]:
    """What people decided, from an item in Python."""
    return tuple(
        Decision(each["what"], each["by"], datetime.fromisoformat(each["at"]), each["about"])
        for each in held.get("decisions", [])
    )


def _if_there(held: Mapping[str, Any], name: str, read: Callable[[Any], _Fact]) -> _Fact | None:
    return read(held[name]) if held.get(name) is not None else None


def _attempts(held: Mapping[str, Any]) -> Attempts:
    return Attempts(
        count=int(held.get("attempts", 0)),
        last_at=_instant(held.get("last_attempt_at")),
        last_run=held.get("last_attempt_run"),
        request_id=held.get("attempt_request"),
        failure=_if_there(held, "last_failure", _failure),
    )


def _failure(held: Mapping[str, Any]) -> Failure:
    return Failure(held["error"], Passes(held["passes"]), datetime.fromisoformat(held["at"]))


def _open_request(held: Mapping[str, Any]) -> SyncRequest | None:
    """Another system may write a text (its id) or a map with `id` and `filters`."""
    wish = held.get("sync_request")
    if wish is None:
        return None
    request = (
        SyncRequest(str(wish["id"]), wish.get("filters"))
        if isinstance(wish, Mapping) and "id" in wish
        else SyncRequest(str(wish))
    )
    return None if request.id == held.get("served_request") else request


def _holder(held: Mapping[str, Any]) -> Holder | None:
    if "lease_owner" not in held:
        return None
    moved = [held[name] for name in ("lease_taken_at", "lease_renewed_at") if name in held]
    moved_at = max((datetime.fromisoformat(each) for each in moved), default=None)
    return Holder(str(held["lease_owner"]), moved_at, float(held.get("lease_term_seconds", 0)))


def _paused(held: Any) -> Paused:
    """A person may have written a text, by hand."""
    if not isinstance(held, Mapping):
        return Paused(str(held), None)
    return Paused(str(held["reason"]), _instant(held.get("since")), held.get("by"))


def _doubt(held: Mapping[str, Any]) -> Doubt:
    at = datetime.fromisoformat(held["at"])
    return Doubt(held["report_id"], held["filter_id"], int(held["rows"]), int(held["rows_before"]), at)


def _instant(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def _counts(held: Mapping[str, Any]) -> dict[str, int]:
    return {name: int(count) for name, count in held.items()}


def _pending_request(held: Mapping[str, Any]) -> PendingRequest:
    ids = (held["report_id"], held["filter_id"], held["identifier"])
    return PendingRequest(*ids, int(held["sequence"]), datetime.fromisoformat(held["requested_at"]))


def _job(held: Mapping[str, Any]) -> BulkJob:
    return BulkJob(
        held["id"], held["sobject"], int(held["sequence"]), datetime.fromisoformat(held["created_at"])
    )


def _filter(held: Mapping[str, Any]) -> CommittedFilter:
    at = datetime.fromisoformat(held["committed_at"])
    ids = (held["report_id"], held["filter_id"])
    return CommittedFilter(*ids, int(held["rows"]), held["digest"], int(held["sequence"]), at)


def _past(held: Mapping[str, Any]) -> PastSync:
    return PastSync(
        sequence=int(held["sequence"]),
        committed_at=datetime.fromisoformat(held["committed_at"]),
        records_processed=int(held["records_processed"]),
        success_count=int(held["success_count"]),
        failure_count=int(held["failure_count"]),
        counts=_counts(held["counts"]),
        dollars=dict(held["dollars"]),
    )
