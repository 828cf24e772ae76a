"""No patient's data and no secret outside the claims: planted in every cell, searched for in all that a run leaves.

Runs that succeed and runs that fail in many places, through Dagster with an instance on disk and by the command line;
then the event store, the logs at their most talkative, both output streams, the sync state, the stored frames' stamps
and the temporary folders are searched. Claim ids may stand in the listings of rejected and refused claims, payor names
in the payor list.
"""

import csv
import io
import json
import logging
import os
import shutil
import sqlite3
import tempfile
import zlib
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

import dagster as dg
import polars as pl
import pydantic
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from claims_pipeline.cli.exits import Exit
from claims_pipeline.clients.collaboratemd import CollaborateMDClient
from claims_pipeline.clients.salesforce import Timing
from claims_pipeline.definitions import build_definitions
from claims_pipeline.errors import PermanentError
from claims_pipeline.resources import failures
from claims_pipeline.sandbox.collaboratemd.entries import Entry
from claims_pipeline.sandbox.collaboratemd.shelf import Answer, Report, Script, Wire
from claims_pipeline.sandbox.faults import Fault
from claims_pipeline.sandbox.salesforce.rows import RowError
from claims_pipeline.sandbox.salesforce.scripts import Refusal
from claims_pipeline_tests.command_line import (
    claims_pipeline_process,
    python_process,
)
from claims_pipeline_tests.journeys.canary import (
    AMOUNTS,
    CLAIM,
    DIGITS,
    LABELS,
    NOWHERE,
    PATIENT,
    PAYOR,
    SECRET,
    Leak,
    as_csv,
    as_json,
    faulty_rows,
    good_rows,
    leaks_in,
    leaks_in_folder,
    leaks_in_rows,
    leaks_in_stamps,
)
from claims_pipeline_tests.journeys.canary_scene import (
    ASSETS,
    MESSAGE,
    QUOTE,
    REFUSED,
    Scene,
    leaks_in_words,
    planted_report,
)
from claims_pipeline_tests.paths import REPOSITORY
from claims_pipeline_tests.town import FIRST, Town, towns


@pytest.fixture(scope="module")
def town_of_module(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    with towns(tmp_path_factory.mktemp("canary")) as build:
        yield build()


@pytest.fixture(scope="module")
def fresh_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Dagster instance on disk with our dagster.yaml, made once and copied: making one takes a second."""
    home = tmp_path_factory.mktemp("dagster")
    shutil.copy(REPOSITORY / "dagster.yaml", home)
    with dg.DagsterInstance.from_config(str(home)) as instance:
        assert instance.get_runs_count() == 0
    return home


@pytest.fixture
def scene(town_of_module: Town, fresh_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Scene:
    """Storage, state and Dagster's instance are each test's own. Nobody waits between two attempts."""
    polls = {"COLLABORATEMD_POLL_SECONDS": "0.01", "SALESFORCE_POLL_SECONDS": "0.01"}
    town = town_of_module.anew(tmp_path, **polls)
    scene = Scene(town, home=tmp_path / "dagster", temporary=tmp_path / "temporary")
    shutil.copytree(fresh_home, scene.home)
    scene.temporary.mkdir()
    for name, value in scene.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(tempfile, "tempdir", None)
    at_once = dg.RetryPolicy(max_retries=1, delay=0)
    for asset in ASSETS:
        monkeypatch.setattr(f"claims_pipeline.assets.{asset}.IF_IT_PASSES", at_once)
    monkeypatch.setattr(
        "claims_pipeline.sync.connections.CollaborateMDClient",
        partial(CollaborateMDClient, sleep=lambda _: None),
    )
    monkeypatch.setattr("claims_pipeline.sync.connections.Timing", partial(Timing, first_wait_seconds=0.001))
    scene.shelve(planted_report())
    return scene


Search = Callable[[], list[Leak]]


TALKATIVE = ("claims_pipeline", "botocore", "urllib3", "simple_salesforce")
"""Who writes logs in a run, beside Dagster (which writes to stderr). The sandbox's half is left out."""


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """What these loggers tell at their most talkative."""
    kept = io.StringIO()
    handler = logging.StreamHandler(kept)
    handler.addFilter(lambda record: not record.name.startswith("claims_pipeline.sandbox"))
    loggers = [logging.getLogger(name) for name in TALKATIVE]
    before = [(logger.level, logger.propagate) for logger in loggers]
    for logger in loggers:
        logger.addHandler(handler)
        logger.setLevel(logging.DEBUG)
        logger.propagate = False
    yield kept
    for logger, (level, propagates) in zip(loggers, before, strict=True):
        logger.removeHandler(handler)
        logger.setLevel(level)
        logger.propagate = propagates


@pytest.fixture
def search(scene: Scene, log: io.StringIO, capfd: pytest.CaptureFixture[str]) -> Search:
    """All that the test's runs have left, searched."""

    def look() -> list[Leak]:
        streams = capfd.readouterr()
        return [
            *leaks_in_folder(scene.home, (*NOWHERE, CLAIM)),
            *leaks_in_rows(scene.home, [PAYOR], but=b"unmapped_payors"),
            *leaks_in(
                "the logs",
                f"{streams.out}\n{streams.err}\n{log.getvalue()}".encode(),
                (*NOWHERE, CLAIM, PAYOR),
            ),
            *(leak for said in scene.said for leak in leaks_in_words(said)),
            *leaks_in("the sync state", scene.state(), (*NOWHERE, CLAIM, PAYOR)),
            *leaks_in_stamps(scene.storage),
            *(Leak(str(path), "left behind") for path in scene.temporary.rglob("*")),
            *(Leak(str(path), "left behind") for path in (scene.storage / "work").glob("*")),
        ]

    return look


def failure_texts(result: dg.ExecuteInProcessResult) -> str:
    return "\n".join(
        event.step_failure_data.error_display_string for event in result.all_events if event.is_step_failure
    )


# The search itself


def test_the_search_finds_a_token_wherever_it_hides(tmp_path: Path) -> None:
    """Else the tests below prove nothing."""
    planted = {
        "plain.log": f"row: {QUOTE}".encode(),
        "upper.log": PATIENT.lower().encode(),
        "wide.txt": PATIENT.encode("utf-16"),
        "packed.bin": zlib.compress(QUOTE.encode()),
        "mail.b64": b64encode(b"x" + QUOTE.encode()),
        "amount.json": b'{"charged": 48151623427.62}',
        f"{PATIENT}.txt": b"",
    }
    for name, content in planted.items():
        folder = tmp_path / name.partition(".")[0]
        folder.mkdir()
        (folder / name).write_bytes(content)
        assert leaks_in_folder(folder), name
    with closing(sqlite3.connect(tmp_path / "events.db")) as database:
        database.execute("CREATE TABLE events (body TEXT, snapshot BLOB)")
        database.execute("INSERT INTO events VALUES (?, NULL)", ("." * 4090 * 3 + QUOTE + "." * 9000,))
        database.execute("INSERT INTO events VALUES (NULL, ?)", (zlib.compress(f"{SECRET}1".encode()),))
        database.commit()
    rows = leaks_in_rows(tmp_path, NOWHERE)
    assert {leak.token for leak in rows} >= {PATIENT, SECRET, DIGITS, AMOUNTS[0], "2024-02-29"}
    assert leaks_in_folder(REPOSITORY / "docs", (*NOWHERE, CLAIM, PAYOR)) == []


@pytest.mark.journey
def test_the_search_finds_what_a_run_leaks(
    scene: Scene, search: Search, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The guards are taken away, one in each door: then the event store, the logs and the words hold the value."""

    def fail(*_: object, **__: object) -> NoReturn:
        raise ValueError(f"cannot read {QUOTE}")

    monkeypatch.setattr("claims_pipeline.sync.fetching.reports.read_report", fail)
    monkeypatch.setattr(failures, "where_it_broke", str)
    monkeypatch.setattr("claims_pipeline.errors.where_it_broke", str)
    assert not scene.run("raw_collaboratemd_claims").success
    assert PATIENT in scene.type("sync", "--customer", FIRST).err
    found = {leak.where.partition(str(scene.home))[1] or leak.where for leak in search()}
    assert found >= {str(scene.home), "the logs", "the command line's words"}


# Runs that succeed


@pytest.mark.journey
@pytest.mark.parametrize("rows", ["1000000", "1"], ids=["collections", "bulk"])
def test_a_run_through_dagster_leaks_nothing(
    scene: Scene, search: Search, monkeypatch: pytest.MonkeyPatch, rows: str
) -> None:
    """Rows are rejected, and claims refused with texts that quote what they hold."""
    monkeypatch.setenv("SALESFORCE_BULK_FROM_ROWS", rows)
    refuse(scene)
    result = scene.run()
    assert result.success
    (synced,) = result.asset_materializations_for_node("salesforce_synced_claims")
    assert synced.metadata["refused"].value == len(REFUSED)
    (rejected,) = [
        each for each in result.asset_materializations_for_node("transform") if "by_rule" in each.metadata
    ]
    assert rejected.metadata["dagster/partition_row_count"].value == len(faulty_rows()) + 1
    assert search() == []


@pytest.mark.journey
def test_the_command_line_leaks_nothing(scene: Scene, search: Search) -> None:
    refuse(scene)
    synced = scene.type("sync", "--customer", FIRST, LOG_LEVEL="DEBUG")
    assert synced.code == Exit.NOT_ALL_ARRIVED, synced.words
    assert all(claim in synced.out for claim in REFUSED)
    assert PAYOR in synced.out
    for command in (
        ("sync", "--customer", FIRST, "--dry-run"),
        ("sync", "--customer", FIRST, "--full"),
        ("check",),
    ):
        scene.type(*command)
    assert search() == []


@pytest.mark.journey
def test_processes_of_their_own_leak_nothing(scene: Scene, search: Search) -> None:
    """As they run for real: whatever native code prints is seen here too."""
    refuse(scene)
    tags = json.dumps({"dagster/partition": FIRST})
    dagster = ("-m", "dagster", "job", "execute", "-m", "claims_pipeline.definitions", "-j", "sync_claims")
    executed = python_process(scene.environment, *dagster, "--tags", tags)
    assert executed.code == 0, executed.words
    scene.said.append(claims_pipeline_process(scene.environment, "sync", "--customer", FIRST))
    assert scene.said[-1].code == Exit.NOT_ALL_ARRIVED, scene.said[-1].words
    assert leaks_in("what Dagster printed", executed.words.encode(), (*NOWHERE, CLAIM, PAYOR)) == []
    assert search() == []


def refuse(scene: Scene) -> None:
    """Salesforce refuses some claims, and quotes in its message what they hold, as its texts do."""
    error = RowError("FIELD_CUSTOM_VALIDATION_EXCEPTION", f"Bad value: {QUOTE}", ("MR_Number__c",))
    for claim in REFUSED:
        scene.town.sandbox.org.scripts.refusals.append(Refusal("Claim__c", claim, error))


# Runs that fail

BROKEN_REPORTS: dict[str, Report | bytes] = {
    "an unclosed quote": as_csv(good_rows()) + f'"{CLAIM}9,"{PATIENT}OPEN, MARY'.encode(),
    "a quote in a cell": as_csv(good_rows()) + f'{CLAIM}9,"{PATIENT}"MARY",x\r\n'.encode(),
    "no header": as_csv(good_rows()[1:], header=good_rows()[0]),
    "a column renamed": as_csv(good_rows(), header=["Claim Nr", *LABELS[1:]]),
    "JSON cut off": Report((Entry(f"{PATIENT}.json", as_json(good_rows())[:-40]),)),
    "JSON of something else": Report((Entry("a.json", json.dumps({PATIENT: QUOTE}).encode()),)),
    "JSON of numbers": Report(
        (Entry("a.json", json.dumps([{label: [QUOTE] for label in LABELS}]).encode()),)
    ),
    "a letter in the ZIP": Report((Entry(f"{PATIENT}.pdf", QUOTE.encode()),)),
    "no ZIP": Report(as_it_is=as_csv(good_rows())),
}
BROKEN_ANSWERS = {
    "not found": Script(runs=(Answer.NOT_FOUND,), message=MESSAGE),
    "bad criteria": Script(runs=(Answer.INVALID_CRITERIA,), message=MESSAGE),
    "error": Script(polls=(Answer.ERROR,), message=MESSAGE),
    "timed out": Script(polls=(Answer.TIMED_OUT,), message=MESSAGE),
}


@pytest.mark.journey
@pytest.mark.parametrize("broken", [*BROKEN_REPORTS, *BROKEN_ANSWERS])
def test_a_report_that_fails_leaks_nothing(scene: Scene, search: Search, broken: str) -> None:
    scene.shelve(BROKEN_REPORTS.get(broken, b""), BROKEN_ANSWERS.get(broken))
    assert not scene.run("raw_collaboratemd_claims").success
    assert scene.type("sync", "--customer", FIRST).code in {Exit.PERMANENT, Exit.TRANSIENT}
    assert search() == []


@pytest.mark.journey
def test_answers_of_collaboratemd_that_cannot_be_read_leak_nothing(scene: Scene, search: Search) -> None:
    sandbox = scene.town.sandbox
    sandbox.reports.wire = Wire(data_text=QUOTE)
    assert scene.type("sync", "--customer", FIRST).code == Exit.TRANSIENT
    sandbox.reports.wire = Wire()
    value, in_json = QUOTE.encode(), b'{"Status": "' + QUOTE.encode() + b'"}'
    for status, body in ((200, value), (200, in_json), (400, in_json), (503, value)):
        sandbox.collaboratemd_wire.faults.add(Fault(path="/reports/", times=20, status=status, body=body))
        assert scene.type("sync", "--customer", FIRST).code in {Exit.PERMANENT, Exit.TRANSIENT}
        sandbox.collaboratemd_wire.faults.clear()
    assert search() == []


_SAID = json.dumps([{"errorCode": "STRING_TOO_LONG", "message": f"{QUOTE} is too long", "fields": [QUOTE]}])
_ROW = {"success": False, "errors": [{"statusCode": QUOTE, "message": QUOTE, "fields": [QUOTE, "Name"]}]}
_ROWS = json.dumps([_ROW] * len(good_rows())).encode()
REFUSING_ORGS = {
    "a describe": Fault(path="/describe", times=20, status=403, body=_SAID.encode()),
    "a query": Fault(path="/query", times=20, status=400, body=_SAID.encode()),
    "a page of HTML": Fault(path="/composite", times=20, status=500, body=f"<html>{QUOTE}".encode()),
    "an answer of nonsense": Fault(path="/composite/sobjects", times=20, status=200, body=QUOTE.encode()),
    "a whole Collections call": Fault(path="/composite/sobjects", times=20, status=400, body=_SAID.encode()),
    "a code that is a value": Fault(path="/composite/sobjects", times=20, status=200, body=_ROWS),
    "a redirect": Fault(
        path="/query", times=20, status=302, headers={"Location": f"https://x.example/?q={PATIENT}"}
    ),
    "a session": Fault(path="/query", times=20, status=401, body=_SAID.encode()),
    "a Bulk job's creation": Fault("POST", "/jobs/ingest", times=20, status=400, body=_SAID.encode()),
    "a Bulk result that is cut": Fault(path="successfulResults", times=20, cut_after_bytes=150),
}


@pytest.mark.journey
@pytest.mark.parametrize("what", REFUSING_ORGS)
def test_an_org_that_fails_leaks_nothing(
    scene: Scene, search: Search, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    monkeypatch.setenv("SALESFORCE_BULK_FROM_ROWS", "1" if "Bulk" in what else "1000000")
    scene.shelve(as_csv(good_rows()))
    scene.town.sandbox.salesforce_wire.faults.add(REFUSING_ORGS[what])
    assert scene.type("sync", "--customer", FIRST, "--resend", **bulk_setting()).code
    assert search() == []


@pytest.mark.journey
def test_a_bulk_job_that_fails_leaks_nothing(
    scene: Scene, search: Search, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SALESFORCE_BULK_FROM_ROWS", "1")
    scene.shelve(as_csv(good_rows(300)))
    scene.bulk(fail_after_rows=0, error_message=f"InvalidBatch : {QUOTE}")
    try:
        assert scene.type("sync", "--customer", FIRST, **bulk_setting()).code == Exit.TRANSIENT
    finally:
        scene.bulk(fail_after_rows=None)
    assert search() == []


def bulk_setting() -> dict[str, str]:
    return {"SALESFORCE_BULK_FROM_ROWS": os.environ["SALESFORCE_BULK_FROM_ROWS"]}


# What nobody foresaw


def _chained(*_: object, **__: object) -> NoReturn:
    try:
        raise KeyError(QUOTE)
    except KeyError as error:
        raise PermanentError("a claim could not be read") from error


def _of_pydantic(*_: object, **__: object) -> NoReturn:
    pydantic.TypeAdapter(int).validate_python(QUOTE)
    raise AssertionError


def _of_polars(*_: object, **__: object) -> NoReturn:
    pl.Series([QUOTE]).str.to_date(strict=True)
    raise AssertionError


def raising(error: BaseException) -> Callable[..., NoReturn]:
    """A function that fails like this whatever it is given."""

    def fail(*_: object, **__: object) -> NoReturn:
        raise error

    return fail


_UNICODE = UnicodeDecodeError("utf-8", QUOTE.encode(), 0, 1, QUOTE)
_SYNC = "claims_pipeline.sync"
SURPRISES: dict[str, tuple[str, Callable[..., NoReturn]]] = {
    "reading": (f"{_SYNC}.fetching.reports.read_report", raising(csv.Error(f"line contains NUL: {QUOTE}"))),
    "storing": ("claims_pipeline.storage.frames.Storage.write", raising(_UNICODE)),
    "what is shown": (
        "claims_pipeline.assets.raw_collaboratemd_claims.raw_metadata",
        raising(KeyError(QUOTE)),
    ),
    "loading": ("claims_pipeline.storage.frames.Stamp.from_text", _of_pydantic),
    "cleaning": (f"{_SYNC}.transform.clean_rows", _of_polars),
    "settling": (f"{_SYNC}.transform.settle_claims", raising(pl.exceptions.PanicException(QUOTE))),
    "a check": ("claims_pipeline.checks.balance.row_results", _chained),
    "comparing": (f"{_SYNC}.settling.bring.decide_all", raising(ExceptionGroup(QUOTE, [ValueError(QUOTE)]))),
    "committing": ("claims_pipeline.clients.sync_state.SyncState.commit", raising(RuntimeError(QUOTE))),
}


@pytest.mark.journey
@pytest.mark.parametrize("place", SURPRISES)
def test_an_unforeseen_error_leaks_nothing(
    scene: Scene, search: Search, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    """Libraries' errors quote the value: their text must reach neither the event store nor the terminal."""
    target, failing = SURPRISES[place]
    monkeypatch.setattr(target, failing)
    result = scene.run()
    assert not result.success
    assert "Traceback" not in failure_texts(result).replace("Stack Trace", "")
    scene.type("sync", "--customer", FIRST)
    assert "Traceback" not in scene.said[-1].words
    assert search() == []


# Secrets


@pytest.mark.journey
def test_secrets_that_are_refused_leak_nothing(
    scene: Scene, search: Search, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    by_password = {
        "SALESFORCE_PASSWORD": f"{SECRET}PASSWORD",
        "SALESFORCE_SECURITY_TOKEN": f"{SECRET}TOKEN",
        "SALESFORCE_CONSUMER_KEY": "",
        "SALESFORCE_PRIVATE_KEY": "",
    }
    by_client = {
        "SALESFORCE_CONSUMER_SECRET": f"{SECRET}CONSUMER",
        "SALESFORCE_PRIVATE_KEY": "",
    }
    for wrong in (
        {"COLLABORATEMD_PASSWORD": f"{SECRET}PARTNER"},
        {"SALESFORCE_PRIVATE_KEY": key.decode()},
        by_password,
        by_client,
    ):
        for name, value in wrong.items():
            monkeypatch.setenv(name, value)
        assert not scene.run("raw_collaboratemd_claims", "payor_mapping").success
        assert scene.type("check", **wrong).code == Exit.PERMANENT
        for name in wrong:
            monkeypatch.setenv(name, scene.environment.get(name, ""))
    pieces = {line for line in key.decode().splitlines() if not line.startswith("-")}
    words = "".join(said.words for said in scene.said)
    assert not [piece for piece in pieces if piece in words]
    assert leaks_in_folder(scene.home, pieces) == []
    assert search() == []


@pytest.mark.journey
def test_settings_that_are_wrong_leak_nothing(
    scene: Scene, search: Search, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A password in the wrong place is still a password."""
    config = tmp_path / "claims.toml"
    config.write_text(
        f'[customers."{FIRST}"]\npassword = "{SECRET}"\nname = "{SECRET}\\u0000"\nreport = "{SECRET}"\n'
    )
    wrong = {
        "CLAIMS_CONFIG": str(config),
        "COLLABORATEMD_API_BASE_URL": f"https://user:{SECRET}@webapi.example",
        "SALESFORCE_PRIVATE_KEY": f"-----BEGIN PRIVATE KEY-----{SECRET}",
        "SALESFORCE_DOMAIN": f"{SECRET}!",
        "SALESFORCE_API_VERSION": SECRET,
        "DYNAMODB_ENDPOINT_URL": f"http://{SECRET}",
        "BATCH_SIZE": SECRET,
        "LOG_LEVEL": SECRET,
        "AWS_REGION": SECRET,
    }
    assert scene.type("check", **wrong).code == Exit.SETTINGS
    assert scene.said[-1].err.count("it should be") >= len(wrong)
    good = dict(scene.environment)
    for name, value in wrong.items():
        monkeypatch.setenv(name, value)
    assert not scene.run("raw_collaboratemd_claims").success
    for name in wrong:
        monkeypatch.setenv(name, good.get(name, ""))
    assert search() == []


def test_what_holds_a_secret_does_not_print_it(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    by_password = {"SALESFORCE_PRIVATE_KEY": "", "SALESFORCE_CONSUMER_KEY": ""}
    for name in ("COLLABORATEMD_PASSWORD", "SALESFORCE_PASSWORD", "SALESFORCE_SECURITY_TOKEN"):
        by_password[name] = f"{SECRET}{name}"
    for name, value in by_password.items():
        monkeypatch.setenv(name, value)
    resources: Any = build_definitions(os.environ).resources
    with dg.build_resources(dict(resources)) as made:
        systems = made.systems
        connections = systems.connect("a run")
        everything = [
            connections,
            connections.settings,
            *vars(connections).values(),
            *resources.values(),
            systems,
        ]
        everything += [vars(client) for client in (connections.salesforce, connections.collaboratemd)]
        assert leaks_in("a repr", repr(everything).encode()) == []
        connections.salesforce.close()
        connections.collaboratemd.close()
