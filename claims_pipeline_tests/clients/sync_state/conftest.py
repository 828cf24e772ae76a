"""A real boto3 client against moto's server over HTTP, clocks that we move, and faults on the wire."""

from collections.abc import Iterator
from types import SimpleNamespace

import botocore.endpoint
import pytest

from claims_pipeline.clients.sync_state import connect
from claims_pipeline.sandbox.dynamodb import REGION, LocalDynamoDB, serve_dynamodb
from claims_pipeline_tests.clients.sync_state.workers import Table, Wire


@pytest.fixture(scope="session")
def dynamodb() -> Iterator[LocalDynamoDB]:
    server = serve_dynamodb()
    yield server
    server.close()


@pytest.fixture
def aws(dynamodb: LocalDynamoDB, monkeypatch: pytest.MonkeyPatch) -> LocalDynamoDB:
    """The sandbox's credentials in the environment; boto3's own retries wait no real time."""
    for name, value in dynamodb.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(botocore.endpoint, "time", SimpleNamespace(sleep=lambda seconds: None))
    return dynamodb


@pytest.fixture
def table(aws: LocalDynamoDB) -> Table:
    """A table of its own for each test."""
    return Table.created(aws.url)


@pytest.fixture
def wire(table: Table) -> Wire:
    """Faults and a count of requests, on the client that the test's table uses."""
    return table.wire


@pytest.fixture
def bare_wire(aws: LocalDynamoDB) -> Wire:
    """The same, with no table created."""
    return Wire(connect(REGION, aws.url))
