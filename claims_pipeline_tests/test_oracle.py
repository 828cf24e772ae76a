"""The oracle is proved on hand-written reports before anything is measured by it."""

import json
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from claims_pipeline_tests import oracle_cells as cells
from claims_pipeline_tests.oracle import SourceFile, Terms, judge
from claims_pipeline_tests.oracle_cells import FileStops
from claims_pipeline_tests.paths import DATA

LENGTHS = {
    "Claim_Number__c": 50,
    "Name": 80,
    "MR_Number__c": 50,
    "Payer__c": 50,
    "Insurance_Authorization_Number__c": 50,
    "EFT_or_Paper_Check__c": 50,
    "Source_Payor_Name__c": 255,
    "Source_Status__c": 255,
}
TERMS = Terms(fetched_on=date(2026, 2, 15), customer="10001001", lengths=LENGTHS)


def expected(path: Path) -> dict[str, Any]:
    """What a report's neighbour says of it."""
    read: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return read


@pytest.mark.parametrize("name", ["claims_rules", "charges_rules", "windows1252_rules"])
def test_every_row_and_claim_of_the_rules_ends_as_written(name: str) -> None:
    """Row by row by number, claim by claim by field."""
    must = expected(DATA / "rules" / f"{name}_expected.json")
    terms = Terms(date.fromisoformat(must["fetched"]), "10001001", LENGTHS)
    verdict = judge((DATA / "rules" / f"{name}.csv").read_bytes(), terms)
    assert {str(row): fate for (_, row), fate in verdict.fates.items()} == must["rows"]
    assert verdict.claims.keys() == must["claims"].keys()
    for number, fields in must["claims"].items():
        assert {name: verdict.claims[number][name] for name in fields} == fields


@pytest.mark.parametrize("name", ["open_quote", "text_after_quote"])
def test_a_broken_quote_stops_the_file_at_its_row(name: str) -> None:
    """Reading on would make claims of fragments."""
    with pytest.raises(FileStops) as stopped:
        judge((DATA / "rules" / f"{name}.csv").read_bytes(), TERMS)
    assert stopped.value.row == expected(DATA / "rules" / f"{name}_expected.json")["stops_at_row"]


@pytest.mark.parametrize("name", ["claims", "charges"])
def test_whole_reports_come_out_to_the_cent(name: str) -> None:
    """Rows, claims, rejections by code, merged rows and both sums."""
    must = expected(DATA / "reports" / f"{name}_expected.json")
    verdict = judge((DATA / "reports" / f"{name}_report.csv").read_bytes(), TERMS)
    assert len(verdict.fates) == must["rows"]
    assert len(verdict.claims) == must["claims"]
    assert dict(verdict.rejected) == must["rejected"]
    assert verdict.dollars("Charged_Amount__c") == Decimal(must["charged"])
    assert verdict.dollars("Paid_Amount__c") == Decimal(must["paid"])
    assert verdict.charge_lines is bool(must["charge_lines"])
    assert len(verdict.merged) == must.get("merged_rows", 0)


@pytest.mark.parametrize("case", expected(DATA / "rules" / "payors_rules.json")["mapping"])
def test_payor_keys_are_those_of_the_mapping_table(case: dict[str, Any]) -> None:
    """A key, split and made again, is itself."""
    name, payor_id = case["Payor_Key__c"].split("|")
    assert cells.payor_key(name.upper() or None, payor_id.upper() or None) == case["Payor_Key__c"]


def test_a_claim_of_two_results_is_taken_whole_from_the_later_run() -> None:
    """Rows of the earlier run stand behind the claim, but add nothing to it."""
    lines = (DATA / "rules" / "claims_rules.csv").read_bytes().split(b"\r\n")
    earlier = b"\r\n".join([lines[0], lines[1], lines[3]])
    later = b"\r\n".join([lines[0], lines[1].replace(b"100.00", b"70.00")])
    verdict = judge([SourceFile(earlier, run=0), SourceFile(later, run=1)], TERMS)
    assert verdict.superseded == {(0, 2)}
    assert verdict.claims["500000001"]["Charged_Amount__c"] == "70.00"
    assert verdict.claims["000000003"]["Charged_Amount__c"] == "100.00"
    assert set(verdict.fates.values()) == {"CLAIM"}


def test_a_missing_column_stops_the_report_unless_it_is_declared_absent() -> None:
    """A field declared absent is left out of the claims, not blank in them."""
    report = (DATA / "rules" / "windows1252_rules.csv").read_bytes().replace(b"PrimaryAuth", b"Other")
    with pytest.raises(FileStops):
        judge(report, TERMS)
    verdict = judge(report, Terms(date(2026, 2, 15), "10001001", LENGTHS, absent={"authorization"}))
    assert "Insurance_Authorization_Number__c" not in verdict.claims["700000001"]
