"""Upserts: payload slices in, one outcome a record out, by Collections or by Bulk as the size asks.

What belongs here: the choice of the way, and sending again what a Bulk job left. Both ways must leave the same org
and the same outcomes. Not here: what is sent (`claims.compare`).
"""

import logging
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import polars as pl

from claims_pipeline.clients.salesforce.bulk_job import BulkJobs, EndedJob, RunningJob
from claims_pipeline.clients.salesforce.bulk_results import read_results
from claims_pipeline.clients.salesforce.collections_way import CollectionsWay
from claims_pipeline.clients.salesforce.connection import Connection
from claims_pipeline.clients.salesforce.describe import ObjectDescription
from claims_pipeline.clients.salesforce.outcomes import Outcome
from claims_pipeline.clients.salesforce.payload import MOST_FILE_BYTES, MOST_FILE_ROWS, JobFile, JobFiles
from claims_pipeline.clients.salesforce.refusals import PASSING_CODES
from claims_pipeline.errors import OutOfTime

logger = logging.getLogger(__name__)

_ROUNDS = 3


@dataclass(frozen=True)
class BulkSizes:
    """From how many records on Bulk is used, how large one job's file may be, and how many jobs run at once."""

    threshold: int = 2_000
    jobs_at_once: int = 3
    file_bytes: int = MOST_FILE_BYTES
    file_rows: int = MOST_FILE_ROWS


class Upsert:
    """One upsert of one object by one external id."""

    def __init__(
        self,
        connection: Connection,
        description: ObjectDescription,
        key: str,
        *,
        work_folder: Path,
        jobs: BulkJobs,
        batch_size: int,
        before_batch: Callable[[], None] | None = None,
        sizes: BulkSizes | None = None,
    ) -> None:
        self._connection = connection
        self._description = description
        self._key = key
        self._folder = work_folder
        self._batch_size = batch_size
        self._jobs = jobs
        self._sizes = sizes or BulkSizes()
        self._collections = CollectionsWay(
            connection, description, key, batch_size=batch_size, before_batch=before_batch
        )

    def run(self, slices: Iterable[pl.DataFrame]) -> Iterator[pl.DataFrame]:
        """Outcome slices; all the outcomes together have each key of the payload exactly once.

        How many rows there are chooses the way: no more of the payload is read ahead than that takes.
        """
        ahead: list[pl.DataFrame] = []
        rest = iter(slices)
        for payload in rest:
            ahead.append(payload)
            if sum(each.height for each in ahead) >= self._sizes.threshold:
                yield from self._by_jobs(chain(ahead, rest))
                return
        for payload in full_batches(ahead, self._batch_size):
            yield self._collections.send(payload)

    def _by_jobs(self, slices: Iterable[pl.DataFrame]) -> Iterator[pl.DataFrame]:
        """Several jobs at once: while Salesforce works on them, the next file is written, and the oldest is read."""
        files = self._files("upsert")
        running: deque[RunningJob] = deque()
        try:
            for file in files.write(self._by_parent(payload) for payload in slices):
                running.append(self._started(file))
                if len(running) == self._sizes.jobs_at_once:
                    yield self._by_bulk(running.popleft()).drop("folded")
                yield from self._aside(files)
            while running:
                yield self._by_bulk(running.popleft()).drop("folded")
            yield from self._aside(files)
        except OutOfTime:  # they go on, and the continuation waits for them
            for left in running:
                left.file.path.unlink(missing_ok=True)
            running.clear()
            raise
        finally:
            for left in running:
                self._jobs.leave(left.job_id)
                left.file.path.unlink(missing_ok=True)

    def _files(self, name: str) -> JobFiles:
        return JobFiles(
            self._folder,
            self._key,
            name=name,
            most_bytes=self._sizes.file_bytes,
            most_rows=self._sizes.file_rows,
        )

    def _by_parent(self, payload: pl.DataFrame) -> pl.DataFrame:
        """Records of one parent side by side, so that fewer of Salesforce's chunks wait for the same lock."""
        parents = [name for name in payload.columns if self._description.type_of(name) == "reference"]
        return payload.sort(parents, nulls_last=True, maintain_order=True) if parents else payload

    def _aside(self, files: JobFiles) -> Iterator[pl.DataFrame]:
        """What Bulk cannot carry, by Collections."""
        while files.aside:
            yield self._collections.send(files.aside.pop())

    def _started(self, file: JobFile) -> RunningJob:
        try:
            return self._jobs.start(file)
        except BaseException:
            file.path.unlink(missing_ok=True)
            raise

    def _by_bulk(self, running: RunningJob) -> pl.DataFrame:
        """One outcome for each key of the job's file. What it left or lost is sent again, a few times."""
        file = running.file
        try:
            outcomes = self._finished(running)
            for attempt in range(1, _ROUNDS + 1):
                again = outcomes.filter(_may_be_sent_again()).get_column("folded")
                if again.is_empty():
                    break
                session = self._connection.session
                session.sleep(session.timing.wait_seconds(attempt, session.jitter()))
                logger.info("%d record(s) of a Bulk job are sent again", len(again))
                outcomes = _settled(outcomes, self._again(file, frozenset(again), attempt))
            return outcomes
        finally:
            file.path.unlink(missing_ok=True)

    def _finished(self, running: RunningJob) -> pl.DataFrame:
        outcomes: list[pl.DataFrame] = []

        def take(job: EndedJob) -> None:
            results = read_results(self._connection, job, running.file, key=self._key, folder=self._folder)
            outcomes.append(results)

        self._jobs.finish(running, take)
        return outcomes[0]

    def _again(self, file: JobFile, folded: frozenset[str], attempt: int) -> pl.DataFrame:
        if len(folded) < self._sizes.threshold:
            sent = [self._collections.send(payload) for payload in file.payload(folded)]
        else:
            files = self._files(f"{file.path.stem}_again_{attempt}")
            sent = []
            for again in files.write(file.payload(folded)):
                try:
                    sent.append(self._finished(self._jobs.start(again)).drop("folded"))
                finally:
                    again.path.unlink(missing_ok=True)
        return pl.concat(sent)


def full_batches(slices: Iterable[pl.DataFrame], batch_size: int) -> Iterator[pl.DataFrame]:
    """The same rows in frames of a whole number of batches, so that many small slices cost few calls."""
    waiting: list[pl.DataFrame] = []
    for payload in slices:
        if waiting and waiting[0].columns != payload.columns:
            yield pl.concat(waiting)
            waiting = []
        rows = pl.concat([*waiting, payload])
        whole = rows.height - rows.height % batch_size
        if whole:
            yield rows.head(whole)
        waiting = [rows.tail(rows.height - whole)]
    yield from (rest for rest in waiting if rest.height)


def _may_be_sent_again() -> pl.Expr:
    """Left, lost, or refused for a reason that passes: the job has ended, so sending again cannot race it."""
    return pl.col("outcome").is_in([Outcome.UNPROCESSED, Outcome.UNKNOWN]) | (
        (pl.col("outcome") == Outcome.REFUSED) & pl.col("code").is_in(list(PASSING_CODES))
    )


def _settled(outcomes: pl.DataFrame, later: pl.DataFrame) -> pl.DataFrame:
    """The outcomes with the later ones in the place of theirs."""
    return pl.concat(
        [
            outcomes.join(later, on="key", how="anti"),
            outcomes.select("key", "folded").join(later, on="key", how="inner").select(outcomes.columns),
        ]
    )
