"""Send: the differences between the stored claims and the org go to Salesforce, and every claim gets its outcome.

What belongs here: the order of reading, deciding, writing and accounting. Not here: the decision (`claims.compare`),
the wire (`clients.salesforce`), relinking and marking missing claims (`relink`, `missing`), the cursor (`run`).
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from claims_pipeline.claims.compare import (
    KEY_FIELD,
    MONEY_FIELDS,
    CompareRules,
    canonical_claims,
    decide,
    payload_of,
    with_claim_key,
)
from claims_pipeline.claims.outcomes import ClaimOutcome
from claims_pipeline.clients.salesforce import JobListener, SalesforceClient
from claims_pipeline.storage.buckets import Buckets, PartWriter, bucket_count
from claims_pipeline.storage.frames import StampedFrame
from claims_pipeline.sync.options import Progress

CLAIM = "Claim__c"
KEYS_READ_ONE_BY_ONE = 10_000
"""Up to so many claims are read back by their keys; beyond, the whole table comes by one Bulk query."""

_SEND_AGAIN_ONCE = "DUPLICATE_VALUE"


@dataclass(frozen=True)
class Writer:
    """How this sync writes to the org: through which client, in which folder, and who is told before and of what."""

    salesforce: SalesforceClient
    work: Path
    on_job: JobListener | None = None
    before_batch: Callable[[], None] | None = None

    def upsert(self, frames: Iterable[pl.DataFrame], total: int, purpose: str) -> Iterator[pl.DataFrame]:
        """Outcome frames (`key`, `salesforce_id`, `outcome`, `code`, `fields`) of `total` payload rows."""
        folder = self.work / purpose
        folder.mkdir(mode=0o700, exist_ok=True)
        return self.salesforce.upsert(
            CLAIM,
            KEY_FIELD,
            frames,
            total=total,
            work_folder=folder,
            on_job=self.on_job,
            before_batch=self.before_batch,
        )


def decide_all(
    claims: StampedFrame, rules: CompareRules, salesforce: SalesforceClient, work: Path
) -> Buckets:
    """Compare every claim with the org: decisions by hash bucket (see `claims.compare.decide`)."""
    count = bucket_count(claims.rows)
    buckets = Buckets(work / "claims", "claim_key", count)
    buckets.fill(claims.slices())
    standing = _standing_records(claims, rules, salesforce, work, count)
    decided = Buckets(work / "decided", "claim_key", count)
    for number in range(count):
        bucket = canonical_claims(buckets.read(number))
        decided.add(decide(bucket, standing(number, bucket), rules))
    return decided


def _standing_records(
    claims: StampedFrame, rules: CompareRules, salesforce: SalesforceClient, work: Path, count: int
) -> Callable[[int, pl.DataFrame], pl.DataFrame]:
    """A function that gives the org's records of one bucket of claims: by keys for few, by one download for many."""
    if claims.rows <= KEYS_READ_ONE_BY_ONE:

        def by_keys(_: int, bucket: pl.DataFrame) -> pl.DataFrame:
            return salesforce.read_claims(bucket.get_column(KEY_FIELD).to_list(), rules.read_back)

        return by_keys

    nothing = pl.Schema(dict.fromkeys((*rules.read_back, "claim_key"), pl.String))
    org = Buckets(work / "org", "claim_key", count, nothing)
    downloaded = salesforce.download_claims(rules.read_back, where=None, work_folder=work / "download")
    org.fill(with_claim_key(frame, KEY_FIELD) for frame in downloaded)

    def by_bucket(number: int, _: pl.DataFrame) -> pl.DataFrame:
        return org.read(number).drop("claim_key")

    return by_bucket


def send_decided(decided: Buckets, writer: Writer, say: Progress) -> Buckets:
    """Write what was decided to be sent; the answers, by hash bucket of `claim_key`."""
    answers = Buckets(writer.work / "answers", "claim_key", decided.count, _ANSWER_SCHEMA)
    sent = decided.scan().select(pl.col("action").is_in(["create", "update"]).sum())
    total = int(sent.collect().item())
    if total == 0:
        say("nothing differs, nothing is sent")
        return answers
    say(f"sending {total:,} claims")
    for answer in writer.upsert((payload_of(part) for part in decided), total, "claims"):
        answers.add(_by_key(answer))
    return _sent_again(decided, answers, writer)


def planned(decided: Buckets, work: Path) -> Buckets:
    """The answers that a dry run expects: all that would be sent is taken."""
    answers = Buckets(work / "planned", "claim_key", decided.count, _ANSWER_SCHEMA)
    expected = {"create": ClaimOutcome.CREATED.value, "update": ClaimOutcome.UPDATED.value}
    for part in decided:
        sent = part.filter(pl.col("action").is_in(list(expected)))
        answers.add(
            sent.select(
                pl.col(KEY_FIELD).alias("key"),
                pl.col("org_id").alias("salesforce_id"),
                pl.col("action").replace_strict(expected, return_dtype=pl.String).alias("outcome"),
                pl.lit(None, dtype=pl.String).alias("code"),
                pl.lit(None, dtype=pl.String).alias("fields"),
                "claim_key",
            )
        )
    return answers


_ANSWER_SCHEMA = pl.Schema(
    {
        "key": pl.String,
        "salesforce_id": pl.String,
        "outcome": pl.String,
        "code": pl.String,
        "fields": pl.String,
        "claim_key": pl.String,
    }
)


def _by_key(answer: pl.DataFrame) -> pl.DataFrame:
    return with_claim_key(answer, "key").select(_ANSWER_SCHEMA.names())


def _sent_again(decided: Buckets, answers: Buckets, writer: Writer) -> Buckets:
    """A racing create makes `DUPLICATE_VALUE` on our own key: those claims are sent once more."""
    racing = answers.scan().filter(pl.col("code") == _SEND_AGAIN_ONCE).select("claim_key").collect()
    if racing.is_empty():
        return answers
    settled = Buckets(writer.work / "answers-settled", "claim_key", decided.count, _ANSWER_SCHEMA)
    settled.fill(part.join(racing, on="claim_key", how="anti") for part in answers)
    again = (payload_of(part.join(racing, on="claim_key", how="semi")) for part in decided)
    for answer in writer.upsert(again, racing.height, "claims-again"):
        settled.add(_by_key(answer))
    return settled


def outcomes_of(decided: Buckets, answers: Buckets, work: Path) -> PartWriter:
    """One row a claim: what became of it, with source and org amounts. Every decided claim is there exactly once."""
    outcomes = PartWriter(work / "outcomes")
    for number in range(decided.count):
        outcomes.write(_outcome_rows(decided.read(number), answers.read(number)))
    return outcomes


def _outcome_rows(decided: pl.DataFrame, answers: pl.DataFrame) -> pl.DataFrame:
    """Joins decisions with answers; a claim that was sent and has no answer is `unknown`."""
    not_sent = pl.col("action").replace_strict(
        {"unchanged": ClaimOutcome.UNCHANGED.value, "hold": ClaimOutcome.HELD.value},
        default=ClaimOutcome.UNKNOWN.value,
    )
    joined = decided.join(answers, on="claim_key", how="left", maintain_order="left")
    return joined.with_columns(
        outcome=pl.coalesce("outcome", not_sent),
        salesforce_id=pl.coalesce("salesforce_id", "org_id"),
        code=pl.coalesce("code", "reason"),
    ).select(
        "claim_key",
        pl.col(KEY_FIELD).alias("claim_number"),
        "outcome",
        (pl.col("healed") & (pl.col("outcome") == ClaimOutcome.UPDATED.value)).alias("healed"),
        "differing",
        "code",
        "fields",
        "salesforce_id",
        "match_rule",
        pl.col("Source_Payor_Key__c").alias("payor_key"),
        *(pl.col(name).cast(pl.Decimal(16, 2)) for name in MONEY_FIELDS),
        *(_org_money(decided, name) for name in MONEY_FIELDS),
    )


def _org_money(decided: pl.DataFrame, name: str) -> pl.Expr:
    column = f"org:{name}"
    value = pl.col(column) if column in decided.columns else pl.lit(None, dtype=pl.String)
    return value.cast(pl.Decimal(38, 2), strict=False).alias(f"org_{name}")
