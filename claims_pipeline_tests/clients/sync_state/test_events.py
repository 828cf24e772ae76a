"""An event that was delivered twice is known by its id, and a customer's turn is one delivery's alone."""

import pytest

from claims_pipeline.clients.sync_state import StateUnavailable
from claims_pipeline.clients.sync_state.facts import EVENTS_LENGTH
from claims_pipeline.errors import LeaseHeld
from claims_pipeline_tests.clients.sync_state.workers import NORTH, SOUTH, Table, Wire, outcome


def test_an_event_is_known_for_its_customer_alone(table: Table) -> None:
    state = table.worker("run-1").state
    assert not state.was_served(NORTH, "event-1")
    state.note_event(NORTH, "event-1")
    assert state.was_served(NORTH, "event-1")
    assert not state.was_served(SOUTH, "event-1")
    assert not state.was_served(NORTH, "event-2")


def test_the_newest_events_are_kept_and_the_item_does_not_grow_for_ever(table: Table) -> None:
    state = table.worker("run-1").state
    for number in range(EVENTS_LENGTH + 5):
        state.note_event(NORTH, f"event-{number}")
    known = [number for number in range(EVENTS_LENGTH + 5) if state.was_served(NORTH, f"event-{number}")]
    assert known == list(range(5, EVENTS_LENGTH + 5))


def test_two_that_note_at_the_same_moment_are_both_kept(table: Table, wire: Wire) -> None:
    first, second = table.worker("run-1").state, table.worker("run-2").state
    wire.before("UpdateItem", lambda: second.note_event(NORTH, "event-2"))
    first.note_event(NORTH, "event-1")
    assert first.was_served(NORTH, "event-1")
    assert first.was_served(NORTH, "event-2")


def test_others_that_never_stop_noting_are_said(table: Table, wire: Wire) -> None:
    first, second = table.worker("run-1").state, table.worker("run-2").state

    def again(number: int) -> None:
        wire.before("UpdateItem", lambda: _note_and_go_on(number))

    def _note_and_go_on(number: int) -> None:
        second.note_event(NORTH, f"other-{number}")
        again(number + 1)

    again(0)
    with pytest.raises(StateUnavailable, match=NORTH):
        first.note_event(NORTH, "event-1")


def test_an_event_outlives_a_commit(table: Table) -> None:
    worker = table.worker("run-1")
    worker.state.note_event(NORTH, "event-1")
    worker.sync(NORTH, outcome())
    assert worker.state.was_served(NORTH, "event-1")


def test_a_turn_is_one_deliverys_and_leaves_the_customer_to_the_run_itself(table: Table) -> None:
    first, second = table.worker("run-1"), table.worker("run-2")
    with first.state.turn(NORTH) as turn, first.state.lease(NORTH):
        second.while_it_sleeps(*[turn.renew] * 40)
        with pytest.raises(LeaseHeld, match="run-1"), second.state.turn(NORTH):
            pass
    with second.state.turn(NORTH):
        pass
