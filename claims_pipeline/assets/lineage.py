"""Lineage: where each column comes from, from the report's label to the field in Salesforce.

What belongs here: columns by their columns. Not here: what a column means (`describe`).
"""

from collections.abc import Collection, Iterable, Mapping, Sequence

import dagster as dg

from claims_pipeline.assets.steps import GROUP, OWNERS
from claims_pipeline.claims.columns import COLUMNS
from claims_pipeline.claims.compare import MONEY_FIELDS
from claims_pipeline.sync.known import RAW

REPORT = "collaboratemd_report"
_PAYORS, _CLAIMS = "payor_mapping", "transformed_claims"
_OF_PAYOR = ((RAW, "payor_name"), (RAW, "payor_id"))
_MATCH = (
    *_OF_PAYOR,
    (_PAYORS, "payor_key"),
    (_PAYORS, "claim_payor"),
    (_PAYORS, "name"),
    (_PAYORS, "payor_id"),
)
_CLAIM_COLUMNS: dict[str, tuple[tuple[str, str], ...]] = {
    **{column.salesforce: ((RAW, column.field),) for column in COLUMNS if column.salesforce},
    "claim_key": ((RAW, "claim_id"),),
    "Paid_Y_or_N__c": ((RAW, "paid_on"),),
    "Source_Payor_Key__c": _OF_PAYOR,
    "matched_payor": _MATCH,
    "match_rule": _MATCH,
}
_REJECTED_COLUMNS = {
    name: ((RAW, name),) for name in ("file", "row_number", "claim_id", "charged", "paid", "balance")
}
_SYNCED_COLUMNS = {
    **{name: ((_CLAIMS, name),) for name in ("claim_key", "match_rule", "rows", *MONEY_FIELDS)},
    "claim_number": ((_CLAIMS, "Claim_Number__c"),),
    "payor_key": ((_CLAIMS, "Source_Payor_Key__c"),),
}


def report_asset() -> dg.AssetSpec:
    """The saved report at its source: nobody materialises it here."""
    return dg.AssetSpec(
        REPORT,
        description="The customer's saved report in CollaborateMD, as its users built it. Grain: one row a claim, or a "
        "charge line. Its columns and labels: docs/fields.md.",
        kinds={"collaboratemd"},
        group_name=GROUP,
        owners=OWNERS,
    )


def of_raw(labels: Mapping[str, Sequence[str]]) -> dg.TableColumnLineage:
    """The raw columns, by the labels that this report has for them."""
    return _lineage({field: [(REPORT, label) for label in found] for field, found in labels.items()}, labels)


def of_claims(columns: Collection[str]) -> dg.TableColumnLineage:
    """Salesforce's fields, by the report's columns."""
    return _lineage(_CLAIM_COLUMNS, columns)


def of_rejected(columns: Collection[str]) -> dg.TableColumnLineage:
    """The rejected rows' columns."""
    return _lineage(_REJECTED_COLUMNS, columns)


def of_synced(columns: Collection[str]) -> dg.TableColumnLineage:
    """The outcomes' columns."""
    return _lineage(_SYNCED_COLUMNS, columns)


def _lineage(
    sources: Mapping[str, Iterable[tuple[str, str]]], columns: Collection[str]
) -> dg.TableColumnLineage:
    return dg.TableColumnLineage(
        deps_by_column={
            column: [dg.TableColumnDep(asset_key=asset, column_name=name) for asset, name in of]
            for column, of in sources.items()
            if column in columns
        }
    )
