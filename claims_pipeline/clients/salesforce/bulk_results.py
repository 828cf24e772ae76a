"""What a Bulk job did with each row: its three result files, to disk, and then as outcomes.

What belongs here: downloading them whole, reading them by header name and key in little memory, and one outcome for
every key that was sent. A key without exactly one result is `unknown`.
"""

import csv
import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from claims_pipeline.clients.salesforce.bulk_job import EndedJob
from claims_pipeline.clients.salesforce.connection import Connection
from claims_pipeline.clients.salesforce.outcomes import OUTCOME_SCHEMA, Outcome, RowOutcome, outcome_frame
from claims_pipeline.clients.salesforce.payload import JobFile, fold_key
from claims_pipeline.clients.salesforce.refusals import RequestRefused, row_error_of_bulk

logger = logging.getLogger(__name__)

_DOWNLOADS = 3
_SLICE_ROWS = 20_000
_UNKNOWN_COLUMN = "INVALID_FIELD"

Row = dict[str, str]
Read = Callable[[Row], RowOutcome]


class _CutShort(Exception):  # never leaves this module
    """A row, or the header, is not whole."""


@dataclass(frozen=True)
class _Kind:
    """One of a job's result files: where it is, which columns are read beside the key, what a row of it means."""

    path: str
    columns: tuple[str, ...]
    expected: int
    read: Read


def read_results(
    connection: Connection, job: EndedJob, file: JobFile, *, key: str, folder: Path
) -> pl.DataFrame:
    """One outcome for each key of the file, in the file's order; beside it `folded`.

    A file in which the job counts no row is not asked for: each call is one of the org's daily quota.
    """
    frames = [pl.DataFrame(schema=OUTCOME_SCHEMA)]
    for kind in _kinds(job, file, key):
        if kind.expected <= 0:
            continue
        to = folder / f"{job.job_id}_{kind.path}.csv"
        try:
            frames += _whole(connection, job, kind, key, to)
        finally:
            to.unlink(missing_ok=True)
    results = pl.concat(frames).with_columns(folded=fold_key(pl.col("key"))).drop("key")
    single = results.unique("folded", keep="none")
    joined = file.keys.join(single, on="folded", how="left", maintain_order="left")
    return joined.with_columns(pl.col("outcome").fill_null(Outcome.UNKNOWN.value))


def _kinds(job: EndedJob, file: JobFile, key: str) -> tuple[_Kind, ...]:
    def taken(row: Row) -> RowOutcome:
        created = row["sf__Created"].lower() == "true"
        return RowOutcome(row[key], row["sf__Id"] or None, Outcome.CREATED if created else Outcome.UPDATED)

    def refused(row: Row) -> RowOutcome:
        error = row_error_of_bulk(row["sf__Error"], sent=file.columns, key=key)
        return RowOutcome(row[key], None, Outcome.REFUSED, error.code, error.fields)

    def left(row: Row) -> RowOutcome:
        if (
            job.unknown_field in file.columns
        ):  # the whole job failed for it, as each row would have by Collections
            return RowOutcome(row[key], None, Outcome.REFUSED, _UNKNOWN_COLUMN, job.unknown_field)
        return RowOutcome(row[key], None, Outcome.UNPROCESSED, job.code)

    succeeded = job.processed - job.failed
    return (
        _Kind("successfulResults", ("sf__Id", "sf__Created"), succeeded, taken),
        _Kind("failedResults", ("sf__Error",), job.failed, refused),
        _Kind("unprocessedrecords", (), file.keys.height - job.processed, left),
    )


def _whole(connection: Connection, job: EndedJob, kind: _Kind, key: str, to: Path) -> list[pl.DataFrame]:
    """The outcomes of one result file. One that holds fewer rows than the job counted is downloaded again.

    If it stays so, what it holds is taken: the keys without a result are then `unknown`.
    """
    frames: list[pl.DataFrame] = []
    for _ in range(_DOWNLOADS):
        if not _downloaded(connection, job, kind, to):
            return []
        frames = list(_frames(to, kind, key))
        found = sum(frame.height for frame in frames)
        if found >= kind.expected:
            break
        logger.warning("%s of job %s: %d of %d rows came", kind.path, job.job_id, found, kind.expected)
    return frames


def _downloaded(connection: Connection, job: EndedJob, kind: _Kind, to: Path) -> bool:
    """The file to disk; False where Salesforce has it no more."""
    try:
        connection.download(
            f"read the {kind.path} of a Bulk job", f"jobs/ingest/{job.job_id}/{kind.path}", to
        )
    except RequestRefused as refused:
        if refused.status != 404:
            raise
        logger.warning(
            "%s of job %s are gone: its claims are settled by sending them again", kind.path, job.job_id
        )
        return False
    return True


def _frames(path: Path, kind: _Kind, key: str) -> Iterator[pl.DataFrame]:
    """A result file as outcome frames of a bounded size; of a file that is cut, the rows before the cut."""
    outcomes: list[RowOutcome] = []
    try:
        for row in _rows(path, (key, *kind.columns)):
            outcomes.append(kind.read(row))
            if len(outcomes) == _SLICE_ROWS:
                yield outcome_frame(outcomes)
                outcomes = []
    except (_CutShort, csv.Error, UnicodeDecodeError) as error:
        logger.warning("a Bulk result file is cut short (%s)", type(error).__name__)
    yield outcome_frame(outcomes)


def _rows(path: Path, columns: Sequence[str]) -> Iterator[Row]:
    """The named columns of each row, found by the header's names, whatever their case and order."""
    with path.open(encoding="utf-8-sig", newline="") as opened:
        reader = csv.reader(opened, strict=True)
        header = [name.casefold() for name in next(reader, [])]
        if any(column.casefold() not in header for column in columns):
            raise _CutShort
        places = [(column, header.index(column.casefold())) for column in columns]
        for cells in reader:
            if len(cells) != len(header):
                raise _CutShort
            yield {column: cells[place] for column, place in places}
