"""Payor groups: the org's own claims by payor key and lookup, which relinking and the admin's work list start from.

What belongs here: the aggregate query and its paging. Not here: what is done about a group (`relink`, `unmapped`).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from claims_pipeline.claims.compare import LOOKUP_FIELD, PAYOR_KEY_FIELD
from claims_pipeline.clients.salesforce import SalesforceClient, soql_text
from claims_pipeline.sync.settling.send import CLAIM

GROUPS_A_PAGE = 2_000
"""The most that an aggregate query gives; it cannot be paged by cursor."""

_TOLD = {"charged": "Charged_Amount__c", "payorName": "Source_Payor_Name__c", "payorId": "Payer__c"}


@dataclass(frozen=True)
class Group:
    """Claims in the org of one payor key that share one lookup: how many, and their charged US dollars."""

    payor_key: str
    lookup: str | None
    claims: int
    charged: Decimal
    payor_name: str | None
    payor_id: str | None


def has_payor_keys(salesforce: SalesforceClient) -> bool:
    """Whether the org shows us the field by which claims are grouped."""
    return PAYOR_KEY_FIELD in salesforce.describe(CLAIM).fields


def payor_groups(salesforce: SalesforceClient, where: str = "") -> Iterator[Group]:
    """The groups of all customers' claims (or of those that meet a condition), a page at a time.

    What the org does not show of a group is null (dollars: 0).
    """
    aggregates = {"charged": "SUM", "payorName": "MAX", "payorId": "MAX"}
    seen = salesforce.describe(CLAIM).fields
    told = "".join(f", {aggregates[name]}({field}) {name}" for name, field in _TOLD.items() if field in seen)
    narrowed, beyond = f" AND {where}" if where else "", ""
    while True:
        rows = salesforce.query(
            f"SELECT {PAYOR_KEY_FIELD} payorKey, {LOOKUP_FIELD} payor, COUNT(Id) claims{told} "
            f"FROM {CLAIM} WHERE {PAYOR_KEY_FIELD} != null{narrowed}{beyond} "
            f"GROUP BY {PAYOR_KEY_FIELD}, {LOOKUP_FIELD} ORDER BY {PAYOR_KEY_FIELD} LIMIT {GROUPS_A_PAGE}"
        )
        groups = [_group(row) for row in rows]
        if len(groups) < GROUPS_A_PAGE:
            yield from groups
            return
        whole = _without_the_last_key(groups)
        yield from whole
        beyond = f" AND {PAYOR_KEY_FIELD} > {soql_text(whole[-1].payor_key)}"


def _without_the_last_key(groups: list[Group]) -> list[Group]:
    """The last key's own groups may go on over the page. The order is the org's: it is not Python's."""
    last = groups[-1].payor_key
    return [group for group in groups if group.payor_key != last] or groups


def _group(row: Mapping[str, Any]) -> Group:
    return Group(
        payor_key=row["payorKey"],
        lookup=row["payor"],
        claims=int(row["claims"]),
        charged=Decimal(str(row.get("charged") or 0)).quantize(Decimal("0.01")),
        payor_name=row.get("payorName"),
        payor_id=row.get("payorId"),
    )
