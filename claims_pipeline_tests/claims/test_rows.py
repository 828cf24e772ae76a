"""What can be told from one row alone: its values, and the first fault that applies."""

import json
from decimal import Decimal

import polars as pl
import pytest

from claims_pipeline.claims.columns import Grain
from claims_pipeline.claims.reading import RAW_ROWS
from claims_pipeline.claims.rows import CLEAN_ROWS, FIELDS, clean_rows
from claims_pipeline_tests.claims.given import RawRow, raw_rows, rules_for
from claims_pipeline_tests.paths import DATA

FAULTS_IN_ORDER: list[tuple[str, str | None, RawRow]] = [
    ("RAGGED_ROW", None, {"ragged": True}),
    ("MISSING_CLAIM_ID", "claim_id", {"claim_id": " - "}),
    ("CLAIM_ID_TOO_LONG", "claim_id", {"claim_id": "9" * 51}),
    ("BAD_MONEY", "charged", {"charged": "1e5"}),
    ("BAD_MONEY", "paid", {"paid": "x"}),
    ("BAD_MONEY", "balance", {"balance": "12.00-"}),
    ("BAD_DATE", "service_from", {"service_from": "01/05/26"}),
    ("BAD_DATE", "entered_on", {"entered_on": "02/30/2026"}),
    ("BAD_DATE", "paid_on", {"paid_on": "soon"}),
    ("DATES_REVERSED", "service_to", {"service_to": "01/04/2026"}),
    ("TOO_LONG", "patient_reference", {"patient_reference": "R" * 51}),
    ("TOO_LONG", "payor_id", {"payor_id": "P" * 51}),
    ("TOO_LONG", "authorization", {"authorization": "A" * 51}),
    ("TOO_LONG", "check_reference", {"check_reference": "C" * 51}),
    ("MISSING_LINE_ID", "line_id", {"line_id": ""}),
]


def fault_of(row: RawRow, grain: Grain = Grain.CHARGE) -> tuple[str | None, str | None]:
    cleaned = clean_rows(raw_rows(row), rules_for(grain))
    return cleaned["fault"].item(), cleaned["fault_field"].item()


@pytest.mark.parametrize(("code", "field", "row"), FAULTS_IN_ORDER)
def test_each_fault_is_told_with_its_field(code: str, field: str | None, row: RawRow) -> None:
    assert fault_of(row) == (code, field)


@pytest.mark.parametrize("first", range(len(FAULTS_IN_ORDER) - 1))
def test_of_several_faults_the_first_counts(first: int) -> None:
    everything: dict[str, str | int | bool | None] = {}
    for _, _, row in reversed(FAULTS_IN_ORDER[first:]):
        everything |= {"service_from": "01/05/2026", **row} if "service_to" in row else row
    code, field, _ = FAULTS_IN_ORDER[first]
    assert fault_of(everything) == (code, field)


def test_a_good_row_is_typed_and_has_no_fault() -> None:
    cleaned = clean_rows(raw_rows({"charged": "$1,204.50", "claim_id": " A1 "}), rules_for())
    assert dict(cleaned.schema) == CLEAN_ROWS
    row = cleaned.row(0, named=True)
    assert (row["fault"], row["claim_key"], row["claim_id"]) == (None, "a1", "A1")
    assert row["charged"] == Decimal("1204.50")
    assert row["payor_key"] == "alicare|13550"


def test_a_claim_report_needs_no_line_id() -> None:
    assert fault_of({"line_id": ""}, Grain.CLAIM) == (None, None)


def test_a_field_that_the_report_does_not_carry_is_null_and_makes_no_fault() -> None:
    cleaned = clean_rows(
        raw_rows({"paid": "x", "authorization": "A" * 51}), rules_for(absent=["paid", "authorization"])
    )
    assert cleaned.select("fault", "paid", "authorization").row(0) == (None, None, None)


def test_a_field_without_a_known_length_is_not_bounded() -> None:
    cleaned = clean_rows(raw_rows({"payor_id": "P" * 900, "claim_id": "9" * 900}), rules_for(lengths={}))
    assert cleaned["fault"].item() is None


def test_a_ragged_row_keeps_its_claim() -> None:
    nothing = dict.fromkeys(FIELDS) | {"ragged": True}
    cleaned = clean_rows(raw_rows({**nothing, "claim_id": "A1"}, nothing), rules_for())
    assert cleaned["fault"].to_list() == ["RAGGED_ROW", "RAGGED_ROW"]
    assert cleaned["claim_key"].to_list() == ["a1", None]


def test_a_label_that_is_too_long_is_no_fault() -> None:
    assert fault_of({"patient": "P" * 999, "payor_name": "Q" * 999, "status": "S" * 999}) == (None, None)


def test_the_naughty_strings_are_read_in_every_column_without_an_error() -> None:
    """polars' own errors quote values: whatever stands in a cell, it must come to a code of ours or to a value."""
    strings = json.loads((DATA / "hostile" / "blns.json").read_text(encoding="utf-8"))
    rows = [dict.fromkeys(FIELDS, naughty) for naughty in strings]
    cleaned = clean_rows(raw_rows(*rows), rules_for(Grain.CHARGE))
    assert cleaned.height == len(strings)
    assert cleaned.filter(pl.col("fault").is_null() & pl.col("claim_key").is_null()).is_empty()


def test_no_rows_are_no_rows() -> None:
    cleaned = clean_rows(pl.DataFrame(schema=RAW_ROWS), rules_for())
    assert cleaned.is_empty()
    assert dict(cleaned.schema) == CLEAN_ROWS


def test_a_file_without_records_has_no_columns_to_clean() -> None:
    """An empty JSON list names no field."""
    cleaned = clean_rows(pl.DataFrame(schema=RAW_ROWS), rules_for(absent=FIELDS))
    assert dict(cleaned.schema) == CLEAN_ROWS


def test_cutting_a_report_into_slices_changes_nothing() -> None:
    raw = raw_rows(*({"claim_id": f"c{number}", "patient": "  José" * (number % 3)} for number in range(20)))
    whole = clean_rows(raw, rules_for())
    assert pl.concat(clean_rows(part, rules_for()) for part in raw.iter_slices(7)).equals(whole)
