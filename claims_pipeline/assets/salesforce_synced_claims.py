"""The asset `salesforce_synced_claims`: what became of every claim."""

from collections.abc import Iterator

import dagster as dg

from claims_pipeline.assets.describe import synced_metadata
from claims_pipeline.assets.steps import FRESH, GROUP, OWNERS, step
from claims_pipeline.checks import balance
from claims_pipeline.resources.failures import IF_IT_PASSES
from claims_pipeline.resources.systems import ClaimsSystems
from claims_pipeline.storage.frames import StampedFrame
from claims_pipeline.sync.known import SYNCED
from claims_pipeline.sync.options import SyncOptions
from claims_pipeline.sync.settling.bring import StoredClaims
from claims_pipeline.sync.settling.settle import settle


class SettleConfig(dg.Config):
    """How to send: `resend` sends every claim again, whatever the org holds."""

    resend: bool = False


def build(customers: dg.PartitionsDefinition[str]) -> dg.AssetsDefinition:
    """The asset over these customers. Its frame is stored by the step itself, since the commit comes after it."""

    @dg.asset(
        name=SYNCED,
        partitions_def=customers,
        group_name=GROUP,
        owners=OWNERS,
        kinds={"salesforce", "parquet"},
        code_version="1",
        check_specs=balance.specs(SYNCED, balance.CLAIM_CHECKS),
        retry_policy=IF_IT_PASSES,
        freshness_policy=FRESH,
    )
    def salesforce_synced_claims(
        context: dg.AssetExecutionContext,
        config: SettleConfig,
        systems: ClaimsSystems,
        transformed_claims: StampedFrame,
        rejected_claims: StampedFrame,
        payor_mapping: StampedFrame,
    ) -> Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]:
        """What became of every claim: unchanged, created, updated, refused with code and fields, or held.

        Grain: one row a claim. Key: claim_key. Source: Salesforce's own results.
        """
        with step(context, systems) as at_work:
            at_work.require_own_fetch(transformed_claims.stamp)
            stored = StoredClaims(transformed_claims, rejected_claims, payor_mapping)
            options = SyncOptions(resend=config.resend)
            synced = settle(stored, options, at_work.connections, at_work.work, at_work.say)
            address = at_work.connections.storage.address(f"{SYNCED}/{context.partition_key}")
            url = at_work.connections.salesforce.sign_in().instance_url
            metadata = at_work.facts({**synced_metadata(synced, url), "dagster/uri": address})
            yield balance.claim_result(SYNCED, context.partition_key, synced)
            yield dg.MaterializeResult(metadata=metadata)

    return salesforce_synced_claims
