"""Reading the org: pages, keys by the thousand, whole tables, and one canonical text for every value."""

from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from claims_pipeline.clients.salesforce import (
    OrgNotReady,
    RequestRefused,
    SalesforceClient,
    SalesforceUnavailable,
    UnexpectedAnswer,
    soql_text,
)
from claims_pipeline.clients.salesforce.canonical import number_text
from claims_pipeline_tests.clients.salesforce.described import claim_fields, describe_as, field
from claims_pipeline_tests.clients.salesforce.scripted_org import (
    DATA,
    Asked,
    ScriptedOrg,
    Told,
    csv_told,
    error,
    told,
)

FIELDS = ("Id", "Claim_Number__c", "Name", "Charged_Amount__c", "DOS__c", "Source_As_Of__c", "Claim_Payor__c")
JOB = "750000000000001AAA"


def page(*records: dict[str, object], following: str | None = None) -> dict[str, object]:
    body: dict[str, object] = {"totalSize": len(records), "done": following is None, "records": list(records)}
    return body | ({"nextRecordsUrl": f"{DATA}/query/{following}"} if following else {})


def queries_of(asked: Asked) -> list[str]:
    """The SOQL of a composite call's sub-requests."""
    return [parse_qs(urlsplit(each["url"]).query)["q"][0] for each in asked.json["compositeRequest"]]


def composite(*bodies: object, status: int = 200) -> Told:
    return told(
        {
            "compositeResponse": [
                {"body": body, "httpHeaders": {}, "httpStatusCode": status, "referenceId": f"query{number}"}
                for number, body in enumerate(bodies)
            ]
        }
    )


def test_pages_are_followed_to_the_end(org: ScriptedOrg, client: SalesforceClient) -> None:
    org.on("GET", "/query/$", told(page({"Id": "a"}, following="01g-2000")))
    org.on("GET", "/query/01g-2000$", told(page({"Id": "b"})))
    assert [record["Id"] for record in client.query("SELECT Id FROM Claim__c")] == ["a", "b"]


def test_a_long_query_goes_in_a_body(org: ScriptedOrg, client: SalesforceClient) -> None:
    soql = f"SELECT Id FROM Claim__c WHERE Name = '{'x' * 3000}'"
    org.on("POST", "/composite$", composite(page({"Id": "a"})))
    assert [record["Id"] for record in client.query(soql)] == ["a"]
    assert queries_of(org.asked_of("POST", "/composite$")[0]) == [soql]


def test_claims_come_as_canonical_text(org: ScriptedOrg, client: SalesforceClient) -> None:
    describe_as(org, "Claim__c", claim_fields())
    body = (
        '{"totalSize":2,"done":true,"records":[{"Id":"a01","Claim_Number__c":" A1 ","Name":"",'
        '"Charged_Amount__c":12345678901234.5,"DOS__c":"2026-01-05","Source_As_Of__c":"2026-01-05T10:00:00.000+0000",'
        '"Claim_Payor__c":null},{"Id":"a02","Claim_Number__c":"a2","Name":"\u00a0x","Charged_Amount__c":1.0E7,'
        '"DOS__c":null,"Source_As_Of__c":null,"Claim_Payor__c":"p1"}]}'
    )
    answer = f'{{"compositeResponse":[{{"body":{body},"httpStatusCode":200,"referenceId":"query0"}}]}}'
    org.on("POST", "/composite$", Told(200, answer.encode(), {"Content-Type": "application/json"}))
    claims = client.read_claims(["A1", "a2"], FIELDS)
    assert claims.columns == list(FIELDS)
    assert claims.rows() == [
        ("a01", "A1", None, "12345678901234.50", "2026-01-05", "2026-01-05T10:00:00.000Z", None),
        ("a02", "a2", "\u00a0x", "10000000.00", None, None, "p1"),
    ]


def test_many_keys_go_in_few_calls_of_bounded_queries(org: ScriptedOrg, client: SalesforceClient) -> None:
    describe_as(org, "Claim__c", claim_fields())
    org.on("POST", "/composite$", lambda asked: composite(*[page() for _ in queries_of(asked)]))
    keys = [f"{number:05}" for number in range(12_001)]
    claims = client.read_claims(keys, FIELDS)
    assert claims.height == 0 and claims.columns == list(FIELDS)
    calls = [queries_of(asked) for asked in org.asked_of("POST", "/composite$")]
    assert [len(call) for call in calls] == [5, 2]
    asked_for = [
        key for call in calls for soql in call for key in soql.partition(" IN (")[2][1:-2].split("','")
    ]
    assert asked_for == keys


def test_no_query_is_longer_than_salesforce_takes(org: ScriptedOrg, client: SalesforceClient) -> None:
    describe_as(org, "Claim__c", claim_fields())
    org.on("POST", "/composite$", lambda asked: composite(*[page() for _ in queries_of(asked)]))
    client.read_claims([f"{number:050}" for number in range(4_000)], FIELDS)
    queries = [soql for asked in org.asked_of("POST", "/composite$") for soql in queries_of(asked)]
    assert max(len(soql) for soql in queries) <= 100_000
    assert sum(soql.count("'") for soql in queries) == 8_000


def test_no_keys_ask_nothing(org: ScriptedOrg, client: SalesforceClient) -> None:
    describe_as(org, "Claim__c", claim_fields())
    assert client.read_claims([], FIELDS).height == 0
    assert org.asked_of("POST", "/composite$") == []


def test_a_sub_request_with_more_pages_is_followed(org: ScriptedOrg, client: SalesforceClient) -> None:
    describe_as(org, "Claim__c", claim_fields())
    org.on("POST", "/composite$", composite(page({"Id": "a"}, following="more"), page({"Id": "c"})))
    org.on("GET", "/query/more$", told(page({"Id": "b"})))
    claims = client.read_claims([f"{number}" for number in range(2_001)], ("Id",))
    assert claims.get_column("Id").to_list() == ["a", "b", "c"]


def test_a_refused_sub_request_is_an_error_never_an_empty_answer(
    org: ScriptedOrg, client: SalesforceClient
) -> None:
    describe_as(org, "Claim__c", claim_fields())
    refusal = [{"errorCode": "INVALID_FIELD", "message": "Jane Doe"}]
    org.on(
        "POST",
        "/composite$",
        composite(refusal, status=400),
        told({"compositeResponse": []}),
        composite([{"errorCode": "QUERY_TIMEOUT", "message": "x"}], status=400),
    )
    for expected in (RequestRefused, UnexpectedAnswer, SalesforceUnavailable):
        with pytest.raises(expected):
            client.read_claims(["A1"], FIELDS)


def test_a_sub_request_that_timed_out_is_asked_again(org: ScriptedOrg, client: SalesforceClient) -> None:
    describe_as(org, "Claim__c", claim_fields())
    late = composite([{"errorCode": "QUERY_TIMEOUT", "message": "x"}], status=400)
    org.on("POST", "/composite$", late, late, composite(page({"Id": "a"})))
    assert client.read_claims(["A1"], ("Id",)).height == 1


@pytest.mark.parametrize("key", ["O'Hara", "a\\b", 'say "x"', "100%", "@{query0.id}", "ä&b=c+d"])
def test_keys_are_escaped_as_soql_and_as_an_address(
    org: ScriptedOrg, client: SalesforceClient, key: str
) -> None:
    describe_as(org, "Claim__c", claim_fields())
    org.on("POST", "/composite$", composite(page()))
    client.read_claims([key], ("Id",))
    call = org.asked_of("POST", "/composite$")[0]
    assert queries_of(call) == [f"SELECT Id FROM Claim__c WHERE Claim_Number__c IN ({soql_text(key)})"]
    assert "@{" not in call.json["compositeRequest"][0]["url"]
    assert unquote(call.json["compositeRequest"][0]["url"]).endswith(f"IN ({soql_text(key)})")


def test_payors_are_read(org: ScriptedOrg, client: SalesforceClient) -> None:
    fields = {name: field(name) for name in ("Id", "Name", "Payor_ID__c")}
    describe_as(org, "Claim_Payor__c", fields)
    org.on("GET", "/query/", told(page({"Id": "p1", "Name": "AETNA (#60054)", "Payor_ID__c": None})))
    assert client.read_payors().rows(named=True) == [{"id": "p1", "name": "AETNA (#60054)", "payor_id": None}]


MAPPED = ("Id", "Payor_Key__c", "Claim_Payor__c", "Ignored__c", "Linked_Payor__c")


def test_mappings_are_read_and_absent_columns_are_null(org: ScriptedOrg, client: SalesforceClient) -> None:
    fields = {name: field(name) for name in MAPPED} | {"Ignored__c": field("Ignored__c", type="boolean")}
    describe_as(org, "Claim_Payor_Mapping__c", fields)
    org.on("GET", "/query/", told(page({"Id": "m1", "Payor_Key__c": "aetna|1", "Ignored__c": True})))
    mappings = client.read_mappings()
    assert mappings is not None
    row = mappings.rows(named=True)[0]
    assert (row["payor_key"], row["ignored"], row["claim_payor"], row["match_rule"]) == (
        "aetna|1",
        True,
        None,
        None,
    )
    assert mappings.schema["ignored"] == pl.Boolean


@pytest.mark.parametrize("hidden", ["Claim_Payor__c", "Ignored__c"])
def test_a_persons_decision_that_we_may_not_see_is_not_taken_for_none(
    org: ScriptedOrg, client: SalesforceClient, hidden: str
) -> None:
    describe_as(org, "Claim_Payor_Mapping__c", {name: field(name) for name in MAPPED if name != hidden})
    with pytest.raises(OrgNotReady, match=hidden):
        client.read_mappings()


def script_query_job(org: ScriptedOrg, *pages: Told, records: int, state: str = "JobComplete") -> None:
    org.on("POST", "/jobs/query$", told({"id": JOB, "state": "UploadComplete"}))
    org.on(
        "GET",
        f"/jobs/query/{JOB}$",
        told({"state": "InProgress"}),
        told({"state": state, "numberRecordsProcessed": records}),
    )
    org.on("GET", f"/jobs/query/{JOB}/results$", *pages)


CSV_FIELDS = ("Claim_Number__c", "Name", "Charged_Amount__c", "Source_As_Of__c")
HEADER = '"Claim_Number__c","Name","Charged_Amount__c","Source_As_Of__c"\n'


def csv_page(rows: str, count: int, following: str = "null") -> Told:
    return csv_told(HEADER + rows, Sforce_NumberOfRecords=str(count), Sforce_Locator=following)


def test_a_whole_table_comes_in_parts_in_the_same_form(
    org: ScriptedOrg, client: SalesforceClient, tmp_path: Path
) -> None:
    describe_as(org, "Claim__c", claim_fields())
    script_query_job(
        org,
        csv_page('"A1","Zoë, ""Z""\nB","1234.5","2026-01-05T10:00:00.000Z"\n"A2","","",""\n', 2, "MTA"),
        csv_page('"A3"," x ","1.0E7",""\n', 1),
        records=3,
    )
    slices = list(client.download_claims(CSV_FIELDS, where="Name != null", work_folder=tmp_path / "claims"))
    assert pl.concat(slices).rows() == [
        ("A1", 'Zoë, "Z"\nB', "1234.50", "2026-01-05T10:00:00.000Z"),
        ("A2", None, None, None),
        ("A3", "x", "10000000.00", None),
    ]
    assert org.asked_of("POST", "/jobs/query$")[0].json == {
        "operation": "query",
        "query": f"SELECT {', '.join(CSV_FIELDS)} FROM Claim__c WHERE Name != null",
    }
    asked = [parse_qs(each.query) for each in org.asked_of("GET", "/results$")]
    assert asked == [{"maxRecords": ["50000"]}, {"maxRecords": ["50000"], "locator": ["MTA"]}]
    assert list((tmp_path / "claims").iterdir()) == []


@pytest.mark.parametrize(
    "rest",
    ["", '"A2"', '"A2","y', '"A2","y\n', '"A2","y","2.0', '"A2","y","2.00"'],
    ids=["row", "key", "cell", "line", "end", "last cell"],
)
def test_a_page_cut_short_is_fetched_again(
    org: ScriptedOrg, client: SalesforceClient, tmp_path: Path, rest: str
) -> None:
    describe_as(org, "Claim__c", claim_fields())
    script_query_job(
        org,
        csv_page('"A1","x","1.00",""\n' + rest, 2),
        csv_page('"A1","x","1.00",""\n"A2","y","2.00",""\n', 2),
        records=2,
    )
    slices = list(client.download_claims(CSV_FIELDS, where=None, work_folder=tmp_path))
    assert [row[2] for row in pl.concat(slices).rows()] == ["1.00", "2.00"]


@pytest.mark.parametrize(
    ("answer", "records"),
    [
        (csv_page('"A1","x","1.00",""\n', 2), 2),
        (csv_page('"A1","x","1.00",""\n', 1), 2),
        (csv_told(HEADER, Sforce_Locator="null"), 0),
        (csv_told("", Sforce_NumberOfRecords="0", Sforce_Locator="null"), 0),
    ],
    ids=["page short", "job short", "no count", "empty"],
)
def test_a_table_that_is_not_proved_whole_is_not_compared(
    org: ScriptedOrg, client: SalesforceClient, tmp_path: Path, answer: Told, records: int
) -> None:
    describe_as(org, "Claim__c", claim_fields())
    script_query_job(org, answer, records=records)
    with pytest.raises(UnexpectedAnswer):
        list(client.download_claims(CSV_FIELDS, where=None, work_folder=tmp_path))


def test_an_empty_table_is_an_empty_frame(org: ScriptedOrg, client: SalesforceClient, tmp_path: Path) -> None:
    describe_as(org, "Claim__c", claim_fields())
    script_query_job(org, csv_page("", 0), records=0)
    slices = list(client.download_claims(CSV_FIELDS, where=None, work_folder=tmp_path))
    assert [frame.shape for frame in slices] == [(0, 4)]


def test_a_query_job_that_fails_gives_no_claims(
    org: ScriptedOrg, client: SalesforceClient, tmp_path: Path
) -> None:
    describe_as(org, "Claim__c", claim_fields())
    script_query_job(org, records=0, state="Failed")
    with pytest.raises(SalesforceUnavailable, match="Failed"):
        list(client.download_claims(CSV_FIELDS, where=None, work_folder=tmp_path))


def test_a_query_job_that_we_leave_is_aborted(
    org: ScriptedOrg, client: SalesforceClient, tmp_path: Path
) -> None:
    describe_as(org, "Claim__c", claim_fields())
    org.on("POST", "/jobs/query$", told({"id": JOB}))
    org.on("GET", f"/jobs/query/{JOB}$", error("INSUFFICIENT_ACCESS", 403))
    org.on("PATCH", f"/jobs/query/{JOB}$", told({"id": JOB, "state": "Aborted"}))
    with pytest.raises(RequestRefused):
        list(client.download_claims(CSV_FIELDS, where=None, work_folder=tmp_path))
    assert org.asked_of("PATCH", f"/jobs/query/{JOB}$")[0].json == {"state": "Aborted"}


@given(st.decimals(min_value=-(10**14), max_value=10**14, places=2, allow_nan=False, allow_infinity=False))
def test_every_amount_has_one_text_however_it_is_written(amount: object) -> None:
    plain = f"{amount:f}"
    told = {number_text(plain), number_text(plain.rstrip("0").rstrip(".")), number_text(f"{amount:E}")}
    assert told == {plain if float(plain) else "0.00"}


def test_a_third_decimal_is_not_rounded_away() -> None:
    assert number_text("123.456") == "123.456"
    assert number_text("-0.0") == "0.00"


def test_counts(org: ScriptedOrg, client: SalesforceClient) -> None:
    org.on("GET", "/query/", told({"totalSize": 7, "done": True, "records": []}), told({"done": True}))
    assert client.count("SELECT COUNT() FROM Claim__c") == 7
    with pytest.raises(UnexpectedAnswer):
        client.count("SELECT COUNT() FROM Claim__c")
