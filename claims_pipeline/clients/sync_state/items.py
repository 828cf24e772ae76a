"""What an item of the sync state holds, as facts and as DynamoDB writes it.

What belongs here: the shapes and their translation. Not here: conditions and calls. Names and numbers only: `Commit`
refuses names that are no codes and digests that are none, so that no claim value can slip in.
"""

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, is_dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer

HISTORY_LENGTH = 20
"""Past syncs kept in a customer's item."""

_CODE = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}", re.ASCII)
_ID = re.compile(r"[A-Za-z0-9_:-]{1,64}", re.ASCII)
_DIGEST = re.compile(r"[0-9a-f]{16,64}", re.ASCII)


@dataclass(frozen=True)
class PendingRequest:
    """A report that CollaborateMD runs for us: whoever comes next polls on for it, and takes no slot anew."""

    filter_id: str
    identifier: str
    sequence: int
    requested_at: datetime


@dataclass(frozen=True)
class BulkJob:
    """A Bulk API job that may outlive its run: whoever comes next settles or aborts it before comparing."""

    id: str
    sobject: str
    sequence: int
    created_at: datetime


@dataclass(frozen=True)
class FilterCommit:
    """What a sync took from one saved filter. `digest`: hexadecimal, of the report file or its rows."""

    report_id: str
    filter_id: str
    rows: int
    digest: str


@dataclass(frozen=True)
class CommittedFilter:
    """The last committed result of a filter: what the next one is compared with."""

    report_id: str
    filter_id: str
    rows: int
    digest: str
    sequence: int
    committed_at: datetime


@dataclass(frozen=True)
class Commit:
    """What became of a sync, in codes, counts and sums.

    `records_processed`: report rows; `success_count`: claims that stand in Salesforce as they should;
    `failure_count`: what did not arrive. `counts`: outcome or rejection code -> how many. `dollars`: name -> sum.
    """

    organization_id: str
    records_processed: int
    success_count: int
    failure_count: int
    filters: tuple[FilterCommit, ...]
    counts: Mapping[str, int] = field(default_factory=dict)
    dollars: Mapping[str, Decimal] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse whatever could carry text of a claim."""
        codes = all(_CODE.fullmatch(name) for name in (*self.counts, *self.dollars))
        ids = all(_ID.fullmatch(part) for each in self.filters for part in (each.report_id, each.filter_id))
        digests = all(_DIGEST.fullmatch(each.digest) for each in self.filters)
        if not (codes and ids and digests):
            raise ValueError("A commit holds codes, ids, counts and hexadecimal digests only.")


@dataclass(frozen=True)
class PastSync:
    """One committed sync in the history."""

    sequence: int
    committed_at: datetime
    records_processed: int
    success_count: int
    failure_count: int
    counts: Mapping[str, int]
    dollars: Mapping[str, Decimal]


@dataclass(frozen=True)
class Paused:
    """Why and since when a person (or a guard) holds this customer back."""

    reason: str
    since: datetime | None


@dataclass(frozen=True)
class CustomerState:
    """A customer's item. A customer never seen has sequence 0 and nothing else."""

    customer: str
    sequence: int = 0
    committed_sequence: int = 0
    last_success_at: datetime | None = None
    records_processed: int = 0
    success_count: int = 0
    failure_count: int = 0
    counts: Mapping[str, int] = field(default_factory=dict)
    dollars: Mapping[str, Decimal] = field(default_factory=dict)
    filters: tuple[CommittedFilter, ...] = ()
    pending_request: PendingRequest | None = None
    bulk_jobs: tuple[BulkJob, ...] = ()
    attempts: int = 0
    paused: Paused | None = None
    history: tuple[PastSync, ...] = ()
    """The newest first."""
    commit_id: str | None = None
    """Of the last commit: tells our own commit from another's when its answer was lost."""

    def filter(self, report_id: str, filter_id: str) -> CommittedFilter | None:
        """The last committed result of this filter of this report."""
        found = [each for each in self.filters if (each.report_id, each.filter_id) == (report_id, filter_id)]
        return found[0] if found else None


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
    request = held.get("pending_request")
    paused = held.get("paused")
    return CustomerState(
        customer=customer,
        sequence=int(held.get("sequence", 0)),
        committed_sequence=int(held.get("committed_sequence", 0)),
        last_success_at=_instant(held.get("last_success_at")),
        records_processed=int(held.get("records_processed", 0)),
        success_count=int(held.get("success_count", 0)),
        failure_count=int(held.get("failure_count", 0)),
        counts=_counts(held.get("counts", {})),
        dollars=dict(held.get("dollars", {})),
        filters=tuple(_filter(each) for each in held.get("filters", [])),
        pending_request=None if request is None else _request(request),
        bulk_jobs=tuple(_job(each) for _, each in sorted(held.get("bulk_jobs", {}).items())),
        attempts=int(held.get("attempts", 0)),
        paused=None if paused is None else Paused(str(paused["reason"]), _instant(paused.get("since"))),
        history=tuple(_past(each) for each in held.get("history", [])),
        commit_id=held.get("commit_id"),
    )


def _instant(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def _counts(held: Mapping[str, Any]) -> dict[str, int]:
    return {name: int(count) for name, count in held.items()}


def _request(held: Mapping[str, Any]) -> PendingRequest:
    at = datetime.fromisoformat(held["requested_at"])
    return PendingRequest(held["filter_id"], held["identifier"], int(held["sequence"]), at)


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
