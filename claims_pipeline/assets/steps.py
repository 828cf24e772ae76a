"""How an asset runs a step: its connections, its work folder, its words on failure.

What belongs here: what every asset does around its one call. Not here: the calls.
"""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import dagster as dg

from claims_pipeline.errors import OlderThanCommitted
from claims_pipeline.resources.failures import failures_told
from claims_pipeline.resources.systems import ClaimsSystems
from claims_pipeline.settings import Customer, DueRules
from claims_pipeline.storage.frames import Stamp
from claims_pipeline.sync.attempts import attempt_told
from claims_pipeline.sync.connections import Connections

OWNERS = ["team:claims"]
GROUP = "claims"
CUSTOMER_TAG = "claims/customer"
"""The customer's name, on its runs."""
FRESH = dg.FreshnessPolicy.time_window(fail_window=DueRules.due_after, warn_window=timedelta(hours=25))
"""A day and two hours: after that a customer is due, whatever the schedules do."""


@dataclass(frozen=True)
class Step:
    """What an asset's body works with."""

    connections: Connections
    work: Path
    context: dg.AssetExecutionContext
    began: float
    """By the process's monotonic clock, in seconds."""

    def say(self, line: str) -> None:
        """Progress, for the run's log."""
        self.context.log.info(line)

    def facts(self, of_asset: Mapping[str, Any]) -> dict[str, Any]:
        """An asset's metadata with what every step adds: whose it is, how long it took, what it left of API calls."""
        added: dict[str, Any] = {"seconds": round(time.monotonic() - self.began, 2)}
        if self.context.has_partition_key:
            added["customer"] = in_words(self.connections.settings.customer(self.context.partition_key))
        usage = self.connections.salesforce.api_usage
        if usage is not None:
            added["api_calls_left"] = usage.allowed - usage.used
        docs = self.connections.settings.alerts.docs_url
        if docs is not None:
            added["docs"] = dg.MetadataValue.url(f"{docs}/engineer.md")
        return {**of_asset, **added}

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
        if context.has_partition_key:
            _name_the_run(context, connections.settings.customer(context.partition_key))
        with told, connections.storage.work_folder("step") as work:
            yield Step(connections, work, context, time.monotonic())


def in_words(customer: Customer) -> str:
    """A customer by name and number, or by its number where the settings know no name."""
    return customer.number if customer.name == customer.number else f"{customer.name} ({customer.number})"


def _name_the_run(context: dg.AssetExecutionContext, customer: Customer) -> None:
    """The customer's name on the run, whoever started it, for the list of runs."""
    if customer.name != customer.number and CUSTOMER_TAG not in context.run.tags:
        context.instance.add_run_tags(context.run.run_id, {CUSTOMER_TAG: customer.name})
