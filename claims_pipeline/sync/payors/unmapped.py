"""Unmapped: the payors whose claims have no payor in Salesforce, most dollars first: the admin's work list.

What belongs here: the list, from the org's own claims of all customers. Not here: matching (`claims.payors`).
"""

from collections.abc import Iterable
from datetime import datetime

import polars as pl

from claims_pipeline.claims.compare import LOOKUP_FIELD
from claims_pipeline.claims.payors import MatchRule, PayorMatcher
from claims_pipeline.clients.salesforce import SalesforceClient
from claims_pipeline.storage.frames import Stamp, StampedFrame
from claims_pipeline.sync.payors.groups import Group, has_payor_keys, payor_groups
from claims_pipeline.sync.payors.mapping import NO_CUSTOMER

SCHEMA = pl.Schema(
    {
        "payor_key": pl.String(),
        "payor_name": pl.String(),
        "payor_id": pl.String(),
        "rule": pl.String(),  # UNMAPPED, AMBIGUOUS, or the rule of a match that the next sync links
        "claims": pl.UInt32(),
        "charged": pl.Decimal(18, 2),
        "suggestions": pl.List(pl.String),
    }
)


def unmapped_payors(
    salesforce: SalesforceClient,
    matcher: PayorMatcher,
    at: datetime,
    groups: Iterable[Group] | None = None,
) -> StampedFrame:
    """One row a payor key with claims whose lookup is empty; ignored payors are left out. Memory: the payors.

    `groups`: all the org's claims by payor, as a sync has just read them; without, the org is asked. The fact
    `listable` says whether the org has what such a list needs: without, the list is empty and says nothing.
    """
    listable = has_payor_keys(salesforce)
    rows = []
    if groups is None:
        groups = payor_groups(salesforce, f"{LOOKUP_FIELD} = null") if listable else ()
    for group in (each for each in groups if each.lookup is None):
        match = matcher.match_key(group.payor_key)
        if match.rule is not MatchRule.IGNORED:
            suggestions = [f"{each.name} ({each.score:.0f} %)" for each in match.suggestions]
            named = (group.payor_key, group.payor_name, group.payor_id, match.rule.value)
            rows.append((*named, group.claims, group.charged, suggestions))
    frame = pl.DataFrame(rows, schema=SCHEMA, orient="row")
    ordered = frame.sort(["charged", "claims", "payor_key"], descending=[True, True, False])
    return StampedFrame(ordered.lazy(), Stamp(NO_CUSTOMER, 0, at, {"listable": listable}))
