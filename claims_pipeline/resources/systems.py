"""One Dagster resource a system: settings from the environment to a client, made when a run first needs it.

What belongs here: Dagster configuration to client. Not here: what is done with it (`sync`). The resources hold no
values of their own: all settings are read and checked together when a run starts, never when definitions load.
"""

import os
import time
from functools import partial

import dagster as dg
from pydantic import PrivateAttr

from claims_pipeline.clients.collaboratemd import CollaborateMDClient
from claims_pipeline.clients.salesforce import SalesforceClient
from claims_pipeline.clients.sync_state import SyncState
from claims_pipeline.settings import AlertsAlone, SecretForAWhile, Settings, load_alerts, read_aws_secret
from claims_pipeline.storage.frames import Storage
from claims_pipeline.sync import connections

_SECRET_KEPT_SECONDS = 600
_secret = SecretForAWhile(partial(read_aws_secret, attempts=2), _SECRET_KEPT_SECONDS, time.monotonic)
"""Of this process: a sensor's resources are made anew with every look."""


class ClaimsSettings(dg.ConfigurableResource[None]):
    """All settings, from the environment, `claims.toml` and the secret; checked together when a run starts."""

    _settings: Settings | None = PrivateAttr(default=None)

    def load(self) -> Settings:
        """The settings; raises one SettingsError that names everything missing or wrong."""
        if self._settings is None:
            self._settings = connections.read_settings()
        return self._settings

    def for_a_look(self) -> Settings:
        """The same for a look that comes back every minute: the secret is asked for every ten minutes at most."""
        return connections.read_settings(read_secret=_secret)


class ClaimsStorage(dg.ConfigurableResource[None]):
    """The private storage: reports as they came, claims as parquet."""

    settings: dg.ResourceDependency[ClaimsSettings]
    _storage: Storage | None = PrivateAttr(default=None)

    def open(self) -> Storage:
        """The storage that `CLAIMS_STORAGE` names."""
        if self._storage is None:
            self._storage = connections.open_storage(self.settings.load())
        return self._storage

    def teardown_after_execution(self, context: dg.InitResourceContext) -> None:  # noqa: ARG002
        if self._storage is not None:
            self._storage.close()


class CollaborateMD(dg.ConfigurableResource[None]):
    """CollaborateMD's report API."""

    settings: dg.ResourceDependency[ClaimsSettings]

    def client(self) -> CollaborateMDClient:
        """A client that speaks to nobody until it is used."""
        return connections.open_collaboratemd(self.settings.load())


class Salesforce(dg.ConfigurableResource[None]):
    """The Salesforce org."""

    settings: dg.ResourceDependency[ClaimsSettings]
    _client: SalesforceClient | None = PrivateAttr(default=None)

    def client(self) -> SalesforceClient:
        """One client a run: one session, one describe of each object."""
        if self._client is None:
            self._client = connections.open_salesforce(self.settings.load())
        return self._client

    def teardown_after_execution(self, context: dg.InitResourceContext) -> None:  # noqa: ARG002
        if self._client is not None:
            self._client.close()


class SyncStateTable(dg.ConfigurableResource[None]):
    """The sync state in DynamoDB: sequence, cursor, leases."""

    settings: dg.ResourceDependency[ClaimsSettings]

    def client(self, owner: str) -> SyncState:
        """The state as written by `owner`, the run's id."""
        return connections.open_state(self.settings.load(), owner)

    def for_a_look(self) -> tuple[Settings, SyncState]:
        """Settings and state, to be read in little time, by a sensor or a schedule."""
        settings = self.settings.for_a_look()
        return settings, connections.open_state_for_a_look(settings)

    def for_alerts_alone(self) -> tuple[AlertsAlone, SyncState]:
        """The same where the rest of the settings is wrong: that is what a run may have failed over."""
        settings = load_alerts(os.environ, read_secret=_secret)
        return settings, connections.open_state_for_a_look(settings)


class ClaimsSystems(dg.ConfigurableResource[None]):
    """All systems of a sync together, as the steps take them."""

    settings: dg.ResourceDependency[ClaimsSettings]
    storage: dg.ResourceDependency[ClaimsStorage]
    collaboratemd: dg.ResourceDependency[CollaborateMD]
    salesforce: dg.ResourceDependency[Salesforce]
    sync_state: dg.ResourceDependency[SyncStateTable]

    def connect(self, run_id: str, root_run_id: str | None = None) -> connections.Connections:
        """Connections for one run. `root_run_id`: of the run that this one repeats, if it repeats one."""
        return connections.Connections(
            self.settings.load(),
            self.storage.open(),
            self.collaboratemd.client(),
            self.salesforce.client(),
            self.sync_state.client(run_id),
            run=root_run_id or run_id,
        )
