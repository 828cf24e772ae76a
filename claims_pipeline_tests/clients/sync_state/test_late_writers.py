"""Writers that wake late and clocks that differ: only the lease in the table decides, never the time on a wall."""

from datetime import timedelta

import pytest

from claims_pipeline.clients.sync_state import BulkJob, Lease
from claims_pipeline.errors import LeaseHeld, LeaseLost, OlderThanCommitted
from claims_pipeline_tests.clients.sync_state.acts import (
    JOB,
    LEASE,
    REQUEST,
    UNDER_A_LEASE,
    Items,
    Scene,
    nothing,
    taken_for_good,
)
from claims_pipeline_tests.clients.sync_state.test_commits import sums
from claims_pipeline_tests.clients.sync_state.workers import NOON, NORTH, SOUTH, TERM, Table, Wire, outcome


def taken_over_by(table: Table, owner: str) -> Lease:
    """By a run that waited for the whole term."""
    return taken_for_good(table.worker(owner).state.lease(NORTH))


@pytest.mark.parametrize("name", UNDER_A_LEASE)
@pytest.mark.parametrize("taker", ["is at work", "has given back", "was killed too", "found the item lost"])
def test_a_late_writer_changes_nothing(table: Table, name: str, taker: str) -> None:
    """It asked in time, was stopped, and writes without asking again: the write itself must be refused."""
    act, scene = UNDER_A_LEASE[name], Scene(table, table.worker("run-1"))
    act.before(scene)
    scene.lease.check()
    if taker == "found the item lost":  # in a new item the versions begin anew, and may be equal
        table.wire.client.delete_item(TableName=table.name, Key={"sync_id": {"S": NORTH}})
    lease = taken_over_by(table, "run-2")
    if taker == "has given back":
        lease.release()
    elif taker == "was killed too":
        taken_over_by(table, "run-3")
    before = table.item(NORTH), table.item("default")
    with pytest.raises(LeaseLost, match=f"customer {NORTH} over from run run-1"):
        act.do(scene, nothing)
    assert (table.item(NORTH), table.item("default")) == before
    with pytest.raises(LeaseLost):
        scene.lease.check()


def test_a_late_commit_after_a_newer_one_is_told_that_it_is_older(table: Table) -> None:
    sleeper, other = table.worker("run-1"), table.worker("run-2")
    older = sleeper.state.next_sequence(NORTH)
    lease = taken_for_good(sleeper.state.lease(NORTH))
    other.sync(NORTH, outcome(7, 7, 0))
    before = table.item(NORTH), table.item("default")
    with pytest.raises(OlderThanCommitted, match=r"Fetch 1 .* is older than fetch 2"):
        sleeper.state.commit(lease, older, outcome(99, 99, 0))
    assert (table.item(NORTH), table.item("default")) == before


def test_a_late_commit_of_the_same_fetch_does_not_replace_the_takers(table: Table) -> None:
    """The taker finished the same stored fetch: its word stands."""
    sleeper, other = table.worker("run-1"), table.worker("run-2")
    same = sleeper.state.next_sequence(NORTH)
    lease = taken_for_good(sleeper.state.lease(NORTH))
    other.sync(NORTH, outcome(10, 9, 1), same)
    with pytest.raises(LeaseLost):
        sleeper.state.commit(lease, same, outcome(10, 1, 9))
    assert sums(table) == (10, 9, 1)


def test_a_commit_between_whose_look_and_write_the_taker_committed_changes_nothing(
    table: Table, wire: Wire
) -> None:
    sleeper = table.worker("run-1")
    lease = taken_for_good(sleeper.state.lease(NORTH))
    wire.before("TransactWriteItems", lambda: table.worker("run-2").sync(NORTH, outcome(4, 4, 0), 1))
    with pytest.raises(LeaseLost):
        sleeper.state.commit(lease, 1, outcome(9, 9, 9))
    assert sums(table) == (4, 4, 0)
    assert [past.records_processed for past in sleeper.state.read(NORTH).history] == [4]


def test_one_who_slept_past_its_term_and_was_not_missed_goes_on(table: Table) -> None:
    """The lease is whose it was: nobody else wrote in between."""
    worker = table.worker("run-1")
    with worker.state.lease(NORTH) as lease:
        worker.monotonic_now += 50 * TERM
        lease.check()
        worker.state.commit(lease, 1, outcome())
    assert worker.state.read(NORTH).committed_sequence == 1


def test_one_who_wakes_just_before_the_takeover_starts_the_takers_watch_anew(table: Table) -> None:
    worker, other = table.worker("run-1"), table.worker("run-2")
    lease = taken_for_good(worker.state.lease(NORTH))

    def wake() -> None:
        worker.monotonic_now += 50 * TERM
        lease.check()

    other.while_it_sleeps(*[nothing] * 18, wake)
    with pytest.raises(LeaseHeld, match="run-1"), other.state.lease(NORTH):
        pass
    lease.check()


def day(table: Table, first_is_off: timedelta, second_is_off: timedelta) -> tuple[list[object], Items]:
    """A crash, a takeover and two commits by two workers; what came of it, and what stands."""
    first = table.worker("run-1", wall_is_off=first_is_off)
    second = table.worker("run-2", wall_is_off=second_is_off)
    came: list[object] = []
    older = first.state.next_sequence(NORTH)
    lease = taken_for_good(first.state.lease(NORTH))
    first.state.remember_request(lease, REQUEST)
    first.state.remember_job(lease, JOB)
    with second.state.lease(NORTH) as taken:
        came += [second.state.read(NORTH).pending_request, second.state.read(NORTH).bulk_jobs]
        second.state.forget_request(taken)
        second.state.remember_job(taken, BulkJob("7505g00000bbbAAA", "Claim__c", 2, NOON))
        newer = second.state.next_sequence(NORTH)
        first.wall_is_off, second.wall_is_off = second_is_off, first_is_off  # both are set anew
        second.state.commit(taken, newer, outcome(10, 8, 2))
        for late in (lease.check, lease.renew, lambda: first.state.commit(lease, older, outcome())):
            with pytest.raises((LeaseLost, OlderThanCommitted)) as refused:
                late()
            came.append(refused.type)
    came += [first.sync(NORTH, outcome(5, 5, 0)), first.sync(SOUTH, outcome(1, 0, 1)), older, newer]
    came += [round(sum(first.slept), 3), round(sum(second.slept), 3), sums(table)]
    return came, Scene(table, first).stands(*LEASE)


@pytest.mark.parametrize("minutes", [(7, -7), (-7, 7), (0, 600), (-600, 0)], ids=str)
def test_a_day_of_two_workers_goes_the_same_whatever_their_clocks_say(
    table: Table, minutes: tuple[int, int]
) -> None:
    first, second = (timedelta(minutes=each) for each in minutes)
    right = timedelta()
    assert day(table, first, second) == day(Table.created(table.url), right, right)
