"""Send: the differences between the stored claims and the org go to Salesforce, and every claim gets its outcome.

What belongs here: the order of reading, deciding, writing and accounting. Not here: the decision (`claims.compare`),
the wire (`clients.salesforce`), relinking and marking missing claims (`relink`, `missing`), the cursor (`run`).
"""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from claims_pipeline.claims.compare import (
    CUSTOMER_FIELD,
    KEY_FIELD,
    MONEY_FIELDS,
    PAYOR_KEY_FIELD,
    CompareRules,
    canonical_claims,
    decide,
    payload_of,
    with_claim_key,
)
from claims_pipeline.claims.outcomes import ClaimOutcome
from claims_pipeline.clients.salesforce import JobListener, SalesforceClient, soql_text
from claims_pipeline.storage.buckets import Buckets, PartWriter, bucket_count
from claims_pipeline.storage.frames import StampedFrame
from claims_pipeline.sync.options import Progress

CLAIM = "Claim__c"
KEYS_READ_ONE_BY_ONE = 10_000
"""Up to so many claims are read back by their keys; beyond, the whole table comes by one Bulk query."""

_DECIDED_AT_ONCE = 10_000
"""A decision is some eighty columns wide: a whole bucket of them at once took 40 MiB more."""

_DUPLICATE = "DUPLICATE_VALUE"


@dataclass(frozen=True)
class Writer:
    """How this sync writes to the org: through which client, in which folder, and who is told before and of what."""

    salesforce: SalesforceClient
    work: Path
    on_job: JobListener | None = None
    before_batch: Callable[[], None] | None = None

    def upsert(self, frames: Iterable[pl.DataFrame], purpose: str) -> Iterator[pl.DataFrame]:
        """Outcome frames (`key`, `salesforce_id`, `outcome`, `code`, `fields`) of claims, a row a payload's row."""
        return self.upsert_rows(CLAIM, KEY_FIELD, frames, purpose)

    def upsert_rows(
        self, sobject: str, key: str, frames: Iterable[pl.DataFrame], purpose: str
    ) -> Iterator[pl.DataFrame]:
        """The same for records of another object."""
        folder = self.work / purpose
        folder.mkdir(mode=0o700, exist_ok=True)
        return self.salesforce.upsert(
            sobject,
            key,
            frames,
            work_folder=folder,
            on_job=self.on_job,
            before_batch=self.before_batch,
        )


@dataclass(frozen=True)
class Decisions:
    """The decision of every claim (see `claims.compare.decide`), by hash bucket, each made when it is asked for.

    So that Salesforce works on the first claims while later ones are compared: it never sees a claim twice, and each
    claim was compared before any of its own writes began. To be iterated once; `buckets` then holds all of them, as
    far as outcomes need them (`_DECIDED`).
    """

    claims: Buckets
    buckets: Buckets
    standing: Callable[[int, pl.DataFrame], pl.DataFrame]
    rules: CompareRules
    spared: pl.DataFrame

    def __iter__(self) -> Iterator[pl.DataFrame]:
        for number in range(self.claims.count):
            bucket = self.claims.read(number)
            org = self.standing(number, bucket)
            for part in bucket.iter_slices(_DECIDED_AT_ONCE) if bucket.height else [bucket]:
                made = self.of(canonical_claims(part), org)
                self.buckets.put(number, decided_of(made))
                yield made

    def of(self, claims: pl.DataFrame, org: pl.DataFrame) -> pl.DataFrame:
        """The decision of canonical claims against these records of the org."""
        return _sparing(decide(claims, org, self.rules), self.spared)


_DECIDED = (
    "claim_key",
    KEY_FIELD,
    "action",
    "reason",
    "refused_fields",
    "healed",
    "differing",
    "org_id",
    "match_rule",
    "rows",
    PAYOR_KEY_FIELD,
    *MONEY_FIELDS,
    *(f"org:{name}" for name in MONEY_FIELDS),
)
"""What an outcome tells of a decision, a fifth of its columns."""


def decided_of(made: pl.DataFrame) -> pl.DataFrame:
    """Decisions without what was compared and what is sent."""
    return made.select(name for name in _DECIDED if name in made.columns)


def decide_all(
    claims: StampedFrame,
    rules: CompareRules,
    salesforce: SalesforceClient,
    work: Path,
    spared: pl.DataFrame,
) -> Decisions:
    """Compare every claim with the org. Where the whole table is compared, it is read before anything is decided.

    A claim of `spared` (`kept.Brought`) that would be sent is not: its refusal stands, with action `refused`.
    """
    count = bucket_count(claims.rows)
    buckets = Buckets(work / "claims", "claim_key", count)
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="cut") as beside:
        cut = beside.submit(buckets.fill, claims.slices())
        standing = _standing_records(claims, rules, salesforce, work, count)
        cut.result()
    return Decisions(buckets, Buckets(work / "decided", "claim_key", count), standing, rules, spared)


def _sparing(decided: pl.DataFrame, spared: pl.DataFrame) -> pl.DataFrame:
    """Not sent again: what was refused for good, and is as it was."""
    joined = decided.join(spared, on="claim_key", how="left", maintain_order="left")
    stands = pl.col("refused_code").is_not_null() & pl.col("action").is_in(["create", "update"])
    return joined.with_columns(
        action=pl.when(stands).then(pl.lit("refused")).otherwise("action"),
        reason=pl.when(stands).then("refused_code").otherwise("reason"),
    ).drop("refused_code", "tried_at")


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


@dataclass(frozen=True)
class Sent:
    """What was decided, and Salesforce's answers to what was sent, both by hash bucket of `claim_key`."""

    decided: Buckets
    answers: Buckets


def send_decided(
    decisions: Decisions, writer: Writer, say: Progress, *, meanwhile: Callable[[], None] = lambda: None
) -> Sent:
    """Write what is decided to be sent. A claim that raced another writer is decided anew, once.

    `meanwhile` is called after each answer: of a Bulk load, while Salesforce works on the jobs behind it.
    """
    decided = decisions.buckets
    answers = Buckets(writer.work / "answers", "claim_key", decided.count, ANSWER_SCHEMA)
    sent = 0
    for answer in writer.upsert((payload_of(part) for part in decisions), "claims"):
        answers.add(_by_key(answer))
        sent += answer.height
        meanwhile()
    say(f"{sent:,} claims were sent" if sent else "nothing differs, nothing is sent")
    return _races_settled(Sent(decided, answers), decisions, writer)


ANSWER_SCHEMA = pl.Schema(
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
    return with_claim_key(answer, "key").select(ANSWER_SCHEMA.names())


def _races_settled(sent: Sent, decisions: Decisions, writer: Writer) -> Sent:
    """`DUPLICATE_VALUE` on our own key: someone made the record since we read. It is read, decided and sent again.

    It may be equal by now, or another customer's: sending blindly would write over what was never compared.
    """
    raced = sent.answers.scan().filter(_raced()).select("claim_key").collect()
    if raced.is_empty():
        return sent
    count = sent.decided.count
    decided = Buckets(writer.work / "decided-again", "claim_key", count)
    answers = Buckets(writer.work / "answers-again", "claim_key", count, ANSWER_SCHEMA)
    again = PartWriter(writer.work / "payloads-again")
    for number in range(count):
        decided.put(number, sent.decided.read(number).join(raced, on="claim_key", how="anti"))
        answers.put(number, sent.answers.read(number).join(raced, on="claim_key", how="anti"))
        claims = decisions.claims.read(number).join(raced, on="claim_key", how="semi")
        if claims.height:
            keys = claims.get_column(KEY_FIELD).to_list()
            org = writer.salesforce.read_claims(keys, decisions.rules.read_back)
            redecided = decisions.of(canonical_claims(claims), org)
            decided.put(number, decided_of(redecided))
            again.write(payload_of(redecided))
    if again.rows:
        for answer in writer.upsert(again.slices(), "claims-again"):
            answers.add(_by_key(answer))
    return Sent(decided, answers)


def _raced() -> pl.Expr:
    """Refused as a duplicate of our own key. (A duplicate of another field is a lasting refusal.)"""
    on_key = pl.col("fields").str.split(",").list.contains(KEY_FIELD)
    return (pl.col("code") == _DUPLICATE) & on_key.fill_null(False)


def outcomes_of(sent: Sent, deleted: pl.DataFrame, work: Path) -> PartWriter:
    """One row a claim: what became of it, with source and org amounts. Every decided claim is there exactly once.

    `deleted`: keys of the claims in the org's recycle bin (see `deleted_claims`).
    """
    outcomes = PartWriter(work / "outcomes")
    for number in range(sent.decided.count):
        rows = _outcome_rows(sent.decided.read(number), sent.answers.read(number))
        was_deleted = pl.col("claim_key").is_in(deleted.get_column("claim_key").implode())
        is_created = pl.col("outcome") == ClaimOutcome.CREATED.value
        outcomes.write(rows.with_columns(recreated=is_created & was_deleted))
    return outcomes


def deleted_claims(sent: Sent, rules: CompareRules, salesforce: SalesforceClient) -> pl.DataFrame:
    """`claim_key` of this customer's claims in the org's recycle bin; asked only where a claim is created."""
    any_created = sent.decided.scan().select(pl.col("action").eq("create").any()).collect().item()
    if not any_created:
        return pl.DataFrame(schema={"claim_key": pl.String()})
    whose = f" AND {CUSTOMER_FIELD} = {soql_text(rules.customer)}" if CUSTOMER_FIELD in rules.writable else ""
    found = salesforce.query(
        f"SELECT {KEY_FIELD} FROM {CLAIM} WHERE IsDeleted = true AND {KEY_FIELD} != null{whose}",
        deleted_too=True,
    )
    keys = pl.DataFrame({KEY_FIELD: [record[KEY_FIELD] for record in found]}, schema={KEY_FIELD: pl.String()})
    return with_claim_key(keys, KEY_FIELD).select("claim_key").unique()


def _outcome_rows(decided: pl.DataFrame, answers: pl.DataFrame) -> pl.DataFrame:
    """Joins decisions with answers; a claim that was sent and has no answer is `unknown`."""
    not_sent = pl.col("action").replace_strict(
        {
            "unchanged": ClaimOutcome.UNCHANGED.value,
            "hold": ClaimOutcome.HELD.value,
            "refused": ClaimOutcome.REFUSED.value,
        },
        default=ClaimOutcome.UNKNOWN.value,
    )
    joined = decided.join(answers, on="claim_key", how="left", maintain_order="left")
    return joined.with_columns(
        outcome=pl.coalesce("outcome", not_sent),
        salesforce_id=pl.coalesce("salesforce_id", "org_id"),
        code=pl.coalesce("code", "reason"),
        fields=pl.when(pl.col("action") == "refused").then("refused_fields").otherwise("fields"),
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
        "rows",
        pl.col(PAYOR_KEY_FIELD).alias("payor_key"),
        *(pl.col(name).cast(pl.Decimal(16, 2)) for name in MONEY_FIELDS),
        *(_org_money(decided, name) for name in MONEY_FIELDS),
    )


def _org_money(decided: pl.DataFrame, name: str) -> pl.Expr:
    column = f"org:{name}"
    value = pl.col(column) if column in decided.columns else pl.lit(None, dtype=pl.String)
    return value.cast(pl.Decimal(38, 2), strict=False).alias(f"org_{name}")
