"""Standing: after a full fetch was sent, this customer's claims as the org holds them, beside what became of each.

What belongs here: one download of what the org holds, cut into the same buckets as the outcomes. Not here: what is
concluded from it (`missing` marks what is gone, `org_sums` proves the dollars, `reconcile` every field).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from claims_pipeline.claims.compare import (
    CUSTOMER_FIELD,
    KEY_FIELD,
    MISSING_FIELD,
    MONEY_FIELDS,
    CompareRules,
    with_claim_key,
)
from claims_pipeline.clients.salesforce import SalesforceClient, soql_text
from claims_pipeline.storage.buckets import Buckets, PartWriter, bucket_count
from claims_pipeline.storage.frames import StampedFrame

REJECTED = "rejected"
"""Stands where an outcome would: the fetch has rows of this claim, and none of them is behind a claim."""

BEFORE = "org_"
"""Before the name of an amount: what the org held of it when the claim was compared."""

NAMED_SCHEMA = pl.Schema(
    {
        "claim_key": pl.String(),
        "outcome": pl.String(),
        "code": pl.String(),
        "salesforce_id": pl.String(),
        **{f"{before}{name}": pl.String() for name in MONEY_FIELDS for before in ("", BEFORE)},
    }
)


@dataclass(frozen=True)
class Standing:
    """Bucket by bucket: the claims that the fetch names, with outcome and source amounts, and the org's records.

    Amounts are canonical text. `of_customer_alone` says whether the org could be asked for this customer's claims; if
    not, its records are those of everybody.
    """

    named: Buckets
    records: Buckets
    money: tuple[str, ...]
    of_customer_alone: bool

    def buckets(self) -> Iterator[tuple[pl.DataFrame, pl.DataFrame]]:
        """(named, records) of each bucket."""
        return zip(self.named, self.records, strict=True)


def standing(
    outcomes: StampedFrame,
    rejected: StampedFrame,
    rules: CompareRules,
    salesforce: SalesforceClient,
    work: Path,
    *,
    beside: Sequence[str] = (),
) -> Standing:
    """Read this customer's claims back, by one Bulk query: key, mark, amounts, and the fields `beside` them.

    Memory: one bucket, of whichever side is the larger: the org may hold many more claims than the report.
    """
    money = tuple(name for name in MONEY_FIELDS if rules.writes(name))
    marks = (MISSING_FIELD,) if MISSING_FIELD in rules.writable else ()
    fields = tuple(dict.fromkeys((KEY_FIELD, "LastModifiedById", *marks, *money, *beside)))
    whose = CUSTOMER_FIELD in rules.writable
    downloaded = PartWriter(work / "standing-parts")
    for part in salesforce.download_claims(
        fields,
        where=f"{CUSTOMER_FIELD} = {soql_text(rules.customer)}" if whose else None,
        work_folder=work / "download-standing",
    ):
        downloaded.write(with_claim_key(part, KEY_FIELD))
    count = bucket_count(max(outcomes.rows, downloaded.rows))
    schema = pl.Schema(dict.fromkeys((*fields, "claim_key"), pl.String))
    records = Buckets(work / "standing", "claim_key", count, schema)
    records.fill(downloaded.slices())
    named = Buckets(work / "named", "claim_key", count, NAMED_SCHEMA)
    named.fill(_named(part) for part in outcomes.slices())
    named.fill(_named_by_rejected_rows(part) for part in rejected.slices())
    return Standing(named, records, money, whose)


def _named(outcomes: pl.DataFrame) -> pl.DataFrame:
    return outcomes.select(pl.col(name).cast(pl.String) for name in NAMED_SCHEMA)


def _named_by_rejected_rows(rejected: pl.DataFrame) -> pl.DataFrame:
    told = {"claim_key": pl.col("claim_key"), "outcome": pl.lit(REJECTED)}
    keys = rejected.filter(pl.col("claim_key").is_not_null())
    return keys.select(told.get(name, pl.lit(None, dtype=pl.String)).alias(name) for name in NAMED_SCHEMA)
