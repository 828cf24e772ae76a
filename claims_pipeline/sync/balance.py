"""The row balance: every row of the report ends in exactly one output, told by a second reader, and to the cent.

What belongs here: sets and sums, and what to say when they differ. Not here: what a row becomes (`claims`).
"""

from array import array
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal

import polars as pl

from claims_pipeline.claims.columns import COLUMNS
from claims_pipeline.claims.compare import MONEY_FIELDS
from claims_pipeline.claims.grain import SettledClaims
from claims_pipeline.claims.recount import data_rows
from claims_pipeline.claims.recount_json import json_data_rows
from claims_pipeline.errors import PermanentError
from claims_pipeline.storage.frames import StampedFrame, Storage
from claims_pipeline.storage.report_zip import open_entries

MONEY_BY_REPORT_FIELD: dict[str, str] = {
    column.field: column.salesforce
    for column in COLUMNS
    if column.salesforce is not None and column.salesforce in MONEY_FIELDS
}
PLACE = ["file", "row_number"]
_SHOWN = 5


@dataclass(frozen=True)
class RowBalance:
    """What went in against what came out, for rows (as sets) and dollars (US, exact)."""

    report_rows: int
    accepted_rows: int
    merged_rows: int
    superseded_rows: int
    rejected_rows: Mapping[str, int]
    claims: int
    lost: tuple[str, ...]  # "file 0 row 17": in the report, in neither output
    lost_count: int
    invented: tuple[str, ...]  # in an output (or in two), and not so in the report
    invented_count: int
    keys_doubled: int
    dollars_in: Mapping[str, Decimal]
    dollars_out: Mapping[str, Decimal]

    @property
    def row_problems(self) -> tuple[str, ...]:
        """Rows that are not accounted for, in words."""
        found = []
        if self.lost_count:
            found.append(f"{self.lost_count} row(s) of the report came to nothing: {', '.join(self.lost)}")
        if self.invented_count:
            found.append(
                f"{self.invented_count} row(s) came out that no file holds: {', '.join(self.invented)}"
            )
        return tuple(found)

    @property
    def key_problems(self) -> tuple[str, ...]:
        """Claim ids that are not unique, in words."""
        return (f"{self.keys_doubled} claim id(s) stand in more than one claim",) if self.keys_doubled else ()

    @property
    def dollar_problems(self) -> tuple[str, ...]:
        """Sums that differ, in words."""
        return tuple(
            f"{name}: {amount} in the accepted rows, {self.dollars_out[name]} in the claims"
            for name, amount in self.dollars_in.items()
            if amount != self.dollars_out[name]
        )

    @property
    def problems(self) -> tuple[str, ...]:
        """All that does not balance, in words; empty when all does."""
        return (*self.row_problems, *self.key_problems, *self.dollar_problems)


class DoesNotBalance(PermanentError):
    """Rows, keys or dollars in are not rows, keys or dollars out. Nothing was written."""

    def __init__(self, customer: str, problems: Iterable[str]) -> None:
        super().__init__(
            f"Customer {customer}: the claims do not balance, so nothing was written: {'; '.join(problems)}. "
            "This is a fault of the pipeline, not of the report: keep the stored files and tell its makers."
        )


@dataclass
class RowTally:
    """The balance while it grows, bucket by bucket. Memory: two small numbers a row."""

    _accepted: list[pl.DataFrame] = field(default_factory=list)
    _rejected: list[pl.DataFrame] = field(default_factory=list)
    _dollars_in: dict[str, Decimal] = field(default_factory=dict)
    _dollars_out: dict[str, Decimal] = field(default_factory=dict)
    _keys_doubled: int = 0
    _merged: int = 0
    _superseded: int = 0
    claims: int = 0

    def add(self, rows: pl.DataFrame, settled: SettledClaims) -> None:
        """Count one bucket: its clean rows, and what they were settled as."""
        self._accepted.append(settled.accepted.select(PLACE))
        self._rejected.append(settled.rejected.select(*PLACE, "code"))
        self.claims += settled.claims.height
        self._keys_doubled += settled.claims.height - settled.claims.get_column("claim_key").n_unique()
        self._merged += settled.accepted.filter("merged").height
        self._superseded += settled.accepted.filter("superseded").height
        counting = settled.accepted.filter(~pl.col("merged") & ~pl.col("superseded")).select(PLACE)
        standing = rows.join(counting, on=PLACE, how="semi")
        for report_field, name in MONEY_BY_REPORT_FIELD.items():
            _grow(self._dollars_in, name, standing.get_column(report_field))
            _grow(self._dollars_out, name, settled.claims.get_column(name))

    def balance(self, report_rows: pl.DataFrame) -> RowBalance:
        """The balance against the (file, row_number) pairs that the second reader found."""
        accepted, rejected = pl.concat(self._accepted), pl.concat(self._rejected)
        out = pl.concat([accepted, rejected.select(PLACE)])
        lost = invented = report_rows.clear()
        if not report_rows.sort(PLACE).equals(out.sort(PLACE)):
            lost = report_rows.join(out, on=PLACE, how="anti")
            doubled = out.filter(out.is_duplicated()).unique()
            invented = pl.concat([out.join(report_rows, on=PLACE, how="anti"), doubled])
        codes = rejected.group_by("code").len().sort("code")
        return RowBalance(
            report_rows=report_rows.height,
            accepted_rows=accepted.height,
            merged_rows=self._merged,
            superseded_rows=self._superseded,
            rejected_rows=dict(codes.iter_rows()),
            claims=self.claims,
            lost=_places(lost),
            lost_count=lost.height,
            invented=_places(invented),
            invented_count=invented.height,
            keys_doubled=self._keys_doubled,
            dollars_in=dict(self._dollars_in),
            dollars_out=dict(self._dollars_out),
        )


def recount(raw: StampedFrame, storage: Storage) -> pl.DataFrame:
    """The (file, row_number) pairs that the kept report files hold, told by the second reader."""
    files = [_pairs(number, rows) for number, rows in enumerate(_kept_entries(raw, storage))]
    return pl.concat([_pairs(0, array("I")), *files])


def _kept_entries(raw: StampedFrame, storage: Storage) -> Iterator["array[int]"]:
    for report in raw.stamp.facts["reports"]:
        if report["kept_as"] is None:
            continue
        for entry in open_entries(storage.report(report["kept_as"])):
            with entry.open() as stream:
                yield array("I", json_data_rows(stream) if entry.kind == "json" else data_rows(stream))


def _pairs(file: int, numbers: "array[int]") -> pl.DataFrame:
    rows = pl.Series("row_number", numbers, dtype=pl.UInt32)
    return pl.DataFrame(
        {"file": pl.repeat(file, len(numbers), dtype=pl.UInt16, eager=True), "row_number": rows}
    )


def _grow(sums: dict[str, Decimal], name: str, amounts: pl.Series) -> None:
    sums[name] = sums.get(name, Decimal("0.00")) + Decimal(str(amounts.sum()))


def _places(rows: pl.DataFrame) -> tuple[str, ...]:
    return tuple(f"file {file} row {row}" for file, row in rows.sort(PLACE).head(_SHOWN).iter_rows())
