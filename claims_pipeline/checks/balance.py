"""The balance checks: rows, keys and dollars in are rows, keys and dollars out.

What belongs here: the checks' names, words and results for Dagster. Not here: the counting (`sync.balance`,
`settling.synced`). They run inside the asset's own step: a separate check step would run after the asset is written.
"""

from collections.abc import Iterator
from typing import Any

import dagster as dg

from claims_pipeline.reporting.links import OrgLinks
from claims_pipeline.sync.balance import RowBalance
from claims_pipeline.sync.settling.synced import Synced

ROW_CHECKS: dict[str, str] = {
    "rows_balance": "Every row of the report (told by a second reader) stands behind a claim or is rejected, once.",
    "claim_ids_are_unique": "No claim id stands in two claims, as Salesforce compares them.",
    "dollars_balance": "Charged, paid and balance of the accepted rows are those of the claims, to the cent.",
}

CLAIM_CHECKS: dict[str, str] = {
    "claims_balance": "Every claim has exactly one outcome from Salesforce's own results, and the dollars agree.",
}


_TO_DO = "Nothing was written or sent. This is a fault of the pipeline: keep the stored files, and tell its makers."


def specs(asset: str, checks: dict[str, str]) -> list[dg.AssetCheckSpec]:
    """Blocking check specs of an asset."""
    return [
        dg.AssetCheckSpec(name, asset=asset, blocking=True, description=words)
        for name, words in checks.items()
    ]


def row_results(asset: str, customer: str, balance: RowBalance) -> Iterator[dg.AssetCheckResult]:
    """One result a row check, with what went in and came out."""
    problems = {
        "rows_balance": balance.row_problems,
        "claim_ids_are_unique": balance.key_problems,
        "dollars_balance": balance.dollar_problems,
    }
    facts: dict[str, dict[str, Any]] = {
        "rows_balance": {
            "report_rows": balance.report_rows,
            "accepted_rows": balance.accepted_rows,
            "rejected_rows": sum(balance.rejected_rows.values()),
        },
        "claim_ids_are_unique": {"claims": balance.claims},
        "dollars_balance": {name: str(amount) for name, amount in balance.dollars_in.items()},
    }
    rejected = sum(balance.rejected_rows.values())
    well = {
        "rows_balance": f"Of {balance.report_rows:,} rows {balance.accepted_rows:,} stand behind {balance.claims:,} "
        f"claims, and {rejected:,} are rejected with their rule (see rejected_claims).",
        "claim_ids_are_unique": f"{balance.claims:,} claims, each with an id of its own.",
        "dollars_balance": "The accepted rows' dollars are the claims', to the cent.",
    }
    for name, found in problems.items():
        yield dg.AssetCheckResult(
            asset_key=asset,
            check_name=name,
            passed=not found,
            description=f"{'; '.join(found)}. {_TO_DO}" if found else well[name],
            metadata={"customer": customer, **facts[name], **({"problems": list(found)} if found else {})},
        )


def claim_result(asset: str, customer: str, synced: Synced) -> dg.AssetCheckResult:
    """The result of the claims' balance, which held: the step fails before where it does not."""
    return dg.AssetCheckResult(
        asset_key=asset,
        check_name="claims_balance",
        passed=True,
        description=_told(synced),
        metadata={
            "customer": customer,
            **synced.counts,
            "issues": dg.MetadataValue.url(OrgLinks(synced.instance_url).issues),
            "one_claim": dg.MetadataValue.md(f"`claims-pipeline why CLAIM --customer {customer}`"),
        },
    )


def _told(synced: Synced) -> str:
    """What became of the claims, and what a person does about those that did not arrive."""
    counts = ", ".join(f"{count:,} {name}" for name, count in synced.counts.items() if count)
    words = f"Every claim has one outcome, and the dollars agree: {counts or 'no claim'}."
    if synced.failed:
        words += " Refused claims stand as open sync issues in Salesforce, each with its code, fields and what to do."
    if synced.counts["held"]:
        words += (
            " Held claims belong to another customer, or the org rewrites them: their sync issues say which."
        )
    return words
