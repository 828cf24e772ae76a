"""Failures: everything that goes wrong on purpose, each with a patient's data in the way of whoever tells of it.

What belongs here: the closed list `FAILURES`, how each is brought about, and what must come of it. Not here: running
(`stage`), nor where the data may have gone (`sinks`).
"""

import csv
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from itertools import count
from typing import NoReturn

import polars as pl
import pydantic
import pytest

from claims_pipeline.errors import PermanentError
from claims_pipeline.sandbox.broken_wires import Wire as Broken
from claims_pipeline.sandbox.collaboratemd.entries import Entry
from claims_pipeline.sandbox.collaboratemd.shelf import Answer, Report, Script, Wire
from claims_pipeline.sandbox.faults import Fault
from claims_pipeline.sandbox.salesforce.rows import RowError
from claims_pipeline.sandbox.salesforce.scripts import Refusal
from claims_pipeline_tests.faults import test_network_disk as disks
from claims_pipeline_tests.given_report import CHARGE_LABELS
from claims_pipeline_tests.journeys.canary import (
    CLAIM,
    LABELS,
    PATIENT,
    SECRET,
    as_csv,
    as_json,
    faulty_rows,
    good_rows,
    row,
)
from claims_pipeline_tests.journeys.canary_scene import MESSAGE, QUOTE
from claims_pipeline_tests.privacy.stage import DOORS, Stage

Arrange = Callable[[Stage, pytest.MonkeyPatch, int], None]
"""Brings a failure about; the number is the first of ten claim numbers that no run has had."""
_NUMBERS = count(1000, 10)
_BULK = {"SALESFORCE_BULK_FROM_ROWS": "1"}
_COLLECTIONS = {"SALESFORCE_BULK_FROM_ROWS": "1000000"}
_COLLABORATEMD, _CLAIMS = "/reports/", "/composite/sobjects"
_EVERY_CALL = 200


@dataclass(frozen=True)
class Failure:
    """One thing that goes wrong. `fails`: whether the run as a whole must fail (None: it may come through)."""

    name: str
    arrange: Arrange
    fails: bool | None = True
    settings: dict[str, str] = field(default_factory=lambda: _COLLECTIONS)
    doors: tuple[str, ...] = tuple(DOORS)

    def drive(self, stage: Stage, door: str) -> None:
        """Run one customer by that door while this goes wrong; it must have, and must have ended as it should."""
        what = f"{door}, {self.name}"
        stage.begin()
        stage.settings.update(self.settings)
        number = next(_NUMBERS)
        stage.shelve(as_csv(good_rows(number)))
        with pytest.MonkeyPatch.context() as patched:
            self.arrange(stage, patched, number)
            wires = (stage.town.sandbox.collaboratemd_wire, stage.town.sandbox.salesforce_wire)
            before = [wire.faults.waiting() for wire in wires]
            succeeded = DOORS[door](stage, what)
            if any(before):
                assert [wire.faults.waiting() for wire in wires] != before, f"{what}: no call met it"
            stage.type("alert")
        assert self.fails is None or succeeded is not self.fails, (
            what,
            stage.streams[-1],
            stage.answers[-1:],
        )


# Rows that are rejected, claims that are refused


def charge_rows(number: int) -> list[list[str]]:
    """Charge lines, one a rule of their grain."""

    def line(claim: int, name: str, **cells: str) -> list[str]:
        return [*row(claim, **cells)[:-1], name]

    return [
        line(number, "1"),
        line(number, "2"),
        line(number + 1, ""),
        line(number + 2, "1", ClaimTotalAmount=f"{PATIENT}MONEY"),
        line(number + 2, "2"),
        line(number + 3, "1"),
        line(number + 3, "2", PateintNameID=f"{PATIENT}OTHER, ANN"),
    ]


def _rejected_rows(stage: Stage, _: pytest.MonkeyPatch, number: int) -> None:
    rows = [*good_rows(number), *faulty_rows()]
    entries = (
        Entry(f"{PATIENT} MARY ANN.csv", as_csv(rows)),
        Entry(f"{PATIENT}.json", as_json([row(number + 8), row(203)[:5]])),
    )
    stage.shelve(Report(entries))


def _rejected_lines(stage: Stage, _: pytest.MonkeyPatch, number: int) -> None:
    stage.shelve(as_csv(charge_rows(number), header=CHARGE_LABELS))


def _refused_claims(stage: Stage, _: pytest.MonkeyPatch, number: int) -> None:
    for code, place in (("FIELD_CUSTOM_VALIDATION_EXCEPTION", 0), ("STRING_TOO_LONG", 1), (QUOTE, 2)):
        error = RowError(code, f"Bad value: {QUOTE}", ("MR_Number__c", QUOTE))
        refusal = Refusal("Claim__c", f"{CLAIM}{number + place}", error)
        stage.town.sandbox.org.scripts.refusals.append(refusal)


# Reports


def _report(report: Report | bytes) -> Arrange:
    return lambda stage, *_: stage.shelve(report)


def _script(script: Script) -> Arrange:
    return lambda stage, *_: stage.shelve(as_csv(good_rows()), script)


BROKEN_REPORTS: dict[str, Report | bytes] = {
    "an unclosed quote": as_csv(good_rows()) + f'"{CLAIM}9,"{PATIENT}OPEN, MARY'.encode(),
    "a quote in a cell": as_csv(good_rows()) + f'{CLAIM}9,"{PATIENT}"MARY",x\r\n'.encode(),
    "no header": as_csv(good_rows()[1:], header=good_rows()[0]),
    "a column renamed": as_csv(good_rows(), header=["Claim Nr", *LABELS[1:]]),
    "JSON cut off": Report((Entry(f"{PATIENT}.json", as_json(good_rows())[:-40]),)),
    "JSON of something else": Report((Entry("a.json", json.dumps({PATIENT: QUOTE}).encode()),)),
    "JSON of lists": Report((Entry("a.json", json.dumps([{label: [QUOTE] for label in LABELS}]).encode()),)),
    "a letter in the ZIP": Report((Entry(f"{PATIENT}.pdf", QUOTE.encode()),)),
    "no ZIP": Report(as_it_is=as_csv(good_rows())),
    "a header and nothing else": as_csv([]),
    "every row rejected": as_csv(faulty_rows()),
}
_MAY_COME_THROUGH = ("every row rejected", "a header and nothing else")
BROKEN_ANSWERS = {
    "not found": Script(runs=(Answer.NOT_FOUND,), message=MESSAGE),
    "bad criteria": Script(runs=(Answer.INVALID_CRITERIA,), message=MESSAGE),
    "error": Script(polls=(Answer.ERROR,), message=MESSAGE),
    "timed out": Script(polls=(Answer.TIMED_OUT,), message=MESSAGE),
}


def _nonsense_for_a_payload(stage: Stage, *_: object) -> None:
    stage.town.sandbox.reports.wire = Wire(data_text=QUOTE)


# The wire


_SAID = json.dumps([{"errorCode": "STRING_TOO_LONG", "message": f"{QUOTE} is too long", "fields": [QUOTE]}])
_ROW = {"success": False, "errors": [{"statusCode": QUOTE, "message": QUOTE, "fields": [QUOTE, "Name"]}]}
_XML = f"<error><status>{QUOTE}</status></error>"
_LATIN = {"Location": f"https://x.example/?q={PATIENT}", "Retry-After": PATIENT}
HARMS: dict[str, Fault] = {
    **{
        f"status {status}": Fault(status=status, body=_SAID.encode(), headers=_LATIN)
        for status in (302, 400, 401, 403, 404, 409, 413, 429, 500, 503)
    },
    "a page of HTML": Fault(
        status=502, body=f"<html>{QUOTE}</html>".encode(), headers={"Content-Type": "text/html"}
    ),
    "XML of something else": Fault(
        status=200, body=_XML.encode(), headers={"Content-Type": "application/xml"}
    ),
    "an answer of nonsense": Fault(status=200, body=QUOTE.encode()),
    "JSON of something else": Fault(status=200, body=json.dumps({"Status": QUOTE, "id": [QUOTE]}).encode()),
    "JSON that is cut": Fault(status=200, body=_SAID.encode()[:-30]),
    "an answer that is cut": Fault(cut_after_bytes=30),
    "an answer that is cut, of no length": Fault(cut_after_bytes=30, wire=Broken.NO_LENGTH),
    "done, and told as an error": Fault(status=500, body=_SAID.encode(), before=False),
    "a connection that is reset": Fault(wire=Broken.RESET),
    "done, and reset": Fault(wire=Broken.RESET, before=False),
    "a connection that is silent": Fault(wire=Broken.SILENT),
    "an answer that comes late": Fault(delay_seconds=0.01),
    "an answer that drips": Fault(drip_seconds=0.0001),
}
"""Every way in which the sandbox's faults harm a call."""
_HARMLESS = ("an answer that comes late", "an answer that drips")
_BY_DAGSTER_TOO = (
    "status 403",
    "status 500",
    "JSON of something else",
    "an answer that is cut",
    "done, and reset",
)
"""The clients are the same behind every door: of what harms a call Dagster, where a run takes longest, meets these."""


def _at_collaboratemd(fault: Fault) -> Arrange:
    harm = replace(fault, path=_COLLABORATEMD, times=_EVERY_CALL)
    return lambda stage, *_: stage.town.sandbox.collaboratemd_wire.faults.add(harm)


def _at_salesforce(fault: Fault, path: str = _CLAIMS, method: str = "*") -> Arrange:
    harm = replace(fault, path=path, times=_EVERY_CALL, method=method)
    return lambda stage, *_: stage.town.sandbox.salesforce_wire.faults.add(harm)


REFUSED = Fault(status=400, body=_SAID.encode())
ORGS: dict[str, tuple[Fault, str]] = {
    "signing in": (REFUSED, "/services/oauth2"),
    "a describe": (replace(REFUSED, status=403), "/describe"),
    "a query": (REFUSED, "/query"),
    "a session": (replace(REFUSED, status=401), "/query"),
    "a code that is a value": (
        Fault(status=200, body=json.dumps([_ROW] * 6).encode()),
        _CLAIMS + "/Claim__c",
    ),
}
BULK_ORGS: dict[str, tuple[Fault, str]] = {
    "a Bulk job's creation": (REFUSED, "/jobs/ingest"),
    "a Bulk job's upload": (REFUSED, "/batches"),
    "a Bulk result that is cut": (Fault(cut_after_bytes=150), "successfulResults"),
    "a Bulk result of nonsense": (Fault(status=200, body=QUOTE.encode()), "successfulResults"),
}


def _bulk_fails(stage: Stage, *_: object) -> None:
    stage.town.sandbox.bulk.set_script({"fail_after_rows": 0, "error_message": f"InvalidBatch : {QUOTE}"})


# The machine


def _disk(patch: Callable[[pytest.MonkeyPatch], None]) -> Arrange:
    return lambda _stage, patched, _: patch(patched)


def _running_for_ever(stage: Stage, *_: object) -> None:
    """AWS's time ends while CollaborateMD's report still runs."""
    stage.milliseconds = 1500
    body = json.dumps({"Status": "REPORT RUNNING", "Message": MESSAGE}).encode()
    fault = Fault(path="/results/", times=100_000, status=200, body=body)
    stage.town.sandbox.collaboratemd_wire.faults.add(fault)


def _no_time_at_all(stage: Stage, *_: object) -> None:
    stage.milliseconds = 1


# What nobody foresaw


def raising(error: BaseException) -> Callable[..., NoReturn]:
    """A function that fails like this whatever it is given."""

    def fail(*_: object, **__: object) -> NoReturn:
        raise error

    return fail


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


_UNICODE = UnicodeDecodeError("utf-8", QUOTE.encode(), 0, 1, QUOTE)
_GROUP = ExceptionGroup(QUOTE, [ValueError(QUOTE)])
_SYNC = "claims_pipeline.sync"
SURPRISES: dict[str, tuple[str, Callable[..., NoReturn]]] = {
    "settings": ("claims_pipeline.sync.connections.load_settings", raising(ValueError(QUOTE))),
    "CollaborateMD's client": (
        "claims_pipeline.clients.collaboratemd.CollaborateMDClient.fetch_report",
        raising(ValueError(QUOTE)),
    ),
    "Salesforce's client, describing": (
        "claims_pipeline.clients.salesforce.SalesforceClient.describe",
        raising(KeyError(QUOTE)),
    ),
    "Salesforce's client, writing": (
        "claims_pipeline.clients.salesforce.SalesforceClient.upsert",
        raising(TypeError(QUOTE)),
    ),
    "the state's client": (
        "claims_pipeline.clients.sync_state.SyncState.next_sequence",
        raising(KeyError(QUOTE)),
    ),
    "reading": (f"{_SYNC}.fetching.reports.read_report", raising(csv.Error(f"line contains NUL: {QUOTE}"))),
    "keeping the ZIP": (
        "claims_pipeline.storage.frames.Storage.keep_report",
        raising(OSError(5, QUOTE, QUOTE)),
    ),
    "storing": ("claims_pipeline.storage.frames.Storage.write", raising(_UNICODE)),
    "loading": ("claims_pipeline.storage.frames.Stamp.from_text", _of_pydantic),
    "cleaning": (f"{_SYNC}.transform.clean_rows", _of_polars),
    "settling": (f"{_SYNC}.transform.settle_claims", raising(pl.exceptions.PanicException(QUOTE))),
    "comparing": (f"{_SYNC}.settling.bring.decide_all", raising(_GROUP)),
    "the history": (f"{_SYNC}.settling.bring.keep_history", raising(ValueError(QUOTE))),
    "committing": ("claims_pipeline.clients.sync_state.SyncState.commit", raising(RuntimeError(QUOTE))),
}
"""One a layer that every door stands on: what is replaced, and how it fails."""
OF_ONE_DOOR: dict[str, tuple[str, str, Callable[..., NoReturn]]] = {
    "what is shown": (
        "Dagster",
        "claims_pipeline.assets.raw_collaboratemd_claims.raw_metadata",
        raising(KeyError(QUOTE)),
    ),
    "a check": ("Dagster", "claims_pipeline.checks.balance.row_results", _chained),
    "the report for people": (
        "Dagster",
        "claims_pipeline.assets.sync_report.publish",
        raising(KeyError(QUOTE)),
    ),
    "the IO manager": ("Dagster", "claims_pipeline.storage.frames.Storage.read", raising(ValueError(QUOTE))),
    "the summary": ("command line", "claims_pipeline.cli.sync.summary", raising(ValueError(QUOTE))),
    "the metrics": ("Lambda", "claims_pipeline.lambda_door.metrics.emit", raising(ValueError(QUOTE))),
    "the alerts": ("Lambda", "claims_pipeline.lambda_door.invocation.tell_alerts", raising(KeyError(QUOTE))),
    "the event": ("Lambda", "claims_pipeline.lambda_handler.read_event", raising(ValueError(QUOTE))),
    "the answer": ("Lambda", "claims_pipeline.lambda_handler.invoke", raising(_GROUP)),
}


def _surprise(target: str, failing: Callable[..., NoReturn]) -> Arrange:
    return lambda _stage, patched, _: patched.setattr(target, failing)


# Settings


WRONG = {
    "COLLABORATEMD_API_BASE_URL": f"https://user:{SECRET}@webapi.example",
    "SALESFORCE_PRIVATE_KEY": f"-----BEGIN PRIVATE KEY-----{SECRET}",
    "SALESFORCE_DOMAIN": f"{SECRET}!",
    "SALESFORCE_API_VERSION": SECRET,
    "DYNAMODB_ENDPOINT_URL": f"http://{SECRET}",
    "BATCH_SIZE": SECRET,
    "LOG_LEVEL": SECRET,
    "AWS_REGION": SECRET,
}


def _wrong_settings(stage: Stage, *_: object) -> None:
    stage.settings.update(WRONG)


def _wrong_password(stage: Stage, *_: object) -> None:
    stage.settings["COLLABORATEMD_PASSWORD"] = f"{SECRET}PARTNER"


def _wrong_secret(stage: Stage, *_: object) -> None:
    stage.settings["SALESFORCE_PRIVATE_KEY"] = ""
    stage.settings["SALESFORCE_CONSUMER_SECRET"] = f"{SECRET}CONSUMER"


def _all() -> Iterator[Failure]:
    yield Failure("rows of every rule of the claim grain", _rejected_rows, fails=False)
    yield Failure("rows of every rule of the charge grain", _rejected_lines, fails=False)
    yield Failure("claims that Salesforce refuses", _refused_claims, fails=False)
    yield Failure("claims that Salesforce refuses, by Bulk", _refused_claims, fails=False, settings=_BULK)
    for name, report in BROKEN_REPORTS.items():
        fails = None if name in _MAY_COME_THROUGH else True
        yield Failure(f"a report with {name}", _report(report), fails)
    for name, script in BROKEN_ANSWERS.items():
        yield Failure(f"CollaborateMD says {name}", _script(script))
    yield Failure("CollaborateMD sends nonsense for a payload", _nonsense_for_a_payload)
    for name, fault in HARMS.items():
        fails = None if name in _HARMLESS else True
        # Each claim of a call that is refused is refused by itself; and what was done, a retry finds done.
        was_done = not fault.before or (
            fault.status is None and fault.wire not in (Broken.RESET, Broken.SILENT)
        )
        refusing = None if name == "status 400" or was_done else fails
        settings = {**_COLLECTIONS, "CLAIMS_READ_SECONDS": "1" if fault.wire is Broken.SILENT else "60"}
        doors = tuple(door for door in DOORS if door != "Dagster" or name in _BY_DAGSTER_TOO)
        yield Failure(f"CollaborateMD, {name}", _at_collaboratemd(fault), fails, settings, doors)
        yield Failure(f"Salesforce, {name}", _at_salesforce(fault), refusing, settings, doors)
    for name, (fault, path) in ORGS.items():
        fails = None if name == "a code that is a value" else True  # each claim is refused by itself
        yield Failure(f"Salesforce fails at {name}", _at_salesforce(fault, path), fails)
    for name, (fault, path) in BULK_ORGS.items():
        method = "POST" if path == "/jobs/ingest" else "*"
        fails = None if "result" in name else True  # the job was done: a retry finds it so
        yield Failure(f"Salesforce fails at {name}", _at_salesforce(fault, path, method), fails, _BULK)
    yield Failure("a Bulk job that fails", _bulk_fails, settings=_BULK)
    for name, (_, patch) in disks.WRITES.items():
        settings = _BULK if "Bulk job" in name else _COLLECTIONS
        if "query" not in name:
            yield Failure(f"a full disk at {name}", _disk(patch), settings=settings)
    for name, (target, failing) in SURPRISES.items():
        yield Failure(f"an unforeseen error: {name}", _surprise(target, failing))
    for name, (door, target, failing) in OF_ONE_DOOR.items():
        fails = (
            None if name in ("the metrics", "the alerts") else True
        )  # what was done is done: told, and no failure
        yield Failure(f"an unforeseen error: {name}", _surprise(target, failing), fails, doors=(door,))
    yield Failure("settings that are wrong", _wrong_settings)
    yield Failure("a password that is wrong", _wrong_password)
    yield Failure("a client secret that is wrong", _wrong_secret)
    yield Failure(
        "the function's time is over in the middle", _running_for_ever, fails=None, doors=("Lambda",)
    )
    yield Failure("the function has no time", _no_time_at_all, fails=None, doors=("Lambda",))


FAILURES = tuple(_all())
"""All that is driven, by each door that it can be driven by: docs/privacy.md lists it."""
