"""A dry run in Dagster: the whole sync rehearsed in the first step, told beside the asset that would hold its outcomes.

What belongs here: how a dry run looks in the UI, and how the other assets know of one. Not here: what it finds out
(`sync.foreseen`). Nothing is materialised: an observation says what would be, and every other step is left out.
"""

from collections.abc import Iterator
from typing import Any

import dagster as dg
import polars as pl

from claims_pipeline.assets.steps import Step
from claims_pipeline.settings import Customer
from claims_pipeline.sync.foreseen import Foreseen, foresee
from claims_pipeline.sync.known import RAW, SYNCED
from claims_pipeline.sync.options import SyncOptions
from claims_pipeline.sync.phrases import AMOUNT_WORDS
from claims_pipeline.sync.plain_words import plain_words
from claims_pipeline.sync.settling.synced import Synced
from claims_pipeline.sync.whole import WholeSync, sync_customer

MOST_CLAIMS_LISTED = 100
MOST_PAYORS_LISTED = 50


def is_rehearsed(context: dg.AssetExecutionContext) -> bool:
    """Whether this run is a dry run: its config says so of the first step, which then tells of all."""
    given: Any = context.run.run_config
    return bool(given.get("ops", {}).get(RAW, {}).get("config", {}).get("dry_run", False))


def rehearse(customer: Customer, options: SyncOptions, at_work: Step) -> None:
    """Rehearse the customer's sync: counts in the run's log, and tables in an observation of what would be synced."""
    whole = sync_customer(customer, options, at_work.connections, at_work.say)
    counts = ", ".join(f"{count:,} {outcome}" for outcome, count in whole.synced.counts.items() if count)
    at_work.say(
        f"dry run, nothing was sent. It would be: {counts or 'no claim'}. The observation of {SYNCED} says more"
    )
    told = dg.AssetObservation(
        SYNCED,
        partition=customer.number,
        description="Dry run: nothing was sent. What a sync would do.",
        metadata=rehearsed_metadata(whole, foresee(whole)),
    )
    at_work.context.log_event(told)


def rehearsed_metadata(whole: WholeSync, foreseen: Foreseen) -> dict[str, Any]:
    """Counts, fields, dollars, the ids of claims that would be refused; payor names in the list of payors alone."""
    synced = whole.synced
    tables: dict[str, list[dict[str, Any]]] = {
        "would_update_by_field": [
            {"field": name, "claims": count} for name, count in foreseen.updated_by_field.items()
        ],
        "would_move_dollars": [
            {
                "amount": AMOUNT_WORDS[name],
                "in_salesforce_now": float(moved.before),
                "then": float(moved.after),
                "difference": float(moved.difference),
            }
            for name, moved in foreseen.moved.items()
        ],
        "refusals_foreseen": list(_refused(synced)),
        "new_payors": [
            {
                "payor": payor.name or payor.key,
                "id": payor.payor_id or "",
                "claims": payor.claims,
                "charged": float(payor.charged),
                "what_becomes": payor.what_becomes,
            }
            for payor in (foreseen.new_payors or ())[:MOST_PAYORS_LISTED]
        ],
    }
    return {
        "report_rows": sum(report["rows"] for report in synced.outcomes.stamp.facts["reports"]),
        "rejected_rows": whole.rejected.rows,
        **{f"would_be_{outcome}": count for outcome, count in synced.counts.items()},
        "would_link_older_claims": sum(synced.relinked.values()),
        "would_mark_as_missing": sum(synced.missing.values()),
        "new_payors_count": len(foreseen.new_payors or ()),
        "warnings": dg.MetadataValue.json(list(synced.warnings)),
        **{
            name: dg.MetadataValue.table([dg.TableRecord(record) for record in records])
            for name, records in tables.items()
            if records
        },
    }


def _refused(synced: Synced) -> Iterator[dict[str, str]]:
    """Claim ids stand here: a person needs them."""
    refused = synced.outcomes.frame.filter(pl.col("outcome") == "refused")
    rows = refused.select("claim_number", "code", "fields").head(MOST_CLAIMS_LISTED).collect()
    for claim, code, fields in rows.iter_rows():
        words = plain_words(code)
        told = {"claim": claim, "code": code or "", "fields": fields or ""}
        yield {**told, "what_is_wrong": words.wrong, "what_to_do": words.to_do}
