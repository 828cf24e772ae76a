"""Whole reports come out to the cent."""

import json
from datetime import date
from decimal import Decimal
from typing import Any

import polars as pl
import pytest

from claims_pipeline.claims.recount import data_rows
from claims_pipeline_tests.claims.given import read_report, settled
from claims_pipeline_tests.paths import DATA

REPORTS = DATA / "reports"
FETCHED_ON = date(2026, 2, 15)


@pytest.mark.parametrize("name", ["claims", "charges"])
def test_a_whole_report_comes_out_to_the_cent(name: str) -> None:
    must: dict[str, Any] = json.loads((REPORTS / f"{name}_expected.json").read_text(encoding="utf-8"))
    outcome = settled(*read_report(REPORTS / f"{name}_report.csv", FETCHED_ON))
    assert outcome.claims.height == must["claims"]
    assert outcome.accepted.height + outcome.rejected.height == must["rows"]
    assert dict(outcome.rejected["code"].value_counts().iter_rows()) == must["rejected"]
    assert outcome.claims["Charged_Amount__c"].sum() == Decimal(must["charged"])
    assert outcome.claims["Paid_Amount__c"].sum() == Decimal(must["paid"])
    assert outcome.accepted["merged"].sum() == must.get("merged_rows", 0)


@pytest.mark.parametrize("name", ["claims", "charges"])
def test_rejected_and_accepted_rows_are_the_rows_that_the_second_reader_finds(name: str) -> None:
    outcome = settled(*read_report(REPORTS / f"{name}_report.csv", FETCHED_ON))
    places = pl.concat([outcome.rejected["row_number"], outcome.accepted["row_number"]])
    with (REPORTS / f"{name}_report.csv").open("rb") as stream:
        assert sorted(places) == list(data_rows(stream))


def test_both_reports_hold_the_same_claims() -> None:
    """The charge report holds twelve more: those whose row is broken in the claim report."""
    claims, charges = (
        set(settled(*read_report(REPORTS / f"{name}_report.csv", FETCHED_ON)).claims["claim_key"])
        for name in ("claims", "charges")
    )
    assert claims < charges
    assert len(charges - claims) == 12
