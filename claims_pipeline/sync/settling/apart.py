"""Apart: writes to the org beside the report's own claims, which carry no source field.

What belongs here: payloads of a field or two, and adding up what became of them. Not here: for which claims
(`relink`, `missing`).
"""

from collections import Counter
from dataclasses import dataclass, field

import polars as pl

from claims_pipeline.claims.compare import HASH_FIELD, KEY_FIELD, LEAVE, CompareRules
from claims_pipeline.claims.outcomes import ClaimOutcome
from claims_pipeline.storage.buckets import PartWriter
from claims_pipeline.sync.settling.send import Writer


@dataclass(frozen=True)
class WrittenApart:
    """How many claims by outcome, and those that Salesforce refused by code."""

    counts: dict[str, int] = field(default_factory=dict)
    refused_by_code: dict[str, int] = field(default_factory=dict)


def touching(rows: pl.DataFrame, rules: CompareRules, fields: dict[str, str | None]) -> pl.DataFrame:
    """Payloads that set only `fields`. Where someone else changed the claim last, its hash is cleared too.

    Our own name as last modifier must not hide a person's edit from the next comparison.
    """
    columns = {name: pl.lit(value, dtype=pl.String) for name, value in fields.items()}
    if rules.writes(HASH_FIELD):
        by_us = pl.col("LastModifiedById") == rules.our_user
        columns[HASH_FIELD] = pl.when(by_us).then(pl.lit(LEAVE))
    return rows.select(KEY_FIELD, **columns)


def write_apart(payloads: PartWriter, writer: Writer, purpose: str) -> WrittenApart:
    """Write payloads beside the report's claims."""
    if not payloads.rows:
        return WrittenApart()
    counts, codes = Counter[str](), Counter[str]()
    for answer in writer.upsert(payloads.slices(), purpose):
        counts.update(answer.get_column("outcome").to_list())
        refused = answer.filter(pl.col("outcome") == ClaimOutcome.REFUSED.value)
        codes.update(code or "UNKNOWN" for code in refused.get_column("code").to_list())
    return WrittenApart(dict(counts), dict(sorted(codes.items())))
