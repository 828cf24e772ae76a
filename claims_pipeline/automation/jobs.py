"""The jobs for the whole: fetch, map, transform, send, for one customer a run."""

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from claims_pipeline.settings import FilterKind

JOB_NAME = "sync_claims"
FULL_JOB_NAME = "full_sync_claims"


def build() -> UnresolvedAssetJobDefinition:
    """All assets in one run, in process: the steps are a chain, and a process each would cost seconds."""
    return dg.define_asset_job(
        JOB_NAME,
        selection=dg.AssetSelection.all(),
        executor_def=dg.in_process_executor,
        description="Carries one customer's claims from CollaborateMD into Salesforce.",
    )


def build_full() -> UnresolvedAssetJobDefinition:
    """The same from the customer's full filters: claims that are gone at the source are marked."""
    return dg.define_asset_job(
        FULL_JOB_NAME,
        selection=dg.AssetSelection.all(),
        executor_def=dg.in_process_executor,
        config={"ops": {"raw_collaboratemd_claims": {"config": {"filters": FilterKind.FULL.value}}}},
        description="Carries all of one customer's claims over, and marks those that the source no longer holds.",
    )
