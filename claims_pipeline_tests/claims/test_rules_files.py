"""Every row and case of the hand-written rule files ends as its expected file says."""

import json
from datetime import date
from typing import Any

import pytest

from claims_pipeline.claims.payors import Mapping, Payor, PayorMatcher
from claims_pipeline.claims.recount import RecountStopped, data_rows
from claims_pipeline_tests.claims.given import claims_by_number, fates, read_report, settled
from claims_pipeline_tests.paths import DATA

RULES = DATA / "rules"
REPORTS = ("claims_rules", "charges_rules", "windows1252_rules")


def expected(name: str) -> Any:
    return json.loads((RULES / name).read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", REPORTS)
def test_every_row_ends_as_written(name: str) -> None:
    must = expected(f"{name}_expected.json")
    outcome = settled(*read_report(RULES / f"{name}.csv", date.fromisoformat(must["fetched"])))
    assert {str(row): fate for row, fate in fates(outcome).items()} == must["rows"]


@pytest.mark.parametrize("name", REPORTS)
def test_every_claim_ends_as_written(name: str) -> None:
    must = expected(f"{name}_expected.json")
    outcome = settled(*read_report(RULES / f"{name}.csv", date.fromisoformat(must["fetched"])))
    claims = claims_by_number(outcome)
    assert claims.keys() == must["claims"].keys()
    for number, fields in must["claims"].items():
        found = {field: claims[number][field] for field in fields}
        assert {field: None if value is None else str(value) for field, value in found.items()} == fields


@pytest.mark.parametrize("name", REPORTS)
def test_the_second_reader_finds_the_same_rows(name: str) -> None:
    must = expected(f"{name}_expected.json")
    with (RULES / f"{name}.csv").open("rb") as stream:
        assert [str(row) for row in data_rows(stream)] == list(must["rows"])


@pytest.mark.parametrize("name", ["open_quote", "text_after_quote"])
def test_the_second_reader_stops_where_the_first_must(name: str) -> None:
    with (RULES / f"{name}.csv").open("rb") as stream, pytest.raises(RecountStopped) as stopped:
        list(data_rows(stream))
    assert stopped.value.row_number == expected(f"{name}_expected.json")["stops_at_row"]


@pytest.mark.parametrize(
    "case", expected("payors_rules.json")["cases"], ids=lambda case: f"{case['name']}-{case['id']}"
)
def test_every_payor_is_matched_as_written(case: dict[str, Any]) -> None:
    table = expected("payors_rules.json")
    payors = [Payor(payor["id"], payor["Name"], payor["Payor_ID__c"]) for payor in table["payors"]]
    mappings = [
        Mapping(mapping["Payor_Key__c"], mapping["Claim_Payor__c"], mapping["Ignored__c"])
        for mapping in table["mapping"]
    ]
    for order in (1, -1):
        match = PayorMatcher(payors[::order], mappings[::order]).match(case["name"], case["id"])
        assert (match.payor, match.rule) == (case["payor"], case["rule"])
