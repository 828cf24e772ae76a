"""Whole tables by a Bulk API 2.0 query: to disk in parts, then slice by slice.

What belongs here: the query job, paging by locator, and the proof that every record came. Not here: what is asked
(`client`), nor small reads (`reading`).
"""

import logging
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from claims_pipeline.clients.salesforce.canonical import canonical_columns
from claims_pipeline.clients.salesforce.connection import Connection
from claims_pipeline.clients.salesforce.describe import ObjectDescription
from claims_pipeline.clients.salesforce.patience import Patience, Waiting
from claims_pipeline.clients.salesforce.refusals import LATER, SalesforceUnavailable, UnexpectedAnswer
from claims_pipeline.errors import ClaimsPipelineError, DeadlineExceeded

logger = logging.getLogger(__name__)

PART_RECORDS = 50_000
_JOB_ID = re.compile(r"[A-Za-z0-9]{15,18}")
_DOWNLOADS = 3
_READ_BYTES = 1024 * 1024
_LEAVING_ATTEMPTS = 2


@dataclass(frozen=True)
class DownloadedRecords:
    """Records on disk, in CSV parts as Salesforce gave them."""

    folder: Path
    parts: tuple[Path, ...]
    records: int
    fields: tuple[str, ...]
    description: ObjectDescription

    def slices(self) -> Iterator[pl.DataFrame]:
        """The records in canonical text columns in the order of `fields`, a part at a time, deleted after."""
        for part in self.parts:
            yield canonical_columns(_read(part).select(self.fields), self.description)
            part.unlink()


def download(
    connection: Connection,
    description: ObjectDescription,
    fields: Sequence[str],
    *,
    where: str | None,
    to: Path,
    patience: Patience,
    part_records: int = PART_RECORDS,
) -> DownloadedRecords:
    """Runs the query and streams its results into `to`. Raises unless every record that the job counted is there."""
    soql = f"SELECT {', '.join(fields)} FROM {description.name}" + (f" WHERE {where}" if where else "")
    to.mkdir(parents=True, exist_ok=True)
    job_id = _create(connection, soql)
    ended = False
    try:
        total = _wait(connection, job_id, patience)
        ended = True
    finally:
        if not ended:
            _leave(connection, job_id)
    parts = tuple(_parts(connection, job_id, to, part_records))
    records = sum(count for _, count in parts)
    if records != total:
        raise UnexpectedAnswer(
            f"Salesforce's Bulk query {job_id} counted {total} records and gave {records}, so nothing was compared."
        )
    return DownloadedRecords(to, tuple(path for path, _ in parts), records, tuple(fields), description)


def _create(connection: Connection, soql: str) -> str:
    told = connection.call(
        "create a Bulk query",
        "POST",
        "jobs/query",
        body={"operation": "query", "query": soql},
        repeatable=True,  # a query that nobody fetches does no harm
    )
    job_id = told.get("id") if isinstance(told, dict) else None
    if not isinstance(job_id, str) or not _JOB_ID.fullmatch(job_id):
        raise UnexpectedAnswer("Salesforce's answer to a new Bulk query holds no job id.")
    return job_id


def _wait(connection: Connection, job_id: str, patience: Patience) -> int:
    """Waits for the job's end and returns how many records it found."""
    waiting = Waiting(patience, connection.session)
    while True:
        waiting.sleep()
        told: Any = connection.call(f"look at Bulk query {job_id}", "GET", f"jobs/query/{job_id}")
        state = told.get("state") if isinstance(told, dict) else None
        if state == "JobComplete":
            return int(told["numberRecordsProcessed"])
        if state in ("Failed", "Aborted"):
            raise SalesforceUnavailable(
                f"Salesforce's Bulk query {job_id} ended as {state}, without records."
            )
        if waiting.is_over:
            raise DeadlineExceeded(
                f"Salesforce's Bulk query {job_id} did not end in time and is aborted. {LATER}"
            )


def _leave(connection: Connection, job_id: str) -> None:
    try:
        connection.call(
            "abort a Bulk query",
            "PATCH",
            f"jobs/query/{job_id}",
            body={"state": "Aborted"},
            repeatable=True,
            attempts=_LEAVING_ATTEMPTS,
        )
    except ClaimsPipelineError as error:
        logger.warning("Bulk query %s could not be aborted (%s)", job_id, type(error).__name__)


def _parts(connection: Connection, job_id: str, to: Path, part_records: int) -> Iterator[tuple[Path, int]]:
    """Each page of the results on disk, and how many records it holds."""
    locator: str | None = None
    number = 0
    while True:
        path = to / f"part_{number:05}.csv"
        count, following = _part(connection, job_id, path, locator, part_records)
        yield path, count
        if following is None:
            return
        if following == locator:
            raise UnexpectedAnswer(f"Salesforce's Bulk query {job_id} gives the same page again and again.")
        locator, number = following, number + 1


def _part(
    connection: Connection, job_id: str, path: Path, locator: str | None, part_records: int
) -> tuple[int, str | None]:
    """One page to disk, proved by its own count; a page that is not whole is asked for again."""
    params = {"maxRecords": str(part_records)} | ({"locator": locator} if locator else {})
    for _ in range(_DOWNLOADS):
        headers = connection.download(
            "read a Bulk query's records", f"jobs/query/{job_id}/results", path, params=params
        )
        said = headers.get("Sforce-NumberOfRecords")
        found = _count(path)
        if said is not None and said.isdigit() and found == int(said):
            following = headers.get("Sforce-Locator", "null")
            return found, None if following == "null" else following
        logger.warning("a page of Bulk query %s is not whole: %s of %s records", job_id, found, said)
    raise UnexpectedAnswer(f"A page of Salesforce's Bulk query {job_id} came cut short, {_DOWNLOADS} times.")


def _count(path: Path) -> int | None:
    """How many records the page holds; None where it breaks off within one."""
    try:
        return _read(path).height if _ends_with_a_record(path) else None
    except UnexpectedAnswer:
        return None


def _ends_with_a_record(path: Path) -> bool:
    """Whether the file ends with a line end outside quotes: polars fills up a broken last row without a word."""
    quotes, last = 0, b""
    with path.open("rb") as opened:
        while chunk := opened.read(_READ_BYTES):
            quotes += chunk.count(b'"')
            last = chunk[-1:]
    return last == b"\n" and quotes % 2 == 0


def _read(path: Path) -> pl.DataFrame:
    """A part as text columns; polars' own words would quote cells, so they are not passed on."""
    if path.stat().st_size == 0:
        raise UnexpectedAnswer("A page of Salesforce's Bulk query is empty.")
    try:
        return pl.read_csv(path, infer_schema=False)
    except (pl.exceptions.PolarsError, UnicodeDecodeError):
        raise UnexpectedAnswer("A page of Salesforce's Bulk query cannot be read as CSV.") from None
