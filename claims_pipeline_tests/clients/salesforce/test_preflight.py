"""Before a row is sent: one message names everything that is wrong with the org's object."""

from typing import Any

import pytest

from claims_pipeline.claims.compare import KEY_FIELD, OPTIONAL_FIELDS, REQUIRED_FIELDS
from claims_pipeline.clients.salesforce import (
    CLAIM_FIELDS,
    ObjectMissing,
    OrgNotReady,
    SalesforceClient,
    UnexpectedAnswer,
)
from claims_pipeline_tests.clients.salesforce.described import claim_fields, describe_as, field
from claims_pipeline_tests.clients.salesforce.scripted_org import ScriptedOrg, told


def test_our_list_of_fields_is_the_domains() -> None:
    required = {want.name for want in CLAIM_FIELDS if want.required}
    optional = {want.name for want in CLAIM_FIELDS if not want.required}
    assert required == set(REQUIRED_FIELDS) | {KEY_FIELD}
    assert optional == set(OPTIONAL_FIELDS)


def test_an_org_with_all_fields_is_written_whole(org: ScriptedOrg, client: SalesforceClient) -> None:
    describe_as(org, "Claim__c", claim_fields())
    shape = client.preflight()
    assert shape.writable == {want.name for want in CLAIM_FIELDS}
    assert shape.missing == ()
    assert shape.warnings == ()
    assert shape.lengths["Claim_Number__c"] == 50
    assert "DOS__c" not in shape.lengths


def test_an_org_is_described_once(org: ScriptedOrg, client: SalesforceClient) -> None:
    describe_as(org, "Claim__c", claim_fields())
    client.preflight()
    client.preflight()
    assert len(org.asked_of("GET", "/describe$")) == 1


def test_every_problem_stands_in_one_message(org: ScriptedOrg, client: SalesforceClient) -> None:
    fields = claim_fields()
    fields["Claim_Number__c"] |= {"externalId": False, "unique": False}
    del fields["DOS__c"]
    fields["MR_Number__c"]["updateable"] = False
    fields["Paid_Amount__c"]["scale"] = 0
    fields["Payer__c"]["type"] = "double"
    fields["Paid_Y_or_N__c"]["picklistValues"] = [{"active": True, "value": "Yes"}]
    fields["Claim_Payor__c"]["referenceTo"] = ["Account"]
    describe_as(org, "Claim__c", fields, createable=False)
    with pytest.raises(OrgNotReady, match="Claim Integration") as raised:
        client.preflight()
    assert len(raised.value.problems) == 9
    said = str(raised.value)
    for words in (
        "Claim__c: the integration user may not create",
        "External ID",
        "not Unique",
        "DOS__c: it does not exist, or the integration user may not see it",
        "MR_Number__c: the integration user may not create and edit it",
        "Paid_Amount__c: it has 0 decimals",
        "Payer__c: it must hold text",
        "lack No",
        "must link to Claim_Payor__c",
    ):
        assert words in said


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        ({"caseSensitive": True}, "case-insensitive"),
        ({"type": "double"}, "text field"),
        ({"createable": False}, "may not write"),
    ],
)
def test_a_key_that_is_not_what_it_must_be_is_named(
    org: ScriptedOrg, client: SalesforceClient, spoil: dict[str, Any], words: str
) -> None:
    fields = claim_fields()
    fields["Claim_Number__c"] |= spoil
    describe_as(org, "Claim__c", fields)
    with pytest.raises(OrgNotReady, match=words):
        client.preflight()


def test_an_org_without_our_fields_is_synced_without_them(org: ScriptedOrg, client: SalesforceClient) -> None:
    fields = {name: facts for name, facts in claim_fields().items() if not name.startswith("Source_")}
    describe_as(org, "Claim__c", fields)
    shape = client.preflight()
    assert set(shape.missing) == set(OPTIONAL_FIELDS)
    assert not shape.writable & set(OPTIONAL_FIELDS)
    assert len(shape.warnings) == len(OPTIONAL_FIELDS)


def test_a_field_of_ours_that_is_too_short_is_done_without(
    org: ScriptedOrg, client: SalesforceClient
) -> None:
    fields = claim_fields()
    fields["Source_Hash__c"]["length"] = 20
    describe_as(org, "Claim__c", fields)
    assert client.preflight().missing == ("Source_Hash__c",)


def test_an_auto_number_name_is_left_out_with_a_warning(org: ScriptedOrg, client: SalesforceClient) -> None:
    fields = claim_fields()
    fields["Name"] |= {"autoNumber": True, "createable": False, "updateable": False}
    describe_as(org, "Claim__c", fields)
    shape = client.preflight()
    assert "Name" not in shape.writable
    assert any("auto-number" in warning for warning in shape.warnings)


def test_fields_left_alone_are_not_asked_for(org: ScriptedOrg, client: SalesforceClient) -> None:
    fields = claim_fields()
    del fields["Payer__c"]
    describe_as(org, "Claim__c", fields)
    shape = client.preflight(left_alone={"Payer__c", "Name"})
    assert not shape.writable & {"Payer__c", "Name"}


def test_what_the_org_demands_and_we_do_not_send_is_a_warning(
    org: ScriptedOrg, client: SalesforceClient
) -> None:
    fields = claim_fields() | {"Region__c": field("Region__c", nillable=False)}
    describe_as(org, "Claim__c", fields)
    assert any("Region__c is required" in warning for warning in client.preflight().warnings)


def test_an_object_that_is_not_there_is_said_as_that(org: ScriptedOrg, client: SalesforceClient) -> None:
    with pytest.raises(ObjectMissing, match="Claim__c"):
        client.preflight()
    assert client.read_mappings() is None


def test_a_description_without_fields_is_none(org: ScriptedOrg, client: SalesforceClient) -> None:
    org.on("GET", "/describe$", told({"name": "Claim__c"}))
    with pytest.raises(UnexpectedAnswer):
        client.preflight()
