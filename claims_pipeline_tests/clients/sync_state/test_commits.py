"""The cursor moves last, once, forward, and together with the roll-up."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from claims_pipeline.clients.sync_state import (
    CustomerState,
    FilterCommit,
    OtherOrganization,
    StateUnavailable,
)
from claims_pipeline.errors import LeaseLost, OlderThanCommitted
from claims_pipeline_tests.clients.sync_state.workers import (
    DOLLARS,
    NOON,
    NORTH,
    ORG,
    SOUTH,
    WEST,
    Server,
    Table,
    Wire,
    outcome,
)

CONFLICT = [{"Code": "None"}, {"Code": "TransactionConflict"}]


def sums(table: Table) -> tuple[int, int, int]:
    item = table.item("default")
    return tuple(int(item[name]["N"]) for name in ("records_processed", "success_count", "failure_count"))  # type: ignore[return-value]  # three


def test_the_predecessors_operators_find_their_names(table: Table) -> None:
    worker = table.worker("run-1")
    worker.sync(NORTH, outcome(10, 8, 2))
    worker.sync(SOUTH, outcome(5, 5, 0))
    worker.sync(NORTH, outcome(7, 6, 1))
    assert table.item("default") == {
        "sync_id": {"S": "default"},
        "organization_id": {"S": ORG},
        "last_sync_timestamp": {"S": "2026-03-02T12:00:00.000+00:00"},
        "records_processed": {"N": "12"},
        "success_count": {"N": "11"},
        "failure_count": {"N": "1"},
    }


def test_a_customer_never_seen_has_an_empty_state(table: Table) -> None:
    assert table.worker("run-1").state.read(NORTH) == CustomerState(NORTH)


def test_a_commit_is_read_back_as_it_was_given(table: Table) -> None:
    worker = table.worker("run-1")
    filters = (FilterCommit("4001", "5001", 10, "ab" * 32), FilterCommit("4001", "5002", 3, "cd" * 32))
    worker.sync(NORTH, outcome(filters=filters, counts={"created": 8, "BAD_MONEY": 2}, dollars=DOLLARS))
    found = worker.state.read(NORTH)
    assert (found.sequence, found.committed_sequence, found.last_success_at) == (1, 1, NOON)
    assert (found.records_processed, found.success_count, found.failure_count) == (10, 8, 2)
    assert (found.counts, found.dollars) == ({"created": 8, "BAD_MONEY": 2}, DOLLARS)
    assert [(each.filter_id, each.rows, each.digest, each.sequence) for each in found.filters] == [
        ("5001", 10, "ab" * 32, 1),
        ("5002", 3, "cd" * 32, 1),
    ]
    assert [(past.sequence, past.counts, past.dollars) for past in found.history] == [
        (1, found.counts, DOLLARS)
    ]


def test_a_filter_that_was_not_fetched_keeps_what_was_committed(table: Table) -> None:
    worker = table.worker("run-1")
    worker.sync(NORTH, outcome(filters=(FilterCommit("4001", "5002", 900, "cd" * 32),)))
    worker.sync(NORTH, outcome(filters=(FilterCommit("4001", "5001", 10, "ab" * 32),)))
    found = worker.state.read(NORTH)
    full, recent = found.filter("4001", "5002"), found.filter("4001", "5001")
    assert full and recent and (full.rows, full.sequence, recent.rows, recent.sequence) == (900, 1, 10, 2)
    assert found.filter("4009", "5001") is None


def test_a_replay_of_the_same_fetch_converges(table: Table) -> None:
    worker = table.worker("run-1")
    sequence = worker.sync(NORTH, outcome(10, 3, 7))
    worker.sync(NORTH, outcome(10, 9, 1), sequence)
    worker.sync(NORTH, outcome(10, 9, 1), sequence)
    assert sums(table) == (10, 9, 1)
    assert [past.success_count for past in worker.state.read(NORTH).history] == [9]


def test_an_older_fetch_is_refused_and_changes_nothing(table: Table) -> None:
    worker = table.worker("run-1")
    older, newer = worker.state.next_sequence(NORTH), worker.state.next_sequence(NORTH)
    worker.sync(NORTH, outcome(), newer)
    with worker.state.lease(NORTH) as lease:
        before = (table.item(NORTH), table.item("default"))
        with pytest.raises(OlderThanCommitted, match=f"Fetch 1 of customer {NORTH} is older than fetch 2"):
            worker.state.commit(lease, older, outcome(99, 99, 0))
        assert (table.item(NORTH), table.item("default")) == before


def test_a_commit_whose_answer_was_lost_counts_once(table: Table, wire: Wire) -> None:
    worker = table.worker("run-1")
    worker.sync(NORTH, outcome(10, 8, 2))
    wire.lose_answer("TransactWriteItems", times=2)
    worker.sync(NORTH, outcome(4, 4, 0))
    assert sums(table) == (4, 4, 0)
    assert worker.state.read(NORTH).committed_sequence == 2
    assert len(worker.state.read(NORTH).history) == 2


def test_a_lease_lost_between_looking_and_committing_stops_the_commit(table: Table, wire: Wire) -> None:
    worker, thief = table.worker("run-1"), table.worker("run-1")
    with worker.state.lease(NORTH) as lease:
        wire.before("TransactWriteItems", lambda: thief.state.lease(NORTH).__enter__())
        with pytest.raises(LeaseLost):
            worker.state.commit(lease, 1, outcome())
    assert sums(table) == (0, 0, 0)
    assert worker.state.read(NORTH).committed_sequence == 0


def test_conflicting_transactions_are_tried_again(table: Table, wire: Wire) -> None:
    worker = table.worker("run-1")
    wire.refuse("TransactWriteItems", "TransactionCanceledException", times=3, CancellationReasons=CONFLICT)
    worker.sync(NORTH, outcome(10, 8, 2))
    assert sums(table) == (10, 8, 2)
    assert worker.slept == sorted(worker.slept) and len(worker.slept) == 3


def test_a_write_that_meets_anothers_transaction_is_tried_again(table: Table, wire: Wire) -> None:
    with table.worker("run-1").state.lease(NORTH) as lease:
        wire.refuse("UpdateItem", "TransactionConflictException", times=3)
        lease.renew()


def test_lasting_conflicts_end(table: Table, wire: Wire) -> None:
    worker = table.worker("run-1")
    wire.refuse("TransactWriteItems", "TransactionCanceledException", times=99, CancellationReasons=CONFLICT)
    with pytest.raises(StateUnavailable, match="colliding"):
        worker.sync(NORTH, outcome())
    assert wire.count("TransactWriteItems") == 10


def test_throttling_is_retried_and_ends(table: Table, wire: Wire) -> None:
    worker = table.worker("run-1")
    wire.refuse("TransactWriteItems", "ThrottlingException", times=2)
    worker.sync(NORTH, outcome(10, 8, 2))
    wire.refuse("TransactWriteItems", "ThrottlingException", times=99)
    with pytest.raises(StateUnavailable, match="ThrottlingException"):
        worker.sync(NORTH, outcome(5, 5, 0))
    assert wire.count("TransactWriteItems") == 3 + 5
    assert sums(table) == (10, 8, 2)


def test_a_person_who_changed_the_org_meanwhile_stops_the_commit(table: Table) -> None:
    worker, person = table.worker("run-1"), table.worker("person")
    with worker.state.lease(NORTH) as lease:
        person.state.accept_org("00D000000000002AAA", instead_of=ORG, by="ada")
        with pytest.raises(OtherOrganization, match="00D000000000002AAA"):
            worker.state.commit(lease, 1, outcome())
    assert worker.state.read(NORTH).committed_sequence == 0
    assert sums(table) == (0, 0, 0)


def test_a_worker_whose_clock_is_behind_does_not_turn_the_last_success_back(table: Table) -> None:
    table.worker("run-1", wall_is_off=timedelta(minutes=7)).sync(NORTH, outcome())
    late = table.worker("run-2")
    late.sync(NORTH, outcome())
    assert late.state.read(NORTH).last_success_at == NOON + timedelta(minutes=7)


def test_a_clock_that_was_far_ahead_does_not_hide_that_a_customer_is_due(table: Table) -> None:
    table.worker("run-1", wall_is_off=timedelta(days=400)).sync(NORTH, outcome())
    right = table.worker("run-2")
    right.sync(NORTH, outcome())
    assert right.state.read(NORTH).last_success_at == right.clock()


def test_the_history_keeps_the_last_twenty(table: Table) -> None:
    worker = table.worker("run-1")
    for _ in range(23):
        worker.sync(NORTH, outcome())
    assert [past.sequence for past in worker.state.read(NORTH).history] == list(range(23, 3, -1))


@pytest.mark.parametrize(
    "more",
    [
        {"counts": {"DOE, JANE (12345678)": 1}},
        {"dollars": {"claim 100-200": Decimal(1)}},
        {"filters": (FilterCommit("4001", "5001", 1, "Doe"),)},
        {"filters": (FilterCommit("4001", "a filter", 1, "ab" * 32),)},
    ],
)
def test_a_commit_takes_no_text(more: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="codes, ids, counts and hexadecimal digests only"):
        outcome(**more)


COUNTS = st.integers(0, 10**6)
STEPS = st.lists(
    st.tuples(
        st.sampled_from([NORTH, SOUTH, WEST]),
        st.tuples(COUNTS, COUNTS, COUNTS),
        st.sampled_from(["sync", "replay", "older"]),
        st.sampled_from(["", "lost", "conflict", "throttled for good"]),
    ),
    max_size=12,
)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
def test_the_roll_up_never_drifts_from_the_customers(
    aws: Server, steps: list[tuple[str, tuple[int, int, int], str, str]]
) -> None:
    table = Table.created(aws.url)
    worker = table.worker("run-1")
    for customer, counts, kind, fault in steps:
        if fault == "lost":
            table.wire.lose_answer("TransactWriteItems")
        elif fault == "conflict":
            table.wire.refuse(
                "TransactWriteItems", "TransactionCanceledException", CancellationReasons=CONFLICT
            )
        elif fault:
            table.wire.refuse("TransactWriteItems", "ThrottlingException", times=5)
        committed = worker.state.read(customer).committed_sequence
        sequence = {"sync": None, "replay": committed or None, "older": committed - 1}[kind]
        try:
            worker.sync(customer, outcome(*counts), sequence)
        except (StateUnavailable, OlderThanCommitted):
            table.wire.forget()
        states = [worker.state.read(each) for each in (NORTH, SOUTH, WEST)]
        assert sums(table) == (
            sum(state.records_processed for state in states),
            sum(state.success_count for state in states),
            sum(state.failure_count for state in states),
        )
