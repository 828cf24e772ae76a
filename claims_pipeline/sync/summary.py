"""The summary of a sync in words for the billing lead: what arrived, what did not and why, which payors to map.

What belongs here: lines of plain text from stored facts. No claim's values: claim ids only of rejected and refused
claims, payor names only in the payor list.
"""

from collections.abc import Iterator, Mapping
from decimal import Decimal

import polars as pl

from claims_pipeline.claims.outcomes import PLAIN_WORDS, ClaimOutcome, HoldReason, Rejection
from claims_pipeline.claims.payors import MatchRule
from claims_pipeline.clients.salesforce import SalesforceClient
from claims_pipeline.storage.frames import StampedFrame
from claims_pipeline.sync.phrases import AMOUNT_WORDS, SHOWN, amounts, dollars_text, line, listed
from claims_pipeline.sync.plain_words import plain_words
from claims_pipeline.sync.settling.org_sums import OrgSums
from claims_pipeline.sync.settling.standing import REJECTED
from claims_pipeline.sync.settling.synced import Synced

_OUTCOME_WORDS: dict[str, str] = {
    ClaimOutcome.CREATED.value: "created in Salesforce",
    ClaimOutcome.UPDATED.value: "updated in Salesforce",
    ClaimOutcome.UNCHANGED.value: "already as they should be",
    ClaimOutcome.REFUSED.value: "refused by Salesforce",
    ClaimOutcome.HELD.value: "held back",
}
_WOULD_WORDS: dict[str, str] = {
    ClaimOutcome.CREATED.value: "would be created in Salesforce",
    ClaimOutcome.UPDATED.value: "would be updated in Salesforce",
    ClaimOutcome.UNCHANGED.value: "are already as they should be",
    ClaimOutcome.REFUSED.value: "would be refused by Salesforce, as far as it tells beforehand",
    ClaimOutcome.HELD.value: "would be held back",
}
_HELD_WORDS: dict[str, str] = {reason.value: plain_words(reason.value).wrong for reason in HoldReason}
_BEYOND_WORDS: dict[str, str] = {
    "relink": "older claims were not linked to their payor",
    "missing": "claims that the source lost were not marked",
}
_BESIDE_WORDS: dict[str, str] = {
    ClaimOutcome.REFUSED.value: "beside them, refused",
    ClaimOutcome.HELD.value: "beside them, held back",
    REJECTED: "beside them, of rejected rows",
    "missing": "beside them, no longer at the source",
}
_WITH_SOURCE_AMOUNTS = (ClaimOutcome.REFUSED.value, ClaimOutcome.HELD.value)


def summary(synced: Synced, rejected: StampedFrame) -> Iterator[str]:
    """Lines about one customer's sync."""
    stamp = synced.outcomes.stamp
    rows = sum(report["rows"] for report in stamp.facts["reports"])
    title = "Dry run: nothing was sent. What a sync would do" if stamp.dry_run else "Sync"
    yield f"{title} of customer {stamp.customer}, report of {stamp.fetched_at:%Y-%m-%d %H:%M} UTC"
    yield line(rows, "rows in the report")
    yield line(synced.outcomes.rows, f"claims: {amounts(synced.source_dollars)}")
    if synced.tried_again:
        yield line(
            synced.tried_again, "of them of earlier reports: refused or not sent then, tried again", indent=4
        )
    for outcome, words in (_WOULD_WORDS if stamp.dry_run else _OUTCOME_WORDS).items():
        if synced.counts[outcome]:
            yield line(synced.counts[outcome], words, indent=4)
    if synced.counts["recreated"]:
        words = "of the created: someone had deleted them in Salesforce"
        yield line(synced.counts["recreated"], words, indent=4)
    yield from _healed(synced)
    yield from _why("refused", synced.refused_by_code, {}, synced.outcomes)
    yield from _why("held", synced.held_by_reason, _HELD_WORDS, synced.outcomes)
    if synced.waiting:
        yield line(
            synced.waiting, "claims of earlier reports, refused then, wait to be tried again (once a week)"
        )
    yield from _rejected(rejected)
    yield from _beyond(synced)
    yield from (f"  Note: {warning}" for warning in synced.warnings)


def _healed(synced: Synced) -> Iterator[str]:
    if synced.counts["healed"]:
        fields = ", ".join(f"{name} ({count})" for name, count in synced.healed_by_field.items())
        put_right = "to be put right" if synced.outcomes.stamp.dry_run else "put right"
        yield line(
            synced.counts["healed"],
            f"of the updated: changed by hand in Salesforce, {put_right}: {fields}",
            indent=4,
        )


def _why(
    outcome: str, counts: Mapping[str, int], words: Mapping[str, str], outcomes: StampedFrame
) -> Iterator[str]:
    for code, count in counts.items():
        ids = (
            outcomes.frame.filter((pl.col("outcome") == outcome) & (pl.col("code") == code))
            .select("claim_number", "fields")
            .head(SHOWN)
            .collect()
        )
        fields = sorted({name for name in ids.get_column("fields").drop_nulls().to_list() if name})
        told = f"Salesforce says {code}" + (f" ({', '.join(fields)})" if fields else "")
        because = words.get(code) or f"{told}: {plain_words(code).wrong}"
        yield line(count, f"{because}: {listed(ids.get_column('claim_number').to_list(), count)}", indent=8)


def _rejected(rejected: StampedFrame) -> Iterator[str]:
    shown = ("file", "row_number", "claim_id", "code", "charged")
    rows = rejected.frame.select(shown).sort("file", "row_number").collect()
    if rows.is_empty():
        return
    charged = Decimal(str(rows.get_column("charged").sum()))
    unknown = rows.get_column("charged").null_count()
    held_up = f"{dollars_text(charged)} charged" + (f", and {unknown} amounts unknown" if unknown else "")
    yield line(rows.height, f"rows rejected: {held_up}. They stand in no claim; mend them in CollaborateMD")
    for code, group in sorted(rows.partition_by("code", as_dict=True).items()):
        rule = Rejection(str(code[0]))
        places = [
            f"row {row['row_number']}" + (f" (claim {row['claim_id']})" if row["claim_id"] else "")
            for row in group.head(SHOWN).iter_rows(named=True)
        ]
        yield line(
            group.height, f"{PLAIN_WORDS[rule]} [{rule.value}]: {listed(places, group.height)}", indent=4
        )


def _beyond(synced: Synced) -> Iterator[str]:
    is_dry = synced.outcomes.stamp.dry_run
    relinked = synced.relinked.get(ClaimOutcome.UPDATED.value, 0)
    if relinked:
        linked = "would be linked anew" if is_dry else "linked anew"
        yield line(relinked, f"older claims {linked}, since their payor's mapping changed")
    missing = synced.missing.get(ClaimOutcome.UPDATED.value, 0)
    if missing:
        marked = "would be marked" if is_dry else "are marked"
        yield line(missing, f"claims of Salesforce {marked} (or no longer marked) as missing at the source")
    for doing, codes in synced.refused_beyond.items():
        words = ", ".join(f"{code} ({count})" for code, count in codes.items())
        yield line(sum(codes.values()), f"{_BEYOND_WORDS[doing]}, since Salesforce refused: {words}")
    if synced.org_sums is not None:
        yield from _org_sums(synced.org_sums)


def _org_sums(sums: OrgSums) -> Iterator[str]:
    """The proof of a full fetch, and what stands beside it."""
    yield line(
        sums.arrived.claims,
        f"claims read back from Salesforce have the source's amounts: {amounts(sums.arrived.org)}",
    )
    for name, beside in sums.beside.items():
        yield line(
            beside.claims,
            f"{_BESIDE_WORDS[name]}: {amounts(beside.org)} in Salesforce"
            + (f", {amounts(beside.source)} at the source" if name in _WITH_SOURCE_AMOUNTS else ""),
            indent=4,
        )


def org_line(salesforce: SalesforceClient) -> str:
    """What stands in the org, read back over its API."""
    (row,) = salesforce.query(
        "SELECT COUNT(Id) claims, SUM(Charged_Amount__c) charged, SUM(Paid_Amount__c) paid, "
        "SUM(Total_BDP__c) balance FROM Claim__c"
    )
    found = {field: Decimal(str(row[word] or 0)) for field, word in AMOUNT_WORDS.items()}
    return line(int(row["claims"]), f"claims stand in Salesforce: {amounts(found)}")


def unmapped_lines(unmapped: StampedFrame) -> Iterator[str]:
    """Lines about the payors to map, most dollars first."""
    rows = unmapped.frame.collect()
    if not unmapped.stamp.facts.get("listable", True):
        yield (
            f"{'':>12}  payors to map cannot be told: the org has no Source_Payor_Key__c, or hides it from the "
            "integration user"
        )
        return
    if rows.is_empty():
        yield line(0, "payors to map: every claim has its payor")
        return
    claims, dollars = rows.get_column("claims").sum(), Decimal(str(rows.get_column("charged").sum()))
    yield line(
        rows.height, f"payors to map in Salesforce: {claims:,} claims, {dollars_text(dollars)} charged"
    )
    for row in rows.head(SHOWN).iter_rows(named=True):
        name = row["payor_name"] or row["payor_key"]
        payor_id = f" ({row['payor_id']})" if row["payor_id"] else ""
        words = f"{dollars_text(row['charged'])}  {name}{payor_id}{_near(row['rule'], row['suggestions'])}"
        yield line(row["claims"], words, indent=4)
    if rows.height > SHOWN:
        yield f"{'':>12}      and {rows.height - SHOWN} more"


def _near(rule: str, suggestions: list[str]) -> str:
    """What may be meant: the payors that fit equally well, or the nearest name."""
    if rule == MatchRule.AMBIGUOUS:
        return f"; more than one payor fits: {', '.join(suggestions)}"
    return f"; near: {suggestions[0]}" if suggestions else ""
