"""What a person may do to the org beside Salesforce's API, over HTTP."""

from collections.abc import Mapping
from typing import Any

import pytest
import requests

from claims_pipeline.sandbox.salesforce.org import Org
from claims_pipeline.sandbox.salesforce.people import User
from claims_pipeline.sandbox.salesforce.settings import ADMIN_USERNAME, INTEGRATION_USERNAME
from claims_pipeline_tests.sandbox.salesforce.conftest import Api

UPSERT = "composite/sobjects/Claim__c/Claim_Number__c"


class Sandbox:
    """`POST /sandbox/...` of the org."""

    def __init__(self, http: requests.Session, url: str) -> None:
        self._http, self._url = http, url

    def act(self, name: str, given: Mapping[str, object] | None = None, status: int = 200) -> Any:
        answer = self._http.post(f"{self._url}/sandbox/{name}", json=given or {}, timeout=10)
        assert answer.status_code == status, answer.text
        return answer.json()

    def records(self, name: str, status: int = 200) -> Any:
        answer = self._http.get(f"{self._url}/sandbox/records/{name}", timeout=10)
        assert answer.status_code == status
        return answer.json()


@pytest.fixture
def sandbox(http: requests.Session, url: str) -> Sandbox:
    return Sandbox(http, url)


def upsert(api: Api, **row: object) -> dict[str, Any]:
    body = {"records": [{"attributes": {"type": "Claim__c"}, **row}]}
    (found,) = api.patch(UPSERT, body).json()
    assert isinstance(found, dict)
    return found


def test_a_record_is_edited_by_hand_as_another_user(
    sandbox: Sandbox, api: Api, me: User, admin: User
) -> None:
    made = upsert(api, Claim_Number__c="1", Payer__c="p")["id"]
    (told,) = sandbox.act(
        "write", {"as": ADMIN_USERNAME, "object": "Claim__c", "rows": [{"Id": made, "Payer__c": "by hand"}]}
    )
    assert told == {"id": made, "success": True, "created": False, "errors": []}
    (record,) = sandbox.records("Claim__c")
    assert (record["Payer__c"], record["CreatedById"], record["LastModifiedById"]) == (
        "by hand",
        me.id,
        admin.id,
    )


def test_it_inserts_upserts_and_deletes_and_tells_refusals(sandbox: Sandbox) -> None:
    def write(operation: str, *rows: object, **more: object) -> Any:
        given = {"as": ADMIN_USERNAME, "object": "claim__c", "operation": operation, "rows": rows}
        return sandbox.act("write", {**given, **more})

    made = write("insert", *({"Claim_Number__c": str(n)} for n in range(250)))
    assert len(made) == 250
    assert not write("upsert", {"Claim_Number__c": "7"}, key="Claim_Number__c")[0]["created"]
    assert write("delete", {"Id": made[0]["id"]})[0]["success"]
    assert write("update", {"Id": made[0]["id"]})[0]["errors"][0]["code"] == "ENTITY_IS_DELETED"
    assert sum(record["IsDeleted"] for record in sandbox.records("Claim__c")) == 1


def test_another_user_signs_in_without_a_password(
    sandbox: Sandbox, http: requests.Session, url: str, admin: User
) -> None:
    token = sandbox.act("sign-in", {"as": ADMIN_USERNAME})["access_token"]
    assert Api(http, url, token).get("/services/oauth2/userinfo").json()["user_id"] == admin.id


def test_a_trigger_is_switched_on_and_off(sandbox: Sandbox, api: Api, org: Org) -> None:
    sandbox.act("triggers", {"object": "Claim__c", "field": "payer__c", "rewrite": "upper"})
    upsert(api, Claim_Number__c="1", Payer__c="abc")
    assert org.records("Claim__c")[0]["Payer__c"] == "ABC"
    sandbox.act("scripts/clear")
    upsert(api, Claim_Number__c="1", Payer__c="abc")
    assert org.records("Claim__c")[0]["Payer__c"] == "abc"


def test_a_record_is_locked_for_so_many_attempts(sandbox: Sandbox, api: Api) -> None:
    sandbox.act("locks", {"object": "Claim__c", "key": "C-1", "times": 2})
    found = [upsert(api, Claim_Number__c="c-1") for _ in range(3)]
    assert [row["success"] for row in found] == [False, False, True]
    error = found[0]["errors"][0]
    assert (error["statusCode"], error["fields"]) == ("UNABLE_TO_LOCK_ROW", [])


def test_a_claim_is_refused_by_key_with_a_code(sandbox: Sandbox, api: Api) -> None:
    sandbox.act(
        "refusals",
        {
            "object": "Claim__c",
            "key": "1",
            "code": "DUPLICATES_DETECTED",
            "fields": ["Name"],
            "message": "No: no",
        },
    )
    sandbox.act("refusals", {"object": "Claim__c", "key": "2", "times": 1})
    error = upsert(api, Claim_Number__c="1")["errors"][0]
    assert error == {"statusCode": "DUPLICATES_DETECTED", "message": "No: no", "fields": ["Name"]}
    assert upsert(api, Claim_Number__c="2")["errors"][0]["statusCode"] == "FIELD_CUSTOM_VALIDATION_EXCEPTION"
    assert upsert(api, Claim_Number__c="2")["success"]
    assert not upsert(api, Claim_Number__c="1")["success"], "for ever, as nothing else was said"


def test_a_field_is_hidden_from_one_or_from_all(
    sandbox: Sandbox, api: Api, org: Org, me: User, admin: User
) -> None:
    sandbox.act(
        "field-access",
        {"as": INTEGRATION_USERNAME, "object": "Claim__c", "field": "Payer__c", "access": "hidden"},
    )
    assert upsert(api, Claim_Number__c="1", Payer__c="p")["errors"][0]["statusCode"] == "INVALID_FIELD"
    seen = org.seen_by(admin, "Claim__c")
    assert seen is not None
    assert seen.field("Payer__c") is not None
    sandbox.act("field-access", {"object": "Claim__c", "field": "Payer__c", "access": "readonly"})
    assert (
        upsert(api, Claim_Number__c="1", Payer__c="p")["errors"][0]["statusCode"]
        == "INVALID_FIELD_FOR_INSERT_UPDATE"
    )


def test_an_org_can_be_made_to_lack_our_fields_and_objects(sandbox: Sandbox, api: Api) -> None:
    sandbox.act("fields/drop", {"object": "Claim__c", "field": "Source_Hash__c"})
    names = {found["name"] for found in api.get("sobjects/Claim__c/describe").json()["fields"]}
    assert "Source_Hash__c" not in names
    assert "Source_Customer__c" in names
    sandbox.act("objects/drop", {"object": "Claim_Payor_Mapping__c"})
    assert api.get("sobjects/Claim_Payor_Mapping__c/describe").status_code == 404
    refused = api.get("query", params={"q": "SELECT Id FROM Claim_Payor_Mapping__c"})
    assert refused.json()[0]["errorCode"] == "INVALID_TYPE"


def test_sessions_expire_when_they_are_told_to(sandbox: Sandbox, api: Api) -> None:
    assert sandbox.act("sessions/expire") == {"ended": 1}
    assert api.get("limits").json()[0]["errorCode"] == "INVALID_SESSION_ID"


def test_the_quota_is_set(sandbox: Sandbox, api: Api) -> None:
    assert sandbox.act("quota", {"used": 5, "max": 5}) == {"used": 5, "max": 5}
    assert api.get("limits").json()[0]["errorCode"] == "REQUEST_LIMIT_EXCEEDED"
    sandbox.act("quota", {"used": 0})
    assert api.get("limits").status_code == 200


def test_locked_out_users_are_let_in_again(sandbox: Sandbox, org: Org, me: User) -> None:
    for _ in range(10):
        org.doorkeeper.judge(me, "wrong")
    assert org.doorkeeper.judge(me, me.password + me.security_token).name == "REFUSED"
    sandbox.act("users/unlock")
    assert org.doorkeeper.judge(me, me.password + me.security_token).name == "OPEN"


@pytest.mark.parametrize(
    ("name", "given", "status", "says"),
    [
        ("nonsense", {}, 404, "There is no such act; there are addresses, bulk,"),
        ("write", {"as": "nobody", "object": "Claim__c", "rows": []}, 400, "names no user"),
        ("write", {"as": ADMIN_USERNAME, "object": "Nonsense__c", "rows": []}, 400, "no object"),
        ("write", {"as": ADMIN_USERNAME, "object": "Claim__c", "rows": 1}, 400, "`rows`"),
        (
            "write",
            {"as": ADMIN_USERNAME, "object": "Claim__c", "rows": [{}], "operation": "x"},
            400,
            "`operation`",
        ),
        ("triggers", {"object": "Claim__c", "field": "x", "rewrite": "upper"}, 400, "no field"),
        (
            "triggers",
            {"object": "Claim__c", "field": "Payer__c", "rewrite": "x"},
            400,
            "'x' is not a valid Rewrite",
        ),
        ("locks", {"object": "Claim__c", "key": "1", "times": "x"}, 400, "`times`"),
        ("fields/drop", {"object": "Claim__c", "field": "x"}, 400, "no field"),
    ],
)
def test_what_cannot_be_done_is_told(
    sandbox: Sandbox, name: str, given: dict[str, object], status: int, says: str
) -> None:
    assert says in sandbox.act(name, given, status)["error"]


def test_what_is_no_object_is_told(sandbox: Sandbox, http: requests.Session, url: str) -> None:
    assert http.post(f"{url}/sandbox/locks", json=[1], timeout=10).status_code == 400
    assert http.post(f"{url}/sandbox/locks", data=b"{", timeout=10).status_code == 400
    assert "no object" in sandbox.records("Nonsense__c", 404)["error"]
