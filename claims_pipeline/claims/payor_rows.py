"""Rows of the mapping table as the pipeline keeps them: what each must say, and in which fields it differs.

What belongs here: the fields that are ours, from what was matched and seen. People's own (`Claim_Payor__c`,
`Ignored__c`, who decided and when) are never among them. Pure. Not here: reading and writing the table
(`sync.payors.table`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from claims_pipeline.claims.payor_key import payor_key
from claims_pipeline.claims.payors import MatchRule, PayorMatch
from claims_pipeline.claims.values import beginning, plain_text

Row = Mapping[str, str | None]
"""Fields of a row as canonical text."""

ROW_KEY = "Payor_Key__c"
NAME, ID = "Source_Payor_Name__c", "Source_Payor_Id__c"
FIRST_SEEN, LAST_SEEN = "First_Seen_On__c", "Last_Seen_On__c"
AUTOMATIC, RULE, LINKED = "Automatic_Match__c", "Match_Rule__c", "Linked_Payor__c"
COUNT, CHARGED = "Claim_Count__c", "Charged_Amount__c"
SUGGESTIONS = tuple((f"Suggestion_{place}__c", f"Suggestion_{place}_Score__c") for place in (1, 2, 3))

OURS: tuple[str, ...] = (
    *(NAME, ID, FIRST_SEEN, LAST_SEEN, AUTOMATIC, RULE, LINKED, COUNT, CHARGED),
    *(field for pair in SUGGESTIONS for field in pair),
)
"""Every field of the table that the pipeline writes, beside the key."""

SEEN_AGAIN_AFTER = timedelta(days=30)
"""`Last_Seen_On__c` alone is a reason to write a row this long after the last time."""

_NUMBERS = frozenset({COUNT, CHARGED, *(score for _, score in SUGGESTIONS)})


@dataclass(frozen=True)
class SeenPayor:
    """A payor as a report, or a claim of the org, names it."""

    key: str
    name: str | None
    payor_id: str | None


def what_it_says(
    seen: SeenPayor, standing: Row, automatic: PayorMatch, lengths: Mapping[str, int]
) -> dict[str, str | None]:
    """Name, id and match of a payor. A spelling that stands and means the same key stays, so that two do not alternate.

    `lengths`: field -> its length in UTF-16 units.
    """
    says: dict[str, str | None] = {}
    if not standing or payor_key(standing.get(NAME), standing.get(ID)) != seen.key:
        says[NAME] = _fitting(plain_text(seen.name, name=True), lengths.get(NAME))
        says[ID] = _fitting(plain_text(seen.payor_id), lengths.get(ID))
    says[AUTOMATIC] = automatic.payor
    says[RULE] = automatic.rule.value
    suggestions = dict(enumerate(automatic.suggestions))
    for place, (payor, score) in enumerate(SUGGESTIONS):
        found = suggestions.get(place)
        says[payor] = found.payor if found else None
        says[score] = str(found.score) if found else None
    return says


def seen_on(day: date, standing: Row, differs: bool) -> dict[str, str | None]:
    """First and last seen, for a payor that this report holds. Last seen goes along with another change."""
    told: dict[str, str | None] = {}
    if not standing.get(FIRST_SEEN):
        told[FIRST_SEEN] = day.isoformat()
    last = standing.get(LAST_SEEN)
    if differs or told or last is None or date.fromisoformat(last) <= day - SEEN_AGAIN_AFTER:
        told[LAST_SEEN] = day.isoformat()
    return told


def linked_before(match: PayorMatch, standing: Row) -> dict[str, str | None]:
    """`Linked_Payor__c` where it must stand before claims are linked, so that a mapping taken back finds them all.

    A payor that takes the place of nothing, or of anything by a person's word. An automatic match that takes the place
    of another is told by `Automatic_Match__c` until the last claim is moved (`linked_after`).
    """
    was = standing.get(LINKED)
    may_come_first = was is None or match.rule is MatchRule.TABLE
    return {LINKED: match.payor} if match.payor and may_come_first else {}


def linked_after(match: PayorMatch) -> dict[str, str | None]:
    """`Linked_Payor__c` once every claim of the key has the lookup that it should have."""
    return {} if match.rule in {MatchRule.IGNORED, MatchRule.AMBIGUOUS} else {LINKED: match.payor}


def amounts(claims: int, charged: Decimal) -> dict[str, str | None]:
    """The org's claims of the key without a payor, and their charged US dollars."""
    return {COUNT: str(claims), CHARGED: f"{charged:.2f}"}


def differences(says: Row, standing: Row) -> dict[str, str | None]:
    """The fields in which a row is not what it must say."""
    return {field: value for field, value in says.items() if not _same(field, value, standing.get(field))}


def _same(field: str, one: str | None, other: str | None) -> bool:
    if field in _NUMBERS and one is not None and other is not None:
        return Decimal(one) == Decimal(other)
    return one == other


def _fitting(text: str | None, length: int | None) -> str | None:
    return text if text is None or not length else beginning(text, length).strip() or None
