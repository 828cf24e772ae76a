"""Rows to claims: which rows stand together behind a claim, and which are rejected, and why.

What belongs here: one hash bucket of clean rows split into claims, accepted and rejected rows, and the rules of a
claim report. Not here: a charge report's (`charge_grain`), Salesforce's names and lengths (`shape`), one row's own
faults (`rows`). What comes out depends on the rows, never on their order.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from claims_pipeline.claims.charge_grain import judge_charge_rows
from claims_pipeline.claims.columns import Grain
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
from claims_pipeline.claims.rows import PLACE, RowRules
from claims_pipeline.claims.shape import shape_claims
from claims_pipeline.errors import PermanentError

DOLLARS: tuple[str, ...] = ("charged", "paid", "balance")


class RowsUnaccounted(PermanentError):
    """The domain lost or doubled a row: a defect of ours, and no reason to send anything. Holds counts only."""

    def __init__(self, rows: int, rejected: int, accepted: int, behind_claims: int, current: int) -> None:
        super().__init__(
            f"{rows} rows became {rejected} rejected and {accepted} accepted ones, and {current} current rows "
            f"became {behind_claims} rows behind claims. Nothing was sent; please report this as a defect."
        )


@dataclass(frozen=True)
class SettledClaims:
    """What became of one bucket of rows: every row is in exactly one of `rejected` and `accepted`.

    - `claims`: as Salesforce holds them, a row a claim, sorted by `claim_key`; beside the fields `payor_name` and
      `payor_id` uncut, and `rows`, the number of rows behind the claim.
    - `rejected`: run, file, row_number, claim_id, claim_key, code, field, and dollars (null: blank or unreadable).
    - `accepted`: run, file, row_number, claim_key, `merged` (into an equal row), `superseded` (a later run holds the
      claim), and dollars. Those of rows neither merged nor superseded add up to the claims' dollars.
    - `cuts`: how many labels were cut, by Salesforce field.
    """

    claims: pl.DataFrame
    rejected: pl.DataFrame
    accepted: pl.DataFrame
    cuts: Mapping[str, int]


def settle_claims(rows: pl.DataFrame, rules: RowRules) -> SettledClaims:
    """One bucket of clean rows, all rows of each claim in it, as claims, accepted and rejected rows."""
    dated = rows.sort(PLACE).with_columns(superseded=_is_superseded())
    current = dated.filter(~pl.col("superseded"))
    charge_report = rules.grain is Grain.CHARGE
    judgement = judge_charge_rows(current) if charge_report else judge_claim_rows(current)
    claims, cuts = shape_claims(judgement.claims, rules)
    judged = _judge(dated, judgement, same=["claim_key", "line_id"] if charge_report else ["claim_key"])
    settled = SettledClaims(
        claims=claims.sort("claim_key"),
        rejected=judged.filter(pl.col("code").is_not_null()).select(
            *PLACE, "claim_id", "claim_key", "code", "field", *DOLLARS
        ),
        accepted=judged.filter(pl.col("code").is_null()).select(
            *PLACE, "claim_key", "merged", "superseded", *DOLLARS
        ),
        cuts=cuts,
    )
    _check_that_every_row_is_accounted_for(rows, settled)
    return settled


def judge_claim_rows(rows: pl.DataFrame) -> Judgement:
    """Rows of whole claims (sorted by place): equal ones are one claim, all others contradict each other."""
    code = Rejection.CONFLICTING_DUPLICATE
    verdicts = first_verdicts(
        [
            verdict(differing(rows, ["claim_key"]), code, pl.col("differing")),
            verdict(broken_claims(rows), code),
        ]
    )
    standing = without(good(rows), verdicts)
    counted = standing.group_by("claim_key").agg(pl.len().cast(pl.UInt32).alias("rows"))
    claims = standing.unique("claim_key", keep="first", maintain_order=True)
    return Judgement(claims.join(counted, on="claim_key"), verdicts)


def _is_superseded() -> pl.Expr:
    """A claim is taken whole from the last run that has it; a row of no claim belongs to its own run."""
    last_run = pl.col("run").max().over("claim_key")
    return pl.col("claim_key").is_not_null() & (pl.col("run") < last_run)


def _judge(rows: pl.DataFrame, judgement: Judgement, same: list[str]) -> pl.DataFrame:
    """The rows (sorted by place) with `code` and `field`, both null where a row is accepted, and `merged`.

    A superseded row has no code, not even for a fault of its own: the claim stands or falls with its later rows.
    """
    own = pl.when(~pl.col("superseded") & pl.col("fault").is_not_null())
    of_claim = pl.when(~pl.col("superseded"))
    narrow = rows.select(
        *PLACE, "claim_id", "claim_key", "line_id", *DOLLARS, "superseded", "fault", "fault_field"
    )
    faulty = narrow.join(judgement.verdicts, on="claim_key", how="left", maintain_order="left").with_columns(
        code=own.then("fault").otherwise(of_claim.then("code")),
        field=own.then("fault_field").otherwise(of_claim.then("field")),
    )
    repeated = ~pl.struct(*same, "superseded").is_first_distinct()
    return faulty.with_columns(merged=repeated & pl.col("code").is_null() & ~pl.col("superseded"))


def _check_that_every_row_is_accounted_for(rows: pl.DataFrame, settled: SettledClaims) -> None:
    current = settled.accepted.filter(~pl.col("superseded")).height
    behind_claims = int(settled.claims["rows"].sum())
    rejected, accepted = settled.rejected.height, settled.accepted.height
    if rejected + accepted != rows.height or behind_claims != current:
        raise RowsUnaccounted(rows.height, rejected, accepted, behind_claims, current)
