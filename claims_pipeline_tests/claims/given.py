"""Reports as the domain is given them: raw rows from a list of cells or from a small file.

What belongs here: raw frames and rules for the tests of this room. Not here: what must become of them.
"""

from collections.abc import Iterable, Mapping
from datetime import date
from pathlib import Path

import polars as pl
from hypothesis import settings

from claims_pipeline.claims.columns import Grain
from claims_pipeline.claims.grain import SettledClaims, settle_claims
from claims_pipeline.claims.header import ColumnChoice
from claims_pipeline.claims.reading import RAW_ROWS, read_csv_rows
from claims_pipeline.claims.rows import FIELDS, RowRules, clean_rows

FETCHED_ON = date(2026, 2, 15)
LENGTHS = {
    "Claim_Number__c": 50,
    "Name": 80,
    "MR_Number__c": 50,
    "EFT_or_Paper_Check__c": 50,
    "Insurance_Authorization_Number__c": 50,
    "Payer__c": 50,
    "Source_Payor_Name__c": 255,
    "Source_Status__c": 255,
}
PROPERTY = settings(max_examples=60, deadline=None, derandomize=True, database=None)
"""Properties are searched the same way every time: a red test is red for everyone."""

USUAL = {
    "claim_id": "500000001",
    "line_id": "1",
    "patient": "DOE, JAN (10000001)",
    "patient_reference": "MR-1",
    "payor_name": "ALICARE",
    "payor_id": "13550",
    "authorization": "",
    "service_from": "01/05/2026",
    "service_to": "01/05/2026",
    "entered_on": "01/07/2026",
    "charged": "100.00",
    "paid": "0.00",
    "balance": "100.00",
    "check_reference": "",
    "paid_on": "",
    "status": "PAID",
}

RawRow = Mapping[str, str | int | bool | None]


def rules_for(
    grain: Grain = Grain.CLAIM, *, absent: Iterable[str] = (), lengths: Mapping[str, int] = LENGTHS
) -> RowRules:
    """The rules of an ordinary fetch."""
    present = frozenset(FIELDS) - frozenset(absent) - ({"line_id"} if grain is Grain.CLAIM else set())
    return RowRules(grain, FETCHED_ON, lengths, present, "10001001")


def raw_rows(*rows: RawRow) -> pl.DataFrame:
    """Raw rows that are usual but for the cells given, numbered from 2 unless they say otherwise."""
    placed = [
        {"run": 0, "file": 0, "row_number": number, "ragged": False, **USUAL, **row}
        for number, row in enumerate(rows, start=2)
    ]
    return pl.DataFrame(placed, schema=RAW_ROWS)


def settled(raw: pl.DataFrame, rules: RowRules) -> SettledClaims:
    """The whole way through the domain, in one bucket."""
    return settle_claims(clean_rows(raw, rules), rules)


def fates(outcome: SettledClaims) -> dict[int, str]:
    """What became of each row, by its number: a rejection code, or CLAIM."""
    rejected = dict(outcome.rejected.select("row_number", "code").iter_rows())
    return rejected | dict.fromkeys(outcome.accepted["row_number"], "CLAIM")


def claims_by_number(outcome: SettledClaims) -> dict[str, dict[str, object]]:
    """Every claim by its number as the source spells it."""
    return {claim["Claim_Number__c"]: claim for claim in outcome.claims.iter_rows(named=True)}


def read_report(path: Path, fetched_on: date) -> tuple[pl.DataFrame, RowRules]:
    """A small report file as raw rows with its rules."""
    reading = read_csv_rows(lambda: path.open("rb"), columns=ColumnChoice(), run=0, file=0)
    raw = pl.concat(reading)
    return raw, RowRules(reading.facts.grain, fetched_on, LENGTHS, reading.facts.present, "10001001")
