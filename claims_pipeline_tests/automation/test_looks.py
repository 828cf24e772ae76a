"""A look that comes back every minute takes little time of anybody: of DynamoDB, of the secret, of Dagster's tick."""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from claims_pipeline.clients.sync_state import Patience, StateUnavailable
from claims_pipeline.clients.sync_state import connect as connect_dynamodb
from claims_pipeline.resources import systems
from claims_pipeline.resources.systems import ClaimsSettings
from claims_pipeline.settings import SecretForAWhile
from claims_pipeline.sync import connections
from claims_pipeline.sync.connections import open_state_for_a_look, read_settings
from claims_pipeline_tests.automation.stage import NORTH, SOUTH, environment
from claims_pipeline_tests.clients.sync_state.workers import Table, Wire


def test_one_call_is_given_up_long_before_the_tick_is(
    table: Table, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    patiences: list[Patience] = []

    def connected(region: str | None, url: str | None, patience: Patience) -> object:
        patiences.append(patience)
        return connect_dynamodb(region, url, patience)

    monkeypatch.setattr(connections, "connect_dynamodb", connected)
    state = open_state_for_a_look(read_settings(environment(table, tmp_path, [NORTH])))
    assert state.read_many([NORTH])[NORTH].sequence == 0
    (patience,) = patiences
    assert (patience.connect_seconds + patience.read_seconds) * patience.attempts < 20


def test_all_waits_together_are_bounded(
    table: Table, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A throttled table: each call alone is patient, and there may be ten of them."""
    slept: list[float] = []
    monkeypatch.setattr(connections, "time", SimpleNamespace(sleep=slept.append, monotonic=lambda: 0.0))
    monkeypatch.setattr(connections, "connect_dynamodb", lambda *_: table.wire.client)
    customers = [f"{number:08d}" for number in range(20_000_000, 20_001_000)]
    unread = {table.name: {"Keys": [{"sync_id": {"S": NORTH}}], "ConsistentRead": True}}
    for _ in range(10):
        table.wire.tell("BatchGetItem", {"Responses": {}, "UnprocessedKeys": unread}, times=9)
        table.wire.before("BatchGetItem", lambda: None)
    state = open_state_for_a_look(read_settings(environment(table, tmp_path, customers)))
    with pytest.raises(StateUnavailable, match="keeps us waiting"):
        state.read_many(customers)
    assert 10 < sum(slept) <= 15


def test_the_secret_is_read_once_for_many_looks(
    table: Table, wire: Wire, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def read(secret_id: str, region: str | None) -> str:
        asked.append(secret_id)
        return json.dumps({"COLLABORATEMD_PASSWORD": "of-the-secret"})

    monkeypatch.setattr(systems, "_secret", SecretForAWhile(read, 600, lambda: 0.0))
    environ = environment(table, tmp_path, [NORTH, SOUTH]) | {"CLAIMS_SECRET_ID": "claims"}
    del environ["COLLABORATEMD_PASSWORD"]
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    for _ in range(3):  # a sensor's resources are made anew with every look
        found = ClaimsSettings().for_a_look()
    assert found.collaboratemd.password.get_secret_value() == "of-the-secret"
    assert asked == ["claims"]
