"""Open issues: what stands open after a sync, kept in the storage with its dollars, for the report and for `why`.

What belongs here: the same issues that the org is told of (`issues`), by the same decision, so that the two agree
claim by claim; without the org's object, by what the last sync kept. Written before the commit; written again, it is
the same. Not here: which issues a fetch has (`claims.issues`).
"""

from collections.abc import Iterator
from pathlib import Path

import polars as pl

from claims_pipeline.claims import issues
from claims_pipeline.claims.issues import ISSUE_KEY, OPEN, Fetch, filter_issue_key, issue_keys
from claims_pipeline.claims.outcomes import ClaimOutcome
from claims_pipeline.storage.buckets import Buckets, PartWriter, bucket_count
from claims_pipeline.storage.frames import NotStored, StampedFrame, Storage, StoredFrameDamaged
from claims_pipeline.sync.settling import kept
from claims_pipeline.sync.settling.issues import STANDING, ToldIssues, WhatIsKnown, fetch_of, told_of

OPEN_ISSUES = "open_issues"
_CHARGED = "Charged_Amount__c"
_AMOUNTS = pl.Schema(
    {
        ISSUE_KEY: pl.String(),
        "charged": pl.Decimal(38, 2),
        "unknown_amounts": pl.UInt32(),
        "salesforce_id": pl.String(),
    }
)
SCHEMA = pl.Schema({**OPEN, **_AMOUNTS})
"""An open issue, the charged dollars that it holds up, how many amounts could not be read, and the claim's record."""


def keep_open(known: WhatIsKnown, told: ToldIssues | None, storage: Storage, work: Path) -> tuple[str, ...]:
    """Store the issues that are open after this sync; `told`: as the org was told of them. Warnings in words."""
    fetch = fetch_of(known.outcomes.stamp)
    before, warnings = _before(storage, fetch.customer)
    if told is None:
        standing = _as_standing(before, fetch, work)
        told = ToldIssues(told_of(known, fetch, standing, work / "open-told"), standing)
    count = bucket_count(max(told.told.rows, told.stood.rows))
    told_by = Buckets(work / "open-told-by", ISSUE_KEY, count, pl.Schema(issues.TOLD))
    told_by.fill(told.told.slices())
    standing_by = Buckets(work / "open-standing-by", ISSUE_KEY, count, STANDING)
    standing_by.fill(told.stood.slices())
    amounts_by = Buckets(work / "open-amounts-by", ISSUE_KEY, count, _AMOUNTS)
    amounts_by.fill(_amounts(known, fetch, before))
    still = PartWriter(work / "open-still", SCHEMA)
    for one, other, amounts in zip(told_by, standing_by, amounts_by, strict=True):
        unique = one.unique(ISSUE_KEY, keep="first", maintain_order=True)
        found = issues.still_open(unique, other.unique(ISSUE_KEY, keep="first"), fetch)
        dollars = amounts.unique(ISSUE_KEY, keep="first", maintain_order=True)
        known_ones = found.join(dollars, on=ISSUE_KEY, how="left").select(SCHEMA.names())
        still.write(known_ones.with_columns(pl.col("unknown_amounts").fill_null(1)))  # the storage was lost
    storage.write(f"{OPEN_ISSUES}/{fetch.customer}", StampedFrame(still.scan(), known.outcomes.stamp))
    return warnings


def _before(storage: Storage, customer: str) -> tuple[StampedFrame | None, tuple[str, ...]]:
    """What the last sync kept. A damaged list begins anew, and says so: the claims have arrived all the same."""
    try:
        return storage.read(f"{OPEN_ISSUES}/{customer}"), ()
    except NotStored:
        return None, ()
    except StoredFrameDamaged:
        told = (
            "the kept list of open issues was damaged and begins anew: days waiting may be counted from today"
        )
        return None, (told,)


def _as_standing(before: StampedFrame | None, fetch: Fetch, work: Path) -> PartWriter:
    """What was kept, in the form in which the org's issues are read."""
    standing = PartWriter(work / "open-before", STANDING)
    extra = {issues.CUSTOMER: pl.lit(fetch.customer)}
    for part in before.slices() if before is not None else ():
        standing.write(
            part.select(
                extra.get(name, pl.col(name) if name in OPEN else pl.lit(None)).cast(pl.String).alias(name)
                for name in STANDING
            )
        )
    return standing


def _amounts(known: WhatIsKnown, fetch: Fetch, before: StampedFrame | None) -> Iterator[pl.DataFrame]:
    """Dollars by issue key; where a key comes twice the first counts, as with what is told."""
    yield from _of_rejected(known.rejected, fetch)
    arrived = [ClaimOutcome.CREATED, ClaimOutcome.UPDATED, ClaimOutcome.UNCHANGED]
    for part in known.outcomes.slices(("claim_key", "outcome", _CHARGED, "salesforce_id")):
        left = part.filter(~pl.col("outcome").is_in([each.value for each in arrived]))
        yield _of_claims(left, fetch, pl.col("salesforce_id"))
    for part in known.waiting.slices():
        refused = part.filter(pl.col(kept.CODE) != kept.NOT_SENT)
        yield _of_claims(refused, fetch, pl.lit(None, dtype=pl.String))
    for part in before.slices() if before is not None else ():
        yield part.select(_AMOUNTS.names()).cast(_AMOUNTS)


def _of_claims(claims: pl.DataFrame, fetch: Fetch, record: pl.Expr) -> pl.DataFrame:
    return claims.select(
        issue_keys(claims, fetch.customer),
        pl.col(_CHARGED).alias("charged"),
        pl.col(_CHARGED).is_null().cast(pl.UInt32).alias("unknown_amounts"),
        record.alias("salesforce_id"),
    ).cast(_AMOUNTS)


def _of_rejected(rejected: StampedFrame, fetch: Fetch) -> Iterator[pl.DataFrame]:
    """Of claims whose rows were rejected, and of each filter's rows that name no claim."""
    rows = rejected.frame.select("run", "claim_key", "charged").collect()
    sums = (pl.col("charged").sum(), pl.col("charged").null_count().alias("unknown_amounts"))
    nothing = pl.lit(None, dtype=pl.String).alias("salesforce_id")
    named = rows.filter(pl.col("claim_key").is_not_null()).group_by("claim_key").agg(*sums)
    keys = issue_keys(named, fetch.customer)
    yield named.select(keys, "charged", "unknown_amounts", nothing).cast(_AMOUNTS)
    nameless = rows.filter(pl.col("claim_key").is_null())
    filters = {run: filter_issue_key(fetch.customer, name) for run, name in enumerate(fetch.filters)}
    keyed = nameless.with_columns(
        pl.col("run").replace_strict(filters, default=None, return_dtype=pl.String).alias(ISSUE_KEY)
    )
    yield (
        keyed.group_by(ISSUE_KEY)
        .agg(*sums)
        .select(ISSUE_KEY, "charged", "unknown_amounts", nothing)
        .cast(_AMOUNTS)
    )
