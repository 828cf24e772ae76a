"""The domain against an oracle that shares no code with it: fifty books of either grain, every fault planted.

What belongs here: reading, rows, claims and dollars as one chain, cut into slices and buckets as storage cuts them. Not
here: single rules (`test_rows`, `test_grain`), whole reports by hand (`test_reports`).
"""

import io
from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal
from random import Random

import polars as pl
import pytest

from claims_pipeline.claims.columns import Grain
from claims_pipeline.claims.grain import SettledClaims, settle_claims
from claims_pipeline.claims.header import ColumnChoice
from claims_pipeline.claims.reading import read_report
from claims_pipeline.claims.recount import data_rows
from claims_pipeline.claims.rows import RowRules, clean_rows
from claims_pipeline.sandbox.generator import Labels, ReportPlan, csv_bytes, report_bytes, report_records
from claims_pipeline.sandbox.printed import labels_of
from claims_pipeline_tests.oracle import SourceFile, Terms, Verdict, judge
from claims_pipeline_tests.sandbox.test_generator import CODES
from claims_pipeline_tests.test_oracle import LENGTHS

CUSTOMER = "10001001"
AS_OF = date(2026, 2, 15)
FETCHED_ON = AS_OF
DOLLARS = {"charged": "Charged_Amount__c", "paid": "Paid_Amount__c", "balance": "Total_BDP__c"}
OUR_FIELDS = {"reference": "patient_reference", "check": "check_reference"}
ENCODINGS = (("utf-8", "\r\n"), ("utf-8-sig", "\n"), ("utf-16", "\r"))
SEEDS = pytest.mark.parametrize("seed", range(50))
GRAINS = pytest.mark.parametrize("grain", list(Grain))


def planned(seed: int, grain: Grain) -> ReportPlan:
    """A book with many faults and oddities, its look changing with the seed."""
    encoding, line_end = ENCODINGS[seed % 3]
    return ReportPlan(
        claims=160,
        seed=seed,
        grain=grain,
        as_of=AS_OF,
        labels=list(Labels)[seed % 2],
        style=seed % 5,
        status=seed % 4 != 1,
        extra_columns=seed % 4 == 2,
        repeated=0.1,
        oddities=0.3,
        faults=0.3,
        encoding=encoding,
        line_end=line_end,
    )


def settled(
    files: Sequence[SourceFile],
    lengths: dict[str, int],
    *,
    slice_rows: int,
    buckets: int,
    absent: frozenset[str] = frozenset(),
) -> SettledClaims:
    """The domain's whole way, in slices of so many rows and so many hash buckets."""
    cleaned = []
    for number, file in enumerate(files):
        content = file.content
        reading = read_report(
            lambda content=content: io.BytesIO(content),  # type: ignore[misc]  # mypy cannot infer a default
            "csv",
            columns=ColumnChoice(absent=absent),
            run=file.run,
            file=number,
            slice_rows=slice_rows,
        )
        header = reading.header
        rules = RowRules(header.grain, FETCHED_ON, lengths, header.present, CUSTOMER)
        cleaned += [clean_rows(raw, rules) for raw in reading]
    rows = pl.concat(cleaned)
    bucket_of = rows["claim_key"].hash(seed=0) % buckets
    parts = [settle_claims(rows.filter(bucket_of == number), rules) for number in range(buckets)]
    return SettledClaims(
        claims=pl.concat(part.claims for part in parts),
        rejected=pl.concat(part.rejected for part in parts),
        accepted=pl.concat(part.accepted for part in parts),
        cuts={},
    )


def assert_equal(outcome: SettledClaims, verdict: Verdict) -> None:
    """Rows' fates, claims' values and dollars, all of them."""
    rejected = {(row["file"], row["row_number"]): row for row in outcome.rejected.iter_rows(named=True)}
    accepted = {(row["file"], row["row_number"]): row for row in outcome.accepted.iter_rows(named=True)}
    assert len(rejected) + len(accepted) == outcome.rejected.height + outcome.accepted.height
    fates = {place: row["code"] for place, row in rejected.items()} | dict.fromkeys(accepted, "CLAIM")
    assert fates == verdict.fates
    assert {place for place, row in accepted.items() if row["merged"]} == verdict.merged
    assert {place for place, row in accepted.items() if row["superseded"]} == verdict.superseded
    too_long = {place: row["field"] for place, row in rejected.items() if row["code"] == "TOO_LONG"}
    assert too_long == {place: OUR_FIELDS.get(name, name) for place, name in verdict.fault_fields.items()}
    told = {place: {name: row[name] for name in DOLLARS} for place, row in (rejected | accepted).items()}
    assert told == verdict.amounts
    claims = {claim["Claim_Number__c"]: claim for claim in outcome.claims.iter_rows(named=True)}
    assert len(claims) == outcome.claims.height
    assert {number: claim["rows"] for number, claim in claims.items()} == verdict.rows_behind
    assert {number: shown(claim) for number, claim in claims.items()} == {
        number: {field: value for field, value in claim.items() if value is not None}
        for number, claim in verdict.claims.items()
    }
    standing = outcome.accepted.filter(~pl.col("merged") & ~pl.col("superseded"))
    for name, field in DOLLARS.items():
        of_claims = Decimal(outcome.claims[field].sum() or 0)
        assert of_claims == Decimal(standing[name].sum() or 0) == verdict.dollars(field)


def shown(claim: dict[str, object]) -> dict[str, str]:
    """A claim's Salesforce fields as text; a blank one and one that the report lacks are both left out."""
    fields = {name: value for name, value in claim.items() if name[0].isupper() and value is not None}
    return {
        name: f"{value:.2f}" if isinstance(value, Decimal) else str(value) for name, value in fields.items()
    }


@SEEDS
@GRAINS
def test_a_planted_report_ends_as_the_oracle_says(seed: int, grain: Grain) -> None:
    """Row by row and claim by claim, with every rejection code among them."""
    content = b"".join(report_bytes(planned(seed, grain)))
    verdict = judge(content, Terms(FETCHED_ON, CUSTOMER, LENGTHS))
    assert set(verdict.rejected) == CODES[grain]
    files = [SourceFile(content)]
    assert_equal(settled(files, LENGTHS, slice_rows=37 + seed * 10, buckets=1 + seed % 4), verdict)
    assert list(data_rows(io.BytesIO(content))) == sorted(row for _, row in verdict.fates)


@pytest.mark.parametrize("seed", range(8))
@GRAINS
def test_claims_spread_over_entries_and_runs_end_as_the_oracle_says(seed: int, grain: Grain) -> None:
    """Rows of one claim in two entries of a ZIP, blank lines before the header of one; claims that a later run has."""
    records = list(report_records(planned(seed, grain)))
    later = ReportPlan(
        claims=80,
        seed=seed,
        grain=grain,
        first=40,
        as_of=AS_OF + timedelta(days=20),
        faults=0.15,
        oddities=0.4,
    )
    files = [
        SourceFile(b"".join(csv_bytes([[], [" "], records[0], *records[1::2]])), run=0),
        SourceFile(b"".join(csv_bytes([records[0], *records[2::2]], encoding="utf-16")), run=0),
        SourceFile(b"".join(report_bytes(later)), run=1),
    ]
    verdict = judge(files, Terms(FETCHED_ON, CUSTOMER, LENGTHS))
    assert verdict.superseded
    assert_equal(settled(files, LENGTHS, slice_rows=50, buckets=3), verdict)


@pytest.mark.parametrize(
    "absent", ["authorization", "paid_on", "patient", "payor_id", "payor_name", "charged"]
)
@GRAINS
def test_fields_that_a_report_lacks_are_left_to_the_org(absent: str, grain: Grain) -> None:
    """Declared absent, a column makes no row faulty and no field blank."""
    records = list(report_records(ReportPlan(claims=150, seed=5, grain=grain, faults=0.3, oddities=0.3)))
    at = list(labels_of(grain, Labels.RUN_TOGETHER, status=True)).index(absent)
    files = [SourceFile(b"".join(csv_bytes([*record[:at], *record[at + 1 :]] for record in records)))]
    verdict = judge(files, Terms(FETCHED_ON, CUSTOMER, LENGTHS, absent={absent}))
    assert verdict.claims
    outcome = settled(files, LENGTHS, slice_rows=90, buckets=2, absent=frozenset({absent}))
    assert_equal(outcome, verdict)


@pytest.mark.parametrize("seed", range(8))
@GRAINS
def test_cells_of_nonsense_end_as_the_oracle_says(seed: int, grain: Grain) -> None:
    """Cells made of the characters on which readers of money, dates and guarded text stumble, in short fields too."""
    rng = Random(seed)
    header, *rows = list(report_records(ReportPlan(claims=150, seed=seed, grain=grain, oddities=0)))
    nonsense = [_with_nonsense(row, rng) if rng.random() < 0.7 else row for row in rows]
    files = [SourceFile(b"".join(csv_bytes([header, *nonsense])))]
    lengths = {**dict.fromkeys(LENGTHS, 12), "Claim_Number__c": 9, "Name": 20}
    verdict = judge(files, Terms(FETCHED_ON, CUSTOMER, lengths))
    assert_equal(settled(files, lengths, slice_rows=200, buckets=2), verdict)


PIECES = (
    *(
        "1",
        "12",
        "005",
        "1234",
        ".5",
        ".50",
        ".500",
        ",000",
        "$",
        "-",
        "(",
        ")",
        "'",
        " ",
        "\u00a0",
        "\u200b",
        "\t",
    ),
    *(
        "/",
        "1/5/",
        "01/05/",
        "2025",
        "2025-02-",
        "28",
        "29",
        "T",
        " 10:30",
        ":59",
        ".123",
        "Z",
        "+05:00",
        "#N/A",
    ),
    *(
        "A",
        "a",
        "b",
        "é",
        "e\u0301",
        "😀",
        "\uff21",
        "ß",
        "|",
        "(7)",
        "\x00",
        "\u2028",
        "\ufeff",
        "=",
        "@",
        '"',
        ",",
        "\n",
    ),
)


def _with_nonsense(row: list[str], rng: Random) -> list[str]:
    """The row with one or two of its cells replaced, or begun or ended with pieces."""
    changed = list(row)
    for _ in range(rng.randint(1, 2)):
        at = rng.randrange(len(changed))
        pieces = "".join(rng.choice(PIECES) for _ in range(rng.randint(1, 4)))
        changed[at] = rng.choice((pieces, changed[at] + pieces, pieces + changed[at]))
    return changed
