"""Transform: stored raw rows and payors become claims in Salesforce's shape, rejected rows, and the proof of both."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import polars as pl

from claims_pipeline.claims.columns import Grain
from claims_pipeline.claims.compare import PAYOR_KEY_FIELD
from claims_pipeline.claims.grain import settle_claims
from claims_pipeline.claims.outcomes import Rejection
from claims_pipeline.claims.payors import PayorMatcher
from claims_pipeline.claims.rows import RowRules, clean_rows
from claims_pipeline.storage.ahead import ahead
from claims_pipeline.storage.buckets import Buckets, PartWriter, bucket_count
from claims_pipeline.storage.frames import StampedFrame, Storage
from claims_pipeline.sync.balance import DoesNotBalance, RowBalance, RowTally, recount
from claims_pipeline.sync.payors.mapping import matcher_of

MATCH_COLUMNS = ("matched_payor", "match_rule", "linked_payor")
"""What `match_payors` adds to a claim."""


@dataclass(frozen=True)
class Transformed:
    """What a report became. Both frames read from the work folder until they are stored."""

    claims: StampedFrame
    rejected: StampedFrame
    balance: RowBalance

    def require_balance(self) -> None:
        """Raise DoesNotBalance unless rows, keys and dollars are all accounted for."""
        if self.balance.problems:
            raise DoesNotBalance(self.claims.stamp.customer, self.balance.problems)


def transform(
    raw: StampedFrame, payors: StampedFrame, lengths: Mapping[str, int], storage: Storage, work: Path
) -> Transformed:
    """Raw rows of one fetch -> its claims with their payors, and its rejected rows.

    `lengths`: Salesforce field -> length in UTF-16 units, from describe. Memory: one slice, then one hash bucket,
    and one (file, row number) pair a row.
    """
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="recount") as beside:
        told_by_the_second_reader = beside.submit(recount, raw, storage)
        return _transformed(raw, payors, row_rules(raw, lengths), work, told_by_the_second_reader.result)


def _transformed(
    raw: StampedFrame,
    payors: StampedFrame,
    rules: RowRules,
    work: Path,
    recounted: Callable[[], pl.DataFrame],
) -> Transformed:
    buckets = Buckets(work / "rows", "claim_key", bucket_count(raw.rows))
    buckets.fill(ahead(clean_rows(rows, rules) for rows in ahead(raw.slices())))
    matcher = matcher_of(payors)
    claims, rejected, tally = PartWriter(work / "claims"), PartWriter(work / "rejected"), RowTally()
    cuts = Counter[str]()
    for rows, settled in ahead((rows, settle_claims(rows, rules)) for rows in ahead(buckets)):
        tally.add(rows, settled)
        cuts.update(settled.cuts)
        claims.write(match_payors(settled.claims, matcher))
        rejected.write(settled.rejected)
    balance = tally.balance(recounted())
    facts = raw.stamp.facts
    warnings = [*facts["warnings"], *_warnings(cuts, rules, balance)]
    told = {"unreadable_ids": _unreadable_ids(rejected), "warnings": warnings}
    stamp = replace(raw.stamp, facts={**facts, **told})
    return Transformed(
        claims=StampedFrame(claims.scan(), stamp),
        rejected=StampedFrame(rejected.scan(), stamp),
        balance=balance,
    )


def row_rules(raw: StampedFrame, lengths: Mapping[str, int]) -> RowRules:
    """What the domain must know to judge this fetch's rows."""
    return RowRules(
        grain=Grain(raw.stamp.facts["grain"]),
        fetched_on=raw.stamp.fetched_at.date(),
        lengths=lengths,
        present=frozenset(raw.stamp.facts["present"]),
        customer=raw.stamp.customer,
    )


def match_payors(claims: pl.DataFrame, matcher: PayorMatcher) -> pl.DataFrame:
    """Claims with `matched_payor` and `linked_payor` (record ids or null) and `match_rule`.

    The matching is done once a distinct payor, so it is bounded by one customer's distinct payors.
    """
    named = ["payor_name", "payor_id", PAYOR_KEY_FIELD]
    distinct = claims.select(named).unique()
    matches = [matcher.match(name, payor_id) for name, payor_id, _ in distinct.iter_rows()]
    linked = [matcher.linked_payor(key) for _, _, key in distinct.iter_rows()]
    found = distinct.with_columns(
        pl.Series("matched_payor", [match.payor for match in matches], dtype=pl.String),
        pl.Series("match_rule", [match.rule.value for match in matches], dtype=pl.String),
        pl.Series("linked_payor", linked, dtype=pl.String),
    )
    return claims.join(found, on=named, how="left", nulls_equal=True, maintain_order="left")


def _warnings(cuts: Mapping[str, int], rules: RowRules, balance: RowBalance) -> Iterator[str]:
    """What a person should know of the claims that stand, in counts."""
    for field, count in sorted(cuts.items()):
        if count:
            yield f"{count:,} claim(s) have a {field} that is cut to Salesforce's length"
    unbilled = balance.rejected_rows.get(Rejection.MISSING_CLAIM_ID.value, 0)
    if unbilled and rules.grain is Grain.CHARGE:
        yield (
            f"{unbilled:,} charge line(s) have no claim id: if they are not billed yet, their claims' amounts are "
            "partial until they are"
        )


def _unreadable_ids(rejected: PartWriter) -> int:
    """How many rows name no claim: while there are any, no claim can be called missing at the source."""
    return int(rejected.scan().filter(pl.col("claim_key").is_null()).select(pl.len()).collect().item())
