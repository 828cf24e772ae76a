"""No patient's data and no secret outside the claims: runs that succeed, whole processes, and secrets that are refused.

What belongs here: commands and credentials. Not here: what fails on the way of a sync, by every door (`test_runs`).
"""

import io
import json
import logging
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

import dagster as dg
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from claims_pipeline.cli.exits import Exit
from claims_pipeline.clients.salesforce import Timing
from claims_pipeline.definitions import build_definitions
from claims_pipeline.resources import failures
from claims_pipeline.sandbox.salesforce.rows import RowError
from claims_pipeline.sandbox.salesforce.scripts import Refusal
from claims_pipeline.sandbox.systems import FULL_FILTER_ID, RECENT_FILTER_ID, REPORT_ID
from claims_pipeline_tests.command_line import (
    claims_pipeline,
    claims_pipeline_process,
    python_process,
)
from claims_pipeline_tests.journeys.canary import (
    CLAIM,
    NOWHERE,
    PATIENT,
    PAYOR,
    SECRET,
    Leak,
    faulty_rows,
    leaks_in,
    leaks_in_folder,
    leaks_in_rows,
    leaks_in_stamps,
)
from claims_pipeline_tests.journeys.canary_scene import (
    ASSETS,
    QUOTE,
    REFUSED,
    Scene,
    leaks_in_words,
    planted_report,
)
from claims_pipeline_tests.privacy.stage import who_never_sleeps
from claims_pipeline_tests.town import FIRST, SECOND, Town, towns

pytestmark = [pytest.mark.journey, pytest.mark.privacy]


@pytest.fixture(scope="module")
def town_of_module(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    with towns(tmp_path_factory.mktemp("canary")) as build:
        yield build()


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
    monkeypatch.setattr("claims_pipeline.sync.connections.CollaborateMDClient", who_never_sleeps)
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


# The search itself


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


def test_the_commands_that_tell_a_person_say_no_value(scene: Scene, search: Search, tmp_path: Path) -> None:
    """`why` is asked about one claim, and onboarding lists what a first sync would reject: ids may stand there."""
    refuse(scene)
    assert scene.type("sync", "--customer", FIRST).code == Exit.NOT_ALL_ARRIVED
    config = tmp_path / "claims.toml"
    filters = f'[{{ id = "{RECENT_FILTER_ID}", kind = "recent" }}]'
    config.write_text(
        f'[customers."{SECOND}"]\nname = "South"\nreport = "{REPORT_ID}"\nfilters = {filters}\n'
    )
    onboard = ("onboard", "--customer", FIRST, "--name", "North", "--report", REPORT_ID, "--yes")
    onboard += ("--recent-filter", RECENT_FILTER_ID, "--full-filter", FULL_FILTER_ID)
    for allowed, code, command in (
        ({CLAIM}, Exit.NOT_ALL_ARRIVED, ("why", REFUSED[0])),
        ({CLAIM}, Exit.NOT_ALL_ARRIVED, ("why", f"{CLAIM}1")),
        (set[str](), Exit.NOT_ALL_ARRIVED, ("report",)),
        (set[str](), Exit.NOT_ALL_ARRIVED, ("status",)),
        ({CLAIM, PAYOR}, Exit.NOT_ALL_ARRIVED, onboard),
    ):
        settings = {"CLAIMS_CONFIG": str(config)} if command is onboard else {}
        said = claims_pipeline({**scene.environment, **settings}, *command)
        assert said.code in (Exit.ALL_ARRIVED, code), said.words
        assert said.out.strip(), command
        sought = {*NOWHERE, CLAIM, PAYOR} - allowed
        assert leaks_in(" ".join(command[:1]), said.words.encode(), sought) == [], said.words
    assert search() == []


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


# Secrets


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
