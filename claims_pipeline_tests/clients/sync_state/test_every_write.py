"""Each conditional write, under each fault of the wire: done once, or said to be undone and done by the next try."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from claims_pipeline.clients.sync_state import StateUnavailable
from claims_pipeline_tests.clients.sync_state.acts import ACTS, Act, Items, Scene, nothing
from claims_pipeline_tests.clients.sync_state.workers import NORTH, TERM, Server, Table, Wire

Fault = Callable[[Wire, str], None]
CONFLICT = [{"Code": "None"}, {"Code": "TransactionConflict"}]
THROTTLED = "ProvisionedThroughputExceededException"
TRIES_OF_BOTO3 = 5
_after: dict[tuple[str, str], Items] = {}


def lost(times: int = 1) -> Fault:
    return lambda wire, operation: wire.lose_answer(operation, times)


def refused(code: str, times: int, status: int = 400) -> Fault:
    return lambda wire, operation: wire.refuse(operation, code, times, status)


def conflict(times: int) -> Fault:
    def meet(wire: Wire, operation: str) -> None:
        if operation == "TransactWriteItems":
            wire.refuse(operation, "TransactionCanceledException", times, CancellationReasons=CONFLICT)
        else:
            wire.refuse(operation, "TransactionConflictException", times)

    return meet


def cancelled(reason: str, times: int) -> Fault:
    """Throttling, as a transaction tells it; a single write is told plainly."""

    def meet(wire: Wire, operation: str) -> None:
        if operation == "TransactWriteItems":
            reasons = [{"Code": "None"}, {"Code": reason}]
            wire.refuse(operation, "TransactionCanceledException", times, CancellationReasons=reasons)
        else:
            wire.refuse(operation, "RequestLimitExceeded", times)

    return meet


def then(*faults: Fault) -> Fault:
    def meet(wire: Wire, operation: str) -> None:
        for fault in faults:
            fault(wire, operation)

    return meet


PASSING: dict[str, Fault] = {
    "an answer is lost": lost(),
    "four answers are lost": lost(4),
    "throttled by table and account": then(refused(THROTTLED, 2), refused("ThrottlingException", 2)),
    "throttled within a transaction": then(
        cancelled("ThrottlingError", 2), cancelled("ProvisionedThroughputExceeded", 2)
    ),
    "another's transaction is met": conflict(9),
    "DynamoDB stumbles": refused("InternalServerError", 4, 500),
    "lost, then in conflict, throttled and lost": then(lost(), conflict(1), refused(THROTTLED, 1), lost()),
}
LASTING: dict[str, Fault] = {
    "throttled for good": refused(THROTTLED, TRIES_OF_BOTO3),
    "another's transactions are met for good": conflict(10),
    "DynamoDB stumbles for good": refused("ServiceUnavailable", TRIES_OF_BOTO3, 503),
}
NEVER_RAISES = "giving a lease back"
every_act = pytest.mark.parametrize("name", ACTS)


def scene_before(act: Act, table: Table, **worker: object) -> Scene:
    scene = Scene(table, table.worker("run-1", **worker))
    act.before(scene)
    scene.worker.slept.clear()
    return scene


def after(server: Server, name: str) -> Items:
    """What stands when the act is done and nothing befalls it."""
    if (server.url, name) not in _after:
        scene = scene_before(ACTS[name], Table.created(server.url))
        ACTS[name].do(scene, nothing)
        _after[server.url, name] = scene.stands(*ACTS[name].may_skip)
    return _after[server.url, name]


@every_act
@pytest.mark.parametrize("fault", PASSING)
def test_what_passes_leaves_the_state_as_if_it_had_not_been(
    aws: Server, table: Table, name: str, fault: str
) -> None:
    act = ACTS[name]
    scene = scene_before(act, table)
    act.do(scene, lambda: PASSING[fault](table.wire, act.operation))
    assert table.wire.has_happened()
    assert scene.stands(*act.may_skip) == after(aws, name)
    assert sum(scene.worker.slept) < act.longest_wait_seconds + 10
    act.proof(scene)


@every_act
@pytest.mark.parametrize("fault", LASTING)
def test_what_lasts_is_said_and_writes_nothing_and_the_next_try_does_it(
    aws: Server, table: Table, name: str, fault: str
) -> None:
    if name == NEVER_RAISES:
        return_is_left_to_the_term(table, LASTING[fault])
        return
    act = ACTS[name]
    scene = scene_before(act, table)
    before = scene.stands()
    with pytest.raises(StateUnavailable, match=table.name):
        act.do(scene, lambda: LASTING[fault](table.wire, act.operation))
    assert table.wire.has_happened()
    assert scene.stands() == before
    act.do(scene, nothing)
    assert scene.stands(*act.may_skip) == after(aws, name)
    act.proof(scene)


def return_is_left_to_the_term(table: Table, fault: Fault) -> None:
    """Giving back never raises: it would hide why the run failed."""
    scene = scene_before(ACTS[NEVER_RAISES], table)
    ACTS[NEVER_RAISES].do(scene, lambda: fault(table.wire, "UpdateItem"))
    other = table.worker("run-2")
    with other.state.lease(NORTH):
        pass
    assert TERM <= sum(other.slept) < 1.1 * TERM


@pytest.mark.parametrize("name", [name for name in ACTS if name != NEVER_RAISES])
def test_a_write_of_which_nothing_is_ever_heard_is_done_once_by_the_next_try(
    aws: Server, table: Table, name: str
) -> None:
    act = ACTS[name]
    scene = scene_before(act, table)
    with pytest.raises(StateUnavailable, match="gave no answer"):
        act.do(scene, lambda: table.wire.lose_answer(act.operation, TRIES_OF_BOTO3))
    act.do(scene, nothing)
    assert scene.stands(*act.may_skip) == after(aws, name)
    act.proof(scene)


def test_a_lease_given_back_of_which_nothing_is_heard_is_free(table: Table) -> None:
    scene = scene_before(ACTS[NEVER_RAISES], table)
    ACTS[NEVER_RAISES].do(scene, lambda: table.wire.lose_answer("UpdateItem", TRIES_OF_BOTO3))
    ACTS[NEVER_RAISES].proof(scene)


@every_act
@pytest.mark.parametrize("off", [timedelta(minutes=-7), timedelta(minutes=7)], ids=["behind", "ahead"])
def test_a_wrong_clock_changes_nothing_but_the_times(
    aws: Server, table: Table, name: str, off: timedelta
) -> None:
    act = ACTS[name]
    scene = scene_before(act, table, wall_is_off=off)
    scene.worker.wall_is_off = -off  # and it is set right, and beyond, in the middle of the run
    act.do(scene, nothing)
    assert scene.stands(*act.may_skip) == after(aws, name)
    assert sum(scene.worker.slept) <= act.longest_wait_seconds
    act.proof(scene)
