"""Claims in Salesforce's shape: its field names, its lengths, and the fields that follow from others.

What belongs here: our fields to the org's. Not here: what is sent (`compare`), nor which rows make a claim (`grain`).
"""

import polars as pl

from claims_pipeline.claims.columns import COLUMNS, Kind
from claims_pipeline.claims.labels import cut, cut_column, cut_name
from claims_pipeline.claims.rows import RowRules

_OUR_COLUMNS = ("payor_name", "payor_id", "rows")


def shape_claims(claims: pl.DataFrame, rules: RowRules) -> tuple[pl.DataFrame, dict[str, int]]:
    """One row a claim in our fields as one row a claim in Salesforce's, and how many labels were cut, by field.

    A field that the report does not have is null throughout. `payor_name` and `payor_id` stay beside it, uncut.
    """
    patient_or_id = pl.coalesce("patient", "claim_id") if rules.carries("patient") else pl.col("patient")
    paid = pl.when(pl.col("paid_on").is_not_null()).then(pl.lit("Yes")).otherwise(pl.lit("No"))
    named = claims.with_columns(patient=patient_or_id)
    shaped = named.select(
        "claim_key",
        *(pl.col(column.field).alias(column.salesforce) for column in COLUMNS if column.salesforce),
        (paid if rules.carries("paid_on") else pl.lit(None, dtype=pl.String)).alias("Paid_Y_or_N__c"),
        pl.lit(rules.customer).alias("Source_Customer__c"),
        pl.col("payor_key").alias("Source_Payor_Key__c"),
        *_OUR_COLUMNS,
    )
    cuts: dict[str, int] = {}
    for column in COLUMNS:
        if column.salesforce and column.kind in (Kind.NAME, Kind.LABEL):
            cutting = cut_name if column.salesforce == "Name" else cut
            limit = rules.lengths.get(column.salesforce)
            shorter, cuts[column.salesforce] = cut_column(shaped[column.salesforce], limit, cutting)
            shaped = shaped.with_columns(shorter.alias(column.salesforce))
    return shaped, {field: number for field, number in cuts.items() if number}
