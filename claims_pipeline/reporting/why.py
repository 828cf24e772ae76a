"""Why: what became of one claim: its report rows, each sync that touched it, what Salesforce holds, what to do.

What belongs here: looking it up in what the syncs stored, and asking Salesforce about the one claim. It writes nothing
and needs no run. Not here: how it is printed (`cli.why`). Values of a claim only in `Difference`, which is shown when a
person asks for it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

import polars as pl

from claims_pipeline.claims import issues, values
from claims_pipeline.claims.compare import KEY_FIELD, LOOKUP_FIELD, canonical_claims, decide
from claims_pipeline.claims.issues import issue_keys
from claims_pipeline.errors import ClaimsPipelineError, words_of
from claims_pipeline.reporting.facts import StuckClaim, stuck_claims
from claims_pipeline.reporting.links import OrgLinks
from claims_pipeline.settings import Customer
from claims_pipeline.storage.frames import NotStored, StampedFrame
from claims_pipeline.sync.connections import Connections
from claims_pipeline.sync.known import RAW
from claims_pipeline.sync.options import SyncOptions
from claims_pipeline.sync.ready import preflight
from claims_pipeline.sync.settling.bring import compare_rules
from claims_pipeline.sync.settling.history import SYNCS, events_of, places_in, syncs_of
from claims_pipeline.sync.settling.kept import KEPT
from claims_pipeline.sync.settling.open_issues import OPEN_ISSUES

MOST_SYNCS = 400
"""So many of a customer's last syncs are looked through."""
_CLAIMS = "transformed_claims"


@dataclass(frozen=True)
class Place:
    """A row of a report. `filter_id`: of the fetch's results; `file`: from 0, within the result's ZIP."""

    filter_id: str
    file: int
    row_number: int


@dataclass(frozen=True)
class Touch:
    """What one sync did to the claim."""

    sequence: int
    fetched_at: datetime
    kind: str
    outcome: str
    code: str | None
    fields: tuple[str, ...]
    places: tuple[Place, ...]


@dataclass(frozen=True)
class Difference:
    """A field in which Salesforce and the source are not the same. It holds a claim's values."""

    field: str
    source: str | None
    org: str | None


@dataclass(frozen=True)
class InSalesforce:
    """What Salesforce holds now. `is_compared`: whether a stored report holds the claim, to compare with."""

    exists: bool
    is_compared: bool
    differences: tuple[Difference, ...] = ()
    record_link: str | None = None


@dataclass(frozen=True)
class Story:
    """All that is known of one claim of one customer."""

    customer: Customer
    claim_id: str
    report_fetched_at: datetime | None
    in_report: tuple[Place, ...]
    touches: tuple[Touch, ...]
    """The newest first."""
    syncs_looked_at: int
    stuck: StuckClaim | None
    waits_to_be_tried: bool
    salesforce: InSalesforce | None
    unreachable: str | None
    """Why Salesforce could not be asked, in words."""

    @property
    def is_of_customer(self) -> bool:
        """Whether something of this customer names the claim."""
        return bool(self.in_report or self.touches or self.stuck or self.waits_to_be_tried)

    @property
    def is_known(self) -> bool:
        """Whether anything at all names this claim."""
        in_org = self.salesforce is not None and self.salesforce.exists
        return self.is_of_customer or in_org


def claim_key_of(claim_id: str) -> str:
    """The claim id as everything compares it."""
    return str(values.claim_keys(values.cleaned(pl.Series("id", [claim_id], dtype=pl.String))).item() or "")


def story(customer: Customer, claim_id: str, connections: Connections) -> Story:
    """Everything that the storage and Salesforce know of the claim."""
    key = claim_key_of(claim_id)
    storage = connections.storage
    raw = _stored(f"{RAW}/{customer.number}", connections)
    syncs = syncs_of(customer.number, storage).head(MOST_SYNCS)
    kept = _of_key(_stored(f"{KEPT}/{customer.number}", connections), key)
    current = _of_key(_stored(f"{_CLAIMS}/{customer.number}", connections), key)
    source = current or kept
    found, unreachable = None, None
    try:
        found = _in_salesforce(source, claim_id, connections)
    except ClaimsPipelineError as error:
        unreachable = words_of(error)
    return Story(
        customer=customer,
        claim_id=claim_id,
        report_fetched_at=raw.stamp.fetched_at if raw is not None else None,
        in_report=tuple(_places_of(raw, key)) if raw is not None else (),
        touches=tuple(_touches(customer, key, syncs, connections)),
        syncs_looked_at=syncs.height,
        stuck=_stuck(customer, key, connections, found),
        waits_to_be_tried=kept is not None,
        salesforce=found,
        unreachable=unreachable,
    )


def _stored(name: str, connections: Connections) -> StampedFrame | None:
    try:
        return connections.storage.read(name)
    except NotStored:
        return None


def _of_key(stored: StampedFrame | None, key: str) -> StampedFrame | None:
    if stored is None:
        return None
    rows = stored.frame.filter(pl.col("claim_key") == key).collect()
    return StampedFrame(rows.lazy(), stored.stamp) if rows.height else None


def _places_of(raw: StampedFrame, key: str) -> Iterator[Place]:
    filters = [report["filter"] for report in raw.stamp.facts["reports"]]
    for part in raw.slices():
        rows = places_in(part).filter(pl.col("claim_key") == key)
        for run, file, number in rows.select("run", "file", "row_number").iter_rows():
            yield Place(filters[run], file, number)


def _touches(customer: Customer, key: str, syncs: pl.DataFrame, connections: Connections) -> Iterator[Touch]:
    for sync in syncs.select(SYNCS.names()).iter_rows(named=True):
        if not sync["events"]:
            continue
        events = events_of(customer.number, sync["sequence"], key, connections.storage)
        for event in events.iter_rows(named=True):
            places = [
                Place(sync["filters"][each["run"]], each["file"], each["row_number"])
                for each in event["places"] or ()
            ]
            yield Touch(
                sequence=sync["sequence"],
                fetched_at=sync["fetched_at"],
                kind=sync["kind"],
                outcome=event["outcome"],
                code=event["code"],
                fields=tuple(event["fields"] or ()),
                places=tuple(places),
            )


def _stuck(
    customer: Customer, key: str, connections: Connections, found: InSalesforce | None
) -> StuckClaim | None:
    stored = _stored(f"{OPEN_ISSUES}/{customer.number}", connections)
    if stored is None:
        return None
    issue = issue_keys(pl.DataFrame({"claim_key": [key]}), customer.number).item()
    rows = stored.frame.filter(pl.col(issues.ISSUE_KEY) == issue).with_columns(
        customer=pl.lit(customer.number)
    )
    instance = found.record_link.partition("/lightning/")[0] if found and found.record_link else ""
    claims = stuck_claims(rows, connections.now().date(), {customer.number: OrgLinks(instance)})
    return next(iter(claims), None)


def _in_salesforce(source: StampedFrame | None, claim_id: str, connections: Connections) -> InSalesforce:
    """The one claim, read back and compared as a sync compares it. Sends nothing."""
    salesforce = connections.salesforce
    links = OrgLinks(salesforce.sign_in().instance_url)
    if source is None:
        org = salesforce.read_claims([claim_id], ("Id", KEY_FIELD))
        return InSalesforce(
            org.height > 0,
            is_compared=False,
            record_link=links.claim(org.item(0, "Id")) if org.height else None,
        )
    shape = preflight(connections)
    user = salesforce.sign_in().user_id
    rules = compare_rules(source, SyncOptions(), connections, shape, user)
    claims = source.frame.collect()
    org = salesforce.read_claims(claims.get_column(KEY_FIELD).to_list(), rules.read_back)
    decided = decide(canonical_claims(claims), org, rules)
    (row,) = decided.iter_rows(named=True)
    if not org.height:
        return InSalesforce(exists=False, is_compared=True)
    differences = [
        Difference(
            name,
            _text(row.get("matched_payor" if name == LOOKUP_FIELD else name)),
            _text(row.get(f"org:{name}")),
        )
        for name in row["differing"] or ()
    ]
    return InSalesforce(True, True, tuple(differences), links.claim(row["org_id"]))


def _text(value: object) -> str | None:
    return None if value is None else str(value)
