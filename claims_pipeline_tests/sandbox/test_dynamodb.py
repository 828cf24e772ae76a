"""DynamoDB's stand-in keeps an access log like the other wires', and tells writes from reads."""

import gc
from collections.abc import Iterator
from typing import TYPE_CHECKING

import boto3
import pytest
from botocore.exceptions import ClientError
from moto.dynamodb.models.dynamo_type import Item

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
    client.create_table(
        TableName="noted",
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        BillingMode="PAY_PER_REQUEST",
    )
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
    """moto kept every item and table that it ever made, and a transaction makes a copy of all of them."""
    client.create_table(
        TableName="kept",
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        BillingMode="PAY_PER_REQUEST",
    )
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
