"""The claims that every contender carries, in each form that one of them takes, and which of them the org refuses.

Made once, before anything is measured. The cleaned forms have the floor's columns: as many bytes as ours sends.
"""

import csv
import sqlite3
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import islice
from pathlib import Path

from bench.floor import COLUMNS as OF_THE_REPORT
from bench.floor import CONSTANTS, rows_of
from claims_pipeline.sandbox.generator import ReportPlan, write_report

COLUMNS = (*OF_THE_REPORT, *CONSTANTS)
KEY = "Claim_Number__c"
_REFUSED_ONE_IN = 100
_ROWS_A_TRANSACTION = 10_000


@dataclass(frozen=True)
class Book:
    """The same claims three times, and the claim numbers that the org refuses."""

    report: Path
    """As CollaborateMD hands it out."""
    records: Path
    """Cleaned, a CSV in Salesforce's columns."""
    database: Path
    """The same records in SQLite, table `claims`."""
    claim_numbers: Sequence[str]

    @property
    def rows(self) -> int:
        """How many claims there are."""
        return len(self.claim_numbers)


def refused_of(claim_numbers: Sequence[str]) -> tuple[str, ...]:
    """Every hundredth claim, from the fiftieth: 1 % of any whole hundreds that one begins with."""
    return tuple(claim_numbers[_REFUSED_ONE_IN // 2 - 1 :: _REFUSED_ONE_IN])


def make_book(rows: int, folder: Path) -> Book:
    """Write the claims in every form."""
    report, zipped = folder / "report.csv", folder / "report.zip"
    write_report(
        ReportPlan(rows, repeated=0, oddities=0, extra_columns=False, as_of=date(2026, 2, 15)), report
    )
    with zipfile.ZipFile(zipped, "w") as archive:
        archive.write(report, report.name)
    book = Book(report, folder / "records.csv", folder / "records.sqlite", _write_records(zipped, folder))
    zipped.unlink()
    return book


def _write_records(zipped: Path, folder: Path) -> list[str]:
    """Both cleaned forms; the claim numbers in their order."""
    claim_numbers: list[str] = []
    with (
        sqlite3.connect(folder / "records.sqlite") as database,
        (folder / "records.csv").open("w", encoding="utf-8", newline="") as file,
    ):
        database.execute(f"CREATE TABLE claims ({', '.join(f'{name} TEXT' for name in COLUMNS)})")
        insert = f"INSERT INTO claims VALUES ({', '.join('?' * len(COLUMNS))})"
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        records = _records(zipped)
        while part := list(islice(records, _ROWS_A_TRANSACTION)):
            writer.writerows(part)
            database.executemany(insert, part)
            claim_numbers += [record[0] for record in part]
    database.close()
    return claim_numbers


def _records(zipped: Path) -> Iterator[list[str]]:
    """As the floor cleans them; a date that the report prints with a time is cut to the date, which the org wants."""
    constants = list(CONSTANTS.values())
    dates = [
        at for at, name in enumerate(OF_THE_REPORT) if name.startswith("DOS") or name.endswith("_Date__c")
    ]
    assert COLUMNS[0] == KEY
    for row in rows_of(zipped):
        for at in dates:
            row[at] = row[at][: len("2026-02-15")]
        yield row + constants
