"""The job for the whole: fetch, map, transform, send, for one customer a run."""

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

JOB_NAME = "sync_claims"


def build() -> UnresolvedAssetJobDefinition:
    """All assets in one run, in process: the steps are a chain, and a process each would cost seconds."""
    return dg.define_asset_job(
        JOB_NAME,
        selection=dg.AssetSelection.all(),
        executor_def=dg.in_process_executor,
        description="Carries one customer's claims from CollaborateMD into Salesforce.",
    )
