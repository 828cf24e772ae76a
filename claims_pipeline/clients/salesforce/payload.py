"""Payload frames as Salesforce takes them: JSON records for Collections, CSV files for Bulk.

What belongs here: flattening text to one line, null against "leave", and both serialisations, which must mean the
same. A payload frame has one text column a field; null clears the field, `""` leaves it as it stands.
"""

import csv
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import IO, Any

import polars as pl

from claims_pipeline.clients.salesforce.describe import NUMBER_TYPES, ObjectDescription
from claims_pipeline.errors import PermanentError

BULK_NULL = "#N/A"
"""What clears a field in a Bulk file; a text that reads so cannot be sent by Bulk, and goes by Collections."""

MOST_FILE_BYTES = 90_000_000  # raw: base64 makes 120 of Salesforce's 150 MB
MOST_FILE_ROWS = 150_000
FIRST_FILE_ROWS = 20_000
"""Salesforce begins with it while the next, of twice as many, is compared and written; and so on."""
_WRITE_ROWS = 10_000

_LINE_BREAKS = r"[\t\n\x0b\x0c\r\x1c-\x1f\x{85}\x{2028}\x{2029}]+"
_NEVER_SENT = "\x00"
_ENDS = " "
_NOT_ONE_LINE = rf"{_LINE_BREAKS}|\x00|^ | $"
"""What a text must hold for `one_line` to change it."""

_QUOTED = '[",]'


class UnfitKeys(PermanentError):
    """The same external id stands twice in one upsert, or is missing: Salesforce would refuse, or take either."""

    def __init__(self, count: int) -> None:
        super().__init__(
            f"{count} record(s) were to be sent without a key or twice in one upsert, so nothing of this part was "
            "sent. This is a fault of ours: please report it."
        )


def one_line(payload: pl.DataFrame) -> pl.DataFrame:
    """Every text on one line and trimmed, as the org stores it; a text of nothing but white space is null."""
    return payload.with_columns(
        _on_one_line(column) for column in payload if column.str.contains(_NOT_ONE_LINE).any()
    )


def _on_one_line(column: pl.Series) -> pl.Series:
    cells = pl.col(column.name)
    flat = cells.str.replace_all(_LINE_BREAKS, " ").str.replace_all(_NEVER_SENT, "", literal=True)
    trimmed = flat.str.strip_chars(_ENDS)
    return column.to_frame().select(pl.when((trimmed != "") | (cells == "")).then(trimmed)).to_series()


def fold_key(column: pl.Expr) -> pl.Expr:
    """An external id as the org compares it: trimmed, case folded."""
    trimmed = column.str.strip_chars()
    is_plain = trimmed.str.contains(r"^[\x00-\x7F]*$")
    folded = trimmed.map_elements(str.casefold, return_dtype=pl.String, skip_nulls=True)
    return pl.when(is_plain).then(trimmed.str.to_lowercase()).otherwise(folded)


def records_of(payload: pl.DataFrame, description: ObjectDescription) -> list[dict[str, Any]]:
    """The rows of a one-line payload as records for sObject Collections: amounts as exact JSON numbers."""
    kinds = {name: description.type_of(name) for name in payload.columns}
    return [
        {"attributes": {"type": description.name}}
        | {name: _json_value(value, kinds[name]) for name, value in row.items() if value != ""}
        for row in payload.iter_rows(named=True)
    ]


def _json_value(value: str | None, kind: str) -> str | bool | Decimal | None:
    if value is None:
        return None
    if kind in NUMBER_TYPES:
        return Decimal(value)
    return value == "true" if kind == "boolean" else value


@dataclass(frozen=True)
class JobFile:
    """A CSV file for one Bulk job, and the keys in it, in order: `key` as sent, `folded` as the org compares it."""

    path: Path
    columns: tuple[str, ...]
    keys: pl.DataFrame

    def payload(self, wanted: frozenset[str]) -> Iterator[pl.DataFrame]:
        """The payload of some of its rows again, read back from the file; `wanted` holds folded keys."""
        chosen: list[list[str | None]] = []
        with self.path.open(encoding="utf-8", newline="") as opened:
            rows = csv.reader(opened)
            next(rows)
            for row, folded in zip(rows, self.keys.get_column("folded"), strict=True):
                if folded in wanted:
                    chosen.append([None if cell == BULK_NULL else cell for cell in row])
                if len(chosen) == _WRITE_ROWS:
                    yield self._frame(chosen)
                    chosen = []
        if chosen:
            yield self._frame(chosen)

    def _frame(self, rows: list[list[str | None]]) -> pl.DataFrame:
        return pl.DataFrame(rows, schema=dict.fromkeys(self.columns, pl.String), orient="row")


class JobFiles:
    """Cuts payload slices into files for Bulk jobs, one file at a time; what Bulk cannot carry is set aside.

    The first file is a small one, and each next has at most twice as many rows.
    """

    def __init__(
        self,
        folder: Path,
        key: str,
        *,
        name: str = "upsert",
        most_bytes: int = MOST_FILE_BYTES,
        most_rows: int = MOST_FILE_ROWS,
    ) -> None:
        self._folder = folder
        self._key = key
        self._name = name
        self._most_bytes = most_bytes
        self._most_rows = most_rows
        self._written = 0
        self.aside: list[pl.DataFrame] = []

    def write(self, slices: Iterable[pl.DataFrame]) -> Iterator[JobFile]:
        """Files of one job each. The next is written when it is asked for; a file is the taker's to delete."""
        opened: _OpenFile | None = None
        try:
            for payload in self._small(slices):
                data = _csv_lines(payload)
                if opened is not None and not opened.has_room(data, payload.height):
                    done, opened = opened.close(), None
                    yield done
                if opened is None:
                    opened = self._open(payload.columns)
                opened.add(data, payload.get_column(self._key))
                if opened.is_full:
                    done, opened = opened.close(), None
                    yield done
            if opened is not None:
                done, opened = opened.close(), None
                yield done
        finally:
            if opened is not None:
                opened.discard()

    def _small(self, slices: Iterable[pl.DataFrame]) -> Iterator[pl.DataFrame]:
        """One-line payloads of a few rows at a time: a whole slice flattened at once would double the memory."""
        rows = min(_WRITE_ROWS, self._most_rows)
        for part in (part for payload in slices for part in payload.iter_slices(rows)):
            flat = one_line(part)
            unfit = pl.any_horizontal(pl.all().eq_missing(BULK_NULL))
            aside = flat.filter(unfit)
            if aside.height:
                self.aside.append(aside)
            fit = flat.filter(~unfit) if aside.height else flat
            if fit.height:
                yield fit

    def _open(self, columns: list[str]) -> "_OpenFile":
        self._written += 1
        path = self._folder / f"{self._name}_{self._written:04}.csv"
        most_rows = min(FIRST_FILE_ROWS * 2 ** (self._written - 1), self._most_rows)
        return _OpenFile(path, tuple(columns), most_bytes=self._most_bytes, most_rows=most_rows)


class _OpenFile:
    """A job's file while it is written."""

    def __init__(self, path: Path, columns: tuple[str, ...], *, most_bytes: int, most_rows: int) -> None:
        self._path = path
        self._columns = columns
        self._most_bytes = most_bytes
        self._most_rows = most_rows
        self._keys: list[pl.Series] = []
        self._rows = 0
        self._file: IO[bytes] = path.open("wb")
        self._bytes = self._file.write(",".join(columns).encode() + b"\n")

    def has_room(self, data: bytes, rows: int) -> bool:
        return self._bytes + len(data) <= self._most_bytes and self._rows + rows <= self._most_rows

    @property
    def is_full(self) -> bool:
        """Whether no row has room any more."""
        return self._rows >= self._most_rows

    def add(self, data: bytes, keys: pl.Series) -> None:
        self._bytes += self._file.write(data)
        self._keys.append(keys)
        self._rows += len(keys)

    def close(self) -> JobFile:
        self._file.close()
        keys = pl.DataFrame({"key": pl.concat(self._keys)}).with_columns(folded=fold_key(pl.col("key")))
        refuse_duplicates(keys)
        return JobFile(self._path, self._columns, keys)

    def discard(self) -> None:
        self._file.close()
        self._path.unlink(missing_ok=True)


def refuse_duplicates(keys: pl.DataFrame) -> None:
    """Raises where two rows of one call or job have the same `folded` key, or a row has none."""
    folded = keys.get_column("folded")
    unfit = int((folded.fill_null("") == "").sum()) or keys.height - folded.n_unique()
    if unfit:
        raise UnfitKeys(unfit)


def _csv_lines(payload: pl.DataFrame) -> bytes:
    """Rows as CSV with LF: `#N/A` for null, nothing at all for "leave", quotes where they are needed."""
    cells = [_csv_cells(column).fill_null(BULK_NULL) for column in payload]
    lines = payload.select(pl.concat_str(cells, separator=",").alias("line")).get_column("line")
    return ("\n".join(lines.to_list()) + "\n").encode()


def _csv_cells(column: pl.Series) -> pl.Expr:
    cells = pl.col(column.name)
    if not column.str.contains(_QUOTED).any():
        return cells
    quoted = pl.format('"{}"', cells.str.replace_all('"', '""', literal=True))
    return pl.when(cells.str.contains(_QUOTED)).then(quoted).otherwise(cells)
