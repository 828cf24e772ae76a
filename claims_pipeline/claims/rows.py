"""Raw rows of a report read one by one: cells to typed values, and the fault of a row by itself.

What belongs here: what can be told from one row alone. Not here: reading the file (`reading`), nor what rows of one
claim mean together (`grain`). A row is never dropped: it is typed, or typed with its fault.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date

import polars as pl

from claims_pipeline.claims import values
from claims_pipeline.claims.columns import COLUMNS, Grain, Kind, ReportColumn
from claims_pipeline.claims.outcomes import Rejection
from claims_pipeline.claims.payor_key import payor_keys

PLACE: tuple[str, ...] = ("run", "file", "row_number")
"""Where a row stands: fetch result, ZIP entry, record. No two rows share one."""

FIELDS: tuple[str, ...] = tuple(column.field for column in COLUMNS)

_DTYPES: dict[Kind, pl.DataType] = {Kind.MONEY: values.MONEY, Kind.DATE: pl.Date()}

CLEAN_ROWS: dict[str, pl.DataType] = {
    "run": pl.UInt16(),
    "file": pl.UInt16(),
    "row_number": pl.UInt32(),
    "claim_key": pl.String(),
    **{column.field: _DTYPES.get(column.kind, pl.String()) for column in COLUMNS},
    "payor_key": pl.String(),
    "fault": pl.String(),
    "fault_field": pl.String(),
}
"""The schema of clean rows: place, claim key (null: no claim id), a value a field, payor key, fault and its field."""


@dataclass(frozen=True)
class RowRules:
    """What the domain must know to judge the rows of one fetch.

    `fetched_on` is the local day of the fetch (it bounds the years), `lengths` the length of each Salesforce field
    in UTF-16 units (a field not in it is not bounded), `present` the fields that the report has: every other one is
    null throughout, which means "left to the org", not "blank".
    """

    grain: Grain
    fetched_on: date
    lengths: Mapping[str, int]
    present: frozenset[str]
    customer: str

    def carries(self, field: str) -> bool:
        """Whether the report gives this field. A line id means something in a charge report only."""
        return field in self.present and (field != "line_id" or self.grain is Grain.CHARGE)


def clean_rows(raw: pl.DataFrame, rules: RowRules) -> pl.DataFrame:
    """One slice of raw rows as typed rows (schema `CLEAN_ROWS`), each with the first fault that applies, or none."""
    cells = _clean_cells(raw, rules)
    read = cells.with_columns(_read(column, cells, rules).alias(column.field) for column in COLUMNS)
    read = read.with_columns(values.claim_keys(read["claim_id"]).alias("claim_key"))
    faults = [*_faults(rules)]
    first = pl.coalesce(pl.when(fault.applies).then(pl.lit(number)) for number, fault in enumerate(faults))
    numbers = range(len(faults))
    judged = read.with_columns(
        first.replace_strict(numbers, [fault.code.value for fault in faults], default=None).alias("fault"),
        first.replace_strict(numbers, [fault.field for fault in faults], default=None).alias("fault_field"),
        payor_keys(read["payor_name"], read["payor_id"]).alias("payor_key"),
    )
    return judged.select(pl.col(name).cast(dtype) for name, dtype in CLEAN_ROWS.items())


def _clean_cells(raw: pl.DataFrame, rules: RowRules) -> pl.DataFrame:
    """The cells of every field without invisible characters and stray spaces, null where blank or not carried."""
    nothing = pl.repeat(None, raw.height, dtype=pl.String, eager=True)
    cleaned = {
        field: values.cleaned(raw.get_column(field)) if rules.carries(field) else nothing for field in FIELDS
    }
    cells = raw.with_columns(column.alias(field) for field, column in cleaned.items())
    return cells.with_columns(pl.col(field).alias(_cell(field)) for field in FIELDS)


def _cell(field: str) -> str:
    """The name under which a field's cleaned cell stays beside its value."""
    return f"{field}_cell"


def _read(column: ReportColumn, cells: pl.DataFrame, rules: RowRules) -> pl.Series:
    cell = cells.get_column(_cell(column.field))
    match column.kind:
        case Kind.MONEY:
            return cell.to_frame().select(values.money(pl.col(cell.name))).to_series()
        case Kind.DATE:
            return values.dates(cell, fetched_year=rules.fetched_on.year)
        case _:
            return values.texts(cell, name=column.kind is Kind.NAME)


@dataclass(frozen=True)
class _Fault:
    """A fault that a row may have by itself, and where it applies."""

    code: Rejection
    field: str | None
    applies: pl.Expr


def _faults(rules: RowRules) -> Iterator[_Fault]:
    """Every fault that a row may have by itself, in the order of precedence."""
    yield _Fault(Rejection.RAGGED_ROW, None, pl.col("ragged"))
    yield _Fault(Rejection.MISSING_CLAIM_ID, "claim_id", pl.col("claim_id").is_null())
    yield from _too_long(rules, Kind.KEY, Rejection.CLAIM_ID_TOO_LONG)
    yield from _unreadable(Kind.MONEY, Rejection.BAD_MONEY)
    yield from _unreadable(Kind.DATE, Rejection.BAD_DATE)
    yield _Fault(Rejection.DATES_REVERSED, "service_to", pl.col("service_to") < pl.col("service_from"))
    yield from _too_long(rules, Kind.REFERENCE, Rejection.TOO_LONG)
    if rules.grain is Grain.CHARGE:
        yield _Fault(Rejection.MISSING_LINE_ID, "line_id", pl.col("line_id").is_null())


def _unreadable(kind: Kind, code: Rejection) -> Iterator[_Fault]:
    for column in COLUMNS:
        if column.kind is kind:
            unread = pl.col(_cell(column.field)).is_not_null() & pl.col(column.field).is_null()
            yield _Fault(code, column.field, unread)


def _too_long(rules: RowRules, kind: Kind, code: Rejection) -> Iterator[_Fault]:
    for column in COLUMNS:
        limit = rules.lengths.get(column.salesforce or "")
        if column.kind is kind and limit is not None:
            yield _Fault(code, column.field, values.length(pl.col(column.field)) > limit)
