"""Asking CollaborateMD for a filter's report, within the one report slot; a request that a dead run left is taken up.

What belongs here: the slot, and the pending request in the sync state. Not here: the wire
(`clients.collaboratemd`), nor what is done with the ZIP (`fetch`).
"""

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from claims_pipeline.clients.collaboratemd import ReportFailed, ReportNotFound, ReportTimedOut
from claims_pipeline.clients.sync_state import CustomerState, Lease, PendingRequest
from claims_pipeline.settings import Customer, Filter
from claims_pipeline.sync.connections import Connections
from claims_pipeline.sync.options import Progress

TAKEN_UP_WITHIN = timedelta(hours=1)
"""Of the request: CollaborateMD gives a report 15 to 20 minutes, and an old result is an old state of the book."""
_CLOCKS_DIFFER = timedelta(minutes=15)


def can_be_taken_up(
    pending: PendingRequest,
    state: CustomerState,
    customer: Customer,
    filters: tuple[Filter, ...],
    now: datetime,
) -> bool:
    """Whether a dead run's request is the report that we would ask for, and no later fetch has begun since."""
    age = now - pending.requested_at
    return (
        pending.report_id == customer.report_id
        and pending.filter_id in {each.id for each in filters}
        and pending.sequence == state.sequence > state.committed_sequence
        and -_CLOCKS_DIFFER <= age <= TAKEN_UP_WITHIN
    )


@dataclass(frozen=True)
class Asking:
    """How one fetch asks. A dry run has no lease, and leaves no request behind."""

    customer: Customer
    connections: Connections
    lease: Lease | None
    sequence: int | None
    pending: PendingRequest | None
    say: Progress

    def bring(self, each: Filter, to: Path) -> bool:
        """The filter's ZIP at `to`. False: believed empty, and there is no file."""
        with self._slot():
            return self._taken_up(each, to) or self._asked_anew(each, to)

    def _slot(self) -> AbstractContextManager[object]:
        """CollaborateMD's report slot. A dry run before anyone made the table has nobody to wait for."""
        if self.lease is None and not self.connections.state.has_table():
            return nullcontext()
        theirs = self.connections.settings.collaboratemd
        return self.connections.state.report_slot(theirs.username, patience_seconds=theirs.deadline_seconds)

    def settled(self) -> None:
        """The result is here: nobody needs to poll for it any more."""
        if self.lease is not None:
            self.connections.state.forget_request(self.lease)

    def _taken_up(self, each: Filter, to: Path) -> bool:
        """Poll on for the request that a dead run left. What came to nothing there is asked for anew."""
        if self.pending is None or self.pending.filter_id != each.id:
            return False
        self.say(
            f"taking up report {self.pending.report_id} with filter {each.id}, which an earlier run asked for"
        )
        try:
            return self.connections.collaboratemd.download(
                self.customer.number, self.pending.identifier, to, on_poll=self._still_ours
            )
        except (ReportNotFound, ReportTimedOut, ReportFailed):
            return False

    def _asked_anew(self, each: Filter, to: Path) -> bool:
        self.say(f"running report {self.customer.report_id} with filter {each.id}")
        return self.connections.collaboratemd.fetch_report(
            self.customer.number,
            self.customer.report_id,
            each.id,
            to,
            on_run=lambda identifier: self._remember(each, identifier),
            on_waiting=self._still_ours,
            on_poll=self._still_ours,
        )

    def _remember(self, each: Filter, identifier: str) -> None:
        if self.lease is None or self.sequence is None:
            return
        now = self.connections.now()
        request = PendingRequest(self.customer.report_id, each.id, identifier, self.sequence, now)
        self.connections.state.remember_request(self.lease, request)

    def _still_ours(self, _: object) -> None:
        self.connections.require_time()
        if self.lease is not None:
            self.lease.check()
