"""Guards: a report that is far smaller than the last one stops the sync, and much change at once is said.

What belongs here: what makes us suspicious, and the words for it. Not here: where the last report is known from (the
sync state), nor what a person answers (`clients.sync_state`: believe_report).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

import polars as pl

from claims_pipeline.claims.outcomes import ClaimOutcome
from claims_pipeline.clients.sync_state import CustomerState, Doubt
from claims_pipeline.errors import PermanentError
from claims_pipeline.settings import Customer, Filter, FilterKind, Thresholds

_CHARGED = "Charged_Amount__c"


class ReportDoubted(PermanentError):
    """A report is empty or far smaller than the last one of the same filter: it must not look like a quiet day."""

    def __init__(self, customer: str, doubt: Doubt) -> None:
        self.doubt = doubt
        came = "no rows" if doubt.rows == 0 else f"{doubt.rows:,} rows"
        super().__init__(
            f"Customer {customer}: filter {doubt.filter_id} returned {came}, and {doubt.rows_before:,} the last time. "
            "Nothing was changed. Look at the report in CollaborateMD. If it is right, a person says so once: "
            f"claims-pipeline confirm report {customer} (or run the sync with --accept-empty; in Dagster: accept_empty "
            "in the asset's config). If it is not, mend the report: the next sync goes on by itself."
        )


@dataclass(frozen=True)
class VolumeGuard:
    """Compares each filter's rows with the last committed ones of the same report and filter."""

    customer: Customer
    state: CustomerState
    rows_before: dict[str, int]
    """Filter id -> rows of the last committed report."""

    def doubt(self, each: Filter, rows: int) -> tuple[int, int] | None:
        """(rows, rows before) where a person has to look first; None where the report is believed."""
        before, thresholds = self.rows_before.get(each.id, 0), self.customer.thresholds
        if rows == 0 and thresholds.empty_report_is_normal and each.kind is FilterKind.RECENT:
            return None  # (an empty window is normal; an empty book is not)
        if before == 0 or (rows > 0 and _near(rows, before, thresholds)) or self._believed(each, rows):
            return None
        return rows, before

    def _believed(self, each: Filter, rows: int) -> bool:
        """Whether a person believed a report of this filter that was about as small."""
        of = (self.customer.report_id, each.id)
        return any(
            believed.of == of and _near(rows, believed.rows, self.customer.thresholds)
            for believed in self.state.believed
        )


def _near(rows: int, before: int, thresholds: Thresholds) -> bool:
    return rows >= before * thresholds.least_share_of_last_report


def change_warnings(
    outcomes: pl.LazyFrame, customer: Customer, kind: FilterKind, state: CustomerState
) -> Iterator[str]:
    """More claims changed at once, or more charged dollars gone, than is usual. `outcomes`: see `send.outcomes_of`.

    A recent filter brings what changed, so its changes are held against the rows of the last full fetch, where one is
    known.
    """
    updated = pl.col("outcome") == ClaimOutcome.UPDATED.value
    standing = pl.col(f"org_{_CHARGED}").is_not_null()
    sums = outcomes.select(
        updated.sum().alias("changed"),
        (updated | (pl.col("outcome") == ClaimOutcome.UNCHANGED.value)).sum().alias("stood"),
        pl.col(f"org_{_CHARGED}").sum().alias("before"),
        pl.when(standing).then(pl.col(_CHARGED)).sum().alias("now"),
    )
    row = sums.collect().row(0, named=True)
    thresholds = customer.thresholds
    of = max(row["stood"], _last_full_rows(customer, state) if kind is FilterKind.RECENT else 0)
    if row["changed"] > of * thresholds.most_share_changed:
        yield (
            f"{row['changed']:,} of {of:,} claims changed at once, more than {thresholds.most_share_changed:.0%}: "
            "look whether the report's columns still mean what they did"
        )
    before, now = Decimal(str(row["before"])), Decimal(str(row["now"] or 0))
    if before > 0 and before - now > before * Decimal(str(thresholds.most_share_of_charged_lost)):
        yield (
            f"the charged total of the claims that stood in Salesforce fell from {before:,.2f} to {now:,.2f} dollars, "
            f"more than {thresholds.most_share_of_charged_lost:.0%}: look at the report before you trust it"
        )


def _last_full_rows(customer: Customer, state: CustomerState) -> int:
    full = {each.id for each in customer.filters_of(FilterKind.FULL)}
    return sum(each.rows for each in state.filters if each.filter_id in full)
