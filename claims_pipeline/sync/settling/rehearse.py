"""Rehearse: a dry run's answers, where Salesforce would give its own. Nothing here can write.

What belongs here: the answers that a dry run expects, and what a sync would do to claims beyond the report. Not here:
the real thing (`send`, `beyond`), nor what people are told of it (`sync.foreseen`).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from claims_pipeline.claims.compare import KEY_FIELD, LOOKUP_FIELD, CompareRules, payload_of, with_claim_key
from claims_pipeline.claims.outcomes import ClaimOutcome
from claims_pipeline.clients.salesforce import OUTCOME_SCHEMA, Foresight, SalesforceClient
from claims_pipeline.settings import FilterKind
from claims_pipeline.storage.buckets import Buckets, PartWriter
from claims_pipeline.storage.frames import StampedFrame
from claims_pipeline.sync.options import Progress
from claims_pipeline.sync.payors.groups import payor_groups
from claims_pipeline.sync.payors.table import PayorTable
from claims_pipeline.sync.settling.apart import WrittenApart
from claims_pipeline.sync.settling.beyond import Beyond
from claims_pipeline.sync.settling.missing import GONE, mark_missing, marking_warnings
from claims_pipeline.sync.settling.relink import may_relink, relink
from claims_pipeline.sync.settling.send import ANSWER_SCHEMA, CLAIM, Decisions, Sent, Writer
from claims_pipeline.sync.settling.standing import standing


@dataclass(frozen=True)
class Rehearsing(Writer):
    """A writer that sends nothing: every row counts as taken."""

    def upsert_rows(
        self,
        sobject: str,  # noqa: ARG002
        key: str,
        frames: Iterable[pl.DataFrame],
        purpose: str,  # noqa: ARG002
    ) -> Iterator[pl.DataFrame]:
        """The answers that a write without a refusal would get."""
        for frame in frames:
            nothing = pl.DataFrame(schema=OUTCOME_SCHEMA)
            taken = frame.select(pl.col(key).alias("key"), outcome=pl.lit(ClaimOutcome.UPDATED.value))
            yield pl.concat([nothing, taken], how="diagonal")


def planned(decisions: Decisions, foresight: Foresight, work: Path) -> Sent:
    """The answers that a dry run expects: what would be sent is taken, but for what the org's description refuses."""
    answers = Buckets(work / "planned", "claim_key", decisions.buckets.count, ANSWER_SCHEMA)
    expected = {"create": ClaimOutcome.CREATED.value, "update": ClaimOutcome.UPDATED.value}
    for part in decisions:
        sent = part.filter(pl.col("action").is_in(list(expected)))
        refused = foresight.refusals(payload_of(part), sent.get_column("action") == "create")
        taken = pl.col("action").replace_strict(expected, return_dtype=pl.String)
        is_refused = pl.col("code").is_not_null()
        answers.add(
            sent.select(
                pl.col(KEY_FIELD).alias("key"), pl.col("org_id").alias("salesforce_id"), "action", "claim_key"
            )
            .hstack(refused)
            .with_columns(
                outcome=pl.when(is_refused).then(pl.lit(ClaimOutcome.REFUSED.value)).otherwise(taken)
            )
            .select(ANSWER_SCHEMA.names())
        )
    return Sent(decisions.buckets, answers)


def foresight_of(payors: StampedFrame, salesforce: SalesforceClient) -> Foresight:
    """By the description of claims, and the payors that the integration user sees."""
    ids = payors.frame.filter(pl.col("kind") == "payor").select("id").collect().to_series()
    return Foresight(salesforce.describe(CLAIM), {LOOKUP_FIELD: frozenset(ids.to_list())})


def beyond_foreseen(
    outcomes: StampedFrame,
    rejected: StampedFrame,
    payors: PayorTable,
    rules: CompareRules,
    writer: Rehearsing,
    say: Progress,
    *,
    follows: bool = False,
) -> Beyond:
    """How many older claims would be linked anew; after a full fetch, how many would be marked as missing.

    Of several customers the first one tells the claims to be linked (`follows`): they are all the org's.
    """
    salesforce, relinked = writer.salesforce, WrittenApart()
    apart = _ApartFrom(salesforce, writer.work, outcomes=outcomes.frame)
    if may_relink(rules) and not follows:
        say("looking for claims whose payor's mapping changed")
        relinked = relink(payor_groups(salesforce), payors.matcher, rules, apart)
    facts = outcomes.stamp.facts
    if facts["kind"] != FilterKind.FULL:
        return Beyond(relinked)
    say("reading what the org holds of this customer")
    stand = standing(outcomes, rejected, rules, salesforce, writer.work)
    gone = PartWriter(writer.work / "missing-gone", GONE)
    missing = mark_missing(stand, facts, rules, apart, gone)
    return Beyond(relinked, missing, warnings=tuple(marking_warnings(facts)), gone=gone)


@dataclass(frozen=True, kw_only=True)
class _ApartFrom(Rehearsing):
    """Of claims that would be written anyway, nothing is said: their own outcome says it."""

    outcomes: pl.LazyFrame

    def upsert_rows(
        self, sobject: str, key: str, frames: Iterable[pl.DataFrame], purpose: str
    ) -> Iterator[pl.DataFrame]:
        """The answers for the others."""
        written = [ClaimOutcome.CREATED.value, ClaimOutcome.UPDATED.value]
        ours = self.outcomes.filter(pl.col("outcome").is_in(written)).select("claim_key")
        others = (
            with_claim_key(frame, KEY_FIELD).lazy().join(ours, on="claim_key", how="anti").collect()
            for frame in frames
        )
        return super().upsert_rows(sobject, key, others, purpose)
