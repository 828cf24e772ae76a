"""sObject Collections: one answer a record, in order, 200 whatever becomes of them."""

from collections.abc import Mapping
from typing import Any

import pytest

from claims_pipeline.sandbox.salesforce.org import Org
from claims_pipeline.sandbox.salesforce.people import FieldAccess, User
from claims_pipeline_tests.sandbox.salesforce.conftest import Api

UPSERT = "composite/sobjects/Claim__c/Claim_Number__c"
Answers = list[dict[str, Any]]


def records(
    *rows: Mapping[str, object], all_or_none: bool = False, type_: str = "Claim__c"
) -> dict[str, object]:
    listed = [{"attributes": {"type": type_}, **row} for row in rows]
    return {"allOrNone": all_or_none, "records": listed}


def answers(api: Api, method: str, path: str, body: object) -> Answers:
    answer = api.call(method, path, json=body)
    assert answer.status_code == 200, answer.text
    found: Answers = answer.json()
    return found


def codes(found: Answers) -> list[str]:
    return [row["errors"][0]["statusCode"] if row["errors"] else "ok" for row in found]


def numbers(org: Org) -> list[object]:
    return [record["Claim_Number__c"] for record in org.records("Claim__c") if not record["IsDeleted"]]


class TestUpsert:
    def test_each_record_is_created_or_updated_in_the_order_sent(self, api: Api, org: Org) -> None:
        answers(api, "PATCH", UPSERT, records({"Claim_Number__c": "b"}))
        found = answers(
            api, "PATCH", UPSERT, records({"Claim_Number__c": "a"}, {"Claim_Number__c": "B", "Payer__c": "p"})
        )
        assert [(row["success"], row["created"], row["errors"]) for row in found] == [
            (True, True, []),
            (True, False, []),
        ]
        by_number = {record["Claim_Number__c"]: record["Id"] for record in org.records("Claim__c")}
        assert [row["id"] for row in found] == [by_number["a"], by_number["B"]]

    def test_every_row_may_fail_and_the_answer_is_still_200(self, api: Api) -> None:
        found = answers(
            api,
            "PATCH",
            UPSERT,
            records(
                {"Claim_Number__c": "x" * 51},
                {"Claim_Number__c": "1", "DOS__c": ""},
                {"Claim_Number__c": "2", "Nonsense__c": 1},
                {"Claim_Number__c": "3", "Claim_Payor__c": "a01Vx0000000999IAA"},
                {"Name": "no key"},
                {"Claim_Number__c": "4", "Paid_Y_or_N__c": "maybe"},
                {"Claim_Number__c": "5", "Charged_Amount__c": 1e17},
                {"Claim_Number__c": "6", "CreatedDate": "2026-01-01T00:00:00Z"},
            ),
        )
        assert codes(found) == [
            "STRING_TOO_LONG",
            "JSON_PARSER_ERROR",
            "INVALID_FIELD",
            "INVALID_CROSS_REFERENCE_KEY",
            "MISSING_ARGUMENT",
            "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST",
            "NUMBER_OUTSIDE_VALID_RANGE",
            "INVALID_FIELD_FOR_INSERT_UPDATE",
        ]
        for row in found:
            assert (row["success"], row["created"]) == (False, False)
            assert "id" not in row
            assert row["errors"][0].keys() == {"statusCode", "message", "fields"}
        assert found[0]["errors"][0]["fields"] == ["Claim_Number__c"]
        assert "[Source: N/A; line: -1, column: -1]" in found[1]["errors"][0]["message"]

    def test_rows_that_share_a_key_all_fail(self, api: Api, org: Org) -> None:
        found = answers(
            api, "PATCH", UPSERT, records(*({"Claim_Number__c": key} for key in ("a", "b", "A ")))
        )
        assert codes(found) == ["DUPLICATE_VALUE", "ok", "DUPLICATE_VALUE"]
        assert found[2]["errors"][0]["message"] == "Duplicate external id specified: A"
        assert numbers(org) == ["b"]

    def test_all_or_none_in_the_body_takes_everything_back(self, api: Api, org: Org) -> None:
        body = records({"Claim_Number__c": "1"}, {"Claim_Number__c": "2", "DOS__c": "?"}, all_or_none=True)
        assert codes(answers(api, "PATCH", UPSERT, body)) == [
            "ALL_OR_NONE_OPERATION_ROLLED_BACK",
            "JSON_PARSER_ERROR",
        ]
        assert numbers(org) == []
        assert codes(answers(api, "PATCH", f"{UPSERT}?allOrNone=true", {**body, "allOrNone": False})) == [
            "ok",
            "JSON_PARSER_ERROR",
        ]

    def test_null_and_empty_text_clear_a_field(self, api: Api, org: Org) -> None:
        answers(api, "PATCH", UPSERT, records({"Claim_Number__c": "1", "Payer__c": "p", "MR_Number__c": "m"}))
        answers(api, "PATCH", UPSERT, records({"Claim_Number__c": "1", "Payer__c": None, "MR_Number__c": ""}))
        (record,) = org.records("Claim__c")
        assert (record["Payer__c"], record["MR_Number__c"]) == (None, None)

    def test_the_mark_of_bulk_is_plain_text_here(self, api: Api, org: Org) -> None:
        answers(api, "PATCH", UPSERT, records({"Claim_Number__c": "1", "Payer__c": "#N/A"}))
        assert org.records("Claim__c")[0]["Payer__c"] == "#N/A"

    def test_names_of_fields_may_be_in_any_case(self, api: Api, org: Org) -> None:
        assert codes(answers(api, "PATCH", UPSERT, records({"claim_number__C": "1", "payer__C": "p"}))) == [
            "ok"
        ]
        assert org.records("Claim__c")[0]["Payer__c"] == "p"

    def test_two_hundred_are_taken_and_one_more_is_refused_as_a_whole(self, api: Api, org: Org) -> None:
        rows = [{"Claim_Number__c": str(n)} for n in range(201)]
        answer = api.patch(UPSERT, records(*rows))
        assert answer.status_code == 400
        assert "errorCode" in answer.json()[0]
        assert numbers(org) == []
        assert len(answers(api, "PATCH", UPSERT, records(*rows[:200]))) == 200

    @pytest.mark.parametrize("body", [{}, {"records": {}}, {"records": ["x"]}, {"records": []}])
    def test_a_malformed_call_is_refused_as_a_whole(self, api: Api, body: object) -> None:
        assert api.patch(UPSERT, body).status_code == 400

    def test_each_record_must_be_of_the_paths_object(self, api: Api) -> None:
        assert api.patch(UPSERT, {"records": [{"Claim_Number__c": "1"}]}).status_code == 400
        assert api.patch(UPSERT, records({"Claim_Number__c": "1"}, type_="User")).status_code == 400

    def test_the_key_must_be_an_external_id_that_one_may_see(self, api: Api, org: Org, me: User) -> None:
        path = "composite/sobjects/Claim__c/Payer__c"
        assert api.patch(path, records({"Payer__c": "1"})).json()[0]["errorCode"] == "NOT_FOUND"
        org.set_access(me, "Claim__c", "Claim_Number__c", FieldAccess.HIDDEN)
        assert api.patch(UPSERT, records({"Claim_Number__c": "1"})).status_code == 404

    def test_a_hidden_field_and_a_read_only_one(self, api: Api, org: Org, me: User) -> None:
        org.set_access(me, "Claim__c", "MR_Number__c", FieldAccess.HIDDEN)
        org.set_access(me, "Claim__c", "Payer__c", FieldAccess.READ_ONLY)
        found = answers(
            api,
            "PATCH",
            UPSERT,
            records({"Claim_Number__c": "1", "MR_Number__c": "m"}, {"Claim_Number__c": "2", "Payer__c": "p"}),
        )
        hidden, read_only = (row["errors"][0] for row in found)
        assert hidden["message"] == "No such column 'MR_Number__c' on sobject of type Claim__c"
        assert (read_only["statusCode"], read_only["fields"]) == (
            "INVALID_FIELD_FOR_INSERT_UPDATE",
            ["Payer__c"],
        )
        assert "Please check the security settings" in read_only["message"]


class TestInsertUpdateDelete:
    def test_records_of_several_objects_are_made_in_one_call(self, api: Api, org: Org) -> None:
        rows = [
            {"attributes": {"type": "Claim__c"}, "Claim_Number__c": "1"},
            {"attributes": {"type": "Claim_Payor__c"}, "Name": "Aetna"},
            {"attributes": {"type": "Nonsense__c"}},
            {"attributes": {"type": "Claim__c"}, "Claim_Number__c": "2"},
        ]
        found = answers(api, "POST", "composite/sobjects", {"records": rows})
        assert codes(found) == ["ok", "ok", "INVALID_TYPE", "ok"]
        assert [row["id"][:3] for row in found if row["success"]] == ["a04", "a01", "a04"]
        assert "created" not in found[0]

    def test_all_or_none_reaches_over_all_the_objects(self, api: Api, org: Org) -> None:
        rows = [
            {"attributes": {"type": "Claim__c"}, "Claim_Number__c": "1"},
            {"attributes": {"type": "Claim_Payor__c"}, "Name": "x" * 81},
        ]
        found = answers(api, "POST", "composite/sobjects", {"records": rows, "allOrNone": True})
        assert codes(found) == ["ALL_OR_NONE_OPERATION_ROLLED_BACK", "STRING_TOO_LONG"]
        assert numbers(org) == []

    def test_update_by_id(self, api: Api, org: Org) -> None:
        made = answers(api, "POST", "composite/sobjects", records({"Claim_Number__c": "1"}))[0]["id"]
        rows = records({"id": made, "Payer__c": "p"}, {"Payer__c": "q"}, {"id": "a04Vx0000000999IAA"})
        found = answers(api, "PATCH", "composite/sobjects", rows)
        assert codes(found) == ["ok", "MISSING_ARGUMENT", "INVALID_CROSS_REFERENCE_KEY"]
        assert org.records("Claim__c")[0]["Payer__c"] == "p"

    def test_delete_by_ids_in_the_url(self, api: Api, org: Org) -> None:
        rows = records({"Claim_Number__c": "1"}, {"Claim_Number__c": "2"})
        first, second = (row["id"] for row in answers(api, "POST", "composite/sobjects", rows))
        path = f"composite/sobjects?ids={first},a04Vx0000000999IAA&allOrNone="
        assert codes(api.delete(path + "true").json()) == [
            "ALL_OR_NONE_OPERATION_ROLLED_BACK",
            "INVALID_CROSS_REFERENCE_KEY",
        ]
        assert codes(api.delete(path + "false").json()) == ["ok", "INVALID_CROSS_REFERENCE_KEY"]
        assert numbers(org) == ["2"]
        assert codes(api.delete(f"composite/sobjects?ids={first},{second},nonsense").json()) == [
            "ENTITY_IS_DELETED",
            "ok",
            "INVALID_TYPE",
        ]


class TestRetrieve:
    @pytest.mark.parametrize("method", ["GET", "POST"])
    def test_records_come_in_the_order_asked_and_null_where_there_is_none(
        self, api: Api, method: str
    ) -> None:
        rows = records({"Claim_Number__c": "1"}, {"Claim_Number__c": "2"})
        first, second = (row["id"] for row in answers(api, "POST", "composite/sobjects", rows))
        ids, fields = [second, "a04Vx0000000999IAA", "nonsense", first[:15]], ["Claim_Number__c"]
        if method == "POST":
            found = api.post("composite/sobjects/Claim__c", {"ids": ids, "fields": fields}).json()
        else:
            query = {"ids": ",".join(ids), "fields": ",".join(fields)}
            found = api.get("composite/sobjects/Claim__c", params=query).json()
        assert [row and row["Claim_Number__c"] for row in found] == ["2", None, None, "1"]
        assert found[0]["attributes"]["type"] == "Claim__c"

    def test_lists_are_needed(self, api: Api) -> None:
        assert api.post("composite/sobjects/Claim__c", {"ids": "x"}).status_code == 400
