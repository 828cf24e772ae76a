"""Believable reports of any size, deterministic by seed, with faults planted where asked for.

What belongs here: a report as a stream, from plan to bytes, in bounded memory. Not here: claims (`invented`), print
(`printed`), faults (`planted_*`), the web service that hands reports out (`collaboratemd`). The same seed and index is
the same claim in every report, so a later day, the other grain or another style tell of one and the same book.
"""

import codecs
import csv
import io
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from math import gcd
from pathlib import Path
from random import Random

from claims_pipeline.claims.columns import Grain
from claims_pipeline.sandbox.invented import invented_claim
from claims_pipeline.sandbox.payor_list import payor_records
from claims_pipeline.sandbox.planted_faults import CHARGE_FAULTS, CLAIM_FAULTS, Plant, Rows
from claims_pipeline.sandbox.planted_oddities import CHARGE_ODDITIES, CLAIM_ODDITIES, blank_lines
from claims_pipeline.sandbox.printed import EXTRA_COLUMNS, Labels, PrintedRow, Printer, labels_of

__all__ = [
    "Grain",
    "Labels",
    "ReportPlan",
    "csv_bytes",
    "payor_records",
    "report_bytes",
    "report_records",
    "write_report",
]

ROWS_A_CHUNK = 500
HELD_BACK = 40
"""Repeated rows come at most so many rows after the first."""


@dataclass(frozen=True)
class ReportPlan:
    """What a report shows. Rates are shares of the claims, 0 to 1.

    `first` is the index of the first claim shown; `as_of` the day that the report is run (later payments are unknown
    to it, and claims not entered yet are not in it). Another `style` prints the same claims in other forms and another
    order.
    """

    claims: int
    seed: int = 1
    grain: Grain = Grain.CLAIM
    first: int = 0
    as_of: date = date(2026, 2, 15)
    labels: Labels = Labels.RUN_TOGETHER
    style: int = 0
    status: bool = True
    extra_columns: bool = False
    repeated: float = 0.01
    oddities: float = 0.02
    faults: float = 0.0
    encoding: str = "utf-8"
    line_end: str = "\r\n"


def write_report(plan: ReportPlan, path: Path) -> int:
    """Write the report as CSV, replacing the file; returns its size in bytes."""
    with path.open("wb") as file:
        return sum(file.write(chunk) for chunk in report_bytes(plan))


def report_bytes(plan: ReportPlan) -> Iterator[bytes]:
    """The report as CSV, in chunks of some 100 KB."""
    return csv_bytes(report_records(plan), encoding=plan.encoding, line_end=plan.line_end)


def csv_bytes(
    records: Iterable[Sequence[str]], *, encoding: str = "utf-8", line_end: str = "\r\n"
) -> Iterator[bytes]:
    """Records as CSV; `utf-8-sig` and `utf-16` begin with their byte order mark, what an encoding lacks becomes `?`."""
    encoder = codecs.getincrementalencoder(encoding)(errors="replace")
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, lineterminator="\r\n")
    for count, record in enumerate(records, start=1):
        writer.writerow(record)
        if count % ROWS_A_CHUNK == 0:
            yield encoder.encode(_taken(buffer, line_end))
    yield encoder.encode(_taken(buffer, line_end), final=True)


def _taken(buffer: io.StringIO, line_end: str) -> str:
    text = buffer.getvalue()
    buffer.seek(0)
    buffer.truncate()
    return text if line_end == "\r\n" else text.replace("\r\n", line_end)


def report_records(plan: ReportPlan) -> Iterator[list[str]]:
    """The report's records, header first; a blank line is a record of no cell or of one blank cell."""
    labels = labels_of(plan.grain, plan.labels, status=plan.status)
    yield [*labels.values(), *(EXTRA_COLUMNS if plan.extra_columns else ())]
    fields = tuple(labels)
    rng = Random(f"style {plan.seed} {plan.style}")  # noqa: S311 - invented data, no secret
    printer = Printer(rng)
    later: deque[tuple[int, list[str]]] = deque()
    written = 0
    for index in _order(plan):
        rows = _rows(plan, index, printer)
        for number, row in enumerate(rows):
            record = _cells(row, fields, plan.extra_columns)
            yield record
            written += 1
            if number == 0 and _turn(index, plan.repeated, plan.seed + 1) is not None:
                later.append((written + rng.randrange(HELD_BACK), record))
        if _turn(index, plan.oddities / 2, plan.seed + 2) is not None:
            yield from blank_lines(rng)
        while later and later[0][0] <= written:
            yield later.popleft()[1]
    yield from (record for _, record in later)


def _order(plan: ReportPlan) -> Iterator[int]:
    """The claims' indexes: in order, or in a style's own order, without holding them."""
    if plan.style == 0 or plan.claims < 2:
        yield from range(plan.first, plan.first + plan.claims)
        return
    rng = Random(f"order {plan.style}")  # noqa: S311 - invented data, no secret
    step = rng.randrange(1, plan.claims)
    while gcd(step, plan.claims) != 1:
        step += 1
    shift = rng.randrange(plan.claims)
    for n in range(plan.claims):
        yield plan.first + (n * step + shift) % plan.claims


def _rows(plan: ReportPlan, index: int, printer: Printer) -> Rows:
    """The printed rows of one claim, with what is planted in it; none if it was not entered yet."""
    claim = invented_claim(plan.seed, index, plan.as_of)
    if claim is None:
        return []
    rows = printer.rows(claim, plan.grain)
    plant = _planted(plan, index)
    if plant is None:
        return rows
    rng = Random(f"planted {plan.seed} {index}")  # noqa: S311 - invented data, no secret
    return plant(rows, rng, plan.as_of)


def _planted(plan: ReportPlan, index: int) -> Plant | None:
    """What to plant in a claim: the kinds take turns, so that a large enough report has them all."""
    of_claims = plan.grain is Grain.CLAIM
    turn = _turn(index, plan.faults, plan.seed)
    if turn is not None:
        faults = CLAIM_FAULTS if of_claims else CHARGE_FAULTS
        return faults[(turn + plan.seed) % len(faults)]
    turn = _turn(index, plan.oddities, plan.seed + 3)
    if turn is not None:
        oddities = CLAIM_ODDITIES if of_claims else CHARGE_ODDITIES
        return oddities[(turn + plan.seed) % len(oddities)]
    return None


def _turn(index: int, rate: float, offset: int) -> int | None:
    """The how-manieth of its kind a claim is, at this rate; None if it is none."""
    if rate <= 0:
        return None
    every = max(1, round(1 / rate))
    turn, place = divmod(index + offset, every)
    return turn if place == 0 else None


def _cells(row: PrintedRow, fields: tuple[str, ...], extra_columns: bool) -> list[str]:
    values = row.values
    cells = [values[field] for field in fields]
    if extra_columns:
        cells += ["MAIN STREET CLINIC / 12", "99213", "1", "GREENE, ALMA", "checked, twice"]
    if row.missing_cells:
        return cells[: max(2, len(fields) - row.missing_cells)]
    return [*cells, *("x" * row.extra_cells)] if row.extra_cells else cells
