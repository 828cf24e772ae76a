"""A stage of three customers, on a table of its own."""

from collections.abc import Callable, Iterator
from pathlib import Path

import dagster as dg
import pytest

from claims_pipeline.sync import connections
from claims_pipeline_tests.automation.stage import NORTH, SOUTH, WEST, Stage, environment
from claims_pipeline_tests.clients.sync_state.conftest import lead_to, moto, table, wire
from claims_pipeline_tests.clients.sync_state.workers import Server, Table

__all__ = ["moto", "table", "wire"]


@pytest.fixture
def aws(moto: Server, monkeypatch: pytest.MonkeyPatch) -> Server:
    """What the state itself does is tried on Amazon's own DynamoDB too, where its tests are."""
    lead_to(moto, monkeypatch)
    return moto


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    """An instance whose run storage is SQLite in memory: five times as quick as on disk."""
    with dg.DagsterInstance.ephemeral() as found:
        yield found


@pytest.fixture
def build_stage(
    table: Table, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, instance: dg.DagsterInstance
) -> Callable[..., Stage]:
    """Builds a stage; the wire between it and DynamoDB is the table's."""

    def build(*customers: str, **settings: object) -> Stage:
        without_full = settings.pop("without_full", ())
        environ = environment(table, tmp_path, customers, without_full)  # type: ignore[arg-type]  # names, if any
        environ |= {name: str(value) for name, value in settings.items()}
        for name, value in environ.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(connections, "connect_dynamodb", lambda *_: table.wire.client)
        return Stage(table, environ, customers, instance)

    return build


@pytest.fixture
def stage(build_stage: Callable[..., Stage]) -> Stage:
    return build_stage(NORTH, SOUTH, WEST)
