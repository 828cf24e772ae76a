"""Placing: for each claim of one bucket, where it stands between the source and Salesforce (`reconciliation.Group`).

What belongs here: telling apart what is equal, missing, extra and different, from both sides as they stand now. What
the last sync told of a claim explains a difference only where the org still bears it out. Not here: reading the sides
(`reconcile`), comparing fields (`claims.compare`), adding up (`findings`).
"""

from collections.abc import Iterator
from dataclasses import dataclass

import polars as pl

from claims_pipeline.claims.compare import (
    CUSTOMER_FIELD,
    KEY_FIELD,
    MISSING_FIELD,
    CompareRules,
    canonical_claims,
    decide,
    with_claim_key,
)
from claims_pipeline.claims.outcomes import ClaimOutcome, HoldReason
from claims_pipeline.clients.salesforce import SalesforceClient
from claims_pipeline.sync.reconciliation.findings import Group
from claims_pipeline.sync.settling.standing import REJECTED, Standing

_GROUP, _TOLD, _REASON_TOLD, _ID_TOLD = (
    pl.col(name) for name in ("group", "told", "told_code", "told_salesforce_id")
)


@dataclass(frozen=True)
class Placing:
    """What is needed beside a bucket. `rules` must leave the payor lookup to the org: people move it too."""

    rules: CompareRules
    standing: Standing
    salesforce: SalesforceClient
    may_mark: bool
    """Whether the fetch could tell which claims the source no longer holds."""

    def place(
        self, claims: pl.DataFrame, named: pl.DataFrame, records: pl.DataFrame
    ) -> Iterator[pl.DataFrame]:
        """The claims of one bucket with `group`, `claim` (its name for people), `differing`, and both sides' amounts.

        `claims`: the source's, as stored; `named` and `records` as in `Standing`.
        """
        told = named.unique("claim_key", keep="first", maintain_order=True).select(
            "claim_key",
            pl.col("outcome").alias("told"),
            pl.col("code").alias("told_code"),
            pl.col("salesforce_id").alias("told_salesforce_id"),
        )
        yield self._shaped(self._of_source(canonical_claims(claims), told, records))
        yield self._shaped(self._beyond_source(claims, told, records))
        yield self._shaped(_lacking_of_rejected_rows(told, records))

    def _of_source(self, claims: pl.DataFrame, told: pl.DataFrame, records: pl.DataFrame) -> pl.DataFrame:
        """The source's claims: equal, different or missing."""
        joined = decide(claims, records, self.rules).join(told, on="claim_key", how="left")
        is_absent = pl.col("org:Id").is_null()
        is_refused = _is(_TOLD, ClaimOutcome.REFUSED)
        never_stood = is_refused & _ID_TOLD.is_null()
        still_rewritten = _is(_REASON_TOLD, HoldReason.REWRITTEN_BY_ORG) & _is(
            pl.col("reason"), HoldReason.REWRITTEN_BY_ORG
        )
        group = (
            pl.when(is_absent & never_stood)
            .then(_as(Group.MISSING_REFUSED))
            .when(is_absent)
            .then(_as(Group.MISSING))
            .when(pl.col("differing").list.len() == 0)
            .then(_as(Group.EQUAL))
            .when(is_refused)
            .then(_as(Group.DIFFERENT_REFUSED))
            .when(still_rewritten)
            .then(_as(Group.DIFFERENT_REWRITTEN))
            .otherwise(_as(Group.DIFFERENT))
        )
        placed = joined.with_columns(group=group, claim=pl.col(KEY_FIELD))
        return self._elsewhere(placed) if self.standing.of_customer_alone else placed

    def _elsewhere(self, placed: pl.DataFrame) -> pl.DataFrame:
        """Of the missing, those that stand in the org under another customer or none: asked for by their keys."""
        is_missing = _is(_GROUP, Group.MISSING)
        keys = placed.filter(is_missing).get_column(KEY_FIELD).to_list()
        if not keys:
            return placed
        found = with_claim_key(self.salesforce.read_claims(keys, (KEY_FIELD, CUSTOMER_FIELD)), KEY_FIELD)
        of_others = found.filter(pl.col(CUSTOMER_FIELD).ne_missing(self.rules.customer))
        stands = is_missing & pl.col("claim_key").is_in(of_others.get_column("claim_key").implode())
        was_held = _is(_REASON_TOLD, HoldReason.OTHER_CUSTOMER)
        group = (
            pl.when(stands & was_held)
            .then(_as(Group.MISSING_OTHER_CUSTOMER))
            .when(stands)
            .then(_as(Group.MISSING_HANDED_OVER))
            .otherwise(_GROUP)
        )
        return placed.with_columns(group=group)

    def _beyond_source(self, claims: pl.DataFrame, told: pl.DataFrame, records: pl.DataFrame) -> pl.DataFrame:
        """The org's claims that are not the source's; a record without a key, or a second one of a key, is none."""
        is_first = pl.col("claim_key").is_first_distinct()
        extra = pl.concat(
            [
                records.filter(is_first).join(claims.select("claim_key"), on="claim_key", how="anti"),
                records.filter(~is_first),
            ]
        ).join(told, on="claim_key", how="left")
        if (
            not self.standing.of_customer_alone
        ):  # everybody's: only those that the source names can be spoken of
            extra = extra.filter(_TOLD.is_not_null())
        is_marked = pl.col(MISSING_FIELD).is_not_null() if MISSING_FIELD in extra.columns else pl.lit(False)
        group = (
            pl.when(_is(_TOLD, REJECTED))
            .then(_as(Group.EXTRA_REJECTED))
            .when(is_marked)
            .then(_as(Group.EXTRA_MARKED))
            .otherwise(_as(Group.EXTRA if self.may_mark else Group.EXTRA_UNREADABLE))
        )
        amounts = {f"org:{name}": pl.col(name) for name in self.standing.money}
        return extra.select(group=group, claim=pl.coalesce(KEY_FIELD, "Id"), **amounts)

    def _shaped(self, placed: pl.DataFrame) -> pl.DataFrame:
        """The columns that are added up; what one side knows nothing of is null."""
        wanted = {"group": pl.String(), "claim": pl.String(), "differing": pl.List(pl.String())}
        wanted |= {column: pl.String() for name in self.standing.money for column in (name, f"org:{name}")}
        return placed.select(
            (pl.col(name) if name in placed.columns else pl.lit(None)).cast(dtype).alias(name)
            for name, dtype in wanted.items()
        )


def _lacking_of_rejected_rows(told: pl.DataFrame, records: pl.DataFrame) -> pl.DataFrame:
    """Claims of which the source has rejected rows alone, and Salesforce nothing."""
    lacking = told.filter(_is(_TOLD, REJECTED)).join(records, on="claim_key", how="anti")
    return lacking.select(group=_as(Group.MISSING_REJECTED), claim=pl.col("claim_key"))


def _is(column: pl.Expr, word: str) -> pl.Expr:
    return column.eq(str(word)).fill_null(False)


def _as(group: Group) -> pl.Expr:
    return pl.lit(group.value)
