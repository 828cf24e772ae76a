"""Missing: after a complete full fetch, claims that the source no longer holds are marked, never deleted.

What belongs here: which of this customer's claims in the org get the mark, and which lose it because a rejected row
names them again. Not here: clearing the mark of a claim that is sent (`claims.compare` does, with every other field).
"""

from collections.abc import Iterator, Mapping
from typing import Any

import polars as pl

from claims_pipeline.claims.compare import KEY_FIELD, MISSING_FIELD, CompareRules
from claims_pipeline.storage.buckets import PartWriter
from claims_pipeline.sync.settling.apart import WrittenApart, touching, write_apart
from claims_pipeline.sync.settling.send import Writer
from claims_pipeline.sync.settling.standing import REJECTED, Standing

GONE = pl.Schema({"claim_key": pl.String(), KEY_FIELD: pl.String()})


def mark_missing(
    standing: Standing, facts: Mapping[str, Any], rules: CompareRules, writer: Writer, gone_keys: PartWriter
) -> WrittenApart:
    """Set `Source_Missing_Since__c` on the org's claims that no row of this fetch names, clear it on those back.

    `facts` are those of the fetch's stamp (see `may_mark`). The newly marked are named in `gone_keys`.
    """
    if not (rules.writes(MISSING_FIELD) and standing.of_customer_alone):
        return WrittenApart()
    since = rules.as_of.strftime("%Y-%m-%d")
    payloads = PartWriter(writer.work / "missing-payloads")
    for named, records in standing.buckets():
        if may_mark(facts):
            gone = records.filter(pl.col(MISSING_FIELD).is_null()).join(named, on="claim_key", how="anti")
            gone_keys.write(gone.select(GONE.names()))
            payloads.write(touching(gone, rules, {MISSING_FIELD: since}))
        rejected = named.filter(pl.col("outcome") == REJECTED)
        back = records.filter(pl.col(MISSING_FIELD).is_not_null()).join(rejected, on="claim_key", how="semi")
        payloads.write(touching(back, rules, {MISSING_FIELD: None}))
    return write_apart(payloads, writer, "missing")


def may_mark(facts: Mapping[str, Any]) -> bool:
    """Whether absence from this fetch says anything: see `marking_warnings` for when it does not."""
    return not any(marking_warnings(facts))


def marking_warnings(facts: Mapping[str, Any]) -> Iterator[str]:
    """Why no claim was called missing, for people.

    A row whose claim id could not be read might be any claim; a full fetch without a row is not the end of the book
    unless a person said so.
    """
    if facts["unreadable_ids"]:
        yield (
            f"{facts['unreadable_ids']} row(s) have no claim id that can be read, so no claim was looked for as missing"
        )
    if not sum(report["rows"] for report in facts["reports"]) and not facts["empty_accepted"]:
        yield (
            "the full fetch has no row at all, so no claim was marked as missing: look at its filters; if the book "
            "is truly empty, say so with --accept-empty (in Dagster: accept_empty)"
        )
