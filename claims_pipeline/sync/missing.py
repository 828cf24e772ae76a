"""Missing: after a complete full fetch, claims that the source no longer holds are marked, never deleted.

What belongs here: finding this customer's claims in the org that no row of the fetch names. Not here: clearing the
mark of a claim that came back (`claims.compare` does, with every other field).
"""

from pathlib import Path

import polars as pl

from claims_pipeline.claims.compare import (
    CUSTOMER_FIELD,
    KEY_FIELD,
    MISSING_FIELD,
    CompareRules,
    with_claim_key,
)
from claims_pipeline.clients.salesforce import soql_text
from claims_pipeline.storage.buckets import Buckets, PartWriter, bucket_count
from claims_pipeline.storage.frames import StampedFrame
from claims_pipeline.sync.relink import touching, write_apart
from claims_pipeline.sync.send import Writer

_READ = (KEY_FIELD, "LastModifiedById")


def mark_missing(
    claims: StampedFrame, rejected: StampedFrame, rules: CompareRules, writer: Writer
) -> dict[str, int]:
    """Set `Source_Missing_Since__c` on the org's claims that no row of this fetch names; counts by outcome.

    A row whose claim id could not be read might be any of them: then nothing is marked.
    """
    if not {MISSING_FIELD, CUSTOMER_FIELD} <= rules.writable or claims.stamp.facts["unreadable_ids"]:
        return {}
    known = _known_keys(claims, rejected, writer.work)
    payloads = PartWriter(writer.work / "missing-payloads")
    for bucket, keys in zip(_standing(rules, writer, known.count), known, strict=True):
        gone = bucket.join(keys, on="claim_key", how="anti")
        since = rules.as_of.strftime("%Y-%m-%d")
        payloads.write(touching(gone, rules, {MISSING_FIELD: since}))
    return write_apart(payloads, writer, "missing")


def _known_keys(claims: StampedFrame, rejected: StampedFrame, work: Path) -> Buckets:
    """The keys of every claim that any row of the fetch names, rejected rows included."""
    known = Buckets(work / "known", "claim_key", bucket_count(claims.rows))
    for source in (claims, rejected):
        known.fill(part.select("claim_key").drop_nulls() for part in source.slices())
    return known


def _standing(rules: CompareRules, writer: Writer, count: int) -> Buckets:
    """This customer's claims in the org that are not marked yet."""
    nothing = pl.Schema(dict.fromkeys((*_READ, "claim_key"), pl.String))
    standing = Buckets(writer.work / "standing", "claim_key", count, nothing)
    downloaded = writer.salesforce.download_claims(
        _READ,
        where=f"{CUSTOMER_FIELD} = {soql_text(rules.customer)} AND {MISSING_FIELD} = null",
        work_folder=writer.work / "download-standing",
    )
    standing.fill(with_claim_key(frame, KEY_FIELD) for frame in downloaded)
    return standing
