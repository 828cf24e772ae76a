"""The second reader: row numbers of CSV and JSON files, told without the first reader."""

import csv
import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from claims_pipeline.claims import recount
from claims_pipeline.claims.recount import RecountStopped, data_rows
from claims_pipeline.claims.recount_json import JsonRecountStopped, json_data_rows
from claims_pipeline.claims.recount_text import LONGEST_RECORD
from claims_pipeline_tests import oracle_cells as oracle
from claims_pipeline_tests.claims.given import PROPERTY
from claims_pipeline_tests.paths import DATA

CSV_TEXT = st.text(st.sampled_from('a,,""\r\n\r\n \u200b\u00a0é😀'), max_size=24)
LINES = st.sampled_from(
    [
        "a,b",
        "a,b",
        '"x,y",b',
        '"a","b"',
        ",",
        '"",',
        '"q""q","c{end}d"',
        "a",
        "",
        " ",
        '""',
        '5" x,b',
        '"a"x,b',
        '"a',
    ]
)
CELLS = st.text(st.sampled_from('a,"\r\n \u200bé'), max_size=4)


class DrippingStream(io.BytesIO):
    """A stream that gives few bytes a read, so that every boundary falls somewhere."""

    def __init__(self, content: bytes, bytes_a_read: int) -> None:
        super().__init__(content)
        self.bytes_a_read = bytes_a_read

    def read(self, size: int | None = -1, /) -> bytes:
        return super().read(self.bytes_a_read if size is None or size < 0 else min(size, self.bytes_a_read))


def count(content: bytes) -> list[int]:
    return list(data_rows(io.BytesIO(content)))


def count_json(content: object) -> list[int]:
    return list(json_data_rows(io.BytesIO(json.dumps(content).encode())))


def told_by_the_oracle(content: bytes) -> list[int] | int:
    """Row numbers, or the row at which the file stops."""
    try:
        records = list(oracle.records(oracle.decode(content)))
    except oracle.FileStops as stopped:
        assert stopped.row is not None
        return stopped.row
    return [number for number, cells in records if len(cells) > 1 or oracle.clean(cells[0])][1:]


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("", []),
        ("h,h", []),
        ("h,h\n1,2", [2]),
        ("h,h\n1,2\n", [2]),
        ("h,h\r\n1,2\r\n\r\n\r\n", [2]),
        ("h,h\r1,2\r\r3,4", [2, 4]),
        ("\n \n\u200b\nh,h\n1,2\n", [5]),
        ("h,h\n,\n", [2]),
        ('h,h\n""\n" \n"\n1,2\n', [4]),
        ('h,h\n"a\r\nb",2\n3,4\n', [2, 3]),
        ('h,h\n"a""b",2\n', [2]),
        ('h,h\n""""\n', [2]),
        ('h,h\na"b"c,2\n', [2]),
        ("h,h\n1\n1,2,3\n", [2, 3]),
    ],
)
def test_rows_have_their_ordinals_and_blank_lines_are_none(text: str, rows: list[int]) -> None:
    assert count(text.encode()) == rows


@pytest.mark.parametrize("text", ['h,h\n1,"2', 'h,h\n"1"x,2\n', 'h,h\n"1" ,2\n', 'h,h\n1,"2\n3,4\n5,6\n'])
def test_a_broken_quote_stops_the_count_at_its_row_without_quoting_it(text: str) -> None:
    with pytest.raises(RecountStopped, match="Row 2 of the report cannot be counted") as stopped:
        count(text.encode())
    assert stopped.value.row_number == 2


def test_a_quote_that_never_closes_does_not_take_all_memory() -> None:
    with pytest.raises(RecountStopped):
        count(b'h,h\n"' + b"1,2\n" * (LONGEST_RECORD // 3))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_every_encoding_is_counted_alike(encoding: str) -> None:
    text = 'é,h\n"Nuñez, José\n€",2\n\n3,4\n'
    assert count(text.encode(encoding)) == [2, 4]


def test_a_no_break_space_is_blank_in_windows_1252_and_an_undefined_byte_is_not() -> None:
    assert count(b"h,h\n\xa0\n\xe9,1\n") == [3]
    assert count(b"h,h\n\x81\n\xe9,1\n") == [2, 3]


@PROPERTY
@given(CSV_TEXT, st.sampled_from(["utf-8", "utf-16"]), st.integers(1, 5))
def test_any_text_is_counted_as_the_oracle_counts_it(text: str, encoding: str, bytes_a_read: int) -> None:
    content = text.encode(encoding)
    told = told_by_the_oracle(content)
    try:
        counted: list[int] | int = list(data_rows(DrippingStream(content, bytes_a_read)))
    except RecountStopped as stopped:
        counted = stopped.row_number
    assert counted == told


@PROPERTY
@given(
    st.lists(LINES, max_size=12),
    st.sampled_from(["\n", "\r\n", "\r", "\r\r\n"]),
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
    st.integers(1, 30),
    st.integers(1, 30),
)
def test_lines_are_counted_wherever_reads_and_windows_end(
    lines: list[str], end: str, encoding: str, bytes_a_read: int, window: int
) -> None:
    content = end.join(line.format(end=end) for line in ["h,h", *lines]).encode(encoding)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(recount, "_WINDOW_BYTES", window)
        try:
            counted: list[int] | int = list(data_rows(DrippingStream(content, bytes_a_read)))
        except RecountStopped as stopped:
            counted = stopped.row_number
    assert counted == told_by_the_oracle(content)


@pytest.mark.parametrize("bytes_a_read", [1, 5, 1000])
@pytest.mark.parametrize(("last", "rows"), [("é,1".encode(), [2, 4, 6]), (b"\xe9,1", [2, 3, 4, 6])])
def test_the_end_of_a_file_decides_whether_a_line_far_before_it_is_blank(
    last: bytes, rows: list[int], bytes_a_read: int
) -> None:
    """A no-break space in UTF-8 is `Â` and one in Windows-1252."""
    content = b"h,h\n1,2\n\xc2\xa0\n3,4\n\n" + last
    assert list(data_rows(DrippingStream(content, bytes_a_read))) == rows


def test_a_mark_before_a_quote_is_no_part_of_the_cell() -> None:
    assert count('\ufeff"h\nh",h\n1,2\n'.encode()) == [2]


def test_damage_behind_a_row_that_cannot_be_counted_is_told_as_damage(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Damaged(DrippingStream):
        def read(self, size: int | None = -1, /) -> bytes:
            found = super().read(size)
            if size and not found:
                raise ValueError("the ZIP is damaged")
            return found

    monkeypatch.setattr(recount, "LONGEST_RECORD", 4)
    with pytest.raises(ValueError, match="damaged"):
        list(data_rows(Damaged(b'h,h\n"1"x\n2,3\n4,5\n', 2)))


@PROPERTY
@given(st.lists(st.lists(CELLS, min_size=2, max_size=3), min_size=1), st.sampled_from(["\r\n", "\n", "\r"]))
def test_whatever_the_csv_module_writes_is_counted(records: list[list[str]], line_break: str) -> None:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator=line_break, quoting=csv.QUOTE_ALL).writerows(records)
    assert count(text.getvalue().encode()) == list(range(2, len(records) + 1))


@pytest.mark.parametrize(
    ("name", "rows"),
    [
        ("mac_newlines.csv", 2),
        ("test_utf16_big.csv", 2),
        ("test_utf16_little.csv", 2),
        ("test_latin1.csv", 2),
        ("test_utf8_bom.csv", 2),
        ("null_byte.csv", 1),
    ],
)
def test_hostile_files_are_counted(name: str, rows: int) -> None:
    with (DATA / "hostile" / "csvkit" / name).open("rb") as stream:
        assert len(list(data_rows(stream))) == rows


def test_json_records_are_numbered_from_one() -> None:
    records = [{"ClaimID": "1", "note": '[{"'}, {}, {"ClaimID": 2.50, "deep": {"data": [1, 2]}}]
    assert count_json(records) == [1, 2, 3]
    assert count_json({"meta": {"data": [1]}, "total": 12, "none": [], "Data": records, "more": []}) == [
        1,
        2,
        3,
    ]
    assert count_json([]) == count_json({"data": []}) == []


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("bytes_a_read", [1, 2, 7])
def test_json_is_counted_wherever_the_reads_break_off(encoding: str, bytes_a_read: int) -> None:
    content = json.dumps(
        {"n": 1234, "s": 'a]\\"}', "data": [{"a": "é😀"}, {"b": [1, {"c": -1.5e10}]}, 12, "x"]},
        ensure_ascii=False,
    )
    assert list(json_data_rows(DrippingStream(content.encode(encoding), bytes_a_read))) == [1, 2, 3, 4]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "12",
        "nonsense",
        "[{},]",
        "[,]",
        "[1 2]",
        "[:]",
        '["x',
        "{1: []}",
        '{"a" []}',
        '{"a": 1 "data": []}',
        "{}",
        '{"data": 1}',
        '{"rows": []}',
        "[",
        "[{}",
        "[{},",
        "[{} {}]",
        '[{"a": ',
        "[" * 99999,
    ],
)
def test_json_that_is_no_list_of_records_stops_the_count(text: str) -> None:
    with pytest.raises(JsonRecountStopped):
        list(json_data_rows(io.BytesIO(text.encode())))


JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text('a"\\\\{}[],: é😀\n', max_size=5),
    lambda values: (
        st.lists(values, max_size=3) | st.dictionaries(st.text('a"{]', max_size=2), values, max_size=3)
    ),
    max_leaves=6,
)


@PROPERTY
@given(st.lists(JSON_VALUES), st.booleans(), st.sampled_from([None, 2]), st.integers(1, 9))
def test_any_json_list_is_counted(
    records: list[object], wrapped: bool, indent: int | None, bytes_a_read: int
) -> None:
    text = json.dumps({"x": records, "data": records} if wrapped else records, indent=indent)
    counted = list(json_data_rows(DrippingStream(text.encode(), bytes_a_read)))
    assert counted == list(range(1, len(records) + 1))


def test_a_string_that_never_closes_does_not_take_all_memory() -> None:
    with pytest.raises(JsonRecountStopped):
        list(json_data_rows(io.BytesIO(b'[{"a": "' + b"x" * (2 * LONGEST_RECORD))))


def test_a_json_file_that_breaks_off_says_after_how_many_records() -> None:
    with pytest.raises(JsonRecountStopped, match=r"after 2 record\(s\)"):
        list(json_data_rows(io.BytesIO(b'[{"a": 1}, {"a": 2}, {"a": ')))
