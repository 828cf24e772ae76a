"""The asset `raw_collaboratemd_claims`: the report as it came, row by row."""

from collections.abc import Iterator

import dagster as dg

from claims_pipeline.assets.describe import raw_columns, raw_metadata
from claims_pipeline.assets.lineage import REPORT
from claims_pipeline.assets.rehearsal import rehearse
from claims_pipeline.assets.steps import FRESH, GROUP, OWNERS, step
from claims_pipeline.resources.failures import IF_IT_PASSES
from claims_pipeline.resources.systems import ClaimsSystems
from claims_pipeline.settings import FilterKind
from claims_pipeline.storage.frames import StampedFrame
from claims_pipeline.sync.fetching.fetch import fetch
from claims_pipeline.sync.options import SyncOptions

REPORT_SLOT_POOL = "collaboratemd_report_slot"


class FetchConfig(dg.Config):
    """What to fetch: the `recent` filters (daily), or all `full` filters together.

    `dry_run`: tell what the whole job would do, send nothing and store nothing; the other assets are left out.
    """

    filters: str = FilterKind.RECENT.value
    accept_empty: bool = False
    dry_run: bool = False


def build(customers: dg.PartitionsDefinition[str]) -> dg.AssetsDefinition:
    """The asset over these customers."""

    @dg.asset(
        partitions_def=customers,
        group_name=GROUP,
        owners=OWNERS,
        kinds={"collaboratemd", "parquet"},
        code_version="1",
        pool=REPORT_SLOT_POOL,
        retry_policy=IF_IT_PASSES,
        deps=[dg.AssetDep(REPORT)],
        output_required=False,
        freshness_policy=FRESH,
        metadata={"dagster/column_schema": raw_columns()},
    )
    def raw_collaboratemd_claims(
        context: dg.AssetExecutionContext, config: FetchConfig, systems: ClaimsSystems
    ) -> Iterator[dg.MaterializeResult[StampedFrame]]:
        """The saved report of one customer as it came from CollaborateMD: cells uncleaned, only the columns we carry.

        Grain: one row a report row. Key: file, row number. Source: CollaborateMD's saved report (its ZIP is kept).
        """
        with step(context, systems, is_attempt=not config.dry_run) as at_work:
            customer = at_work.connections.settings.customer(context.partition_key)
            options = SyncOptions(
                FilterKind(config.filters), config.dry_run, accept_empty=config.accept_empty
            )
            if config.dry_run:
                rehearse(customer, options, at_work)
                return
            raw = fetch(customer, options, at_work.connections, at_work.work, at_work.say)
            yield dg.MaterializeResult(value=raw, metadata=at_work.facts(raw_metadata(raw)))

    return raw_collaboratemd_claims
