"""The asset `unmapped_payors`: the admin's work list, most dollars first."""

from collections.abc import Iterator

import dagster as dg

from claims_pipeline.alerts.payors import note_payors
from claims_pipeline.assets.describe import unmapped_metadata
from claims_pipeline.assets.steps import FRESH, GROUP, OWNERS, step
from claims_pipeline.resources.failures import IF_IT_PASSES
from claims_pipeline.resources.systems import ClaimsSystems
from claims_pipeline.storage.frames import StampedFrame
from claims_pipeline.sync.known import SYNCED
from claims_pipeline.sync.payors.mapping import matcher_of
from claims_pipeline.sync.payors.unmapped import unmapped_payors as list_unmapped


def build() -> dg.AssetsDefinition:
    """The asset; it has no partitions: the list is over all customers, from the org's own claims."""

    @dg.asset(
        deps=[dg.AssetDep(SYNCED)],
        group_name=GROUP,
        owners=OWNERS,
        kinds={"salesforce", "parquet"},
        code_version="1",
        retry_policy=IF_IT_PASSES,
        freshness_policy=FRESH,
    )
    def unmapped_payors(
        context: dg.AssetExecutionContext, systems: ClaimsSystems, payor_mapping: StampedFrame
    ) -> Iterator[dg.MaterializeResult[StampedFrame]]:
        """Payors whose claims in Salesforce have no payor, most dollars first, with suggestions.

        Grain: one row a payor key. Key: payor_key. Source: the org's own claims.
        """
        with step(context, systems) as at_work:
            connections = at_work.connections
            unmapped = list_unmapped(connections.salesforce, matcher_of(payor_mapping), connections.now())
            note_payors(connections.state, unmapped, connections.settings.alerts)
            url = connections.salesforce.sign_in().instance_url
            yield dg.MaterializeResult(
                value=unmapped, metadata=at_work.facts(unmapped_metadata(unmapped, url))
            )

    return unmapped_payors
