"""The check `salesforce_equals_source`: after a full fetch, Salesforce holds what the source holds.

What belongs here: the check's name, its step, and its result for Dagster. Not here: comparing (`sync.reconciliation`).
It is a step of its own, after the sync's commit, and takes no asset as input: Dagster would load every partition.
"""

from typing import Any

import dagster as dg

from claims_pipeline.resources.failures import IF_IT_PASSES, failures_told
from claims_pipeline.resources.systems import ClaimsSystems
from claims_pipeline.sync.known import SYNCED
from claims_pipeline.sync.reconciliation.findings import Reconciliation
from claims_pipeline.sync.reconciliation.reconcile import NoFullFetch, reconcile
from claims_pipeline.sync.reconciliation.told import notes, verdict, what_to_do

NAME = "salesforce_equals_source"
KEY = dg.AssetCheckKey(dg.AssetKey(SYNCED), NAME)


def build() -> dg.AssetChecksDefinition:
    """The check, for the customer whose partition the run is of. It holds nothing up: what it finds has arrived."""

    @dg.asset_check(
        asset=SYNCED,
        name=NAME,
        blocking=False,
        retry_policy=IF_IT_PASSES,
        description="After a full fetch: every claim of the source stands in Salesforce, no other does, and each field "
        "and cent is the same, but for what the sync has told.",
    )
    def salesforce_equals_source(
        context: dg.AssetCheckExecutionContext, systems: ClaimsSystems
    ) -> dg.AssetCheckResult:
        customer = context.op_execution_context.partition_key
        with failures_told():
            connections = systems.connect(context.run.run_id)
            with connections.storage.work_folder("reconcile") as work:
                try:
                    return result_of(reconcile(customer, connections, work, context.log.info))
                except NoFullFetch as nothing:
                    return _not_compared(customer, nothing)

    return salesforce_equals_source


def result_of(found: Reconciliation) -> dg.AssetCheckResult:
    """Passed or not, with numbers that plot. Claim ids stay out of the event log: the command names them."""
    words = [verdict(found), *notes(found), *([] if found.is_equal else [what_to_do(found)])]
    return dg.AssetCheckResult(
        passed=found.is_equal,
        severity=dg.AssetCheckSeverity.ERROR,
        description=" ".join(words),
        metadata=_metadata(found),
    )


def _metadata(found: Reconciliation) -> dict[str, Any]:
    (claims, dollars), (org_claims, org_dollars) = found.source, found.org
    differing = {group.value: dict(each.differing) for group, each in found.groups.items() if each.differing}
    return {
        "customer": found.customer,
        "sequence": found.sequence,
        "missing": found.missing,
        "extra": found.extra,
        "different": found.different,
        "explained": found.explained,
        "claims_at_source": claims,
        "claims_in_salesforce": org_claims,
        **{f"dollars_at_source_{name}": float(amount) for name, amount in dollars.items()},
        **{f"dollars_in_salesforce_{name}": float(amount) for name, amount in org_dollars.items()},
        **{f"dollars_difference_{name}": float(amount) for name, amount in found.unexplained_dollars.items()},
        "by_group": dg.MetadataValue.json(
            {group.value: each.sums.to_facts() for group, each in found.groups.items()}
        ),
        "differing_by_field": dg.MetadataValue.json(differing),
    }


def _not_compared(customer: str, why: NoFullFetch) -> dg.AssetCheckResult:
    """After a recent fetch nothing is proved, and nothing is wrong: the run that asked for it does not fail."""
    return dg.AssetCheckResult(
        passed=False,
        severity=dg.AssetCheckSeverity.WARN,
        description=f"Not compared. {why}",
        metadata={"customer": customer},
    )
