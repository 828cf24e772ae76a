"""What people see of an asset in the UI: column schemas with descriptions, and numbers that plot.

What belongs here: turning facts into Dagster metadata; counts, sums, codes and field names only, no claim's values.
"""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import dagster as dg

from claims_pipeline.claims.columns import COLUMNS
from claims_pipeline.claims.outcomes import PLAIN_WORDS, Rejection
from claims_pipeline.claims.reading import RAW_ROWS
from claims_pipeline.reporting.links import OrgLinks
from claims_pipeline.reporting.publish import Published
from claims_pipeline.storage.frames import StampedFrame
from claims_pipeline.sync.balance import RowBalance
from claims_pipeline.sync.settling.synced import Synced

_RAW_WORDS = {
    "run": "which filter's result of the fetch, from 0; a later one wins",
    "file": "which file of the fetch, from 0",
    "row_number": "the record's ordinal in its file; the header is 1",
    "ragged": "whether the row has more or fewer cells than the header",
    **{column.field: f"cell of {' / '.join(column.labels)}" for column in COLUMNS},
}

CLAIM_WORDS = {
    "claim_key": "the claim id as Salesforce compares it (trimmed, case-folded): the key",
    **{column.salesforce: f"from {column.field}" for column in COLUMNS if column.salesforce},
    "Paid_Y_or_N__c": "Yes when there is a paid date",
    "Source_Customer__c": "CollaborateMD customer number",
    "Source_Payor_Key__c": "normalised payor name and id",
    "matched_payor": "record id of the payor that the claim is mapped to",
    "match_rule": "how the payor was matched",
    "rows": "report rows behind the claim",
}

REJECTED_WORDS = {
    "row_number": "the row in the report; the header is 1",
    "claim_id": "the claim id, where the row has one",
    "code": "the rule that the row breaks",
    "field": "the field that is at fault",
    "charged": "charged US dollars, null where unreadable",
}

UNMAPPED_WORDS = {
    "payor_key": "normalised payor name and id: the key",
    "payor_name": "the payor's name as the report gives it",
    "payor_id": "the payor's id as the report gives it",
    "rule": "why it is not mapped",
    "claims": "claims in Salesforce without a payor",
    "charged": "their charged US dollars",
    "suggestions": "payors of nearly this name, with their likeness",
}


def table_schema(schema: Mapping[str, Any], words: Mapping[str, str]) -> dg.TableSchema:
    """A column schema with descriptions, from a frame's schema."""
    return dg.TableSchema(
        columns=[
            dg.TableColumn(name, str(dtype), description=words.get(name)) for name, dtype in schema.items()
        ]
    )


def raw_columns() -> dg.TableSchema:
    """The columns of the raw rows."""
    return table_schema(RAW_ROWS, _RAW_WORDS)


def raw_metadata(raw: StampedFrame) -> dict[str, Any]:
    """What was fetched: rows, filters, labels used, warnings."""
    facts = raw.stamp.facts
    return {
        "dagster/partition_row_count": raw.rows,
        "grain": facts["grain"],
        "fetched_at": dg.MetadataValue.timestamp(raw.stamp.fetched_at),
        "filters": dg.MetadataValue.json(facts["reports"]),
        "labels": dg.MetadataValue.json(facts["labels"]),
        "warnings": dg.MetadataValue.json(facts["warnings"]),
    }


def claims_metadata(claims: StampedFrame, balance: RowBalance) -> dict[str, Any]:
    """Rows in, claims out, dollars in and out, column schema."""
    return {
        "dagster/partition_row_count": balance.claims,
        "dagster/column_schema": table_schema(claims.frame.collect_schema(), CLAIM_WORDS),
        "report_rows": balance.report_rows,
        "accepted_rows": balance.accepted_rows,
        "merged_rows": balance.merged_rows,
        "rejected_rows": sum(balance.rejected_rows.values()),
        **{f"dollars_in_{name}": float(amount) for name, amount in balance.dollars_in.items()},
        **{f"dollars_out_{name}": float(amount) for name, amount in balance.dollars_out.items()},
    }


def rejected_metadata(rejected: StampedFrame, balance: RowBalance) -> dict[str, Any]:
    """Rejected rows by rule, in plain words."""
    records = [
        dg.TableRecord({"rule": code, "rows": count, "meaning": PLAIN_WORDS[Rejection(code)]})
        for code, count in balance.rejected_rows.items()
    ]
    return {
        "dagster/partition_row_count": sum(balance.rejected_rows.values()),
        "dagster/column_schema": table_schema(rejected.frame.collect_schema(), REJECTED_WORDS),
        **({"by_rule": dg.MetadataValue.table(records)} if records else {}),
    }


def synced_metadata(synced: Synced, instance_url: str) -> dict[str, Any]:
    """Claims by outcome, what was healed and why claims were refused, dollars, and a link to the records."""
    links = OrgLinks(instance_url)
    return {
        "dagster/partition_row_count": synced.outcomes.rows,
        **dict(synced.counts),
        "healed_by_field": dg.MetadataValue.json(dict(synced.healed_by_field)),
        "refused_by_code": dg.MetadataValue.json(dict(synced.refused_by_code)),
        "held_by_reason": dg.MetadataValue.json(dict(synced.held_by_reason)),
        "relinked": dg.MetadataValue.json(dict(synced.relinked)),
        "tried_again": synced.tried_again,
        "refused_earlier_and_waiting": synced.waiting,
        "refused_beyond": dg.MetadataValue.json(
            {name: dict(codes) for name, codes in synced.refused_beyond.items()}
        ),
        "org_sums": dg.MetadataValue.json(synced.org_sums.to_facts() if synced.org_sums else {}),
        "missing_at_source": dg.MetadataValue.json(dict(synced.missing)),
        **{
            f"dollars_{outcome}_{name}": float(amount)
            for outcome, sums in synced.dollars.items()
            for name, amount in sums.items()
        },
        "warnings": dg.MetadataValue.json(list(synced.warnings)),
        "api_calls": synced.api_calls,
        "records": dg.MetadataValue.url(links.claims),
        "issues": dg.MetadataValue.url(links.issues),
        "one_claim": why_command(synced.outcomes.stamp.customer),
    }


def report_metadata(customer: str, page: Published, over_all: Published) -> dict[str, Any]:
    """Where the pages stand, and what is stuck, in numbers that plot."""
    return {
        "report": _address(page.address),
        "claim_ids": _address(page.list_address),
        "report_over_all": _address(over_all.address),
        "stuck_claims": page.stuck_claims,
        "dollars_held_up": float(page.stuck_dollars),
        "oldest_days": page.oldest_days,
        "one_claim": why_command(customer),
    }


def why_command(customer: str) -> dg.MetadataValue[Any]:
    """How a person asks what became of one claim: its id stands in the report, not in the event log."""
    return dg.MetadataValue.md(f"`claims-pipeline why CLAIM --customer {customer}`")


def _address(address: str) -> dg.MetadataValue[Any]:
    if not address.startswith("s3://"):
        return dg.MetadataValue.path(address)
    bucket, _, key = address.removeprefix("s3://").partition("/")
    return dg.MetadataValue.url(f"https://s3.console.aws.amazon.com/s3/object/{bucket}?prefix={quote(key)}")


def unmapped_metadata(unmapped: StampedFrame) -> dict[str, Any]:
    """The payors to map, most dollars first (payor names stand here: this is the payor list)."""
    rows = unmapped.frame.collect()
    records = [
        dg.TableRecord(
            {
                "payor": row["payor_name"] or row["payor_key"],
                "id": row["payor_id"] or "",
                "claims": row["claims"],
                "charged": float(row["charged"]),
                "suggestions": "; ".join(row["suggestions"]),
            }
        )
        for row in rows.head(50).iter_rows(named=True)
    ]
    return {
        "dagster/row_count": rows.height,
        "claims": int(rows.get_column("claims").sum()),
        "charged": float(rows.get_column("charged").sum() or 0),
        "dagster/column_schema": table_schema(rows.schema, UNMAPPED_WORDS),
        **({"most_dollars_first": dg.MetadataValue.table(records)} if records else {}),
    }
