"""How an asset runs a step: its connections, its work folder, its words on failure.

What belongs here: what every asset does around its one call. Not here: the calls.
"""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

import dagster as dg

from claims_pipeline.resources.failures import failures_told
from claims_pipeline.resources.systems import ClaimsSystems
from claims_pipeline.sync.attempts import attempt_told
from claims_pipeline.sync.connections import Connections

OWNERS = ["team:claims"]
GROUP = "claims"
IF_IT_PASSES = dg.RetryPolicy(
    max_retries=2, delay=30, backoff=dg.Backoff.EXPONENTIAL, jitter=dg.Jitter.PLUS_MINUS
)
"""For what passes by itself; a lasting failure is raised so that it is not retried."""


@dataclass(frozen=True)
class Step:
    """What an asset's body works with."""

    connections: Connections
    work: Path
    context: dg.AssetExecutionContext

    def say(self, line: str) -> None:
        """Progress, for the run's log."""
        self.context.log.info(line)


@contextmanager
def step(context: dg.AssetExecutionContext, systems: ClaimsSystems) -> Iterator[Step]:
    """A step's surroundings. Failures become `dg.Failure` in words without values; lasting ones are not retried.

    A customer's step that fails also says so in the sync state.
    """
    with failures_told():
        connections = systems.connect(context.run.run_id)
        told = (
            attempt_told(connections.state, context.partition_key)
            if context.has_partition_key
            else nullcontext()
        )
        with told, connections.storage.work_folder("step") as work:
            yield Step(connections, work, context)
