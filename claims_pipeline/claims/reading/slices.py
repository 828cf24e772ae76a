"""Raw rows as frames: cells as they came, a slice at a time.

What belongs here: the schema of raw rows, and building slices of bounded size. Not here: how records are found.
"""

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


RawRow = tuple[int, Sequence[str | None], bool]
"""Row number, cells, and whether the row is ragged. (A plain tuple: there are 700,000 of them.)"""


def ragged_cells(claim_id: str | None, place: int, width: int) -> list[str | None]:
    """The cells that are kept of a ragged row: its claim id, if it is there."""
    cells: list[str | None] = [None] * width
    cells[place] = claim_id
    return cells


@dataclass
class _Slice:
    """The rows of one frame while it grows."""

    begun_at: int
    cells: list[Sequence[str | None]] = field(default_factory=list)
    numbers: list[int] = field(default_factory=list)
    ragged: list[bool] = field(default_factory=list)


@dataclass(frozen=True)
class SliceBuilder:
    """Builds the frames of one file. `positions` tells where each field stands in a row's cells."""

    positions: Mapping[str, int]
    run: int
    file: int
    slice_rows: int

    def build(self, rows: Iterable[RawRow], characters: Callable[[], int]) -> Iterator[pl.DataFrame]:
        """Frames of at most `slice_rows` rows; one without rows if there are none.

        `characters` tells how much was read so far.
        """
        part, any_given = _Slice(characters()), False
        for number, cells, is_ragged in rows:
            part.numbers.append(number)
            part.cells.append(cells)
            part.ragged.append(is_ragged)
            if len(part.numbers) >= self.slice_rows or characters() - part.begun_at > SLICE_CHARACTERS:
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
            place = self.positions.get(name)
            if place is None:
                columns.append(pl.repeat(None, height, dtype=pl.String, eager=True).alias(name))
            else:
                columns.append(_text_column(name, [cells[place] for cells in part.cells]))
        return pl.DataFrame(columns, schema=RAW_ROWS)


def _text_column(name: str, cells: list[str | None]) -> pl.Series:
    try:
        return pl.Series(name, cells, dtype=pl.String)
    except UnicodeEncodeError:  # half of a surrogate pair: JSON can escape one, no text can hold it
        return pl.Series(name, [None if cell is None else _whole(cell) for cell in cells], dtype=pl.String)


def _whole(cell: str) -> str:
    return cell.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
