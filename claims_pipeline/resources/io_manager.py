"""The IO manager: an asset's frame goes to the private storage as stamped parquet, and is read back lazily.

What belongs here: Dagster's two verbs over `storage.frames`. Not here: paths and stamps (storage's own).
"""

import dagster as dg

from claims_pipeline.resources.failures import failures_told
from claims_pipeline.resources.systems import ClaimsStorage
from claims_pipeline.storage.frames import StampedFrame


class ParquetIOManager(dg.ConfigurableIOManager):
    """Stores a StampedFrame under `asset/partition`, whole or not at all: a rerun of one asset reads what stands."""

    storage: dg.ResourceDependency[ClaimsStorage]

    def handle_output(self, context: dg.OutputContext, obj: StampedFrame) -> None:
        with failures_told():
            address = self.storage.open().write(_name(context), obj)
        context.add_output_metadata({"dagster/uri": address, "sequence": obj.stamp.sequence})

    def load_input(self, context: dg.InputContext) -> StampedFrame:
        with failures_told():
            return self.storage.open().read(_name(context))


def _name(context: dg.InputContext | dg.OutputContext) -> str:
    asset = "/".join(context.asset_key.path)
    return f"{asset}/{context.asset_partition_key}" if context.has_asset_partitions else asset
