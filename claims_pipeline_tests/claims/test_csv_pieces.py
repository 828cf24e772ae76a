"""Pieces of a report that polars may read: what is proved, the csv module reads alike; all else is left to it."""

import csv
import io
from itertools import accumulate
from typing import Literal

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from claims_pipeline.claims.columns import COLUMNS
from claims_pipeline.claims.header import ColumnChoice
from claims_pipeline.claims.reading import BrokenRow, csv_records, read_csv_rows
from claims_pipeline.claims.reading.csv_pieces import proved_records
from claims_pipeline_tests.claims.given import PROPERTY

LABELS = ("ClaimID", "Patient", "Payor")
USED = dict(zip(("claim_id", "patient", "payor_name"), LABELS, strict=True))
CHOICE = ColumnChoice.from_labels({column.field: USED.get(column.field) for column in COLUMNS})
SIGNS = st.text(st.sampled_from('ab,,""\n\n\r \u200b\ufeff\x00é😀\u2028'), max_size=30)
LINES = [
    "a,b,c",
    '"x,y",b,c',
    '"a","b","c"',
    ",,",
    '"",,',
    '"q""q",b,"c{end}d"',
    'a,"b\nc",d',
    "a,b",
    "a,b,c,d",
    "",
    " ",
    '5" x,b,c',
]
BROKEN = ['"a"x,b,c', '"a,b,c']


def parted(text: str) -> tuple[list[list[str]], int | None]:
    """Records by the csv module alone, and the number of the one at which it stops."""
    records: list[list[str]] = []
    try:
        for record in csv.reader(io.StringIO(text, newline=""), strict=True):
            records.append(record)
    except csv.Error:
        return records, len(records) + 1
    return records, None


def plain_rows(text: str) -> tuple[list[tuple[object, ...]], int | None]:
    """Number, raggedness and cells of each row, one record at a time."""
    records, stops_at = parted(text)
    rows: list[tuple[object, ...]] = []
    for number, cells in enumerate(records[1:], start=2):
        if len(cells) == len(LABELS):
            rows.append((number, False, *cells))
        elif len(cells) > 1 or "".join(cells).strip(" \u200b\ufeff\x00\u2028"):
            rows.append((number, True, cells[0], None, None))
    return rows, stops_at


def read_rows(text: str, piece: int, slice_rows: int) -> tuple[list[tuple[object, ...]], int | None]:
    """The same by our reader, in pieces of `piece` characters and the rest of a line."""
    rows: list[tuple[object, ...]] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(csv_records, "PIECE_CHARACTERS", piece)
        patch.setattr(csv_records, "BATCH_RECORDS", 3)
        reading = read_csv_rows(
            lambda: io.BytesIO(text.encode()), columns=CHOICE, run=0, file=0, slice_rows=slice_rows
        )
        try:
            for part in reading:
                assert part.height <= slice_rows
                rows += part.select("row_number", "ragged", *USED).rows()
        except BrokenRow as broken:
            return rows, broken.row
    return rows, None


@st.composite
def reports(draw: st.DrawFn) -> str:
    end = draw(st.sampled_from(["\n", "\r\n", "\r"]))
    lines = draw(st.lists(st.sampled_from(LINES), max_size=12))
    if draw(st.booleans()):
        lines += [draw(st.sampled_from(BROKEN)), "a,b,c"]
    last = draw(st.sampled_from(["", end]))
    return end.join([",".join(LABELS), *(line.format(end=end) for line in lines)]) + last


@PROPERTY
@given(reports(), st.integers(1, 40), st.integers(1, 5))
def test_a_report_of_any_lines_is_read_as_record_by_record(text: str, piece: int, slice_rows: int) -> None:
    expected, stops_at = plain_rows(text)
    rows, stopped_at = read_rows(text, piece, slice_rows)
    assert stopped_at == stops_at
    whole = len(expected) if stops_at is None else len(expected) // slice_rows * slice_rows
    assert rows == expected[:whole]  # where reading stops, a slice that was not full is not given


@PROPERTY
@given(SIGNS, st.integers(1, 12))
def test_any_text_behind_a_header_is_read_as_record_by_record(text: str, piece: int) -> None:
    content = f"{','.join(LABELS)}\n{text}"
    expected, stops_at = plain_rows(content)
    assert read_rows(content, piece, 1) == (expected, stops_at)


@PROPERTY
@given(st.lists(SIGNS, max_size=4), st.integers(2, 3))
def test_what_is_proved_has_one_reading(lines: list[str], width: int) -> None:
    piece = "\n".join([*lines, "a,b", ""])
    proved = proved_records(piece, width)
    if proved is not None:
        assert (list(map(list, proved.rows())), None) == parted(piece)


@PROPERTY
@given(
    st.lists(st.lists(st.text('ab,"\n\r é', max_size=5), min_size=2, max_size=2), min_size=1, max_size=5),
    st.sampled_from(["necessary", "always"]),
    st.sampled_from(["\n", "\r\n"]),
)
def test_what_polars_writes_has_one_reading(table: list[list[str]], quotes: str, end: str) -> None:
    """The proof stands on it."""
    frame = pl.DataFrame(table, schema=["0", "1"], orient="row")
    written = frame.write_csv(include_header=False, line_terminator=end, quote_style=quotes)  # type: ignore[call-overload]
    assert parted(written) == (table, None)


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("quoting", [csv.QUOTE_MINIMAL, csv.QUOTE_ALL])
def test_an_ordinary_report_is_proved(end: str, quoting: Literal[0, 1]) -> None:
    table = [["1", "ROE, RICHARD", "", "$1,204.50"], ["2", 'O"NEIL', "é\u200b", "(1.00)"]]
    written = io.StringIO(newline="")
    csv.writer(written, lineterminator=end, quoting=quoting).writerows(table)
    proved = proved_records(written.getvalue(), 4)
    assert proved is not None
    assert list(map(list, proved.rows())) == table


@pytest.mark.parametrize(
    "piece",
    [
        "a,b\nc\n",
        "a,b\nc,d,e\n",
        "a,b\n\nc,d\n",
        "a,b\n \n",
        'a,b\n5" x,d\n',
        'a,b\n"c"x,d\n',
        'a,b\nc,"d\n',
        "a,b\rc,d\n",
        "a,b\r\nc,d\n",
        "\ufeffa,b\n",
        "a,b\nc,d",
    ],
)
def test_a_piece_with_an_odd_record_is_not_proved(piece: str) -> None:
    assert proved_records(piece, 2) is None


def test_a_file_of_pieces_that_are_never_proved_is_not_tried_to_its_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tried: list[str] = []
    monkeypatch.setattr(csv_records, "PIECE_CHARACTERS", 1)
    monkeypatch.setattr(csv_records, "proved_records", lambda piece, width: tried.append(piece))
    source = csv_records.CsvRecords(io.StringIO("a,b\n" * 50), 0)
    numbers = accumulate(len(batch) for batch in source.batches(2))
    assert list(numbers)[-1] == 50
    assert len(tried) == 4


def test_the_longest_record_is_as_long_in_a_piece_as_in_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_records, "PIECE_CHARACTERS", 1)
    monkeypatch.setattr(csv_records, "LONGEST_RECORD_CHARACTERS", 6)
    monkeypatch.setattr(
        csv, "field_size_limit", lambda _: None
    )  # it would stay for all readers of the process
    assert [len(batch) for batch in csv_records.CsvRecords(io.StringIO("a,bc\n" * 2), 0).batches(2)] == [1, 1]
    with pytest.raises(BrokenRow):
        list(csv_records.CsvRecords(io.StringIO("a,bcd\n"), 0).batches(2))
