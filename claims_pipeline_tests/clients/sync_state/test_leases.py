"""One run at a time, whatever dies, sleeps or loses its answers."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Event

import pytest

from claims_pipeline.clients.sync_state import BulkJob, Lease, PendingRequest, StateUnavailable
from claims_pipeline.clients.sync_state.beating import keep_moving
from claims_pipeline.errors import LeaseHeld, LeaseLost
from claims_pipeline_tests.clients.sync_state.acts import nothing, taken_for_good
from claims_pipeline_tests.clients.sync_state.workers import (
    NOON,
    NORTH,
    SOUTH,
    TERM,
    Table,
    Wire,
    Worker,
    outcome,
)


def test_a_lease_given_back_is_free_for_the_next_at_once(table: Table) -> None:
    first, second = table.worker("run-1"), table.worker("run-2")
    with first.state.lease(NORTH):
        pass
    with second.state.lease(NORTH):
        pass
    assert second.slept == []


def test_a_failed_run_frees_its_lease(table: Table) -> None:
    first, second = table.worker("run-1"), table.worker("run-2")
    with pytest.raises(ZeroDivisionError), first.state.lease(NORTH):
        _ = 1 / 0
    with second.state.lease(NORTH):
        pass
    assert second.slept == []


def test_a_lease_taken_without_our_hearing_of_it_is_given_back_by_the_run_that_fails(
    table: Table, wire: Wire
) -> None:
    first, second = table.worker("run-1"), table.worker("run-2")
    wire.lose_answer("UpdateItem", times=5)  # as often as boto3 repeats the taking
    with pytest.raises(StateUnavailable), first.state.lease(NORTH):
        pass
    with second.state.lease(NORTH):
        pass
    assert second.slept == []


def test_another_customer_is_not_held(table: Table) -> None:
    second = table.worker("run-2")
    with table.worker("run-1").state.lease(NORTH), second.state.lease(SOUTH):
        pass
    assert second.slept == []


def test_a_living_owner_is_left_alone_and_named(table: Table) -> None:
    first, second = table.worker("run-1"), table.worker("run-2")
    with first.state.lease(NORTH) as lease:
        second.while_it_sleeps(nothing, lease.renew)
        with (
            pytest.raises(LeaseHeld, match=f"run-1 is at work on customer {NORTH}"),
            second.state.lease(NORTH),
        ):
            pass
        lease.check()
    assert sum(second.slept) < TERM


def test_a_dead_owner_is_taken_over_after_the_whole_term_and_not_before(table: Table) -> None:
    taken_for_good(table.worker("run-1").state.lease(NORTH))
    second = table.worker("run-2", monotonic_now=77.0)
    with second.state.lease(NORTH):
        pass
    assert TERM <= sum(second.slept) < TERM * 1.1


@pytest.mark.parametrize("hours", [-30, -0.1, 0.1, 30])
def test_clocks_that_differ_neither_hasten_nor_delay_a_takeover(table: Table, hours: float) -> None:
    taken_for_good(table.worker("run-1", monotonic_now=1e6).state.lease(NORTH))
    second = table.worker("run-2", wall_is_off=timedelta(hours=hours))
    with second.state.lease(NORTH):
        pass
    assert TERM <= sum(second.slept) < TERM * 1.1


def test_one_renewal_starts_the_watch_anew(table: Table) -> None:
    lease = taken_for_good(table.worker("run-1").state.lease(NORTH))
    second = table.worker("run-2")
    second.while_it_sleeps(*[nothing] * 15, lease.renew)
    with second.state.lease(NORTH, patience_seconds=1000):
        pass
    assert sum(second.slept) >= TERM * 15 / 20 + TERM


def test_the_owners_longer_term_counts(table: Table) -> None:
    taken_for_good(table.worker("run-1", lease_term_seconds=5 * TERM).state.lease(NORTH))
    second = table.worker("run-2")
    with second.state.lease(NORTH):
        pass
    assert sum(second.slept) >= 5 * TERM


def test_a_run_takes_its_own_lease_again_without_waiting(table: Table) -> None:
    before_the_crash = table.worker("run-1")
    old = taken_for_good(before_the_crash.state.lease(NORTH))
    again = table.worker("run-1")
    with again.state.lease(NORTH) as new:
        new.check()
        with pytest.raises(LeaseLost):
            old.check()
        with pytest.raises(LeaseLost):
            old.renew()
    assert again.slept == []


def test_an_owner_who_moves_at_the_last_moment_keeps_its_lease(table: Table, wire: Wire) -> None:
    lease = taken_for_good(table.worker("run-1").state.lease(NORTH))
    second = table.worker("run-2")
    second.while_it_sleeps(*[nothing] * 19, lambda: wire.before("UpdateItem", lease.renew))
    with pytest.raises(LeaseHeld, match="run-1"), second.state.lease(NORTH):
        pass
    lease.check()


def test_of_two_who_watch_a_dead_lease_one_gets_it(table: Table) -> None:
    taken_for_good(table.worker("run-1").state.lease(NORTH))
    second, third = table.worker("run-2"), table.worker("run-3")
    second.while_it_sleeps(*[nothing] * 10, lambda: taken_for_good(third.state.lease(NORTH)))
    with pytest.raises(LeaseHeld, match="run-3"), second.state.lease(NORTH):
        pass


def test_of_many_at_the_same_moment_one_gets_it(table: Table) -> None:
    class Waits(Exception):
        pass

    def wait() -> None:
        raise Waits

    def race(number: int) -> str:
        worker = table.worker(f"run-{number}")
        worker.while_it_sleeps(wait)
        try:
            taken_for_good(worker.state.lease(NORTH))
        except Waits:
            return "waits"
        return "holds"

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(race, range(16))) == ["holds"] + ["waits"] * 15


class TestAWriterThatWakesTooLate:
    @pytest.fixture
    def stale(self, table: Table) -> tuple[Worker, Lease]:
        sleeper = table.worker("run-1")
        lease = taken_for_good(sleeper.state.lease(NORTH))
        other = table.worker("run-2")
        with other.state.lease(NORTH) as taken_over:
            other.state.commit(taken_over, other.state.next_sequence(NORTH), outcome())
        sleeper.monotonic_now += 10 * TERM
        return sleeper, lease

    def test_notices_before_its_next_batch(self, stale: tuple[Worker, Lease]) -> None:
        with pytest.raises(LeaseLost, match=f"has taken customer {NORTH} over from run run-1"):
            stale[1].check()

    def test_notices_even_when_its_own_clock_stood_still(self, stale: tuple[Worker, Lease]) -> None:
        stale[0].monotonic_now = 0.0
        with pytest.raises(LeaseLost):
            stale[1].check()

    def test_can_never_write_nor_commit(self, table: Table, stale: tuple[Worker, Lease]) -> None:
        worker, lease = stale
        state, before = worker.state, (table.item(NORTH), table.item("default"))
        acts = [
            lambda: state.commit(lease, 2, outcome(99, 99, 0)),
            lambda: state.remember_job(lease, BulkJob("750A", "Claim__c", 2, NOON)),
            lambda: state.remember_request(lease, PendingRequest("4001", "5001", "77", 2, NOON)),
            lambda: state.forget_request(lease),
            lambda: state.forget_job(lease, "750A"),
            lease.renew,
        ]
        for act in acts:
            lease._is_lost = False  # each write must find out by itself
            with pytest.raises(LeaseLost):
                act()
        assert (table.item(NORTH), table.item("default")) == before

    def test_gives_nothing_back_that_is_anothers(self, table: Table, stale: tuple[Worker, Lease]) -> None:
        holder = table.worker("run-3")
        with holder.state.lease(NORTH) as held:
            stale[1].release()
            held.check()


class TestLostAnswers:
    def test_taking(self, table: Table, wire: Wire) -> None:
        worker = table.worker("run-1")
        wire.lose_answer("UpdateItem")
        with worker.state.lease(NORTH) as lease:
            lease.renew()
            lease.check()
        assert worker.slept == []

    def test_taking_over(self, table: Table, wire: Wire) -> None:
        taken_for_good(table.worker("run-1").state.lease(NORTH))
        second = table.worker("run-2")
        second.while_it_sleeps(*[nothing] * 19, lambda: wire.lose_answer("UpdateItem"))
        with second.state.lease(NORTH) as lease:
            lease.renew()
        assert sum(second.slept) < TERM * 1.1

    def test_renewing(self, table: Table, wire: Wire) -> None:
        with table.worker("run-1").state.lease(NORTH) as lease:
            wire.lose_answer("UpdateItem")
            lease.renew()
            lease.renew()

    def test_giving_back(self, table: Table, wire: Wire) -> None:
        second = table.worker("run-2")
        with table.worker("run-1").state.lease(NORTH):
            wire.lose_answer("UpdateItem")
        with second.state.lease(NORTH):
            pass
        assert second.slept == []

    def test_a_lease_that_cannot_be_given_back_does_not_hide_the_failure(
        self, table: Table, wire: Wire
    ) -> None:
        def work() -> None:
            with table.worker("run-1").state.lease(NORTH):
                wire.refuse("UpdateItem", "InternalServerError", times=5, status=500)
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            work()


def test_checking_asks_each_time_and_writes_only_when_it_is_time(table: Table, wire: Wire) -> None:
    worker = table.worker("run-1")
    with worker.state.lease(NORTH) as lease:
        wire.sent.clear()
        for _ in range(10):
            worker.monotonic_now += TERM / 10
            lease.check()
        assert (wire.count("GetItem"), wire.count("UpdateItem")) == (5, 5)


class TestTheBeat:
    def test_keeps_a_lease_moving_while_its_owner_waits(self, table: Table, wire: Wire) -> None:
        moved = Event()
        with table.worker("run-1", lease_term_seconds=0.05, beats_by_timer=True).state.lease(NORTH) as lease:
            wire.before("UpdateItem", nothing, times=2)
            wire.before("UpdateItem", moved.set)
            assert moved.wait(timeout=20)
            lease.check()

    def test_goes_on_after_a_failure_and_ends_when_the_lease_is_lost(self, table: Table, wire: Wire) -> None:
        lease = taken_for_good(table.worker("run-1").state.lease(NORTH))
        waited: list[float] = []

        def wait(seconds: float) -> bool:
            waited.append(seconds)
            if len(waited) == 3:
                taken_for_good(table.worker("run-1").state.lease(NORTH))
            return False

        wire.refuse("UpdateItem", "InternalServerError", times=5, status=500)
        keep_moving(lease, wait)
        assert waited == [TERM / 5] * 3

    def test_ends_when_it_is_told_to(self, table: Table, wire: Wire) -> None:
        with table.worker("run-1").state.lease(NORTH) as lease:
            wire.sent.clear()
            keep_moving(lease, lambda seconds: True)
        assert wire.sent == ["UpdateItem"]  # giving it back


class TestTheReportSlot:
    def test_is_one_for_all_customers_of_the_same_credentials(self, table: Table) -> None:
        first, second = table.worker("run-1"), table.worker("run-2")
        with first.state.lease(NORTH), second.state.lease(SOUTH), first.state.report_slot("api") as slot:
            second.while_it_sleeps(nothing, slot.renew)
            with pytest.raises(LeaseHeld, match="run-1 is at work on CollaborateMD's report slot"):
                taken_for_good(second.state.report_slot("api"))
            with second.state.report_slot("other"):
                pass

    def test_is_waited_for_while_its_owner_lives(self, table: Table) -> None:
        first, second = table.worker("run-1"), table.worker("run-2")
        slot = taken_for_good(first.state.report_slot("api"))
        second.while_it_sleeps(*[slot.renew] * 40, slot.release)
        with second.state.report_slot("api", patience_seconds=10 * TERM):
            pass
        assert len(second.slept) == 41

    def test_leaves_nothing_of_a_customer_in_its_item(self, table: Table) -> None:
        with table.worker("run-1").state.report_slot("api"):
            assert set(table.item("report-slot:api")) == {
                "sync_id",
                "lease_owner",
                "lease_token",
                "lease_version",
                "lease_term_seconds",
                "lease_taken_at",
            }
