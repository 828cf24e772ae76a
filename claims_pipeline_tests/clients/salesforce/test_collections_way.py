"""Small changes: the JSON that is sent, and one outcome for every record whatever comes back."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from claims_pipeline.clients.salesforce import QuotaSpent, RequestRefused, SalesforceClient
from claims_pipeline.errors import LeaseLost
from claims_pipeline_tests.clients.salesforce.conftest import ClientMaker, FakeTime, LostAt
from claims_pipeline_tests.clients.salesforce.described import claim_fields, describe_as, field
from claims_pipeline_tests.clients.salesforce.scripted_org import (
    USER_ID,
    Asked,
    ScriptedOrg,
    Told,
    error,
    told,
)

PATH = "/composite/sobjects/Claim__c/Claim_Number__c$"


@pytest.fixture(autouse=True)
def described(org: ScriptedOrg) -> None:
    fields = claim_fields() | {"Flag__c": field("Flag__c", type="boolean")}
    describe_as(org, "Claim__c", fields)


def payload(**columns: list[str | None]) -> pl.DataFrame:
    return pl.DataFrame(columns, schema=dict.fromkeys(columns, pl.String))


def keys(count: int) -> pl.DataFrame:
    return payload(Claim_Number__c=[f"A{number}" for number in range(count)])


def send(
    client: SalesforceClient, frame: pl.DataFrame, tmp_path: Path, **kwargs: Any
) -> list[tuple[Any, ...]]:
    slices: Iterator[pl.DataFrame] = client.upsert(
        "Claim__c", "Claim_Number__c", [frame], work_folder=tmp_path, **kwargs
    )
    return pl.concat(slices).rows()


def good(record: dict[str, Any], *, created: bool = True) -> dict[str, Any]:
    return {"id": f"id-{record['Claim_Number__c']}", "success": True, "created": created, "errors": []}


def bad(code: str, message: str = "Jane Doe", fields: list[str] | None = None) -> dict[str, Any]:
    return {
        "id": None,
        "success": False,
        "errors": [{"statusCode": code, "message": message, "fields": fields}],
    }


def all_good(asked: Asked) -> Told:
    return told([good(record) for record in asked.json["records"]])


def test_the_bytes_sent_are_exact(org: ScriptedOrg, client: SalesforceClient, tmp_path: Path) -> None:
    org.on("PATCH", PATH, all_good)
    frame = payload(
        Claim_Number__c=["A1", "A2"],
        Name=["Zoë\nDoe", None],
        Charged_Amount__c=["12345678901234.50", "0.10"],
        DOS__c=["2026-01-05", ""],
        Flag__c=["true", "false"],
        Payer__c=["#N/A", "00123"],
    )
    assert send(client, frame, tmp_path) == [
        ("A1", "id-A1", "created", None, None),
        ("A2", "id-A2", "created", None, None),
    ]
    asked = org.asked_of("PATCH", PATH)[0]
    assert asked.headers["Content-Type"] == "application/json"
    assert asked.body.decode() == (
        '{"allOrNone": false, "records": ['
        '{"attributes": {"type": "Claim__c"}, "Claim_Number__c": "A1", "Name": "Zoë Doe", '
        '"Charged_Amount__c": 12345678901234.50, "DOS__c": "2026-01-05", "Flag__c": true, "Payer__c": "#N/A"}, '
        '{"attributes": {"type": "Claim__c"}, "Claim_Number__c": "A2", "Name": null, '
        '"Charged_Amount__c": 0.10, "Flag__c": false, "Payer__c": "00123"}]}'
    )


def test_calls_hold_at_most_a_batch_and_each_is_announced(
    org: ScriptedOrg, make_client: ClientMaker, tmp_path: Path
) -> None:
    org.on("PATCH", PATH, all_good)
    client = make_client(consumer_key="k", consumer_secret="s", batch_size=500)
    announced: list[int] = []
    rows = send(
        client,
        keys(450),
        tmp_path,
        before_batch=lambda: announced.append(len(org.asked_of("PATCH", PATH))),
    )
    assert [row[0] for row in rows] == [f"A{number}" for number in range(450)]
    assert [len(asked.json["records"]) for asked in org.asked_of("PATCH", PATH)] == [200, 200, 50]
    assert announced == [0, 1, 2]


def test_many_small_slices_cost_few_calls(org: ScriptedOrg, client: SalesforceClient, tmp_path: Path) -> None:
    org.on("PATCH", PATH, all_good)
    slices = [keys(500).slice(first, 30) for first in range(0, 500, 30)]
    slices.append(payload(Claim_Number__c=["B1"], Name=["x"]))
    found = client.upsert("Claim__c", "Claim_Number__c", slices, work_folder=tmp_path)
    assert [row[0] for row in pl.concat(found).rows()] == [f"A{number}" for number in range(500)] + ["B1"]
    assert [len(asked.json["records"]) for asked in org.asked_of("PATCH", PATH)] == [200, 200, 100, 1]


def test_nothing_to_send_sends_nothing(org: ScriptedOrg, client: SalesforceClient, tmp_path: Path) -> None:
    assert list(client.upsert("Claim__c", "Claim_Number__c", [], work_folder=tmp_path)) == []
    assert list(client.upsert("Claim__c", "Claim_Number__c", [keys(0)], work_folder=tmp_path)) == []
    assert org.asked_of("PATCH", PATH) == []


def test_a_lease_that_is_lost_stops_before_the_next_call(
    org: ScriptedOrg, client: SalesforceClient, tmp_path: Path
) -> None:
    def lost() -> None:
        raise LeaseLost("lost")

    with pytest.raises(LeaseLost):
        send(client, keys(1), tmp_path, before_batch=lost)
    assert org.asked_of("PATCH", PATH) == []


@pytest.mark.parametrize(
    "first",
    [
        error("SERVER_UNAVAILABLE", 503),
        Told(429, b"", {"Retry-After": "300"}),
        Told(200, b"[{}, {}]", cut_after=3),
        error("INVALID_SESSION_ID", 401),
        told([bad("UNABLE_TO_LOCK_ROW"), bad("UNABLE_TO_LOCK_ROW")]),
        error("JSON_PARSER_ERROR", 400),
    ],
    ids=["503", "429", "answer cut", "session lost", "rows locked", "halved"],
)
def test_a_lease_that_is_lost_while_a_call_waits_to_be_repeated_stops_the_repeat(
    org: ScriptedOrg, client: SalesforceClient, tmp_path: Path, first: Told
) -> None:
    """Another run has taken over meanwhile, and committed newer amounts: ours must not be written over them."""
    org.on("PATCH", PATH, first, all_good)
    with pytest.raises(LeaseLost, match=r"^taken over$"):
        send(client, keys(2), tmp_path, before_batch=LostAt(2))
    assert len(org.asked_of("PATCH", PATH)) == 1


def test_the_lease_is_asked_for_before_each_repeat(
    org: ScriptedOrg, client: SalesforceClient, tmp_path: Path
) -> None:
    org.on("PATCH", PATH, Told(503, b""), Told(503, b""), error("INVALID_SESSION_ID", 401), all_good)
    asked: list[int] = []
    send(client, keys(1), tmp_path, before_batch=lambda: asked.append(len(org.asked_of("PATCH", PATH))))
    assert asked == [0, 1, 2, 3]


def test_results_are_taken_by_position_and_refusals_keep_code_and_fields(
    org: ScriptedOrg, client: SalesforceClient, tmp_path: Path
) -> None:
    org.on(
        "PATCH",
        PATH,
        told(
            [
                bad("STRING_TOO_LONG", "Name: data value too large: Jane Doe", ["Name"]),
                good({"Claim_Number__c": "A1"}, created=False),
                bad("DUPLICATE_VALUE", "Duplicate external id specified: A2"),
                bad(
                    "DUPLICATE_VALUE",
                    "duplicate value found: MR_Number__c duplicates value on record with id: x",
                ),
                bad("A CODE, SAYS JANE DOE", fields=["Jane Doe"]),
                {"id": "a01", "success": False, "errors": []},
                "what?",
            ]
        ),
    )
    assert send(client, keys(7), tmp_path) == [
        ("A0", None, "refused", "STRING_TOO_LONG", "Name"),
        ("A1", "id-A1", "updated", None, None),
        ("A2", None, "refused", "DUPLICATE_VALUE", "Claim_Number__c"),
        ("A3", None, "refused", "DUPLICATE_VALUE", "MR_Number__c"),
        ("A4", None, "refused", "UNREADABLE_ERROR", None),
        ("A5", None, "refused", "UNREADABLE_ERROR", None),
        ("A6", None, "refused", "UNREADABLE_ERROR", None),
    ]


def test_rows_whose_refusal_passes_are_sent_again_alone(
    org: ScriptedOrg, client: SalesforceClient, tmp_path: Path, fake_time: FakeTime
) -> None:
    def lock_second(asked: Asked) -> Told:
        records = asked.json["records"]
        return told([bad("UNABLE_TO_LOCK_ROW") if r["Claim_Number__c"] == "A1" else good(r) for r in records])

    org.on("PATCH", PATH, lock_second, lock_second, all_good)
    assert [row[2] for row in send(client, keys(3), tmp_path)] == ["created"] * 3
    sent = [[r["Claim_Number__c"] for r in asked.json["records"]] for asked in org.asked_of("PATCH", PATH)]
    assert sent == [["A0", "A1", "A2"], ["A1"], ["A1"]]
    assert fake_time.slept == [1, 2]


def test_a_lock_that_does_not_pass_ends_as_refused(
    org: ScriptedOrg, client: SalesforceClient, tmp_path: Path
) -> None:
    org.on("PATCH", PATH, told([bad("UNABLE_TO_LOCK_ROW")]))
    assert send(client, keys(1), tmp_path) == [("A0", None, "refused", "UNABLE_TO_LOCK_ROW", None)]
    assert len(org.asked_of("PATCH", PATH)) == 4


def test_what_a_lost_answer_created_is_told_as_created(
    org: ScriptedOrg, client: SalesforceClient, tmp_path: Path
) -> None:
    """The repeat says `updated` of both; only one of them was there before."""
    describe = claim_fields()
    org.on(
        "GET", "/describe$", Told(200, _describe_body(describe), {"Date": "Mon, 05 Jan 2026 12:00:00 GMT"})
    )
    again = told([good({"Claim_Number__c": f"A{n}"}, created=False) for n in range(3)])
    org.on("PATCH", PATH, Told(200, b"[{}]", cut_after=2), again)
    records = [
        {"Id": "id-A0", "CreatedDate": "2026-01-05T12:00:00.000+0000", "CreatedById": USER_ID},
        {"Id": "id-A1", "CreatedDate": "2025-12-31T23:59:59.000+0000", "CreatedById": USER_ID},
        {"Id": "id-A2", "CreatedDate": "2026-01-05T12:00:00.000+0000", "CreatedById": "005000000000009AAA"},
    ]
    page = {"totalSize": 3, "done": True, "records": records}
    answer = {"body": page, "httpStatusCode": 200, "referenceId": "query0"}
    org.on("POST", "/composite$", told({"compositeResponse": [answer]}))
    assert [row[2] for row in send(client, keys(3), tmp_path)] == ["created", "updated", "updated"]


def _describe_body(fields: dict[str, Any]) -> bytes:
    return json.dumps(
        {"name": "Claim__c", "createable": True, "updateable": True, "fields": list(fields.values())}
    ).encode()


@pytest.mark.parametrize(
    "lost",
    [Told(503, b""), told([]), told({"records": []}), Told(200, b"not json")],
    ids=["503", "[]", "{}", "text"],
)
def test_an_answer_lost_for_good_leaves_its_rows_unknown_and_the_rest_unsent(
    org: ScriptedOrg, make_client: ClientMaker, tmp_path: Path, lost: Told
) -> None:
    org.on("PATCH", PATH, all_good, lost)
    client = make_client(consumer_key="k", consumer_secret="s", batch_size=2)
    outcomes = [row[2] for row in send(client, keys(7), tmp_path)]
    assert outcomes == ["created"] * 2 + ["unknown"] * 2 + ["unprocessed"] * 3


def test_one_record_that_fails_the_whole_call_costs_only_itself(
    org: ScriptedOrg, client: SalesforceClient, tmp_path: Path
) -> None:
    def refuse_bad(asked: Asked) -> Told:
        if any(record["Claim_Number__c"] == "A5" for record in asked.json["records"]):
            return error("JSON_PARSER_ERROR", 400, "Cannot deserialize Jane Doe")
        return all_good(asked)

    org.on("PATCH", PATH, refuse_bad)
    rows = send(client, keys(8), tmp_path)
    assert [row[0] for row in rows] == [f"A{n}" for n in range(8)]
    assert [row[3] for row in rows] == [None] * 5 + ["JSON_PARSER_ERROR"] + [None] * 2
    assert len(org.asked_of("PATCH", PATH)) == 7


def test_a_column_that_the_org_lacks_is_each_rows_refusal_in_one_call(
    org: ScriptedOrg, client: SalesforceClient, tmp_path: Path
) -> None:
    org.on("PATCH", PATH, error("INVALID_FIELD", 400, "No such column 'X'", ["X__c"]))
    assert send(client, keys(2), tmp_path) == [
        ("A0", None, "refused", "INVALID_FIELD", "X__c"),
        ("A1", None, "refused", "INVALID_FIELD", "X__c"),
    ]
    assert len(org.asked_of("PATCH", PATH)) == 1


def test_a_refusal_of_the_way_itself_stops_the_upsert(
    org: ScriptedOrg, client: SalesforceClient, tmp_path: Path
) -> None:
    org.on("PATCH", PATH, error("API_DISABLED_FOR_ORG", 403))
    with pytest.raises(RequestRefused, match="API_DISABLED_FOR_ORG"):
        send(client, keys(2), tmp_path)


def test_the_spent_quota_stops_the_upsert(org: ScriptedOrg, client: SalesforceClient, tmp_path: Path) -> None:
    org.on("PATCH", PATH, error("REQUEST_LIMIT_EXCEEDED", 403, "TotalRequests Limit exceeded."))
    with pytest.raises(QuotaSpent):
        send(client, keys(2), tmp_path)
    assert len(org.asked_of("PATCH", PATH)) == 1


def test_a_lost_session_in_between_costs_one_sign_in_and_no_row(
    org: ScriptedOrg, make_client: ClientMaker, tmp_path: Path
) -> None:
    org.on("PATCH", PATH, all_good, error("INVALID_SESSION_ID", 401), all_good)
    client = make_client(consumer_key="k", consumer_secret="s", batch_size=1)
    assert [row[2] for row in send(client, keys(3), tmp_path)] == ["created"] * 3
    assert len(org.asked_of("POST", "/token$")) == 2
