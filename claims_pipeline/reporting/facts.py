"""Facts: what the report tells of a customer's last sync, read from what the syncs stored.

What belongs here: reading, adding up, ordering. Not here: words of codes (`sync.plain_words`), how it looks (`page`).
No claim's values but its id and the dollars that it holds up; payor names only in the list of payors to map.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import polars as pl

from claims_pipeline.claims import issues
from claims_pipeline.claims.issues import IssueKind
from claims_pipeline.clients.sync_state import PastSync
from claims_pipeline.reporting.links import OrgLinks
from claims_pipeline.settings import Customer
from claims_pipeline.storage.frames import Storage
from claims_pipeline.sync.known import SYNCED
from claims_pipeline.sync.plain_words import PlainWords, Where, plain_words, where_to
from claims_pipeline.sync.settling.open_issues import OPEN_ISSUES
from claims_pipeline.sync.settling.synced import Synced

SHOWN = 200
"""So many of the claims that wait longest stand on a page; all of them in the list beside it."""
CHARGED = "Charged_Amount__c"
_REJECTED = "rejected_claims"


@dataclass(frozen=True)
class StuckClaim:
    """One claim (or the rows of a filter that name none) that did not arrive."""

    customer: str
    claim_id: str | None
    filter_id: str | None
    kind: str
    code: str
    field: str | None
    rows: int
    charged: Decimal
    unknown_amounts: int
    since: date
    days: int
    link: str | None

    @property
    def words(self) -> PlainWords:
        """What is wrong, and what to do."""
        return plain_words(self.code)

    @property
    def name(self) -> str:
        """What a person calls it."""
        return (
            self.claim_id
            or f"{self.rows:,} row{'' if self.rows == 1 else 's'} of filter {self.filter_id} without a claim id"
        )


@dataclass(frozen=True)
class Group:
    """What is stuck for one reason."""

    kind: str
    code: str
    claims: int
    rows: int
    charged: Decimal
    unknown_amounts: int
    oldest: StuckClaim

    @property
    def words(self) -> PlainWords:
        """What is wrong, and what to do."""
        return plain_words(self.code)

    @property
    def where(self) -> Where:
        """Where a person puts it right."""
        return where_to(self.code)


@dataclass(frozen=True)
class CustomerFacts:
    """One customer's last sync, and what is stuck. `stuck`: a lazy frame, a line an issue, with `customer`."""

    customer: Customer
    synced: Synced
    report_rows: int
    rejected_rows: int
    rejected_charged: Decimal
    rejected_unknown: int
    stuck: pl.LazyFrame
    groups: tuple[Group, ...]
    history: tuple[PastSync, ...] | None
    """The newest first; None where it could not be read."""

    @property
    def links(self) -> OrgLinks:
        """Of the org that the sync wrote to."""
        return OrgLinks(self.synced.instance_url)

    @property
    def sequence(self) -> int:
        """Of the sync."""
        return self.synced.outcomes.stamp.sequence or 0

    @property
    def fetched_at(self) -> datetime:
        """When the report was fetched."""
        return self.synced.outcomes.stamp.fetched_at

    @property
    def kind(self) -> str:
        """Whether recent claims or the whole book were fetched."""
        return str(self.synced.outcomes.stamp.facts["kind"])

    @property
    def claims(self) -> int:
        """Claims that the sync dealt with, those tried again included."""
        return self.synced.outcomes.rows

    @property
    def arrived(self) -> int:
        """Claims that stand in Salesforce as they should."""
        counts = self.synced.counts
        return counts["created"] + counts["updated"] + counts["unchanged"]

    @property
    def arrived_charged(self) -> Decimal:
        """Their charged dollars."""
        dollars = self.synced.dollars
        names = ("created", "updated", "unchanged")
        return sum((dollars[name][CHARGED] for name in names if name in dollars), Decimal("0.00"))


def customer_facts(
    customer: Customer, storage: Storage, history: Sequence[PastSync] | None, today: date
) -> CustomerFacts:
    """Of the last sync that is stored; raises NotStored where there was none."""
    synced = Synced.of(storage.read(f"{SYNCED}/{customer.number}"))
    rejected = storage.read(f"{_REJECTED}/{customer.number}")
    sums = rejected.frame.select(
        pl.col("charged").sum(), pl.col("charged").null_count().alias("unknown")
    ).collect()
    stuck = storage.read(f"{OPEN_ISSUES}/{customer.number}").frame.with_columns(
        customer=pl.lit(customer.number)
    )
    return CustomerFacts(
        customer=customer,
        synced=synced,
        report_rows=sum(report["rows"] for report in synced.outcomes.stamp.facts["reports"]),
        rejected_rows=rejected.rows,
        rejected_charged=_dollars(sums.item(0, "charged")),
        rejected_unknown=int(sums.item(0, "unknown")),
        stuck=stuck,
        groups=groups_of(stuck, today, {customer.number: OrgLinks(synced.instance_url)}),
        history=None if history is None else tuple(history),
    )


def groups_of(stuck: pl.LazyFrame, today: date, links: Mapping[str, OrgLinks]) -> tuple[Group, ...]:
    """What is stuck by reason: what a person must do before what passes by itself, then most dollars first."""
    named = pl.col(issues.FILTER).is_null()
    found = (
        _oldest_first(stuck)
        .group_by(issues.KIND, issues.CODE, maintain_order=True)
        .agg(
            named.sum().alias("claims"),
            pl.col(issues.ROW_COUNT).sum().alias("rows"),
            pl.col("charged").sum().alias("all_charged"),
            pl.col("unknown_amounts").sum().alias("all_unknown"),
            pl.struct(pl.all()).first().alias("oldest"),
        )
        .collect()
    )
    groups = [
        Group(
            kind=row[issues.KIND],
            code=row[issues.CODE] or "UNKNOWN",
            claims=row["claims"],
            rows=row["rows"],
            charged=_dollars(row["all_charged"]),
            unknown_amounts=row["all_unknown"],
            oldest=_stuck(
                row["oldest"] | {key: row[key] for key in (issues.KIND, issues.CODE)}, today, links
            ),
        )
        for row in found.iter_rows(named=True)
    ]
    return tuple(
        sorted(groups, key=lambda each: (each.where is Where.NOWHERE, -each.charged, -each.claims, each.code))
    )


def stuck_claims(
    stuck: pl.LazyFrame, today: date, links: Mapping[str, OrgLinks], most: int | None = None
) -> Iterable[StuckClaim]:
    """Those that wait longest first; of one day, most dollars first."""
    ordered = _oldest_first(stuck)
    rows = (ordered if most is None else ordered.head(most)).collect()
    return (_stuck(row, today, links) for row in rows.iter_rows(named=True))


def _oldest_first(stuck: pl.LazyFrame) -> pl.LazyFrame:
    order = [issues.FIRST_SEEN, "charged", issues.ISSUE_KEY]
    return stuck.sort(order, descending=[False, True, False], nulls_last=True)


def _stuck(row: Mapping[str, Any], today: date, links: Mapping[str, OrgLinks]) -> StuckClaim:
    since = date.fromisoformat(row[issues.FIRST_SEEN])
    record = row["salesforce_id"]
    return StuckClaim(
        customer=row["customer"],
        claim_id=row[issues.CLAIM_NUMBER],
        filter_id=row[issues.FILTER],
        kind=row[issues.KIND],
        code=row[issues.CODE] or "UNKNOWN",
        field=row[issues.FIELD],
        rows=row[issues.ROW_COUNT] or 0,
        charged=_dollars(row["charged"]),
        unknown_amounts=row["unknown_amounts"] or 0,
        since=since,
        days=max((today - since).days, 0),
        link=links[row["customer"]].claim(record) if record else None,
    )


def _dollars(amount: object) -> Decimal:
    return Decimal(str(amount or 0)).quantize(Decimal("0.01"))


KIND_WORDS: Mapping[str, str] = {
    IssueKind.REJECTED: "Rejected: it never left the report.",
    IssueKind.REFUSED: "Refused: Salesforce did not take it.",
    IssueKind.HELD: "Held: we did not send it.",
}
