"""Kept: claims that Salesforce refused, tried again though no report holds them any more.

What belongs here: which kept claims join a sync, and which stay kept after it. They lie with the claims' own data, in
the private storage. A newer version from the source takes their place, a complete full fetch the place of all.
"""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl

from claims_pipeline.claims.outcomes import ClaimOutcome
from claims_pipeline.claims.payors import PayorMatcher
from claims_pipeline.clients.salesforce import PASSING_CODES
from claims_pipeline.settings import FilterKind
from claims_pipeline.storage.buckets import PartWriter
from claims_pipeline.storage.frames import NotStored, StampedFrame, Storage
from claims_pipeline.sync.transform import match_payors

KEPT = "refused_claims"
TRIED_AGAIN_AFTER = timedelta(days=7)
"""A refusal that does not pass by itself is tried once a week (by `--resend` at once)."""

_CODE, _TRIED_AT = "refused_code", "tried_at"
_MATCH = ("matched_payor", "match_rule", "linked_payor")


@dataclass(frozen=True)
class Brought:
    """What one sync brings: the report's claims and the kept ones that are due; and those that wait."""

    claims: StampedFrame
    again: int
    waiting: PartWriter


def with_kept(
    claims: StampedFrame,
    rejected: StampedFrame,
    matcher: PayorMatcher,
    storage: Storage,
    work: Path,
    *,
    now: datetime,
    all_due: bool,
) -> Brought:
    """Add the kept claims that are due and of which this fetch says nothing. Memory: the keys, and one slice."""
    due, waiting = PartWriter(work / "kept-due"), PartWriter(work / "kept-waiting")
    kept = _kept(storage, claims.stamp.customer)
    if kept is None:
        return Brought(claims, 0, waiting)
    is_full = claims.stamp.facts["kind"] == FilterKind.FULL
    newer, unreadable = (frame.frame.select("claim_key").collect() for frame in (claims, rejected))
    is_due = (
        pl.col(_CODE).is_in(list(PASSING_CODES)) | (pl.col(_TRIED_AT) <= now - TRIED_AGAIN_AFTER) | all_due
    )
    same_columns = kept.stamp.facts["present"] == claims.stamp.facts["present"]
    for part in kept.slices():
        left = part.join(newer, on="claim_key", how="anti")
        if is_full:  # what no row names is gone at the source
            left = left.join(unreadable, on="claim_key", how="semi")
        tried = left.join(unreadable, on="claim_key", how="anti").filter(is_due & same_columns)
        waiting.write(left.join(tried, on="claim_key", how="anti"))
        due.write(match_payors(tried.drop(_CODE, _TRIED_AT, *_MATCH), matcher))
    if not due.rows:
        return Brought(claims, 0, waiting)
    columns = claims.frame.collect_schema().names()
    both = pl.concat([claims.frame, due.scan().select(columns)])
    return Brought(replace(claims, frame=both), due.rows, waiting)


def keep_refused(
    brought: Brought, outcomes: StampedFrame, storage: Storage, work: Path, *, now: datetime
) -> None:
    """Store the claims that are refused after this sync, and those that wait still."""
    kept = PartWriter(work / "kept")
    is_refused = pl.col("outcome") == ClaimOutcome.REFUSED.value
    refused = outcomes.frame.filter(is_refused).select("claim_key", pl.col("code").alias(_CODE)).collect()
    tried_at = pl.lit(now.astimezone(UTC), dtype=pl.Datetime("us", "UTC")).alias(_TRIED_AT)
    for part in brought.claims.slices():
        kept.write(part.join(refused, on="claim_key", how="inner").with_columns(tried_at))
    for part in brought.waiting.slices():
        kept.write(part)
    customer = outcomes.stamp.customer
    if kept.rows or _kept(storage, customer) is not None:
        storage.write(f"{KEPT}/{customer}", StampedFrame(kept.scan(), brought.claims.stamp))


def _kept(storage: Storage, customer: str) -> StampedFrame | None:
    try:
        return storage.read(f"{KEPT}/{customer}")
    except NotStored:
        return None
