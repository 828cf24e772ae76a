"""Fetch: a customer's filters are run at CollaborateMD, and their reports become one frame of raw rows.

What belongs here: the slot, the sequence, keeping each ZIP as evidence, and empty reports that must not pass for a
quiet day. Not here: the wire (`clients.collaboratemd`), the ZIP (`storage.report_zip`), the rows (`claims.reading`).
"""

import hashlib
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from claims_pipeline.claims.columns import COLUMNS, Grain
from claims_pipeline.claims.header import ColumnChoice
from claims_pipeline.claims.reading import RAW_ROWS, ReportFacts, read_report
from claims_pipeline.errors import PermanentError, ReportError, SettingsError
from claims_pipeline.settings import Customer, Filter
from claims_pipeline.storage.buckets import PartWriter
from claims_pipeline.storage.frames import NotStored, Stamp, StampedFrame
from claims_pipeline.storage.report_zip import open_entries
from claims_pipeline.sync.connections import Connections
from claims_pipeline.sync.options import Progress, SyncOptions

RAW = "raw_collaboratemd_claims"
_NO_DIGEST = hashlib.sha256(b"").hexdigest()


class EmptyReport(PermanentError):
    """A filter that had claims the last time has none now: this must not look like a quiet day."""


def fetch(
    customer: Customer, options: SyncOptions, connections: Connections, work: Path, say: Progress
) -> StampedFrame:
    """Run the customer's filters, keep their ZIPs, and return their raw rows, stamped with the next sequence.

    Schema: `claims.reading.RAW_ROWS`. A dry run takes no sequence. Memory: one slice of rows.
    """
    filters = _filters(customer, options)
    connections.state.ensure_table()
    with _alone(customer, options, connections):
        sequence = None if options.dry_run else connections.state.next_sequence(customer.number)
        fetched_at = connections.now()
        rows = PartWriter(work / "raw", RAW_ROWS)
        fetching = _Fetching(customer, options, connections, work, say, sequence, rows)
        for run, each in enumerate(filters):
            fetching.add(each, run)
    facts = {
        "kind": options.kind.value,
        "report_id": customer.report_id,
        "empty_accepted": options.accept_empty,
        "reports": fetching.reports,
        **file_facts(customer.number, fetching.files),
    }
    facts["warnings"] += _changed_labels(customer.number, facts["labels"], connections)
    return StampedFrame(rows.scan(), Stamp(customer.number, sequence, fetched_at, facts))


def _alone(
    customer: Customer, options: SyncOptions, connections: Connections
) -> AbstractContextManager[object]:
    """One fetch a customer at a time, so that a higher sequence is a later report. A dry run takes no lease."""
    return nullcontext() if options.dry_run else connections.state.lease(customer.number)


def _filters(customer: Customer, options: SyncOptions) -> tuple[Filter, ...]:
    filters = customer.filters_of(options.kind)
    if not filters:
        raise SettingsError(
            [
                f"customer {customer.number} has no filter of kind {options.kind.value}: declare one to fetch by it"
            ]
        )
    return filters


@dataclass
class _Fetching:
    """One fetch while it grows, filter by filter."""

    customer: Customer
    options: SyncOptions
    connections: Connections
    work: Path
    say: Progress
    sequence: int | None
    rows: PartWriter
    reports: list[dict[str, Any]] = field(default_factory=list)
    files: list[ReportFacts] = field(default_factory=list)

    def add(self, each: Filter, run: int) -> None:
        """Run one filter, read its files, and keep its ZIP as evidence and for the second reader."""
        path = self.work / f"{each.id}.zip"
        came = self._download(each, path)
        before = self.rows.rows
        if came:
            self._read(path, each, run)
        rows = self.rows.rows - before
        self.say(f"{rows:,} rows")
        self._require_believable(rows, each)
        report = {
            "filter": each.id,
            "kind": each.kind.value,
            "rows": rows,
            "digest": _NO_DIGEST,
            "kept_as": None,
        }
        if came:
            report["digest"] = _digest(path)
            storage, number = self.connections.storage, self.customer.number
            report["kept_as"] = storage.keep_report(path, number, self.sequence, f"{each.id}.zip")
        self.reports.append(report)

    def _download(self, each: Filter, path: Path) -> bool:
        theirs = self.connections.settings.collaboratemd
        self.say(f"running report {self.customer.report_id} with filter {each.id}")
        with self.connections.state.report_slot(theirs.username, patience_seconds=theirs.deadline_seconds):
            return self.connections.collaboratemd.fetch_report(
                self.customer.number, self.customer.report_id, each.id, path
            )

    def _read(self, path: Path, each: Filter, run: int) -> None:
        choice = ColumnChoice.from_labels(self.customer.columns)
        for entry in open_entries(path):
            reading = read_report(entry.open, entry.kind, columns=choice, run=run, file=len(self.files))
            require_claim_complete(reading.header.grain, self.customer, each)
            for rows in reading:
                self.rows.write(rows)
            self.files.append(reading.facts)

    def _require_believable(self, rows: int, each: Filter) -> None:
        """An empty report where the same filter had rows the last time stops the sync, until a person says yes."""
        customer = self.customer
        if rows or self.options.accept_empty or customer.thresholds.empty_report_is_normal:
            return
        before = self.connections.state.read(customer.number).filter(customer.report_id, each.id)
        if before is not None and before.rows:
            raise EmptyReport(
                f"Customer {customer.number}: filter {each.id} returned no rows, and {before.rows:,} the last time. "
                "Nothing was changed. Look at the report in CollaborateMD; if it is truly empty, run the sync with "
                "--accept-empty (in Dagster: accept_empty in the asset's config)."
            )


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


def _changed_labels(customer: str, labels: dict[str, list[str]], connections: Connections) -> list[str]:
    """A column that came under another label than the last time: said, since it may hold something else now."""
    try:
        before = connections.storage.read(f"{RAW}/{customer}").stamp.facts["labels"]
    except NotStored:
        return []
    return [
        f"the column for {name} was {', '.join(before[name])} and is now {', '.join(used)}"
        for name, used in labels.items()
        if used and before.get(name) and before[name] != used
    ]


def _digest(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
