"""The generator: the same book every time, whatever the report that tells of it, with every fault planted."""

import dataclasses
from datetime import date, timedelta
from pathlib import Path

import pytest

from claims_pipeline.sandbox.generator import (
    Grain,
    Labels,
    ReportPlan,
    payor_records,
    report_bytes,
    report_records,
    write_report,
)
from claims_pipeline.sandbox.payor_list import listed_payors
from claims_pipeline_tests.oracle import Terms, Verdict, judge
from claims_pipeline_tests.paths import DATA
from claims_pipeline_tests.test_oracle import LENGTHS

ROW_FAULTS = {
    *(
        "RAGGED_ROW",
        "MISSING_CLAIM_ID",
        "CLAIM_ID_TOO_LONG",
        "BAD_MONEY",
        "BAD_DATE",
        "DATES_REVERSED",
        "TOO_LONG",
    ),
    "CONFLICTING_DUPLICATE",
}
CODES = {
    Grain.CLAIM: ROW_FAULTS,
    Grain.CHARGE: ROW_FAULTS | {"MISSING_LINE_ID", "LINE_REJECTED", "CONFLICTING_LINES"},
}
CLEAN = ReportPlan(claims=400, seed=7, repeated=0, oddities=0)
GRAINS = pytest.mark.parametrize("grain", list(Grain))


def verdict_on(plan: ReportPlan) -> Verdict:
    """What the oracle says of a planned report."""
    return judge(b"".join(report_bytes(plan)), Terms(plan.as_of, "10001001", LENGTHS))


@GRAINS
def test_the_same_plan_is_the_same_bytes(grain: Grain) -> None:
    """Another seed is another book."""
    plan = ReportPlan(claims=200, seed=3, grain=grain, faults=0.2, oddities=0.2)
    assert list(report_bytes(plan)) == list(report_bytes(plan))
    assert b"".join(report_bytes(plan)) != b"".join(report_bytes(dataclasses.replace(plan, seed=4)))


@GRAINS
@pytest.mark.parametrize("seed", [1, 2])
def test_every_rejection_code_is_planted(grain: Grain, seed: int) -> None:
    """Beside claims that arrive."""
    verdict = verdict_on(ReportPlan(claims=400, seed=seed, grain=grain, faults=0.3, oddities=0.2))
    assert set(verdict.rejected) == CODES[grain]
    assert len(verdict.claims) > 200


@GRAINS
def test_oddities_and_repeats_reject_nothing(grain: Grain) -> None:
    """Whatever merely looks strange must arrive."""
    verdict = verdict_on(
        ReportPlan(claims=400, grain=grain, oddities=0.5, repeated=0.2, labels=Labels.SPACED)
    )
    assert not verdict.rejected
    assert len(verdict.claims) == 400 - missing(400)
    assert len(verdict.merged) > 20


def missing(claims: int) -> int:
    """How many claims of seed 1 had not been entered on the day of the report."""
    records = list(report_records(ReportPlan(claims=claims, repeated=0, oddities=0)))
    return claims - (len(records) - 1)


def test_all_labels_styles_grains_and_encodings_tell_of_the_same_claims() -> None:
    """To the cent: 5.00 is $5.00, whatever the order of the rows."""
    told = verdict_on(CLEAN)
    others = [
        dataclasses.replace(CLEAN, labels=Labels.SPACED),
        dataclasses.replace(CLEAN, style=9),
        dataclasses.replace(CLEAN, grain=Grain.CHARGE),
        dataclasses.replace(CLEAN, grain=Grain.CHARGE, labels=Labels.SPACED, style=5, extra_columns=True),
        dataclasses.replace(CLEAN, encoding="utf-16", line_end="\r"),
        dataclasses.replace(CLEAN, encoding="utf-8-sig", line_end="\n"),
    ]
    assert len(told.claims) > 350
    for plan in others:
        assert b"".join(report_bytes(plan)) != b"".join(report_bytes(CLEAN))
        assert verdict_on(plan).claims == told.claims, plan


def test_the_next_day_knows_more_of_the_same_book() -> None:
    """Payments come in, and nothing but payments and statuses changes."""
    today, later = (
        verdict_on(CLEAN),
        verdict_on(dataclasses.replace(CLEAN, as_of=CLEAN.as_of + timedelta(days=9))),
    )
    assert today.claims.keys() <= later.claims.keys()
    changed = {
        field
        for number, claim in today.claims.items()
        for field, value in claim.items()
        if later.claims[number][field] != value
    }
    assert {"Paid_Amount__c", "Paid_Date__c", "Total_BDP__c"} <= changed
    assert changed <= {
        *("Paid_Amount__c", "Paid_Date__c", "Paid_Y_or_N__c", "Total_BDP__c", "EFT_or_Paper_Check__c"),
        "Source_Status__c",
    }


def test_a_part_of_the_book_holds_the_same_claims_as_the_whole() -> None:
    """A recent filter returns a window of what the full one returns."""
    whole = verdict_on(CLEAN).claims
    part = verdict_on(dataclasses.replace(CLEAN, first=100, claims=50)).claims
    assert part
    assert part.items() <= whole.items()


def test_two_customers_never_share_a_claim_number() -> None:
    """Or one org could not hold both."""
    first, second = verdict_on(CLEAN), verdict_on(dataclasses.replace(CLEAN, seed=8))
    assert not first.claims.keys() & second.claims.keys()


def test_a_report_is_written_piece_by_piece(tmp_path: Path) -> None:
    """No chunk grows with the report."""
    plan = ReportPlan(claims=5_000, grain=Grain.CHARGE, faults=0.1)
    chunks = list(report_bytes(plan))
    assert max(map(len, chunks)) < 400_000
    assert write_report(plan, tmp_path / "report.csv") == sum(map(len, chunks))
    assert (tmp_path / "report.csv").read_bytes() == b"".join(chunks)


def test_blank_lines_and_labels_of_other_columns_are_there() -> None:
    """Readers that number rows or count columns by luck must stumble in the sandbox first."""
    records = list(report_records(ReportPlan(claims=300, oddities=0.3, extra_columns=True, status=False)))
    assert records[0][-1] == "Desk Note"
    assert "Claim Status" not in records[0]
    assert [] in records


def test_payors_are_seeded_in_every_form() -> None:
    """Some are missing, some stand twice, and no name is longer than the org's field."""
    records = payor_records(1)
    assert records == payor_records(1)
    assert records != payor_records(2)
    names = [str(record["Name"]) for record in records]
    assert max(map(len, names)) <= 80
    assert any("(#" in name for name in names)
    assert any(record["Payor_ID__c"] and "(" not in str(record["Name"]) for record in records)
    assert any(record["Payor_ID__c"] is None and "(" not in str(record["Name"]) for record in records)
    assert len(
        {(name.upper(), record["Payor_ID__c"]) for name, record in zip(names, records, strict=True)}
    ) < len(names)
    known = {record["Payor_ID__c"] for record in records}
    assert sum(payor.payor_id not in known for payor in listed_payors()) > 40


def test_the_payor_list_is_the_one_we_test_on() -> None:
    """One list, copied into the package so that it can be installed."""
    assert len(listed_payors()) == 400
    packaged = Path(__file__).parents[2] / "claims_pipeline" / "sandbox" / "data" / "payors.csv"
    assert packaged.read_bytes() == (DATA / "payors.csv").read_bytes()


def test_claims_not_entered_yet_are_not_shown() -> None:
    """A report of the book's first days is short."""
    early = verdict_on(dataclasses.replace(CLEAN, as_of=date(2024, 3, 1)))
    assert 0 < len(early.claims) < 100
