"""From bytes to raw rows: rows and their numbers, ragged rows, encodings, JSON, and where reading must stop."""

import csv
import io
import json
import tracemalloc
from collections.abc import Callable, Sequence
from typing import Any, BinaryIO, Literal

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from claims_pipeline.claims.columns import COLUMNS, Grain
from claims_pipeline.claims.header import ColumnChoice, ReportColumnsChanged
from claims_pipeline.claims.reading import (
    RAW_ROWS,
    BrokenJson,
    BrokenRow,
    EmptyFile,
    ReportFacts,
    read_csv_rows,
    read_report,
)
from claims_pipeline.claims.recount import data_rows
from claims_pipeline.errors import ReportError
from claims_pipeline_tests.claims.given import PROPERTY
from claims_pipeline_tests.paths import DATA

FIELDS = [column.field for column in COLUMNS if column.field not in {"line_id", "status"}]
LABELS = [column.labels[0] for column in COLUMNS if column.field in FIELDS]
HEADER = ",".join(LABELS)
WIDTH = len(LABELS)
PATIENT = "ROE, RICHARD"
ALL = ColumnChoice()


def row(claim_id: str = "1", **cells: str) -> list[str]:
    """A row of cells in the order of LABELS, blank but for those given."""
    return [cells.get(field, claim_id if field == "claim_id" else "") for field in FIELDS]


def line(claim_id: str = "1", **cells: str) -> str:
    return ",".join(row(claim_id, **cells))


def opener(content: bytes) -> Callable[[], BinaryIO]:
    return lambda: io.BytesIO(content)


def read(
    content: bytes | str,
    kind: Literal["csv", "json"] = "csv",
    columns: ColumnChoice = ALL,
    slice_rows: int = 50_000,
) -> tuple[pl.DataFrame, ReportFacts]:
    """All rows and the facts of one file."""
    given_bytes = content.encode() if isinstance(content, str) else content
    reading = read_report(opener(given_bytes), kind, columns=columns, run=2, file=3, slice_rows=slice_rows)
    rows = pl.concat(list(reading))
    assert rows.schema == RAW_ROWS
    assert rows.height == reading.facts.rows
    assert rows["ragged"].sum() == reading.facts.ragged_rows
    return rows, reading.facts


def read_json(content: Any, columns: ColumnChoice = ALL) -> tuple[pl.DataFrame, ReportFacts]:
    return read(content if isinstance(content, (bytes, str)) else json.dumps(content), "json", columns)


def record(claim_id: Any = "1", **cells: Any) -> dict[str, Any]:
    """A JSON record by label."""
    return dict(zip(LABELS, row(claim_id), strict=True)) | {
        LABELS[FIELDS.index(field)]: cell for field, cell in cells.items()
    }


def refused(content: Any, error: type[ReportError], kind: Literal["csv", "json"] = "csv") -> str:
    """The message of a file that must stop. It keeps cells to itself, and so do its causes."""
    with pytest.raises(error) as caught:
        (read if kind == "csv" else read_json)(content)
    assert caught.value.__cause__ is None
    assert PATIENT not in str(caught.value)
    return str(caught.value)


def test_rows_come_as_they_are_with_run_file_and_number() -> None:
    rows, facts = read(f"{HEADER}\n{line(' 7 ', paid='$1.50')}\n{line('8')}\n")
    assert rows.select("run", "file", "row_number", "ragged", "claim_id", "paid", "line_id").rows() == [
        (2, 3, 2, False, " 7 ", "$1.50", None),
        (2, 3, 3, False, "8", "", None),
    ]
    assert facts == ReportFacts(
        file=3,
        grain=Grain.CLAIM,
        labels=dict(zip(FIELDS, LABELS, strict=True)),
        unknown=(),
        encoding="UTF-8",
        rows=2,
        ragged_rows=0,
        blank_lines=0,
        warnings=(),
    )
    assert facts.present == set(FIELDS)


def test_columns_that_are_not_carried_are_left_out_and_told() -> None:
    content = f"Color,{HEADER},Facility Name,Charge ID\nred,{line('7')},Main,12\n"
    rows, facts = read(content)
    assert rows.select("claim_id", "line_id").rows() == [("7", "12")]
    assert (facts.grain, facts.unknown) == (Grain.CHARGE, ("Color",))


def test_blank_lines_are_counted_and_are_no_rows_but_a_row_of_commas_is_one() -> None:
    blanks = ["", "   ", "\u200b\u00a0", '""', '" "', "\x00"]
    commas = "," * (WIDTH - 1)
    rows, facts = read("\n".join(["", *blanks[1:], HEADER, line("7"), *blanks, commas, line("8"), "", ""]))
    assert rows["row_number"].to_list() == [8, 15, 16]
    assert rows["claim_id"].to_list() == ["7", "", "8"]
    assert facts.blank_lines == 13


def test_a_report_of_one_column_still_has_blank_lines() -> None:
    choice = ColumnChoice.from_labels(dict.fromkeys([field for field in FIELDS if field != "claim_id"]))
    rows, facts = read("ClaimID\n7\n \n8\n", columns=choice)
    assert rows["row_number"].to_list() == [2, 4]
    assert facts.present == {"claim_id"}


def test_rows_with_more_or_fewer_cells_are_ragged_and_keep_their_claim_id_alone() -> None:
    last_is_claim_id = ",".join([*LABELS[1:], LABELS[0]])
    full = ["x"] * (WIDTH - 1) + ["7"]
    content = "\n".join([last_is_claim_id, ",".join(full), ",".join([*full, "y"]), "x,y", "z"])
    rows, facts = read(content)
    assert rows.select("row_number", "ragged", "claim_id", "patient").rows() == [
        (2, False, "7", "x"),
        (3, True, "7", None),
        (4, True, None, None),
        (5, True, None, None),
    ]
    assert facts.ragged_rows == 3


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_any_line_end_parts_rows_and_quoted_ones_are_text(end: str) -> None:
    broken = f'"ROE,{end}RICHARD"'
    content = end.join([HEADER, line("7", patient=broken), line("8"), ""])
    rows, _ = read(content)
    assert rows.select("row_number", "claim_id", "patient").rows() == [
        (2, "7", f"ROE,{end}RICHARD"),
        (3, "8", ""),
    ]


def test_a_quote_inside_a_cell_is_text_and_a_doubled_one_is_one() -> None:
    cells = line("7", patient='"5"" x"', payor_name='5" x')
    rows, _ = read(f"{HEADER}\n{cells}\n")
    assert rows.select("patient", "payor_name").rows() == [('5" x', '5" x')]


@pytest.mark.parametrize(
    ("text", "row_number", "what"),
    [
        (f'{HEADER}\n{line("7")}\n8,"{PATIENT}\n{line("9")}\n', 3, "a quote opens in it and never closes"),
        (f'{HEADER}\n\n{line("7")}\n"8"x,{PATIENT}\n', 4, "text follows a closing quote"),
        (f'{HEADER}\n"8" ,{PATIENT}\n', 2, "text follows a closing quote"),
        (f'{HEADER}\n{line("7")}\n8,"{PATIENT}', 3, "a quote opens in it and never closes"),
        (f'{HEADER},"', 1, "a quote opens in it and never closes"),
    ],
)
def test_quotes_that_cannot_be_read_stop_the_file_and_name_the_row(
    text: str, row_number: int, what: str
) -> None:
    with pytest.raises(BrokenRow) as caught:
        read(text)
    assert caught.value.row == row_number
    assert refused(text, BrokenRow).startswith(f"File 3 of the report stops at row {row_number}: {what}")


@pytest.mark.parametrize("name", ["open_quote", "text_after_quote"])
def test_the_rules_files_stop_where_they_must(name: str) -> None:
    with pytest.raises(BrokenRow) as caught:
        read((DATA / "rules" / f"{name}.csv").read_bytes())
    expected = json.loads((DATA / "rules" / f"{name}_expected.json").read_text())
    assert caught.value.row == expected["stops_at_row"]
    assert str(caught.value) == (
        "File 3 of the report stops at row 3: text follows a closing quote, so a quote in a cell was not doubled. No "
        "row of the report was used, since reading on would make claims of fragments. Look at this row in "
        "CollaborateMD (a quote in a name or a note, often), mend it there, and run again."
    )


def test_a_huge_cell_is_read_and_an_endless_one_stops_the_file() -> None:
    rows, _ = read(f"{HEADER}\n{line('7', patient='x' * 3_000_000)}\n")
    assert rows["patient"].str.len_chars().to_list() == [3_000_000]
    for endless in (
        f'{HEADER}\n7,"{"y" * 5_000_000}',
        f"{HEADER}\n7,{'y' * 5_000_000}",
        f'{HEADER}\n7,"' + "y\n" * 3_000_000,
    ):
        message = refused(endless, BrokenRow)
        assert message.startswith(
            "File 3 of the report stops at row 2: it is longer than 4,194,304 characters; perhaps a quote opens in it "
            "and never closes."
        )


def test_a_header_without_rows_is_a_report_without_claims() -> None:
    rows, facts = read(f"{HEADER}\r\n\r\n")
    assert (rows.height, rows.schema) == (0, RAW_ROWS)
    assert facts.present == set(FIELDS)


@pytest.mark.parametrize(
    "content", [b"", b"\xef\xbb\xbf", b"\xff\xfe", b"\r\n\r\n", b" \n\t\n", '\u200b\n""'.encode()]
)
def test_a_file_without_a_header_is_never_quietly_empty(content: bytes) -> None:
    assert refused(content, EmptyFile) == (
        "File 3 of the report is empty, it has not even a header row. A report without claims has its header, so this "
        "is not taken for one. Run again; if it stays, run the saved report in CollaborateMD by hand and look at what "
        "it makes."
    )


def test_a_missing_column_stops_before_any_row() -> None:
    message = refused(
        f"{HEADER.replace('ClaimBalance', 'Rest')}\n{line('7', patient=PATIENT)}\n", ReportColumnsChanged
    )
    assert message.startswith("The report has no column for balance (known as ClaimBalance, ")
    assert "Rest" in message


@pytest.mark.parametrize(
    ("encoding", "name"),
    [("utf-8", "UTF-8"), ("utf-8-sig", "UTF-8"), ("utf-16", "UTF-16"), ("cp1252", "Windows-1252")],
)
def test_encodings_are_told_and_read(encoding: str, name: str) -> None:
    text = f"{HEADER}\r\n{line('7', patient='JOSÉ € NUÑEZ')}\r\n"
    rows, facts = read(text.encode(encoding))
    assert rows["patient"].to_list() == ["JOSÉ € NUÑEZ"]
    assert facts.encoding == name
    warned = ("the file is not UTF-8 and was read as Windows-1252",) if encoding == "cp1252" else ()
    assert facts.warnings == warned


def test_utf16_of_either_byte_order_is_read_by_its_mark() -> None:
    text = f"\ufeff{HEADER}\n{line('7', patient='Ω𝄞')}\n"
    for order in ("utf-16-le", "utf-16-be"):
        assert read(text.encode(order))[0]["patient"].to_list() == ["Ω𝄞"]


def test_one_byte_at_the_end_of_a_long_file_decides_the_encoding_of_all() -> None:
    rows = "\n".join(line(str(number), patient="JOSÉ") for number in range(40_000))
    content = f"{HEADER}\n{rows}\n".encode("cp1252") + line("x", patient="é").encode("cp1252")
    frame, facts = read(content)
    assert facts.encoding == "Windows-1252"
    assert set(frame["patient"].unique()) == {"JOSÉ", "é"}


def test_bytes_that_stand_for_nothing_become_u_fffd_and_are_counted() -> None:
    content = f"{HEADER}\n".encode() + line("7", patient="É?", payor_name="??").encode("cp1252").replace(
        b"?", b"\x81"
    )
    rows, facts = read(content)
    assert rows.select("patient", "payor_name").rows() == [("É\ufffd", "\ufffd\ufffd")]
    assert facts.warnings == (
        "the file is not UTF-8 and was read as Windows-1252",
        "3 character(s) could not be read and became U+FFFD",
    )


@pytest.mark.parametrize(
    ("content", "patient", "unreadable"),
    [
        (
            "\ufeff".encode() + f"{HEADER}\n{line('7', patient='É?')}\n".encode().replace(b"?", b"\xff"),
            "É\ufffd",
            1,
        ),
        (
            f"\ufeff{HEADER}\n{line('7', patient='É?')}\n".encode("utf-16-le").replace(b"?\x00", b"\x00\xd8"),
            "É\ufffd",
            1,
        ),
        (f"\ufeff{HEADER}\n{line('7', patient='É')}".encode("utf-16-le") + b"\x41", "É", 1),
    ],
)
def test_a_byte_order_mark_is_believed_and_what_breaks_its_encoding_is_counted(
    content: bytes, patient: str, unreadable: int
) -> None:
    rows, facts = read(content)
    assert rows["patient"].to_list() == [patient]
    assert facts.warnings == (f"{unreadable} character(s) could not be read and became U+FFFD",)


def test_slices_are_cut_by_rows() -> None:
    content = f"{HEADER}\n" + "\n".join(line(str(number)) for number in range(7))
    reading = read_csv_rows(opener(content.encode()), columns=ALL, run=0, file=0, slice_rows=3)
    slices = list(reading)
    assert [each.height for each in slices] == [3, 3, 1]
    assert pl.concat(slices)["row_number"].to_list() == list(range(2, 9))


def test_slices_of_huge_cells_are_cut_by_their_size() -> None:
    content = f"{HEADER}\n" + "\n".join(line(str(number), patient="x" * 3_000_000) for number in range(14))
    heights = [each.height for each in read_csv_rows(opener(content.encode()), columns=ALL, run=0, file=0)]
    assert heights == [12, 2]


def test_facts_are_not_told_before_all_rows_were_taken() -> None:
    reading = read_csv_rows(opener(f"{HEADER}\n{line('7')}\n".encode()), columns=ALL, run=0, file=0)
    with pytest.raises(RuntimeError, match="known when all its slices were taken"):
        _ = reading.facts
    list(reading)
    assert reading.facts.rows == 1


def test_streams_are_closed_whether_reading_ends_or_stops() -> None:
    opened: list[io.BytesIO] = []

    def open_again(content: bytes) -> Callable[[], BinaryIO]:
        def give() -> BinaryIO:
            opened.append(io.BytesIO(content))
            return opened[-1]

        return give

    list(read_csv_rows(open_again(f"{HEADER}\n{line('7')}\n".encode()), columns=ALL, run=0, file=0))
    with pytest.raises(BrokenRow):
        list(read_csv_rows(open_again(f'{HEADER}\n"7\n'.encode()), columns=ALL, run=0, file=0))
    with pytest.raises(ReportColumnsChanged):
        read_csv_rows(open_again(b"a,b\n"), columns=ALL, run=0, file=0)
    with pytest.raises(BrokenJson):
        list(read_report(open_again(b'[{"ClaimID": 1'), "json", columns=ALL, run=0, file=0))
    assert opened
    assert all(stream.closed for stream in opened)


def test_memory_is_bounded_by_slices_not_by_the_file() -> None:
    content = (
        f"{HEADER}\n"
        + "\n".join(line(str(number), patient=PATIENT.replace(",", "")) for number in range(50_000))
    ).encode()

    def peak(slice_rows: int) -> int:
        tracemalloc.start()
        for _ in read_csv_rows(opener(content), columns=ALL, run=0, file=0, slice_rows=slice_rows):
            pass
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    assert peak(2_000) < 8 * 1024 * 1024


CELLS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
TABLES = st.lists(st.lists(CELLS, min_size=WIDTH, max_size=WIDTH), max_size=5)


@PROPERTY
@given(
    table=TABLES,
    end=st.sampled_from(["\n", "\r\n", "\r"]),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
)
def test_what_a_csv_writer_wrote_is_read_cell_by_cell(
    table: list[list[str]], end: str, encoding: str
) -> None:
    written = io.StringIO()
    writer = csv.writer(written, lineterminator=end, quoting=csv.QUOTE_ALL)
    writer.writerows([LABELS, *table])
    rows, _ = read(written.getvalue().encode(encoding))
    assert rows.select(FIELDS).rows() == [tuple(cells) for cells in table]


@PROPERTY
@given(st.binary(max_size=300))
def test_any_bytes_after_a_header_are_rows_or_an_error_of_ours(content: bytes) -> None:
    try:
        rows, _ = read(f"{HEADER}\n".encode() + content)
    except ReportError:
        return
    assert rows["row_number"].to_list() == list(data_rows(io.BytesIO(f"{HEADER}\n".encode() + content)))


@PROPERTY
@given(st.binary(max_size=300), st.sampled_from(["csv", "json"]))
def test_any_bytes_at_all_are_an_error_of_ours(content: bytes, kind: Literal["csv", "json"]) -> None:
    with pytest.raises(ReportError):
        read(content, kind)


@PROPERTY
@given(st.text(st.sampled_from('a,""\r\n \u200bé'), max_size=40))
def test_both_readers_count_the_same_rows(text: str) -> None:
    content = f"{HEADER}\n{text}".encode()
    try:
        rows, _ = read(content)
    except BrokenRow:
        with pytest.raises(ReportError):
            list(data_rows(io.BytesIO(content)))
        return
    assert rows["row_number"].to_list() == list(data_rows(io.BytesIO(content)))


@pytest.mark.parametrize(
    "wrap", [lambda records: records, lambda records: {"count": 2, "data": records, "more": {"x": []}}]
)
def test_json_is_read_like_csv(wrap: Callable[[object], object]) -> None:
    rows, facts = read_json(wrap([record("7", patient="JOSÉ"), record("8", paid=None)]))
    assert rows.select("run", "file", "row_number", "ragged", "claim_id", "patient", "paid").rows() == [
        (2, 3, 1, False, "7", "JOSÉ", ""),
        (2, 3, 2, False, "8", "", ""),
    ]
    assert facts.present == set(FIELDS)
    assert facts.warnings == ()


@pytest.mark.parametrize(
    "number",
    [
        "0",
        "-0",
        "1.50",
        "1e5",
        "1E+400",
        "0.00",
        "123456789012345678901234567890.10",
        "-12.00",
        "1.0000000000000000001",
    ],
)
def test_json_numbers_are_read_as_their_text(number: str) -> None:
    content = json.dumps([record("7", paid="@")]).replace('"@"', number)
    assert read_json(content)[0]["paid"].to_list() == [number]


def test_json_words_are_read_as_text() -> None:
    rows, _ = read_json([record(True, paid=False)])
    assert rows.select("claim_id", "paid").rows() == [("true", "false")]


def test_a_json_record_that_lacks_a_carried_key_is_ragged_and_another_key_is_no_fault() -> None:
    short = record("8")
    del short["ClaimBalance"]
    nameless = record("9")
    del nameless["ClaimID"]
    rows, facts = read_json([short, record("7") | {"Color": "red"}, nameless])
    assert rows.select("row_number", "ragged", "claim_id", "paid").rows() == [
        (1, True, "8", None),
        (2, False, "7", ""),
        (3, True, None, None),
    ]
    assert (facts.ragged_rows, facts.unknown) == (2, ("Color",))


def test_a_json_key_that_stands_twice_makes_the_record_ragged() -> None:
    content = json.dumps([record("7"), record("8")]).replace(
        '"ClaimID": "8"', '"ClaimID": "8", "ClaimID": "9"'
    )
    assert read_json(content)[0].select("ragged", "claim_id").rows() == [(False, "7"), (True, "8")]


def test_two_json_keys_for_one_field_stop_the_report_even_in_different_records() -> None:
    other = record("8")
    other["Claim ID"] = other.pop("ClaimID")
    assert "2 columns for claim_id: ClaimID, Claim ID" in refused(
        [record("7"), other], ReportColumnsChanged, "json"
    )


def test_half_a_surrogate_pair_in_json_becomes_u_fffd() -> None:
    rows, _ = read_json(json.dumps([record("7", patient="@")]).replace("@", "A\\ud800B \\ud83d\\ude00"))
    assert rows["patient"].to_list() == ["A\ufffdB 😀"]


@pytest.mark.parametrize("content", ["[]", ' {"data": [ ]} '])
def test_json_that_lists_no_record_is_a_report_without_claims_and_a_warning(content: str) -> None:
    rows, facts = read_json(content)
    assert rows.height == 0
    assert facts.warnings == ("the file lists no record, so its columns could not be checked",)


@pytest.mark.parametrize(
    ("content", "what"),
    [
        ("", None),
        (" \r\n", None),
        ("null", "it begins as neither a list nor an object"),
        (PATIENT, "it begins as neither a list nor an object"),
        ("[1]", "record 1 is not an object"),
        ('[{"a": 1}, [["a", 1]]]', "record 2 is not an object"),
        ('[{"a": 1}', "it is cut off after record 1"),
        ('[{"a": 1} {"a": 2}]', "a comma or its end is missing after record 1"),
        ('[{"a": 1},', "record 2 is cut off, not JSON, or too long"),
        ('[{"a": 1},]', "record 2 is cut off, not JSON, or too long"),
        ('[{"a": "' + PATIENT, "record 1 is cut off, not JSON, or too long"),
        ("[{'a': 1}]", "record 1 is cut off, not JSON, or too long"),
        ("[" * 100_000, "record 1 is cut off, not JSON, or too long"),
        ('[{"a": 1}] x', "something follows its end"),
        ('[{"a": 1}][{"a": 1}]', "something follows its end"),
        ("{}", "it is an object without a list named data"),
        ('{"rows": [{"a": 1}]}', "it is an object without a list named data"),
        ('{"data": null}', "its data is not one list"),
        ('{"data": {"a": 1}}', "its data is not one list"),
        ('{"data": [], "data": []}', "its data is not one list"),
        ('{"data": [{"a": 1}]', "it is cut off after record 1"),
        ('{"data" [', "it is cut off, or no object"),
        ("{1: []}", "it is cut off, or no object"),
        ('{"data": [', "record 1 is cut off, not JSON, or too long"),
        ('{"x": 1', "it is cut off at its beginning"),
    ],
)
def test_json_that_cannot_be_read_is_told_and_never_quietly_empty(content: str, what: str | None) -> None:
    if what is None:
        refused(content, EmptyFile, "json")
    else:
        assert refused(content, BrokenJson, "json") == (
            f"File 3 of the report cannot be read as JSON: {what}. It must be a list of records, or an object with "
            "such a list named data. Run again; if it stays, choose CSV as the saved report's format."
        )


@pytest.mark.parametrize(("value", "held"), [({"last": PATIENT}, "an object"), ([PATIENT], "a list")])
def test_json_that_holds_no_text_in_a_field_stops_and_names_the_record(value: object, held: str) -> None:
    message = refused([record("7"), record("8", patient=value)], BrokenJson, "json")
    assert f"record 2 holds {held} where the patient should be" in message


def test_json_records_with_endless_keys_stop() -> None:
    assert "more than 1,000 different keys" in refused(
        [{str(number): 1} for number in range(1001)], BrokenJson, "json"
    )


def test_a_huge_json_record_is_read_and_an_endless_one_stops() -> None:
    rows, _ = read_json([record("7", patient="x" * 3_000_000), record("8")])
    assert rows["patient"].str.len_chars().to_list() == [3_000_000, 0]
    refused([record("7", patient="x" * 9_000_000)], BrokenJson, "json")


JSON_CELLS = st.lists(st.text(max_size=6), min_size=WIDTH, max_size=WIDTH)


@PROPERTY
@given(
    table=st.lists(JSON_CELLS, min_size=1, max_size=4),
    indent=st.sampled_from([None, 2]),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
)
def test_what_a_json_writer_wrote_is_read_cell_by_cell(
    table: Sequence[Sequence[str]], indent: int | None, encoding: str
) -> None:
    content = json.dumps([dict(zip(LABELS, cells, strict=True)) for cells in table], indent=indent)
    rows, _ = read_json(content.encode(encoding))
    assert rows.select(FIELDS).rows() == [
        tuple(
            cell.encode("utf-16", "replace").decode("utf-16") if not _is_whole(cell) else cell
            for cell in cells
        )
        for cells in table
    ]


def _is_whole(cell: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in cell)
