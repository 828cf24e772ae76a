"""Issues in Salesforce: what did not arrive stands in `Claim_Sync_Issue__c`, and closes by itself.

What belongs here: bringing together what one sync knows, reading what stands, and writing the differences, before the
commit: a run that dies in between is repeated, and finds nothing left to write. An org without the object, or one that
refuses a row, is synced all the same, with a warning. Not here: what becomes of an issue (`claims.issues`), words
(`plain_words`).
"""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import polars as pl

from claims_pipeline.claims import issues
from claims_pipeline.claims.compare import KEY_FIELD, LEAVE
from claims_pipeline.claims.issues import ISSUE_KEY, Fetch
from claims_pipeline.claims.values import beginning, on_distinct
from claims_pipeline.clients.salesforce import AnotherOrgAnswers, FieldDescription, ObjectMissing, soql_text
from claims_pipeline.errors import ClaimsPipelineError, LeaseLost
from claims_pipeline.settings import FilterKind
from claims_pipeline.storage.buckets import Buckets, PartWriter, bucket_count
from claims_pipeline.storage.frames import Stamp, StampedFrame
from claims_pipeline.sync.plain_words import plain_words
from claims_pipeline.sync.settling import kept
from claims_pipeline.sync.settling.missing import may_mark
from claims_pipeline.sync.settling.send import KEYS_READ_ONE_BY_ONE, Writer

ISSUE = "Claim_Sync_Issue__c"
_NEEDED = (ISSUE_KEY, issues.CUSTOMER, issues.KIND, issues.FIRST_SEEN, issues.RESOLVED, issues.RESOLUTION)
_TAKEN = ("created", "updated")
_WHOLE_SCHEMA = pl.Schema({**issues.TOLD, issues.WORDS: pl.String()})
STANDING = pl.Schema(dict.fromkeys(issues.FIELDS, pl.String))


@dataclass(frozen=True)
class WhatIsKnown:
    """What one sync knows of its claims and rows. `waiting`: refused earlier, and not tried by this sync."""

    outcomes: StampedFrame
    rejected: StampedFrame
    waiting: PartWriter
    filters: Collection[str]
    """The customer's filters, as the settings have them: an issue of another one is closed."""


@dataclass(frozen=True)
class ToldIssues:
    """What one sync tells of each issue key (schema `issues.TOLD`), and what `stood` of the customer before."""

    told: PartWriter
    stood: PartWriter


@dataclass(frozen=True)
class WrittenIssues:
    """`warnings` in words where issues could not be written; `told`: None where what stands could not be read."""

    warnings: tuple[str, ...] = ()
    told: ToldIssues | None = None


def write_issues(known: WhatIsKnown, writer: Writer) -> WrittenIssues:
    """Bring the customer's issues up to date."""
    try:
        described = writer.salesforce.describe(ISSUE).fields
    except ObjectMissing:
        return WrittenIssues(
            (
                f"the org has no {ISSUE}: people there do not see what did not arrive. Deploy salesforce/ to have it",
            )
        )
    lacking = [name for name in issues.FIELDS if name not in described or not described[name].writable]
    needed = [name for name in _NEEDED if name in lacking]
    if needed:
        return WrittenIssues(
            (f"{ISSUE}: the integration user may not write {', '.join(needed)}, so issues are not written",)
        )
    warnings = (
        [f"{ISSUE}: the integration user may not write {', '.join(lacking)}; the sync does without"]
        if lacking
        else []
    )
    try:
        refused, told_of_it = _bring_up_to_date(known, writer, described, frozenset(lacking))
    except (LeaseLost, AnotherOrgAnswers):
        raise
    except ClaimsPipelineError as error:  # the claims have arrived, whatever becomes of rows about them
        said = f"{ISSUE} could not be brought up to date ({type(error).__name__}); the next sync does"
        return WrittenIssues((*warnings, said))
    if refused:
        told = ", ".join(f"{code} ({count})" for code, count in sorted(refused.items()))
        warnings.append(f"{sum(refused.values()):,} row(s) of {ISSUE} were not written: {told}")
    return WrittenIssues(tuple(warnings), told_of_it)


def fetch_of(stamp: Stamp) -> Fetch:
    """What issues must know of a fetch."""
    facts = stamp.facts
    return Fetch(
        customer=stamp.customer,
        on=stamp.fetched_at.date().isoformat(),
        whole=facts["kind"] == FilterKind.FULL and may_mark(facts),
        filters=tuple(report["filter"] for report in facts["reports"]),
        labels=facts["labels"],
    )


def _bring_up_to_date(
    known: WhatIsKnown,
    writer: Writer,
    described: Mapping[str, FieldDescription],
    lacking: frozenset[str],
) -> tuple[Counter[str], ToldIssues]:
    """Codes of the rows that were not taken, and what is told."""
    fetch = fetch_of(known.outcomes.stamp)
    read = tuple(name for name in issues.FIELDS if name in described)
    standing = PartWriter(writer.work / "issues-found", STANDING)
    for part in _standing_open(fetch, read, writer):
        standing.write(part)
    told = told_of(known, fetch, standing, writer.work / "issues-told")
    if standing.rows <= KEYS_READ_ONE_BY_ONE and (new := _not_open(told, standing)):
        for part in _standing_closed(new, read, fetch, writer):
            standing.write(part)
    count = bucket_count(max(told.rows, standing.rows))
    lengths = {name: each.length for name, each in described.items() if each.length}
    told_by = Buckets(writer.work / "issues", ISSUE_KEY, count, _WHOLE_SCHEMA)
    told_by.fill(_worded(part, lengths) for part in told.slices())
    standing_by = Buckets(writer.work / "issues-standing", ISSUE_KEY, count, STANDING)
    standing_by.fill(standing.slices())
    payloads = PartWriter(writer.work / "issue-payloads")
    for one, other in zip(told_by, standing_by, strict=True):
        unique = one.unique(ISSUE_KEY, keep="first", maintain_order=True)
        changed = issues.changes(unique, other.unique(ISSUE_KEY, keep="first"), fetch)
        ours = changed.drop([name for name in changed.columns if name in lacking])
        payloads.write(ours.filter(pl.any_horizontal(pl.exclude(ISSUE_KEY).ne_missing(LEAVE))))
    return _written(payloads, writer), ToldIssues(told, standing)


def _not_open(told: PartWriter, standing: PartWriter) -> list[str]:
    """Keys of the issues that this fetch has, and that do not stand open."""
    wanted = told.scan().filter(pl.col(issues.KIND).is_not_null()).select(ISSUE_KEY).unique()
    new = wanted.join(standing.scan().select(ISSUE_KEY), on=ISSUE_KEY, how="anti")
    return new.collect().get_column(ISSUE_KEY).to_list()


def told_of(known: WhatIsKnown, fetch: Fetch, standing: PartWriter, folder: Path) -> PartWriter:
    """What is told of each issue key (schema `issues.TOLD`); where a key comes twice, the first counts."""
    told = PartWriter(folder, pl.Schema(issues.TOLD))
    for part in _told_of(known, fetch, standing):
        told.write(part)
    return told


def _told_of(known: WhatIsKnown, fetch: Fetch, standing: PartWriter) -> Iterator[pl.DataFrame]:
    claims_and_places = ("run", "file", "row_number", "claim_id", "claim_key", "code", "field")
    yield issues.of_rejected(known.rejected.frame.select(claims_and_places).collect(), fetch)
    standing_keys = standing.scan().select(ISSUE_KEY).collect().get_column(ISSUE_KEY)
    for part in known.outcomes.slices(issues.OF_OUTCOMES):
        yield issues.of_outcomes(part, fetch, standing_keys)
    for part in known.waiting.slices():
        refused = part.filter(pl.col(kept.CODE) != kept.NOT_SENT)
        yield issues.of_waiting(refused, fetch.customer, KEY_FIELD, kept.CODE, kept.FIELDS)
    yield issues.of_filters(nameless_rows(known.rejected, fetch), fetch)
    filters = standing.scan().select(issues.FILTER).drop_nulls().unique().collect()
    given_up = set(filters.get_column(issues.FILTER)) - {*known.filters, *fetch.filters}
    yield issues.of_filters({}, replace(fetch, filters=tuple(sorted(given_up))))


def nameless_rows(rejected: StampedFrame, fetch: Fetch) -> dict[str, tuple[int, str]]:
    """Filter id -> rows that name no claim, and the commonest code among them."""
    rows = rejected.frame.filter(pl.col("claim_key").is_null()).select("run", "code").collect()
    counted = rows.group_by("run", "code").len().sort("run", "len", "code", descending=[False, True, False])
    found: dict[str, tuple[int, str]] = {}
    for run, code, count in counted.iter_rows():
        name = fetch.filters[run]
        before, first = found.get(name, (0, code))
        found[name] = (before + count, first)
    return found


def _worded(told: pl.DataFrame, lengths: Mapping[str, int]) -> pl.DataFrame:
    """With plain words, and every text as long as its field may be."""
    kind = pl.col(issues.KIND).is_not_null()
    words = on_distinct(told.get_column(issues.CODE).fill_null(""), lambda code: plain_words(code).sentences)
    worded = told.with_columns(pl.when(kind).then(words).alias(issues.WORDS))
    bounded = [
        name for name in (issues.CLAIM_NUMBER, issues.CODE, issues.FIELD, issues.WORDS) if name in lengths
    ]
    cut = [_cut(worded.get_column(name), lengths[name]) for name in bounded]
    return worded.with_columns(cut).select(_WHOLE_SCHEMA.names())


def _cut(texts: pl.Series, length: int) -> pl.Series:
    if not (texts.str.len_bytes() > length).any():
        return texts
    return on_distinct(texts, lambda text: beginning(text, length).strip()).alias(texts.name)


def _standing_open(fetch: Fetch, read: tuple[str, ...], writer: Writer) -> Iterator[pl.DataFrame]:
    """The customer's open issues, by one query; all of its issues by one download, where they are very many."""
    whose = f"{issues.CUSTOMER} = {soql_text(fetch.customer)}"
    still_open = f"{whose} AND {issues.RESOLVED} = null"
    found = writer.salesforce.read_few(ISSUE, read, where=still_open, most=KEYS_READ_ONE_BY_ONE + 1)
    if found.height <= KEYS_READ_ONE_BY_ONE:
        yield _shaped(found)
        return
    folder = writer.work / "download-issues"
    for part in writer.salesforce.download(ISSUE, read, where=whose, work_folder=folder):
        yield _shaped(part)


def _standing_closed(
    new: list[str], read: tuple[str, ...], fetch: Fetch, writer: Writer
) -> Iterator[pl.DataFrame]:
    """Those of these issues that stand, and are closed: they come again."""
    if len(new) <= KEYS_READ_ONE_BY_ONE:
        yield _shaped(writer.salesforce.read_by_keys(ISSUE, ISSUE_KEY, new, read))
        return
    where = f"{issues.CUSTOMER} = {soql_text(fetch.customer)} AND {issues.RESOLVED} != null"
    folder = writer.work / "download-closed-issues"
    for part in writer.salesforce.download(ISSUE, read, where=where, work_folder=folder):
        yield _shaped(part)


def _shaped(found: pl.DataFrame) -> pl.DataFrame:
    """All of `issues.FIELDS`, absent ones null; the count without decimals, as it is sent."""
    shaped = found.select(
        (pl.col(name) if name in found.columns else pl.lit(None)).cast(pl.String).alias(name)
        for name in issues.FIELDS
    )
    return shaped.with_columns(pl.col(issues.ROW_COUNT).cast(pl.Float64).cast(pl.Int64).cast(pl.String))


def _written(payloads: PartWriter, writer: Writer) -> Counter[str]:
    refused = Counter[str]()
    if payloads.rows:
        for answer in writer.upsert_rows(ISSUE, ISSUE_KEY, payloads.slices(), "issues"):
            left = answer.filter(~pl.col("outcome").is_in(_TAKEN))
            refused.update(
                code or outcome.upper() for code, outcome in left.select("code", "outcome").iter_rows()
            )
    return refused
