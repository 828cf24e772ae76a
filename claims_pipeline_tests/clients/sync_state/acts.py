"""Every conditional write of the sync state, as an act on a scene, and what stands after it.

What belongs here: doing each act, and looking at the table. Not here: what befalls an act, nor what must hold.
"""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any

from claims_pipeline.clients.sync_state import BulkJob, Doubt, Lease, PendingRequest, SyncRequest
from claims_pipeline.clients.sync_state.items import from_wire
from claims_pipeline_tests.clients.sync_state.workers import NOON, NORTH, ORG, TERM, Table, Worker, outcome

OTHER_ORG = "00D000000000002AAA"
REQUEST = PendingRequest("4001", "5001", "123456", 1, NOON)
JOB = BulkJob("7505g00000aaaAAA", "Claim__c", 1, NOON)
DOUBT = Doubt("4001", "5001", 3, 100, NOON)
LEASE = ("lease_owner", "lease_token", "lease_version", "lease_term_seconds", "lease_taken_at")
_ITEMS = ("default", NORTH, "report-slot:api", f"turn:{NORTH}")
_NEVER_THE_SAME = frozenset(
    (
        "lease_token",
        "lease_version",
        "lease_taken_at",
        "lease_renewed_at",
        "commit_id",
        "committed_at",
        "last_success_at",
        "last_attempt_at",
        "at",
        "since",
        "sync_request",
        "last_sync_timestamp",
    )
)

Arm = Callable[[], object]
Items = dict[str, dict[str, Any]]


def taken_for_good(lease: AbstractContextManager[Lease]) -> Lease:
    """Entered and never left, as by a process that was killed."""
    return lease.__enter__()


def nothing() -> None:
    """Another poll, in which nothing happens."""


@dataclass
class Scene:
    """One worker on a table of its own; `held` once it holds a lease."""

    table: Table
    worker: Worker
    held: Lease | None = None
    given: list[int] = field(default_factory=list)
    """Sequences, as they were given."""

    @property
    def lease(self) -> Lease:
        assert self.held is not None
        return self.held

    def take(self) -> None:
        self.held = taken_for_good(self.worker.state.lease(NORTH))

    def stands(self, *without: str) -> Items:
        """The items, but for what differs from run to run: ids, versions and times are only there or not."""
        items = {sync_id: from_wire(self.table.item(sync_id)) for sync_id in _ITEMS}
        return {sync_id: _settled(item, without) for sync_id, item in items.items() if item}


def _settled(value: Any, without: tuple[str, ...]) -> Any:
    if isinstance(value, Mapping):
        kept = {name: each for name, each in value.items() if name not in without}
        return {
            name: "..." if name in _NEVER_THE_SAME else _settled(each, without) for name, each in kept.items()
        }
    if isinstance(value, list):
        return [_settled(each, without) for each in value]
    return value


@dataclass(frozen=True)
class Act:
    """A write. `do` calls `arm` right before it, so that a fault befalls this write and no other."""

    do: Callable[[Scene, Arm], None]
    before: Callable[[Scene], object] = lambda scene: None
    proof: Callable[[Scene], object] = lambda scene: None
    """Raises or asserts when the act has not really been done."""
    operation: str = "UpdateItem"
    longest_wait_seconds: float = 0.0
    may_skip: tuple[str, ...] = ()
    """Attributes whose value a repetition may move on."""


def armed(do: Callable[[Scene], object]) -> Callable[[Scene, Arm], None]:
    """An act whose first request is the write."""

    def arm_and_do(scene: Scene, arm: Arm) -> None:
        arm()
        do(scene)

    return arm_and_do


def _take_over(scene: Scene, arm: Arm) -> None:
    scene.worker.while_it_sleeps(*[nothing] * 19, arm)
    scene.take()


def _commit(scene: Scene) -> None:
    scene.worker.state.commit(scene.lease, 1, outcome())


def _take_slot(scene: Scene) -> None:
    scene.held = taken_for_good(scene.worker.state.report_slot("api"))


def _take_turn(scene: Scene) -> None:
    scene.held = taken_for_good(scene.worker.state.turn(NORTH))


def _is_served(scene: Scene) -> None:
    assert scene.worker.state.was_served(NORTH, "event-2")
    assert scene.worker.state.was_served(NORTH, "event-1"), "what was known before stays known"


def _forget_org(scene: Scene) -> None:
    scene.table.wire.client.delete_item(TableName=scene.table.name, Key={"sync_id": {"S": "default"}})


def _with_a_request(scene: Scene) -> None:
    scene.take()
    scene.worker.state.remember_request(scene.lease, REQUEST)


def _with_a_job(scene: Scene) -> None:
    scene.take()
    scene.worker.state.remember_job(scene.lease, JOB)


def _is_ours(scene: Scene) -> None:
    scene.lease.renew()
    scene.lease.check()


def _is_the_last_one_given(scene: Scene) -> None:
    assert scene.worker.state.read(NORTH).sequence == scene.given[-1]
    assert scene.given == sorted(set(scene.given))


def _is_free(scene: Scene) -> None:
    other = scene.table.worker("run-2")
    with other.state.lease(NORTH):
        pass
    assert other.slept == []


def _is_wished(scene: Scene) -> None:
    assert scene.worker.state.read(NORTH).request == SyncRequest("wish-1")


def _doubted(scene: Scene) -> None:
    scene.take()
    scene.worker.state.doubt_report(scene.lease, DOUBT)


def _begun(scene: Scene) -> None:
    scene.take()
    scene.worker.state.begin_attempt(scene.lease, filters="recent")


UNDER_A_LEASE = {
    "renewing": Act(armed(lambda scene: scene.lease.renew()), before=Scene.take, proof=_is_ours),
    "remembering a request": Act(
        armed(lambda scene: scene.worker.state.remember_request(scene.lease, REQUEST)), before=Scene.take
    ),
    "forgetting a request": Act(
        armed(lambda scene: scene.worker.state.forget_request(scene.lease)), before=_with_a_request
    ),
    "remembering a job": Act(
        armed(lambda scene: scene.worker.state.remember_job(scene.lease, JOB)), before=Scene.take
    ),
    "forgetting a job": Act(
        armed(lambda scene: scene.worker.state.forget_job(scene.lease, JOB.id)), before=_with_a_job
    ),
    "beginning an attempt": Act(
        armed(lambda scene: scene.worker.state.begin_attempt(scene.lease, filters="recent")),
        before=Scene.take,
    ),
    "doubting a report": Act(
        armed(lambda scene: scene.worker.state.doubt_report(scene.lease, DOUBT)), before=Scene.take
    ),
    "committing": Act(armed(_commit), before=Scene.take, operation="TransactWriteItems"),
}
"""What passes only while the lease is ours."""

ACTS = {
    "taking a lease": Act(armed(Scene.take), proof=_is_ours),
    "taking over a dead run's lease": Act(
        _take_over,
        before=lambda scene: taken_for_good(scene.table.worker("run-0").state.lease(NORTH)),
        proof=_is_ours,
        longest_wait_seconds=1.1 * TERM,
    ),
    "taking the report slot": Act(armed(_take_slot), proof=_is_ours),
    "taking a customer's turn": Act(armed(_take_turn), proof=_is_ours),
    "noting an event": Act(
        armed(lambda scene: scene.worker.state.note_event(NORTH, "event-2")),
        before=lambda scene: scene.worker.state.note_event(NORTH, "event-1"),
        proof=_is_served,
    ),
    "giving a lease back": Act(armed(lambda scene: scene.lease.release()), before=Scene.take, proof=_is_free),
    "taking a sequence": Act(
        armed(lambda scene: scene.given.append(scene.worker.state.next_sequence(NORTH))),
        before=lambda scene: scene.given.append(scene.worker.state.next_sequence(NORTH)),
        proof=_is_the_last_one_given,
        may_skip=("sequence",),
    ),
    "remembering the first org": Act(
        armed(lambda scene: scene.worker.state.confirm_org(ORG)), before=_forget_org
    ),
    "accepting another org": Act(
        armed(lambda scene: scene.worker.state.accept_org(OTHER_ORG, instead_of=ORG, by="ada"))
    ),
    "recording a failure": Act(
        armed(lambda scene: scene.worker.state.record_failure(NORTH, "ReportTimedOut", passes=True)),
        before=_begun,
    ),
    "pausing": Act(armed(lambda scene: scene.worker.state.pause(NORTH, reason="moving house", by="ada"))),
    "resuming": Act(
        armed(lambda scene: scene.worker.state.resume(NORTH, by="ada")),
        before=lambda scene: scene.worker.state.pause(NORTH, reason="moving house", by="ada"),
    ),
    "releasing": Act(armed(lambda scene: scene.worker.state.release(NORTH, by="ada")), before=_begun),
    "believing a report": Act(
        armed(lambda scene: scene.worker.state.believe_report(NORTH, by="ada")), before=_doubted
    ),
    "asking for a sync": Act(
        armed(lambda scene: scene.worker.state.ask_for_sync(NORTH, SyncRequest("wish-1"))),
        proof=_is_wished,
    ),
    **UNDER_A_LEASE,
}
"""Every conditional write, by what it is for."""
