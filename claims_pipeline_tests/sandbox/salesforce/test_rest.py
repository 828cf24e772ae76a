"""REST as documented: versions, descriptions, limits, queries, single records, and what every answer carries."""

import gzip
import json
import re
from urllib.parse import quote, quote_plus

import pytest
import requests

from claims_pipeline.sandbox.faults import FaultsAndLog
from claims_pipeline.sandbox.salesforce.org import Org
from claims_pipeline.sandbox.salesforce.people import FieldAccess, User
from claims_pipeline_tests.sandbox.salesforce.conftest import Api, Clock

FIELD_KEYS = frozenset(
    re.findall(
        r"\w+",
        """
aggregatable aiPredictionField autoNumber byteLength calculated calculatedFormula cascadeDelete caseSensitive
compoundFieldName controllerName createable custom defaultValue defaultValueFormula defaultedOnCreate
dependentPicklist deprecatedAndHidden digits displayLocationInDecimal encrypted externalId extraTypeInfo
filterable filteredLookupInfo formulaTreatNullNumberAsZero groupable highScaleNumber htmlFormatted idLookup
inlineHelpText label length mask maskType name nameField namePointing nillable permissionable picklistValues
polymorphicForeignKey precision queryByDistance referenceTargetField referenceTo relationshipName
relationshipOrder restrictedDelete restrictedPicklist scale searchPrefilterable soapType sortable type unique
updateable writeRequiresMasterRead
""",
    )
)


def the_error(answer: requests.Response, status: int) -> dict[str, object]:
    """The one entry of a refusal's list."""
    assert answer.status_code == status, answer.text
    (entry,) = answer.json()
    assert isinstance(entry, dict)
    return entry


class TestVersionsAndResources:
    def test_versions_are_listed_to_everyone(self, http: requests.Session, url: str) -> None:
        for path in ("/services/data", "/services/data/"):
            listed = http.get(url + path, timeout=10).json()
            assert listed[-1] == {"label": "Winter '27", "url": "/services/data/v68.0", "version": "68.0"}
        labels = {found["version"]: found["label"] for found in listed}
        assert (labels["66.0"], labels["67.0"], labels["59.0"]) == ("Spring '26", "Summer '26", "Winter '24")

    def test_the_root_names_what_there_is_and_who_one_is(self, api: Api, me: User) -> None:
        for path in ("/services/data/v59.0", "/services/data/v59.0/"):
            found = api.get(path).json()
            assert found["sobjects"] == "/services/data/v59.0/sobjects"
            assert found["identity"].endswith(me.id)

    @pytest.mark.parametrize(
        ("version", "status", "code"),
        [("30.0", 410, "UNSUPPORTED_API_VERSION"), ("99.0", 404, "NOT_FOUND"), ("59", 404, "NOT_FOUND")],
    )
    def test_other_versions_are_not_there(self, api: Api, version: str, status: int, code: str) -> None:
        assert the_error(api.get(f"/services/data/v{version}/limits"), status)["errorCode"] == code

    def test_unknown_paths_and_methods_are_refused_by_list(self, api: Api) -> None:
        assert the_error(api.get("nonsense"), 404) == {
            "message": "The requested resource does not exist",
            "errorCode": "NOT_FOUND",
        }
        refused = the_error(api.delete("limits"), 405)
        assert refused["errorCode"] == "METHOD_NOT_ALLOWED"
        assert refused["message"] == "HTTP Method 'DELETE' not allowed. Allowed are GET"

    def test_slashes_at_the_end_do_not_matter_and_nothing_is_redirected(self, api: Api) -> None:
        for path in ("limits", "sobjects", "sobjects/Claim__c", "sobjects/Claim__c/describe"):
            with_slash = api.get(f"{path}/", allow_redirects=False)
            assert with_slash.status_code == 200
            assert with_slash.json().keys() == api.get(path).json().keys()


class TestDescribe:
    def test_the_list_of_objects(self, api: Api) -> None:
        told = api.get("sobjects").json()
        assert (told["encoding"], told["maxBatchSize"]) == ("UTF-8", 200)
        claim = next(found for found in told["sobjects"] if found["name"] == "Claim__c")
        assert (claim["label"], claim["custom"], claim["keyPrefix"]) == ("Claim", True, "a04")
        assert claim["urls"]["rowTemplate"] == "/services/data/v59.0/sobjects/Claim__c/{ID}"

    def test_an_object_in_short(self, api: Api) -> None:
        told = api.get("sobjects/claim__c").json()
        assert told["objectDescribe"]["name"] == "Claim__c"
        assert told["recentItems"] == []

    def test_every_field_has_every_key(self, api: Api) -> None:
        for name in ("Claim__c", "Claim_Payor_Mapping__c", "User", "Organization"):
            for field in api.get(f"sobjects/{name}/describe").json()["fields"]:
                assert field.keys() == FIELD_KEYS, field["name"]

    def test_what_a_preflight_asks(self, api: Api) -> None:
        told = api.get("sobjects/Claim__c/describe").json()
        fields = {found["name"]: found for found in told["fields"]}
        key = fields["Claim_Number__c"]
        assert (key["externalId"], key["unique"], key["caseSensitive"], key["idLookup"]) == (
            True,
            True,
            False,
            True,
        )
        assert (key["length"], key["byteLength"], key["type"], key["soapType"]) == (
            50,
            150,
            "string",
            "xsd:string",
        )
        money = fields["Charged_Amount__c"]
        assert (money["type"], money["precision"], money["scale"]) == ("currency", 18, 2)
        lookup = fields["Claim_Payor__c"]
        assert (lookup["referenceTo"], lookup["relationshipName"]) == (["Claim_Payor__c"], "Claim_Payor__r")
        assert [value["value"] for value in fields["Paid_Y_or_N__c"]["picklistValues"]] == ["Yes", "No"]
        assert (fields["Name"]["createable"], fields["Name"]["nameField"]) == (True, True)
        assert not fields["SystemModstamp"]["updateable"]
        assert told["updateable"]
        assert told["childRelationships"] == []

    def test_formulas_counted_names_and_required_fields(self, api: Api) -> None:
        fields = {
            found["name"]: found
            for found in api.get("sobjects/Claim_Payor_Mapping__c/describe").json()["fields"]
        }
        assert (fields["Status__c"]["calculated"], fields["Status__c"]["createable"]) == (True, False)
        assert "ISBLANK" in fields["Status__c"]["calculatedFormula"]
        assert (fields["Name"]["autoNumber"], fields["Name"]["updateable"]) == (True, False)
        amount = fields["Charged_Amount__c"]
        assert (amount["nillable"], amount["defaultedOnCreate"], amount["defaultValueFormula"]) == (
            False,
            True,
            "0",
        )
        assert fields["Ignored__c"]["defaultValue"] is False

    def test_children_are_told_from_the_parents_side(self, api: Api) -> None:
        told = api.get("sobjects/Claim_Payor__c/describe").json()
        named = {(found["childSObject"], found["relationshipName"]) for found in told["childRelationships"]}
        assert ("Claim__c", "Claims__r") in named
        assert ("Claim_Payor_Mapping__c", "Mappings__r") in named

    def test_a_hidden_field_is_missing_and_a_read_only_one_says_so(
        self, api: Api, org: Org, me: User
    ) -> None:
        org.set_access(me, "Claim__c", "MR_Number__c", FieldAccess.HIDDEN)
        org.set_access(me, "Claim__c", "Payer__c", FieldAccess.READ_ONLY)
        fields = {found["name"]: found for found in api.get("sobjects/Claim__c/describe").json()["fields"]}
        assert "MR_Number__c" not in fields
        assert (fields["Payer__c"]["createable"], fields["Payer__c"]["updateable"]) == (False, False)

    def test_an_object_that_is_not_there(self, api: Api) -> None:
        assert the_error(api.get("sobjects/Nonsense__c/describe"), 404)["errorCode"] == "NOT_FOUND"


class TestQuota:
    def test_every_answer_tells_the_use_first_of_all(self, api: Api, org: Org) -> None:
        answers = [api.get("limits"), api.get("nonsense"), api.post("sobjects/Claim__c", {"x": 1})]
        assert [answer.headers["Sforce-Limit-Info"] for answer in answers] == [
            f"api-usage={used}/15000" for used in (1, 2, 3)
        ]
        assert org.api_requests_used == 3

    def test_limits_count_down(self, api: Api) -> None:
        told = api.get("limits").json()
        assert told["DailyApiRequests"] == {"Max": 15_000, "Remaining": 14_999}
        assert told["PermissionSets"]["CreateCustom"]["Max"] == 1_000, "an entry is not always two numbers"

    def test_the_day_is_over_when_the_quota_is(self, api: Api, org: Org) -> None:
        org.api_requests_used = org.daily_api_requests - 1
        assert api.post("sobjects/Claim__c", {"Claim_Number__c": "1"}).status_code == 201
        refused = api.post("sobjects/Claim__c", {"Claim_Number__c": "2"})
        assert the_error(refused, 403) == {
            "message": "TotalRequests Limit exceeded.",
            "errorCode": "REQUEST_LIMIT_EXCEEDED",
        }
        assert refused.headers["Sforce-Limit-Info"] == "api-usage=15000/15000"
        assert len(org.records("Claim__c")) == 1


class TestHttp:
    def test_a_long_uri_is_414_and_a_long_head_431(self, api: Api) -> None:
        assert api.get("query", params={"q": "x" * 16_384}).status_code == 414
        assert (
            api.get("query", params={"q": "x" * 15_000}, headers={"X-Long": "y" * 2_000}).status_code == 431
        )
        assert api.get("query", params={"q": "x" * 15_000}).status_code == 400

    def test_answers_are_zipped_for_those_who_ask(self, api: Api) -> None:
        zipped = api.get("sobjects/Claim__c/describe", headers={"Accept-Encoding": "gzip"})
        plain = api.get("sobjects/Claim__c/describe", headers={"Accept-Encoding": "identity"})
        assert zipped.headers["Content-Encoding"] == "gzip"
        assert "Content-Encoding" not in plain.headers
        assert zipped.json() == plain.json()

    def test_bodies_may_come_zipped(self, api: Api) -> None:
        body = gzip.compress(json.dumps({"Claim_Number__c": "z"}).encode())
        headers = {"Content-Encoding": "gzip", "Content-Type": "application/json"}
        assert api.call("POST", "sobjects/Claim__c", data=body, headers=headers).status_code == 201
        assert api.call("POST", "sobjects/Claim__c", data=b"no gzip", headers=headers).status_code == 400

    def test_a_body_that_is_no_json_object_is_a_parser_error(self, api: Api) -> None:
        for body in (b"", b"{", b"[]", b'{"a": NaN}', b"\xff", b"[" * 100_000):
            answer = api.call("POST", "sobjects/Claim__c", data=body)
            assert the_error(answer, 400)["errorCode"] == "JSON_PARSER_ERROR"

    def test_a_json_body_must_not_be_called_something_else(self, api: Api, org: Org) -> None:
        headers = {"Content-Type": "text/xml; charset=UTF-8"}
        answer = api.post("sobjects/Claim__c", {"Claim_Number__c": "1"}, headers=headers)
        assert the_error(answer, 415)["errorCode"] == "UNSUPPORTED_MEDIA_TYPE"
        assert org.records("Claim__c") == []

    def test_post_may_stand_for_patch(self, api: Api, org: Org) -> None:
        made = api.post("sobjects/Claim__c", {"Claim_Number__c": "1"}).json()["id"]
        answer = api.post(f"sobjects/Claim__c/{made}?_HttpMethod=PATCH", {"Payer__c": "p"})
        assert answer.status_code == 204
        assert org.records("Claim__c")[0]["Payer__c"] == "p"

    def test_the_access_log_tells_every_request(self, api: Api, wire: FaultsAndLog) -> None:
        api.get("query", params={"q": "SELECT Id FROM Claim__c"})
        api.post("sobjects/Claim__c", {"Claim_Number__c": "1"})
        assert [(found.method, found.path, found.status) for found in wire.log] == [
            ("GET", "/services/data/v59.0/query", 200),
            ("POST", "/services/data/v59.0/sobjects/Claim__c", 201),
        ]
        assert wire.log[0].query == "q=SELECT+Id+FROM+Claim__c"
        assert wire.log[1].request_bytes == len(json.dumps({"Claim_Number__c": "1"}))


class TestRecords:
    def test_create_says_the_new_id_and_where_it_is(self, api: Api) -> None:
        answer = api.post("sobjects/Claim__c/", {"attributes": {"type": "Claim__c"}, "Claim_Number__c": "1"})
        assert answer.status_code == 201
        told = answer.json()
        assert (told["success"], told["errors"]) == (True, [])
        assert api.get(answer.headers["Location"]).json()["Id"] == told["id"]

    def test_a_record_is_read_with_all_its_fields_or_those_asked_for(self, api: Api) -> None:
        made = api.post(
            "sobjects/Claim__c", {"Claim_Number__c": "1", "DOS__c": "2026-01-05", "Charged_Amount__c": 5}
        ).json()["id"]
        record = api.get(f"sobjects/Claim__c/{made}").json()
        assert record["attributes"] == {
            "type": "Claim__c",
            "url": f"/services/data/v59.0/sobjects/Claim__c/{made}",
        }
        assert (record["DOS__c"], record["Charged_Amount__c"], record["Payer__c"]) == (
            "2026-01-05",
            5.0,
            None,
        )
        assert record["CreatedDate"] == "2026-11-23T12:00:00.000+0000"
        assert record["IsDeleted"] is False
        some = api.get(f"sobjects/Claim__c/{made[:15]}", params={"fields": "Claim_Number__c,Id"}).json()
        assert some.keys() == {"attributes", "Claim_Number__c", "Id"}

    def test_a_formula_is_worked_out_when_it_is_read(self, api: Api) -> None:
        made = api.post("sobjects/Claim_Payor_Mapping__c", {"Payor_Key__c": "a"}).json()["id"]
        assert api.get(f"sobjects/Claim_Payor_Mapping__c/{made}").json()["Status__c"] == "Unmapped"
        api.patch(f"sobjects/Claim_Payor_Mapping__c/{made}", {"Ignored__c": True})
        assert api.get(f"sobjects/Claim_Payor_Mapping__c/{made}").json()["Status__c"] == "Ignored"

    def test_update_answers_nothing_and_clears_with_null_or_nothing(self, api: Api) -> None:
        made = api.post(
            "sobjects/Claim__c", {"Claim_Number__c": "1", "Payer__c": "p", "MR_Number__c": "m"}
        ).json()["id"]
        answer = api.patch(f"sobjects/Claim__c/{made}", {"Payer__c": None, "MR_Number__c": ""})
        assert (answer.status_code, answer.content) == (204, b"")
        record = api.get(f"sobjects/Claim__c/{made}").json()
        assert (record["Payer__c"], record["MR_Number__c"]) == (None, None)

    def test_delete_once_and_again(self, api: Api) -> None:
        made = api.post("sobjects/Claim__c", {"Claim_Number__c": "1"}).json()["id"]
        assert api.delete(f"sobjects/Claim__c/{made}").status_code == 204
        for method in ("DELETE", "GET", "PATCH"):
            refused = the_error(api.call(method, f"sobjects/Claim__c/{made}", json={}), 404)
            assert (refused["errorCode"], refused["message"]) == ("ENTITY_IS_DELETED", "entity is deleted")

    @pytest.mark.parametrize("record_id", ["a04Vx0000000999IAA", "nonsense"])
    def test_a_record_that_is_not_there(self, api: Api, record_id: str) -> None:
        for method in ("GET", "PATCH", "DELETE"):
            assert (
                the_error(api.call(method, f"sobjects/Claim__c/{record_id}", json={}), 404)["errorCode"]
                == "NOT_FOUND"
            )

    def test_every_refusal_of_a_row_is_an_entry_of_its_own(self, api: Api) -> None:
        answer = api.post("sobjects/Claim__c", {"MR_Number__c": "x" * 51, "Paid_Y_or_N__c": "Maybe"})
        assert answer.status_code == 400
        assert [(found["errorCode"], found["fields"]) for found in answer.json()] == [
            ("STRING_TOO_LONG", ["MR_Number__c"]),
            ("INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", ["Paid_Y_or_N__c"]),
        ]

    def test_a_value_of_the_wrong_type_is_placed_in_the_body(self, api: Api) -> None:
        message = str(the_error(api.post("sobjects/Claim__c", {"DOS__c": "12/31/24"}), 400)["message"])
        assert message.startswith("Cannot deserialize instance of date from VALUE_STRING value 12/31/24")
        assert message.endswith("[line:1, column:2]")

    def test_standard_objects_cannot_be_written(self, api: Api) -> None:
        refused = the_error(api.post("sobjects/User", {"Username": "x"}), 400)
        assert refused["errorCode"] == "INSUFFICIENT_ACCESS_OR_READONLY"


class TestExternalIds:
    def path(self, value: str) -> str:
        return f"sobjects/Claim__c/Claim_Number__c/{quote(value, safe='')}"

    def test_the_first_upsert_creates_and_the_next_updates(self, api: Api, org: Org) -> None:
        first = api.patch(self.path("A-1"), {"Payer__c": "p"})
        again = api.patch(self.path("a-1"), {"Payer__c": "q"})
        assert (first.status_code, again.status_code) == (201, 200)
        assert first.json() == {"id": again.json()["id"], "success": True, "errors": [], "created": True}
        assert again.json()["created"] is False
        assert [record["Payer__c"] for record in org.records("Claim__c")] == ["q"]

    def test_below_api_46_an_update_has_no_body(self, http: requests.Session, url: str, api: Api) -> None:
        old = Api(http, url, api.token, "45.0")
        assert old.patch(self.path("1"), {}).status_code == 201
        answer = old.patch(self.path("1"), {})
        assert (answer.status_code, answer.content) == (204, b"")

    def test_update_only_creates_nothing(self, api: Api, org: Org) -> None:
        assert the_error(api.patch(f"{self.path('1')}?updateOnly=true", {}), 404)["errorCode"] == "NOT_FOUND"
        assert org.records("Claim__c") == []

    @pytest.mark.parametrize("value", ["a b", "a/b", "a+b", "a%2Fb", "é", "a?b#c", "100%", "'quoted'", "a.b"])
    def test_any_value_can_be_a_key_however_it_is_quoted(self, api: Api, org: Org, value: str) -> None:
        assert api.patch(self.path(value), {}).status_code == 201
        assert [record["Claim_Number__c"] for record in org.records("Claim__c")] == [value]
        assert api.get(self.path(value)).json()["Claim_Number__c"] == value
        as_a_form = api.get(f"sobjects/Claim__c/Claim_Number__c/{quote_plus(value)}")
        assert as_a_form.json()["Claim_Number__c"] == value
        assert api.delete(self.path(value)).status_code == 204

    @pytest.mark.parametrize("body", [{"Id": "a04Vx0000000001IAA"}, {"id": None}, {"Claim_Number__c": "1"}])
    def test_the_record_is_named_by_the_path_alone(self, api: Api, body: dict[str, object]) -> None:
        assert the_error(api.patch(self.path("1"), body), 400)["errorCode"] == "INVALID_FIELD"

    def test_a_field_that_is_no_external_id_names_no_record(self, api: Api) -> None:
        for method in ("GET", "PATCH", "DELETE"):
            refused = the_error(api.call(method, "sobjects/Claim__c/Payer__c/x", json={}), 404)
            assert "external ID field does not exist" in str(refused["message"])

    def test_several_records_with_one_key_are_listed(self, api: Api) -> None:
        for number in "12":
            api.post("sobjects/Claim__c", {"Claim_Number__c": number, "Source_Payor_Key__c": "p"})
        for method in ("GET", "PATCH"):
            answer = api.call(
                method, "sobjects/Claim__c/Source_Payor_Key__c/p", json={}, allow_redirects=False
            )
            assert answer.status_code == 300
            assert len({api.get(path).json()["Claim_Number__c"] for path in answer.json()}) == 2

    def test_the_id_is_a_key_too(self, api: Api) -> None:
        made = api.post("sobjects/Claim__c", {"Claim_Number__c": "1"}).json()["id"]
        assert api.patch(f"sobjects/Claim__c/Id/{made}", {"Payer__c": "p"}).status_code == 204
        assert api.get(f"sobjects/Claim__c/Id/{made}").json()["Payer__c"] == "p"


class TestQueries:
    @pytest.fixture
    def book(self, org: Org, me: User) -> Org:
        for start in range(0, 4_100, 100):
            org.insert(me, "Claim__c", [{"Claim_Number__c": f"{n:05d}"} for n in range(start, start + 100)])
        return org

    def test_pages_of_two_thousand_until_done(self, api: Api, book: Org) -> None:
        page = api.get(
            "query", params={"q": "SELECT Claim_Number__c FROM Claim__c ORDER BY Claim_Number__c"}
        ).json()
        assert (page["totalSize"], page["done"], len(page["records"])) == (4_100, False, 2_000)
        numbers = [record["Claim_Number__c"] for record in page["records"]]
        while not page["done"]:
            assert page["nextRecordsUrl"].startswith("/services/data/v59.0/query/01g")
            page = api.get(page["nextRecordsUrl"]).json()
            numbers += [record["Claim_Number__c"] for record in page["records"]]
        assert numbers == [f"{n:05d}" for n in range(4_100)]
        assert "nextRecordsUrl" not in page

    @pytest.mark.parametrize(
        ("asked", "got"), [("batchSize=500", 500), ("batchSize=1", 200), ("batchSize=9999", 2_000)]
    )
    def test_a_page_may_be_asked_to_be_smaller(self, api: Api, book: Org, asked: str, got: int) -> None:
        headers = {"Sforce-Query-Options": asked}
        page = api.get("query", params={"q": "SELECT Id FROM Claim__c"}, headers=headers).json()
        assert len(page["records"]) == got
        assert page["nextRecordsUrl"].endswith(f"-{got}")

    def test_a_count_has_no_records(self, api: Api, book: Org) -> None:
        found = api.get("query", params={"q": "SELECT COUNT() FROM Claim__c"}).json()
        assert found == {"totalSize": 4_100, "done": True, "records": []}

    def test_a_cursor_is_its_users_own_and_does_not_live_for_ever(
        self, http: requests.Session, url: str, api: Api, book: Org, admin: User
    ) -> None:
        soql = {"q": "SELECT Id FROM Claim__c"}
        first = api.get("query", params=soql).json()["nextRecordsUrl"]
        other = Api(http, url, book.sessions.open(admin).token)
        assert the_error(other.get(first), 400)["errorCode"] == "INVALID_QUERY_LOCATOR"
        for _ in range(10):
            api.get("query", params=soql)
        assert the_error(api.get(first), 400)["errorCode"] == "INVALID_QUERY_LOCATOR"
        assert the_error(api.get("query/nonsense"), 400)["errorCode"] == "INVALID_QUERY_LOCATOR"

    def test_wrong_queries_are_told_apart(self, api: Api) -> None:
        for soql, code in (
            ("SELECT FROM", "MALFORMED_QUERY"),
            ("SELECT Nonsense__c FROM Claim__c", "INVALID_FIELD"),
            ("SELECT Id FROM ScratchOrgInfo limit 1", "INVALID_TYPE"),
            ("", "MALFORMED_QUERY"),
        ):
            assert the_error(api.get("query", params={"q": soql}), 400)["errorCode"] == code

    def test_query_all_sees_the_bin(self, api: Api) -> None:
        made = api.post("sobjects/Claim__c", {"Claim_Number__c": "1"}).json()["id"]
        api.delete(f"sobjects/Claim__c/{made}")
        soql = {"q": "SELECT Id, IsDeleted FROM Claim__c"}
        assert api.get("query", params=soql).json()["totalSize"] == 0
        (record,) = api.get("queryAll/", params=soql).json()["records"]
        assert record["IsDeleted"] is True

    def test_what_was_changed_and_deleted_lately(self, api: Api, clock: Clock) -> None:
        made, gone = (api.post("sobjects/Claim__c", {"Claim_Number__c": n}).json()["id"] for n in "12")
        clock.forward(60)
        api.delete(f"sobjects/Claim__c/{gone}")
        span = {"start": "2026-11-23T11:00:00+00:00", "end": "2026-11-23T13:00:00+00:00"}
        assert api.get("sobjects/Claim__c/updated/", params=span).json() == {
            "ids": [made],
            "latestDateCovered": "2026-11-23T13:00:00.000+0000",
        }
        (told,) = api.get("sobjects/Claim__c/deleted/", params=span).json()["deletedRecords"]
        assert told == {"id": gone, "deletedDate": "2026-11-23T12:01:00.000+0000"}
        wrong = {"start": "yesterday", "end": "today"}
        refused = the_error(api.get("sobjects/Claim__c/updated", params=wrong), 400)
        assert refused["errorCode"] == "INVALID_REPLICATION_DATE"
