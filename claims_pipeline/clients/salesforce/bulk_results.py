"""What a Bulk job did with each row: its three result files, to disk, and then as outcomes.

What belongs here: downloading them whole, reading them by header name and key in little memory, and one outcome for
every key that was sent. A key without exactly one result is `unknown`.
"""

import csv
import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path

import polars as pl

from claims_pipeline.clients.salesforce.bulk_job import EndedJob
from claims_pipeline.clients.salesforce.connection import Connection
from claims_pipeline.clients.salesforce.outcomes import OUTCOME_SCHEMA, Outcome
from claims_pipeline.clients.salesforce.payload import JobFile, fold_key
from claims_pipeline.clients.salesforce.refusals import RequestRefused, row_error_of_bulk

logger = logging.getLogger(__name__)

_DOWNLOADS = 3
_SLICE_ROWS = 20_000
_UNKNOWN_COLUMN = "INVALID_FIELD"

Read = Callable[[pl.DataFrame], pl.DataFrame]
"""Rows of a result file, `key` and the named columns as text, as outcomes (`OUTCOME_SCHEMA`)."""


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
    def taken(rows: pl.DataFrame) -> pl.DataFrame:
        created = pl.col("sf__Created").str.to_lowercase() == "true"
        done = pl.when(created).then(pl.lit(Outcome.CREATED.value)).otherwise(pl.lit(Outcome.UPDATED.value))
        identified = pl.when(pl.col("sf__Id") != "").then("sf__Id")
        return _outcomes(rows, done, salesforce_id=identified)

    def refused(rows: pl.DataFrame) -> pl.DataFrame:
        told = rows.get_column("sf__Error").to_list()
        errors = [row_error_of_bulk(error, sent=file.columns, key=key) for error in told]
        codes, fields = ([error.code for error in errors], [error.fields for error in errors])
        found = pl.DataFrame(
            {"code": codes, "fields": fields}, schema=dict.fromkeys(("code", "fields"), pl.String)
        )
        return _outcomes(
            rows.hstack(found), pl.lit(Outcome.REFUSED.value), code=pl.col("code"), fields=pl.col("fields")
        )

    def left(rows: pl.DataFrame) -> pl.DataFrame:
        if (
            job.unknown_field in file.columns
        ):  # the whole job failed for it, as each row would have by Collections
            code, field = pl.lit(_UNKNOWN_COLUMN), pl.lit(job.unknown_field)
            return _outcomes(rows, pl.lit(Outcome.REFUSED.value), code=code, fields=field)
        return _outcomes(rows, pl.lit(Outcome.UNPROCESSED.value), code=pl.lit(job.code))

    succeeded = job.processed - job.failed
    return (
        _Kind("successfulResults", ("sf__Id", "sf__Created"), succeeded, taken),
        _Kind("failedResults", ("sf__Error",), job.failed, refused),
        _Kind("unprocessedrecords", (), file.keys.height - job.processed, left),
    )


def _outcomes(rows: pl.DataFrame, outcome: pl.Expr, **told: pl.Expr) -> pl.DataFrame:
    columns = {"key": pl.col("key"), "outcome": outcome, **told}
    nothing = pl.lit(None)
    return rows.select(
        columns.get(name, nothing).cast(dtype).alias(name) for name, dtype in OUTCOME_SCHEMA.items()
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
    cells: list[list[str]] = []
    names = ("key", *kind.columns)
    places: list[int] = []
    try:
        with path.open(encoding="utf-8-sig", newline="") as opened:
            reader = csv.reader(opened, strict=True)
            header = [name.casefold() for name in next(reader, [])]
            places = _places(header, (key, *kind.columns))
            for row in reader:
                if len(row) != len(header):
                    raise _CutShort
                cells.append(row)
                if len(cells) == _SLICE_ROWS:
                    yield kind.read(_picked(cells, names, places))
                    cells = []
    except (_CutShort, csv.Error, UnicodeDecodeError) as error:
        logger.warning("a Bulk result file is cut short (%s)", type(error).__name__)
    yield kind.read(_picked(cells, names, places))


def _places(header: Sequence[str], columns: Sequence[str]) -> list[int]:
    """Where each column stands, by the header's names, whatever their case and order."""
    folded = [column.casefold() for column in columns]
    if any(column not in header for column in folded):
        raise _CutShort
    return [header.index(column) for column in folded]


def _picked(cells: Sequence[Sequence[str]], names: Sequence[str], places: Sequence[int]) -> pl.DataFrame:
    schema = dict.fromkeys(names, pl.String)
    if not cells:
        return pl.DataFrame(schema=schema)  # of a file without a whole header, no place is known
    columns = {name: list(map(itemgetter(place), cells)) for name, place in zip(names, places, strict=True)}
    return pl.DataFrame(columns, schema=schema)
