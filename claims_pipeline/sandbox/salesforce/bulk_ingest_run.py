"""Running an ingest job: the CSV in, records written, three result files out.

What belongs here: reading the header, the rows transaction by transaction, and what becomes of each. Not here: the
rules of a record (`org`), the job's life (`bulk_jobs`), HTTP (`bulk_ingest`).

The file is streamed: no more than one transaction's rows are in memory. Results are written as the rows are settled,
in columns and rows of an order of their own, as Salesforce's are.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice
from pathlib import Path
from typing import TextIO

from claims_pipeline.sandbox.salesforce.bulk_csv import (
    DELIMITERS,
    LINE_ENDINGS,
    MAX_CELL_CHARACTERS,
    ends_lines_with,
    quoted,
    records,
    unquoted,
)
from claims_pipeline.sandbox.salesforce.bulk_jobs import BulkScript, Job, JobFailed
from claims_pipeline.sandbox.salesforce.org import Org
from claims_pipeline.sandbox.salesforce.rows import ROWS_A_TRANSACTION, RowError, RowResult, Wire

NULL = "#N/A"
UPLOAD = "upload.csv"


class Results(StrEnum):
    """The three result files of a job, by the names under which they are asked for."""

    SUCCESSFUL = "successfulResults"
    FAILED = "failedResults"
    UNPROCESSED = "unprocessedrecords"


_OWN_COLUMNS: Mapping[Results, tuple[str, ...]] = {
    Results.SUCCESSFUL: ("sf__Id", "sf__Created"),
    Results.FAILED: ("sf__Id", "sf__Error"),
    Results.UNPROCESSED: (),
}

Cells = list[str]
Write = Callable[[Sequence[Mapping[str, object]]], list[RowResult]]


class Files:
    """The result files of one job, open to be written. Columns are ours by the alphabet, rows in no order of ours."""

    def __init__(self, job: Job, header: Sequence[str], stack: ExitStack) -> None:
        self._delimiter = DELIMITERS[str(job.options["columnDelimiter"])]
        self._line_ending = LINE_ENDINGS[str(job.options["lineEnding"])]
        self._order = sorted(range(len(header)), key=lambda place: header[place].lower())
        self._files = {kind: stack.enter_context(_created(result_file(job, kind))) for kind in Results}
        for kind, file in self._files.items():
            own = [f'"{name}"' for name in _OWN_COLUMNS[kind]]
            ours = unquoted([header[place] for place in self._order], self._delimiter, self._line_ending)
            file.write(self._delimiter.join([*own, ours]))

    def settle(self, rows: Sequence[Cells], results: Sequence[RowResult]) -> int:
        """Write down what became of one transaction's rows, the last one first; returns how many failed."""
        failed = 0
        for cells, result in reversed(list(zip(rows, results, strict=True))):
            if result.success:
                self._write(
                    Results.SUCCESSFUL, [result.id or "", "true" if result.created else "false"], cells
                )
            else:
                failed += 1
                self._write(Results.FAILED, [result.id or "", printed_error(result.errors[0])], cells)
        return failed

    def leave(self, rows: Iterator[Cells]) -> None:
        """Write down the rows that were never taken."""
        for cells in rows:
            self._write(Results.UNPROCESSED, [], cells)

    def _write(self, kind: Results, own: list[str], cells: Cells) -> None:
        row = own + [cells[place] for place in self._order]
        self._files[kind].write(quoted(row, self._delimiter, self._line_ending))


@dataclass(frozen=True)
class Ingest:
    """Runs ingest jobs into one org."""

    org: Org
    script: BulkScript

    def __call__(self, job: Job) -> None:
        """Take every row of the job's upload; JobFailed with the job's message if it cannot be taken as a whole."""
        path = job.folder / UPLOAD
        rows = records(path, str(job.options["columnDelimiter"])) if path.exists() else iter([])
        header = next(rows, [])
        with ExitStack() as stack:
            files = Files(job, header, stack)
            body = _complete(rows, len(header))
            try:
                self._check(job, header)
                with self.org.tables.written_at_the_end():
                    self._take_all(job, header, body, files)
            finally:
                files.leave(body)

    def _check(self, job: Job, header: Sequence[str]) -> None:
        """What fails the whole job before a row is taken: line ends, a column that is not there or not to be seen."""
        line_ending = str(job.options["lineEnding"])
        if header and not ends_lines_with(job.folder / UPLOAD, line_ending):
            message = "ClientInputError : LineEnding is invalid on user data. Current LineEnding setting is"
            raise JobFailed(f"{message} {line_ending}")
        seen = self.org.seen_by(job.user, job.object_name)
        for name in header:
            if seen is None or seen.field(name) is None:
                raise JobFailed(f"InvalidBatch : Field name not found : {name}")
        folded = [name.lower() for name in header]
        twice = next((name for name in header if folded.count(name.lower()) > 1), None)
        if twice is not None:
            raise JobFailed(f"InvalidBatch : Duplicate field name found : {twice}")
        if job.operation == "delete" and folded != ["id"]:
            raise JobFailed("InvalidBatch : The 'delete' batch must contain only 'Id'")

    def _take_all(self, job: Job, header: Sequence[str], body: Iterator[Cells], files: Files) -> None:
        write = self._writer(job)
        while not self._stopped(job):
            room = self._room(job)
            rows = list(islice(body, room))
            if not rows:
                if room:
                    return
                continue
            if any(len(cells) > len(header) for cells in rows):
                files.leave(iter(rows))
                raise JobFailed("InvalidBatch : A record has more columns than the header")
            results = self._transaction(write, header, rows)
            job.rows_failed += files.settle(rows, results)
            job.rows_processed += len(rows)

    def _room(self, job: Job) -> int:
        """How many rows the next transaction may take: scripts stop a job at a row, wherever that is."""
        stops = (job.fail_after_rows, job.abort_after_rows)
        left = [stop - job.rows_processed for stop in stops if stop is not None]
        return max(0, min([ROWS_A_TRANSACTION, *left]))

    def _stopped(self, job: Job) -> bool:
        """Whether the job was aborted; JobFailed if it is scripted to fail here."""
        if job.fail_after_rows is not None and job.rows_processed >= job.fail_after_rows:
            raise JobFailed(self.script.error_message)
        if job.abort_after_rows is not None and job.rows_processed >= job.abort_after_rows:
            job.abort_asked = True
        return job.abort_asked

    def _transaction(self, write: Write, header: Sequence[str], rows: Sequence[Cells]) -> list[RowResult]:
        """Empty cells are left out, `#N/A` clears; an overlong cell is refused before the org sees its row."""
        results: list[RowResult | None] = [None] * len(rows)
        taken: list[int] = []
        sent: list[dict[str, object]] = []
        for place, cells in enumerate(rows):
            if max(map(len, cells), default=0) > MAX_CELL_CHARACTERS:
                results[place] = RowResult.refused(RowError("STRING_TOO_LONG", "data value too large"))
                continue
            taken.append(place)
            sent.append({n: None if c == NULL else c for n, c in zip(header, cells, strict=True) if c})
        for place, result in zip(taken, write(sent), strict=True):
            results[place] = result
        return [result for result in results if result is not None]

    def _writer(self, job: Job) -> Write:
        org, user, name = self.org, job.user, job.object_name
        key = str(job.options.get("externalIdFieldName") or "Id")
        writers: Mapping[str, Write] = {
            "insert": lambda rows: org.insert(user, name, rows, wire=Wire.CSV),
            "update": lambda rows: org.update(user, name, rows, wire=Wire.CSV),
            "upsert": lambda rows: org.upsert(user, name, key, rows, wire=Wire.CSV),
            "delete": lambda rows: org.delete(user, name, [_only_id(row) for row in rows]),
        }
        return writers[job.operation]


def result_file(job: Job, kind: Results) -> Path:
    """Where a job keeps one of its three results."""
    return job.folder / f"{kind.name.lower()}.csv"


def printed_error(error: RowError) -> str:
    """A row's refusal as Bulk writes it: `CODE:message:fields --`."""
    fields = f"{', '.join(error.fields)} " if error.fields else ""
    return f"{error.code}:{error.message}:{fields}--"


def _only_id(row: Mapping[str, object]) -> str:
    return str(next(iter(row.values()), "") or "")


def _complete(rows: Iterator[Cells], width: int) -> Iterator[Cells]:
    """Every record at the header's width or more, blank lines passed over; cells that a short one lacks are empty."""
    for cells in rows:
        if cells:
            yield cells if len(cells) >= width else cells + [""] * (width - len(cells))


def _created(path: Path) -> TextIO:
    return path.open("w", encoding="utf-8", newline="")
