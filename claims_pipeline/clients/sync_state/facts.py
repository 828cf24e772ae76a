"""What the sync state knows of a customer, as facts.

What belongs here: the shapes. Not here: how DynamoDB writes them (`items`), nor conditions and calls. Names and numbers
only: `Commit` refuses names that are no codes and digests that are none, so that no claim value can slip in.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

HISTORY_LENGTH = 20
"""Past syncs kept in a customer's item."""
DECISIONS_LENGTH = 50
"""Decisions of people kept in an item."""

EVENTS_LENGTH = 20
"""Ids of events that were dealt with, kept in a customer's item."""

_CODE = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}", re.ASCII)
_ID = re.compile(r"[A-Za-z0-9_:-]{1,64}", re.ASCII)
_DIGEST = re.compile(r"[0-9a-f]{16,64}", re.ASCII)


@dataclass(frozen=True)
class PendingRequest:
    """A report that CollaborateMD runs for us: whoever comes next polls on for it, and takes no slot anew."""

    report_id: str
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
    """Why, since when and by whom this customer is held back."""

    reason: str
    since: datetime | None
    by: str | None = None


class Passes(StrEnum):
    """Whether a failure passes by itself, or needs a person first."""

    BY_ITSELF = "by_itself"
    NOT = "not"


@dataclass(frozen=True)
class Failure:
    """How the last attempt ended. `error` is the name of its class: its words stand in the run's own log."""

    error: str
    passes: Passes
    at: datetime

    def __post_init__(self) -> None:
        """Refuse what is no name."""
        if not _CODE.fullmatch(self.error):
            raise ValueError("A failure is known by the name of its error.")


@dataclass(frozen=True)
class Attempts:
    """The attempts since the last success. A run that was killed leaves no failure."""

    count: int = 0
    last_at: datetime | None = None
    last_run: str | None = None
    """Of the latest attempt ever, whatever became of it: no two attempts share it."""
    request_id: str | None = None
    """The wish that the latest attempt serves."""
    failure: Failure | None = None


@dataclass(frozen=True)
class SyncRequest:
    """Another system's (or a person's) wish for a sync. `filters`: recent or full; None: whichever comes first."""

    id: str
    filters: str | None = None


@dataclass(frozen=True)
class Holder:
    """Who holds the customer's lease, and when it last moved (by the holder's clock)."""

    run: str
    moved_at: datetime | None
    term_seconds: float


@dataclass(frozen=True)
class Doubt:
    """A report that looked too small to be believed: `rows` where the last committed one had `rows_before`."""

    report_id: str
    filter_id: str
    rows: int
    rows_before: int
    at: datetime

    @property
    def of(self) -> tuple[str, str]:
        """Which report and filter."""
        return self.report_id, self.filter_id

    def in_words(self) -> str:
        """For the list of decisions."""
        return (
            f"report {self.report_id}, filter {self.filter_id}: {self.rows} rows, {self.rows_before} before"
        )


@dataclass(frozen=True)
class Decision:
    """What a person decided, and when. `what`: a code such as `report_believed`; `about`: ids, counts, a reason."""

    what: str
    by: str
    at: datetime
    about: str


@dataclass(frozen=True)
class ToldAlert:
    """An alert that was told, of a kind and customer, so that it is not told again with every look."""

    kind: str
    at: datetime
    sequence: int
    """The customer's committed sequence then."""
    marks: tuple[str, ...] = ()
    """What of it was told: another mark makes it news."""
    left: tuple[str, ...] = ()
    """Destinations (by a digest) that it has not reached yet."""
    is_sending: bool = False
    """Someone is about to send it; who was killed over it leaves this behind."""
    is_well: bool = False
    """What is being told is that it is well again."""


@dataclass(frozen=True)
class PayorsAbove:
    """The payors that wait for a person with more dollars than the threshold: by digests, never by names."""

    digests: tuple[str, ...]
    claims: int
    charged: Decimal
    at: datetime


@dataclass(frozen=True)
class OrgAlerts:
    """What is told of the org as a whole."""

    alerts: Mapping[str, ToldAlert] = field(default_factory=dict)
    alerts_moved: int = 0
    payors: PayorsAbove | None = None


@dataclass(frozen=True)
class CustomerState:
    """A customer's item. A customer never seen has sequence 0 and nothing else."""

    customer: str
    sequence: int = 0
    committed_sequence: int = 0
    sending_sequence: int = 0
    """Of the newest fetch that any run began to send, committed or not."""
    last_success_at: datetime | None = None
    records_processed: int = 0
    success_count: int = 0
    failure_count: int = 0
    counts: Mapping[str, int] = field(default_factory=dict)
    dollars: Mapping[str, Decimal] = field(default_factory=dict)
    filters: tuple[CommittedFilter, ...] = ()
    pending_request: PendingRequest | None = None
    bulk_jobs: tuple[BulkJob, ...] = ()
    attempts: Attempts = Attempts()
    request: SyncRequest | None = None
    """A wish that no committed sync has served yet."""
    holder: Holder | None = None
    paused: Paused | None = None
    doubt: Doubt | None = None
    believed: tuple[Doubt, ...] = ()
    """The doubts that a person dispelled, one a filter, until a sync of that filter commits."""
    decisions: tuple[Decision, ...] = ()
    """The newest first."""
    decisions_made: int = 0
    """Moves with each decision of a person, also where nothing else changes."""
    history: tuple[PastSync, ...] = ()
    """The newest first."""
    alerts: Mapping[str, ToldAlert] = field(default_factory=dict)
    """What people were told of it and was not told to be well again, by kind."""
    alerts_moved: int = 0
    commit_id: str | None = None
    """Of the last commit: tells our own commit from another's when its answer was lost."""

    def filter(self, report_id: str, filter_id: str) -> CommittedFilter | None:
        """The last committed result of this filter of this report."""
        found = [each for each in self.filters if (each.report_id, each.filter_id) == (report_id, filter_id)]
        return found[0] if found else None
