"""How an asset runs a step: its connections, its work folder, its words on failure.

What belongs here: what every asset does around its one call. Not here: the calls.
"""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

import dagster as dg

from claims_pipeline.errors import OlderThanCommitted
from claims_pipeline.resources.failures import failures_told
from claims_pipeline.resources.systems import ClaimsSystems
from claims_pipeline.storage.frames import Stamp
from claims_pipeline.sync.attempts import attempt_told
from claims_pipeline.sync.connections import Connections

OWNERS = ["team:claims"]
GROUP = "claims"


@dataclass(frozen=True)
class Step:
    """What an asset's body works with."""

    connections: Connections
    work: Path
    context: dg.AssetExecutionContext

    def say(self, line: str) -> None:
        """Progress, for the run's log."""
        self.context.log.info(line)

    def require_own_fetch(self, stored: Stamp) -> None:
        """Raise OlderThanCommitted where this run repeats one whose fetch was replaced by a newer, committed one."""
        root, fetched_by = self.context.run.root_run_id, stored.facts["fetched_by"]
        if root is None or fetched_by == root:
            return
        committed = self.connections.state.read(stored.customer).committed_sequence
        if stored.sequence is not None and stored.sequence <= committed:
            raise OlderThanCommitted(
                f"Customer {stored.customer}: this run repeats run {root}, and since then run {fetched_by} has fetched "
                f"the report anew (fetch {stored.sequence}), which is in Salesforce. Nothing was changed, and nothing "
                "is to be done: the newer one stands."
            )


@contextmanager
def step(
    context: dg.AssetExecutionContext, systems: ClaimsSystems, *, is_attempt: bool = True
) -> Iterator[Step]:
    """A step's surroundings. Failures become `dg.Failure` in words without values; lasting ones are not retried.

    A customer's step that fails also says so in the sync state, unless it attempts nothing (a dry run).
    """
    with failures_told():
        connections = systems.connect(context.run.run_id, context.run.root_run_id)
        told = (
            attempt_told(connections.state, context.partition_key)
            if context.has_partition_key and is_attempt
            else nullcontext()
        )
        with told, connections.storage.work_folder("step") as work:
            yield Step(connections, work, context)
