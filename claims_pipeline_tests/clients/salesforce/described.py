"""Descriptions of objects as a scripted org gives them: our fields with their types, to be spoiled one at a time."""

from typing import Any

from claims_pipeline.clients.salesforce import CLAIM_FIELDS, Holds
from claims_pipeline_tests.clients.salesforce.scripted_org import ScriptedOrg, told

_TYPES: dict[Holds, dict[str, Any]] = {
    Holds.TEXT: {"type": "string", "length": 255},
    Holds.MONEY: {"type": "currency", "precision": 18, "scale": 2},
    Holds.DATE: {"type": "date"},
    Holds.INSTANT: {"type": "datetime"},
    Holds.CHOICE: {
        "type": "picklist",
        "restrictedPicklist": True,
        "picklistValues": [{"active": True, "value": "Yes"}, {"active": True, "value": "No"}],
    },
    Holds.LINK: {"type": "reference", "referenceTo": ["Claim_Payor__c"]},
}


def field(name: str, **facts: Any) -> dict[str, Any]:
    """One field's description; writable text unless told otherwise."""
    return {
        "name": name,
        "type": "string",
        "length": 80,
        "createable": True,
        "updateable": True,
        "nillable": True,
        **facts,
    }


def claim_fields() -> dict[str, dict[str, Any]]:
    """All the fields of `Claim__c` that we know, and a few of every org's."""
    fields = {want.name: field(want.name, **_TYPES[want.holds]) for want in CLAIM_FIELDS}
    fields["Claim_Number__c"] |= {"length": 50, "externalId": True, "unique": True, "caseSensitive": False}
    fields["Id"] = field("Id", type="id", createable=False, updateable=False, nillable=False)
    fields["OwnerId"] = field("OwnerId", type="reference", nillable=False, referenceTo=["User"])
    fields["CreatedDate"] = field("CreatedDate", type="datetime", createable=False, updateable=False)
    fields["LastModifiedById"] = field(
        "LastModifiedById", type="reference", createable=False, updateable=False
    )
    return fields


def describe_as(org: ScriptedOrg, sobject: str, fields: dict[str, dict[str, Any]], **facts: Any) -> None:
    """Lets the org describe the object so."""
    body = {"name": sobject, "createable": True, "updateable": True, "fields": list(fields.values()), **facts}
    org.on("GET", f"/sobjects/{sobject}/describe$", told(body))
