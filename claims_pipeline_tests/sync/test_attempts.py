"""A run that fails is kept by the name of its error, from either door, and its own error is what people see."""

import logging
from collections.abc import Callable
from typing import Any, NoReturn

import dagster as dg
import polars as pl
import pytest

from claims_pipeline.cli.exits import Exit
from claims_pipeline.clients.sync_state import Failure, Passes
from claims_pipeline.definitions import build_definitions
from claims_pipeline.errors import (
    DeadlineExceeded,
    LeaseHeld,
    OlderThanCommitted,
    PermanentError,
    SettingsError,
    TransientError,
)
from claims_pipeline.settings import Customer
from claims_pipeline.sync.attempts import attempt_told
from claims_pipeline.sync.connections import Connections, connect, read_settings
from claims_pipeline.sync.options import SyncOptions
from claims_pipeline.sync.ready import CustomerPaused
from claims_pipeline_tests.clients.sync_state.workers import NORTH, Table, Wire, Worker
from claims_pipeline_tests.command_line import claims_pipeline
from claims_pipeline_tests.town import FIRST, Town


class _Hidden(Exception):
    """A name that begins as no code may."""


@pytest.fixture
def begun(table: Table) -> Worker:
    """A run that has begun its attempt."""
    worker = table.worker("run-1")
    with worker.state.lease(NORTH) as lease:
        worker.state.begin_attempt(lease, filters="recent")
    return worker


def kept(worker: Worker) -> Failure | None:
    return worker.state.read(NORTH).attempts.failure


@pytest.mark.parametrize(
    ("error", "name", "passes"),
    [
        (DeadlineExceeded("too slow"), "DeadlineExceeded", Passes.BY_ITSELF),
        (TransientError("later"), "TransientError", Passes.BY_ITSELF),
        (SettingsError(["one"]), "SettingsError", Passes.NOT),
        (PermanentError("mend it"), "PermanentError", Passes.NOT),
        (ValueError("DOE, JANE"), "ValueError", Passes.NOT),
        (_Hidden("DOE, JANE"), "Hidden", Passes.NOT),
        (pl.exceptions.PanicException("DOE, JANE"), "PanicException", Passes.NOT),
    ],
)
def test_a_failure_is_kept_by_its_name(
    begun: Worker, error: BaseException, name: str, passes: Passes
) -> None:
    with pytest.raises(type(error)) as raised, attempt_told(begun.state, NORTH):
        raise error
    assert raised.value is error
    failure = kept(begun)
    assert failure is not None
    assert (failure.error, failure.passes) == (name, passes)
    assert "DOE" not in str(begun.table.item(NORTH))


@pytest.mark.parametrize(
    "end",
    [
        LeaseHeld("another is at work"),
        CustomerPaused("a person paused it"),
        OlderThanCommitted("the newer one stands"),
        KeyboardInterrupt(),
        SystemExit(1),
    ],
)
def test_what_is_no_failed_attempt_is_not_kept(begun: Worker, end: BaseException) -> None:
    with pytest.raises(type(end)), attempt_told(begun.state, NORTH):
        raise end
    assert kept(begun) is None


def test_a_run_that_ends_well_tells_nothing(begun: Worker, wire: Wire) -> None:
    wire.sent.clear()
    with attempt_told(begun.state, NORTH):
        pass
    assert wire.sent == []


def test_a_state_that_cannot_be_told_does_not_hide_the_error(
    begun: Worker, wire: Wire, caplog: pytest.LogCaptureFixture
) -> None:
    wire.refuse("UpdateItem", "AccessDeniedException")
    with caplog.at_level(logging.WARNING), pytest.raises(DeadlineExceeded), attempt_told(begun.state, NORTH):
        raise DeadlineExceeded("too slow")
    assert f"customer {NORTH} failed could not be kept in the sync state (StateAccessDenied)" in caplog.text


def begins_and_fails(error: Exception) -> Callable[..., NoReturn]:
    """A fetch that begins its attempt and fails."""

    def fetch(customer: Customer, options: SyncOptions, connections: Connections, *_: Any) -> NoReturn:
        connections.state.ensure_table()
        with connections.state.lease(customer.number) as lease:
            connections.state.begin_attempt(lease, filters=options.kind.value)
            raise error

    return fetch


def failure_of(town: Town) -> Failure | None:
    with connect(read_settings(town.environment), "looking") as connections:
        return connections.state.read(FIRST).attempts.failure


@pytest.mark.journey
def test_the_command_line_keeps_how_a_sync_failed(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("claims_pipeline.sync.whole.fetch", begins_and_fails(DeadlineExceeded("too slow")))
    dry = claims_pipeline(town.environment, "sync", "--customer", FIRST, "--dry-run")
    assert (dry.code, failure_of(town)) == (Exit.TRANSIENT, None), "a dry run is no attempt"
    assert claims_pipeline(town.environment, "sync", "--customer", FIRST).code == Exit.TRANSIENT
    failure = failure_of(town)
    assert failure is not None
    assert (failure.error, failure.passes) == ("DeadlineExceeded", Passes.BY_ITSELF)


@pytest.mark.journey
def test_a_step_in_dagster_keeps_how_it_failed(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in town.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(
        "claims_pipeline.assets.raw_collaboratemd_claims.fetch", begins_and_fails(PermanentError("mend it"))
    )
    job = build_definitions(town.environment).resolve_job_def("sync_claims")
    result = job.execute_in_process(
        partition_key=FIRST,
        asset_selection=[dg.AssetKey("raw_collaboratemd_claims")],
        raise_on_error=False,
    )
    assert not result.success
    failure = failure_of(town)
    assert failure is not None
    assert (failure.error, failure.passes) == ("PermanentError", Passes.NOT)
