"""Relink: a mapping reaches the claims that already stand in the org, without the source.

What belongs here: which of this customer's claims get another payor lookup because the mapping changed (rules:
payors). Not here: claims of the report itself (`send`), nor matching (`claims.payors`).
"""

from collections.abc import Iterator
from typing import Any

import polars as pl

from claims_pipeline.claims.compare import (
    CUSTOMER_FIELD,
    KEY_FIELD,
    LEAVE,
    LOOKUP_FIELD,
    PAYOR_KEY_FIELD,
    CompareRules,
)
from claims_pipeline.claims.payors import MatchRule, PayorMatcher
from claims_pipeline.clients.salesforce import SalesforceClient, soql_text
from claims_pipeline.storage.buckets import PartWriter
from claims_pipeline.sync.payors.groups import Group, payor_groups
from claims_pipeline.sync.settling.apart import WrittenApart, touching, write_apart
from claims_pipeline.sync.settling.send import CLAIM, Writer

_ROWS_A_PART = 10_000


def wanted_lookup(group: Group, matcher: PayorMatcher) -> str | None:
    """The payor's record id to link the group to, None to clear it, LEAVE to let it stand.

    A person's mapping replaces any lookup of its key; an automatic match, or a mapping taken back, touches only
    lookups that are empty or that we linked ourselves.
    """
    match = matcher.match_key(group.payor_key)
    if match.rule is MatchRule.TABLE:
        return LEAVE if match.payor == group.lookup else match.payor
    ours = group.lookup is None or group.lookup == matcher.linked_payor(group.payor_key)
    if match.rule in {MatchRule.IGNORED, MatchRule.AMBIGUOUS} or not ours or match.payor == group.lookup:
        return LEAVE
    return match.payor


def relink(matcher: PayorMatcher, rules: CompareRules, writer: Writer) -> WrittenApart:
    """Give this customer's standing claims the lookup that their mapping says."""
    if not (rules.writes(LOOKUP_FIELD) and {PAYOR_KEY_FIELD, CUSTOMER_FIELD} <= rules.writable):
        return WrittenApart()
    payloads = PartWriter(writer.work / "relink-payloads")
    for group in payor_groups(writer.salesforce, f"{CUSTOMER_FIELD} = {soql_text(rules.customer)}"):
        target = wanted_lookup(group, matcher)
        if target != LEAVE:
            for part in _payloads(group, target, rules, writer.salesforce):
                payloads.write(part)
    return write_apart(payloads, writer, "relink")


def _payloads(
    group: Group, target: str | None, rules: CompareRules, salesforce: SalesforceClient
) -> Iterator[pl.DataFrame]:
    lookup = f"= {soql_text(group.lookup)}" if group.lookup is not None else "= null"
    records = salesforce.query(
        f"SELECT {KEY_FIELD}, LastModifiedById FROM {CLAIM} WHERE {CUSTOMER_FIELD} = {soql_text(rules.customer)} "
        f"AND {PAYOR_KEY_FIELD} = {soql_text(group.payor_key)} AND {LOOKUP_FIELD} {lookup}"
    )
    for rows in _parts(records):
        yield touching(rows, rules, {LOOKUP_FIELD: target})


def _parts(records: Iterator[dict[str, Any]]) -> Iterator[pl.DataFrame]:
    rows: list[dict[str, Any]] = []
    for record in records:
        rows.append({KEY_FIELD: record[KEY_FIELD], "LastModifiedById": record["LastModifiedById"]})
        if len(rows) == _ROWS_A_PART:
            yield pl.DataFrame(rows)
            rows = []
    if rows:
        yield pl.DataFrame(rows)
