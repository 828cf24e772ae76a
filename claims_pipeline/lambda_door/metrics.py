"""Metrics in CloudWatch's embedded metric format: JSON lines that CloudWatch reads out of the log.

What belongs here: names and dimensions, which alarms rely on. Not here: the counts themselves (`outcomes`). Of the
function as a whole (dimension `service`) stand sums over the customers of this invocation, and the customer that waits
longest for a success; of each customer (`service`, `Customer`) its own. Payors to map are the org's, so the whole's.
"""

from collections.abc import Mapping
from datetime import datetime

from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit

from claims_pipeline.lambda_door.logs import SERVICE
from claims_pipeline.lambda_door.outcomes import Answer, Became

NAMESPACE = "ClaimsPipeline"
COUNTS = {
    "ClaimsCreated": "created",
    "ClaimsUpdated": "updated",
    "ClaimsUnchanged": "unchanged",
    "ClaimsRefused": "refused",
    "ClaimsHeld": "held",
    "RowsRejected": "rows_rejected",
}
UNMAPPED = "UnmappedPayors"
SINCE_SUCCESS = "MinutesSinceLastSuccess"


def emit(
    answer: Answer, unmapped_payors: int | None, last_success: Mapping[str, datetime | None], now: datetime
) -> None:
    """Print them. `last_success`: by customer; one that never had a success counts in none, and fails loudly."""
    waited = {
        each: max(0.0, (now - at).total_seconds() / 60) for each, at in last_success.items() if at is not None
    }
    synced = [each for each in answer.outcomes if each.became is Became.SYNCED]
    for customer in sorted({each.customer for each in synced} | set(waited)):
        counts = next((each.counts for each in synced if each.customer == customer), None)
        _print({"Customer": customer}, counts, None, waited.get(customer))
    _print({}, answer.totals if synced else None, unmapped_payors, max(waited.values(), default=None))


def _print(
    dimensions: Mapping[str, str],
    counts: Mapping[str, int] | None,
    unmapped: int | None,
    waited: float | None,
) -> None:
    metrics = EphemeralMetrics(namespace=NAMESPACE, service=SERVICE)
    for name, value in dimensions.items():
        metrics.add_dimension(name, value)
    for name, outcome in COUNTS.items() if counts is not None else ():
        metrics.add_metric(name, MetricUnit.Count, (counts or {})[outcome])
    if unmapped is not None:
        metrics.add_metric(UNMAPPED, MetricUnit.Count, unmapped)
    if waited is not None:
        metrics.add_metric(SINCE_SUCCESS, MetricUnit.NoUnit, round(waited, 1))
    if counts is not None or unmapped is not None or waited is not None:
        metrics.flush_metrics()
