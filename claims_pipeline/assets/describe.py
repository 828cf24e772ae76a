"""What people see of an asset in the UI: column schemas with descriptions, and numbers that plot.

What belongs here: turning facts into Dagster metadata; counts, sums, codes and field names only, no claim's values.
"""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import dagster as dg

from claims_pipeline.assets import lineage
from claims_pipeline.claims.columns import BY_FIELD, COLUMNS
from claims_pipeline.claims.outcomes import PLAIN_WORDS, Rejection
from claims_pipeline.claims.reading import RAW_ROWS
from claims_pipeline.reporting.links import OrgLinks
from claims_pipeline.reporting.publish import LIST_COLUMNS, Published
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

_FIELDS_IN_WORDS = {
    "claim_id": "the claim's number, as the source spells it",
    "patient": "the patient's name and id: the record's name",
    "patient_reference": "the patient's reference, or medical record number",
    "payor_name": "the primary payor's name",
    "payor_id": "the primary payor's id",
    "authorization": "the insurance authorization's number",
    "service_from": "first day of service",
    "service_to": "last day of service",
    "entered_on": "when the claim was entered",
    "charged": "charged US dollars, exact",
    "paid": "paid US dollars, exact",
    "balance": "US dollars still due, exact",
    "check_reference": "the payment's check or EFT number",
    "paid_on": "when the payment was received",
    "status": "the claim's status at the source",
}

CLAIM_WORDS = {
    "claim_key": "the claim id as Salesforce compares it (trimmed, case-folded): the key",
    **{
        BY_FIELD[field].salesforce or field: f"{words}; from {field} ({BY_FIELD[field].labels[0]})"
        for field, words in _FIELDS_IN_WORDS.items()
    },
    "Paid_Y_or_N__c": "Yes when there is a paid date",
    "Source_Customer__c": "CollaborateMD customer number",
    "Source_Payor_Key__c": "normalised payor name and id",
    "Source_Hash__c": "digest of the claim's cleaned source fields: tells whether the source changed",
    "matched_payor": "record id of the payor that the claim is mapped to",
    "match_rule": "how the payor was matched",
    "rows": "report rows behind the claim",
    "payor_name": "the payor's name, cleaned, before it is cut to the field's length",
    "payor_id": "the payor's id, cleaned",
    "linked_payor": "record id of the payor that the key's claims were last linked to by a match",
}

SYNCED_WORDS = {
    "claim_key": CLAIM_WORDS["claim_key"],
    "claim_number": "the claim's number, as the source spells it",
    "outcome": "what became of it: created, updated, unchanged, refused or held",
    "healed": "whether a change made by hand in Salesforce was put back to the source's value",
    "recreated": "whether it was created again, since a person had deleted it",
    "differing": "the fields in which Salesforce and the source differed before",
    "code": "why it was refused or held",
    "fields": "the fields that Salesforce names in its refusal",
    "salesforce_id": "the claim's record in Salesforce",
    "match_rule": CLAIM_WORDS["match_rule"],
    "rows": CLAIM_WORDS["rows"],
    "payor_key": CLAIM_WORDS["Source_Payor_Key__c"],
    "Charged_Amount__c": "charged US dollars at the source",
    "Paid_Amount__c": "paid US dollars at the source",
    "Total_BDP__c": "US dollars still due at the source",
    "org_Charged_Amount__c": "charged US dollars in Salesforce before this sync",
    "org_Paid_Amount__c": "paid US dollars in Salesforce before this sync",
    "org_Total_BDP__c": "US dollars still due in Salesforce before this sync",
}

REJECTED_WORDS = {
    "run": _RAW_WORDS["run"],
    "file": _RAW_WORDS["file"],
    "claim_key": CLAIM_WORDS["claim_key"],
    "missing": "whether the claim id could not be read",
    "row_number": "the row in the report; the header is 1",
    "claim_id": "the claim id, where the row has one",
    "code": "the rule that the row breaks",
    "field": "the field that is at fault",
    "charged": "charged US dollars, null where unreadable",
    "paid": "paid US dollars, null where unreadable",
    "balance": "US dollars still due, null where unreadable",
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
        "dagster/column_lineage": lineage.of_raw(facts["labels"]),
        "grain": facts["grain"],
        "fetched_at": dg.MetadataValue.timestamp(raw.stamp.fetched_at),
        "filters": dg.MetadataValue.json(facts["reports"]),
        "labels": dg.MetadataValue.json(facts["labels"]),
        "warnings": dg.MetadataValue.json(facts["warnings"]),
    }


def claims_metadata(claims: StampedFrame, balance: RowBalance) -> dict[str, Any]:
    """Rows in, claims out, dollars in and out, column schema."""
    schema = claims.frame.collect_schema()
    return {
        "dagster/partition_row_count": balance.claims,
        "dagster/column_schema": table_schema(schema, CLAIM_WORDS),
        "dagster/column_lineage": lineage.of_claims(schema.names()),
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
    schema = rejected.frame.collect_schema()
    return {
        "dagster/partition_row_count": sum(balance.rejected_rows.values()),
        "dagster/column_schema": table_schema(schema, REJECTED_WORDS),
        "dagster/column_lineage": lineage.of_rejected(schema.names()),
        **({"by_rule": dg.MetadataValue.table(records)} if records else {}),
    }


def synced_metadata(synced: Synced, instance_url: str) -> dict[str, Any]:
    """Claims by outcome, what was healed and why claims were refused, dollars, and a link to the records."""
    links = OrgLinks(instance_url)
    schema = synced.outcomes.frame.collect_schema()
    return {
        "dagster/partition_row_count": synced.outcomes.rows,
        "dagster/column_schema": table_schema(schema, SYNCED_WORDS),
        "dagster/column_lineage": lineage.of_synced(schema.names()),
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


def report_columns() -> dg.TableSchema:
    """The columns of the list of claim ids beside each page."""
    columns = [dg.TableColumn(name, "text", description=words) for name, words in LIST_COLUMNS.items()]
    return dg.TableSchema(columns)


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


def unmapped_metadata(unmapped: StampedFrame, instance_url: str) -> dict[str, Any]:
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
        "mapping_page": dg.MetadataValue.url(OrgLinks(instance_url).mapping_page),
        "claims": int(rows.get_column("claims").sum()),
        "charged": float(rows.get_column("charged").sum() or 0),
        "dagster/column_schema": table_schema(rows.schema, UNMAPPED_WORDS),
        **({"most_dollars_first": dg.MetadataValue.table(records)} if records else {}),
    }
