"""Plain words: what a code means to the billing lead, and what to do. The one table, whoever shows it.

What belongs here: words for rules, for why a claim is held, and for Salesforce's refusals; the docs list them. Not
here: counting and listing (`summary`), the rows in Salesforce (`settling.issues`). No word of a claim's own.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from claims_pipeline.claims.outcomes import PLAIN_WORDS, HoldReason, Rejection

LONGEST = 255
"""Characters that the words of one code may have together, so that `Plain_Words__c` holds them."""


@dataclass(frozen=True)
class PlainWords:
    """What is wrong, and what a person does about it. Neither ends in a full stop."""

    wrong: str
    to_do: str

    @property
    def sentences(self) -> str:
        """Both, as a person reads them."""
        return f"{self.wrong[:1].upper()}{self.wrong[1:]}. {self.to_do}."


_TO_DO: Mapping[Rejection, str] = {
    Rejection.RAGGED_ROW: "Look at the row in the report's file: a text in it may hold a quote or a line break",
    Rejection.MISSING_CLAIM_ID: "Bill the charge in CollaborateMD, or give the row its claim id",
    Rejection.CLAIM_ID_TOO_LONG: "Look at the claim in CollaborateMD: its id holds something else",
    Rejection.BAD_MONEY: "Correct the amount in CollaborateMD, or the report's column",
    Rejection.BAD_DATE: "Correct the date in CollaborateMD",
    Rejection.DATES_REVERSED: "Correct the service dates in CollaborateMD",
    Rejection.TOO_LONG: "Shorten it in CollaborateMD; a number that was cut would be a wrong one",
    Rejection.MISSING_LINE_ID: "Look at the charge in CollaborateMD, and at the report's columns",
    Rejection.CONFLICTING_DUPLICATE: "Look at the claim in CollaborateMD; if it is right, at the report's columns",
    Rejection.LINE_REJECTED: "Mend the other row: its own rule says why",
    Rejection.CONFLICTING_LINES: "Look at the claim's charges in CollaborateMD: they belong to one patient and payor",
}

_HELD: Mapping[HoldReason, PlainWords] = {
    HoldReason.OTHER_CUSTOMER: PlainWords(
        "the claim belongs to another CollaborateMD customer",
        "If it is this one's now, clear Source Customer on the claim in Salesforce",
    ),
    HoldReason.REWRITTEN_BY_ORG: PlainWords(
        "something in the org (a trigger or flow) changes what we write",
        "Ask the Salesforce administrator which automation writes the named fields",
    ),
}

_PASSES = "Nothing: it is tried again on each sync"
_ASK = "Ask the Salesforce administrator"

_REFUSED: Mapping[str, PlainWords] = {
    "UNABLE_TO_LOCK_ROW": PlainWords("someone else was changing the record at that moment", _PASSES),
    "SERVER_UNAVAILABLE": PlainWords("Salesforce was too busy for the claim", _PASSES),
    "QUERY_TIMEOUT": PlainWords("Salesforce took too long over the claim", _PASSES),
    "API_TEMPORARILY_UNAVAILABLE": PlainWords("Salesforce was not there for a moment", _PASSES),
    "InternalServerError": PlainWords("Salesforce failed over the claim", _PASSES),
    "FIELD_CUSTOM_VALIDATION_EXCEPTION": PlainWords(
        "a validation rule of the org refuses the claim",
        f"{_ASK} which rule it breaks, and mend the claim or the rule",
    ),
    "REQUIRED_FIELD_MISSING": PlainWords(
        "the org requires a field that the report leaves blank",
        "Fill it in CollaborateMD, or make it optional",
    ),
    "DUPLICATE_VALUE": PlainWords(
        "another record has the same value in a field that must be unique", f"{_ASK} to find the other record"
    ),
    "DUPLICATES_DETECTED": PlainWords(
        "a duplicate rule of the org refuses the claim", f"{_ASK} to let the integration user pass the rule"
    ),
    "STRING_TOO_LONG": PlainWords(
        "a text is longer than the org's field", "Shorten it in CollaborateMD, or make the field longer"
    ),
    "NUMBER_OUTSIDE_VALID_RANGE": PlainWords(
        "an amount is too large for the org's field", "Look at the amount in CollaborateMD"
    ),
    "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST": PlainWords(
        "a field takes only values of a list, and this is none of them",
        f"{_ASK} to add the value to the field's list",
    ),
    "INVALID_CROSS_REFERENCE_KEY": PlainWords(
        "the payor that the claim is mapped to is not there any more", "Look at the payor on the mapping page"
    ),
    "INSUFFICIENT_ACCESS_OR_READONLY": PlainWords(
        "the integration user may not change this claim", f"{_ASK} to look at its owner and the sharing rules"
    ),
    "INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY": PlainWords(
        "the integration user may not see the payor that the claim is mapped to",
        f"{_ASK} to look at the sharing rules",
    ),
    "INVALID_FIELD_FOR_INSERT_UPDATE": PlainWords(
        "the integration user may not write a field",
        f"{_ASK} to assign the permission set Claims Integration",
    ),
    "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY": PlainWords(
        "a trigger or flow of the org failed over the claim", f"{_ASK} which automation failed"
    ),
    "CANNOT_EXECUTE_FLOW_TRIGGER": PlainWords(
        "a flow of the org failed over the claim", f"{_ASK} which flow failed"
    ),
    "APEX_ERROR": PlainWords("a trigger of the org failed over the claim", f"{_ASK} which trigger failed"),
    "ENTITY_IS_DELETED": PlainWords(
        "the record was deleted while it was written", "Nothing: it is tried again within a week"
    ),
    "ENTITY_IS_LOCKED": PlainWords(
        "an approval process holds the record", "Finish or recall the approval in Salesforce"
    ),
    "STORAGE_LIMIT_EXCEEDED": PlainWords(
        "the org has no storage left", f"{_ASK} to make room or buy storage"
    ),
}

_UNKNOWN = PlainWords(
    "Salesforce refuses the claim, with a code that we have no words for", f"{_ASK} what it means"
)


def plain_words(code: str | None) -> PlainWords:
    """Of a rule, a reason for holding, or a code of Salesforce's. A code that nobody knows gets words as well."""
    return ALL_WORDS.get(code or "", _UNKNOWN)


class Where(StrEnum):
    """Where a person puts it right."""

    COLLABORATEMD = "CollaborateMD"
    SALESFORCE = "Salesforce"
    NOWHERE = "nowhere: it passes by itself"


def where_to(code: str | None) -> Where:
    """Where to go with a code. What the source holds wrong is put right there, whoever found it."""
    words = plain_words(code)
    if words.to_do.startswith("Nothing"):
        return Where.NOWHERE
    if code in PLAIN_WORDS or "in CollaborateMD" in words.to_do:
        return Where.COLLABORATEMD
    return Where.SALESFORCE


ALL_WORDS: Mapping[str, PlainWords] = {
    **{rule.value: PlainWords(words, _TO_DO[rule]) for rule, words in PLAIN_WORDS.items()},
    **{reason.value: words for reason, words in _HELD.items()},
    **_REFUSED,
}
"""Code -> its words, in the order in which the docs list them."""
