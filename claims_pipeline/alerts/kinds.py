"""Kinds: the events that people are told of, with the words for each; messages and docs share them.

What belongs here: this closed list. Not here: when one stands (`finding`).
"""

from dataclasses import dataclass
from enum import StrEnum


class AlertKind(StrEnum):
    """What people are told of, a customer's troubles with its runs first."""

    VOLUME_GUARD = "volume_guard"
    STOPPED = "stopped"
    RUN_FAILED = "run_failed"
    NO_SUCCESS = "no_success"
    REFUSED = "refused"
    REJECTED = "rejected"
    UNMAPPED_PAYOR = "unmapped_payor"


@dataclass(frozen=True)
class KindWords:
    """A kind in plain words. `title` ends the sentence "Claims of customer N: ..."."""

    title: str
    looks_like: str
    heals: str
    to_do: str
    page: str
    """Where docs/ says more."""


_FAILURES = "operations.md#what-a-failure-looks-like"
WORDS: dict[AlertKind, KindWords] = {
    AlertKind.VOLUME_GUARD: KindWords(
        "the report looks too small to be believed",
        "A report is empty, or far smaller than the last one of the same filter. Nothing of it was sent.",
        "with the next report that is normal",
        "Look at the report in CollaborateMD. If it is right: `claims-pipeline confirm report CUSTOMER`; if it "
        "has been mended: `claims-pipeline release CUSTOMER`.",
        _FAILURES,
    ),
    AlertKind.STOPPED: KindWords(
        "stopped, until a person acts",
        "The attempts are exhausted, or the failure is one that does not pass by itself; or a run is stuck.",
        "only as far as the daily schedule still tries once a day",
        "Mend what the run's log names, then `claims-pipeline release CUSTOMER`. `claims-pipeline status` says how it "
        "stands.",
        _FAILURES,
    ),
    AlertKind.RUN_FAILED: KindWords(
        "a run failed",
        "A run ended in failure, after the retries of its own steps.",
        "mostly: the sensor starts another after 15 minutes, 30, 60 ...",
        "Nothing, unless it stops. The run's log says what failed, and what to do.",
        _FAILURES,
    ),
    AlertKind.NO_SUCCESS: KindWords(
        "no success for too long",
        "No sync of the customer has succeeded for `CLAIMS_DUE_AFTER_HOURS` (26 hours); paused customers are left out.",
        "with the next sync that succeeds",
        "`claims-pipeline status` says what it waits for. If it only says *due*: look whether Dagster's daemon (or the "
        "Lambda function's schedule) runs.",
        "operations.md#who-is-due-waiting-stopped",
    ),
    AlertKind.REFUSED: KindWords(
        "Salesforce refuses claims",
        "Salesforce refuses more than `CLAIMS_ALERT_REFUSED_ABOVE` claims (with those that wait from earlier "
        "syncs).",
        "what passes by itself is tried on each sync, what lasts once a week",
        "Look at the open sync issues in Salesforce: each names its claim, code and fields. Mend the validation "
        "rule, the picklist or the claim at its source.",
        "operations.md#claims-that-salesforce-refused",
    ),
    AlertKind.REJECTED: KindWords(
        "rows of the report are rejected",
        "More than `CLAIMS_ALERT_REJECTED_ABOVE` rows of the last report break a rule, so their claims were not sent.",
        "once they are mended at the source",
        "Look at the asset `rejected_claims`, or at the open sync issues in Salesforce: each names its row and rule. "
        "Mend them in CollaborateMD.",
        "fields.md#why-a-row-is-rejected",
    ),
    AlertKind.UNMAPPED_PAYOR: KindWords(
        "a new payor with many dollars is not mapped",
        "A payor that was not told of before, with no payor record behind it, has more charged dollars in Salesforce "
        "than `CLAIMS_ALERT_PAYOR_DOLLARS_ABOVE`.",
        "no; its claims have arrived all the same, without their payor",
        "Open the page Payor Mapping in Salesforce (most dollars stand first), and map or ignore it.",
        "salesforce-admin.md#the-page",
    ),
}
