"""Publish: a customer's page and list, and those over all customers, to where the billing lead finds them.

What belongs here: what is written, under which name, and that the page over all is never older than a customer's own.
Not here: what a page says (`page`).
"""

import csv
from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path

from claims_pipeline.clients.sync_state import PastSync
from claims_pipeline.errors import ClaimsPipelineError
from claims_pipeline.reporting.facts import CustomerFacts, StuckClaim, customer_facts
from claims_pipeline.reporting.page import Whole, list_name, page_name, render
from claims_pipeline.settings import Settings
from claims_pipeline.storage.frames import NotStored, StampedFrame
from claims_pipeline.storage.place import Place, open_place
from claims_pipeline.sync.connections import Connections
from claims_pipeline.sync.payors.mapping import matcher_of
from claims_pipeline.sync.payors.unmapped import unmapped_payors
from claims_pipeline.sync.plain_words import where_to

FOLDER = "sync_reports"
LIST_COLUMNS = {
    "customer": "CollaborateMD customer number",
    "claim_id": "the claim's id; blank for rows that name no claim",
    "filter": "of rows that name no claim: the report filter that returned them",
    "kind": "rejected, refused or held",
    "code": "the rule, or Salesforce's code",
    "what_is_wrong": "the same in plain words",
    "what_to_do": "what mends it",
    "where": "in which system",
    "field": "the fields that it is about",
    "report_rows": "how many rows of the report",
    "charged": "charged dollars that are held up, as far as they are known",
    "unknown_amounts": "amounts that cannot be read, in none of the sums",
    "waiting_since": "the first day on which it was seen",
    "days": "days since then",
    "salesforce_record": "the claim's record id, where Salesforce has it",
}
"""The columns of the list of stuck claims, and what each says."""
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_MOST_TIMES = 5


@dataclass(frozen=True)
class Published:
    """Where one page stands, and what it says in numbers."""

    address: str
    list_address: str
    stuck_claims: int
    stuck_dollars: Decimal
    oldest_days: int


def reports_place(settings: Settings) -> Place:
    """Where reports go."""
    return open_place(str(settings.reports) if settings.reports else f"{settings.storage}/{FOLDER}")


def publish(
    numbers: Sequence[str], unmapped: StampedFrame | None, connections: Connections, work: Path
) -> tuple[dict[str, Published], Published]:
    """Write the pages of these customers, and the one over all; customer -> its page, and the page over all.

    Customers may be synced side by side: whoever finds another's sync newer than what it told writes the page over all
    once more. Raises NotStored where none was ever synced.
    """
    place = reports_place(connections.settings)
    over_all = _whole(unmapped, connections, with_history=numbers)
    if not over_all.customers:
        raise NotStored("No customer was ever synced, so there is nothing to report. Run a sync first.")
    pages = {
        each.customer.number: _write(_alone(over_all, each), place, work)
        for each in over_all.customers
        if each.customer.number in numbers
    }
    page = _write(over_all, place, work)
    for _ in range(_MOST_TIMES):
        now = _whole(unmapped, connections)
        if _sequences(now) == _sequences(over_all):
            break
        over_all, page = now, _write(now, place, work)
    return pages, page


def payors_to_map(connections: Connections) -> StampedFrame | None:
    """From Salesforce as it stands; else as the last run stored it; None where neither can be read."""
    storage = connections.storage
    try:
        mapping = storage.read("payor_mapping")
        return unmapped_payors(connections.salesforce, matcher_of(mapping), connections.now())
    except ClaimsPipelineError:
        return stored_payors_to_map(connections)


def stored_payors_to_map(connections: Connections) -> StampedFrame | None:
    """As the last run stored them."""
    try:
        return connections.storage.read("unmapped_payors")
    except ClaimsPipelineError:
        return None


def _alone(whole: Whole, customer: CustomerFacts) -> Whole:
    return replace(whole, customers=(customer,), unsynced=(), is_over_all=False)


def _sequences(whole: Whole) -> dict[str, int]:
    return {each.customer.number: each.sequence for each in whole.customers}


def _whole(
    unmapped: StampedFrame | None, connections: Connections, with_history: Sequence[str] = ()
) -> Whole:
    """Every customer of the settings that was ever synced; the past of those whose own pages are written."""
    found, unsynced = list[CustomerFacts](), list[str]()
    now = connections.now()
    for each in connections.settings.customers:
        history = _history(each.number, connections) if each.number in with_history else ()
        try:
            found.append(customer_facts(each, connections.storage, history, now.date()))
        except NotStored:
            unsynced.append(each.number)
    return Whole(tuple(found), tuple(unsynced), unmapped, now, is_over_all=True)


def _history(customer: str, connections: Connections) -> tuple[PastSync, ...] | None:
    """None where the sync state cannot be read: the page says so, and tells the rest."""
    try:
        return connections.state.read(customer).history
    except ClaimsPipelineError:
        return None


def _write(whole: Whole, place: Place, work: Path) -> Published:
    """The list first: a page never leads to one that is not there."""
    rows = work / "list.csv"
    named, dollars, oldest = 0, Decimal("0.00"), 0
    with rows.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(tuple(LIST_COLUMNS))
        for each in whole.claims():
            writer.writerow([_plain(cell) for cell in _line(each)])
            named += each.claim_id is not None
            dollars += each.charged
            oldest = max(oldest, each.days)
    html = work / "page.html"
    html.write_text(render(whole), encoding="utf-8")
    place.publish(rows, list_name(whole))
    place.publish(html, page_name(whole))
    return Published(
        address=place.address(page_name(whole)),
        list_address=place.address(list_name(whole)),
        stuck_claims=named,
        stuck_dollars=dollars,
        oldest_days=oldest,
    )


def _line(each: StuckClaim) -> tuple[object, ...]:
    return (
        *(each.customer, each.claim_id, each.filter_id, each.kind, each.code, each.words.wrong),
        *(each.words.to_do, where_to(each.code).value, each.field, each.rows, each.charged),
        *(each.unknown_amounts, each.since.isoformat(), each.days, each.link),
    )


def _plain(cell: object) -> object:
    """A spreadsheet must not take a claim id for a formula. (An amount may begin with a minus.)"""
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(_FORMULA) else cell
