"""The conditions of the sweep within the pipeline's process: what is small there, and the lease's beat.

What belongs here: sizes and the timer, which no setting reaches, set without touching the steps. Not here: bugs
(`planted`).
"""

from dataclasses import replace
from functools import partial
from typing import Any

from claims_pipeline.clients.salesforce import SalesforceClient, bulk_query
from claims_pipeline.clients.sync_state import SyncState
from claims_pipeline.clients.sync_state.lease import Leasing
from claims_pipeline.settings import Settings
from claims_pipeline.sync import connections
from claims_pipeline.sync.settling import issues, relink, send
from claims_pipeline_tests.faults.orders import Conditions


def impose(conditions: Conditions) -> None:
    """Set them, in this process."""
    for module in (send, issues, relink):  # each holds the number that it imported
        module.KEYS_READ_ONE_BY_ONE = conditions.keys_read_one_by_one  # type: ignore[attr-defined]
    bulk_query.download = partial(bulk_query.download, part_records=conditions.rows_a_page)
    open_salesforce = connections.open_salesforce

    def open_small(settings: Settings, *clocks: Any) -> SalesforceClient:
        client = open_salesforce(settings, *clocks)
        client._sizes = replace(client._sizes, file_rows=conditions.rows_a_job)
        return client

    connections.open_salesforce = open_small
    if not conditions.beats_by_timer:
        _beat_at_boundaries()


def _beat_at_boundaries() -> None:
    """No thread moves a lease; every check before a batch does."""
    begin = SyncState.__init__

    def without_timer(state: SyncState, *args: Any, **more: Any) -> None:
        begin(state, *args, **{**more, "beats_by_timer": False})

    SyncState.__init__ = without_timer  # type: ignore[method-assign]  # no setting turns the timer off
    Leasing.beat_seconds = property(lambda _: 0.0)  # type: ignore[assignment,method-assign]  # due at each check
