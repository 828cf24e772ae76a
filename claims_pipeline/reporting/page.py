"""Page: the facts as one web page that needs nothing else: no script, no font, no picture from elsewhere.

What belongs here: what is said first, and in which order. Every text is escaped. Not here: adding up (`facts`), where
the page goes (`publish`).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl

from claims_pipeline.reporting.facts import (
    KIND_WORDS,
    SHOWN,
    CustomerFacts,
    Group,
    StuckClaim,
    groups_of,
    stuck_claims,
)
from claims_pipeline.reporting.picture import SERIES, trend
from claims_pipeline.storage.frames import StampedFrame
from claims_pipeline.sync.phrases import dollars_text
from claims_pipeline.sync.plain_words import Where

_STEPS = 5
_PAYORS_SHOWN = 50
_TEMPLATE = "page.html"


@dataclass(frozen=True)
class Whole:
    """What one page is about: one customer, or all that were ever synced."""

    customers: tuple[CustomerFacts, ...]
    unsynced: tuple[str, ...]
    """Customers of the settings without a sync: said, since silence would look like nothing stuck."""
    unmapped: StampedFrame | None
    at: datetime
    is_over_all: bool

    @property
    def stuck(self) -> pl.LazyFrame:
        """Every open issue of these customers."""
        return pl.concat([each.stuck for each in self.customers])

    @property
    def groups(self) -> tuple[Group, ...]:
        """By reason."""
        return groups_of(self.stuck, self.at.date(), self._links)

    @property
    def _links(self) -> dict[str, Any]:
        return {each.customer.number: each.links for each in self.customers}

    def claims(self, most: int | None = None) -> Iterable[StuckClaim]:
        """The stuck claims, those that wait longest first."""
        return stuck_claims(self.stuck, self.at.date(), self._links, most)


@dataclass(frozen=True)
class PayorToMap:
    """A payor whose claims have none in Salesforce."""

    name: str
    id: str
    claims: int
    charged: Decimal
    near: str


def render(whole: Whole) -> str:
    """The page."""
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["dollars"] = dollars_text
    environment.filters["count"] = lambda count: f"{count:,}"
    environment.filters["sentence"] = lambda text: text[:1].upper() + text[1:]
    return environment.get_template(_TEMPLATE).render(**_said(whole))


def _said(whole: Whole) -> dict[str, Any]:
    groups, claims = whole.groups, list(whole.claims(SHOWN))
    in_all = sum(each.claims for each in groups)
    payors = list(_payors(whole.unmapped))
    told = whole.customers[0].history if not whole.is_over_all else ()
    history = told or ()
    return {
        "whole": whole,
        "title": "All customers" if whole.is_over_all else whole.customers[0].customer.name,
        "one": None if whole.is_over_all else whole.customers[0],
        "links": whole.customers[0].links,
        "groups": groups,
        "claims": claims,
        "stuck": in_all,
        "nameless": sum(each.rows for each in groups if not each.claims),
        "stuck_charged": sum((each.charged for each in groups), Decimal("0.00")),
        "unknown": sum(each.unknown_amounts for each in groups),
        "oldest": claims[0] if claims else None,
        "more": in_all + sum(1 for each in groups if not each.claims) - len(claims),
        "steps": [each for each in groups if each.where is not Where.NOWHERE][:_STEPS],
        "payors": payors[:_PAYORS_SHOWN],
        "payors_in_all": len(payors),
        "payors_charged": sum((each.charged for each in payors), Decimal("0.00")),
        "listable": whole.unmapped is not None and whole.unmapped.stamp.facts.get("listable", True),
        "kind_words": KIND_WORDS,
        "history": history,
        "history_told": told is not None,
        "series": SERIES,
        "picture": trend(history) if len(history) > 1 else None,
        "list_name": list_name(whole),
    }


def list_name(whole: Whole) -> str:
    """The file of claim ids that lies beside the page."""
    return "all-customers.csv" if whole.is_over_all else f"{whole.customers[0].customer.number}.csv"


def page_name(whole: Whole) -> str:
    """The page's own file."""
    return "index.html" if whole.is_over_all else f"{whole.customers[0].customer.number}.html"


def _payors(unmapped: StampedFrame | None) -> Sequence[PayorToMap]:
    rows = unmapped.frame.collect().iter_rows(named=True) if unmapped is not None else ()
    return [
        PayorToMap(
            name=row["payor_name"] or row["payor_key"],
            id=row["payor_id"] or "",
            claims=row["claims"],
            charged=row["charged"] or Decimal("0.00"),
            near=", ".join(row["suggestions"]),
        )
        for row in rows
    ]
