"""What rows of one claim mean together, in both grains."""

from datetime import date
from decimal import Decimal

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from claims_pipeline.claims.columns import Grain
from claims_pipeline.claims.grain import DOLLARS, RowsUnaccounted, SettledClaims, settle_claims
from claims_pipeline.claims.reading import RAW_ROWS
from claims_pipeline.claims.rows import PLACE, RowRules, clean_rows
from claims_pipeline_tests.claims.given import (
    PROPERTY,
    RawRow,
    claims_by_number,
    fates,
    raw_rows,
    rules_for,
    settled,
)

CONFLICT = "CONFLICTING_DUPLICATE"


def settle_claim_rows(*rows: RawRow) -> SettledClaims:
    return settled(raw_rows(*rows), rules_for(Grain.CLAIM))


def settle_lines(*lines: RawRow) -> SettledClaims:
    numbered = [{"line_id": str(number), **line} for number, line in enumerate(lines, start=1)]
    return settled(raw_rows(*numbered), rules_for(Grain.CHARGE))


def only_claim(outcome: SettledClaims) -> dict[str, object]:
    (claim,) = claims_by_number(outcome).values()
    return claim


# --- claim grain


def test_equal_rows_are_merged_into_the_first() -> None:
    outcome = settle_claim_rows({"charged": "5.00"}, {"charged": "$5.00"}, {"charged": " 5 "})
    assert only_claim(outcome)["Charged_Amount__c"] == Decimal("5.00")
    assert only_claim(outcome)["rows"] == 3
    assert outcome.accepted["merged"].to_list() == [False, True, True]


@pytest.mark.parametrize(
    ("field", "other"),
    [
        ("charged", ""),
        ("status", "OPEN"),
        ("claim_id", "A1"),
        ("payor_name", "alicare"),
        ("paid_on", "01/05/2026"),
    ],
)
def test_rows_that_differ_in_any_field_contradict_each_other(field: str, other: str) -> None:
    outcome = settle_claim_rows({"claim_id": "a1"}, {"claim_id": "a1"}, {"claim_id": "a1", field: other})
    assert fates(outcome) == {2: CONFLICT, 3: CONFLICT, 4: CONFLICT}
    assert outcome.rejected["field"].to_list() == [field] * 3


def test_a_good_row_goes_down_with_a_broken_row_of_its_claim() -> None:
    outcome = settle_claim_rows({}, {"charged": "x"}, {"claim_id": "other"})
    assert fates(outcome) == {2: CONFLICT, 3: "BAD_MONEY", 4: "CLAIM"}
    assert outcome.rejected.select("field", "charged", "paid").rows() == [
        (None, Decimal("100.00"), Decimal("0.00")),
        ("charged", None, Decimal("0.00")),
    ]


def test_a_column_that_is_not_carried_makes_no_conflict() -> None:
    raw = raw_rows({"status": "OPEN"}, {"status": "PAID"})
    outcome = settled(raw, rules_for(absent=["status"]))
    assert fates(outcome) == {2: "CLAIM", 3: "CLAIM"}


def test_a_field_that_the_report_lacks_is_null_in_every_claim() -> None:
    absent = ["patient", "paid_on", "payor_name", "payor_id", "charged"]
    claim = only_claim(settled(raw_rows({}), rules_for(absent=absent)))
    left_alone = [
        "Name",
        "Paid_Date__c",
        "Paid_Y_or_N__c",
        "Source_Payor_Key__c",
        "Payer__c",
        "Charged_Amount__c",
    ]
    assert [claim[field] for field in left_alone] == [None] * len(left_alone)


def test_a_claim_has_salesforces_fields() -> None:
    claim = only_claim(
        settle_claim_rows({"paid_on": "02/01/2026", "check_reference": "EFT1", "authorization": "AU"})
    )
    assert claim == {
        "claim_key": "500000001",
        "Claim_Number__c": "500000001",
        "Name": "DOE, JAN (10000001)",
        "MR_Number__c": "MR-1",
        "DOS__c": date(2026, 1, 5),
        "DOS_End__c": date(2026, 1, 5),
        "Claim_Submitted_Date__c": date(2026, 1, 7),
        "Charged_Amount__c": Decimal("100.00"),
        "Paid_Amount__c": Decimal("0.00"),
        "Total_BDP__c": Decimal("100.00"),
        "Paid_Date__c": date(2026, 2, 1),
        "Paid_Y_or_N__c": "Yes",
        "EFT_or_Paper_Check__c": "EFT1",
        "Insurance_Authorization_Number__c": "AU",
        "Payer__c": "13550",
        "Source_Customer__c": "10001001",
        "Source_Payor_Key__c": "alicare|13550",
        "Source_Payor_Name__c": "ALICARE",
        "Source_Status__c": "PAID",
        "payor_name": "ALICARE",
        "payor_id": "13550",
        "rows": 1,
    }


def test_labels_are_cut_and_counted_while_the_payor_stays_whole_for_matching() -> None:
    outcome = settle_claim_rows({"patient": "P" * 90 + " (12)", "payor_name": "Q" * 300, "status": "S" * 256})
    claim = only_claim(outcome)
    assert claim["Name"] == "P" * 75 + " (12)"
    assert claim["Source_Payor_Name__c"] == "Q" * 255
    assert claim["payor_name"] == "Q" * 300
    assert outcome.cuts == {"Name": 1, "Source_Payor_Name__c": 1, "Source_Status__c": 1}


# --- several runs


def test_a_claim_is_taken_whole_from_the_later_run() -> None:
    outcome = settle_claim_rows(
        {"run": 0, "file": 0, "charged": "1"},
        {"run": 0, "file": 0, "charged": "x"},
        {"run": 1, "file": 1, "charged": "2"},
        {"run": 0, "file": 0, "claim_id": "old", "charged": "3"},
    )
    assert {number: claim["Charged_Amount__c"] for number, claim in claims_by_number(outcome).items()} == {
        "500000001": Decimal("2.00"),
        "old": Decimal("3.00"),
    }
    assert dict(outcome.accepted.select("row_number", "superseded").iter_rows()) == {
        2: True,
        3: True,
        4: False,
        5: False,
    }


def test_a_claim_whose_later_rows_are_rejected_is_not_sent_from_earlier_ones() -> None:
    outcome = settle_claim_rows({"run": 0}, {"run": 1, "file": 1, "charged": "x"})
    assert outcome.claims.is_empty()
    assert fates(outcome) == {2: "CLAIM", 3: "BAD_MONEY"}


# --- charge grain


def test_lines_add_up_and_span_their_dates() -> None:
    outcome = settle_lines(
        {
            "charged": "10.00",
            "paid": "",
            "balance": "",
            "service_from": "01/06/2026",
            "service_to": "01/06/2026",
        },
        {
            "charged": "-2.50",
            "paid": "1",
            "balance": "",
            "service_from": "01/04/2026",
            "service_to": "01/09/2026",
        },
    )
    claim = only_claim(outcome)
    assert (claim["Charged_Amount__c"], claim["Paid_Amount__c"], claim["Total_BDP__c"]) == (
        Decimal("7.50"),
        Decimal("1.00"),
        None,
    )
    assert (claim["DOS__c"], claim["DOS_End__c"]) == (date(2026, 1, 4), date(2026, 1, 9))
    assert outcome.claims.schema["Charged_Amount__c"] == pl.Decimal(16, 2)


def test_one_line_twice_counts_once_and_two_equal_lines_count_twice() -> None:
    outcome = settle_lines({"line_id": "1"}, {"line_id": "1"}, {"line_id": "l1"}, {"line_id": "L1"})
    assert only_claim(outcome)["Charged_Amount__c"] == Decimal("300.00")
    assert outcome.accepted["merged"].to_list() == [False, True, False, False]


def test_the_same_line_id_in_two_claims_is_two_lines() -> None:
    outcome = settle_lines(
        {"line_id": "1", "claim_id": "a"}, {"line_id": "1", "claim_id": "b", "charged": "1"}
    )
    assert set(claims_by_number(outcome)) == {"a", "b"}


@pytest.mark.parametrize(
    ("rows", "code", "field"),
    [
        ([{"line_id": "1"}, {"line_id": "1", "charged": "1"}], CONFLICT, "charged"),
        ([{"claim_id": "a1"}, {"claim_id": "A1"}], CONFLICT, "claim_id"),
        (
            [
                {"line_id": "1"},
                {"line_id": "1", "status": "x"},
                {"line_id": "2"},
                {"line_id": "2", "paid": "1"},
            ],
            CONFLICT,
            "paid",
        ),
        ([{"charged": "99999999999999.99"}, {"charged": "0.01"}], "BAD_MONEY", "charged"),
        ([{"balance": "-99999999999999.99"}, {"balance": "-.01"}], "BAD_MONEY", "balance"),
        (
            [{"service_from": "", "service_to": "01/04/2026"}, {"service_to": ""}],
            "DATES_REVERSED",
            "service_to",
        ),
        ([{}, {"patient": "ROE, JIM (2)"}], "CONFLICTING_LINES", "patient"),
        ([{}, {"patient_reference": "MR-2"}], "CONFLICTING_LINES", "patient_reference"),
        ([{}, {"payor_name": "MEDFOCUS"}], "CONFLICTING_LINES", "payor_name"),
        ([{}, {"payor_id": "013550"}], "CONFLICTING_LINES", "payor_id"),
    ],
)
def test_lines_that_cannot_stand_together_are_all_rejected(rows: list[RawRow], code: str, field: str) -> None:
    outcome = settle_lines(*rows)
    assert outcome.claims.is_empty()
    assert outcome.rejected.select("code", "field").rows() == [(code, field)] * len(rows)


def test_good_lines_go_down_with_a_broken_line_unless_they_contradict_each_other() -> None:
    broken = {"line_id": "9", "charged": "x"}
    assert fates(settle_lines({}, {}, broken)) == {2: "LINE_REJECTED", 3: "LINE_REJECTED", 4: "BAD_MONEY"}
    contradicting = settle_lines({"line_id": "1"}, {"line_id": "1", "charged": "1"}, broken)
    assert fates(contradicting) == {2: CONFLICT, 3: CONFLICT, 4: "BAD_MONEY"}


def test_a_line_that_is_not_billed_yet_is_rejected_alone() -> None:
    assert fates(settle_lines({"claim_id": ""}, {}, {"line_id": "", "claim_id": "b"})) == {
        2: "MISSING_CLAIM_ID",
        3: "CLAIM",
        4: "MISSING_LINE_ID",
    }


def test_spellings_of_one_payor_and_blanks_are_one_payor() -> None:
    claim = only_claim(
        settle_lines(
            {"payor_name": "\uff21licare", "payor_id": "", "service_from": "01/04/2026"},
            {"payor_name": " alicare", "payor_id": ""},
            {"payor_name": "", "payor_id": "13550", "service_from": "01/05/2026"},
            {"payor_name": "ALICARE", "payor_id": "", "service_from": "01/03/2026"},
        )
    )
    assert (claim["Source_Payor_Key__c"], claim["payor_name"]) == ("alicare|13550", "alicare")


@pytest.mark.parametrize(
    ("lines", "check"),
    [
        ([{"check_reference": "A"}, {"check_reference": ""}], "A"),
        ([{"check_reference": "A", "paid_on": "01/01/2026"}, {"check_reference": "B"}], "A"),
        ([{"check_reference": "A"}, {"check_reference": "", "paid_on": "01/01/2026"}], "A"),
        ([{"check_reference": "A", "service_from": "", "line_id": "9"}, {"check_reference": "B"}], "B"),
        (
            [
                {"check_reference": "A", "service_from": "01/04/2026", "line_id": "9"},
                {"check_reference": "B"},
            ],
            "B",
        ),
        (
            [
                {"check_reference": "A", "service_from": "01/03/2026", "paid_on": "02/02/2026"},
                {"check_reference": "B", "service_from": "01/04/2026", "paid_on": "02/01/2026"},
            ],
            "A",
        ),
        ([{"check_reference": "A", "line_id": "10"}, {"check_reference": "B", "line_id": "9"}], "A"),
        ([{"check_reference": "A", "line_id": "010"}, {"check_reference": "B", "line_id": "9"}], "A"),
        ([{"check_reference": "A", "line_id": "1a"}, {"check_reference": "B", "line_id": "10"}], "A"),
        ([{"check_reference": "A", "line_id": "1a"}, {"check_reference": "B", "line_id": "9"}], "B"),
        ([{"check_reference": "A", "line_id": "9" * 30}, {"check_reference": "B", "line_id": "8" * 30}], "A"),
    ],
)
def test_of_several_checks_the_latest_lines_counts(lines: list[RawRow], check: str) -> None:
    for order in (1, -1):
        assert only_claim(settle_lines(*lines[::order]))["EFT_or_Paper_Check__c"] == check


# --- properties

CELLS: dict[str, list[str]] = {
    "claim_id": ["1", "1", "2", "2", "a3", "a3", "A3", "ß4", "SS4", "", "9" * 51],
    "line_id": ["1", "2", "3", "01", "9", "10", "x", "X", ""],
    "payor_name": ["ALICARE", "ALICARE", "ALICARE", " alicare", "MEDFOCUS", ""],
    "payor_id": ["13550", "13550", ""],
    "authorization": ["", "AU1", "AU2"],
    "charged": ["10", "10", "$10.00", "-3.5", "", "99999999999999.99", "x"],
    "paid": ["0", "0.00", "4", ""],
    "service_from": ["01/05/2026", "01/05/2026", "2026-01-05", "01/03/2026", ""],
    "paid_on": ["", "", "02/01/2026", "02/09/2026"],
    "status": ["PAID", "PAID", "OPEN"],
}
ROWS = st.lists(
    st.fixed_dictionaries({name: st.sampled_from(cells) for name, cells in CELLS.items()}), max_size=12
)
"""Few values a cell, so that rows of one claim meet, agree and contradict each other."""

UNIFORM_ROWS = st.lists(
    st.fixed_dictionaries(
        {"claim_id": st.sampled_from(["1", "2", "3"]), "line_id": st.sampled_from("123456")}
    )
    | st.fixed_dictionaries(
        {name: st.sampled_from(CELLS[name]) for name in ("claim_id", "line_id", "authorization")}
    ),
    max_size=12,
)
"""Rows that mostly agree, so that many claims stand."""

RUNS = st.lists(st.sampled_from([0, 0, 0, 1]), min_size=12, max_size=12)
REPORTS = st.tuples(st.sampled_from(Grain), ROWS | UNIFORM_ROWS, RUNS)
Report = tuple[Grain, list[dict[str, str]], list[int]]


def cleaned(report: Report) -> tuple[pl.DataFrame, RowRules]:
    grain, rows, runs = report
    placed: list[RawRow] = [{**row, "run": run, "file": run} for row, run in zip(rows, runs, strict=False)]
    raw = raw_rows(*placed)
    return clean_rows(raw, rules_for(grain)), rules_for(grain)


def same(one: SettledClaims, other: SettledClaims) -> bool:
    return (
        one.claims.equals(other.claims)
        and one.rejected.equals(other.rejected)
        and one.accepted.equals(other.accepted)
        and one.cuts == other.cuts
    )


@PROPERTY
@given(REPORTS)
def test_every_row_lands_in_exactly_one_place(report: Report) -> None:
    rows, rules = cleaned(report)
    outcome = settle_claims(rows, rules)
    places = [*outcome.rejected.select(PLACE).rows(), *outcome.accepted.select(PLACE).rows()]
    assert sorted(places) == sorted(rows.select(PLACE).rows())
    behind = outcome.accepted.filter(~pl.col("superseded"))
    assert set(behind["claim_key"]) == set(outcome.claims["claim_key"])
    assert outcome.claims["claim_key"].is_unique().all()


@PROPERTY
@given(REPORTS, st.randoms(use_true_random=False))
def test_the_order_of_rows_does_not_matter(report: Report, random: object) -> None:
    rows, rules = cleaned(report)
    order = list(range(rows.height))
    random.shuffle(order)  # type: ignore[attr-defined]  # hypothesis gives a random.Random
    assert same(settle_claims(rows[order], rules), settle_claims(rows, rules))


@PROPERTY
@given(REPORTS)
def test_dollars_of_accepted_rows_are_dollars_of_claims(report: Report) -> None:
    outcome = settle_claims(*cleaned(report))
    counted = outcome.accepted.filter(~pl.col("superseded") & ~pl.col("merged"))
    ours = {"charged": "Charged_Amount__c", "paid": "Paid_Amount__c", "balance": "Total_BDP__c"}
    assert {field: counted[field].sum() for field in DOLLARS} == {
        field: outcome.claims[ours[field]].sum() for field in DOLLARS
    }


@PROPERTY
@given(REPORTS)
def test_the_same_report_twice_in_a_run_is_the_same_claims(report: Report) -> None:
    rows, rules = cleaned(report)
    again = rows.with_columns(pl.col("row_number") + 1000)
    once, twice = settle_claims(rows, rules), settle_claims(pl.concat([rows, again]), rules)
    assert twice.claims.drop("rows").equals(once.claims.drop("rows"))
    assert twice.rejected.height == 2 * once.rejected.height


@PROPERTY
@given(REPORTS, st.integers(2, 3))
def test_buckets_do_not_matter(report: Report, buckets: int) -> None:
    rows, rules = cleaned(report)
    bucket = pl.col("claim_key").fill_null("").str.len_chars() % buckets
    parts = [settle_claims(rows.filter(bucket == number), rules) for number in range(buckets)]
    whole = settle_claims(rows, rules)
    assert pl.concat(part.claims for part in parts).sort("claim_key").equals(whole.claims)
    assert pl.concat(part.rejected for part in parts).sort(PLACE).equals(whole.rejected)
    assert pl.concat(part.accepted for part in parts).sort(PLACE).equals(whole.accepted)


@pytest.mark.parametrize("grain", Grain)
def test_no_rows_are_no_claims(grain: Grain) -> None:
    outcome = settled(pl.DataFrame(schema=RAW_ROWS), rules_for(grain))
    filled = settled(raw_rows({}), rules_for(grain))
    assert outcome.claims.schema == filled.claims.schema
    assert outcome.rejected.schema == filled.rejected.schema
    assert outcome.accepted.schema == filled.accepted.schema


def test_a_lost_row_would_be_said_with_counts_only() -> None:
    """A row whose claim key was lost on the way would stand behind no claim."""
    rows = clean_rows(raw_rows({}), rules_for()).with_columns(claim_key=pl.lit(None, dtype=pl.String))
    with pytest.raises(RowsUnaccounted, match="1 rows became 0 rejected and 1 accepted"):
        settle_claims(rows, rules_for())
