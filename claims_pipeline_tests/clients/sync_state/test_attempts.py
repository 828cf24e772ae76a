"""Attempts are counted once a run, and a wish for a sync is served by the commit of the run that took it up."""

from datetime import timedelta

import pytest

from claims_pipeline.clients.sync_state import Passes, SyncRequest
from claims_pipeline_tests.clients.sync_state.workers import NOON, NORTH, SOUTH, Table, Wire, Worker, outcome


def begin(worker: Worker, filters: str = "recent", customer: str = NORTH) -> None:
    with worker.state.lease(customer) as lease:
        worker.state.begin_attempt(lease, filters=filters)


def test_each_run_counts_once_whatever_it_tries_again(table: Table) -> None:
    first, second = table.worker("run-1"), table.worker("run-2", wall_is_off=timedelta(hours=1))
    for worker in (first, first, second):
        begin(worker)
    attempts = second.state.read(NORTH).attempts
    assert (attempts.count, attempts.last_run) == (2, "run-2")
    assert attempts.last_at == second.clock()


def test_an_attempt_with_its_answer_lost_counts_once(table: Table, wire: Wire) -> None:
    worker = table.worker("run-1")
    with worker.state.lease(NORTH) as lease:
        wire.lose_answer("UpdateItem")
        worker.state.begin_attempt(lease, filters="recent")
    assert worker.state.read(NORTH).attempts.count == 1


def test_a_failure_is_kept_by_name_and_a_commit_forgets_it(table: Table) -> None:
    worker = table.worker("run-1")
    begin(worker)
    worker.state.record_failure(NORTH, "ReportTimedOut", passes=True)
    failure = worker.state.read(NORTH).attempts.failure
    assert failure is not None
    assert (failure.error, failure.passes) == ("ReportTimedOut", Passes.BY_ITSELF)
    worker.sync(NORTH, outcome())
    attempts = worker.state.read(NORTH).attempts
    assert (attempts.count, attempts.failure, attempts.last_run) == (0, None, "run-1")


def test_a_failure_of_a_run_that_never_got_the_customer_is_not_kept(table: Table) -> None:
    table.worker("run-1").state.record_failure(NORTH, "LeaseHeld", passes=True)
    assert table.item(NORTH) == {}
    begin(table.worker("run-1"))
    table.worker("run-2").state.record_failure(NORTH, "LeaseHeld", passes=True)
    assert table.worker("run-3").state.read(NORTH).attempts.failure is None


def test_the_next_attempt_forgets_how_the_last_one_failed(table: Table) -> None:
    begin(table.worker("run-1"))
    table.worker("run-1").state.record_failure(NORTH, "ReportColumnsChanged", passes=False)
    begin(table.worker("run-2"))
    assert table.worker("run-2").state.read(NORTH).attempts.failure is None


def test_a_failure_is_a_name_and_never_words(table: Table) -> None:
    begin(table.worker("run-1"))
    with pytest.raises(ValueError, match="name"):
        table.worker("run-1").state.record_failure(NORTH, "could not read DOE, JANE", passes=False)


@pytest.mark.parametrize(
    ("wanted", "fetched", "served"),
    [(None, "recent", True), ("recent", "recent", True), ("recent", "full", True), ("full", "recent", False)],
)
def test_a_wish_is_served_by_a_fetch_that_holds_what_it_asked(
    table: Table, wanted: str | None, fetched: str, served: bool
) -> None:
    worker = table.worker("run-1")
    worker.state.ask_for_sync(NORTH, SyncRequest("wish-1", wanted))
    begin(worker, fetched)
    assert worker.state.read(NORTH).request == SyncRequest("wish-1", wanted), "not before it is committed"
    worker.sync(NORTH, outcome())
    assert (worker.state.read(NORTH).request is None) is served


def test_a_wish_that_comes_while_a_sync_runs_stays_open(table: Table) -> None:
    worker = table.worker("run-1")
    begin(worker)
    worker.state.ask_for_sync(NORTH, SyncRequest("wish-1"))
    worker.sync(NORTH, outcome())
    assert worker.state.read(NORTH).request == SyncRequest("wish-1")
    begin(table.worker("run-2"))
    table.worker("run-2").sync(NORTH, outcome())
    assert worker.state.read(NORTH).request is None


def test_a_wish_that_was_served_is_not_asked_for_twice(table: Table) -> None:
    worker = table.worker("run-1")
    worker.state.ask_for_sync(NORTH, SyncRequest("wish-1"))
    begin(worker)
    worker.sync(NORTH, outcome())
    worker.state.ask_for_sync(NORTH, SyncRequest("wish-1"))
    assert worker.state.read(NORTH).request is None
    worker.state.ask_for_sync(NORTH, SyncRequest("wish-2"))
    assert worker.state.read(NORTH).request == SyncRequest("wish-2")


def test_another_system_may_leave_a_wish_as_a_text(table: Table) -> None:
    table.wire.client.put_item(
        TableName=table.name, Item={"sync_id": {"S": NORTH}, "sync_request": {"S": "2026-03-02"}}
    )
    assert table.worker("run-1").state.read(NORTH).request == SyncRequest("2026-03-02")


def test_many_customers_are_read_in_bounded_calls_and_without_their_history(table: Table, wire: Wire) -> None:
    worker = table.worker("run-1")
    worker.sync(SOUTH, outcome())
    with worker.state.lease(NORTH):
        numbers = [f"{number:08d}" for number in range(248)] + [NORTH, SOUTH]
        wire.sent.clear()
        found = worker.state.read_many(numbers)
        assert wire.sent == ["BatchGetItem"] * 3
    assert list(found) == numbers
    assert found["00000007"].last_success_at is None
    assert found[SOUTH].last_success_at == NOON
    assert found[SOUTH].history == ()
    holder = found[NORTH].holder
    assert holder is not None
    assert (holder.run, holder.moved_at) == ("run-1", NOON)


def test_items_that_dynamodb_leaves_unread_are_asked_for_again(table: Table, wire: Wire) -> None:
    worker = table.worker("run-1")
    worker.sync(NORTH, outcome())
    unread = {table.name: {"Keys": [{"sync_id": {"S": NORTH}}], "ConsistentRead": True}}
    wire.tell("BatchGetItem", {"Responses": {table.name: []}, "UnprocessedKeys": unread})
    assert worker.state.read_many([NORTH])[NORTH].committed_sequence == 1
