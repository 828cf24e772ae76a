"""Payors: what Salesforce knows of them, stored as one frame, and the matcher made from it.

What belongs here: carrying payors and mappings between client, storage and domain. Not here: how a payor is matched
(`claims.payors`).
"""

from datetime import datetime

import polars as pl

from claims_pipeline.claims.payors import Mapping, Payor, PayorMatcher
from claims_pipeline.clients.salesforce import SalesforceClient
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
    }
)


def read_payor_mapping(salesforce: SalesforceClient, at: datetime, read_by: str) -> StampedFrame:
    """The org's payors and its mapping table, one row each (an org without the table has no mappings).

    `read_by`: the run that asks; another run's claims are matched anew (see `rematch`).
    """
    payors = salesforce.read_payors().with_columns(kind=pl.lit("payor"))
    mappings = salesforce.read_mappings()
    frames = [_shaped(payors)]
    if mappings is not None:
        frames.append(_shaped(mappings.with_columns(kind=pl.lit("mapping"))))
    facts = {"mapping_table": mappings is not None, "read_by": read_by}
    return StampedFrame(pl.concat(frames).lazy(), Stamp(NO_CUSTOMER, 0, at, facts))


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
    """The matcher over a stored payor mapping. Memory: the org's payors and mappings."""
    rows = payors.frame.collect()
    return PayorMatcher(
        payors=[
            Payor(id=row["id"], name=row["name"], payor_id=row["payor_id"])
            for row in rows.filter(pl.col("kind") == "payor").iter_rows(named=True)
        ],
        mappings=[
            Mapping(
                payor_key=row["payor_key"],
                claim_payor=row["claim_payor"],
                ignored=bool(row["ignored"]),
                linked_payor=row["linked_payor"],
            )
            for row in rows.filter(pl.col("kind") == "mapping").iter_rows(named=True)
        ],
    )
