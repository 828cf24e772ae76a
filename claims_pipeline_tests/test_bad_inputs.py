"""What a person did wrong, and the words that are read at the command line for it.

Each table maps the mistake to (what stands or happens then, words of the message). All go through `claims-pipeline`
as it is run, against a sandbox over HTTPS. Whatever goes wrong, there is no traceback, the code is not 0, and no claim
reaches Salesforce. (What is wrong with the settings alone: `test_bad_settings`.)
"""

import csv
import json
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from io import BytesIO
from pathlib import Path

import pytest

from claims_pipeline.claims.columns import COLUMNS
from claims_pipeline.claims.reading.encodings import detect_encoding
from claims_pipeline.claims.recount import data_rows
from claims_pipeline.cli.exits import Exit
from claims_pipeline.clients.collaboratemd import CollaborateMDClient
from claims_pipeline.clients.salesforce import Timing
from claims_pipeline.sandbox.collaboratemd.entries import Entry
from claims_pipeline.sandbox.collaboratemd.shelf import Answer, Report, Script, Wire
from claims_pipeline.sandbox.collaboratemd.zips import ZipShape
from claims_pipeline.sandbox.salesforce.people import FieldAccess
from claims_pipeline.sandbox.salesforce.schema import FieldType
from claims_pipeline.sandbox.salesforce.settings import INTEGRATION_USERNAME
from claims_pipeline.sandbox.systems import FULL_FILTER_ID, RECENT_FILTER_ID, REPORT_ID
from claims_pipeline_tests.command_line import Said, claims_pipeline
from claims_pipeline_tests.given_report import CHARGE_LABELS, CLAIM_LABELS, line, report, row
from claims_pipeline_tests.paths import DATA
from claims_pipeline_tests.town import FIRST, Town, towns


@pytest.fixture(scope="module")
def town_of_module(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    with towns(tmp_path_factory.mktemp("bad")) as build:
        yield build(COLLABORATEMD_POLL_SECONDS="0.01", SALESFORCE_POLL_SECONDS="0.01")


@pytest.fixture
def town(town_of_module: Town, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Town:
    """One sandbox for all: nothing of these may arrive in it. Nobody waits between two attempts."""
    patient = partial(CollaborateMDClient, sleep=lambda _: None)
    monkeypatch.setattr("claims_pipeline.sync.connections.CollaborateMDClient", patient)
    monkeypatch.setattr("claims_pipeline.sync.connections.Timing", partial(Timing, first_wait_seconds=0.001))
    town = town_of_module.anew(tmp_path)
    shelve(town, report(row("1")))
    return town


def refused(town: Town, words: str, **settings: str) -> Said:
    """A sync of the first customer, which fails in these words and leaves nothing in the org."""
    said = claims_pipeline({**town.environment, **settings}, "sync", "--customer", FIRST)
    assert said.code not in {Exit.ALL_ARRIVED, Exit.UNEXPECTED, Exit.NOT_ALL_ARRIVED}, said.words
    assert words in said.err
    assert "Traceback" not in said.words
    assert town.writes() == []
    assert town.claims() == {}
    return said


def shelve(town: Town, saved: Report | bytes, script: Script | None = None) -> None:
    for filter_id in (RECENT_FILTER_ID, FULL_FILTER_ID):
        town.sandbox.reports.put(FIRST, REPORT_ID, filter_id, saved)
        town.sandbox.reports.script(FIRST, REPORT_ID, filter_id, script or Script())


# Reports that cannot be read


def _bzip2() -> bytes:
    packed = BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_BZIP2) as archive:
        archive.writestr("Claims.csv", report(row("1")))
    return packed.getvalue()


_CSV = Entry("Claims.csv", report(row("1"), row("2")))
_BOMB = Entry("Claims.csv", lambda: (b"\0" * 1_000_000 for _ in range(70)))
ZIPS: dict[str, tuple[Report, str]] = {
    "no ZIP at all": (Report(as_it_is=report(row("1"))), "its Data is no whole ZIP file"),
    "a ZIP that is cut off": (Report((_CSV,), ZipShape(cut_bytes=30)), "its Data is no whole ZIP file"),
    "a wrong CRC": (Report((_CSV,), ZipShape(wrong_crc=True)), "entry 1 is damaged"),
    "a size that is not true": (Report((_CSV,), ZipShape(claimed_size=9_999)), "entry 1"),
    "an encrypted entry": (Report((_CSV,), ZipShape(encrypted=True)), "entry 1 is encrypted"),
    "another way of packing": (Report(as_it_is=_bzip2()), "packed in a way that we do not read (method 12)"),
    "a bomb": (Report((_BOMB,)), "times its size, and we take at most 200"),
    "a size beyond all reports": (
        Report((_CSV,), ZipShape(claimed_size=9 * 1024**3, zip64=True)),
        "and we unpack at most 8,589,934,592",
    ),
    "too many entries": (
        Report(tuple(Entry(f"{number}.csv", b"") for number in range(1_001))),
        "it has 1,001 entries, and we read at most 1,000",
    ),
    "a spreadsheet": (Report((Entry("Claims.xlsx", b"PK"),)), "entry 1 is a .xlsx file"),
    "no entry": (Report(()), "there is no file in it"),
}
FILES: dict[str, tuple[bytes, str]] = {
    "an empty file": (b"", "File 0 of the report is empty, it has not even a header row"),
    "an unclosed quote": (
        report(row("1")) + b'2,"DOE',
        "File 0 of the report stops at row 3: a quote opens in it and never closes",
    ),
    "a quote in a name": (
        report(row("1")).replace(b'"DOE, JAN', b'"DOE, "JAN"'),
        "stops at row 2: text follows a closing quote, so a quote in a cell was not doubled",
    ),
    "no header": (
        report(row("1"), labels=row("2")),
        "holds no label that we know and may be a row of claims, so it is not shown: is the header row missing?",
    ),
    "semicolons": (
        report(row("1")).replace(b",", b";"),
        "are the cells parted by something else than commas?",
    ),
    "a renamed column": (
        report(row("1"), labels=["Claim Nr", *CLAIM_LABELS[1:]]),
        "The report has no column for claim_id (known as ClaimID, Claim ID, Charge Claim ID). It has: Claim Nr,",
    ),
    "a column left out": (
        report(row("1")[:-2], labels=CLAIM_LABELS[:-2]),
        "The report has no column for patient_reference (known as PatientReference, Patient Reference #)",
    ),
    "a column twice": (
        report([*row("1"), "2"], labels=[*CLAIM_LABELS, "Claim ID"]),
        "The report has 2 columns for claim_id: ClaimID, Claim ID.",
    ),
    "a web page": (b"<html><body>Sorry</body></html>", "The report has no column for claim_id"),
}
_RECORD = dict(zip(CLAIM_LABELS, row("1"), strict=True))
JSON_FILES: dict[str, tuple[bytes, str]] = {
    "JSON that is cut off": (
        json.dumps([_RECORD]).encode()[:-20],
        "File 0 of the report cannot be read as JSON",
    ),
    "JSON of an object": (b'{"claims": []}', "it is an object without a list named data"),
    "JSON of texts": (b'["1", "2"]', "record 1 is not an object"),
    "JSON with lists for cells": (
        json.dumps([{**_RECORD, "ClaimTotalAmount": [1]}]).encode(),
        "record 1 holds a list where the charged should be",
    ),
    "JSON with a column renamed": (
        json.dumps([{"Claim Nr" if key == "ClaimID" else key: _RECORD[key] for key in _RECORD}]).encode(),
        "The report has no column for claim_id",
    ),
}


@pytest.mark.journey
@pytest.mark.parametrize("fault", ZIPS)
def test_zips(town: Town, fault: str) -> None:
    saved, words = ZIPS[fault]
    shelve(town, saved)
    refused(town, words)


@pytest.mark.journey
@pytest.mark.parametrize("fault", [*FILES, *JSON_FILES])
def test_files(town: Town, fault: str) -> None:
    content, words = {**FILES, **JSON_FILES}[fault]
    shelve(town, Report((Entry("a.csv" if fault in FILES else "a.json", content),)))
    said = refused(town, words)
    assert said.code == Exit.PERMANENT
    assert "DOE" not in said.words


SPECTRUM = sorted((DATA / "hostile" / "csv-spectrum" / "json").glob("*.json"))
NAUGHTY = [DATA / "hostile" / "blns.json", DATA / "hostile" / "blns.base64.json"]


@pytest.mark.journey
@pytest.mark.parametrize("path", [*SPECTRUM, *NAUGHTY], ids=lambda path: path.name)
def test_json_that_is_no_report_of_claims(town: Town, path: Path) -> None:
    """(The hostile CSV files have a journey of their own.)"""
    shelve(town, Report((Entry("a.json", path),)))
    said = refused(town, f"Customer {FIRST} failed: ")
    assert said.code == Exit.PERMANENT
    assert "column" in said.err or "cannot be read as JSON" in said.err


@pytest.mark.journey
@pytest.mark.parametrize(
    "name",
    [
        *("csvkit/test_utf16_big", "csvkit/test_latin1", "csvkit/mac_newlines", "csvkit/null_byte"),
        *("csv-spectrum/csvs/newlines_crlf", "csv-spectrum/csvs/quotes_and_newlines"),
    ],
)
def test_odd_files_whose_one_column_is_declared_give_their_rows(
    town: Town, tmp_path: Path, name: str
) -> None:
    path = DATA / "hostile" / f"{name}.csv"
    encoding = detect_encoding(lambda: path.open("rb"))
    with encoding.open(lambda: path.open("rb")) as text:
        first_label = next(csv.reader(text))[0]
    absent = [column.field for column in COLUMNS if column.field != "claim_id"]
    declared = f"columns = {{claim_id = {json.dumps(first_label)}}}\nabsent_columns = {json.dumps(absent)}\n"
    config = tmp_path / "claims.toml"
    config.write_text(
        Path(town.environment["CLAIMS_CONFIG"]).read_text().replace("filters", f"{declared}filters", 1)
    )
    shelve(town, path.read_bytes())
    said = claims_pipeline(
        {**town.environment, "CLAIMS_CONFIG": str(config)}, "sync", "--customer", FIRST, "--dry-run"
    )
    assert said.code in {Exit.ALL_ARRIVED, Exit.NOT_ALL_ARRIVED}, said.words
    with path.open("rb") as stream:
        rows = len(list(data_rows(stream)))
    assert f"{rows}  rows in the report" in said.out


@pytest.mark.journey
def test_a_charge_report_on_a_filter_that_is_not_claim_complete(town: Town, tmp_path: Path) -> None:
    config = tmp_path / "claims.toml"
    whole = Path(town.environment["CLAIMS_CONFIG"]).read_text()
    config.write_text(whole.replace("claim_complete = true", "claim_complete = false"))
    town.put(report(line("1", "1"), labels=CHARGE_LABELS))
    words = "has a row a charge line, and the filter 20020 is not declared claim_complete: its sums could be parts"
    assert refused(town, words, CLAIMS_CONFIG=str(config)).code == Exit.SETTINGS


# CollaborateMD says no

_NAMED = f"customer {FIRST}, report {REPORT_ID}, filter {RECENT_FILTER_ID}"
ANSWERS: dict[str, tuple[Script, str]] = {
    "a report that is not there": (
        Script(runs=(Answer.NOT_FOUND,)),
        f"CollaborateMD answered NOT FOUND ({_NAMED}). Check COLLABORATEMD_REPORT_ID, COLLABORATEMD_FILTER_ID",
    ),
    "a filter of another report": (
        Script(runs=(Answer.INVALID_CRITERIA,)),
        f"CollaborateMD answered INVALID CRITERIA ({_NAMED}). Check COLLABORATEMD_REPORT_ID",
    ),
    "a filter that is too wide": (
        Script(polls=(Answer.TIMED_OUT,)),
        "CollaborateMD gave up on the report, it ran too long",
    ),
    "a report that breaks": (Script(polls=(Answer.ERROR,)), "CollaborateMD answered ERROR 3 time(s)"),
}


@pytest.mark.journey
@pytest.mark.parametrize("mistake", ANSWERS)
def test_reports_of_collaboratemd(town: Town, mistake: str) -> None:
    script, words = ANSWERS[mistake]
    shelve(town, report(row("1")), script)
    refused(town, words)


@pytest.mark.journey
def test_a_wrong_password_of_collaboratemd(town: Town) -> None:
    said = refused(town, "CollaborateMD refused the API user (HTTP 401;", COLLABORATEMD_PASSWORD="hunter2")
    assert "Check COLLABORATEMD_USERNAME and COLLABORATEMD_PASSWORD" in said.err
    assert said.code == Exit.PERMANENT


@pytest.mark.journey
def test_a_customer_that_is_not_open_to_this_user(town: Town) -> None:
    town.sandbox.reports.unavailable.add(FIRST)
    try:
        said = refused(town, "an HTTP 503 that stays can also mean that the customer number")
    finally:
        town.sandbox.reports.unavailable.clear()
    assert said.code == Exit.TRANSIENT


@pytest.mark.journey
def test_an_answer_that_is_no_report(town: Town) -> None:
    town.sandbox.reports.wire = Wire(data_text="&&& this is not base64 &&&")
    refused(town, "CollaborateMD's answer could not be read")


@pytest.mark.journey
def test_a_certificate_that_nobody_knows(town: Town) -> None:
    said = refused(town, "The certificate of 127.0.0.1", CLAIMS_CA_BUNDLE="")
    assert "is not trusted, so nothing was sent" in said.err


# Salesforce is not as it must be

SIGN_IN: dict[str, tuple[dict[str, str], str]] = {
    "a wrong password": (
        {
            "SALESFORCE_PASSWORD": "hunter2",
            "SALESFORCE_SECURITY_TOKEN": "none",
            "SALESFORCE_CONSUMER_KEY": "",
            "SALESFORCE_PRIVATE_KEY": "",
        },
        "Salesforce refused the sign-in",
    ),
    "a wrong consumer key": (
        {"SALESFORCE_CONSUMER_KEY": "3MVGwrong"},
        "Salesforce refused the sign-in by JWT bearer (HTTP 400, invalid_client_id): check SALESFORCE_CONSUMER_KEY.",
    ),
    "a user that the app does not know": (
        {"SALESFORCE_USERNAME": "stranger@claims.example"},
        "Salesforce refused the sign-in by JWT bearer (HTTP 400, invalid_grant)",
    ),
    "a wrong consumer secret": (
        {"SALESFORCE_CONSUMER_SECRET": "hunter2", "SALESFORCE_PRIVATE_KEY": "", "SALESFORCE_USERNAME": ""},
        "check SALESFORCE_CONSUMER_KEY and SALESFORCE_CONSUMER_SECRET.",
    ),
}


@pytest.mark.journey
@pytest.mark.parametrize("mistake", SIGN_IN)
def test_signing_in_to_salesforce(town: Town, mistake: str) -> None:
    wrong, words = SIGN_IN[mistake]
    said = refused(town, words, **wrong)
    assert said.code == Exit.PERMANENT
    assert "hunter2" not in said.words
    assert town.sandbox.collaboratemd_wire.log == []  # the report slot is not taken for nothing


@contextmanager
def changed_field(town: Town, name: str, **changes: object) -> Iterator[None]:
    """The org's Claim__c with one field made otherwise, for a while."""
    org = town.sandbox.org
    before = org.schema
    claim = before.object("Claim__c")
    assert claim is not None
    field = replace(claim.fields[name], **changes)  # type: ignore[arg-type]  # parts of a FieldSchema by name
    org.schema = before.replacing(replace(claim, fields={**claim.fields, name: field}))
    try:
        yield
    finally:
        org.schema = before


FIELDS: dict[str, tuple[str, dict[str, object], str]] = {
    "a key that is no External ID": (
        "Claim_Number__c",
        {"external_id": False},
        "Claim_Number__c (the key): it is no External ID",
    ),
    "a key that is not Unique": (
        "Claim_Number__c",
        {"unique": False},
        "Claim_Number__c (the key): it is not Unique (a claim could then stand twice",
    ),
    "a key that tells abc from ABC": (
        "Claim_Number__c",
        {"case_sensitive": True},
        "Claim_Number__c (the key): it must treat ABC and abc as duplicates (case-insensitive)",
    ),
    "a key that is a number": (
        "Claim_Number__c",
        {"type": FieldType.DOUBLE},
        "Claim_Number__c (the key): it must be a text field, and is double",
    ),
    "amounts without cents": (
        "Paid_Amount__c",
        {"scale": 0},
        "Paid_Amount__c: it has 0 decimals, and amounts need 2",
    ),
    "a date that is a text": (
        "DOS__c",
        {"type": FieldType.STRING},
        "DOS__c: it must hold a date, and is of type string",
    ),
    "a formula": (
        "Total_BDP__c",
        {"createable": False, "updateable": False},
        "Total_BDP__c: the integration user may not create and edit it",
    ),
}


@pytest.mark.journey
@pytest.mark.parametrize("fault", FIELDS)
def test_fields_of_the_org(town: Town, fault: str) -> None:
    name, changes, words = FIELDS[fault]
    with changed_field(town, name, **changes):
        said = refused(town, words)
    assert said.code == Exit.PERMANENT
    assert "then run `claims-pipeline check`" in said.err
    assert town.sandbox.collaboratemd_wire.log == []


@pytest.mark.journey
def test_fields_that_are_hidden_or_read_only_are_all_named_at_once(town: Town) -> None:
    org = town.sandbox.org
    user = org.user(INTEGRATION_USERNAME)
    assert user is not None
    wrong = {
        "MR_Number__c": FieldAccess.HIDDEN,
        "DOS__c": FieldAccess.READ_ONLY,
        "Payer__c": FieldAccess.HIDDEN,
    }
    try:
        for name, access in wrong.items():
            org.set_access(user, "Claim__c", name, access)
        said = refused(town, "Claim__c in Salesforce is not as the sync needs it, 3 problem(s):")
    finally:
        for name in wrong:
            org.set_access(user, "Claim__c", name, FieldAccess.EDIT)
    assert "  - MR_Number__c: it does not exist, or the integration user may not see it" in said.err
    assert "  - DOS__c: the integration user may not create and edit it" in said.err
    assert "assign the permission set Claim Integration to the integration user" in said.err


@pytest.mark.journey
def test_an_org_without_the_claims_object(town: Town) -> None:
    org = town.sandbox.org
    before = org.schema
    org.schema = before.without("Claim__c")
    try:
        said = claims_pipeline(town.environment, "sync", "--customer", FIRST)
    finally:
        org.schema = before
    assert said.code == Exit.PERMANENT
    assert "Claim__c" in said.err
    assert "Traceback" not in said.words


@pytest.mark.journey
def test_nothing_of_all_this_is_wrong_with_the_sandbox(town: Town) -> None:
    """The same report with nothing wrong passes every step up to the sending."""
    said = claims_pipeline(town.environment, "sync", "--customer", FIRST, "--dry-run")
    assert said.code == Exit.ALL_ARRIVED, said.words
