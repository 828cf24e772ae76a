"""What people decide takes effect once, and who decided what, and when, is kept."""

import pytest

from claims_pipeline.clients.sync_state import (
    Doubt,
    FilterCommit,
    NothingToDecide,
    SyncRequest,
)
from claims_pipeline.errors import LeaseLost
from claims_pipeline_tests.clients.sync_state.workers import NOON, NORTH, ORG, Table, Wire, outcome

DOUBT = Doubt("4001", "5001", 3, 100, NOON)


def decided(table: Table) -> list[tuple[str, str, str]]:
    return [(each.what, each.by, each.about) for each in table.worker("reader").state.read(NORTH).decisions]


def test_a_customer_is_paused_with_a_reason_and_resumed(table: Table) -> None:
    state = table.worker("person").state
    state.pause(NORTH, reason="the practice moves house", by="ada")
    paused = state.read(NORTH).paused
    assert paused is not None
    assert (paused.reason, paused.since, paused.by) == ("the practice moves house", NOON, "ada")
    state.resume(NORTH, by="bob")
    assert state.read(NORTH).paused is None
    assert decided(table) == [("resumed", "bob", ""), ("paused", "ada", "the practice moves house")]


def test_a_pause_that_was_written_by_hand_as_a_text_is_one(table: Table) -> None:
    table.wire.client.put_item(
        TableName=table.name, Item={"sync_id": {"S": NORTH}, "paused": {"S": "moving house"}}
    )
    paused = table.worker("reader").state.read_many([NORTH])[NORTH].paused
    assert paused is not None
    assert paused.reason == "moving house"


def test_what_is_not_paused_cannot_be_resumed(table: Table) -> None:
    with pytest.raises(NothingToDecide, match="not paused"):
        table.worker("person").state.resume(NORTH, by="ada")


def test_a_decision_with_its_answer_lost_is_kept_once(table: Table, wire: Wire) -> None:
    wire.lose_answer("UpdateItem")
    table.worker("person").state.pause(NORTH, reason="a reason", by="ada")
    assert decided(table) == [("paused", "ada", "a reason")]


def test_two_people_who_decide_at_once_are_both_kept(table: Table, wire: Wire) -> None:
    one, other = table.worker("one").state, table.worker("other").state
    wire.before("UpdateItem", lambda: other.pause(NORTH, reason="first", by="bob"))
    one.pause(NORTH, reason="second", by="ada")
    assert decided(table) == [("paused", "ada", "second"), ("paused", "bob", "first")]


def test_a_release_forgets_the_failed_attempts_and_asks_for_a_sync(table: Table) -> None:
    worker = table.worker("run-1")
    with worker.state.lease(NORTH) as lease:
        worker.state.begin_attempt(lease, filters="recent")
    worker.state.record_failure(NORTH, "ReportNotFound", passes=False)
    worker.state.release(NORTH, by="ada")
    found = worker.state.read(NORTH)
    assert (found.attempts.count, found.attempts.failure) == (0, None)
    assert found.request is not None
    assert found.request.id.startswith("released-")


def test_a_release_leaves_a_wish_that_stands(table: Table) -> None:
    state = table.worker("person").state
    state.ask_for_sync(NORTH, SyncRequest("wish-1", "full"))
    state.release(NORTH, by="ada")
    assert state.read(NORTH).request == SyncRequest("wish-1", "full")


def test_each_decision_is_seen_by_whoever_reads_many_customers(table: Table) -> None:
    """A release may leave everything else as it stands: the sensor must know that a person has spoken."""
    state = table.worker("person").state
    state.ask_for_sync(NORTH, SyncRequest("wish-1"))
    state.release(NORTH, by="ada")
    before = state.read_many([NORTH])[NORTH]
    state.release(NORTH, by="ada", free_lease=True)
    after = state.read_many([NORTH])[NORTH]
    assert (before.decisions_made, after.decisions_made) == (1, 2)
    assert (after.attempts, after.request) == (before.attempts, before.request)


def test_a_freed_lease_is_lost_to_whoever_held_it(table: Table) -> None:
    stuck, person, other = table.worker("stuck"), table.worker("person").state, table.worker("other")
    with stuck.state.lease(NORTH) as lease:
        person.release(NORTH, by="ada", free_lease=True)
        with pytest.raises(LeaseLost):
            lease.check()
        with pytest.raises(LeaseLost):
            stuck.state.commit(lease, 1, outcome())
        other.sync(NORTH, outcome())
    assert other.slept == [], "nobody waits for a lease that was freed"


def test_a_doubt_waits_for_a_person_and_is_gone_with_the_commit_that_follows(table: Table) -> None:
    worker = table.worker("run-1")
    with worker.state.lease(NORTH) as lease:
        worker.state.doubt_report(lease, DOUBT)
    assert worker.state.believe_report(NORTH, by="ada") == DOUBT
    found = worker.state.read(NORTH)
    assert (found.doubt, found.believed) == (None, (DOUBT,))
    assert found.request is not None, "the sensor need not wait for tomorrow"
    worker.sync(NORTH, outcome())
    assert worker.state.read(NORTH).believed == ()
    assert decided(table) == [("report_believed", "ada", "report 4001, filter 5001: 3 rows, 100 before")]


def test_a_doubt_stays_while_other_filters_commit(table: Table) -> None:
    worker = table.worker("run-1")
    with worker.state.lease(NORTH) as lease:
        worker.state.doubt_report(lease, DOUBT)
    worker.sync(NORTH, outcome(filters=(FilterCommit("4001", "6001", 10, "ab" * 32),)))
    assert worker.state.read(NORTH).doubt == DOUBT
    worker.sync(NORTH, outcome())
    assert worker.state.read(NORTH).doubt is None, "the next report of the filter was normal"


def test_nothing_is_believed_that_nobody_doubts(table: Table) -> None:
    with pytest.raises(NothingToDecide, match="nothing was changed"):
        table.worker("person").state.believe_report(NORTH, by="ada")


def test_who_handed_the_state_to_another_org_is_kept(table: Table) -> None:
    state = table.worker("person").state
    state.accept_org("00D000000000002AAA", instead_of=ORG, by="ada")
    (kept,) = table.item("default")["decisions"]["L"]
    assert kept["M"]["by"] == {"S": "ada"}
    assert kept["M"]["about"] == {"S": f"00D000000000002AAA instead of {ORG}"}


def test_the_last_fifty_decisions_are_kept(table: Table) -> None:
    state = table.worker("person").state
    for number in range(52):
        state.pause(NORTH, reason=f"reason {number}", by="ada")
    kept = state.read(NORTH).decisions
    assert (len(kept), kept[0].about, kept[-1].about) == (50, "reason 51", "reason 2")
