"""Issues: one a claim that did not arrive, and one a filter whose report has rows without a claim id.

What belongs here: which issues a fetch has, and what becomes of those that stand: opened, kept, closed or reopened.
Pure, one hash bucket at a time. Not here: the words of a code (`sync.plain_words`), reading and writing them
(`sync.settling.issues`).

`told` frames (schema `TOLD`) say of each issue key what the fetch knows: a `kind` opens or keeps the issue, `arrived`
closes it. An issue that nothing is told of stays open, unless the fetch was whole.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import polars as pl

from claims_pipeline.claims.compare import LEAVE
from claims_pipeline.claims.outcomes import ClaimOutcome, Rejection
from claims_pipeline.claims.values import plain_length

ISSUE_KEY, CUSTOMER, CLAIM_NUMBER, FILTER = "Issue_Key__c", "Customer__c", "Claim_Number__c", "Filter__c"
KIND, CODE, FIELD, WORDS, ROW_COUNT = "Kind__c", "Code__c", "Field__c", "Plain_Words__c", "Row_Count__c"
FIRST_SEEN, LAST_SEEN = "First_Seen_On__c", "Last_Seen_On__c"
RESOLVED, RESOLUTION = "Resolved_On__c", "Resolution__c"

WHAT_IT_SAYS: tuple[str, ...] = (CUSTOMER, CLAIM_NUMBER, FILTER, KIND, CODE, FIELD, WORDS, ROW_COUNT)
DATES: tuple[str, ...] = (FIRST_SEEN, LAST_SEEN, RESOLVED, RESOLUTION)
FIELDS: tuple[str, ...] = (ISSUE_KEY, *WHAT_IT_SAYS, *DATES)

_KEY_LENGTH = 120
_KEPT_OF_A_LONG_KEY = 100
_HASH_DIGITS = 16


class IssueKind(StrEnum):
    """Values of `Kind__c`."""

    REJECTED = "Rejected"
    REFUSED = "Refused"
    HELD = "Held"


class Resolution(StrEnum):
    """Values of `Resolution__c`."""

    ARRIVED = "Arrived"
    GONE = "Gone"


TOLD = pl.Schema(
    {
        ISSUE_KEY: pl.String(),
        CLAIM_NUMBER: pl.String(),
        FILTER: pl.String(),
        KIND: pl.String(),  # null: no issue
        CODE: pl.String(),
        FIELD: pl.String(),
        ROW_COUNT: pl.UInt32(),
        "arrived": pl.Boolean(),
        "seen": pl.Boolean(),  # False: known from an earlier fetch, this one does not hold it
    }
)
OPEN = pl.Schema(
    {
        ISSUE_KEY: pl.String(),
        CLAIM_NUMBER: pl.String(),
        FILTER: pl.String(),
        KIND: pl.String(),
        CODE: pl.String(),
        FIELD: pl.String(),
        ROW_COUNT: pl.UInt32(),
        FIRST_SEEN: pl.String(),
        LAST_SEEN: pl.String(),
        "in_this_fetch": pl.Boolean(),
    }
)
"""An issue that is open after a sync, days as ISO text. `in_this_fetch`: the fetch itself told of it."""
_KINDS = {ClaimOutcome.REFUSED.value: IssueKind.REFUSED.value, ClaimOutcome.HELD.value: IssueKind.HELD.value}
_ARRIVED = [ClaimOutcome.CREATED.value, ClaimOutcome.UPDATED.value, ClaimOutcome.UNCHANGED.value]
_IN_ORDER = {rule.value: place for place, rule in enumerate(Rejection)}


@dataclass(frozen=True)
class Fetch:
    """What an issue must know of the fetch. `on`: its day, ISO; `filters`: those that it brought.

    `whole`: absence from it says that a claim is gone. `labels`: our field -> the report's label.
    """

    customer: str
    on: str
    whole: bool
    filters: tuple[str, ...]
    labels: Mapping[str, Sequence[str]]


def claim_issue_key(customer: str, claim_key: str) -> str:
    """`customer|claim`; one too long for the field is cut, and told apart by a digest."""
    return _fitting(f"{customer}|{claim_key}")


def filter_issue_key(customer: str, filter_id: str) -> str:
    """`customer#filter`: no claim's key looks so."""
    return _fitting(f"{customer}#{filter_id}")


OF_OUTCOMES = ("claim_key", "claim_number", "outcome", "code", "fields", "rows")


def of_outcomes(outcomes: pl.DataFrame, fetch: Fetch, standing: pl.Series) -> pl.DataFrame:
    """What the outcomes (`OF_OUTCOMES`) tell of issues.

    A claim that arrived tells something only where an issue of it stands (`standing`: their keys).
    """
    tells = ~pl.col("outcome").is_in(_ARRIVED)
    if standing.is_empty():
        outcomes = outcomes.filter(tells)
    keyed = outcomes.with_columns(issue_keys(outcomes, fetch.customer))
    tells |= pl.col(ISSUE_KEY).is_in(standing.implode())
    return (
        keyed.filter(tells)
        .select(
            ISSUE_KEY,
            pl.col("claim_number").alias(CLAIM_NUMBER),
            pl.lit(None, dtype=pl.String).alias(FILTER),
            pl.col("outcome").replace_strict(_KINDS, default=None, return_dtype=pl.String).alias(KIND),
            pl.col("code").alias(CODE),
            pl.col("fields").alias(FIELD),
            pl.col("rows").cast(pl.UInt32).alias(ROW_COUNT),
            pl.col("outcome").is_in(_ARRIVED).alias("arrived"),
            pl.lit(value=True).alias("seen"),
        )
        .cast(TOLD)
    )


def of_waiting(waiting: pl.DataFrame, customer: str, number: str, code: str, fields: str) -> pl.DataFrame:
    """Claims refused by an earlier sync that this one does not try, by the columns that say so."""
    return waiting.select(
        issue_keys(waiting, customer),
        pl.col(number).alias(CLAIM_NUMBER),
        pl.lit(None, dtype=pl.String).alias(FILTER),
        pl.lit(IssueKind.REFUSED.value).alias(KIND),
        pl.col(code).alias(CODE),
        pl.col(fields).alias(FIELD),
        pl.col("rows").cast(pl.UInt32).alias(ROW_COUNT),
        pl.lit(value=False).alias("arrived"),
        pl.lit(value=False).alias("seen"),
    ).cast(TOLD)


def of_rejected(rejected: pl.DataFrame, fetch: Fetch) -> pl.DataFrame:
    """One a claim of rejected rows that name it, under the first code that applies. (All its rows are here.)"""
    named = rejected.filter(pl.col("claim_key").is_not_null())
    ordered = named.sort(
        pl.col("code").replace_strict(_IN_ORDER, return_dtype=pl.Int64), "run", "file", "row_number"
    )
    firsts = ordered.group_by("claim_key", maintain_order=True).agg(
        pl.col("claim_id", "code", "field").first(), pl.len().alias("rows")
    )
    labels = {ours: used[0] for ours, used in fetch.labels.items() if used}
    return firsts.select(
        issue_keys(firsts, fetch.customer),
        pl.col("claim_id").alias(CLAIM_NUMBER),
        pl.lit(None, dtype=pl.String).alias(FILTER),
        pl.lit(IssueKind.REJECTED.value).alias(KIND),
        pl.col("code").alias(CODE),
        pl.col("field").replace_strict(labels, default=pl.col("field"), return_dtype=pl.String).alias(FIELD)
        if labels
        else pl.col("field").alias(FIELD),
        pl.col("rows").cast(pl.UInt32).alias(ROW_COUNT),
        pl.lit(value=False).alias("arrived"),
        pl.lit(value=True).alias("seen"),
    ).cast(TOLD)


def of_filters(nameless: Mapping[str, tuple[int, str]], fetch: Fetch) -> pl.DataFrame:
    """One a filter of the fetch: filter id -> how many rows without a claim id, and their first code."""
    rows = []
    for filter_id in fetch.filters:
        count, code = nameless.get(filter_id, (0, None))
        kind = IssueKind.REJECTED.value if count else None
        key = filter_issue_key(fetch.customer, filter_id)
        rows.append((key, None, filter_id, kind, code, None, count or None, count == 0, True))
    return pl.DataFrame(rows, schema=TOLD, orient="row")


def changes(told: pl.DataFrame, standing: pl.DataFrame, fetch: Fetch) -> pl.DataFrame:
    """Payload rows (text; LEAVE where a field stays) for the issues that differ from what stands.

    `told`: a row a key, with `Plain_Words__c`; `standing`: `FIELDS` as canonical text, numbers without decimals. First
    seen is never changed, so that an issue that is reopened goes on where it was.
    """
    decided = _decided(told, standing, fetch)
    wanted, closes = pl.col("wanted"), pl.col("closes")
    arrived = pl.col("arrived").fill_null(value=False) & pl.col(f"org:{FILTER}").is_null()
    today = pl.lit(fetch.on)
    says: dict[str, pl.Expr] = {
        **{
            name: pl.when(wanted).then(pl.col(name).cast(pl.String))
            for name in WHAT_IT_SAYS
            if name != CUSTOMER
        },
        CUSTOMER: pl.lit(fetch.customer),
        FIRST_SEEN: pl.coalesce(f"org:{FIRST_SEEN}", today),
        LAST_SEEN: today,
        RESOLVED: pl.when(closes).then(today),
        RESOLUTION: pl.when(closes).then(
            pl.when(arrived).then(pl.lit(Resolution.ARRIVED.value)).otherwise(pl.lit(Resolution.GONE.value))
        ),
    }
    fields = [
        pl.when(_may_change(name) & value.ne_missing(pl.col(f"org:{name}")))
        .then(value)
        .otherwise(pl.lit(LEAVE))
        .alias(name)
        for name, value in says.items()
    ]
    payload = decided.filter(wanted | closes).select(ISSUE_KEY, *fields)
    return payload.filter(pl.any_horizontal(pl.col(name).ne_missing(LEAVE) for name in says))


def still_open(told: pl.DataFrame, standing: pl.DataFrame, fetch: Fetch) -> pl.DataFrame:
    """The issues that are open once `changes` are written (schema `OPEN`), by the same decision."""
    decided = _decided(told, standing, fetch)
    stays = pl.col("wanted") | (pl.col("open") & ~pl.col("closes"))
    names = (CLAIM_NUMBER, FILTER, KIND, CODE, FIELD, ROW_COUNT)
    new = {name: pl.col(name).cast(pl.String) for name in names}
    says = {
        name: pl.when("wanted").then(value).otherwise(pl.coalesce(f"org:{name}", value))
        for name, value in new.items()
    }
    today = pl.lit(fetch.on)
    says[FIRST_SEEN] = pl.coalesce(f"org:{FIRST_SEEN}", today)
    says[LAST_SEEN] = pl.when("wanted").then(today).otherwise(pl.coalesce(f"org:{LAST_SEEN}", today))
    says["in_this_fetch"] = pl.col("wanted") & pl.col("seen")
    return decided.filter(stays).select(ISSUE_KEY, **says).cast(OPEN)


def _decided(told: pl.DataFrame, standing: pl.DataFrame, fetch: Fetch) -> pl.DataFrame:
    """Each key with what is told of it and what stands of it (`org:` names): `open` now, `wanted` open, or `closes`."""
    before = {name: f"org:{name}" for name in FIELDS if name != ISSUE_KEY}
    joined = told.join(standing.rename(before), on=ISSUE_KEY, how="full", coalesce=True)
    stands = pl.any_horizontal(pl.col(f"org:{name}").is_not_null() for name in (FIRST_SEEN, CUSTOMER, KIND))
    is_open = stands & pl.col(f"org:{RESOLVED}").is_null()
    wanted = pl.col(KIND).is_not_null() & (pl.col("seen") | ~is_open)
    closes = is_open & pl.col("arrived").fill_null(fetch.whole & pl.col(f"org:{FILTER}").is_null())
    return joined.with_columns(
        open=is_open, wanted=wanted.fill_null(value=False), closes=closes.fill_null(value=False)
    )


def _may_change(name: str) -> pl.Expr:
    """Closing an issue changes nothing but how it ended."""
    return pl.lit(value=True) if name in (RESOLVED, RESOLUTION) else ~pl.col("closes")


def issue_keys(frame: pl.DataFrame, customer: str) -> pl.Series:
    """`claim_issue_key` of many claims: only those that may be too long are looked at one by one."""
    claims = frame.get_column("claim_key")
    keys = (f"{customer}|" + claims).alias(ISSUE_KEY)
    long = keys.str.len_bytes() > _KEY_LENGTH
    if not long.any():
        return keys
    return keys.scatter(long.arg_true(), [claim_issue_key(customer, claim) for claim in claims.filter(long)])


def _fitting(key: str) -> str:
    if plain_length(key) <= _KEY_LENGTH:
        return key
    digest = hashlib.sha256(key.encode()).hexdigest()[:_HASH_DIGITS]
    kept = key.encode("utf-16-le")[: 2 * _KEPT_OF_A_LONG_KEY].decode("utf-16-le", errors="ignore")
    return f"{kept}~{digest}"
