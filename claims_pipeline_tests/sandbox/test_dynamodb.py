"""DynamoDB's stand-in: an access log like the other wires', memory and transactions that cost what is in use."""

import base64
import copy
import gc
import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto.core.serialize import AttributePicker
from moto.dynamodb.models.dynamo_type import DynamoType, Item
from moto.dynamodb.models.table import Table

from claims_pipeline.sandbox.dynamodb import REGION, LocalDynamoDB, serve_dynamodb

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


@pytest.fixture
def dynamodb() -> Iterator[LocalDynamoDB]:
    server = serve_dynamodb()
    yield server
    server.close()


@pytest.fixture
def client(dynamodb: LocalDynamoDB) -> "Iterator[DynamoDBClient]":
    found = boto3.client(
        "dynamodb",
        region_name=REGION,
        endpoint_url=dynamodb.url,
        aws_access_key_id="sandbox",
        aws_secret_access_key="sandbox",
    )
    yield found
    found.close()


def test_every_request_is_noted_by_its_operation_and_status(
    dynamodb: LocalDynamoDB, client: "DynamoDBClient"
) -> None:
    _create_table(client, "noted")
    client.put_item(TableName="noted", Item={"id": {"S": "1"}})
    client.get_item(TableName="noted", Key={"id": {"S": "1"}})
    with pytest.raises(ClientError):
        client.put_item(
            TableName="noted", Item={"id": {"S": "1"}}, ConditionExpression="attribute_not_exists(id)"
        )
    assert [(each.operation, each.status, each.is_write) for each in dynamodb.log] == [
        ("CreateTable", 200, True),
        ("PutItem", 200, True),
        ("GetItem", 200, False),
        ("PutItem", 400, True),
    ]
    dynamodb.clear_log()
    assert dynamodb.log == []


def test_two_servers_keep_logs_of_their_own(dynamodb: LocalDynamoDB, client: "DynamoDBClient") -> None:
    other = serve_dynamodb()
    client.list_tables()
    assert [each.operation for each in dynamodb.log] == ["ListTables"]
    assert other.log == []
    other.close()


def test_items_that_are_gone_are_not_kept_in_memory(client: "DynamoDBClient") -> None:
    """moto kept every item and table that it ever made, and makes copies of them for each transaction."""
    _create_table(client, "kept")
    for number in range(20):
        client.put_item(TableName="kept", Item={"id": {"S": f"kept {number}"}})
    client.transact_write_items(
        TransactItems=[{"Delete": {"TableName": "kept", "Key": {"id": {"S": "kept 0"}}}}]
    )
    gc.collect()
    items = [each.attrs for each in gc.get_objects() if isinstance(each, Item)]
    ids = [str(each["id"].value) for each in items if "id" in each]
    assert sorted(each for each in ids if each.startswith("kept ")) == sorted(
        f"kept {number}" for number in range(1, 20)
    )


def test_a_transaction_changes_what_it_names_and_nothing_else(client: "DynamoDBClient") -> None:
    _create_table(client, "changed")
    for number in range(4):
        client.put_item(TableName="changed", Item=_item(f"changed {number}", "before"))
    client.transact_write_items(TransactItems=_of_every_kind("changed"))
    assert _contents(client, "changed") == {
        "changed 0": "put",
        "changed 1": "updated",
        "changed 3": "before",
        "changed new": "put",
    }


def test_a_cancelled_transaction_leaves_every_item_as_it_was(client: "DynamoDBClient") -> None:
    _create_table(client, "cancelled")
    for number in range(4):
        client.put_item(TableName="cancelled", Item=_item(f"cancelled {number}", "before"))
    refused: Any = {
        "ConditionCheck": {
            "TableName": "cancelled",
            "Key": {"id": {"S": "cancelled 3"}},
            "ConditionExpression": "attribute_not_exists(id)",
        }
    }
    with pytest.raises(ClientError) as raised:
        client.transact_write_items(TransactItems=[*_of_every_kind("cancelled"), refused])
    assert raised.value.response["Error"]["Code"] == "TransactionCanceledException"
    assert _contents(client, "cancelled") == {f"cancelled {number}": "before" for number in range(4)}
    client.transact_write_items(TransactItems=_of_every_kind("cancelled"))
    assert _contents(client, "cancelled")["cancelled 1"] == "updated"


def test_a_transaction_copies_no_item_that_it_does_not_name(
    client: "DynamoDBClient", monkeypatch: pytest.MonkeyPatch
) -> None:
    """moto copies its table for each transaction: a customer's commit cost what all customers together have."""
    _create_table(client, "copied")
    for number in range(20):
        client.put_item(TableName="copied", Item=_item(f"copied {number}", "before"))
    copied: list[int] = []
    original = copy.deepcopy

    def counting(of: Any, *more: Any) -> Any:
        if isinstance(of, Table):
            copied.append(len(of.items))
        return original(of, *more)

    monkeypatch.setattr(copy, "deepcopy", counting)
    client.transact_write_items(TransactItems=_of_every_kind("copied"))
    assert copied
    assert max(copied) == 3


def test_every_type_of_value_comes_back_as_it_was_put(client: "DynamoDBClient") -> None:
    _create_table(client, "typed")
    item = {**_item("typed", "text"), **_of_every_type()}
    client.put_item(TableName="typed", Item=item)
    asked: dict[str, Any] = {"TableName": "typed", "Key": {"id": {"S": "typed"}}}
    assert client.get_item(**asked)["Item"] == item
    assert client.scan(TableName="typed")["Items"] == [item]
    names = {"#binary": "binary", "#map": "map", "#n": "N"}
    some = client.get_item(
        **asked, ProjectionExpression="#binary, #map.#n.nothing", ExpressionAttributeNames=names
    )["Item"]
    assert some == {"binary": item["binary"], "map": {"M": {"N": {"M": {"nothing": {"NULL": True}}}}}}
    returned = client.delete_item(**asked, ReturnValues="ALL_OLD")
    assert returned["Attributes"] == item


def test_what_an_update_read_is_not_changed_by_the_update(client: "DynamoDBClient") -> None:
    _create_table(client, "read")
    client.put_item(TableName="read", Item={"id": {"S": "1"}, **_of_every_type()})
    before = client.update_item(
        TableName="read",
        Key={"id": {"S": "1"}},
        UpdateExpression="SET #map.#n.#s = :now, #list[0].nothing = :now ADD texts :more REMOVE #list[1]",
        ExpressionAttributeNames={"#map": "map", "#n": "N", "#s": "S", "#list": "list"},
        ExpressionAttributeValues={":now": {"S": "changed"}, ":more": {"SS": ["c"]}},
        ReturnValues="ALL_OLD",
    )
    assert before["Attributes"] == {"id": {"S": "1"}, **_of_every_type()}
    after = client.get_item(TableName="read", Key={"id": {"S": "1"}})["Item"]
    assert after["map"]["M"]["N"]["M"]["S"] == {"S": "changed"}
    assert after["list"] == {"L": [{"M": {**_inner(), "nothing": {"S": "changed"}}}]}
    assert set(after["texts"]["SS"]) == {"a", "b", "c"}


@pytest.mark.usefixtures("dynamodb")
@pytest.mark.parametrize("name", ["to_regular_json", "size", "__deepcopy__"])
def test_a_value_is_told_measured_and_copied_as_moto_does_it(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def found() -> list[Any]:
        values = [
            DynamoType(each) for each in json.loads(json.dumps(_of_every_type(), default=_as_sent)).values()
        ]
        return [getattr(value, name)(*({},) if name == "__deepcopy__" else ()) for value in values]

    ours = found()
    monkeypatch.setattr(DynamoType, name, getattr(DynamoType, name).__wrapped__)
    assert ours == found()


def test_what_is_searched_in_an_answer_does_not_grow_with_its_items(
    client: "DynamoDBClient", monkeypatch: pytest.MonkeyPatch
) -> None:
    """moto tried nine other types for each value: an item that holds a history of syncs took 40 ms and more."""
    _create_table(client, "searched")
    searched: list[str] = []
    original = AttributePicker.get_possible_keys

    def counting(self: AttributePicker, context: Any) -> Any:
        searched.append(context.key)
        return original(self, context)

    monkeypatch.setattr(AttributePicker, "get_possible_keys", counting)

    def searches(length: int) -> int:
        history: dict[str, Any] = {"L": [{"M": _item(str(number), "past")} for number in range(length)]}
        client.put_item(TableName="searched", Item={"id": {"S": "1"}, "history": history})
        searched.clear()
        assert client.get_item(TableName="searched", Key={"id": {"S": "1"}})["Item"]["history"] == history
        return len(searched)

    assert searches(20) == searches(1) > 0


def _create_table(client: "DynamoDBClient", name: str) -> None:
    client.create_table(
        TableName=name,
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        BillingMode="PAY_PER_REQUEST",
    )


def _of_every_kind(table: str) -> list[Any]:
    """A transaction over three items that are there and one that is not; `<table> 3` is not named."""
    return [
        {"Put": {"TableName": table, "Item": _item(f"{table} 0", "put")}},
        {"Put": {"TableName": table, "Item": _item(f"{table} new", "put")}},
        {
            "Update": {
                "TableName": table,
                "Key": {"id": {"S": f"{table} 1"}},
                "UpdateExpression": "SET held = :now",
                "ExpressionAttributeValues": {":now": {"S": "updated"}},
            }
        },
        {"Delete": {"TableName": table, "Key": {"id": {"S": f"{table} 2"}}}},
    ]


def _inner() -> dict[str, Any]:
    return {"S": {"S": "a key like a type's"}, "empty": {"S": ""}, "nothing": {"NULL": True}}


def _of_every_type() -> dict[str, Any]:
    return {
        "number": {"N": "0.10"},
        "binary": {"B": b"\x00\xff"},
        "flag": {"BOOL": False},
        "text": {"S": "zw\u00f6lf"},
        "texts": {"SS": ["a", "b"]},
        "numbers": {"NS": ["1", "2"]},
        "binaries": {"BS": [b"\x00", b"\x01"]},
        "list": {"L": [{"M": _inner()}, {"L": []}]},
        "map": {"M": {"N": {"M": _inner()}}},
    }


def _as_sent(held: bytes) -> str:
    return base64.b64encode(held).decode()


def _item(key: str, held: str) -> Any:
    return {"id": {"S": key}, "held": {"S": held}}


def _contents(client: "DynamoDBClient", table: str) -> dict[str, str]:
    return {each["id"]["S"]: each["held"]["S"] for each in client.scan(TableName=table)["Items"]}
