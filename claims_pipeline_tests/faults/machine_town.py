"""The machine's town: an org, a source, a state table, a clock, and two workers over one storage.

What belongs here: the steps of the pipeline as a worker takes them, the people's acts, and looking at what stands. Not
here: what must be true (`machine_model`), nor in which order things happen (`test_state_machine`).
"""

import sqlite3
import uuid
import zipfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from claims_pipeline.clients.salesforce import SalesforceClient, SalesforceLogin
from claims_pipeline.clients.sync_state import SyncState
from claims_pipeline.sandbox.salesforce.app import create_app
from claims_pipeline.sandbox.salesforce.bulk_api import BulkApi
from claims_pipeline.sandbox.salesforce.metadata import read_schema
from claims_pipeline.sandbox.salesforce.org import Org
from claims_pipeline.sandbox.salesforce.record_ids import new_id
from claims_pipeline.sandbox.salesforce.rows import RowError
from claims_pipeline.sandbox.salesforce.schema import FieldSchema, FieldType
from claims_pipeline.sandbox.salesforce.scripts import Refusal
from claims_pipeline.sandbox.salesforce.settings import ADMIN_USERNAME
from claims_pipeline.sandbox.systems import FULL_FILTER_ID, RECENT_FILTER_ID, Sandbox
from claims_pipeline.settings import FilterKind
from claims_pipeline.storage.frames import StampedFrame
from claims_pipeline.sync.connections import Connections, connect, read_settings
from claims_pipeline.sync.fetching.fetch import fetch
from claims_pipeline.sync.options import SyncOptions
from claims_pipeline.sync.payors.mapping import read_payor_mapping
from claims_pipeline.sync.ready import preflight
from claims_pipeline.sync.settling.bring import StoredClaims
from claims_pipeline.sync.settling.settle import settle
from claims_pipeline.sync.settling.synced import Synced
from claims_pipeline.sync.transform import transform
from claims_pipeline_tests.faults.machine_dynamodb import Client, Table
from claims_pipeline_tests.faults.machine_source import PAYORS, Printed, Source
from claims_pipeline_tests.faults.machine_wire import Fate, Wire
from claims_pipeline_tests.given_report import report, row
from claims_pipeline_tests.town import FIRST, SECOND

Record = dict[str, Any]
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
OWN_FIELD = "Notes_For_Appeal__c"
"""A field of the org's own, which the pipeline does not know."""
ORG_PAYORS = {
    "auto": PAYORS["auto"],
    "first": ("Mapped First", "M1"),
    "second": ("Mapped Second", "M2"),
    "hand": ("By Hand", "H1"),
}
LASTING, PASSING = "FIELD_CUSTOM_VALIDATION_EXCEPTION", "UNABLE_TO_LOCK_ROW"
_SILENT: Callable[[str], None] = lambda _: None  # noqa: E731


@dataclass
class Clock:
    """Time that passes only where someone sleeps, or a rule lets it."""

    seconds: float = 0.0

    def monotonic(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        self.seconds += seconds

    def now(self) -> datetime:
        return NOON + timedelta(seconds=self.seconds)


@dataclass
class Worker:
    """One process at a time under a name; after a crash the next begins, with another run id and nothing in hand."""

    name: str
    clock_is_off: timedelta
    lives: int = 0
    connections: Connections | None = None
    raw: StampedFrame | None = None
    ready: StoredClaims | None = None
    has_seen_another_org: bool = False
    """Its process began before the org was replaced: it must stop rather than go on in the new one."""

    @property
    def owner(self) -> str:
        """The run id of its process."""
        return f"{self.name}-{self.lives}"


@dataclass
class MachineTown:
    """Everything that the workers share. Built anew for each example, over one sandbox."""

    sandbox: Sandbox
    wire: Wire
    folder: Path
    by_bulk: bool = False
    clock: Clock = field(default_factory=Clock)
    source: Source = field(default_factory=Source)
    table: Table = field(default_factory=Table)
    refused: dict[str, str] = field(default_factory=dict)
    """Claim -> the code with which the org refuses it now."""

    def __post_init__(self) -> None:
        self.workers = {"A": Worker("A", timedelta()), "B": Worker("B", timedelta(minutes=-7))}
        self._open = ExitStack()
        self._orgs = 0
        self.org = self._new_org(None)
        self.reprint()
        self.sandbox.reports.put(SECOND, "10010", RECENT_FILTER_ID, report(row("S1"), row("S2")))
        own = {
            "CLAIMS_STORAGE": str(self.folder / uuid.uuid4().hex),
            "SALESFORCE_POLL_SECONDS": "60",
            "SALESFORCE_BULK_FROM_ROWS": "1" if self.by_bulk else "1000000",
        }
        environment = {**self.sandbox.environment(), **own}
        config = Path(environment["CLAIMS_CONFIG"])
        thresholds = "thresholds = { least_share_of_last_report = 0 }\nfilters ="
        config.write_text(config.read_text().replace("filters =", thresholds))
        self.settings = read_settings(environment)

    def close(self) -> None:
        """Let go of connections and the org."""
        self._open.close()
        self.bulk.shut_down()
        self.org.close()

    # -- the workers' steps

    def fetch(self, worker: Worker, kind: FilterKind, fate: Fate) -> None:
        """A fetch, stored."""
        with self._work(worker, fate) as (connections, work):
            worker.raw = worker.ready = None
            options, customer = SyncOptions(kind=kind), self.settings.customer(FIRST)
            fetched = fetch(customer, options, connections, work, _SILENT)
            worker.raw = _stored("raw_collaboratemd_claims", fetched, connections)

    def printed(self, sequence: int) -> Printed:
        """What the report of a fetch said: its ZIP is kept, and the source knows each report that it ever printed."""
        (kept,) = Path(str(self.settings.storage)).glob(f"reports/{FIRST}/{sequence:012d}/*.zip")
        with zipfile.ZipFile(kept) as archive:
            (name,) = archive.namelist()
            return self.source.printed[archive.read(name)]

    def transform(self, worker: Worker, raw: StampedFrame, fate: Fate) -> None:
        """Payors are read, and raw rows become claims; all stored."""
        with self._work(worker, fate) as (connections, work):
            worker.ready = None
            payors = read_payor_mapping(connections.salesforce, connections.now(), connections.state.owner)
            connections.storage.write("payor_mapping", payors)
            lengths = preflight(connections).lengths
            done = transform(raw, payors, lengths, connections.storage, work)
            done.require_balance()
            claims = _stored("transformed_claims", done.claims, connections)
            rejected = _stored("rejected_claims", done.rejected, connections)
            worker.ready = StoredClaims(claims, rejected, connections.storage.read("payor_mapping"))

    def settle(self, worker: Worker, ready: StoredClaims, fate: Fate) -> Synced:
        """The claims go to the org, and the cursor moves."""
        with self._work(worker, fate) as (connections, work):
            try:
                return settle(ready, SyncOptions(), connections, work, _SILENT)
            finally:
                self.let_jobs_end()

    def sync_the_other_customer(self, worker: Worker) -> None:
        """One whole sync of the second customer, whose two claims never change."""
        with self._work(worker, Fate()) as (connections, work):
            raw = fetch(self.settings.customer(SECOND), SyncOptions(), connections, work, _SILENT)
            payors = read_payor_mapping(connections.salesforce, connections.now(), connections.state.owner)
            lengths = preflight(connections).lengths
            stored = _stored("raw_collaboratemd_claims", raw, connections)
            (work / "transform").mkdir()
            done = transform(stored, payors, lengths, connections.storage, work / "transform")
            ready = StoredClaims(done.claims, done.rejected, payors)
            (work / "settle").mkdir()
            settle(ready, SyncOptions(), connections, work / "settle", _SILENT)

    def stored(self, name: str) -> StampedFrame:
        """What stands in the storage now, as a step that is rerun alone finds it."""
        return self.of(self.workers["A"]).storage.read(name)

    def of(self, worker: Worker) -> Connections:
        """The worker's connections, made when its process begins."""
        if worker.connections is None:
            worker.lives += 1
            made = self._open.enter_context(connect(self.settings, worker.owner))
            made.salesforce.close()
            made.collaboratemd.close()
            login = SalesforceLogin.from_settings(
                self.settings.salesforce, ca_bundle=str(self.settings.ca_bundle)
            )
            clock, off = self.clock, worker.clock_is_off
            salesforce = SalesforceClient(
                login, clock=clock.monotonic, sleep=clock.sleep, now=clock.now, jitter=lambda: 0.5
            )
            self._open.callback(salesforce.close)
            state = SyncState(
                "machine",
                client=Client(self.table, self.wire.effect),  # type: ignore[arg-type]  # its few methods
                owner=worker.owner,
                clock=lambda: clock.now() + off,
                monotonic=clock.monotonic,
                sleep=clock.sleep,
                jitter=lambda: 0.5,
            )
            worker.connections = replace(
                made, salesforce=salesforce, state=state, now=lambda: clock.now() + off
            )
        return worker.connections

    def ends(self, worker: Worker) -> None:
        """Its process is no more, however it ended; the next one begins with nothing in hand."""
        worker.connections = worker.raw = worker.ready = None
        worker.has_seen_another_org = False

    @contextmanager
    def _work(self, worker: Worker, fate: Fate) -> Iterator[tuple[Connections, Path]]:
        connections = self.of(worker)
        fate.owner = worker.owner
        with self.wire.at_work(fate), connections.storage.work_folder("machine") as work:
            yield connections, work

    # -- the people's acts

    def reprint(self) -> None:
        """The source changed: both filters give something else from now on."""
        for filter_id, is_full in ((RECENT_FILTER_ID, False), (FULL_FILTER_ID, True)):
            self.sandbox.reports.put(FIRST, "10010", filter_id, self.source.print(is_full=is_full))

    def edit(self, claim: str, **fields: object) -> None:
        """Change a claim by hand."""
        (done,) = self.org.update(self._admin, "Claim__c", [{"Id": self.claims()[claim]["Id"], **fields}])
        assert done.success, done.errors

    def delete(self, claim: str) -> None:
        """Delete a claim by hand."""
        (done,) = self.org.delete(self._admin, "Claim__c", [str(self.claims()[claim]["Id"])])
        assert done.success, done.errors

    def map(self, payor: str, to: str | None, *, ignored: bool = False) -> None:
        """A person's word on a payor of the source."""
        target = None if to is None else self.payor_ids[to]
        key = "|".join(PAYORS[payor]).lower()
        mapping = {"Payor_Key__c": key, "Claim_Payor__c": target, "Ignored__c": ignored}
        (done,) = self.org.upsert(self._admin, "Claim_Payor_Mapping__c", "Payor_Key__c", [mapping])
        assert done.success, done.errors

    def refuse(self, claim: str, code: str) -> None:
        """The org takes no write of this claim from now on."""
        self.refused[claim] = code
        self._script()

    def relent(self, claim: str) -> None:
        """It takes it again."""
        self.refused.pop(claim, None)
        self._script()

    def hold_jobs(self, held: bool) -> None:
        """The org lets Bulk jobs wait that are handed over from now on, or runs them at once; those held wait on."""
        self.bulk.script.hold = held

    def release_jobs(self) -> None:
        """The org runs what it held, however late."""
        self.bulk.release()
        self.let_jobs_end()

    def let_jobs_end(self) -> None:
        """Nothing that runs outlives a step, so that every example is the same each time."""
        for job in self.bulk.ingest.all():
            self.bulk.ingest.settle(job)

    def refresh_org(self, *, with_records: bool) -> None:
        """Another org answers behind the same settings: a copy of this one, or one with payors alone."""
        old = self.org
        self.bulk.shut_down()
        self.org = self._new_org(old if with_records else None)
        old.close()
        self._script()
        for worker in self.workers.values():
            worker.has_seen_another_org = worker.connections is not None

    def accept_org(self) -> None:
        """A person says yes to the org that answers now."""
        known = self.table.items["default"]["organization_id"]["S"]
        self.of(self.workers["A"]).state.accept_org(self.organization_id, instead_of=known, by="tester")

    # -- looking on

    @property
    def organization_id(self) -> str:
        """Of the org that answers now."""
        return self.org.settings.organization_id

    @property
    def known_org(self) -> str | None:
        """The org that the state belongs to."""
        known: str | None = self.table.items.get("default", {}).get("organization_id", {}).get("S")
        return known

    def claims(self) -> dict[str, Record]:
        """The first customer's claims that stand in the org, by number."""
        return {
            str(record["Claim_Number__c"]): dict(record)
            for record in self.org.records("Claim__c")
            if not record["IsDeleted"] and not str(record["Claim_Number__c"]).startswith("S")
        }

    def _script(self) -> None:
        self.org.scripts.clear()
        for claim, code in self.refused.items():
            self.org.scripts.refusals.append(Refusal("Claim__c", claim, RowError(code, "no")))

    def _new_org(self, like: Org | None) -> Org:
        self._orgs += 1
        settings = replace(self.sandbox.org.settings, organization_id=new_id("00D", self._orgs + 40))
        database = None if like is None else self._copied(like)
        org = Org(_schema(), clock=self.clock.now, settings=settings, database=database)
        admin = org.user(ADMIN_USERNAME)
        assert admin is not None
        self._admin = admin
        if like is None:
            rows = [{"Name": name, "Payor_ID__c": number} for name, number in ORG_PAYORS.values()]
            made = org.insert(admin, "Claim_Payor__c", rows)
            self.payor_ids = dict(zip(ORG_PAYORS, (str(each.id) for each in made), strict=True))
        self.bulk = BulkApi(org)
        app = create_app(org, bulk=self.bulk)
        self.wire.apps[urlsplit(self.sandbox.salesforce.url).port or 0] = app
        return org

    def _copied(self, org: Org) -> Path:
        """The org's records in a database of their own."""
        path = self.folder / f"{uuid.uuid4().hex}.sqlite"
        with closing(sqlite3.connect(path)) as copy:
            org.connection.backup(copy)
        return path


def _schema() -> Any:
    """Our metadata, and a field that is the org's own."""
    schema = read_schema()
    claim = schema.objects["Claim__c"]
    own = FieldSchema(OWN_FIELD, "Notes for appeal", FieldType.STRING, length=80)
    return schema.replacing(replace(claim, fields={**claim.fields, OWN_FIELD: own}))


def _stored(asset: str, frame: StampedFrame, connections: Connections) -> StampedFrame:
    """Stored and read back, as every step leaves it for the next."""
    name = f"{asset}/{frame.stamp.customer}"
    connections.storage.write(name, frame)
    return connections.storage.read(name)


__all__ = ["FIRST", "SECOND", "MachineTown", "Worker"]
