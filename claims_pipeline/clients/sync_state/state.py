"""SyncState: what a run asks of the sync state, and tells it.

What belongs here: one method an act. Not here: how a lease or a commit works (`lease`, `committing`), nor DynamoDB's
own ways (`table`).
"""

import random
import uuid
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime
from typing import TYPE_CHECKING

from claims_pipeline.clients.sync_state.committing import ROLL_UP, OtherOrganization, commit_sync
from claims_pipeline.clients.sync_state.items import (
    BulkJob,
    Commit,
    CustomerState,
    PendingRequest,
    customer_state,
)
from claims_pipeline.clients.sync_state.lease import Lease, Leasing
from claims_pipeline.clients.sync_state.table import Change, ConditionFailed, StateTable
from claims_pipeline.clients.sync_state.taking import LeaseTaker

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_SAME_ORG = 15
"""Characters of an org id that count: the 18-character form adds three that follow from them."""


def _random_id() -> str:
    return uuid.uuid4().hex


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

    def ensure_table(self) -> bool:
        """Create the table when it is missing, and wait for it; whether it was missing."""
        return self._table.ensure()

    def confirm_org(self, organization_id: str) -> None:
        """This is the org that the state belongs to: the first to come is remembered, another is OtherOrganization."""
        known = self._organization_id()
        if known is None:
            known = self._remember_org(organization_id)
        if known[:_SAME_ORG] != organization_id[:_SAME_ORG]:
            raise OtherOrganization(known, organization_id, self._table.name)

    def accept_org(self, organization_id: str, *, instead_of: str) -> None:
        """A person's word that the state goes over to another org (a refreshed sandbox)."""
        change = Change(
            ROLL_UP,
            "SET #organization_id = :org",
            "#organization_id = :before OR #organization_id = :org",
            {"org": organization_id, "before": instead_of},
        )
        try:
            self._table.update(change)
        except ConditionFailed:
            raise OtherOrganization(self._organization_id(), organization_id, self._table.name) from None

    def lease(self, customer: str, *, patience_seconds: float = 0.0) -> AbstractContextManager[Lease]:
        """The customer, for us alone. Given back at the end, after a failure too.

        Waits while the owner stands still and takes over after its term; LeaseHeld as soon as it is seen alive and
        the patience is over. Our own run's earlier lease is taken again at once.
        """
        what, jobs = f"customer {customer}", {"bulk_jobs": dict[str, object]()}
        return LeaseTaker(self._table, self._leasing, customer, what, patience_seconds, jobs)

    def report_slot(self, partner: str, *, patience_seconds: float = 0.0) -> AbstractContextManager[Lease]:
        """CollaborateMD's one report slot of these credentials, over all customers: a lease like a customer's."""
        what = "CollaborateMD's report slot"
        return LeaseTaker(self._table, self._leasing, f"report-slot:{partner}", what, patience_seconds)

    def next_sequence(self, customer: str, *, above: int = 0) -> int:
        """A sequence that no fetch of this customer has had; higher than `above`, which org and files know."""
        found = customer_state(customer, self._table.get(customer))
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

    def commit(self, lease: Lease, sequence: int, outcome: Commit) -> CustomerState:
        """The sync is done: cursor, counts and roll-up move together. See `commit_sync` for what stops it."""
        leasing = self._leasing
        return commit_sync(
            self._table, lease, sequence, outcome, now=leasing.clock(), commit_id=leasing.new_id()
        )

    def _organization_id(self) -> str | None:
        value: str | None = self._table.get(ROLL_UP, "organization_id").get("organization_id", {}).get("S")
        return value

    def _remember_org(self, organization_id: str) -> str:
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
