"""Reports: the ZIPs of one fetch become one frame of raw rows, and what all its files say together.

What belongs here: opening and reading the files, and refusing those that do not go together. Not here: where a ZIP
comes from (`asking`), what is in it byte by byte (`storage.report_zip`, `claims.reading`).
"""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from claims_pipeline.claims.columns import COLUMNS, Grain
from claims_pipeline.claims.header import ColumnChoice
from claims_pipeline.claims.reading import RAW_ROWS, ReportFacts, read_report
from claims_pipeline.errors import PermanentError, ReportError, SettingsError
from claims_pipeline.settings import Customer, Filter
from claims_pipeline.storage.ahead import ahead
from claims_pipeline.storage.buckets import PartWriter
from claims_pipeline.storage.frames import Stamp, StampedFrame, Storage
from claims_pipeline.storage.report_zip import open_entries

MANIFEST = "fetch.json"
"""Beside the ZIPs of a fetch: its stamp, from which the fetch can be read again."""
NO_DIGEST = hashlib.sha256(b"").hexdigest()
"""Of a report that came as nothing at all."""


class Reports:
    """The files of one fetch while they are read, filter by filter. Memory: one slice of rows."""

    def __init__(self, customer: Customer, work: Path) -> None:
        self._customer = customer
        self.rows = PartWriter(work / "raw", RAW_ROWS)
        self.files: list[ReportFacts] = []

    def read(self, path: Path, each: Filter, run: int) -> int:
        """Read a filter's ZIP, the fetch's `run`-th; how many rows it has."""
        before = self.rows.rows
        choice = ColumnChoice.from_labels(self._customer.columns)
        for entry in open_entries(path):
            reading = read_report(entry.open, entry.kind, columns=choice, run=run, file=len(self.files))
            require_claim_complete(reading.header.grain, self._customer, each)
            for rows in ahead(reading):
                self.rows.write(rows)
            self.files.append(reading.facts)
        return self.rows.rows - before

    def facts(self) -> dict[str, Any]:
        """What all files say together (see `file_facts`)."""
        return file_facts(self._customer.number, self.files)


def digest_of(path: Path) -> str:
    """SHA-256 of a ZIP, hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def require_claim_complete(grain: Grain, customer: Customer, each: Filter) -> None:
    """A charge report is taken only from a filter that returns every line of each claim that it returns."""
    if grain is Grain.CHARGE and not each.claim_complete:
        raise SettingsError(
            [
                f"customer {customer.number}: report {customer.report_id} has a row a charge line, and the filter "
                f"{each.id} is not declared claim_complete: its sums could be parts of a claim. Make the filter return "
                "every line of each claim that it returns, and declare it so (COLLABORATEMD_FILTER_CLAIM_COMPLETE, or "
                "claim_complete in claims.toml)"
            ]
        )


def file_facts(customer: str, files: Sequence[ReportFacts]) -> dict[str, Any]:
    """What all files of a fetch say together. A field that one of them lacks is left to the org."""
    told = [each for each in files if each.labels]
    grains = {each.grain for each in told} or {Grain.CLAIM}
    if len(grains) > 1:
        raise ReportError(
            f"Customer {customer}: some files of this fetch have a row a claim, others a row a charge line. "
            "Fetch one report with one set of columns."
        )
    fields = [column.field for column in COLUMNS]
    present = [name for name in fields if all(name in each.labels for each in told)]
    return {
        "grain": grains.pop().value,
        "present": present,
        "labels": {name: sorted({each.labels[name] for each in told}) for name in present},
        "unknown_columns": sorted({label for each in files for label in each.unknown}),
        "warnings": [f"file {each.file}: {words}" for each in files for words in each.warnings],
    }


class KeptReportChanged(PermanentError):
    """A kept ZIP is not the one that was fetched."""


def stamp_of_kept(customer: str, sequence: int, storage: Storage) -> Stamp | None:
    """The stamp of a fetch whose ZIPs are kept; None where it was never finished, or is no longer there."""
    manifest = storage.kept_report(customer, sequence, MANIFEST)
    if manifest is None:
        return None
    try:
        return Stamp.from_text(manifest.read_text(encoding="utf-8"))
    except (KeyError, TypeError, ValueError):
        raise KeptReportChanged(
            f"Customer {customer}: what is kept of fetch {sequence} ({MANIFEST}) is damaged. Nothing was done. Fetch "
            "again instead: claims-pipeline sync"
        ) from None


def read_kept(customer: Customer, stamp: Stamp, storage: Storage, work: Path) -> StampedFrame:
    """The fetch's rows, read again from its ZIPs by today's code and settings."""
    reports = Reports(customer, work)
    for run, report in enumerate(stamp.facts["reports"]):
        if report["kept_as"] is None:
            continue
        path = storage.report(report["kept_as"])
        if digest_of(path) != report["digest"]:
            raise KeptReportChanged(
                f"Customer {customer.number}: the kept report {report['kept_as']} is not the one that was fetched. "
                "Nothing was done. Fetch again instead: claims-pipeline sync"
            )
        reports.read(path, _filter(customer, report["filter"]), run)
    facts = {**stamp.facts, **reports.facts()}
    return StampedFrame(reports.rows.scan(), Stamp(customer.number, stamp.sequence, stamp.fetched_at, facts))


def _filter(customer: Customer, filter_id: str) -> Filter:
    for each in customer.filters:
        if each.id == filter_id:
            return each
    raise PermanentError(
        f"Customer {customer.number}: the stored fetch is of filter {filter_id}, which the settings know no more. "
        "Fetch again instead: claims-pipeline sync"
    )
