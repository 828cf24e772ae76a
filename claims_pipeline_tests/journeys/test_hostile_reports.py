"""Hostile files, each as the whole report: a clear error or the right rows at the command line, never a traceback."""

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from claims_pipeline.cli.exits import Exit
from claims_pipeline_tests.command_line import claims_pipeline
from claims_pipeline_tests.paths import DATA
from claims_pipeline_tests.town import FIRST, Town, towns

HOSTILE = DATA / "hostile"
FILES = sorted(
    path
    for folder in ("csv-spectrum/csvs", "csvkit")
    for path in (HOSTILE / folder).iterdir()
    if path.is_file()
)
LABELS = (
    "ClaimID,PateintNameID,ClaimPrimaryPayerName,PayerID,PrimaryAuth,StatementCoversFromDate,StatementCoversToDate,"
    "ClaimDateEntered,ClaimTotalAmount,ClaimAmountPaid,ClaimBalance,PaymentCheck,PaymentReceived,PatientReference"
)


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    """One town for all files: none of them may leave anything in it."""
    with towns(tmp_path_factory.mktemp("hostile")) as build:
        yield build()


def naughty() -> list[str]:
    strings: list[str] = json.loads((HOSTILE / "blns.json").read_text(encoding="utf-8"))
    return strings


@pytest.mark.journey
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_file_that_is_no_report_of_claims_is_told_and_writes_nothing(town: Town, path: Path) -> None:
    town.put(path)
    town.sandbox.salesforce_wire.clear_log()
    said = claims_pipeline(town.environment, "sync", "--customer", FIRST)
    assert said.code == Exit.PERMANENT
    assert "Traceback" not in said.words
    assert "Unexpected" not in said.words
    assert f"Customer {FIRST} failed: " in said.err
    assert town.writes() == []


@pytest.mark.journey
def test_strings_that_break_programs_arrive_as_they_are_or_are_rejected_by_a_rule(town: Town) -> None:
    """Each string is one claim's patient, payor, reference and claim id suffix."""
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(LABELS.split(","))
    strings = naughty()
    for place, text in enumerate(strings):
        dates = ["01/05/2026", "01/06/2026", "01/07/2026"]
        writer.writerow(
            [f"9{place:08d}", text, text[:60], "P1", "", *dates, "10.00", "0.00", "10.00", "", "", text[:40]]
        )
    town.put(out.getvalue().encode("utf-8", errors="replace"))
    said = claims_pipeline(town.environment, "sync", "--customer", FIRST)
    assert said.code in (Exit.ALL_ARRIVED, Exit.NOT_ALL_ARRIVED), said.words
    arrived = town.claims()
    assert len(arrived) + said.out.count("(claim 9") >= len(strings) - 8
    assert all(claim["Charged_Amount__c"] == 10.0 for claim in arrived.values())
    plain = {f"9{place:08d}": text for place, text in enumerate(strings) if text.isascii() and text.isalnum()}
    assert {number: arrived[number]["MR_Number__c"] for number in plain} == {
        number: text[:40] for number, text in plain.items()
    }
    town.sandbox.salesforce_wire.clear_log()
    claims_pipeline(town.environment, "sync", "--customer", FIRST)
    assert town.writes() == []
