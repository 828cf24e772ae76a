"""Fetch: a customer's filters are run at CollaborateMD, and their reports become one frame of raw rows.

What belongs here: the sequence, keeping each ZIP as evidence and for replay, and taking up what a dead run left. Not
here: asking (`asking`), reading (`reports`), what makes us suspicious (`guards`).
"""

from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any

from claims_pipeline.clients.sync_state import CustomerState, Doubt, Lease, PendingRequest
from claims_pipeline.errors import PermanentError
from claims_pipeline.settings import Customer, Filter, FilterKind
from claims_pipeline.storage.frames import Stamp, StampedFrame
from claims_pipeline.sync import known
from claims_pipeline.sync.connections import Connections
from claims_pipeline.sync.fetching.asking import Asking, can_be_taken_up
from claims_pipeline.sync.fetching.guards import ReportDoubted, VolumeGuard
from claims_pipeline.sync.fetching.reports import MANIFEST, NO_DIGEST, Reports, digest_of
from claims_pipeline.sync.fetching.unsent import keep_unsent
from claims_pipeline.sync.holding import Held, held_to_fetch
from claims_pipeline.sync.options import Progress, SyncOptions
from claims_pipeline.sync.ready import preflight
from claims_pipeline.sync.retention import remove_old_reports

NOTHING_IN_HAND: Mapping[str, Path] = MappingProxyType({})


def fetch(
    customer: Customer,
    options: SyncOptions,
    connections: Connections,
    work: Path,
    say: Progress,
    in_hand: Mapping[str, Path] = NOTHING_IN_HAND,
    held: Held | None = None,
) -> StampedFrame:
    """Run the customer's filters, keep their ZIPs, and return their raw rows, stamped with the fetch's sequence.

    `in_hand`: filter id -> a ZIP that came for it a moment ago, for which CollaborateMD need not be asked again.
    `held`: the customer, where the run goes on holding it; else it is held for the fetch alone. Schema:
    `claims.reading.RAW_ROWS`. A dry run takes no sequence. Memory: one slice of rows. Raises ReportDoubted for a
    report that looks too small, CustomerPaused, OtherOrganization, and what CollaborateMD's client raises.
    """
    with nullcontext(held) if held else held_to_fetch(customer, options, connections) as taken:
        state, lease = taken.state, taken.lease
        # before the slot is taken: an org that is not ready costs nothing
        lengths = preflight(connections).lengths
        last = known.last_fetch(customer.number, connections)
        if lease is not None:
            remove_old_reports(state, last, connections, say)
        filters = customer.filters_of(options.kind)
        begun = _begin(customer, filters, connections, state, lease, last)
        if options.kind is FilterKind.RECENT and begun.sequence is not None:
            keep_unsent(customer, begun.sequence, state, lengths, connections, work, say)
        fetching = _Fetching(customer, options, connections, work, say, state, lease, begun, last, in_hand)
        for run, each in enumerate(filters):
            fetching.add(each, run)
        return fetching.done()


@dataclass(frozen=True)
class _Begun:
    """Which fetch this is: a new one, or the one that a dead run began."""

    sequence: int | None
    at: datetime
    pending: PendingRequest | None = None


def _begin(
    customer: Customer,
    filters: tuple[Filter, ...],
    connections: Connections,
    state: CustomerState,
    lease: Lease | None,
    last: Stamp | None,
) -> _Begun:
    """`last`: the stamp of the fetch that is stored."""
    now = connections.now()
    if lease is None:
        return _Begun(None, now)
    pending = state.pending_request
    if pending is not None:
        if can_be_taken_up(pending, state, customer, filters, now):
            return _Begun(pending.sequence, pending.requested_at, pending)
        connections.state.forget_request(lease)
    above = known.highest_sequence(customer.number, state, last, connections)
    return _Begun(connections.state.next_sequence(customer.number, above=above, found=state), now)


@dataclass
class _Fetching:
    """One fetch while it grows, filter by filter."""

    customer: Customer
    options: SyncOptions
    connections: Connections
    work: Path
    say: Progress
    state: CustomerState
    lease: Lease | None
    begun: _Begun
    last: Stamp | None
    in_hand: Mapping[str, Path]
    reports: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        begun = self.begun
        self._read = Reports(self.customer, self.work)
        self._asking = Asking(
            self.customer, self.connections, self.lease, begun.sequence, begun.pending, self.say
        )
        before = known.rows_before(self.customer, self.state, self.connections)
        self._guard = VolumeGuard(self.customer, self.state, before)

    def add(self, each: Filter, run: int) -> None:
        """Bring one filter's report, read it, and keep its ZIP as evidence and for the second reader."""
        kept = self.in_hand.get(each.id) or self._kept_by_the_dead_run(each)
        path = kept or self.work / f"{each.id}.zip"
        came = kept is not None or self._asking.bring(each, path)
        try:
            rows = self._read.read(path, each, run) if came else 0
            self.say(f"{rows:,} rows")
            self._require_believable(rows, each)
        except PermanentError:
            self._asking.settled()  # mended, it must be asked for anew, not polled for
            raise
        report = {
            "filter": each.id,
            "kind": each.kind.value,
            "rows": rows,
            "digest": digest_of(path) if came else NO_DIGEST,
            "kept_as": self._keep(path, f"{each.id}.zip") if came else None,
        }
        self._asking.settled()  # under the lease: a run that was taken over hands nothing on
        self.reports.append(report)

    def done(self) -> StampedFrame:
        """The fetch's rows under its stamp, which is kept beside the ZIPs."""
        facts = {
            "kind": self.options.kind.value,
            "report_id": self.customer.report_id,
            "empty_accepted": self._empty_believed(),
            "fetched_by": self.connections.run,
            "reports": self.reports,
            **self._read.facts(),
        }
        facts["warnings"] += known.changed_labels(self.last, facts["labels"])
        stamp = Stamp(self.customer.number, self.begun.sequence, self.begun.at, facts)
        if not stamp.dry_run:
            manifest = self.work / MANIFEST
            manifest.write_text(stamp.to_text(), encoding="utf-8")
            self._keep(manifest, MANIFEST)
        return StampedFrame(self._read.rows.scan(), stamp)

    def _kept_by_the_dead_run(self, each: Filter) -> Path | None:
        """The ZIP that the run whose fetch this is had already stored."""
        if self.begun.pending is None or self.begun.sequence is None:
            return None
        storage, number = self.connections.storage, self.customer.number
        return storage.kept_report(number, self.begun.sequence, f"{each.id}.zip")

    def _keep(self, path: Path, name: str) -> str:
        return self.connections.storage.keep_report(path, self.customer.number, self.begun.sequence, name)

    def _empty_believed(self) -> bool:
        """Whether a person said that an empty report is right."""
        of = {(self.customer.report_id, each["filter"]) for each in self.reports}
        empty = {believed.of for believed in self.state.believed if believed.rows == 0}
        return self.options.accept_empty or of <= empty

    def _require_believable(self, rows: int, each: Filter) -> None:
        found = self._guard.doubt(each, rows)
        if found is None:
            return
        now = self.connections.now()
        doubt = Doubt(self.customer.report_id, each.id, rows, found[1], now)
        if self.options.accept_empty:
            if self.lease is not None:
                by = self.options.asked_by or self.connections.run
                self.connections.state.note_belief(self.customer.number, doubt, by=by)
            return
        if self.lease is not None:
            self.connections.state.doubt_report(self.lease, doubt)
        raise ReportDoubted(self.customer.number, doubt)
