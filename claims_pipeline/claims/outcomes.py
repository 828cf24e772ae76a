"""The closed lists: why a row is rejected, and what can become of a claim.

What belongs here: the words and their plain meaning. Not here: how a row or claim comes to one (`grain`, `compare`).
"""

from enum import StrEnum


class Rejection(StrEnum):
    """Why a row does not stand behind a claim. The order is the order of precedence."""

    RAGGED_ROW = "RAGGED_ROW"
    MISSING_CLAIM_ID = "MISSING_CLAIM_ID"
    CLAIM_ID_TOO_LONG = "CLAIM_ID_TOO_LONG"
    BAD_MONEY = "BAD_MONEY"
    BAD_DATE = "BAD_DATE"
    DATES_REVERSED = "DATES_REVERSED"
    TOO_LONG = "TOO_LONG"
    MISSING_LINE_ID = "MISSING_LINE_ID"
    CONFLICTING_DUPLICATE = "CONFLICTING_DUPLICATE"
    LINE_REJECTED = "LINE_REJECTED"
    CONFLICTING_LINES = "CONFLICTING_LINES"


PLAIN_WORDS: dict[Rejection, str] = {
    Rejection.RAGGED_ROW: "the row has more or fewer cells than the header",
    Rejection.MISSING_CLAIM_ID: "the row has no claim id",
    Rejection.CLAIM_ID_TOO_LONG: "the claim id is longer than Salesforce's field",
    Rejection.BAD_MONEY: "an amount cannot be read as dollars and cents",
    Rejection.BAD_DATE: "a date cannot be read, or is out of range",
    Rejection.DATES_REVERSED: "the service ends before it begins",
    Rejection.TOO_LONG: "a reference is longer than Salesforce's field",
    Rejection.MISSING_LINE_ID: "the charge line has no line id",
    Rejection.CONFLICTING_DUPLICATE: "rows of the same claim (or charge line) contradict each other",
    Rejection.LINE_REJECTED: "another row of the same claim was rejected",
    Rejection.CONFLICTING_LINES: "the claim's lines name more than one patient, reference or payor",
}


class ClaimOutcome(StrEnum):
    """What became of a claim."""

    UNCHANGED = "unchanged"
    CREATED = "created"
    UPDATED = "updated"
    REFUSED = "refused"
    HELD = "held"
    UNPROCESSED = "unprocessed"
    UNKNOWN = "unknown"


NOT_FINAL: frozenset[ClaimOutcome] = frozenset({ClaimOutcome.UNPROCESSED, ClaimOutcome.UNKNOWN})


class HoldReason(StrEnum):
    """Why a claim that differs is not sent."""

    OTHER_CUSTOMER = "OTHER_CUSTOMER"
    REWRITTEN_BY_ORG = "REWRITTEN_BY_ORG"
