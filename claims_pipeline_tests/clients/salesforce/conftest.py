"""Shared by the tests of the Salesforce client: a certificate, a key, a scripted org, a client that never waits."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from claims_pipeline.clients.salesforce import SalesforceClient, SalesforceLogin
from claims_pipeline.errors import LeaseLost
from claims_pipeline.sandbox.serving import LocalAuthority
from claims_pipeline_tests.clients.salesforce.scripted_org import ORG_ID, USER_ID, ScriptedOrg, told

NOW = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)


@dataclass
class FakeTime:
    """A clock that only sleeping moves; `tick` makes every look at it cost time."""

    seconds: float = 0
    tick: float = 0
    slept: list[float] = field(default_factory=list)

    def clock(self) -> float:
        self.seconds += self.tick
        return self.seconds

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.seconds += seconds


@dataclass
class LostAt:
    """A `before_batch` that finds the lease taken over when it is asked for the so manieth time."""

    asking: int
    asked: int = 0

    def __call__(self) -> None:
        self.asked += 1
        if self.asked >= self.asking:
            raise LeaseLost("taken over")


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> LocalAuthority:
    return LocalAuthority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="session")
def private_key() -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()


@pytest.fixture
def fake_time() -> FakeTime:
    return FakeTime()


@pytest.fixture
def org(authority: LocalAuthority) -> Iterator[ScriptedOrg]:
    """An org where client credentials are let in, and that knows nothing else yet."""
    scripted = ScriptedOrg(authority)
    scripted.on(
        "POST",
        "/services/oauth2/token$",
        lambda _: told(
            {
                "access_token": f"{ORG_ID}!token{len(scripted.asked_of('POST', 'oauth2/token$'))}",
                "instance_url": scripted.url,
                "id": f"https://login.salesforce.com/id/{ORG_ID}/{USER_ID}",
                "token_type": "Bearer",
            }
        ),
    )
    scripted.on(
        "GET",
        "/services/oauth2/userinfo$",
        told(
            {"organization_id": ORG_ID, "user_id": USER_ID, "preferred_username": "integration@acme.example"}
        ),
    )
    yield scripted
    scripted.close()


ClientMaker = Callable[..., SalesforceClient]


@pytest.fixture
def make_client(org: ScriptedOrg, authority: LocalAuthority, fake_time: FakeTime) -> Iterator[ClientMaker]:
    """Makes clients of the scripted org; by client credentials, unless told otherwise."""
    made: list[SalesforceClient] = []

    def make(**login: Any) -> SalesforceClient:
        kwargs = {name: login.pop(name) for name in ("timing", "patience", "sizes") if name in login}
        settings: dict[str, Any] = {"domain": org.url, "ca_bundle": authority.ca_file} | (
            login or {"consumer_key": "key", "consumer_secret": "secret"}
        )
        client = SalesforceClient(
            SalesforceLogin(**settings),
            clock=fake_time.clock,
            sleep=fake_time.sleep,
            now=lambda: NOW,
            jitter=lambda: 1.0,
            **kwargs,
        )
        made.append(client)
        return client

    yield make
    for client in made:
        client.close()


@pytest.fixture
def client(make_client: ClientMaker) -> SalesforceClient:
    return make_client()
