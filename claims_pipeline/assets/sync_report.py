"""The asset `sync_report`: the billing lead's web page of one customer, and the one over all."""

import dagster as dg

from claims_pipeline.assets.describe import report_columns, report_metadata
from claims_pipeline.assets.steps import FRESH, GROUP, OWNERS, step
from claims_pipeline.reporting.publish import publish, stored_payors_to_map
from claims_pipeline.resources.failures import IF_IT_PASSES
from claims_pipeline.resources.systems import ClaimsSystems
from claims_pipeline.storage.frames import NotStored
from claims_pipeline.sync.known import SYNCED

NAME = "sync_report"


def build(customers: dg.PartitionsDefinition[str]) -> dg.AssetsDefinition:
    """The asset over these customers. It takes no input: Dagster would load what it reads from the storage itself.

    A page that could not be written is no failed attempt of the customer's sync: the claims have arrived.
    """

    @dg.asset(
        name=NAME,
        partitions_def=customers,
        deps=[dg.AssetDep(SYNCED), dg.AssetDep("unmapped_payors")],
        group_name=GROUP,
        owners=OWNERS,
        kinds={"html", "csv"},
        code_version="1",
        retry_policy=IF_IT_PASSES,
        freshness_policy=FRESH,
        metadata={"dagster/column_schema": report_columns()},
    )
    def sync_report(context: dg.AssetExecutionContext, systems: ClaimsSystems) -> dg.MaterializeResult[None]:
        """The billing lead's report: which claims are stuck, why, how many dollars, and what to do first.

        Grain: one web page a customer, and one over all. Key: customer number. Source: what the last syncs stored.
        """
        customer = context.partition_key
        with step(context, systems, is_attempt=False) as at_work:
            to_map = stored_payors_to_map(at_work.connections)
            pages, over_all = publish([customer], to_map, at_work.connections, at_work.work)
            if customer not in pages:
                raise NotStored(f"Customer {customer} was never synced: sync it first.")
            told = report_metadata(customer, pages[customer], over_all)
            return dg.MaterializeResult(metadata=at_work.facts(told))

    return sync_report
