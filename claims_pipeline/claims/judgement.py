"""What one grain says of a bucket's rows: the claims that stand, and why the others do not.

What belongs here: the form of that answer, and the comparing of rows that both grains need. Not here: the rules of a
grain (`grain`, `charge_grain`).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import polars as pl

from claims_pipeline.claims.outcomes import Rejection
from claims_pipeline.claims.rows import FIELDS

VERDICTS: dict[str, pl.DataType] = {"claim_key": pl.String(), "code": pl.String(), "field": pl.String()}


@dataclass(frozen=True)
class Judgement:
    """The claims that stand (our fields, one row a claim) and, for every other claim, what its good rows are."""

    claims: pl.DataFrame
    verdicts: pl.DataFrame


def good(rows: pl.DataFrame) -> pl.DataFrame:
    """The rows without a fault of their own: they alone are compared."""
    return rows.filter(pl.col("fault").is_null())


def verdict(claim_keys: pl.DataFrame, code: Rejection, field: str | pl.Expr | None = None) -> pl.DataFrame:
    """One code for the good rows of these claims (a frame with `claim_key`), about one field where one is known."""
    about = field if isinstance(field, pl.Expr) else pl.lit(field, dtype=pl.String)
    return claim_keys.select(
        "claim_key", pl.lit(code.value, dtype=pl.String).alias("code"), about.alias("field")
    ).unique("claim_key", keep="first", maintain_order=True)


def first_verdicts(in_order_of_precedence: Iterable[pl.DataFrame]) -> pl.DataFrame:
    """One verdict a claim: the first that applies."""
    verdicts = pl.concat([pl.DataFrame(schema=VERDICTS), *in_order_of_precedence])
    return verdicts.unique("claim_key", keep="first", maintain_order=True)


def without(rows: pl.DataFrame, verdicts: pl.DataFrame) -> pl.DataFrame:
    """The rows of claims that no verdict names, in their order."""
    return rows.join(verdicts, on="claim_key", how="anti", maintain_order="left")


def broken_claims(rows: pl.DataFrame) -> pl.DataFrame:
    """Keys of the claims of which a row has a fault of its own."""
    return rows.filter(pl.col("fault").is_not_null() & pl.col("claim_key").is_not_null()).select("claim_key")


def differing(rows: pl.DataFrame, same: Sequence[str]) -> pl.DataFrame:
    """Groups of good rows that are the `same` in these columns but not in every field: claim key and first such field.

    Null differs from a value: a blank amount is not an amount.
    """
    repeated = good(rows).filter(pl.len().over(same) > 1)
    counted = repeated.group_by(same).agg(
        pl.col(field).n_unique().alias(f"{field}_values") for field in FIELDS
    )
    first = pl.coalesce(pl.when(pl.col(f"{field}_values") > 1).then(pl.lit(field)) for field in FIELDS)
    found = counted.with_columns(first.alias("differing")).filter(pl.col("differing").is_not_null())
    place_of_field = pl.col("differing").replace_strict(FIELDS, range(len(FIELDS)))
    return found.sort("claim_key", place_of_field).select("claim_key", "differing")
