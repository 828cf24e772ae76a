"""The stage: one sandbox that can be set back to how it stood, so that hundreds of deaths start from the same day.

What belongs here: the world around the process (org, report, state, storage), kept and set back. Not here: which
process dies where (`sweep`), what must be true then (`judging`).
"""

import shutil
import sqlite3
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3

from claims_pipeline.clients.sync_state.items import CustomerState, customer_state
from claims_pipeline.sandbox.collaboratemd.shelf import Script
from claims_pipeline.sandbox.salesforce.bulk_jobs import BulkScript, Job
from claims_pipeline.sandbox.salesforce.rows import RowError
from claims_pipeline.sandbox.salesforce.scripts import Refusal
from claims_pipeline.sandbox.salesforce.writing import Written
from claims_pipeline.sandbox.systems import (
    FULL_FILTER_ID,
    RECENT_FILTER_ID,
    REPORT_ID,
    Sandbox,
    SandboxCustomer,
)
from claims_pipeline_tests.command_line import PLAIN
from claims_pipeline_tests.faults.days import MAPPED_KEY, Day
from claims_pipeline_tests.town import FIRST, Town

FAST = {
    "CLAIMS_LEASE_SECONDS": "0.6",
    "COLLABORATEMD_POLL_SECONDS": "0.02",
    "SALESFORCE_POLL_SECONDS": "0.02",
}
"""Settings of the sweep: a dead run's lease is soon over, and nobody waits long between two polls."""

Item = dict[str, Any]
Record = dict[str, Any]


@dataclass(frozen=True)
class Kept:
    """How the world stood."""

    org: sqlite3.Connection | None
    """None: the org stays as it is."""
    state: list[Item]
    """Without an item there is no table either."""
    storage: Path

    @classmethod
    def nothing(cls, folder: Path) -> "Kept":
        """As if nothing had ever run."""
        folder.mkdir()
        return cls(None, [], folder)


class Stage:
    """A town with one customer at work, and the tools to set it back."""

    def __init__(self, town: Town, folder: Path) -> None:
        self.town = town
        self.folder = folder
        folder.mkdir()
        self.environment: dict[str, str] = {}
        self._open: list[sqlite3.Connection] = []
        self._dynamodb = boto3.client(
            "dynamodb",
            region_name="us-east-1",
            endpoint_url=town.sandbox.dynamodb.url,
            aws_access_key_id="sandbox",
            aws_secret_access_key="sandbox",
        )
        self._payors = sorted(town.payors().values())
        for filter_id in (RECENT_FILTER_ID, FULL_FILTER_ID):
            town.sandbox.reports.script(FIRST, REPORT_ID, filter_id, Script.ready_after(1))
        self._jobs_before: set[str] = set()
        self._job_script = town.sandbox.bulk.ingest.script
        self.start_anew(Kept.nothing(self._new_folder("nothing")))

    @property
    def storage(self) -> Path:
        """The pipeline's private storage."""
        return Path(self.environment["CLAIMS_STORAGE"])

    @property
    def written(self) -> list[Written]:
        """Every record written to the org since the stage was set."""
        return self.town.sandbox.org.written or []

    def keep(self) -> Kept:
        """Remember how all stands now."""
        org = self.town.sandbox.org
        kept = sqlite3.connect(":memory:", check_same_thread=False)
        with org.lock:
            org.connection.backup(kept)
        self._open.append(kept)
        storage = self._new_folder("kept")
        shutil.copytree(self.storage, storage)
        return Kept(kept, self.items(), storage)

    def start_anew(self, kept: Kept) -> None:
        """Set all back to how it stood, with a storage and a table of its own."""
        sandbox = self.town.sandbox
        self.work_on_jobs()
        self.release_jobs()
        self._jobs_before = {job.id for job in sandbox.bulk.ingest.all()}
        sandbox.reports.free_slots()
        if kept.org is not None:
            with sandbox.org.lock:
                kept.org.backup(sandbox.org.connection)
        self._move_to(f"state-{uuid.uuid4().hex}", self._new_folder("storage"))
        shutil.copytree(kept.storage, self.storage)
        if kept.state:
            self._fill(kept.state)
        self.forget()

    def dawn(self, day: Day) -> None:
        """The day's report is there, its payor is mapped, and the org refuses what it refuses."""
        town, org = self.town, self.town.sandbox.org
        town.put(day.report)
        if day.mapped_to is not None:
            town.map(MAPPED_KEY, self.payor(day.mapped_to))
        org.scripts.refusals[:] = [
            Refusal("Claim__c", number, RowError("FIELD_CUSTOM_VALIDATION_EXCEPTION", "No."))
            for number in sorted(day.refused)
        ]

    def forget(self) -> None:
        """Begin new logs."""
        sandbox = self.town.sandbox
        for log in (sandbox.collaboratemd_wire, sandbox.salesforce_wire, sandbox.dynamodb):
            log.clear_log()
        sandbox.org.written = []

    def payor(self, place: int) -> str:
        """The record id of one of the org's payors."""
        return self._payors[place]

    def hold_jobs_from(self, nth: int) -> None:
        """Salesforce is slow from the `nth` closed job on: it comes to those only when they are released."""
        self.town.sandbox.bulk.ingest.script = _Slow(nth)

    def work_on_jobs(self) -> None:
        """Salesforce is quick again for jobs closed from now on; those held stay held."""
        self.town.sandbox.bulk.ingest.script = self._job_script

    def release_jobs(self) -> None:
        """Salesforce comes to the jobs that it held, however old."""
        ingest = self.town.sandbox.bulk.ingest
        ingest.release()
        for job in ingest.all():
            ingest.settle(job)

    def jobs(self) -> list[Job]:
        """The org's ingest jobs since the stage was set."""
        return [job for job in self.town.sandbox.bulk.ingest.all() if job.id not in self._jobs_before]

    def claims(self) -> dict[str, Record]:
        """The org's claims in use, by number, as they are stored."""
        records = self.town.sandbox.org.records("Claim__c")
        return {str(each["Claim_Number__c"]): dict(each) for each in records if not each["IsDeleted"]}

    def items(self) -> list[Item]:
        """Every item of the sync state, as DynamoDB holds it; none where there is no table yet."""
        try:
            found = self._dynamodb.scan(TableName=self.environment["DYNAMODB_TABLE_NAME"])
        except self._dynamodb.exceptions.ResourceNotFoundException:
            return []
        return list(found["Items"])

    def state(self) -> CustomerState:
        """The customer's state."""
        return state_in(self.items())

    def close(self) -> None:
        """Let go of the state and of what was kept."""
        for opened in (self._dynamodb, *self._open):
            opened.close()

    def _move_to(self, table: str, storage: Path) -> None:
        """Another table and another storage; the old storage goes."""
        if self.environment:
            shutil.rmtree(self.storage, ignore_errors=True)
        own = {"CLAIMS_STORAGE": str(storage), "DYNAMODB_TABLE_NAME": table}
        self.environment = {**PLAIN, **self.town.environment, **own}

    def _fill(self, items: list[Item]) -> None:
        table = self.environment["DYNAMODB_TABLE_NAME"]
        self._dynamodb.create_table(
            TableName=table,
            AttributeDefinitions=[{"AttributeName": "sync_id", "AttributeType": "S"}],
            KeySchema=[{"AttributeName": "sync_id", "KeyType": "HASH"}],
            BillingMode="PAY_PER_REQUEST",
        )
        for item in items:
            self._dynamodb.put_item(TableName=table, Item=item)

    def _new_folder(self, purpose: str) -> Path:
        """A path that nothing stands at."""
        return self.folder / f"{purpose}-{uuid.uuid4().hex}"


class _Slow(BulkScript):
    """A script that lets the first jobs run and holds the others."""

    def __init__(self, nth: int) -> None:
        self._left = nth - 1
        super().__init__()

    @property
    def hold(self) -> bool:  # type: ignore[override]  # read once a job, when it is closed
        self._left -= 1
        return self._left < 0

    @hold.setter
    def hold(self, value: bool) -> None:
        """Nobody sets it."""


def state_in(items: Sequence[Item]) -> CustomerState:
    """The customer's state among the items."""
    return customer_state(FIRST, item_in(items, FIRST))


def item_in(items: Sequence[Item], sync_id: str) -> Item:
    """One item; empty where it is not there."""
    return next((item for item in items if item["sync_id"] == {"S": sync_id}), {})


@contextmanager
def staged(folder: Path, settings: Mapping[str, str]) -> Iterator[Stage]:
    """A stage on a sandbox of its own, with one customer and a handful of payors."""
    customers = (SandboxCustomer(FIRST, "Riverside"),)
    with Sandbox(folder / "town", customers=customers, payors=False) as sandbox, ExitStack() as runs:
        sandbox.add_payors([{"Name": f"PAYOR {number}"} for number in range(5)])
        stage = Stage(Town(sandbox, {**sandbox.environment(), **FAST, **settings}, runs), folder / "stage")
        try:
            yield stage
        finally:
            stage.close()
