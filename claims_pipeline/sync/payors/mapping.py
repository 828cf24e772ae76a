"""Payors: what Salesforce knows of them, stored as one frame, and the matcher made from it.

What belongs here: carrying payors and mappings between client, storage and domain. Not here: how a payor is matched
(`claims.payors`).
"""

from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

import polars as pl

from claims_pipeline.claims.payors import Mapping, Payor, PayorMatcher
from claims_pipeline.clients.salesforce import OrgNotReady, SalesforceClient
from claims_pipeline.storage.frames import Stamp, StampedFrame

NO_CUSTOMER = ""
SCHEMA = pl.Schema(
    {
        "kind": pl.String,  # "payor": a Claim_Payor__c; "mapping": a Claim_Payor_Mapping__c
        "id": pl.String,
        "name": pl.String,
        "payor_id": pl.String,
        "payor_key": pl.String,
        "claim_payor": pl.String,
        "ignored": pl.Boolean,
        "automatic_match": pl.String,
        "linked_payor": pl.String,
        "match_rule": pl.String,
        "source_payor_name": pl.String,
        "source_payor_id": pl.String,
        "first_seen_on": pl.String,
        "last_seen_on": pl.String,
        "claim_count": pl.String,
        "charged_amount": pl.String,
        **{f"suggestion_{place}{what}": pl.String for place in (1, 2, 3) for what in ("", "_score")},
    }
)


@dataclass(frozen=True)
class PayorMapping(StampedFrame):
    """The org's payors and mappings as this process read them: one matcher serves all its steps."""

    @cached_property
    def matcher(self) -> PayorMatcher:
        """Made when it is first asked for."""
        return _matcher(self)


def read_payor_mapping(salesforce: SalesforceClient, at: datetime, read_by: str) -> PayorMapping:
    """The org's payors and its mapping table, one row each (an org without the table has no mappings).

    `read_by`: the run that asks; another run's claims are matched anew (see `rematch`). Where the table is there but
    hides people's decisions from us, nothing at all is matched: an automatic match could overrule a person.
    """
    payors = salesforce.read_payors().with_columns(kind=pl.lit("payor"))
    facts: dict[str, Any] = {"mapping_table": True, "read_by": read_by}
    frames = [_shaped(payors)]
    try:
        mappings = salesforce.read_mappings()
    except OrgNotReady as hidden:
        facts["hidden"] = [problem.partition(":")[0] for problem in hidden.problems]
        return PayorMapping(pl.LazyFrame(schema=SCHEMA), Stamp(NO_CUSTOMER, 0, at, facts))
    if mappings is None:
        facts["mapping_table"] = False
    else:
        frames.append(_shaped(mappings.with_columns(kind=pl.lit("mapping"))))
    return PayorMapping(pl.concat(frames).lazy(), Stamp(NO_CUSTOMER, 0, at, facts))


def no_payors(at: datetime) -> StampedFrame:
    """Nothing known of any payor, for claims that are matched later."""
    return StampedFrame(pl.LazyFrame(schema=SCHEMA), Stamp(NO_CUSTOMER, 0, at, {}))


def _shaped(frame: pl.DataFrame) -> pl.DataFrame:
    """The stored schema, columns that this kind has not as nulls."""
    return frame.select(
        (pl.col(name) if name in frame.columns else pl.lit(None)).cast(dtype).alias(name)
        for name, dtype in SCHEMA.items()
    )


def matcher_of(payors: StampedFrame) -> PayorMatcher:
    """The matcher over a payor mapping, stored or just read. Memory: the org's payors and mappings."""
    return payors.matcher if isinstance(payors, PayorMapping) else _matcher(payors)


def _matcher(payors: StampedFrame) -> PayorMatcher:
    rows = payors.frame.collect()
    return PayorMatcher(
        payors=[
            Payor(id=row["id"], name=row["name"], payor_id=row["payor_id"])
            for row in rows.filter(pl.col("kind") == "payor").iter_rows(named=True)
        ],
        mappings=[
            Mapping(
                payor_key=(row["payor_key"] or "").casefold(),  # one typed by hand counts too
                claim_payor=row["claim_payor"],
                ignored=bool(row["ignored"]),
                linked_payor=row["linked_payor"],
                automatic_match=row["automatic_match"],
            )
            for row in rows.filter(pl.col("kind") == "mapping").iter_rows(named=True)
        ],
    )
