"""The jobs for the whole: fetch, map, transform, send, for one customer a run.

What belongs here: which assets and checks run together, with what by default. Not here: when (`schedules`, `sensors`).
"""

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from claims_pipeline.assets.raw_collaboratemd_claims import FetchConfig
from claims_pipeline.checks import reconciliation
from claims_pipeline.settings import FilterKind
from claims_pipeline.sync.known import RAW

JOB_NAME = "sync_claims"
FULL_JOB_NAME = "full_sync_claims"

_ALL = dg.AssetSelection.all()
_RECONCILIATION = dg.AssetSelection.checks(reconciliation.KEY)


def build() -> UnresolvedAssetJobDefinition:
    """All assets in one run, in process: the steps are a chain, and a process each would cost seconds."""
    return dg.define_asset_job(
        JOB_NAME,
        selection=_ALL - _RECONCILIATION,
        executor_def=dg.in_process_executor,
        description="Carries one customer's claims from CollaborateMD into Salesforce.",
    )


def build_full() -> UnresolvedAssetJobDefinition:
    """The same with all full filters, and the proof at the end that Salesforce equals the source."""
    full = FetchConfig(filters=FilterKind.FULL.value)
    return dg.define_asset_job(
        FULL_JOB_NAME,
        selection=_ALL,
        config=dg.RunConfig(ops={RAW: full}),
        executor_def=dg.in_process_executor,
        description="Carries all of one customer's claims over, marks those that are gone, and compares both sides.",
    )
