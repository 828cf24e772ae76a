"""A town: a sandbox with two customers, and a pipeline pointed at it, for journeys and the command line's tests.

What belongs here: filling the sandbox, acting as its people, looking at what stands in it. Not here: what must be true.
"""

import re
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from claims_pipeline.sandbox.collaboratemd.shelf import Wire
from claims_pipeline.sandbox.salesforce.settings import ADMIN_USERNAME
from claims_pipeline.sandbox.systems import FULL_FILTER_ID, RECENT_FILTER_ID, Sandbox, SandboxCustomer
from claims_pipeline.settings import FilterKind
from claims_pipeline.sync.connections import connect, read_settings
from claims_pipeline.sync.options import SyncOptions
from claims_pipeline.sync.whole import WholeSync, sync_customer

FIRST, SECOND = "10001001", "10002002"
_WRITES = re.compile(
    r"/(composite/sobjects|sobjects/(Claim__c|Claim_Payor__c|Claim_Payor_Mapping__c)|jobs/ingest)"
)

_STATUS = "/composite/sobjects/Claim_Sync_Status__c/"


@dataclass
class Town:
    """A sandbox with two customers, and a pipeline pointed at it."""

    sandbox: Sandbox
    environment: dict[str, str]
    runs: ExitStack
    """Every run's connections stay open, so that a test may look at the frames that it read."""

    def put(self, report: bytes | Path, customer: str = FIRST) -> None:
        """Replace a customer's report, under both of its filters."""
        for filter_id in (RECENT_FILTER_ID, FULL_FILTER_ID):
            self.sandbox.put_report(customer, report, filter_id)

    def sync(self, customer: str = FIRST, **options: object) -> WholeSync:
        """One whole sync, as the command line does it."""
        connections = self.runs.enter_context(connect(read_settings(self.environment), uuid.uuid4().hex))
        asked = SyncOptions(**options)  # type: ignore[arg-type]  # a test names what SyncOptions takes
        return sync_customer(connections.settings.customer(customer), asked, connections, lambda _: None)

    def full(self, customer: str = FIRST) -> WholeSync:
        """One full sync."""
        return self.sync(customer, kind=FilterKind.FULL)

    def claims(self) -> dict[str, dict[str, object]]:
        """The org's claims by claim number, as they are stored."""
        return {
            str(record["Claim_Number__c"]): dict(record) for record in self.sandbox.org.records("Claim__c")
        }

    def edit(self, claim_number: str, **fields: object) -> None:
        """Change a claim by hand, as the admin."""
        admin = self.sandbox.org.user(ADMIN_USERNAME)
        assert admin is not None
        row = {"Id": self.claims()[claim_number]["Id"], **fields}
        (result,) = self.sandbox.org.update(admin, "Claim__c", [row])
        assert result.success, result.errors

    def payors(self) -> dict[str, str]:
        """Payor name -> record id."""
        return {
            str(record["Name"]): str(record["Id"]) for record in self.sandbox.org.records("Claim_Payor__c")
        }

    def map(self, payor_key: str, payor: str | None, *, ignored: bool = False) -> None:
        """A person's row of the mapping table."""
        admin = self.sandbox.org.user(ADMIN_USERNAME)
        assert admin is not None
        row = {"Payor_Key__c": payor_key, "Claim_Payor__c": payor, "Ignored__c": ignored}
        (result,) = self.sandbox.org.upsert(admin, "Claim_Payor_Mapping__c", "Payor_Key__c", [row])
        assert result.success, result.errors

    def anew(self, folder: Path, **settings: str) -> "Town":
        """The same sandbox with no fault or script in it, worked on from a storage and a sync state of their own."""
        for wire in (self.sandbox.collaboratemd_wire, self.sandbox.salesforce_wire):
            wire.faults.clear()
            wire.clear_log()
        self.sandbox.org.scripts.clear()
        self.sandbox.reports.wire = Wire()
        own = {"CLAIMS_STORAGE": str(folder / "storage"), "DYNAMODB_TABLE_NAME": f"state-{uuid.uuid4().hex}"}
        return replace(self, environment={**self.environment, **own, **settings})

    def writes(self) -> list[str]:
        """Requests in the org's access log that could write to claims, payors or mappings (the status row apart)."""
        log = self.sandbox.salesforce_wire.log
        return [
            f"{access.method} {access.path}"
            for access in log
            if access.method != "GET" and _WRITES.search(access.path) and _STATUS not in access.path
        ]


@contextmanager
def towns(folder: Path) -> Iterator[Callable[..., Town]]:
    """A function that builds towns, each with the settings it is given; all are closed at the end."""
    with ExitStack() as built:
        count = iter(range(1_000))

        def build(**settings: str) -> Town:
            customers = (SandboxCustomer(FIRST, "Riverside"), SandboxCustomer(SECOND, "Lakeview"))
            sandbox = built.enter_context(Sandbox(folder / f"town-{next(count)}", customers=customers))
            table = {"DYNAMODB_TABLE_NAME": f"state-{uuid.uuid4().hex}"}  # moto's servers share one store
            return Town(sandbox, {**sandbox.environment(), **table, **settings}, built)

        yield build
