"""The mapping table and the issues of a town, as tests look at them.

What belongs here: reading rows, deciding on them as a person does. Not here: what must be true.
"""

from typing import Any
from urllib.parse import unquote_plus

from claims_pipeline.sandbox.payor_page.desk import Desk
from claims_pipeline.sandbox.payor_page.rules import Decision, PageRules
from claims_pipeline.sandbox.salesforce.settings import ADMIN_USERNAME
from claims_pipeline_tests.town import Town

MAPPING, ISSUE = "Claim_Payor_Mapping__c", "Claim_Sync_Issue__c"
Row = dict[str, Any]


def mapping_rows(town: Town) -> dict[str, Row]:
    """Payor key -> row of the mapping table."""
    return {str(row["Payor_Key__c"]): dict(row) for row in town.sandbox.org.records(MAPPING)}


def issues(town: Town) -> dict[str, Row]:
    """Issue key -> issue."""
    return {str(row["Issue_Key__c"]): dict(row) for row in town.sandbox.org.records(ISSUE)}


def open_issues(town: Town) -> dict[str, str]:
    """Issue key of each open issue -> its code."""
    return {key: str(row["Code__c"]) for key, row in issues(town).items() if row["Resolved_On__c"] is None}


def decide(town: Town, key: str, act: str, payor: str | None = None) -> None:
    """A person's decision, as the page saves it."""
    admin = town.sandbox.org.user(ADMIN_USERNAME)
    assert admin is not None
    desk = Desk(town.sandbox.org, admin, PageRules.read())
    (told,) = desk.decide([(str(mapping_rows(town)[key]["Id"]), Decision(act, payor))])
    assert told["outcome"] == "saved", told


def new_payor(town: Town, name: str, payor_id: str | None = None) -> str:
    """A new record of Claim_Payor__c, made by the admin."""
    town.sandbox.add_payors([{"Name": name, "Payor_ID__c": payor_id}])
    return town.payors()[name]


def sums_asked_for(town: Town) -> int:
    """How often the org was asked to add up its claims by payor, since its log was cleared."""
    return sum("GROUP BY" in unquote_plus(access.query) for access in town.sandbox.salesforce_wire.log)


def lookups(town: Town) -> dict[str, str | None]:
    """Claim number -> the payor that the claim is linked to."""
    return {number: claim["Claim_Payor__c"] for number, claim in town.claims().items()}  # type: ignore[misc]
