"""History: what each sync did to which claim, kept longer than the claims' own files. Ids, codes, field names, rows.

What belongs here: one small file a customer and sequence (claims that were created, updated, refused, held, rejected,
or gone at the source; an unchanged claim has no line), and a list of the syncs. No values: no amount, name or date of
a claim. Written before the commit, under the fetch's sequence: a sync that is repeated writes the same again. Memory:
one slice, then one bucket. Not here: what is told of it (`why`).
"""

from collections.abc import Iterator
from functools import cached_property
from itertools import islice
from pathlib import Path

import polars as pl

from claims_pipeline.claims import values
from claims_pipeline.claims.compare import KEY_FIELD
from claims_pipeline.claims.outcomes import ClaimOutcome
from claims_pipeline.claims.rows import PLACE
from claims_pipeline.storage.buckets import Buckets, PartWriter, bucket_count
from claims_pipeline.storage.frames import NotStored, Stamp, StampedFrame, Storage, StoredFrameDamaged
from claims_pipeline.sync.known import RAW

HISTORY = "outcome_history"
REJECTED, MISSING = "rejected", "missing"
"""Beside a claim's outcomes: its rows were rejected; the source no longer holds it."""
_PLACES = pl.List(pl.Struct({"run": pl.UInt16, "file": pl.UInt16, "row_number": pl.UInt32}))
_EVENT = pl.Schema(
    {
        "claim_key": pl.String(),
        "claim_id": pl.String(),
        "outcome": pl.String(),
        "code": pl.String(),
        "fields": pl.List(pl.String),
    }
)
_SLICES_AT_ONCE = 3
_OF_OUTCOMES = ("claim_key", "claim_number", "outcome", "code", "fields", "differing")
_PLACE_ROWS = pl.Schema(
    {"claim_key": pl.String(), "run": pl.UInt16(), "file": pl.UInt16(), "row_number": pl.UInt32()}
)
SCHEMA = pl.Schema({**_EVENT, "places": _PLACES})
"""`fields`: those that differed, or those that a refusal names. `places`: the report rows of the claim."""
SYNCS = pl.Schema(
    {
        "sequence": pl.UInt64(),
        "fetched_at": pl.Datetime("us", "UTC"),
        "kind": pl.String(),
        "filters": pl.List(pl.String),
        "report_rows": pl.UInt64(),
        "events": pl.UInt64(),
    }
)


def history_name(customer: str, sequence: int) -> str:
    """Where one sync's lines are stored."""
    return f"{HISTORY}/{customer}/{sequence:012d}"


def syncs_name(customer: str) -> str:
    """Where the list of a customer's syncs is stored."""
    return f"{HISTORY}/{customer}/syncs"


class RowPlaces:
    """Which rows of the report are whose, by hash bucket of `claim_key`: slice by slice, while Salesforce works."""

    def __init__(self, stamp: Stamp, claims: int, storage: Storage, work: Path) -> None:
        self._stamp, self._storage = stamp, storage
        self._buckets = Buckets(work / "history-places", "claim_key", bucket_count(claims), _PLACE_ROWS)

    @property
    def count(self) -> int:
        """How many buckets."""
        return self._buckets.count

    @cached_property
    def _slices(self) -> Iterator[pl.DataFrame]:
        raw = _raw_rows(self._stamp, self._storage)
        return iter(()) if raw is None else raw.slices((*PLACE, "claim_id"))

    def add_some(self) -> None:
        """Cut a few more slices of the report: less work than a job's next file."""
        self._buckets.fill(places_in(part) for part in islice(self._slices, _SLICES_AT_ONCE))

    def all(self) -> Buckets:
        """The buckets (schema `_PLACE_ROWS`), whole."""
        self._buckets.fill(places_in(part) for part in self._slices)
        return self._buckets


def keep_history(
    outcomes: StampedFrame,
    rejected: StampedFrame,
    gone: PartWriter | None,
    places: RowPlaces,
    storage: Storage,
    work: Path,
) -> None:
    """Store what this sync did, by claim, and then name it in the list of syncs."""
    stamp = outcomes.stamp
    assert stamp.sequence is not None, "a dry run does nothing that could be kept"
    events = Buckets(work / "history-events", "claim_key", places.count, _EVENT)
    written = 0
    for part in _events(outcomes, rejected, gone):
        written += part.height
        events.add(part)
    kept = PartWriter(work / "history", SCHEMA)
    if written:
        for some, rows in zip(events, places.all(), strict=True):
            behind = rows.sort(PLACE).group_by("claim_key").agg(pl.struct(PLACE).alias("places"))
            kept.write(some.join(behind, on="claim_key", how="left").select(SCHEMA.names()).cast(SCHEMA))
    small = Stamp(stamp.customer, stamp.sequence, stamp.fetched_at, {"kind": stamp.facts["kind"]})
    storage.write(history_name(stamp.customer, stamp.sequence), StampedFrame(kept.scan(), small))
    _list_sync(stamp, small, kept.rows, storage)


def syncs_of(customer: str, storage: Storage) -> pl.DataFrame:
    """The syncs whose lines are kept, the newest first (schema `SYNCS`). A damaged list raises."""
    try:
        return storage.read(syncs_name(customer)).frame.sort("sequence", descending=True).collect()
    except NotStored:
        return pl.DataFrame(schema=SYNCS)


def events_of(customer: str, sequence: int, claim_key: str, storage: Storage) -> pl.DataFrame:
    """What one sync did to one claim (schema `SCHEMA`)."""
    try:
        stored = storage.read(history_name(customer, sequence))
    except NotStored:
        return pl.DataFrame(schema=SCHEMA)
    return stored.frame.filter(pl.col("claim_key") == claim_key).collect()


def _events(
    outcomes: StampedFrame, rejected: StampedFrame, gone: PartWriter | None
) -> Iterator[pl.DataFrame]:
    named = pl.col("fields").fill_null("").str.split(",").list.filter(pl.element() != "")
    for part in outcomes.slices(_OF_OUTCOMES):
        told = part.filter(pl.col("outcome") != ClaimOutcome.UNCHANGED.value)
        fields = pl.when(named.list.len() > 0).then(named).otherwise(pl.col("differing"))
        # a new claim differs in every field that it has, which says nothing
        was_there = pl.col("outcome") != ClaimOutcome.CREATED.value
        yield told.select(
            "claim_key",
            pl.col("claim_number").alias("claim_id"),
            "outcome",
            "code",
            pl.when(was_there).then(fields).alias("fields"),
        ).cast(_EVENT)
    for part in rejected.slices():
        rows = part.filter(pl.col("claim_key").is_not_null())
        yield (
            rows.group_by("claim_key", "code", "field", maintain_order=True)
            .agg(pl.col("claim_id").first())
            .select(
                "claim_key",
                "claim_id",
                pl.lit(REJECTED).alias("outcome"),
                "code",
                pl.when(pl.col("field").is_not_null()).then(pl.concat_list("field")).alias("fields"),
            )
            .cast(_EVENT)
        )
    for part in gone.slices() if gone is not None else ():
        yield part.select(
            "claim_key",
            pl.col(KEY_FIELD).alias("claim_id"),
            pl.lit(MISSING).alias("outcome"),
            pl.lit(None, dtype=pl.String).alias("code"),
            pl.lit(None, dtype=pl.List(pl.String)).alias("fields"),
        ).cast(_EVENT)


def places_in(raw: pl.DataFrame) -> pl.DataFrame:
    """Claim key and place of each raw row that names a claim."""
    ids = values.texts(values.cleaned(raw.get_column("claim_id")))
    rows = raw.select(PLACE).with_columns(values.claim_keys(ids).alias("claim_key"))
    return rows.filter(pl.col("claim_key").is_not_null()).select(_PLACE_ROWS.names()).cast(_PLACE_ROWS)


def _raw_rows(stamp: Stamp, storage: Storage) -> StampedFrame | None:
    """The stored raw rows of this very fetch. Row numbers are a help: without them the history is kept as well."""
    try:
        raw = storage.read(f"{RAW}/{stamp.customer}")
    except (NotStored, StoredFrameDamaged):
        return None
    is_this_fetch = (raw.stamp.sequence, raw.stamp.fetched_at) == (stamp.sequence, stamp.fetched_at)
    return raw if is_this_fetch else None


def _list_sync(stamp: Stamp, small: Stamp, events: int, storage: Storage) -> None:
    """A list that was damaged begins anew: the lines themselves are stored."""
    reports = stamp.facts["reports"]
    line = (
        stamp.sequence,
        stamp.fetched_at,
        stamp.facts["kind"],
        [report["filter"] for report in reports],
        sum(report["rows"] for report in reports),
        events,
    )
    try:
        before = syncs_of(stamp.customer, storage)
    except StoredFrameDamaged:
        before = pl.DataFrame(schema=SYNCS)
    listed = pl.DataFrame([line], schema=SYNCS, orient="row").vstack(
        before.filter(pl.col("sequence") != stamp.sequence)
    )
    storage.write(
        syncs_name(stamp.customer), StampedFrame(listed.lazy().sort("sequence", descending=True), small)
    )
