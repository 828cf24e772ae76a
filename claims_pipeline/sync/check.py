"""Check: can we sign in everywhere, are the fields there, is each report readable and its columns known?

What belongs here: one finding a line, with what to do. Nothing is written to Salesforce, no cursor moves, and no table
is made (a running sensor would begin a first load); the report slot is taken for each filter, as a sync would.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from pathlib import Path

import polars as pl

from claims_pipeline.claims.columns import COLUMNS, Grain
from claims_pipeline.clients.sync_state import CustomerState, StateTableMissing
from claims_pipeline.errors import ClaimsPipelineError
from claims_pipeline.settings import Customer
from claims_pipeline.storage.frames import StampedFrame
from claims_pipeline.sync.connections import Connections
from claims_pipeline.sync.fetching.fetch import fetch
from claims_pipeline.sync.options import SyncOptions
from claims_pipeline.sync.ready import preflight

_PAYMENT_FIELDS = ("paid", "balance", "check_reference", "paid_on")


class Verdict(StrEnum):
    """How a finding stands."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "FAILED"


@dataclass(frozen=True)
class Finding:
    """One line of the check."""

    verdict: Verdict
    of: str
    words: str
    error: ClaimsPipelineError | None = None
    """Why it could not be found out, where that is so."""


def check(connections: Connections, work: Path) -> Iterator[Finding]:
    """Findings, in the order in which a person should mend them."""
    yield Finding(
        Verdict.OK, "settings", f"{len(connections.settings.customers)} customer(s), all settings look right"
    )
    yield from _asked("sync state", lambda: _state(connections))
    yield from _asked("Salesforce", lambda: _salesforce(connections))
    for customer in connections.settings.customers:
        for kind in dict.fromkeys(each.kind for each in customer.filters):
            of = f"customer {customer.number}, {kind.value} report"
            options = SyncOptions(kind=kind, dry_run=True, accept_empty=True)
            folder = work / f"{customer.number}-{kind.value}"
            folder.mkdir()
            yield from _asked(of, partial(_report, customer, options, connections, folder, of))


def _asked(of: str, ask: Callable[[], Iterator[Finding]]) -> Iterator[Finding]:
    """The findings, or the failure as one."""
    try:
        yield from ask()
    except ClaimsPipelineError as error:
        yield Finding(Verdict.FAILED, of, str(error), error)


def _state(connections: Connections) -> Iterator[Finding]:
    numbers = [each.number for each in connections.settings.customers]
    table = connections.settings.state.table_name
    try:
        states = connections.state.read_many(numbers)
        yield Finding(Verdict.OK, "sync state", f"table {table} is there")
    except StateTableMissing:
        states = {each: CustomerState(each) for each in numbers}
        yield Finding(
            Verdict.WARNING,
            "sync state",
            f"table {table} is not there yet: the first sync creates it. If there was one, look at DYNAMODB_TABLE_NAME "
            "and the region",
        )
    for number in numbers:
        at = states[number].last_success_at
        last = f"last success {at:%Y-%m-%d %H:%M} UTC" if at else "never synced"
        yield Finding(Verdict.OK, f"customer {number}", last)


def _salesforce(connections: Connections) -> Iterator[Finding]:
    who = connections.salesforce.sign_in()
    yield Finding(
        Verdict.OK,
        "Salesforce",
        f"signed in as {who.username} to org {who.organization_id}. Keep this user for the integration alone: what it "
        "changes is taken for our own work",
    )
    shape = preflight(connections)
    yield Finding(Verdict.OK, "Claim__c", f"{len(shape.writable)} fields can be written")
    for warning in (*connections.salesforce.warnings, *shape.warnings):
        yield Finding(Verdict.WARNING, "Claim__c", warning)
    yield Finding(Verdict.OK, "Claim_Payor__c", f"{connections.salesforce.read_payors().height} payors")
    mappings = connections.salesforce.read_mappings()
    if mappings is None:
        yield Finding(
            Verdict.WARNING,
            "Claim_Payor_Mapping__c",
            "the org has no mapping table: payors are matched automatically alone. Deploy salesforce/ to have it",
        )
    else:
        yield Finding(Verdict.OK, "Claim_Payor_Mapping__c", f"{mappings.height} mapping rows")


def _report(
    customer: Customer, options: SyncOptions, connections: Connections, work: Path, of: str
) -> Iterator[Finding]:
    raw = fetch(customer, options, connections, work, lambda _: None)
    facts = raw.stamp.facts
    yield Finding(
        Verdict.OK,
        of,
        f"{raw.rows:,} rows, a row a {facts['grain']}, {len(facts['present'])} columns carried",
    )
    for warning in facts["warnings"]:
        yield Finding(Verdict.WARNING, of, warning)
    if facts["unknown_columns"]:
        yield Finding(
            Verdict.WARNING,
            of,
            f"columns that we do not know, and leave out: {', '.join(facts['unknown_columns'])}",
        )
    if facts["grain"] == Grain.CHARGE and (repeated := _lines_repeated_by_payment(raw)):
        yield Finding(
            Verdict.FAILED,
            of,
            f"{repeated:,} charge lines stand there once a payment, and their claims would be rejected as "
            "CONFLICTING_DUPLICATE. Take the payment columns that vary out of the report, or sum them a line",
        )


def _lines_repeated_by_payment(raw: StampedFrame) -> int:
    """Charge lines whose rows differ in payment columns alone."""
    others = [column.field for column in COLUMNS if column.field not in _PAYMENT_FIELDS]
    lines = raw.frame.filter(~pl.col("ragged") & (pl.col("line_id") != "")).group_by("claim_id", "line_id")
    told = lines.agg(
        pl.struct(others).n_unique().alias("others"), pl.struct(_PAYMENT_FIELDS).n_unique().alias("payments")
    )
    repeated = told.filter((pl.col("others") == 1) & (pl.col("payments") > 1))
    return int(repeated.select(pl.len()).collect().item())
