"""The assets `transformed_claims` and `rejected_claims`: one step, two outputs, and each row in exactly one of them."""

from collections.abc import Iterator

import dagster as dg

from claims_pipeline.assets.describe import claims_metadata, rejected_metadata
from claims_pipeline.assets.steps import FRESH, GROUP, OWNERS, step
from claims_pipeline.checks import balance
from claims_pipeline.resources.failures import IF_IT_PASSES
from claims_pipeline.resources.systems import ClaimsSystems
from claims_pipeline.storage.frames import StampedFrame
from claims_pipeline.sync.ready import preflight
from claims_pipeline.sync.transform import transform

CLAIMS, REJECTED = "transformed_claims", "rejected_claims"
_CLAIMS_WORDS = """The customer's claims in Salesforce's shape, with their payors.

Grain: one row a claim. Key: claim_key. Source: raw_collaboratemd_claims and payor_mapping."""
_REJECTED_WORDS = """The report's rows that stand behind no claim, each with the rule that it breaks.

Grain: one row a report row. Key: file, row_number. Source: raw_collaboratemd_claims."""


def _out(description: str) -> dg.AssetOut:
    return dg.AssetOut(
        is_required=False,
        description=description,
        owners=OWNERS,
        kinds={"polars", "parquet"},
        group_name=GROUP,
        code_version="1",
        freshness_policy=FRESH,
    )


def build(customers: dg.PartitionsDefinition[str]) -> dg.AssetsDefinition:
    """Both assets over these customers; either may be materialised alone."""

    @dg.multi_asset(
        name="transform",
        partitions_def=customers,
        can_subset=True,
        outs={CLAIMS: _out(_CLAIMS_WORDS), REJECTED: _out(_REJECTED_WORDS)},
        check_specs=balance.specs(CLAIMS, balance.ROW_CHECKS),
        retry_policy=IF_IT_PASSES,
    )
    def transformed_claims(
        context: dg.AssetExecutionContext,
        systems: ClaimsSystems,
        raw_collaboratemd_claims: StampedFrame,
        payor_mapping: StampedFrame,
    ) -> Iterator[dg.MaterializeResult[StampedFrame] | dg.AssetCheckResult]:
        with step(context, systems) as at_work:
            at_work.require_own_fetch(raw_collaboratemd_claims.stamp)
            lengths = preflight(at_work.connections).lengths
            done = transform(
                raw_collaboratemd_claims, payor_mapping, lengths, at_work.connections.storage, at_work.work
            )
            selected = {key.to_user_string() for key in context.selected_asset_keys}
            if CLAIMS in selected:
                yield from balance.row_results(CLAIMS, context.partition_key, done.balance)
            done.require_balance()
            if CLAIMS in selected:
                metadata = at_work.facts(claims_metadata(done.claims, done.balance))
                yield dg.MaterializeResult(asset_key=CLAIMS, value=done.claims, metadata=metadata)
            if REJECTED in selected:
                metadata = at_work.facts(rejected_metadata(done.rejected, done.balance))
                yield dg.MaterializeResult(asset_key=REJECTED, value=done.rejected, metadata=metadata)

    return transformed_claims
