"""simple-salesforce as it is, over TLS: everything that it offers for what the sandbox serves."""

from datetime import UTC, datetime, timedelta

import pytest
from simple_salesforce.api import Salesforce, SFType
from simple_salesforce.exceptions import (
    SalesforceExpiredSession,
    SalesforceGeneralError,
    SalesforceMalformedRequest,
    SalesforceMoreThanOneRecord,
    SalesforceResourceNotFound,
)
from simple_salesforce.format import format_soql

from claims_pipeline.sandbox.faults import Fault, FaultsAndLog
from claims_pipeline.sandbox.salesforce.org import Org
from claims_pipeline.sandbox.salesforce.people import User


def the(sf: Salesforce, name: str) -> SFType:
    """`sf.Claim__c`, which no type checker can follow."""
    found = getattr(sf, name)
    assert isinstance(found, SFType)
    return found


def test_describing_and_limits(sf: Salesforce) -> None:
    described = sf.describe()
    assert described is not None
    assert "Claim__c" in {found["name"] for found in described["sobjects"]}
    assert the(sf, "Claim__c").metadata()["objectDescribe"]["label"] == "Claim"
    assert {"Claim_Number__c", "Id"} <= {found["name"] for found in the(sf, "Claim__c").describe()["fields"]}
    assert sf.limits()["DailyApiRequests"]["Remaining"] == 15_000 - 4
    usage = sf.api_usage["api-usage"]
    assert (usage.used, usage.total) == (4, 15_000)


def test_one_record_from_its_creation_to_its_end(sf: Salesforce) -> None:
    made = the(sf, "Claim__c").create(
        {"Claim_Number__c": "A 1/2", "Name": "Ünal, 姓名", "Charged_Amount__c": 10.25}
    )
    assert made["success"]
    assert the(sf, "Claim__c").get(made["id"])["Name"] == "Ünal, 姓名"
    assert the(sf, "Claim__c").get_by_custom_id("Claim_Number__c", "a 1/2")["Id"] == made["id"]
    assert the(sf, "Claim__c").update(made["id"], {"Payer__c": "60054"}) == 204
    assert the(sf, "Claim__c").upsert("Claim_Number__c/new", {"Payer__c": "1"}) == 201
    assert the(sf, "Claim__c").upsert("Claim_Number__c/new", {"Payer__c": "2"}) == 200
    raw = the(sf, "Claim__c").upsert("Claim_Number__c/NEW", {"Payer__c": "3"}, raw_response=True)
    assert not isinstance(raw, int)
    assert raw.json()["created"] is False
    assert the(sf, "Claim__c").delete(made["id"]) == 204
    with pytest.raises(SalesforceResourceNotFound):
        the(sf, "Claim__c").get(made["id"])


def test_what_changed_and_what_went(sf: Salesforce, org: Org) -> None:
    made = the(sf, "Claim__c").create({"Claim_Number__c": "1"})["id"]
    gone = the(sf, "Claim__c").create({"Claim_Number__c": "2"})["id"]
    the(sf, "Claim__c").delete(gone)
    span = (org.now() - timedelta(hours=1), org.now() + timedelta(hours=1))
    assert the(sf, "Claim__c").updated(*span)["ids"] == [made]
    assert [found["id"] for found in the(sf, "Claim__c").deleted(*span)["deletedRecords"]] == [gone]


def test_queries_page_by_page(sf: Salesforce, org: Org, me: User) -> None:
    for start in range(0, 2_400, 200):
        org.insert(me, "Claim__c", [{"Claim_Number__c": str(n)} for n in range(start, start + 200)])
    soql = "SELECT Claim_Number__c FROM Claim__c"
    assert sf.query_all(soql)["totalSize"] == 2_400
    assert len({record["Claim_Number__c"] for record in sf.query_all_iter(soql)}) == 2_400
    first = sf.query(soql)
    assert (first["done"], len(first["records"])) == (False, 2_000)
    by_url = sf.query_more(first["nextRecordsUrl"], identifier_is_url=True)
    by_id = sf.query_more(first["nextRecordsUrl"].rpartition("/")[2])
    assert by_url == by_id
    assert len(by_url["records"]) == 400


def test_literals_are_quoted_and_deleted_records_are_found(sf: Salesforce) -> None:
    made = the(sf, "Claim__c").create({"Claim_Number__c": "O'Brien \\ 1"})["id"]
    soql = format_soql("SELECT Id FROM Claim__c WHERE Claim_Number__c IN {}", ["O'Brien \\ 1", "x"])
    assert sf.query(soql)["totalSize"] == 1
    the(sf, "Claim__c").delete(made)
    assert sf.query(soql)["totalSize"] == 0
    assert sf.query(soql, include_deleted=True)["totalSize"] == 1


def test_collections_and_composite_by_restful(sf: Salesforce) -> None:
    rows = [{"attributes": {"type": "Claim__c"}, "Claim_Number__c": str(n)} for n in range(3)]
    body = {"allOrNone": False, "records": rows}
    found = sf.restful("composite/sobjects/Claim__c/Claim_Number__c", method="PATCH", json=body)
    assert found is not None
    assert [row["created"] for row in found] == [True] * 3
    request = {
        "method": "GET",
        "url": "/services/data/v59.0/query?q=SELECT+COUNT()+FROM+Claim__c",
        "referenceId": "n",
    }
    answer = sf.restful("composite", method="POST", json={"compositeRequest": [request]})
    assert answer is not None
    assert answer["compositeResponse"][0]["body"]["totalSize"] == 3


def test_who_one_is(sf: Salesforce, me: User) -> None:
    told = sf.oauth2("userinfo")
    assert told is not None
    assert told["preferred_username"] == me.username
    assert sf.is_sandbox() is False
    record = the(sf, "User").get(me.id)
    assert record["Username"] == me.username
    soql = "SELECT Name, InstanceName, IsSandbox, TrialExpirationDate, NamespacePrefix, OrganizationType "
    soql += "FROM Organization"
    assert sf.query(soql)["records"][0]["OrganizationType"] == "Enterprise Edition"


def test_its_errors_are_those_it_knows(sf: Salesforce, org: Org, me: User, wire: FaultsAndLog) -> None:
    with pytest.raises(SalesforceMalformedRequest) as malformed:
        sf.query("SELECT")
    assert "MALFORMED_QUERY" in str(malformed.value.content)
    org.insert(me, "Claim__c", [{"Claim_Number__c": n, "Source_Payor_Key__c": "p"} for n in "12"])
    with pytest.raises(SalesforceMoreThanOneRecord):
        the(sf, "Claim__c").get_by_custom_id("Source_Payor_Key__c", "p")
    wire.faults.add(Fault(path="/limits", status=503, body=b"<html>busy</html>"))
    with pytest.raises(SalesforceGeneralError):
        sf.limits()
    with pytest.raises(SalesforceGeneralError):
        sf.query("SELECT Id FROM Claim__c WHERE Name = '" + "x" * 17_000 + "'")
    org.sessions.expire_all()
    with pytest.raises(SalesforceExpiredSession):
        sf.limits()


def test_the_clock_is_the_orgs(sf: Salesforce) -> None:
    made = the(sf, "Claim__c").create({"Claim_Number__c": "1"})["id"]
    at = datetime(2026, 11, 23, 12, tzinfo=UTC)
    assert the(sf, "Claim__c").get(made)["CreatedDate"] == f"{at:%Y-%m-%dT%H:%M:%S}.000+0000"
