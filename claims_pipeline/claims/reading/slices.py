"""Raw rows as frames: cells as they came, a slice at a time.

What belongs here: the schema of raw rows, and building slices of bounded size. Not here: how records are found.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import polars as pl

from claims_pipeline.claims.columns import COLUMNS

FIELDS: tuple[str, ...] = tuple(column.field for column in COLUMNS)

RAW_ROWS = pl.Schema(
    {
        "run": pl.UInt16(),
        "file": pl.UInt16(),
        "row_number": pl.UInt32(),
        "ragged": pl.Boolean(),
        **{name: pl.String() for name in FIELDS},
    }
)
"""`run` and `file` count from 0 over the fetch; a field is null where the report has no such column."""

SLICE_CHARACTERS = 32 * 1024 * 1024
"""Cells of a slice are bounded too, not only its rows: cells can be huge."""

BLOCK_ROWS = 256
BLOCK_CHARACTERS = 256 * 1024

RawRow = tuple[int, Sequence[str | None], bool]
"""Row number, cells, and whether the row is ragged. (A plain tuple: there are 700,000 of them.)"""

Column = Sequence[str | None] | pl.Series
"""The cells of one column."""


@dataclass(frozen=True)
class RawBlock:
    """Some rows that follow each other: the number of each, whether it is ragged, and their cells by column."""

    numbers: Sequence[int]
    ragged: Sequence[bool]
    columns: Sequence[Column]

    @classmethod
    def from_rows(cls, rows: Sequence[RawRow]) -> "RawBlock":
        """From rows of equally many cells, at least one row."""
        numbers, cells, ragged = zip(*rows, strict=True)
        return cls(numbers, ragged, list(zip(*cells, strict=True)))

    def __len__(self) -> int:
        return len(self.numbers)

    def __getitem__(self, rows: slice) -> "RawBlock":
        return RawBlock(self.numbers[rows], self.ragged[rows], [column[rows] for column in self.columns])


def in_blocks(rows: Iterable[RawRow], characters: Callable[[], int]) -> Iterator[RawBlock]:
    """Single rows as blocks of at most `BLOCK_ROWS`, or few more characters read than `BLOCK_CHARACTERS`."""
    block, begun_at = list[RawRow](), characters()
    for row in rows:
        block.append(row)
        if len(block) == BLOCK_ROWS or characters() - begun_at > BLOCK_CHARACTERS:
            yield RawBlock.from_rows(block)
            block, begun_at = [], characters()
    if block:
        yield RawBlock.from_rows(block)


def ragged_cells(claim_id: str | None, place: int, width: int) -> list[str | None]:
    """The cells that are kept of a ragged row: its claim id, if it is there."""
    cells: list[str | None] = [None] * width
    cells[place] = claim_id
    return cells


@dataclass
class _Slice:
    """The rows of one frame while it grows."""

    begun_at: int
    numbers: list[int] = field(default_factory=list)
    ragged: list[bool] = field(default_factory=list)
    columns: dict[str, list[pl.Series]] = field(default_factory=lambda: defaultdict(list))

    def add(self, block: RawBlock, positions: Mapping[str, int]) -> None:
        self.numbers.extend(block.numbers)
        self.ragged.extend(block.ragged)
        for name, place in positions.items():
            self.columns[name].append(_text_column(name, block.columns[place]))


@dataclass(frozen=True)
class SliceBuilder:
    """Builds the frames of one file. `positions` tells where each field stands in a row's cells."""

    positions: Mapping[str, int]
    run: int
    file: int
    slice_rows: int

    def build(self, blocks: Iterable[RawBlock], characters: Callable[[], int]) -> Iterator[pl.DataFrame]:
        """Frames of at most `slice_rows` rows; one without rows if there are none.

        `characters` tells how much was read so far. A slice may go beyond `SLICE_CHARACTERS` by one block.
        """
        part, any_given = _Slice(characters()), False
        for block in blocks:
            left = block
            while left:
                room = self.slice_rows - len(part.numbers)
                part.add(left[:room], self.positions)
                left = left[room:]
                is_full = len(part.numbers) >= self.slice_rows
                if is_full or characters() - part.begun_at > SLICE_CHARACTERS:
                    yield self._frame(part)
                    part, any_given = _Slice(characters()), True
        if part.numbers or not any_given:
            yield self._frame(part)

    def _frame(self, part: _Slice) -> pl.DataFrame:
        height = len(part.numbers)
        columns = [
            pl.repeat(self.run, height, dtype=pl.UInt16, eager=True).alias("run"),
            pl.repeat(self.file, height, dtype=pl.UInt16, eager=True).alias("file"),
            pl.Series("row_number", part.numbers, dtype=pl.UInt32),
            pl.Series("ragged", part.ragged, dtype=pl.Boolean),
        ]
        for name in FIELDS:
            if name in part.columns:
                columns.append(pl.concat(part.columns[name], rechunk=True))
            else:
                columns.append(pl.repeat(None, height, dtype=pl.String, eager=True).alias(name))
        return pl.DataFrame(columns, schema=RAW_ROWS)


def _text_column(name: str, cells: Column) -> pl.Series:
    if isinstance(cells, pl.Series):
        return cells.alias(name)
    try:
        return pl.Series(name, cells, dtype=pl.String)
    except UnicodeEncodeError:  # half of a surrogate pair: JSON can escape one, no text can hold it
        return pl.Series(name, [None if cell is None else _whole(cell) for cell in cells], dtype=pl.String)


def _whole(cell: str) -> str:
    return cell.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
