"""Two workers at the same moment, in threads of their own: whoever is first, one wins and nothing is half done."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from threading import Barrier

import pytest

from claims_pipeline.clients.sync_state import BulkJob, Lease, OtherOrganization
from claims_pipeline.errors import LeaseHeld, LeaseLost, OlderThanCommitted
from claims_pipeline_tests.clients.sync_state.acts import (
    LEASE,
    OTHER_ORG,
    UNDER_A_LEASE,
    Scene,
    nothing,
    taken_for_good,
)
from claims_pipeline_tests.clients.sync_state.test_commits import sums
from claims_pipeline_tests.clients.sync_state.workers import (
    NOON,
    NORTH,
    ORG,
    SOUTH,
    WEST,
    Table,
    Wire,
    outcome,
)

EXPECTED = (LeaseHeld, LeaseLost, OtherOrganization)


def at_once(*acts: Callable[[], object]) -> list[object]:
    """What each act returned, or the refusal that it raised."""
    start = Barrier(len(acts), timeout=60)

    def run(act: Callable[[], object]) -> object:
        start.wait()
        try:
            return act()
        except EXPECTED as refusal:
            return refusal

    with ThreadPoolExecutor(len(acts)) as pool:
        return list(pool.map(run, acts))


def watcher(table: Table, owner: str, ready: Callable[[], object]) -> Callable[[], object]:
    """A run that has watched the lease for its whole term, and calls `ready` right before it takes over."""
    worker = table.worker(owner)
    worker.while_it_sleeps(*[nothing] * 19, ready)
    return lambda: taken_for_good(worker.state.lease(NORTH))


def test_sequences_taken_at_once_are_all_different(table: Table) -> None:
    states = [table.worker(f"run-{each}").state for each in range(4)]
    taken = at_once(
        *[lambda state=state: [state.next_sequence(NORTH) for _ in range(3)] for state in states]  # type: ignore[misc]  # bound in the loop
    )
    assert sorted(each for some in taken for each in some) == list(range(1, 13))  # type: ignore[attr-defined]  # lists


def test_of_two_who_watched_a_dead_lease_for_its_term_one_gets_it(table: Table) -> None:
    taken_for_good(table.worker("run-0").state.lease(NORTH))
    both = Barrier(2, timeout=60)
    found = at_once(*[watcher(table, owner, both.wait) for owner in ("run-1", "run-2")])
    (lease,) = [each for each in found if isinstance(each, Lease)]
    (held,) = [each for each in found if isinstance(each, LeaseHeld)]
    lease.check()
    assert str(held).startswith(f"Run {table.item(NORTH)['lease_owner']['S']} is at work")


def test_an_owner_who_gives_back_while_it_is_taken_over_harms_nobody(table: Table) -> None:
    owner = taken_for_good(table.worker("run-1").state.lease(NORTH))
    both = Barrier(2, timeout=60)

    def give_back() -> None:
        both.wait()
        owner.release()

    _, taken = at_once(give_back, watcher(table, "run-2", both.wait))
    assert isinstance(taken, Lease)
    taken.renew()
    assert table.item(NORTH)["lease_owner"] == {"S": "run-2"}


@pytest.mark.parametrize("name", UNDER_A_LEASE)
def test_a_write_under_a_lease_that_is_taken_over_at_this_moment_is_done_or_refused(
    table: Table, name: str
) -> None:
    act, scene = UNDER_A_LEASE[name], Scene(table, table.worker("run-1"))
    act.before(scene)
    before = scene.stands(*LEASE)
    both = Barrier(2, timeout=60)
    wrote, taken = at_once(lambda: act.do(scene, both.wait), watcher(table, "run-2", both.wait))
    is_done = scene.stands(*LEASE) != before
    if name == "renewing":
        assert isinstance(wrote, LeaseLost) is isinstance(taken, Lease)
        assert isinstance(wrote, LeaseLost) is not isinstance(taken, LeaseHeld)
    else:
        assert isinstance(taken, Lease)
        assert is_done is not isinstance(wrote, LeaseLost)
    (taken if isinstance(taken, Lease) else scene.lease).check()


@pytest.mark.parametrize("name", UNDER_A_LEASE)
def test_a_write_whose_answer_is_lost_just_before_a_takeover_is_not_done_again(
    table: Table, wire: Wire, name: str
) -> None:
    """It happened while the lease was ours; by boto3's next try it is another's, who may have gone on from there."""
    act, scene = UNDER_A_LEASE[name], Scene(table, table.worker("run-1"))
    act.before(scene)
    other = table.worker("run-1")  # the same run, started again: it need not wait

    def take_over_and_go_on() -> None:
        lease = taken_for_good(other.state.lease(NORTH))
        other.state.forget_request(lease)
        other.state.forget_job(lease, "7505g00000aaaAAA")
        other.state.commit(lease, other.state.next_sequence(NORTH), outcome(3, 3, 0))
        stood.append(scene.stands())

    stood: list[object] = []
    wire.lose_answer(act.operation)
    wire.before(act.operation, take_over_and_go_on)
    if name == "committing":
        with suppress(
            OlderThanCommitted
        ):  # moto forgets a transaction's token; DynamoDB says again that it is done
            act.do(scene, nothing)
    else:
        with pytest.raises(LeaseLost):
            act.do(scene, nothing)
    assert [scene.stands()] == stood
    with pytest.raises(LeaseLost):
        scene.lease.check()


def test_jobs_remembered_at_once_under_one_lease_are_all_kept_while_it_beats(table: Table) -> None:
    worker = table.worker("run-1")
    lease = taken_for_good(worker.state.lease(NORTH))
    jobs = [BulkJob(f"7505g00000{each}AAA", "Claim__c", 1, NOON) for each in ("aaa", "bbb", "ccc")]
    at_once(
        lease.renew,
        lease.check,
        *[lambda job=job: worker.state.remember_job(lease, job) for job in jobs],  # type: ignore[misc]  # bound in the loop
    )
    assert worker.state.read(NORTH).bulk_jobs == tuple(jobs)
    lease.check()


def test_commits_of_several_customers_at_once_all_count(table: Table) -> None:
    def several(customer: str) -> Callable[[], object]:
        worker = table.worker(f"run-{customer}")
        return lambda: [worker.sync(customer, outcome(10, 8, 2)) for _ in range(3)]

    assert at_once(*map(several, (NORTH, SOUTH, WEST))) == [[1, 2, 3]] * 3
    assert sums(table) == (30, 24, 6)


def test_of_two_first_orgs_at_once_one_stays_and_the_other_is_refused(table: Table) -> None:
    table.wire.client.delete_item(TableName=table.name, Key={"sync_id": {"S": "default"}})
    first, second = table.worker("run-1").state, table.worker("run-2").state
    found = at_once(lambda: first.confirm_org(ORG), lambda: second.confirm_org(OTHER_ORG))
    known = table.item("default")["organization_id"]["S"]
    assert [each is None for each in found] == [known == ORG, known == OTHER_ORG]
    assert sums(table) == (0, 0, 0)


def test_the_same_first_org_at_once_is_both_s(table: Table) -> None:
    table.wire.client.delete_item(TableName=table.name, Key={"sync_id": {"S": "default"}})
    states = [table.worker(f"run-{each}").state for each in range(3)]
    assert at_once(*[lambda state=state: state.confirm_org(ORG) for state in states]) == [None] * 3  # type: ignore[misc]  # bound in the loop


def test_a_commit_while_a_person_accepts_another_org_counts_or_is_refused(table: Table) -> None:
    worker, person = table.worker("run-1"), table.worker("person")
    with worker.state.lease(NORTH) as lease:
        committed, accepted = at_once(
            lambda: worker.state.commit(lease, 1, outcome(10, 8, 2)),
            lambda: person.state.accept_org(OTHER_ORG, instead_of=ORG, by="ada"),
        )
    assert accepted is None
    was_refused = isinstance(committed, OtherOrganization)
    assert sums(table) == ((0, 0, 0) if was_refused else (10, 8, 2))
    assert worker.state.read(NORTH).committed_sequence == (0 if was_refused else 1)
