"""Kept: claims that Salesforce refused, tried again though no report holds them any more.

What belongs here: which kept claims join a sync, which of the report's claims wait since nothing about them changed,
and which stay kept after it. They lie with the claims' own data, in the private storage. A newer version from the
source takes their place, a complete full fetch the place of all.
"""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl

from claims_pipeline.claims.compare import SOURCE_FIELDS
from claims_pipeline.claims.outcomes import ClaimOutcome
from claims_pipeline.claims.payors import PayorMatcher
from claims_pipeline.clients.salesforce import PASSING_CODES
from claims_pipeline.settings import FilterKind
from claims_pipeline.storage.buckets import PartWriter
from claims_pipeline.storage.frames import NotStored, StampedFrame, Storage
from claims_pipeline.sync.settling.missing import may_mark
from claims_pipeline.sync.transform import MATCH_COLUMNS, match_payors

KEPT = "refused_claims"
TRIED_AGAIN_AFTER = timedelta(days=7)
"""A refusal that does not pass by itself is tried once a week (by `--resend` at once)."""

CODE, FIELDS, _TRIED_AT, _PRESENT = "refused_code", "refused_fields", "tried_at", "columns_then"
_REFUSAL = (CODE, FIELDS, _TRIED_AT, _PRESENT)
NOT_SENT = "NOT_SENT"
"""In a refusal's place: the claim's fetch was never committed."""
_CLOCKS_DIFFER = timedelta(days=1)
_UNCHANGED = ("claim_key", *SOURCE_FIELDS, "matched_payor")
"""What must be the same for a lasting refusal to stand: the claim's own fields and its payor."""
_SPARED = pl.Schema(
    {"claim_key": pl.String(), CODE: pl.String(), FIELDS: pl.String(), _TRIED_AT: pl.Datetime("us", "UTC")}
)


@dataclass(frozen=True)
class Brought:
    """What one sync brings: the report's claims and the kept ones that are due; and those that wait.

    `spared`: the report's own claims that need not be tried, by `claim_key` with the refusal that stands.
    """

    claims: StampedFrame
    again: int
    waiting: PartWriter
    spared: pl.DataFrame


@dataclass(frozen=True)
class Trying:
    """Which kept claims are tried: what passes each time, what lasts once a week, or all of them."""

    now: datetime
    all_due: bool

    @property
    def is_due(self) -> pl.Expr:
        """Of a kept claim."""
        passes = pl.col(CODE).is_in([*PASSING_CODES, NOT_SENT])
        long_ago = pl.col(_TRIED_AT) <= self.now - TRIED_AGAIN_AFTER
        by_a_wrong_clock = pl.col(_TRIED_AT) > self.now + _CLOCKS_DIFFER
        return passes | long_ago | by_a_wrong_clock | self.all_due


def with_kept(
    claims: StampedFrame,
    rejected: StampedFrame,
    matcher: PayorMatcher,
    storage: Storage,
    work: Path,
    trying: Trying,
) -> Brought:
    """Add the kept claims that are due and of which this fetch says nothing. Memory: the keys, and one slice."""
    due, waiting = PartWriter(work / "kept-due"), PartWriter(work / "kept-waiting")
    spared = pl.DataFrame(schema=_SPARED)
    kept = _kept(storage, claims.stamp.customer)
    if kept is None:
        return Brought(claims, 0, waiting, spared)
    is_whole = claims.stamp.facts["kind"] == FilterKind.FULL and may_mark(claims.stamp.facts)
    newer, unreadable = (frame.frame.select("claim_key").collect() for frame in (claims, rejected))
    same_columns = pl.col(_PRESENT) == _columns_of(claims)
    for part in kept.slices():
        spared = spared.vstack(_unchanged(claims, part.filter(~trying.is_due)))
        left = part.join(newer, on="claim_key", how="anti")
        if is_whole:  # what no row names is gone at the source
            left = left.join(unreadable, on="claim_key", how="semi")
        tried = left.join(unreadable, on="claim_key", how="anti").filter(trying.is_due & same_columns)
        waiting.write(left.join(tried, on="claim_key", how="anti"))
        due.write(match_payors(tried.drop(*_REFUSAL, *MATCH_COLUMNS), matcher))
    if not due.rows:
        return Brought(claims, 0, waiting, spared)
    columns = claims.frame.collect_schema().names()
    both = pl.concat([claims.frame, due.scan().select(columns)])
    return Brought(replace(claims, frame=both), due.rows, waiting, spared)


def _unchanged(claims: StampedFrame, kept: pl.DataFrame) -> pl.DataFrame:
    """Of kept claims that are not due: those that the report brings exactly as they were refused."""
    if kept.is_empty():
        return pl.DataFrame(schema=_SPARED)
    same = claims.frame.join(kept.lazy(), on=_UNCHANGED, how="semi", nulls_equal=True).select("claim_key")
    return kept.join(same.collect(), on="claim_key", how="semi").select(_SPARED.names()).cast(_SPARED)


def keep_refused(
    brought: Brought, outcomes: StampedFrame, storage: Storage, work: Path, *, now: datetime
) -> None:
    """Store the claims that are refused after this sync, and those that wait still."""
    is_refused = pl.col("outcome") == ClaimOutcome.REFUSED.value
    refusal = (pl.col("code").alias(CODE), pl.col("fields").alias(FIELDS))
    refused = outcomes.frame.filter(is_refused).select("claim_key", *refusal).collect()
    tried_at = pl.lit(now.astimezone(UTC), dtype=pl.Datetime("us", "UTC"))
    told = refused.join(
        brought.spared.select("claim_key", _TRIED_AT), on="claim_key", how="left"
    ).with_columns(pl.col(_TRIED_AT).fill_null(tried_at), pl.lit(_columns_of(brought.claims)).alias(_PRESENT))
    kept = PartWriter(work / "kept", pl.Schema({**brought.claims.frame.collect_schema(), **told.schema}))
    for part in brought.claims.slices() if told.height else ():
        kept.write(part.join(told, on="claim_key", how="inner"))
    for part in brought.waiting.slices():
        kept.write(part)
    customer = outcomes.stamp.customer
    if kept.rows or _kept(storage, customer) is not None:
        storage.write(f"{KEPT}/{customer}", StampedFrame(kept.scan(), brought.claims.stamp))


def keep_below(claims: StampedFrame, storage: Storage, work: Path, *, now: datetime) -> None:
    """Keep all these claims, which nobody has sent for certain; they take the place of older versions kept."""
    keys = claims.frame.select("claim_key").collect()
    merged = PartWriter(work / "kept-below")
    marks = {
        CODE: pl.lit(NOT_SENT),
        FIELDS: pl.lit(None, dtype=pl.String),
        _TRIED_AT: pl.lit(now.astimezone(UTC), dtype=pl.Datetime("us", "UTC")),
        _PRESENT: pl.lit(_columns_of(claims)),
    }
    for part in claims.slices():
        merged.write(part.with_columns(**marks))
    kept = _kept(storage, claims.stamp.customer)
    for part in kept.slices() if kept is not None else ():
        merged.write(part.join(keys, on="claim_key", how="anti"))
    if merged.rows:
        storage.write(f"{KEPT}/{claims.stamp.customer}", StampedFrame(merged.scan(), claims.stamp))


def _columns_of(claims: StampedFrame) -> str:
    """Which fields the claims' report carried."""
    return ",".join(sorted(claims.stamp.facts["present"]))


def _kept(storage: Storage, customer: str) -> StampedFrame | None:
    try:
        return storage.read(f"{KEPT}/{customer}")
    except NotStored:
        return None
