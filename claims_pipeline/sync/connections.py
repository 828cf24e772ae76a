"""Settings to clients: what one run works with.

What belongs here: making each client from the settings, once. Not here: what is done with them. Nothing is asked of
any system until a client is used.
"""

import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from claims_pipeline.claims.columns import BY_FIELD
from claims_pipeline.claims.compare import OPTIONAL_FIELDS, REQUIRED_FIELDS
from claims_pipeline.clients.collaboratemd import CollaborateMDClient
from claims_pipeline.clients.salesforce import SalesforceClient, SalesforceLogin, Timing
from claims_pipeline.clients.salesforce.metadata import DEPLOY_PATIENCE, MetadataClient
from claims_pipeline.clients.sync_state import Patience, StateUnavailable, SyncState
from claims_pipeline.clients.sync_state import connect as connect_dynamodb
from claims_pipeline.errors import SettingsError
from claims_pipeline.settings import (
    AlertsAlone,
    SalesforceAlone,
    SecretReader,
    Settings,
    SignIn,
    load_salesforce,
    load_settings,
    read_aws_secret,
)
from claims_pipeline.storage.frames import Storage

Clock = Callable[[], datetime]
_HASTY = Patience(connect_seconds=2, read_seconds=5, attempts=2)
_LONGEST_SLEEP_SECONDS = 15.0


def utc_now() -> datetime:
    """The clock of a real run."""
    return datetime.now(UTC)


@dataclass(frozen=True)
class Clocks:
    """How a run tells the time, and waits: `monotonic` in seconds, for deadlines and leases."""

    now: Clock = utc_now
    monotonic: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


REAL_TIME = Clocks()


@dataclass(frozen=True)
class Connections:
    """Everything outside the process that a sync speaks to."""

    settings: Settings
    storage: Storage
    collaboratemd: CollaborateMDClient
    salesforce: SalesforceClient
    state: SyncState
    now: Clock = utc_now
    run: str = ""
    """Which run a fetch belongs to; one that repeats another belongs to the first."""
    require_time: Callable[[], None] = lambda: None
    """Asked at safe places; raises OutOfTime where a run is given only so long."""


def read_settings(
    environ: Mapping[str, str] | None = None, *, read_secret: SecretReader = read_aws_secret
) -> Settings:
    """All settings, checked together; raises one SettingsError that names everything wrong."""
    return load_settings(
        os.environ if environ is None else environ,
        report_fields=frozenset(BY_FIELD),
        claim_fields=frozenset((*REQUIRED_FIELDS, *OPTIONAL_FIELDS)),
        read_secret=read_secret,
    )


def open_storage(settings: Settings) -> Storage:
    """The private storage."""
    return Storage(str(settings.storage))


def open_collaboratemd(settings: Settings, clocks: Clocks = REAL_TIME) -> CollaborateMDClient:
    """The CollaborateMD client."""
    theirs, limits = settings.collaboratemd, settings.time_limits
    return CollaborateMDClient(
        theirs.base_url,
        theirs.username,
        theirs.password.get_secret_value(),
        ca_bundle=_ca_bundle(settings),
        clock=clocks.monotonic,
        sleep=clocks.sleep,
        poll_seconds=theirs.poll_seconds,
        deadline_seconds=theirs.deadline_seconds,
        connect_seconds=limits.connect_seconds,
        read_seconds=limits.read_seconds,
    )


def open_salesforce(settings: Settings, clocks: Clocks = REAL_TIME) -> SalesforceClient:
    """The Salesforce client; it signs in when it is first used."""
    limits = settings.time_limits
    return SalesforceClient(
        SalesforceLogin.from_settings(settings.salesforce, ca_bundle=_ca_bundle(settings)),
        clock=clocks.monotonic,
        sleep=clocks.sleep,
        now=clocks.now,
        timing=Timing(connect_seconds=limits.connect_seconds, read_seconds=limits.read_seconds),
    )


def read_salesforce_settings(
    environ: Mapping[str, str] | None = None, *, read_secret: SecretReader = read_aws_secret
) -> SalesforceAlone:
    """The settings of Salesforce alone; raises one SettingsError that names everything wrong with them."""
    return load_salesforce(os.environ if environ is None else environ, read_secret=read_secret)


def open_metadata(
    settings: SalesforceAlone,
    *,
    username: str | None = None,
    ask_secret: Callable[[str], str],
    clocks: Clocks = REAL_TIME,
) -> MetadataClient:
    """The client that installs, as the settings' user or as another; it signs in when it is first used.

    By JWT another user needs no secret of his own; by password `ask_secret` is asked for his, and is told for what.
    """
    theirs, limits = settings.salesforce, settings.time_limits
    login = SalesforceLogin.from_settings(
        theirs, ca_bundle=str(settings.ca_bundle) if settings.ca_bundle else None
    )
    if username is not None and username != login.username:
        login = _as_another(login, theirs.sign_in, username, ask_secret)
    return MetadataClient(
        login,
        clock=clocks.monotonic,
        sleep=clocks.sleep,
        now=clocks.now,
        timing=Timing(connect_seconds=limits.connect_seconds, read_seconds=limits.read_seconds),
        patience=replace(
            DEPLOY_PATIENCE,
            first_poll_seconds=min(DEPLOY_PATIENCE.first_poll_seconds, theirs.poll_seconds),
            longest_poll_seconds=min(DEPLOY_PATIENCE.longest_poll_seconds, theirs.poll_seconds),
        ),
    )


def _as_another(
    login: SalesforceLogin, way: SignIn, username: str, ask_secret: Callable[[str], str]
) -> SalesforceLogin:
    if way is SignIn.CLIENT_CREDENTIALS:
        raise SettingsError(
            [
                "client credentials sign in as the app's own user, so --username is of no use: set "
                "SALESFORCE_PRIVATE_KEY (JWT), or a password, instead of SALESFORCE_CONSUMER_SECRET"
            ]
        )
    if way is SignIn.JWT_BEARER:
        return replace(login, username=username)
    return replace(
        login,
        username=username,
        password=ask_secret(f"Password of {username}"),
        security_token=ask_secret(f"Security token of {username} (empty where the org asks for none)"),
    )


def open_state(settings: Settings, owner: str, clocks: Clocks = REAL_TIME) -> SyncState:
    """The sync state, as written by `owner` (a run id: the same owner may take up its own lease again)."""
    where, limits = settings.state, settings.time_limits
    return SyncState(
        where.table_name,
        client=connect_dynamodb(
            where.region,
            where.endpoint_url,
            Patience().within(limits.connect_seconds, limits.read_seconds),
        ),
        owner=owner,
        clock=clocks.now,
        monotonic=clocks.monotonic,
        sleep=clocks.sleep,
        lease_term_seconds=where.lease_term_seconds,
        beats_by_timer=True,
    )


def open_state_for_a_look(settings: Settings | AlertsAlone) -> SyncState:
    """The sync state for a look that comes back every minute: it gives up soon, and holds nothing."""
    where = settings.state
    slept = 0.0

    def sleep(seconds: float) -> None:
        nonlocal slept
        slept += seconds
        if slept > _LONGEST_SLEEP_SECONDS:
            raise StateUnavailable(f"DynamoDB (table {where.table_name}) keeps us waiting: look again later.")
        time.sleep(seconds)

    return SyncState(
        where.table_name,
        client=connect_dynamodb(where.region, where.endpoint_url, _HASTY),
        owner="a-look",
        clock=utc_now,
        monotonic=time.monotonic,
        sleep=sleep,
    )


def _ca_bundle(settings: Settings) -> str | None:
    return str(settings.ca_bundle) if settings.ca_bundle else None


@contextmanager
def connect(settings: Settings, owner: str, clocks: Clocks = REAL_TIME) -> Iterator[Connections]:
    """Connections for one run; closed afterwards."""
    connections = Connections(
        settings,
        open_storage(settings),
        open_collaboratemd(settings, clocks),
        open_salesforce(settings, clocks),
        open_state(settings, owner, clocks),
        clocks.now,
        run=owner,
    )
    try:
        yield connections
    finally:
        connections.collaboratemd.close()
        connections.salesforce.close()
        connections.storage.close()
