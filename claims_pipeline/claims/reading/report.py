"""A file of the report, from bytes to raw rows: which record is the header, a row, a blank line, a ragged row.

What belongs here: `rules.md`'s second section over records. Not here: how records are parted (`csv_records`,
`json_records`), encodings, frames (`slices`), or what a cell means (`claims.rows`).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, TextIO

import polars as pl

from claims_pipeline.claims.columns import Grain
from claims_pipeline.claims.header import ColumnChoice, Header, clean_label, match_header
from claims_pipeline.claims.reading.csv_records import CsvRecords, Records
from claims_pipeline.claims.reading.encodings import Encoding, Opener, detect_encoding
from claims_pipeline.claims.reading.json_records import JsonObject, JsonRecords
from claims_pipeline.claims.reading.refusals import BrokenJson, EmptyFile
from claims_pipeline.claims.reading.slices import (
    Column,
    RawBlock,
    RawRow,
    SliceBuilder,
    in_blocks,
    ragged_cells,
)

SLICE_ROWS = 50_000
_MOST_KEYS = 1000


@dataclass(frozen=True)
class ReportFacts:
    """What is known of a file besides its rows. Labels and counts, never cells.

    `labels` are those used, by field; `unknown` the labels of columns that we neither carry nor know.
    """

    file: int
    grain: Grain
    labels: Mapping[str, str]
    unknown: tuple[str, ...]
    encoding: str
    rows: int
    ragged_rows: int
    blank_lines: int
    warnings: tuple[str, ...]

    @property
    def present(self) -> frozenset[str]:
        """The fields that this file has."""
        return frozenset(self.labels)


@dataclass
class _Counts:
    rows: int = 0
    ragged: int = 0
    blank: int = 0


@dataclass
class ReportReading:
    """One file being read: iterate it once for its slices, then ask for its `facts`."""

    header: Header
    encoding: Encoding
    _slices: Iterator[pl.DataFrame]
    _counts: _Counts
    _file: int
    _warnings: list[str] = field(default_factory=list)
    _is_read: bool = False

    def __iter__(self) -> Iterator[pl.DataFrame]:
        yield from self._slices
        self._is_read = True

    @property
    def facts(self) -> ReportFacts:
        """The file's facts, once it was read to its end."""
        if not self._is_read:
            raise RuntimeError("the facts of a file are known when all its slices were taken")
        return ReportFacts(
            file=self._file,
            grain=self.header.grain,
            labels=self.header.labels,
            unknown=self.header.unknown,
            encoding=self.encoding.name,
            rows=self._counts.rows,
            ragged_rows=self._counts.ragged,
            blank_lines=self._counts.blank,
            warnings=(*self.encoding.warnings, *self.header.warnings, *self._warnings),
        )


def read_report(
    opener: Opener,
    kind: Literal["csv", "json"],
    *,
    columns: ColumnChoice,
    run: int,
    file: int,
    slice_rows: int = SLICE_ROWS,
) -> ReportReading:
    """Read one file of the report. The header is matched at once; rows come as the reading is iterated.

    `opener` opens the file from its start, and is called more than once: the encoding is decided by the whole file.
    Schema of the slices: `RAW_ROWS`. Raises ReportError, with row numbers and labels only.
    """
    read = read_csv_rows if kind == "csv" else read_json_rows
    return read(opener, columns=columns, run=run, file=file, slice_rows=slice_rows)


def read_csv_rows(
    opener: Opener, *, columns: ColumnChoice, run: int, file: int, slice_rows: int = SLICE_ROWS
) -> ReportReading:
    """`read_report` for a CSV file."""
    encoding = detect_encoding(opener)
    counts = _Counts()
    text = encoding.open(opener)
    source = CsvRecords(text, file)
    try:
        header_number, cells = _first_record(iter(source), file, counts)
        header = match_header(cells, columns)
    except BaseException:
        text.close()
        raise
    blocks = _csv_blocks(source, header, header_number, counts)
    builder = SliceBuilder(header.positions, run, file, slice_rows)
    slices = _closing(text, builder.build(blocks, lambda: source.characters))
    return ReportReading(header, encoding, slices, counts, file)


def read_json_rows(
    opener: Opener, *, columns: ColumnChoice, run: int, file: int, slice_rows: int = SLICE_ROWS
) -> ReportReading:
    """`read_report` for a JSON file. Its header is every key that stands in any of its records."""
    encoding = detect_encoding(opener)
    with encoding.open(opener) as text:
        keys = _json_keys(JsonRecords(text, file), file)
    warnings = [] if keys else ["the file lists no record, so its columns could not be checked"]
    header = match_header(keys, columns) if keys else Header(0, {}, {}, (), ())
    counts = _Counts()
    text = encoding.open(opener)
    source = JsonRecords(text, file)
    fields = {name: keys[place] for name, place in header.positions.items()}
    blocks = in_blocks(_json_rows(source, fields, file, counts), lambda: source.characters)
    builder = SliceBuilder({name: place for place, name in enumerate(fields)}, run, file, slice_rows)
    slices = _closing(text, builder.build(blocks, lambda: source.characters))
    return ReportReading(header, encoding, slices, counts, file, warnings)


def _first_record(records: Iterator[list[str]], file: int, counts: _Counts) -> tuple[int, list[str]]:
    for number, record in enumerate(records, start=1):
        if not _is_blank(record):
            return number, record
        counts.blank += 1
    raise EmptyFile(file)


def _csv_blocks(
    source: CsvRecords, header: Header, header_number: int, counts: _Counts
) -> Iterator[RawBlock]:
    number = header_number + 1
    for batch in source.batches(header.width):
        block = _csv_block(batch, number, header, counts)
        if block is not None:
            yield block
        number += len(batch)


def _csv_block(
    batch: Records | pl.DataFrame, first_number: int, header: Header, counts: _Counts
) -> RawBlock | None:
    """The rows of a batch. Records that are all as wide as the header are taken together."""
    count = len(batch)
    columns: Sequence[Column]
    if isinstance(batch, pl.DataFrame):
        columns = batch.get_columns()
    elif header.width > 1 and set(map(len, batch)) == {header.width}:
        columns = list(zip(*batch, strict=True))
    else:  # where the header is one cell, a record of one cell may be a blank line
        rows = list(_csv_rows(batch, first_number, header, counts))
        return RawBlock.from_rows(rows) if rows else None
    counts.rows += count
    return RawBlock(range(first_number, first_number + count), [False] * count, columns)


def _csv_rows(
    batch: Iterable[list[str]], first_number: int, header: Header, counts: _Counts
) -> Iterator[RawRow]:
    width, claim_id = header.width, header.positions["claim_id"]
    for number, record in enumerate(batch, start=first_number):
        if len(record) < 2 and _is_blank(record):
            counts.blank += 1
            continue
        counts.rows += 1
        if len(record) == width:
            yield number, record, False
        else:
            counts.ragged += 1
            told = record[claim_id] if claim_id < len(record) else None
            yield number, ragged_cells(told, claim_id, width), True


def _is_blank(record: Sequence[str]) -> bool:
    return len(record) == 0 or (len(record) == 1 and not clean_label(record[0]))


def _json_keys(records: JsonRecords, file: int) -> list[str]:
    keys: dict[str, None] = {}
    for record in records:
        keys.update((key, None) for key, _ in record)
        if len(keys) > _MOST_KEYS:
            raise BrokenJson(file, f"its records have more than {_MOST_KEYS:,} different keys")
    return list(keys)


def _json_rows(
    records: JsonRecords, fields: Mapping[str, str], file: int, counts: _Counts
) -> Iterator[RawRow]:
    places = {name: place for place, name in enumerate(fields)}
    for number, record in enumerate(records, start=1):
        counts.rows += 1
        values = dict(reversed(record))  # of a key that stands twice, the first
        whole = len(values) == len(record)
        cells = [
            _cell(values[key], number, name, file) if key in values else None for name, key in fields.items()
        ]
        if whole and None not in cells:
            yield number, cells, False
        else:
            counts.ragged += 1
            yield number, ragged_cells(cells[places["claim_id"]], places["claim_id"], len(cells)), True


def _cell(value: object, number: int, name: str, file: int) -> str:
    """A value as text: numbers came as their own text, null is blank."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    held = "an object" if isinstance(value, JsonObject) else "a list"
    raise BrokenJson(file, f"record {number} holds {held} where the {name} should be")


def _closing(text: TextIO, slices: Iterator[pl.DataFrame]) -> Iterator[pl.DataFrame]:
    with text:
        yield from slices
