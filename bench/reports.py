"""The reports that the works are fed with: the same claims every time, without a fault in them."""

import csv
from pathlib import Path

from bench.standing import AS_OF
from claims_pipeline.sandbox.generator import Grain, ReportPlan, write_report

PAID = "ClaimAmountPaid"


def write_book(claims: int, path: Path, *, charges: bool = False) -> int:
    """A report of so many claims, a row a claim or a row a charge line; how many rows it has."""
    grain = Grain.CHARGE if charges else Grain.CLAIM
    write_report(ReportPlan(claims, grain=grain, repeated=0, oddities=0, as_of=AS_OF), path)
    with path.open(encoding="utf-8", newline="") as file:
        return sum(1 for _ in csv.reader(file)) - 1


def write_changed(report: Path, path: Path, *, every: int) -> int:
    """The same report after a payment on every so manieth row; how many rows differ."""
    changed = 0
    with (
        report.open(encoding="utf-8", newline="") as source,
        path.open("w", encoding="utf-8", newline="") as target,
    ):
        rows, writer = csv.reader(source), csv.writer(target)
        header = next(rows)
        place = header.index(PAID)
        writer.writerow(header)
        for number, row in enumerate(rows):
            if number % every == 0:
                row[place] = "1.01" if row[place] != "1.01" else "2.02"
                changed += 1
            writer.writerow(row)
    return changed


def write_head(report: Path, path: Path, rows: int) -> None:
    """The report's first rows."""
    with (
        report.open(encoding="utf-8", newline="") as source,
        path.open("w", encoding="utf-8", newline="") as target,
    ):
        reader, writer = csv.reader(source), csv.writer(target)
        for _, row in zip(range(rows + 1), reader, strict=False):
            writer.writerow(row)
