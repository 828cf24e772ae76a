"""SyncState: what a run asks of the sync state, and tells it.

What belongs here: one method an act. Not here: how a lease or a commit works (`lease`, `committing`), nor DynamoDB's
own ways (`table`).
"""

import random
import uuid
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from copy import copy
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from claims_pipeline.clients.sync_state import alerting, attempts, deciding, events
from claims_pipeline.clients.sync_state.committing import ROLL_UP, OtherOrganization, commit_sync
from claims_pipeline.clients.sync_state.creating import ensure_table, has_table
from claims_pipeline.clients.sync_state.facts import (
    BulkJob,
    Commit,
    CustomerState,
    Decision,
    Doubt,
    Failure,
    OrgAlerts,
    Passes,
    PayorsAbove,
    PendingRequest,
    SyncRequest,
    ToldAlert,
)
from claims_pipeline.clients.sync_state.items import customer_state
from claims_pipeline.clients.sync_state.lease import Lease, Leasing
from claims_pipeline.clients.sync_state.table import Change, ConditionFailed, StateTable, StateTableMissing
from claims_pipeline.clients.sync_state.taking import LeaseTaker

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

DUE_ATTRIBUTES = (
    "sequence",
    "committed_sequence",
    "last_success_at",
    "attempts",
    "last_attempt_at",
    "last_attempt_run",
    "attempt_request",
    "last_failure",
    "sync_request",
    "served_request",
    "lease_owner",
    "lease_taken_at",
    "lease_renewed_at",
    "lease_term_seconds",
    "paused",
    "doubt",
    "believed",
    "counts",
    "decisions_made",
    "alerts",
    "alerts_moved",
)
_SAME_ORG = 15
"""Characters of an org id that count: the 18-character form adds three that follow from them."""


def _random_id() -> str:
    return uuid.uuid4().hex


def _require_same_org(known: str, organization_id: str) -> None:
    if known[:_SAME_ORG] != organization_id[:_SAME_ORG]:
        raise OtherOrganization(known, organization_id)


class SyncState:
    """The sync state, for one run. `owner` is the run's id: no two runs at once may share it.

    With `beats_by_timer` a thread keeps each held lease moving; without it only `Lease.check` and `renew` do, so a wait
    longer than the term must call them.
    """

    def __init__(
        self,
        table_name: str,
        *,
        client: "DynamoDBClient",
        owner: str,
        clock: Callable[[], datetime],
        monotonic: Callable[[], float],
        sleep: Callable[[float], None],
        lease_term_seconds: float = 300.0,
        jitter: Callable[[], float] = random.random,
        new_id: Callable[[], str] = _random_id,
        beats_by_timer: bool = False,
    ) -> None:
        self._table = StateTable(table_name, client=client, sleep=sleep, jitter=jitter)
        self._leasing = Leasing(owner, lease_term_seconds, clock, monotonic, sleep, new_id, beats_by_timer)

    def owned_by(self, owner: str) -> "SyncState":
        """The same table and clocks, for another run."""
        other = copy(self)
        other._leasing = replace(self._leasing, owner=owner)
        return other

    def ensure_table(self) -> bool:
        """Create the table when it is missing, and wait for it; whether it was missing."""
        return ensure_table(self._table)

    def confirm_org(self, organization_id: str) -> None:
        """This is the org that the state belongs to: the first to come is remembered, another is OtherOrganization."""
        known = self.organization_id() or self._remember_org(organization_id)
        _require_same_org(known, organization_id)

    def require_org(self, organization_id: str) -> None:
        """The same question without a mark: an org that the state does not know yet passes, so without a table."""
        try:
            known = self.organization_id()
        except StateTableMissing:
            return
        if known is not None:
            _require_same_org(known, organization_id)

    def accept_org(self, organization_id: str, *, instead_of: str, by: str) -> None:
        """A person's word that the state goes over to another org (a refreshed sandbox)."""
        decision = self._decision("org_accepted", by, f"{organization_id} instead of {instead_of}")
        if not deciding.accept_org(self._table, ROLL_UP, decision, organization_id, instead_of):
            raise OtherOrganization(self.organization_id(), organization_id)

    def pause(self, customer: str, *, reason: str, by: str) -> None:
        """Hold the customer back until a person resumes it."""
        deciding.pause(self._table, customer, self._decision("paused", by, reason))

    def resume(self, customer: str, *, by: str) -> None:
        """Let it be synced again. NothingToDecide when it is not paused."""
        deciding.resume(self._table, customer, self._decision("resumed", by, ""))

    def release(self, customer: str, *, by: str, free_lease: bool = False) -> None:
        """Forget the failed attempts and ask for a sync at once; with `free_lease` its holder loses the customer."""
        what = "lease_freed" if free_lease else "released"
        deciding.release(self._table, customer, self._decision(what, by, ""), free_lease=free_lease)

    def believe_report(self, customer: str, *, by: str) -> Doubt:
        """A person's word that the report which looked too small is right. NothingToDecide without a doubt."""
        return deciding.believe_report(self._table, customer, by, self._leasing.clock())

    def note_belief(self, customer: str, doubt: Doubt, *, by: str) -> None:
        """Keep that a run was told to believe a report that looked too small."""
        decision = self._decision("report_believed", by, doubt.in_words())
        deciding.note(self._table, customer, decision)

    def ask_for_sync(self, customer: str, request: SyncRequest) -> None:
        """Leave a wish for a sync, as any other system may; a newer one takes the place of an older.

        A wish that was served already stays served: told once more, it asks for nothing.
        """
        change = Change(
            customer,
            "SET #sync_request = :request",
            "attribute_not_exists(#served_request) OR #served_request <> :id",
            {"request": request, "id": request.id},
        )
        with suppress(ConditionFailed):
            self._table.update(change)

    def lease(
        self, customer: str, *, patience_seconds: float = 0.0, makes_table: bool = False
    ) -> AbstractContextManager[Lease]:
        """The customer, for us alone. Given back at the end, after a failure too; `makes_table` where there is none.

        Waits while the owner stands still and takes over after its term; LeaseHeld as soon as it is seen alive and
        the patience is over. Our own run's earlier lease is taken again at once.
        """
        what, jobs = f"customer {customer}", {"bulk_jobs": dict[str, object]()}
        return LeaseTaker(
            self._table, self._leasing, customer, what, patience_seconds, jobs, makes_table=makes_table
        )

    def report_slot(self, partner: str, *, patience_seconds: float = 0.0) -> AbstractContextManager[Lease]:
        """CollaborateMD's one report slot of these credentials, over all customers: a lease like a customer's."""
        what = "CollaborateMD's report slot"
        return LeaseTaker(self._table, self._leasing, f"report-slot:{partner}", what, patience_seconds)

    def turn(self, customer: str, *, patience_seconds: float = 0.0) -> AbstractContextManager[Lease]:
        """The customer's turn with one event, from its first step to its last, between the leases of the steps too.

        A lease like a customer's, in an item of its own; two deliveries of one event never work side by side under it.
        """
        what = f"an event of customer {customer}"
        return LeaseTaker(self._table, self._leasing, f"turn:{customer}", what, patience_seconds)

    def turn_holder(self, customer: str) -> str | None:
        """Who has the customer's turn, as it stands now."""
        holder = self.read(f"turn:{customer}").holder
        return None if holder is None else holder.run

    def note_event(self, customer: str, event: str) -> None:
        """Keep that this event (by an id of its own) was dealt with for the customer."""
        events.note_event(self._table, customer, event)

    def was_served(self, customer: str, event: str) -> bool:
        """Whether it was. Only the newest are known."""
        return events.was_served(self._table, customer, event)

    def next_sequence(self, customer: str, *, above: int = 0, found: CustomerState | None = None) -> int:
        """A sequence that no fetch of this customer has had; higher than `above`, which org and files know.

        `found`: the state as it was last read; the write finds out what came since.
        """
        found = found or self.read(customer)
        while True:
            sequence = max(found.sequence, found.committed_sequence, above) + 1
            change = Change(
                customer,
                "SET #sequence = :next",
                "attribute_not_exists(#sequence)" if found.sequence == 0 else "#sequence = :seen",
                {"next": sequence} | ({} if found.sequence == 0 else {"seen": found.sequence}),
            )
            try:
                self._table.update(change)
            except ConditionFailed as refused:
                # another took this one, or we did and the answer was lost: the next is as good
                found = customer_state(customer, refused.item)
            else:
                return sequence

    def read(self, customer: str) -> CustomerState:
        """The customer's state as it stands now."""
        return customer_state(customer, self._table.get(customer))

    def has_table(self) -> bool:
        """Whether anyone has made the table yet."""
        return has_table(self._table)

    def read_for_a_dry_run(self, customer: str) -> CustomerState:
        """The same, of a customer never seen where there is no table yet: a dry run makes none."""
        try:
            return self.read(customer)
        except StateTableMissing:
            return CustomerState(customer)

    def read_many(self, customers: Sequence[str]) -> dict[str, CustomerState]:
        """What tells when each customer is due and how it stands (without history), by few bounded calls."""
        items = self._table.get_many(customers, DUE_ATTRIBUTES)
        return {customer: customer_state(customer, items.get(customer, {})) for customer in customers}

    def keep_alerts(self, customer: str | None, alerts: Mapping[str, ToldAlert], *, moved: int) -> bool:
        """What people were told of the customer (None: of the org), if nobody told anything since it was read."""
        return alerting.keep_alerts(self._table, customer or alerting.ORG, alerts, moved)

    def note_payors(self, payors: PayorsAbove) -> None:
        """Which payors wait for a person, as the newest list has them."""
        alerting.note_payors(self._table, payors)

    def org_alerts(self) -> OrgAlerts:
        """What was told of the org as a whole, and which payors wait."""
        return alerting.read_org(self._table)

    @property
    def owner(self) -> str:
        """The run that writes."""
        return self._leasing.owner

    def begin_sending(self, lease: Lease, sequence: int) -> None:
        """Claims of this fetch are about to be sent: from now on no older one may be, committed or not."""
        lease.write("SET #sending_sequence = :sequence", {"sequence": sequence})

    def begin_attempt(self, lease: Lease, *, filters: str | None, found: CustomerState | None = None) -> None:
        """Count this run's attempt (once), before anything else is done.

        `filters`: recent or full, where a fetch begins; None where stored claims are settled. `found`: the state, where
        it was just read under the lease.
        """
        attempts.begin_attempt(lease, found or self.read(lease.sync_id), self._leasing, filters)

    def record_failure(self, customer: str, error: str, *, passes: bool) -> None:
        """Keep that this run's attempt failed, by the name of its error."""
        kind = Passes.BY_ITSELF if passes else Passes.NOT
        failure = Failure(error, kind, self._leasing.clock())
        attempts.record_failure(self._table, self._leasing, customer, failure)

    def doubt_report(self, lease: Lease, doubt: Doubt) -> None:
        """A report that looks too small waits for a person's word, or for a report that does not."""
        lease.write("SET #doubt = :doubt", {"doubt": doubt})

    def remember_request(self, lease: Lease, request: PendingRequest) -> None:
        """The report that CollaborateMD runs for us, before anything else is done: a crash must not ask anew."""
        lease.write("SET #pending_request = :request", {"request": request})

    def forget_request(self, lease: Lease) -> None:
        """Its result is stored, or it came to nothing."""
        lease.write("REMOVE #pending_request", {})

    def remember_job(self, lease: Lease, job: BulkJob) -> None:
        """A Bulk job, before its data is complete: whoever comes next must settle it."""
        lease.write("SET #bulk_jobs.#job = :job", {"job": job}, {"#job": job.id})

    def forget_job(self, lease: Lease, job_id: str) -> None:
        """The job is settled: finished and read, or aborted."""
        lease.write("REMOVE #bulk_jobs.#job", {}, {"#job": job_id})

    def commit(self, lease: Lease, sequence: int, outcome: Commit) -> None:
        """The sync is done: cursor, counts and roll-up move together. See `commit_sync` for what stops it."""
        leasing = self._leasing
        commit_sync(self._table, lease, sequence, outcome, now=leasing.clock(), commit_id=leasing.new_id())

    def organization_id(self) -> str | None:
        """The org that the state belongs to; None while no sync has written to any."""
        value: str | None = self._table.get(ROLL_UP, "organization_id").get("organization_id", {}).get("S")
        return value

    def _decision(self, what: str, by: str, about: str) -> Decision:
        return Decision(what, by, self._leasing.clock(), about)

    def _remember_org(self, organization_id: str) -> str:
        """The org that the state belongs to now: this one, unless another was remembered first."""
        sums = ", ".join(
            f"#{name} = if_not_exists(#{name}, :zero)"
            for name in ("records_processed", "success_count", "failure_count")
        )
        change = Change(
            ROLL_UP,
            f"SET #organization_id = :org, {sums}",
            "attribute_not_exists(#organization_id)",
            {"org": organization_id, "zero": 0},
        )
        try:
            self._table.update(change)
        except ConditionFailed as refused:
            return str(refused.item["organization_id"]["S"])
        return organization_id
