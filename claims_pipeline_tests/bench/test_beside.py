"""The comparison's own sums and words; and of the contenders, those that need no packages but ours."""

import csv
import json
import sqlite3
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from bench.beside.__main__ import carried
from bench.beside.book import COLUMNS, make_book, refused_of
from bench.beside.contenders import CONTENDERS
from bench.beside.table import Line, as_facts, of_rounds, printed
from bench.beside.told import Told, verdict

REFUSED = ("7", "8")
JOBS = ("750A", "750B")
OURS = Line("ours", "from the report on", 70_000, 70_000, 20.0, 300.0, 30, 69_300, 700, "all told", 4)


@pytest.mark.parametrize("rows", [100, 700, 2_000, 70_000])
def test_one_in_a_hundred_is_refused_whatever_part_of_the_book_is_carried(rows: int) -> None:
    numbers = [str(number) for number in range(70_000)]
    refused = refused_of(numbers[:rows])
    assert len(refused) == rows / 100
    assert refused == refused_of(numbers)[: len(refused)]


def test_every_form_of_the_book_holds_the_same_claims(tmp_path: Path) -> None:
    book = make_book(300, tmp_path)
    with book.records.open(encoding="utf-8", newline="") as file:
        header, *records = csv.reader(file)
    database = sqlite3.connect(book.database)
    stored = database.execute("SELECT * FROM claims").fetchall()
    database.close()
    assert tuple(header) == COLUMNS
    assert [list(row) for row in stored] == records
    assert [record[0] for record in records] == list(book.claim_numbers)
    assert book.rows == len(set(book.claim_numbers)) == 300
    dates = [
        record[at]
        for record in records
        for at, name in enumerate(COLUMNS)
        if name in ("DOS__c", "DOS_End__c")
    ]
    assert {len(value) for value in dates} == {len("2026-02-15")}


def test_a_refusal_counts_as_told_only_with_its_own_code() -> None:
    assert verdict(Told(2, {"7": "NO", "8": "NO"}), REFUSED, "NO", JOBS) == "all 2 told with code and row"
    told = verdict(Told(2, {"7": "NO", "8": "unknown error"}), REFUSED, "NO", ())
    assert told == "1 of 2 told with code and row; told as a count (2)"


@pytest.mark.parametrize(
    ("told", "words"),
    [
        (Told(broke_off="Too large"), "broke off, and told of no row: Too large"),
        (Told(), "silently lost; job ids told: 0 of 2"),
        (Told(0), "told as none: silently lost; job ids told: 0 of 2"),
        (Told(1), "told as a count of 1, where 2 were refused; job ids told: 0 of 2"),
        (Told(2, jobs=("750B", "other")), "told as a count (2); job ids told: 1 of 2"),
        (
            Told(2, nameless=2, named_beside=1, by="printed"),
            "told as a count (2); 2 codes told, of which row is not; 1 of the claim numbers stand in what it left; "
            "job ids told: 0 of 2 (printed)",
        ),
    ],
)
def test_what_was_not_told_is_said(told: Told, words: str) -> None:
    assert verdict(told, REFUSED, "NO", JOBS) == words


def test_the_table_gives_ratios_to_ours_and_marks_what_was_scaled_and_what_is_missing() -> None:
    scaled = replace(
        OURS,
        name="one a row",
        carried=2_000,
        refused=20,
        taken=1_979,
        seconds=400.0,
        peak_mib=60.0,
        api_calls=70_000,
        exit_code=0,
    )
    lines = list(printed([OURS, scaled]))
    assert lines[0].split() == ["seconds", "x", "peak", "MiB", "x", "API", "calls", "arrived"]
    assert lines[1].split() == ["ours", "20.0", "1.00", "300", "1.00", "30", "69,300", "of", "69,300"]
    assert lines[3] == "    of the 700 refused: all told; exit code 4"
    assert lines[4].split() == [
        "one",
        "a",
        "row",
        "~400.0",
        "20.00",
        "60",
        "0.20",
        "~70,000",
        "1,979",
        "of",
        "1,980",
    ]
    assert lines[6:] == [
        "    of the 20 refused: all told",
        "    MISSING: 1 claims that the org would have taken",
        "~ of fewer claims, scaled to the book; its memory is not",
    ]


def test_of_several_rounds_the_fastest_is_told_with_the_worst_of_all_else() -> None:
    slower = replace(OURS, seconds=25.0, peak_mib=290.0, api_calls=31, taken=69_299, verdict="one lost")
    expected = replace(OURS, api_calls=31, taken=69_299, verdict="all told / one lost")
    assert of_rounds([[OURS], [slower]]) == [expected]


def test_the_facts_are_json() -> None:
    (facts,) = json.loads(json.dumps(as_facts([OURS])))
    assert Line(**facts) == OURS


@pytest.mark.journey
@pytest.mark.parametrize(
    "name", ["one upsert a row", "simple-salesforce bulk2", "simple-salesforce bulk2, tuned"]
)
def test_each_way_carries_every_claim_that_the_org_takes(name: str, tmp_path: Path) -> None:
    """A way that was given claims which it cannot carry would be no comparison."""
    contender = next(each for each in CONTENDERS if each.name == name)
    line = carried(contender, make_book(300, tmp_path), tmp_path, Path(sys.executable))
    assert (line.taken, line.refused, line.missing) == (297, 3, 0)
    assert "3" in line.verdict
    assert line.exit_code == 0
