"""What the state machine stands on: its table in memory answers as DynamoDB's stand-in does."""

from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import count
from typing import Any

import pytest

from claims_pipeline.clients.sync_state import (
    BulkJob,
    Commit,
    FilterCommit,
    OtherOrganization,
    SyncState,
    connect,
)
from claims_pipeline.errors import LeaseHeld, LeaseLost, OlderThanCommitted
from claims_pipeline.sandbox.dynamodb import REGION, LocalDynamoDB, serve_dynamodb
from claims_pipeline_tests.faults.machine_dynamodb import Client, Table
from claims_pipeline_tests.faults.machine_expressions import Expression

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
FIRST, SECOND, ORG = "10001001", "10002002", "00D5g000004Jq7XEAS"


@pytest.fixture(scope="module")
def dynamodb() -> Iterator[LocalDynamoDB]:
    server = serve_dynamodb()
    yield server
    server.close()


class Told:
    """A client, with every answer and refusal of DynamoDB's kept."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self.answers: list[object] = []

    def __getattr__(self, operation: str) -> Any:
        def act(**asked: Any) -> Any:
            try:
                answer = getattr(self._client, operation)(**asked)
            except Exception as error:
                told = getattr(error, "response", {})
                reasons = [(each["Code"], each.get("Item")) for each in told.get("CancellationReasons", ())]
                self.answers.append((operation, told.get("Error", {}).get("Code"), told.get("Item"), reasons))
                raise
            version = answer.get("Attributes", {}).get(
                "lease_version"
            )  # all that is read; moto tells others amiss
            self.answers.append((operation, answer.get("Item"), version))
            return answer

        return act


def a_long_story(client: Told) -> None:
    """Every act of the sync state, and every condition of it that fails."""
    ids, seconds = count(1), iter(float(each) for each in range(0, 100_000, 7))

    def state(owner: str) -> SyncState:
        return SyncState(
            "state",
            client=client,  # type: ignore[arg-type]  # its few methods
            owner=owner,
            clock=lambda: NOON,
            monotonic=lambda: next(seconds),
            sleep=lambda _: None,
            jitter=lambda: 0.5,
            new_id=lambda: f"id-{next(ids)}",
        )

    ours, theirs = state("A"), state("B")
    ours.confirm_org(ORG)
    with pytest.raises(OtherOrganization):
        theirs.confirm_org("00D5g000004Jq7YEAS")
    commit = Commit(ORG, 3, 2, 1, (FilterCommit("10010", "20020", 3, "ab" * 32),), {"created": 2})
    for customer in (FIRST, SECOND, FIRST):
        sequence = ours.next_sequence(customer)
        with ours.lease(customer) as lease:
            ours.remember_job(lease, BulkJob("750Vx0000000004IAA", "Claim__c", sequence, NOON))
            ours.forget_job(lease, "750Vx0000000004IAA")
            ours.commit(lease, sequence, commit)
            lease.check()
    with ours.lease(FIRST) as lost:
        with theirs.lease(FIRST) as lease:
            with pytest.raises(LeaseHeld):
                _beating(state("C"), lease)
            with pytest.raises(OlderThanCommitted):
                theirs.commit(lease, 1, commit)
        with pytest.raises(LeaseLost):
            ours.commit(lost, 3, commit)


def _beating(other: SyncState, lease: Any) -> None:
    """Another asks for a lease whose owner keeps it moving."""
    leasing = other._leasing
    object.__setattr__(leasing, "sleep", lambda _: lease.renew())
    with other.lease(FIRST):
        raise AssertionError("it was taken from a living owner")


def test_the_table_in_memory_answers_as_dynamodb_does(
    dynamodb: LocalDynamoDB, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in dynamodb.environment().items():
        monkeypatch.setenv(name, value)
    real = connect(REGION, dynamodb.url)
    SyncState(
        "state", client=real, owner="x", clock=lambda: NOON, monotonic=lambda: 0.0, sleep=lambda _: None
    ).ensure_table()
    table = Table()
    told = [Told(real), Told(Client(table, lambda _, act: act()))]
    for client in told:
        a_long_story(client)
    assert told[0].answers == told[1].answers
    assert len(told[0].answers) > 40
    items = {item["sync_id"]["S"]: item for item in real.scan(TableName="state")["Items"]}
    assert items == table.items


@pytest.mark.parametrize(
    "text", ["size(#a) > :n", "#a BETWEEN :n AND :n", "#a = :n ; #a = :n", "begins_with(#a, :n)"]
)
def test_a_word_that_the_table_does_not_know_is_no_answer(text: str) -> None:
    with pytest.raises(NotImplementedError):
        Expression(text, {"#a": "a"}, {":n": {"N": "1"}}, {"a": {"N": "1"}}).holds()
