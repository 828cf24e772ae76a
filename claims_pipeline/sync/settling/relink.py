"""Relink: a mapping reaches the claims that already stand in the org, without the source.

What belongs here: which claims of the org get another payor lookup because the mapping changed (rules: payors). A payor
key means the same in all customers, so the next sync, of whichever customer, links all claims of the key: were each
left to its own customer's sync, the one `Linked_Payor__c` of the key could not say what all of them were linked to.
Not here: claims of the report itself (`send`), matching (`claims.payors`), the table's rows (`payors.table`).
"""

from collections.abc import Iterable, Iterator
from typing import Any

import polars as pl

from claims_pipeline.claims.compare import KEY_FIELD, LEAVE, LOOKUP_FIELD, PAYOR_KEY_FIELD, CompareRules
from claims_pipeline.claims.payors import MatchRule, PayorMatcher
from claims_pipeline.clients.salesforce import soql_text
from claims_pipeline.storage.buckets import PartWriter
from claims_pipeline.sync.payors.groups import Group
from claims_pipeline.sync.settling.apart import WrittenApart, touching, write_apart
from claims_pipeline.sync.settling.send import CLAIM, KEYS_READ_ONE_BY_ONE, Writer

_ROWS_A_PART = 10_000


def may_relink(rules: CompareRules) -> bool:
    """Whether the org shows payor keys, and the lookup is ours to write."""
    return rules.writes(LOOKUP_FIELD) and PAYOR_KEY_FIELD in rules.writable


def wanted_lookup(group: Group, matcher: PayorMatcher) -> str | None:
    """The payor's record id to link the group to, None to clear it, LEAVE to let it stand.

    A person's mapping replaces any lookup of its key; an automatic match, or a mapping taken back, touches only
    lookups that are empty or that we linked ourselves.
    """
    match = matcher.match_key(group.payor_key)
    if match.payor == group.lookup or match.rule in {MatchRule.IGNORED, MatchRule.AMBIGUOUS}:
        return LEAVE
    if match.rule is MatchRule.TABLE:
        return match.payor
    is_known = match.payor is not None or matcher.can_tell(group.payor_key)
    return match.payor if is_known and group.lookup in matcher.ours(group.payor_key) else LEAVE


def settled_keys(groups: Iterable[Group], matcher: PayorMatcher) -> dict[str, bool]:
    """Payor key -> whether each of its claims has the lookup that it should have."""
    settled: dict[str, bool] = {}
    for group in groups:
        is_right = wanted_lookup(group, matcher) == LEAVE
        key = group.payor_key.casefold()
        settled[key] = settled.get(key, True) and is_right
    return settled


def relink(
    groups: Iterable[Group], matcher: PayorMatcher, rules: CompareRules, writer: Writer
) -> WrittenApart:
    """Give the org's standing claims the lookup that their mapping says."""
    payloads = PartWriter(writer.work / "relink-payloads")
    for number, group in enumerate(groups):
        target = wanted_lookup(group, matcher)
        if target != LEAVE:
            for rows in _claims_of(group, writer, number):
                payloads.write(touching(rows, rules, {LOOKUP_FIELD: target}))
    return write_apart(payloads, writer, "relink")


def _claims_of(group: Group, writer: Writer, number: int) -> Iterator[pl.DataFrame]:
    """Key and last modifier of a group's claims, as they stand now."""
    lookup = f"= {soql_text(group.lookup)}" if group.lookup is not None else "= null"
    where = f"{PAYOR_KEY_FIELD} = {soql_text(group.payor_key)} AND {LOOKUP_FIELD} {lookup}"
    fields = (KEY_FIELD, "LastModifiedById")
    if group.claims > KEYS_READ_ONE_BY_ONE:
        folder = writer.work / f"download-group-{number}"
        yield from writer.salesforce.download_claims(fields, where=where, work_folder=folder)
        return
    yield from _parts(writer.salesforce.query(f"SELECT {', '.join(fields)} FROM {CLAIM} WHERE {where}"))


def _parts(records: Iterator[dict[str, Any]]) -> Iterator[pl.DataFrame]:
    rows: list[dict[str, Any]] = []
    for record in records:
        rows.append({KEY_FIELD: record[KEY_FIELD], "LastModifiedById": record["LastModifiedById"]})
        if len(rows) == _ROWS_A_PART:
            yield pl.DataFrame(rows)
            rows = []
    if rows:
        yield pl.DataFrame(rows)
