"""An org served over TLS, and clients that trust it.

What belongs here: the org, its clock, the server and signed-in clients. One server a worker serves every test; each
test has an org of its own.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from simple_salesforce.api import Salesforce
from starlette.types import ASGIApp, Receive, Scope, Send

from claims_pipeline.sandbox.faults import FaultsAndLog
from claims_pipeline.sandbox.salesforce.app import create_app
from claims_pipeline.sandbox.salesforce.bulk_api import BulkApi
from claims_pipeline.sandbox.salesforce.metadata import read_schema
from claims_pipeline.sandbox.salesforce.org import Org
from claims_pipeline.sandbox.salesforce.people import User
from claims_pipeline.sandbox.salesforce.settings import ADMIN_USERNAME, INTEGRATION_USERNAME, OrgSettings
from claims_pipeline.sandbox.serving import LocalAuthority, Served, serve

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


class Clock:
    """Stands still until a test moves it."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now

    def forward(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


class CurrentOrg:
    """The app that the one server serves: whichever test's it is."""

    def __init__(self) -> None:
        self.app: ASGIApp | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            assert self.app is not None
            await self.app(scope, receive, send)


@dataclass(frozen=True)
class Keys:
    """The app's key pair, PEM."""

    private: str
    public: str


@pytest.fixture(scope="session")
def keys() -> Keys:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return Keys(private.decode(), public.decode())


@dataclass(frozen=True)
class Server:
    served: Served
    current: CurrentOrg
    ca_file: str


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    authority = LocalAuthority(tmp_path_factory.mktemp("certificates"))
    current = CurrentOrg()
    with serve(current, certificate=authority.certificate) as served:
        yield Server(served, current, str(authority.ca_file))


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def settings(keys: Keys) -> OrgSettings:
    return OrgSettings(certificate=keys.public)


@pytest.fixture
def org(clock: Clock, settings: OrgSettings) -> Iterator[Org]:
    org = Org(read_schema(), clock=clock, settings=settings)
    yield org
    org.close()


@pytest.fixture
def wire(org: Org, server: Server) -> Iterator[FaultsAndLog]:
    """The org on the wire: its faults and its log."""
    bulk = BulkApi(org)
    wire = FaultsAndLog(create_app(org, bulk=bulk))
    server.current.app = wire
    yield wire
    bulk.shut_down()
    server.current.app = None


@pytest.fixture
def url(wire: FaultsAndLog, server: Server) -> str:
    """Where the org is served."""
    return server.served.url


@pytest.fixture
def http(server: Server) -> Iterator[requests.Session]:
    """A client that trusts the sandbox's authority and no environment."""
    with requests.Session() as session:
        session.trust_env = False
        session.verify = server.ca_file
        yield session


def user(org: Org, username: str = INTEGRATION_USERNAME) -> User:
    found = org.user(username)
    assert found is not None
    return found


@pytest.fixture
def me(org: Org) -> User:
    return user(org)


@pytest.fixture
def admin(org: Org) -> User:
    return user(org, ADMIN_USERNAME)


class Api:
    """Raw REST calls of one user."""

    def __init__(self, http: requests.Session, url: str, token: str, version: str = "59.0") -> None:
        self.http, self.url, self.token = http, url, token
        self.root = f"{url}/services/data/v{version}"

    def call(self, method: str, path: str, **options: Any) -> requests.Response:
        """`path` below the version, or from the root if it begins with a slash."""
        address = self.url + path if path.startswith("/") else f"{self.root}/{path}"
        headers = {"Authorization": f"Bearer {self.token}", **options.pop("headers", {})}
        return self.http.request(method, address, headers=headers, timeout=10, **options)

    def get(self, path: str, **options: Any) -> requests.Response:
        return self.call("GET", path, **options)

    def post(self, path: str, body: object, **options: Any) -> requests.Response:
        return self.call("POST", path, json=body, **options)

    def patch(self, path: str, body: object, **options: Any) -> requests.Response:
        return self.call("PATCH", path, json=body, **options)

    def delete(self, path: str, **options: Any) -> requests.Response:
        return self.call("DELETE", path, **options)


@pytest.fixture
def api(org: Org, http: requests.Session, url: str, me: User) -> Api:
    return Api(http, url, org.sessions.open(me).token)


@pytest.fixture
def sf(org: Org, http: requests.Session, url: str, me: User) -> Salesforce:
    """simple-salesforce as it is, signed in as the integration user."""
    return Salesforce(session_id=org.sessions.open(me).token, instance_url=url, session=http)
