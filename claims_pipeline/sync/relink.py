"""Relink: a mapping reaches the claims that already stand in the org, without the source.

What belongs here: which of this customer's claims get another payor lookup because the mapping changed (rules:
payors). Not here: claims of the report itself (`send`), nor matching (`claims.payors`).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import polars as pl

from claims_pipeline.claims.compare import (
    CUSTOMER_FIELD,
    HASH_FIELD,
    KEY_FIELD,
    LEAVE,
    LOOKUP_FIELD,
    PAYOR_KEY_FIELD,
    CompareRules,
)
from claims_pipeline.claims.payors import MatchRule, PayorMatcher
from claims_pipeline.clients.salesforce import SalesforceClient, soql_text
from claims_pipeline.storage.buckets import PartWriter
from claims_pipeline.sync.send import CLAIM, Writer

GROUPS_A_PAGE = 2_000
PAYOR_NAME_FIELD = "Source_Payor_Name__c"
_ROWS_A_PART = 10_000


@dataclass(frozen=True)
class Group:
    """Claims in the org of one payor key that share one lookup: how many, and their charged US dollars."""

    payor_key: str
    lookup: str | None
    claims: int
    charged: Decimal
    payor_name: str | None
    payor_id: str | None


def payor_groups(salesforce: SalesforceClient, where: str) -> Iterator[Group]:
    """The org's claims by payor key and lookup, a page of groups at a time (aggregates cannot be paged by cursor)."""
    last: str | None = None
    while True:
        beyond = f" AND {PAYOR_KEY_FIELD} > {soql_text(last)}" if last is not None else ""
        rows = list(
            salesforce.query(
                f"SELECT {PAYOR_KEY_FIELD} payorKey, {LOOKUP_FIELD} payor, COUNT(Id) claims, "
                f"SUM(Charged_Amount__c) charged, MAX({PAYOR_NAME_FIELD}) payorName, MAX(Payer__c) payorId "
                f"FROM {CLAIM} WHERE {PAYOR_KEY_FIELD} != null AND {where}{beyond} "
                f"GROUP BY {PAYOR_KEY_FIELD}, {LOOKUP_FIELD} ORDER BY {PAYOR_KEY_FIELD} LIMIT {GROUPS_A_PAGE}"
            )
        )
        groups = [_group(row) for row in rows]
        if len(groups) < GROUPS_A_PAGE:
            yield from groups
            return
        last = _last_complete_key(groups)
        yield from (group for group in groups if group.payor_key <= last)


def _group(row: Mapping[str, Any]) -> Group:
    return Group(
        payor_key=row["payorKey"],
        lookup=row["payor"],
        claims=int(row["claims"]),
        charged=Decimal(str(row["charged"] or 0)).quantize(Decimal("0.01")),
        payor_name=row["payorName"],
        payor_id=row["payorId"],
    )


def _last_complete_key(groups: list[Group]) -> str:
    """The last key but one: the last key's own groups may go on over the page."""
    keys = sorted({group.payor_key for group in groups})
    return keys[-2] if len(keys) > 1 else keys[-1]


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


def relink(matcher: PayorMatcher, rules: CompareRules, writer: Writer) -> dict[str, int]:
    """Give this customer's standing claims the lookup that their mapping says; counts by outcome."""
    if not (rules.writes(LOOKUP_FIELD) and {PAYOR_KEY_FIELD, CUSTOMER_FIELD} <= rules.writable):
        return {}
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


def touching(rows: pl.DataFrame, rules: CompareRules, fields: dict[str, str | None]) -> pl.DataFrame:
    """Payloads that set only `fields`. Where someone else changed the claim last, its hash is cleared too.

    Our own name as last modifier must not hide a person's edit from the next comparison.
    """
    columns = {name: pl.lit(value, dtype=pl.String) for name, value in fields.items()}
    if rules.writes(HASH_FIELD):
        by_us = pl.col("LastModifiedById") == rules.our_user
        columns[HASH_FIELD] = pl.when(by_us).then(pl.lit(LEAVE))
    return rows.select(KEY_FIELD, **columns)


def write_apart(payloads: PartWriter, writer: Writer, purpose: str) -> dict[str, int]:
    """Write payloads beside the report's claims; counts by outcome."""
    counts: dict[str, int] = {}
    if payloads.rows:
        for answer in writer.upsert(payloads.slices(), payloads.rows, purpose):
            for outcome, count in answer.group_by("outcome").len().iter_rows():
                counts[outcome] = counts.get(outcome, 0) + count
    return counts
