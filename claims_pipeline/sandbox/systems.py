"""The whole sandbox: CollaborateMD, Salesforce and DynamoDB side by side, and the settings that lead to them.

What belongs here: starting, filling and stopping all three. Not here: how each behaves.
"""

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Self

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from claims_pipeline.sandbox import collaboratemd
from claims_pipeline.sandbox.dynamodb import LocalDynamoDB, serve_dynamodb
from claims_pipeline.sandbox.faults import FaultsAndLog
from claims_pipeline.sandbox.payor_list import payor_records
from claims_pipeline.sandbox.salesforce.app import create_app
from claims_pipeline.sandbox.salesforce.bulk_api import BulkApi
from claims_pipeline.sandbox.salesforce.metadata import bare_schema, read_older_schema, read_schema
from claims_pipeline.sandbox.salesforce.org import Org, guard_from_new_users
from claims_pipeline.sandbox.salesforce.permissions import read_permission_sets
from claims_pipeline.sandbox.salesforce.settings import ADMIN_USERNAME, INTEGRATION_USERNAME, OrgSettings
from claims_pipeline.sandbox.serving import LocalAuthority, Served, serve

PARTNER = ("sandbox-partner", "sandbox-password")
_ROWS_A_TRANSACTION = 200
REPORT_ID, RECENT_FILTER_ID, FULL_FILTER_ID = "10010", "20020", "20021"


@dataclass(frozen=True)
class SandboxCustomer:
    """A customer of the sandbox: its number, name, and whether its filters return whole claims (charge reports)."""

    number: str
    name: str
    claim_complete: bool = True


class OrgAge(StrEnum):
    """What the Salesforce org has from the start."""

    STANDING = "standing"  # everything of ours, visible to all
    OLDER = (
        "older"  # the predecessor's Claim__c and Claim_Payor__c alone; the integration user sees neither yet
    )
    BARE = "bare"  # nothing but what Salesforce brings


class Sandbox:
    """All three systems on free loopback ports. `environment` holds the settings that lead to them."""

    def __init__(
        self,
        folder: Path,
        *,
        customers: tuple[SandboxCustomer, ...],
        seed: int = 1,
        payors: bool = True,
        org: OrgAge = OrgAge.STANDING,
    ) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)  # the org's claims may be a person's own report
        self.folder = folder
        self.customers = customers
        self._authority = LocalAuthority(folder / "certificates")
        self._private_key = folder / "certificates" / "integration.key"
        public_key = _write_key(self._private_key)
        (folder / "reports").mkdir(exist_ok=True)
        self.reports = collaboratemd.ReportShelf(folder / "reports")
        self.org = _org(org, public_key, folder / "org.sqlite")
        self.collaboratemd_wire = FaultsAndLog(
            collaboratemd.create_app(self.reports, partners=dict([PARTNER]))
        )
        self.bulk = BulkApi(self.org)
        self.salesforce_wire = FaultsAndLog(create_app(self.org, bulk=self.bulk))
        self.collaboratemd: Served = serve(self.collaboratemd_wire, certificate=self._authority.certificate)
        self.salesforce: Served = serve(self.salesforce_wire, certificate=self._authority.certificate)
        self.dynamodb: LocalDynamoDB = serve_dynamodb()
        if payors and org is not OrgAge.BARE:
            self.add_payors(payor_records(seed))

    def put_report(self, customer: str, content: bytes | Path, filter_id: str = RECENT_FILTER_ID) -> None:
        """Save or replace a customer's report (CSV) under one of its filters."""
        self.reports.put(customer, REPORT_ID, filter_id, content)

    def add_payors(self, records: list[dict[str, str | None]]) -> None:
        """Create `Claim_Payor__c` records, as the admin."""
        admin = self.org.user(ADMIN_USERNAME)
        assert admin is not None
        for first in range(0, len(records), _ROWS_A_TRANSACTION):
            self.org.insert(admin, "Claim_Payor__c", records[first : first + _ROWS_A_TRANSACTION])

    def environment(self) -> dict[str, str]:
        """The settings of a pipeline that works against this sandbox."""
        config = self.folder / "claims.toml"
        config.write_text(_claims_toml(self.customers))
        return {
            "CLAIMS_CONFIG": str(config),
            "CLAIMS_STORAGE": str(self.folder / "storage"),
            "CLAIMS_CA_BUNDLE": str(self._authority.ca_file),
            "COLLABORATEMD_API_BASE_URL": self.collaboratemd.url,
            "COLLABORATEMD_USERNAME": PARTNER[0],
            "COLLABORATEMD_PASSWORD": PARTNER[1],
            "COLLABORATEMD_POLL_SECONDS": "0.1",
            "SALESFORCE_DOMAIN": self.salesforce.url,
            "SALESFORCE_USERNAME": INTEGRATION_USERNAME,
            "SALESFORCE_CONSUMER_KEY": self.org.settings.consumer_key,
            "SALESFORCE_PRIVATE_KEY": str(self._private_key),
            "SALESFORCE_POLL_SECONDS": "0.2",
            **self.dynamodb.environment(),
        }

    def close(self) -> None:
        """Stop all three."""
        for server in (self.collaboratemd, self.salesforce, self.dynamodb, self.org):
            server.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _org(age: OrgAge, public_key: str, database: Path) -> Org:
    """The org, and what its integration user may see of it: in an older one nothing, until sets are assigned."""
    schemas = {OrgAge.STANDING: read_schema, OrgAge.OLDER: read_older_schema, OrgAge.BARE: bare_schema}
    org = Org(
        schemas[age](),
        clock=lambda: datetime.now(UTC),
        settings=OrgSettings(certificate=public_key, daily_api_requests=1_000_000),
        permission_sets=read_permission_sets() if age is OrgAge.STANDING else (),
        database=database,
    )
    if age is OrgAge.OLDER:
        guard_from_new_users(org)
    return org


def _write_key(path: Path) -> str:
    """A new RSA key for the integration user, as a private file; its public key in PEM."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    path.touch(mode=0o600)
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return public.decode()


def _claims_toml(customers: tuple[SandboxCustomer, ...]) -> str:
    tables = []
    for customer in customers:
        complete = json.dumps(customer.claim_complete)
        tables.append(
            f'[customers."{customer.number}"]\nname = {json.dumps(customer.name)}\nreport = "{REPORT_ID}"\n'
            f'filters = [\n  {{ id = "{RECENT_FILTER_ID}", kind = "recent", claim_complete = {complete} }},\n'
            f'  {{ id = "{FULL_FILTER_ID}", kind = "full", claim_complete = {complete} }},\n]\n'
        )
    return "\n".join(tables)


def as_exports(environment: Mapping[str, str]) -> str:
    """The settings as a shell reads them."""
    return "\n".join(f"export {name}={shlex.quote(value)}" for name, value in environment.items())
