"""Sequences, the org, and what must not be forgotten in a crash."""

import pytest

from claims_pipeline.clients.sync_state import BulkJob, OtherOrganization, PendingRequest
from claims_pipeline_tests.clients.sync_state.workers import NOON, NORTH, ORG, SOUTH, Table, Wire, outcome

OTHER_ORG = "00D000000000002AAA"


def test_sequences_rise_by_customer(table: Table) -> None:
    state = table.worker("run-1").state
    assert [state.next_sequence(each) for each in (NORTH, NORTH, SOUTH, NORTH)] == [1, 2, 1, 3]


def test_a_sequence_is_above_what_org_and_files_know(table: Table) -> None:
    state = table.worker("run-1").state
    assert [state.next_sequence(NORTH, above=41), state.next_sequence(NORTH, above=7)] == [42, 43]


def test_a_sequence_is_above_a_replay_that_was_committed_into_a_new_table(table: Table) -> None:
    worker = table.worker("run-1")
    worker.sync(NORTH, outcome(), sequence=9)
    assert worker.state.next_sequence(NORTH) == 10


def test_two_runs_never_share_a_sequence(table: Table, wire: Wire) -> None:
    first, second = table.worker("run-1").state, table.worker("run-2").state
    taken: list[int] = []
    for _ in range(2):
        wire.before("UpdateItem", lambda: taken.append(second.next_sequence(NORTH)))
        taken.append(first.next_sequence(NORTH))
    assert taken == [1, 2, 3, 4]


def test_a_lost_answer_may_skip_a_sequence_and_never_repeats_one(table: Table, wire: Wire) -> None:
    state = table.worker("run-1").state
    wire.lose_answer("UpdateItem")
    taken = [state.next_sequence(NORTH) for _ in range(3)]
    assert len(set(taken)) == 3
    assert taken == sorted(taken)


def test_the_first_org_is_remembered_and_another_is_refused(table: Table) -> None:
    state = table.worker("run-1").state
    state.confirm_org(ORG)
    state.confirm_org(ORG[:15])
    with pytest.raises(OtherOrganization) as refused:
        state.confirm_org(OTHER_ORG)
    assert ORG in str(refused.value)
    assert f"claims-pipeline confirm org {OTHER_ORG}" in str(refused.value)
    assert table.item("default")["organization_id"] == {"S": ORG}


def test_of_two_orgs_at_once_the_first_stays(table: Table, wire: Wire) -> None:
    table.wire.client.delete_item(TableName=table.name, Key={"sync_id": {"S": "default"}})
    first, second = table.worker("run-1").state, table.worker("run-2").state
    wire.before("UpdateItem", lambda: second.confirm_org(OTHER_ORG))
    with pytest.raises(OtherOrganization, match=OTHER_ORG):
        first.confirm_org(ORG)


def test_an_org_remembered_with_its_answer_lost_is_ours(table: Table, wire: Wire) -> None:
    table.wire.client.delete_item(TableName=table.name, Key={"sync_id": {"S": "default"}})
    wire.lose_answer("UpdateItem")
    table.worker("run-1").state.confirm_org(ORG)
    assert table.item("default")["organization_id"] == {"S": ORG}


def test_a_person_hands_the_state_over_to_another_org_knowingly(table: Table) -> None:
    state = table.worker("person").state
    with pytest.raises(OtherOrganization, match=ORG):
        state.accept_org(OTHER_ORG, instead_of="00D000000000009AAA", by="ada")
    state.accept_org(OTHER_ORG, instead_of=ORG, by="ada")
    state.accept_org(OTHER_ORG, instead_of=ORG, by="ada")  # a lost answer, told again
    state.confirm_org(OTHER_ORG)


def test_a_pending_request_outlives_a_crash_and_is_forgotten_once_stored(table: Table, wire: Wire) -> None:
    request = PendingRequest("4001", "5001", "123456", 3, NOON)
    with table.worker("run-1").state.lease(NORTH) as lease:
        wire.lose_answer("UpdateItem")
        table.worker("run-1").state.remember_request(lease, request)
    later = table.worker("run-2").state
    assert later.read(NORTH).pending_request == request
    with later.lease(NORTH) as lease:
        later.forget_request(lease)
        later.forget_request(lease)
    assert later.read(NORTH).pending_request is None


def test_bulk_jobs_outlive_a_crash_and_are_forgotten_one_by_one(table: Table, wire: Wire) -> None:
    jobs = tuple(BulkJob(f"7505g00000{each}AAA", "Claim__c", 3, NOON) for each in ("aaa", "bbb"))
    with table.worker("run-1").state.lease(NORTH) as lease:
        for job in jobs:
            wire.lose_answer("UpdateItem")
            table.worker("run-1").state.remember_job(lease, job)
    later = table.worker("run-2").state
    assert later.read(NORTH).bulk_jobs == jobs
    with later.lease(NORTH) as lease:
        later.forget_job(lease, jobs[0].id)
        later.forget_job(lease, jobs[0].id)
    assert later.read(NORTH).bulk_jobs == jobs[1:]


def test_attributes_that_a_later_release_or_a_person_adds_are_kept(table: Table) -> None:
    table.wire.client.put_item(
        TableName=table.name,
        Item={
            "sync_id": {"S": NORTH},
            "attempts": {"N": "2"},
            "paused": {"M": {"reason": {"S": "moving house"}}},
            "note": {"S": "ours"},
        },
    )
    worker = table.worker("run-1")
    found = worker.state.read(NORTH)
    assert (found.attempts.count, found.paused and found.paused.reason) == (2, "moving house")
    worker.sync(NORTH, outcome())
    assert table.item(NORTH)["note"] == {"S": "ours"}
    assert worker.state.read(NORTH).attempts.count == 0
