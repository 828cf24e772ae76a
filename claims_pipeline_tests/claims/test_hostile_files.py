"""Files that break programs: the right rows, or an error that says what is wrong; never anything else."""

import csv
import gzip
import io
import json
from functools import partial
from pathlib import Path
from typing import Literal

import pytest

from claims_pipeline.claims.columns import COLUMNS
from claims_pipeline.claims.header import ColumnChoice, ReportColumnsChanged
from claims_pipeline.claims.reading import BrokenRow, EmptyFile, read_report
from claims_pipeline.claims.reading.csv_records import CsvRecords
from claims_pipeline.claims.reading.encodings import detect_encoding
from claims_pipeline.claims.recount import data_rows
from claims_pipeline.errors import ReportError
from claims_pipeline_tests.paths import DATA

EntryKind = Literal["csv", "json"]
KINDS: list[EntryKind] = ["csv", "json"]
HOSTILE = DATA / "hostile"
SPECTRUM = sorted((HOSTILE / "csv-spectrum" / "csvs").glob("*.csv"))
CSVKIT = sorted(path for path in (HOSTILE / "csvkit").iterdir() if path.suffix in {".csv", ".tsv"})
EVERY = sorted(path for path in HOSTILE.rglob("*") if path.is_file())
NAUGHTY: list[str] = json.loads((HOSTILE / "blns.json").read_text())
FIELDS = [column.field for column in COLUMNS]
LABELS = [column.labels[0] for column in COLUMNS]


def records(path: Path) -> list[list[str]]:
    """The records of any CSV file, as our reader parts them."""
    encoding = detect_encoding(lambda: path.open("rb"))
    with encoding.open(lambda: path.open("rb")) as text:
        return list(CsvRecords(text, 0))


def as_report(path: Path) -> ColumnChoice:
    """Settings that take any file with a header for a report, if they can: its first label is the claim id."""
    header = next(record for record in records(path) if record)
    return ColumnChoice.from_labels({field: header[0] if field == "claim_id" else None for field in FIELDS})


def rows_of(path: Path, columns: ColumnChoice) -> list[tuple[int, bool, str | None]]:
    reading = read_report(lambda: path.open("rb"), "csv", columns=columns, run=0, file=0)
    return [row for rows in reading for row in rows.select("row_number", "ragged", "claim_id").rows()]


@pytest.mark.parametrize("path", SPECTRUM, ids=lambda path: path.stem)
def test_csv_spectrum_means_what_its_json_says(path: Path) -> None:
    header, *rows = records(path)
    meant = json.loads((HOSTILE / "csv-spectrum" / "json" / f"{path.stem}.json").read_text())
    found = [dict(zip(header, row, strict=True)) for row in rows]
    if path.stem == "location_coordinates":  # its json is one object, and has another telephone number
        found, meant = [row | {header[0]: ""} for row in found], [meant | {header[0]: ""}]
    assert found == meant


@pytest.mark.parametrize(
    ("name", "rows"),
    [
        ("bad", [(2, True, "1"), (3, True, ""), (4, False, "0")]),
        ("bad_skip_lines", [(5, True, "1"), (6, True, ""), (7, False, "0")]),
        ("blanks", [(2, False, "")]),
        ("date_like_number", [(2, False, "4.5")]),
        ("dummy_col_shuffled_ragged", [(2, False, "2")]),
        (
            "mac_newlines",
            [(2, False, "1"), (3, False, "Once upon\ra time")],
        ),
        ("no_header_row", []),
        ("no_header_row3", [(2, False, "4")]),
        ("null_byte", [(2, False, "\0")]),
        ("optional_quote_characters", [(2, False, "1")]),
        ("test_cr", [(2, False, "1"), (3, False, "2"), (4, False, "")]),
        ("test_crlf", [(2, False, "1"), (3, False, "2"), (4, False, "")]),
        ("test_empty_columns", [(2, False, "a"), (3, True, ""), (4, False, "")]),
        ("test_empty_columns_long_row", [(2, True, "")]),
        ("test_empty_columns_short_row", [(2, True, "")]),
        ("test_extra_header", [(2, True, "1")]),
        ("test_header_newline", [(2, False, "d")]),
        ("test_join_short_rows", [(2, True, "1"), (3, True, "dog"), (4, False, "3")]),
        ("test_latin1", [(2, False, "1"), (3, False, "4")]),
        ("test_precision", [(2, False, "1.234567")]),
        ("test_quote_nonnumeric", [(2, False, "1"), (3, False, "2"), (4, False, "")]),
        ("test_skip_lines", [(5, False, "1")]),
        ("test_utf16_big", [(2, False, "1"), (3, False, "4")]),
        ("test_utf16_little", [(2, False, "1"), (3, False, "4")]),
        ("test_utf8_bom", [(2, False, "1"), (3, False, "4")]),
    ],
)
def test_csvkit_s_files_give_these_rows(name: str, rows: list[tuple[int, bool, str | None]]) -> None:
    path = HOSTILE / "csvkit" / f"{name}.csv"
    assert rows_of(path, as_report(path)) == rows


@pytest.mark.parametrize(
    ("name", "last", "encoding"),
    [
        ("test_utf16_big", "ʤ", "UTF-16"),
        ("test_utf16_little", "ʤ", "UTF-16"),
        ("test_utf8_bom", "ʤ", "UTF-8"),
        ("test_utf8", "ʤ", "UTF-8"),
        ("test_latin1", "©", "Windows-1252"),
    ],
)
def test_csvkit_s_encodings_are_told(name: str, last: str, encoding: str) -> None:
    path = HOSTILE / "csvkit" / f"{name}.csv"
    assert detect_encoding(lambda: path.open("rb")).name == encoding
    assert records(path)[-1][-1] == last


def test_a_file_of_one_line_break_is_empty() -> None:
    with pytest.raises(EmptyFile):
        rows_of(HOSTILE / "csvkit" / "empty.csv", ColumnChoice())


@pytest.mark.parametrize("name", ["test_csv_sniff.csv", "sniff_limit.csv", "dummy.tsv"])
def test_cells_parted_by_other_signs_are_pointed_at(name: str) -> None:
    with pytest.raises(ReportColumnsChanged) as caught:
        rows_of(HOSTILE / "csvkit" / name, ColumnChoice())
    assert "are the cells parted by something else than commas?" in str(caught.value)


def test_a_file_without_a_header_is_not_quoted() -> None:
    with pytest.raises(ReportColumnsChanged, match="may be a row of claims, so it is not shown"):
        rows_of(HOSTILE / "csvkit" / "no_header_row3.csv", ColumnChoice())


@pytest.mark.parametrize("path", [*SPECTRUM, *CSVKIT], ids=lambda path: path.name)
def test_both_readers_tell_the_same_rows_of_every_csv_file(path: Path) -> None:
    if path.name == "empty.csv" and path.parent.name == "csvkit":
        return  # no header, so no report: the test above
    with path.open("rb") as stream:
        told = list(data_rows(stream))
    assert [number for number, _, _ in rows_of(path, as_report(path))] == told


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("path", EVERY, ids=lambda path: path.name)
def test_no_hostile_file_is_taken_for_a_report_and_each_says_why(path: Path, kind: EntryKind) -> None:
    contents = [path.read_bytes()]
    if path.suffix == ".gz":
        contents.append(gzip.decompress(contents[0]))
    for content in contents:
        with pytest.raises(ReportError) as caught:
            list(read_report(partial(io.BytesIO, content), kind, columns=ColumnChoice(), run=0, file=0))
        assert len(str(caught.value)) > 80
        assert caught.value.__cause__ is None


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_naughty_strings_come_through_a_csv_report_unharmed(end: str) -> None:
    written = io.StringIO()
    writer = csv.writer(written, lineterminator=end)
    writer.writerow(LABELS)
    writer.writerows([[text] * len(LABELS) for text in NAUGHTY])
    reading = read_report(
        lambda: io.BytesIO(written.getvalue().encode()), "csv", columns=ColumnChoice(), run=0, file=0
    )
    rows = [row for part in reading for row in part.select("ragged", *FIELDS).rows()]
    assert rows == [(False, *[text] * len(LABELS)) for text in NAUGHTY]


def test_naughty_strings_come_through_a_json_report_unharmed() -> None:
    content = json.dumps([dict.fromkeys(LABELS, text) for text in NAUGHTY], ensure_ascii=False).encode()
    reading = read_report(lambda: io.BytesIO(content), "json", columns=ColumnChoice(), run=0, file=0)
    rows = [row for part in reading for row in part.select("ragged", *FIELDS).rows()]
    assert rows == [(False, *[text] * len(LABELS)) for text in NAUGHTY]


@pytest.mark.parametrize("place", range(0, len(NAUGHTY), 40))
def test_naughty_strings_as_labels_are_an_error_of_ours(place: int) -> None:
    written = io.StringIO()
    csv.writer(written).writerow(NAUGHTY[place : place + 40])
    with pytest.raises((ReportColumnsChanged, BrokenRow)):
        list(
            read_report(
                lambda: io.BytesIO(written.getvalue().encode()), "csv", columns=ColumnChoice(), run=0, file=0
            )
        )
