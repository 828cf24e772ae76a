"""The stage: a town whose every trace is kept, and the doors by which its runs go.

What belongs here: running by each door, and keeping all that came of it. Not here: what goes wrong (`failures`), nor
where a trace is looked for (`sinks`).
"""

import io
import json
import logging
import os
import shutil
import tempfile
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

import boto3
import dagster as dg
import pytest

from claims_pipeline import lambda_handler
from claims_pipeline.cli.exits import Exit
from claims_pipeline.clients.collaboratemd import CollaborateMDClient
from claims_pipeline.clients.salesforce import Timing
from claims_pipeline.sandbox.salesforce.bulk_jobs import BulkScript
from claims_pipeline_tests.alerts.given_mailbox import Mailbox, mailboxes
from claims_pipeline_tests.journeys.canary_scene import ASSETS, Scene
from claims_pipeline_tests.town import FIRST, Town

LOGGERS = ("claims_pipeline", "urllib3", "simple_salesforce", "uvicorn", "werkzeug", "dagster")
"""Who writes logs in a run, on either side, and is heard at DEBUG. (boto3, too: `test_canary`.)"""
QUICK = {
    "COLLABORATEMD_POLL_SECONDS": "0.01",
    "SALESFORCE_POLL_SECONDS": "0.01",
    "LOG_LEVEL": "DEBUG",
}
LONG_MILLISECONDS = 900_000


@dataclass(frozen=True)
class Context:
    """AWS's context."""

    milliseconds: int = LONG_MILLISECONDS
    aws_request_id: str = "request-1"
    invoked_function_arn: str = "arn:aws:lambda:us-east-1:123456789012:function:collaboratemd-salesforce-sync"

    def get_remaining_time_in_millis(self) -> int:
        return self.milliseconds


@dataclass
class Stage(Scene):
    """A scene of many runs, each with a storage and a sync state of its own; nothing that they leave is removed."""

    root: Path = Path()
    streams: list[tuple[str, str]] = field(default_factory=list)
    """What ran, and what it wrote to its output streams."""
    log: io.StringIO = field(default_factory=io.StringIO)
    sandbox_log: io.StringIO = field(default_factory=io.StringIO)
    answers: list[str] = field(default_factory=list)
    """What AWS gets of the function: answers, errors (as the queue of failures holds them), events that go on."""
    graphql: list[str] = field(default_factory=list)
    accesses: list[str] = field(default_factory=list)
    """The sandbox's access logs."""
    tables: list[str] = field(default_factory=list)
    milliseconds: int = LONG_MILLISECONDS
    settings: dict[str, str] = field(default_factory=dict)
    runs: int = 0
    mailbox: Mailbox = field(kw_only=True)
    """Whom the alerts of all runs are told to."""

    @property
    def environment(self) -> dict[str, str]:
        return {**super().environment, **self.settings}

    def begin(self) -> None:
        """A storage and a sync state for the next run; what the last one scripted is over."""
        self.note_accesses()
        self.town.sandbox.bulk.set_script(asdict(BulkScript()))
        self.runs += 1
        self.settings.clear()
        self.milliseconds = LONG_MILLISECONDS
        self.town = self.town.anew(
            self.root / "runs" / f"{self.runs:03d}", **QUICK, CLAIMS_ALERTS_TO=self.mailbox.address
        )
        self.tables.append(self.town.environment["DYNAMODB_TABLE_NAME"])

    def note_accesses(self) -> None:
        """Keep what the sandbox's access logs hold."""
        for wire in (self.town.sandbox.collaboratemd_wire, self.town.sandbox.salesforce_wire):
            self.accesses += [f"{each.method} {each.path}?{each.query} {each.status}" for each in wire.log]
            wire.clear_log()
        self.accesses += [repr(each) for each in self.town.sandbox.dynamodb.log]
        self.town.sandbox.dynamodb.clear_log()

    @contextmanager
    def heard(self, what: str) -> Iterator[None]:
        """What is written to either stream meanwhile is kept."""
        out = io.StringIO()
        with redirect_stdout(out), redirect_stderr(out):
            try:
                yield
            finally:
                self.streams.append((what, out.getvalue()))

    def items(self) -> Iterator[tuple[str, object]]:
        """Every item of every table that the runs had."""
        where = {"region_name": self.environment["AWS_REGION"], "endpoint_url": self.dynamodb_url}
        client: Any = boto3.client("dynamodb", **where)  # type: ignore[call-overload]  # by name, for both
        existing = set(client.list_tables()["TableNames"])
        for table in existing & set(self.tables):
            for item in client.scan(TableName=table)["Items"]:
                yield table, item

    @property
    def dynamodb_url(self) -> str:
        return self.town.sandbox.dynamodb.url


Door = Callable[[Stage, str], bool]
"""Runs one customer's sync, named for its traces; tells whether the run as a whole succeeded."""


def by_command_line(stage: Stage, what: str) -> bool:
    said = stage.type("sync", "--customer", FIRST)
    stage.streams.append((what, said.words))
    assert "Traceback" not in said.words, (what, said.words)
    return said.code in (Exit.ALL_ARRIVED, Exit.NOT_ALL_ARRIVED)


def by_dagster(stage: Stage, what: str) -> bool:
    with stage.heard(what), mock.patch.dict(os.environ, stage.environment):
        return stage.run().success


def by_lambda(stage: Stage, what: str) -> bool:
    """As AWS's runtime does it: an answer, or an error's type, words and stack."""
    with stage.heard(what), mock.patch.dict(os.environ, stage.environment), _logs_to(stage.log):
        try:
            answer = lambda_handler.lambda_handler({"customers": [FIRST]}, Context(stage.milliseconds))
        except BaseException as error:  # noqa: BLE001 - the runtime takes whatever comes
            stage.answers.append(as_the_runtime_tells(error))
            return False
    stage.answers.append(json.dumps(answer))
    return True


def as_the_runtime_tells(error: BaseException) -> str:
    """What awslambdaric makes of an error: it stands in the log, in the answer and in the queue of failures."""
    told = {"errorMessage": str(error), "errorType": type(error).__name__, "requestId": "request-1"}
    chain = "".join(traceback.format_exception(error))
    return json.dumps({**told, "stackTrace": traceback.format_tb(error.__traceback__), "log": chain})


DOORS: dict[str, Door] = {
    "command line": by_command_line,
    "Dagster": by_dagster,
    "Lambda": by_lambda,
}


@contextmanager
def _logs_to(log: io.StringIO) -> Iterator[None]:
    """The function sets up the logging of its whole process: it gets a root of its own meanwhile."""
    root, ours = logging.getLogger(), logging.getLogger("claims_pipeline")
    before = root.handlers, root.level, ours.level, ours.propagate
    root.handlers, ours.propagate = [logging.StreamHandler(log)], True
    try:
        yield
    finally:
        root.handlers, ours.propagate = before[0], before[3]
        root.setLevel(before[1])
        ours.setLevel(before[2])


@contextmanager
def talkative(stage: Stage) -> Iterator[None]:
    """Every logger's lines at their most talkative, the sandbox's apart."""
    theirs = logging.StreamHandler(stage.sandbox_log)
    theirs.addFilter(_is_of_the_sandbox)
    ours = logging.StreamHandler(stage.log)
    ours.addFilter(lambda record: not _is_of_the_sandbox(record))
    loggers = [logging.getLogger(name) for name in LOGGERS]
    before = [(logger.level, logger.propagate) for logger in loggers]
    for logger in loggers:
        logger.handlers += [ours, theirs]
        logger.setLevel(logging.DEBUG)
        logger.propagate = False
    try:
        yield
    finally:
        for logger, (level, propagates) in zip(loggers, before, strict=True):
            logger.handlers = [each for each in logger.handlers if each not in (ours, theirs)]
            logger.setLevel(level)
            logger.propagate = propagates


def _is_of_the_sandbox(record: logging.LogRecord) -> bool:
    return record.name.startswith(("claims_pipeline.sandbox", "uvicorn", "werkzeug"))


def who_never_sleeps(*given: Any, **named: Any) -> CollaborateMDClient:
    """The client, whatever sleep it is given."""
    return CollaborateMDClient(*given, **{**named, "sleep": lambda _: None})


@contextmanager
def nobody_waits(stage: Stage) -> Iterator[None]:
    """No time passes between two attempts; and the function that goes on is noted, not called."""

    def proceed(*_: object) -> Callable[[Mapping[str, object]], None]:
        return lambda event: stage.answers.append(json.dumps(dict(event)))

    with pytest.MonkeyPatch.context() as patched:
        made = "claims_pipeline.sync.connections"
        patched.setattr(f"{made}.CollaborateMDClient", who_never_sleeps)
        patched.setattr(f"{made}.Timing", partial(Timing, first_wait_seconds=0.001))
        patched.setattr("claims_pipeline.lambda_handler.invoke_itself", proceed)
        patched.setattr(tempfile, "tempdir", str(stage.temporary))
        for asset in ASSETS:
            patched.setattr(
                f"claims_pipeline.assets.{asset}.IF_IT_PASSES", dg.RetryPolicy(max_retries=1, delay=0)
            )
        yield


@contextmanager
def staged(town: Town, root: Path, fresh_home: Path) -> Iterator[Stage]:
    """A stage below `root`; `fresh_home` is a Dagster instance that has no runs."""
    with mailboxes() as mailbox:
        stage = Stage(town, root / "dagster", root / "temporary", root=root, mailbox=mailbox)
        shutil.copytree(fresh_home, stage.home)
        stage.temporary.mkdir()
        with nobody_waits(stage), talkative(stage):
            stage.begin()
            with mock.patch.dict(os.environ, stage.environment):
                yield stage
