"""Charge lines to claims: which lines stand together, and how they add up.

What belongs here: the rules of a charge report. Not here: those of a claim report (`grain`).
"""

import polars as pl

from claims_pipeline.claims.judgement import (
    Judgement,
    broken_claims,
    differing,
    first_verdicts,
    good,
    verdict,
    without,
)
from claims_pipeline.claims.outcomes import Rejection
from claims_pipeline.claims.payor_key import comparable, payor_keys
from claims_pipeline.claims.values import MONEY, on_distinct

_SUMMED = ("charged", "paid", "balance")
_EARLIEST = ("service_from", "entered_on")
_LATEST = ("service_to", "paid_on")
_ONE_VALUE = ("patient", "patient_reference", "payor_name", "payor_id")
_TEXTS = (*_ONE_VALUE, "authorization", "check_reference", "status")


def judge_charge_rows(rows: pl.DataFrame) -> Judgement:
    """Rows of whole claims (sorted by place) as claims: the sums of their lines, or the first verdict that applies."""
    spelled = good(rows).group_by("claim_key").agg(pl.col("claim_id").n_unique().alias("spellings"))
    of_rows = first_verdicts(
        [
            verdict(spelled.filter(pl.col("spellings") > 1), Rejection.CONFLICTING_DUPLICATE, "claim_id"),
            verdict(
                differing(rows, ["claim_key", "line_id"]),
                Rejection.CONFLICTING_DUPLICATE,
                pl.col("differing"),
            ),
            verdict(broken_claims(rows), Rejection.LINE_REJECTED),
        ]
    )
    standing = without(good(rows), of_rows)
    lines = standing.unique(["claim_key", "line_id"], keep="first", maintain_order=True)
    sums = _add_up(lines)
    verdicts = first_verdicts([of_rows, *_verdicts_on_sums(sums), *_conflicting_lines(lines)])
    counted = standing.group_by("claim_key").agg(pl.len().cast(pl.UInt32).alias("rows"))
    claims = without(sums, verdicts).with_columns(
        pl.col(field).cast(MONEY, strict=False) for field in _SUMMED
    )
    claims = _with_latest_texts(claims, lines).join(counted, on="claim_key")
    keys = payor_keys(claims["payor_name"], claims["payor_id"])
    return Judgement(claims.with_columns(keys.alias("payor_key")), verdicts)


def _add_up(lines: pl.DataFrame) -> pl.DataFrame:
    """One row a claim. Sums are wider than money may be: polars does not say when they leave its range."""
    return lines.group_by("claim_key").agg(
        pl.col("claim_id").first(),
        *(pl.when(pl.col(field).count() > 0).then(pl.col(field).sum()).alias(field) for field in _SUMMED),
        *(pl.col(field).min() for field in (*_EARLIEST, *_TEXTS)),
        *(pl.col(field).max() for field in _LATEST),
    )


def _verdicts_on_sums(sums: pl.DataFrame) -> list[pl.DataFrame]:
    out_of_range = [
        verdict(
            sums.filter(pl.col(field).is_not_null() & pl.col(field).cast(MONEY, strict=False).is_null()),
            Rejection.BAD_MONEY,
            field,
        )
        for field in _SUMMED
    ]
    reversed_dates = sums.filter(pl.col("service_to") < pl.col("service_from"))
    return [*out_of_range, verdict(reversed_dates, Rejection.DATES_REVERSED, "service_to")]


def _conflicting_lines(lines: pl.DataFrame) -> list[pl.DataFrame]:
    """Claims with more than one patient, reference or payor; a blank contradicts nothing."""
    found = []
    for field in _ONE_VALUE:
        spellings = lines.select("claim_key", field).drop_nulls().unique()
        several = spellings.filter(pl.len().over("claim_key") > 1)
        distinct = several.with_columns(on_distinct(several[field], comparable)).unique()
        conflicting = distinct.filter(pl.len().over("claim_key") > 1)
        found.append(verdict(conflicting, Rejection.CONFLICTING_LINES, field))
    return found


def _with_latest_texts(claims: pl.DataFrame, lines: pl.DataFrame) -> pl.DataFrame:
    """The claims with, where their lines hold several texts (or spellings of one), that of the latest line."""
    for field in _TEXTS:
        having = lines.filter(pl.col(field).is_not_null())
        several = having.filter(pl.col(field).n_unique().over("claim_key") > 1)
        if several.height:
            latest = _latest_lines(several).select("claim_key", latest=field)
            claims = claims.join(latest, on="claim_key", how="left").with_columns(
                pl.coalesce("latest", field).alias(field)
            )
            claims = claims.drop("latest")
    return claims


def _latest_lines(lines: pl.DataFrame) -> pl.DataFrame:
    """The latest line of each claim: by paid date, then service from (both null last), then line id."""
    for day in ("paid_on", "service_from"):
        lines = lines.filter(pl.col(day).eq_missing(pl.col(day).max().over("claim_key")))
    return _highest_lines(lines)


def _highest_lines(lines: pl.DataFrame) -> pl.DataFrame:
    """The line with the highest id of each claim: as numbers where both are digits, otherwise as text.

    That order goes in circles (10 over 9, 9 over 1a, 1a over 10), so the highest number meets the highest text.
    """
    number = pl.col("line_id").str.strip_chars_start("0")
    is_number = pl.col("line_id").str.contains("^[0-9]+$")
    by_number = lines.filter(is_number).sort(number.str.len_bytes(), number, "line_id")
    by_text = lines.filter(~is_number).sort("line_id")
    finalists = [
        ordered.unique("claim_key", keep="last", maintain_order=True) for ordered in (by_number, by_text)
    ]
    return pl.concat(finalists).sort("line_id").unique("claim_key", keep="last", maintain_order=True)
