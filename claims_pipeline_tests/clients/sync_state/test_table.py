"""The table is made by a person's first run; whatever is wrong with it says what to do."""

import uuid
from pathlib import Path

import boto3
import pytest

from claims_pipeline.clients.sync_state import (
    StateAccessDenied,
    StateTableMissing,
    StateTableWrong,
    StateUnavailable,
    connect,
)
from claims_pipeline.sandbox.dynamodb import REGION
from claims_pipeline_tests.clients.sync_state.workers import NORTH, Server, Table, Wire, Worker


@pytest.fixture
def person(aws: Server, bare_wire: Wire) -> Worker:
    return Table(f"state-{uuid.uuid4().hex}", bare_wire, aws.url).worker("person")


def test_a_missing_table_is_created_encrypted_and_on_demand(person: Worker, bare_wire: Wire) -> None:
    assert person.state.ensure_table() is True
    assert person.state.ensure_table() is False
    found = bare_wire.client.describe_table(TableName=person.table.name)["Table"]
    assert found["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"
    assert found["DeletionProtectionEnabled"] is True
    (asked,) = bare_wire.asked["CreateTable"]
    assert asked["SSESpecification"] == {"Enabled": True}  # DynamoDB Local has no encryption to describe


def test_a_lease_may_make_the_table_and_looks_for_none_that_is_there(person: Worker, bare_wire: Wire) -> None:
    with pytest.raises(StateTableMissing), person.state.lease(NORTH):
        pass
    with person.state.lease(NORTH, makes_table=True) as lease:
        lease.check()
    bare_wire.sent.clear()
    with person.state.lease(NORTH, makes_table=True):
        pass
    assert bare_wire.sent == ["UpdateItem", "UpdateItem"]


def test_a_table_that_is_being_created_is_waited_for(person: Worker, bare_wire: Wire) -> None:
    bare_wire.tell("DescribeTable", {"Table": {"TableStatus": "CREATING"}})
    bare_wire.before("DescribeTable", lambda: None)
    assert person.state.ensure_table() is True
    assert len(person.slept) == 1


def test_a_table_that_never_gets_ready_is_given_up(person: Worker, bare_wire: Wire) -> None:
    bare_wire.tell("DescribeTable", {"Table": {"TableStatus": "CREATING"}}, times=99)
    with pytest.raises(StateUnavailable, match="not ready yet"):
        person.state.ensure_table()
    assert sum(person.slept) == 120


def test_a_table_that_another_creates_meanwhile_is_taken(person: Worker, bare_wire: Wire) -> None:
    other = person.table.worker("other")
    bare_wire.before("CreateTable", other.state.ensure_table)
    assert person.state.ensure_table() is True
    assert len(person.slept) == 1


def test_without_the_right_to_create_it_says_which_right_and_which_command(
    person: Worker, bare_wire: Wire
) -> None:
    bare_wire.refuse("CreateTable", "AccessDeniedException")
    with pytest.raises(StateAccessDenied) as refused:
        person.state.ensure_table()
    assert "dynamodb:CreateTable" in str(refused.value)
    assert f"aws dynamodb create-table --table-name {person.table.name}" in str(refused.value)


def test_another_table_of_this_name_is_left_alone(person: Worker, bare_wire: Wire) -> None:
    bare_wire.client.create_table(
        TableName=person.table.name,
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "N"}],
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        BillingMode="PAY_PER_REQUEST",
    )
    with pytest.raises(StateTableWrong, match="DYNAMODB_TABLE_NAME"):
        person.state.ensure_table()
    with pytest.raises(StateTableWrong, match="partition key sync_id"):
        person.state.read(NORTH)


def test_a_missing_table_is_named_with_what_to_check(person: Worker) -> None:
    with pytest.raises(StateTableMissing, match=f"{person.table.name} does not exist.*AWS_REGION"):
        person.state.read(NORTH)


@pytest.mark.parametrize(
    "code", ["AccessDeniedException", "UnrecognizedClientException", "ExpiredTokenException"]
)
def test_a_refusal_of_rights_is_lasting(person: Worker, bare_wire: Wire, code: str) -> None:
    bare_wire.refuse("GetItem", code)
    with pytest.raises(StateAccessDenied, match=person.table.name):
        person.state.read(NORTH)
    assert bare_wire.count("GetItem") == 1


def test_a_server_that_is_gone_is_no_empty_state(aws: Server) -> None:
    nobody = Table("state", Wire(connect(REGION, "http://127.0.0.1:9")), aws.url).worker("run-1")
    with pytest.raises(StateUnavailable, match="gave no answer to get_item"):
        nobody.state.read(NORTH)
    assert nobody.table.wire.count("GetItem") == 5


def test_without_credentials_it_says_so(aws: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)  # it would remember the credentials
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    nobody = Table("state", Wire(connect(REGION, aws.url)), aws.url).worker("run-1")
    with pytest.raises(StateAccessDenied, match="NoCredentialsError"):
        nobody.state.read(NORTH)


def test_without_a_region_it_says_which_setting(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    with pytest.raises(StateAccessDenied, match="AWS_REGION"):
        connect(None, None)
