"""A reconciliation in words for the billing lead: what is equal, what is not and why, and what to do.

What belongs here: lines of plain text. Claim ids of what is not equal, since a person must look at them; never a value.
"""

from collections.abc import Iterator, Mapping
from decimal import Decimal

from claims_pipeline.sync.phrases import AMOUNT_WORDS, amounts, dollars_text, line, listed
from claims_pipeline.sync.reconciliation.findings import (
    DIFFERENT,
    EXTRA,
    MISSING,
    UNEXPLAINED,
    Found,
    Group,
    Reconciliation,
    difference,
)

_WORDS: dict[Group, str] = {
    Group.EQUAL: "claims are the same at the source and in Salesforce",
    Group.MISSING_REFUSED: "are not in Salesforce: it refused them, and the sync's summary says why",
    Group.MISSING_OTHER_CUSTOMER: "are held back: in Salesforce they belong to another CollaborateMD customer",
    Group.MISSING_REJECTED: "are not in Salesforce: their rows in the report were rejected",
    Group.MISSING_HANDED_OVER: "were given to another customer in Salesforce (or to none) since the sync",
    Group.MISSING: "are not in Salesforce, and nothing says why",
    Group.EXTRA_MARKED: "are in Salesforce alone, and marked there as missing at the source",
    Group.EXTRA_REJECTED: "are in Salesforce as they were before: their rows in the report were rejected",
    Group.EXTRA_UNREADABLE: "are in Salesforce alone, and not marked: rows whose claim id cannot be read may be theirs",
    Group.EXTRA: "are in Salesforce alone, and not marked as missing at the source",
    Group.DIFFERENT_REFUSED: "differ: Salesforce refused the change, and the sync's summary says why",
    Group.DIFFERENT_REWRITTEN: "differ, and are held back: a trigger or flow of the org changes what we write",
    Group.DIFFERENT: "differ, and nothing says why",
}
_WHAT_TO_DO = (
    "Look at these claims in Salesforce. Then run `claims-pipeline sync --full --customer {customer}` (in Dagster: the "
    "job full_sync_claims): it creates what was deleted, puts right what was changed, marks what the source no longer "
    "holds, and says what it holds back."
)
_WIDTH = 16


def reconciliation_lines(found: Reconciliation) -> Iterator[str]:
    """All about one customer, the verdict first."""
    yield verdict(found)
    yield f"Report of {found.fetched_at:%Y-%m-%d %H:%M} UTC (fetch {found.sequence})"
    yield from _table(found)
    for title, groups in (
        ("Equal", (Group.EQUAL,)),
        ("At the source and not in Salesforce", MISSING),
        ("In Salesforce and not at the source", EXTRA),
        ("On both sides, and not the same", DIFFERENT),
    ):
        of = found.of(groups)
        if of:
            yield title
        for group, each in of.items():
            yield from _group(group, each)
    yield from (f"  Note: {words}" for words in notes(found))
    if not found.is_equal:
        yield _WHAT_TO_DO.format(customer=found.customer)


def verdict(found: Reconciliation) -> str:
    """One line: equal or not, in claims and dollars."""
    beside = f" ({found.explained:,} explained beside them)" if found.explained else ""
    if found.is_equal:
        equal = found.dollars((Group.EQUAL,))
        return (
            f"Customer {found.customer}: Salesforce equals the source: {equal.claims:,} claims, {amounts(equal.org)}"
            f"{beside}."
        )
    return f"Customer {found.customer}: Salesforce does NOT equal the source: {shortfall(found)}{beside}."


def shortfall(found: Reconciliation) -> str:
    """What is unexplained, in counts and dollars."""
    off = {name: amount for name, amount in found.unexplained_dollars.items() if amount}
    dollars = "the dollars are the same"
    if off:
        told = ", ".join(f"{AMOUNT_WORDS[name]} {_signed(amount)}" for name, amount in off.items())
        dollars = f"Salesforce is off by {told}"
    return f"{found.missing:,} missing, {found.extra:,} extra, {found.different:,} different; {dollars}"


def what_to_do(found: Reconciliation) -> str:
    """What a person does about what is unexplained, where the claims are not named beside it."""
    names = f"`claims-pipeline reconcile --customer {found.customer}` names the claims. "
    return names + _WHAT_TO_DO.format(customer=found.customer)


def notes(found: Reconciliation) -> Iterator[str]:
    """What limits the proof."""
    if not found.extras_told:
        yield (
            "claims that are in Salesforce alone cannot be told: the org has no Source_Customer__c that we may write, "
            "so nothing there says whose a claim is. All that the source names was compared."
        )
    if Group.EXTRA_UNREADABLE in found.groups:
        yield (
            "no claim was marked as missing at the source, since the report has no row, or rows whose claim id cannot "
            f"be read ({found.unreadable_ids:,}): mend those in CollaborateMD, then fetch in full again."
        )
    if found.newer_fetch:
        yield "a later fetch has begun and is not committed: what differs may be its doing."
    if found.not_compared:
        yield f"not compared, since they are left to Salesforce: {', '.join(found.not_compared)}."


def _table(found: Reconciliation) -> Iterator[str]:
    """Claims and dollars of both sides, and the difference."""
    (claims, source), (org_claims, org) = found.source, found.org
    off = difference(found.dollars(Group))
    heads = [AMOUNT_WORDS[name] for name in found.money]
    yield _row("", "claims", heads)
    yield _row("At the source", f"{claims:,}", _cells(source))
    yield _row("In Salesforce", f"{org_claims:,}", _cells(org))
    yield _row(
        "Salesforce less source", f"{org_claims - claims:+,}", [_signed(off[name]) for name in found.money]
    )


def _row(title: str, claims: str, cells: list[str]) -> str:
    return f"  {title:<24}{claims:>12}" + "".join(f"{cell:>{_WIDTH}}" for cell in cells)


def _cells(by_field: Mapping[str, Decimal]) -> list[str]:
    return [dollars_text(amount) for amount in by_field.values()]


def _signed(amount: Decimal) -> str:
    return f"+{dollars_text(amount)}" if amount > 0 else dollars_text(amount)


def _group(group: Group, found: Found) -> Iterator[str]:
    mark = "  <-- unexplained" if group in UNEXPLAINED else ""
    yield line(found.sums.claims, f"{_WORDS[group]}{_dollars(group, found)}{mark}")
    if found.differing:
        fields = ", ".join(f"{name} ({count:,})" for name, count in found.differing.items())
        yield f"{'':>12}      fields: {fields}"
    if found.named:
        yield f"{'':>12}      claims: {listed(found.named, found.sums.claims)}"


def _dollars(group: Group, found: Found) -> str:
    """The group's dollars, of the sides that have them."""
    if group is Group.MISSING_REJECTED or not found.sums.source:
        return ""
    if group is Group.EQUAL or group in EXTRA:
        return f": {amounts(found.sums.org)}"
    if group in MISSING:
        return f": {amounts(found.sums.source)}"
    return f": {amounts(found.sums.source)} at the source, {amounts(found.sums.org)} in Salesforce"
