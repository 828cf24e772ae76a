"""A real boto3 client against moto's server and Amazon's DynamoDB Local, clocks that we move, faults on the wire."""

from collections.abc import Iterator
from types import SimpleNamespace

import botocore.endpoint
import pytest

from claims_pipeline.clients.sync_state import connect
from claims_pipeline.sandbox.dynamodb import REGION, LocalDynamoDB, serve_dynamodb
from claims_pipeline_tests.clients.sync_state.workers import Server, Table, Wire


@pytest.fixture(scope="session")
def moto() -> Iterator[LocalDynamoDB]:
    server = serve_dynamodb()
    yield server
    server.close()


@pytest.fixture(
    params=["moto", pytest.param("dynamodb_local", marks=pytest.mark.dynamodb_local)],
    ids=["moto", "DynamoDB Local"],
)
def aws(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Server:
    """The sandbox's DynamoDB, then Amazon's own; with credentials, and no real wait between boto3's tries."""
    server: Server = request.getfixturevalue(request.param)
    lead_to(server, monkeypatch)
    return server


def lead_to(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its credentials in the environment; boto3's own retries wait no real time."""
    for name, value in server.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(botocore.endpoint, "time", SimpleNamespace(sleep=lambda seconds: None))


@pytest.fixture
def table(aws: Server) -> Table:
    """A table of its own for each test."""
    return Table.created(aws.url)


@pytest.fixture
def wire(table: Table) -> Wire:
    """Faults and a count of requests, on the client that the test's table uses."""
    return table.wire


@pytest.fixture
def bare_wire(aws: Server) -> Wire:
    """The same, with no table created."""
    return Wire(connect(REGION, aws.url))
