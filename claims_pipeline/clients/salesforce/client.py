"""The Salesforce client: one door to the org for the rest of the pipeline.

What belongs here: putting the parts of this folder together. Nothing is sent before the first use.
"""

import random
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl

from claims_pipeline.clients.salesforce import bulk_query, reading
from claims_pipeline.clients.salesforce.bulk_job import BulkJobs, JobListener
from claims_pipeline.clients.salesforce.canonical import frame_of_records
from claims_pipeline.clients.salesforce.collections_way import CollectionsWay
from claims_pipeline.clients.salesforce.connection import Connection
from claims_pipeline.clients.salesforce.describe import ObjectDescription, describe
from claims_pipeline.clients.salesforce.identity import OrgIdentity
from claims_pipeline.clients.salesforce.patience import Patience
from claims_pipeline.clients.salesforce.preflight import (
    CLAIM_FIELDS,
    CLAIM_KEY,
    ClaimShape,
    WantedField,
    check_object,
)
from claims_pipeline.clients.salesforce.reading import CLAIMS, MAPPINGS, PAYORS
from claims_pipeline.clients.salesforce.refusals import ObjectMissing
from claims_pipeline.clients.salesforce.session import ApiUsage, SalesforceSession, Timing
from claims_pipeline.clients.salesforce.sign_in import SalesforceLogin, warnings_of
from claims_pipeline.clients.salesforce.writing import BulkSizes, Upsert


class SalesforceClient:
    """Reads and writes one org as one user. Not for several threads at once."""

    def __init__(
        self,
        login: SalesforceLogin,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        jitter: Callable[[], float] = random.random,
        timing: Timing | None = None,
        patience: Patience | None = None,
        sizes: BulkSizes | None = None,
    ) -> None:
        self._login = login
        self._patience = patience or Patience(
            first_poll_seconds=min(1.0, login.poll_seconds),
            longest_poll_seconds=login.poll_seconds,
            job_seconds=login.job_seconds,
        )
        self._sizes = sizes or BulkSizes(threshold=login.bulk_threshold, jobs_at_once=login.jobs_at_once)
        session = SalesforceSession(
            ca_bundle=login.ca_bundle, timing=timing, clock=clock, sleep=sleep, jitter=jitter
        )
        self._connection = Connection(login, session, now=now)
        self._described: dict[str, ObjectDescription] = {}

    def sign_in(self) -> OrgIdentity:
        """Signs in (once; a later call answers from memory) and says who we are."""
        return self._connection.identity

    @property
    def warnings(self) -> tuple[str, ...]:
        """What an operator should know about how we sign in."""
        return warnings_of(self._login)

    @property
    def api_usage(self) -> ApiUsage | None:
        """The org's API calls as its last answer told; None before the first."""
        return self._connection.session.api_usage

    @property
    def api_calls(self) -> int:
        """How many requests this client has sent, repeats included."""
        return self._connection.session.requests_made

    def close(self) -> None:
        """Drops the connections. The client must not be used after."""
        self._connection.close()

    def describe(self, sobject: str) -> ObjectDescription:
        """The object as the signed-in user sees it; asked once. Raises ObjectMissing."""
        if sobject not in self._described:
            self._described[sobject] = describe(self._connection, sobject)
        return self._described[sobject]

    def preflight(
        self,
        sobject: str = CLAIMS,
        *,
        key: str = CLAIM_KEY,
        wanted: Collection[WantedField] = CLAIM_FIELDS,
        left_alone: Collection[str] = (),
    ) -> ClaimShape:
        """What a sync may write; raises OrgNotReady with every problem in one message, before a row is sent."""
        return check_object(self.describe(sobject), key=key, wanted=wanted, left_alone=left_alone)

    def query(self, soql: str, *, deleted_too: bool = False) -> Iterator[dict[str, Any]]:
        """Every record of a query; numbers as Decimal. Literals must be escaped (`soql_text`).

        `deleted_too`: records in the recycle bin as well.
        """
        return reading.query(self._connection, soql, deleted_too=deleted_too)

    def count(self, soql: str) -> int:
        """The number that `SELECT COUNT() ...` gives."""
        return reading.count(self._connection, soql)

    def read_payors(self) -> pl.DataFrame:
        """The payors: `id`, `name`, `payor_id`."""
        return reading.read_payors(self._connection, self.describe(PAYORS))

    def read_mappings(self) -> pl.DataFrame | None:
        """The mapping table (columns: `reading.MAPPING_COLUMNS`); None where the org has no such object."""
        try:
            description = self.describe(MAPPINGS)
        except ObjectMissing:
            return None
        return reading.read_mappings(self._connection, description)

    def read_claims(self, keys: Sequence[str], fields: Sequence[str]) -> pl.DataFrame:
        """The org's claims with these claim numbers, as canonical text columns in the order of `fields`."""
        return reading.read_by_keys(
            self._connection, self.describe(CLAIMS), key=CLAIM_KEY, keys=keys, fields=fields
        )

    def read_by_keys(
        self, sobject: str, key: str, keys: Sequence[str], fields: Sequence[str]
    ) -> pl.DataFrame:
        """The records whose `key` is among `keys`, in the form of `read_claims`."""
        return reading.read_by_keys(
            self._connection, self.describe(sobject), key=key, keys=keys, fields=fields
        )

    def read_few(self, sobject: str, fields: Sequence[str], *, where: str, most: int) -> pl.DataFrame:
        """At most so many records of an object, in the form of `read_claims`."""
        description = self.describe(sobject)
        soql = f"SELECT {', '.join(fields)} FROM {sobject} WHERE {where} LIMIT {most}"
        return frame_of_records(list(self.query(soql)), fields, description)

    def download_claims(
        self, fields: Sequence[str], *, where: str | None, work_folder: Path
    ) -> Iterator[pl.DataFrame]:
        """The org's claims by a Bulk query (see `download`)."""
        return self.download(CLAIMS, fields, where=where, work_folder=work_folder)

    def download(
        self, sobject: str, fields: Sequence[str], *, where: str | None, work_folder: Path
    ) -> Iterator[pl.DataFrame]:
        """An object's records by a Bulk query, as slices in the form of `read_claims`.

        All are on disk below `work_folder`, and counted, before the first slice is given; each part is deleted once
        it was given.
        """
        downloaded = bulk_query.download(
            self._connection,
            self.describe(sobject),
            fields,
            where=where,
            to=work_folder,
            patience=self._patience,
        )
        yield from downloaded.slices()

    def upsert(
        self,
        sobject: str,
        external_id_field: str,
        slices: Iterable[pl.DataFrame],
        *,
        work_folder: Path,
        on_job: JobListener | None = None,
        before_batch: Callable[[], None] | None = None,
    ) -> Iterator[pl.DataFrame]:
        """Sends payload slices and gives outcome slices: each key exactly once, in whatever order.

        Few rows go by Collections, many by Bulk jobs; slices are asked for while earlier ones are on their way.
        `on_job` hears of each Bulk job, first of all before it can write; `before_batch` is called before every write
        and every repeat of one, and may raise to stop.
        """
        jobs = BulkJobs(
            self._connection,
            sobject,
            external_id_field,
            on_job=on_job,
            before_batch=before_batch,
            patience=self._patience,
        )
        upsert = Upsert(
            self._connection,
            self.describe(sobject),
            external_id_field,
            work_folder=work_folder,
            jobs=jobs,
            batch_size=self._login.batch_size,
            before_batch=before_batch,
            sizes=self._sizes,
        )
        return upsert.run(slices)

    def upsert_few(
        self,
        sobject: str,
        external_id_field: str,
        payload: pl.DataFrame,
        *,
        before_batch: Callable[[], None] | None = None,
    ) -> pl.DataFrame:
        """Sends a payload of at most one batch by Collections, whatever the sizes say; its outcomes."""
        way = CollectionsWay(
            self._connection,
            self.describe(sobject),
            external_id_field,
            batch_size=self._login.batch_size,
            before_batch=before_batch,
        )
        return way.send(payload)

    def end_job(self, job_id: str, *, abort: bool = True) -> str:
        """Makes sure that an ingest job of an earlier run writes no more; its last state, or `Gone`.

        Without `abort` a job that runs is waited for.
        """
        return BulkJobs(self._connection, CLAIMS, CLAIM_KEY, patience=self._patience).end(job_id, abort=abort)
