"""`/composite`: calls in a row, which may use one another's answers, within their limits."""

from typing import Any

import pytest

from claims_pipeline.sandbox.salesforce.org import Org
from claims_pipeline_tests.sandbox.salesforce.conftest import Api

ROOT = "/services/data/v59.0"


def sub(method: str, path: str, reference: str, **more: object) -> dict[str, object]:
    return {"method": method, "url": f"{ROOT}/{path}", "referenceId": reference, **more}


def sent(api: Api, *requests: dict[str, object], all_or_none: bool = False) -> list[dict[str, Any]]:
    answer = api.post("composite", {"allOrNone": all_or_none, "compositeRequest": list(requests)})
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["compositeResponse"]
    return found


def test_a_query_too_long_for_a_uri_goes_as_a_sub_request(api: Api, org: Org) -> None:
    org.insert(org.settings.users[0], "Claim__c", [{"Claim_Number__c": str(n)} for n in range(3)])
    wanted = ",".join(f"'{n}'" for n in range(6_000))
    soql = f"SELECT+Id,Claim_Number__c+FROM+Claim__c+WHERE+Claim_Number__c+IN+({wanted})"
    (answer,) = sent(api, sub("GET", f"query?q={soql}", "claims"))
    assert (answer["httpStatusCode"], answer["referenceId"]) == (200, "claims")
    assert answer["body"]["totalSize"] == 3
    assert org.api_requests_used == 1, "a composite call is one call of the quota"


def test_a_later_call_may_use_what_an_earlier_one_answered(api: Api, org: Org) -> None:
    answers = sent(
        api,
        sub("POST", "sobjects/Claim_Payor__c", "payor", body={"Name": "Aetna"}),
        sub(
            "PATCH",
            "sobjects/Claim__c/Claim_Number__c/1",
            "claim",
            body={"Claim_Payor__c": "@{payor.id}"},
        ),
        sub("GET", "sobjects/Claim__c/@{claim.id}", "read"),
        sub("GET", "query?q=SELECT+Name+FROM+Claim_Payor__c", "query"),
        sub("GET", "query?q=SELECT+Id+FROM+Claim_Payor__c+WHERE+Name='@{query.records[0].Name}'", "again"),
    )
    assert [answer["httpStatusCode"] for answer in answers] == [201, 201, 200, 200, 200]
    assert (
        answers[2]["body"]["Claim_Payor__c"]
        == answers[0]["body"]["id"]
        == answers[4]["body"]["records"][0]["Id"]
    )
    assert answers[0]["httpHeaders"]["Location"].startswith(ROOT)


def test_one_refusal_leaves_the_others_standing(api: Api, org: Org) -> None:
    answers = sent(
        api,
        sub("POST", "sobjects/Claim__c", "a", body={"Claim_Number__c": "1"}),
        sub("POST", "sobjects/Claim__c", "b", body={"Claim_Number__c": "x" * 51}),
        sub("GET", "query?q=SELECT", "c"),
        sub("GET", "nonsense", "d"),
        sub("GET", "sobjects/Claim__c/@{nobody.id}", "e"),
        {"method": "GET", "url": "https://elsewhere.example/", "referenceId": "f"},
    )
    assert [answer["httpStatusCode"] for answer in answers] == [201, 400, 400, 404, 400, 400]
    assert [answer["body"][0]["errorCode"] for answer in answers[1:4]] == [
        "STRING_TOO_LONG",
        "MALFORMED_QUERY",
        "NOT_FOUND",
    ]
    assert len(org.records("Claim__c")) == 1


def test_all_or_none_takes_back_what_was_done(api: Api, org: Org) -> None:
    answers = sent(
        api,
        sub("POST", "sobjects/Claim__c", "a", body={"Claim_Number__c": "1"}),
        sub("POST", "sobjects/Claim__c", "b", body={"Claim_Number__c": "x" * 51}),
        all_or_none=True,
    )
    assert [answer["body"][0]["errorCode"] for answer in answers] == ["PROCESSING_HALTED", "STRING_TOO_LONG"]
    assert org.records("Claim__c") == []


@pytest.mark.parametrize(("path", "most"), [("limits", 25), ("query?q=SELECT+Id+FROM+Claim__c", 5)])
def test_there_may_be_so_many_calls_and_so_many_queries(api: Api, path: str, most: int) -> None:
    assert len(sent(api, *(sub("GET", path, f"r{n}") for n in range(most)))) == most
    one_more = [sub("GET", path, f"r{n}") for n in range(most + 1)]
    refused = api.post("composite", {"compositeRequest": one_more})
    assert (refused.status_code, refused.json()[0]["errorCode"]) == (400, "LIMIT_EXCEEDED")


def test_jobs_and_composites_are_no_sub_requests(api: Api) -> None:
    answers = sent(api, sub("GET", "jobs/ingest", "a"), sub("POST", "composite", "b", body={}))
    assert [answer["httpStatusCode"] for answer in answers] == [404, 404]


def test_a_malformed_call_is_refused_as_a_whole(api: Api) -> None:
    assert api.post("composite", {"compositeRequest": "x"}).status_code == 400
