"""Bulk 2.0 query: the job, its CSV page by page, and what it does not answer."""

import csv
import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from claims_pipeline.sandbox.salesforce.bulk_csv import as_java_prints
from claims_pipeline.sandbox.salesforce.calls import Answer
from claims_pipeline_tests.sandbox.salesforce.given_org import Bulk, bulk_of, content_of, insert, org_at_noon

ALL = "SELECT Claim_Number__c, Name, Charged_Amount__c FROM Claim__c ORDER BY Claim_Number__c"


@pytest.fixture
def bulk(tmp_path: Path) -> Iterator[Bulk]:
    """The Bulk API of an org with five claims."""
    org = org_at_noon()
    (payor,) = insert(org, "Claim_Payor__c", {"Name": 'Ätna "US"'})
    amounts = (1234.5, None, 12345678.9, 100.0, -0.01)
    insert(
        org,
        "Claim__c",
        *(
            {
                "Claim_Number__c": f"C{place}",
                "Name": f"N,{place}",
                "Charged_Amount__c": amount,
                "Claim_Payor__c": payor,
            }
            for place, amount in enumerate(amounts)
        ),
    )
    yield from bulk_of(org, tmp_path)


def start(bulk: Bulk, soql: str, operation: str = "query", **options: str) -> str:
    """A query job's id."""
    answer = bulk.call("POST", "jobs/query", {"operation": operation, "query": soql, **options})
    assert isinstance(answer.body, dict), answer.body
    return str(answer.body["id"])


def page(bulk: Bulk, job: str, **query: str) -> tuple[str, int, str]:
    """One page: its text, its count of records, the next locator."""
    answer = bulk.call("GET", f"jobs/query/{job}/results", **query)
    assert answer.media_type == "text/csv", answer
    headers = answer.headers
    return content_of(answer).decode(), int(headers["Sforce-NumberOfRecords"]), headers["Sforce-Locator"]


def refusal(answer: Answer) -> tuple[int, str]:
    """Status and code of a refused call."""
    assert isinstance(answer.body, list), answer
    return answer.status, answer.body[0]["errorCode"]


def test_the_job_starts_as_upload_complete(bulk: Bulk) -> None:
    answer = bulk.call("POST", "jobs/query/", {"operation": "query", "query": ALL})
    assert isinstance(answer.body, dict)
    job = answer.body.pop("id")
    assert answer.status == 200
    assert answer.body["state"] == "UploadComplete"
    assert (answer.body["object"], answer.body["apiVersion"], answer.body["columnDelimiter"]) == (
        "Claim__c",
        59.0,
        "COMMA",
    )
    bulk.api.script.polls_before_done = 2
    states = [bulk.get(f"jobs/query/{job}")["state"] for _ in range(3)]
    assert states == ["InProgress", "InProgress", "JobComplete"]
    info = bulk.get(f"jobs/query/{job}/")
    assert (info["jobType"], info["numberRecordsProcessed"], info["isPkChunkingSupported"]) == (
        "V2Query",
        5,
        True,
    )


def test_everything_is_quoted_null_is_empty_and_large_numbers_have_an_exponent(bulk: Bulk) -> None:
    job = start(bulk, ALL)
    bulk.done(job, "query")
    assert page(bulk, job) == (
        '"Claim_Number__c","Name","Charged_Amount__c"\n'
        '"C0","N,0","1234.5"\n'
        '"C1","N,1",""\n'
        '"C2","N,2","1.23456789E7"\n'
        '"C3","N,3","100.0"\n'
        '"C4","N,4","-0.01"\n',
        5,
        "null",
    )


def test_instants_end_in_z_checkboxes_are_words_and_parents_are_columns(bulk: Bulk) -> None:
    job = start(bulk, "SELECT CreatedDate, IsDeleted, Claim_Payor__r.Name FROM Claim__c LIMIT 1")
    bulk.done(job, "query")
    assert page(bulk, job)[0] == (
        '"CreatedDate","IsDeleted","Claim_Payor__r.Name"\n"2026-11-23T12:00:00.000Z","false","Ätna ""US"""\n'
    )


def test_pages_follow_by_locator_each_with_its_header(bulk: Bulk) -> None:
    job = start(bulk, ALL)
    bulk.done(job, "query")
    first, count, locator = page(bulk, job, maxRecords="2")
    assert (count, locator != "null") == (2, True)
    second, _, locator = page(bulk, job, maxRecords="2", locator=locator)
    third, count, last = page(bulk, job, maxRecords="2", locator=locator)
    assert (count, last) == (1, "null")
    pages = [list(csv.DictReader(io.StringIO(text))) for text in (first, second, third)]
    assert [row["Claim_Number__c"] for rows in pages for row in rows] == ["C0", "C1", "C2", "C3", "C4"]
    assert (
        refusal(bulk.call("GET", f"jobs/query/{job}/results", locator="nonsense!"))[1]
        == "INVALID_QUERY_LOCATOR"
    )


def test_result_pages_link_to_every_record(bulk: Bulk) -> None:
    job = start(bulk, ALL)
    bulk.done(job, "query")
    pages = bulk.get(f"jobs/query/{job}/resultPages")
    assert (pages["done"], pages["nextRecordsUrl"]) == (True, None)
    (link,) = [entry["resultLink"] for entry in pages["resultPages"]]
    path, _, query = link.removeprefix("/services/data/v59.0/").partition("?")
    assert path == f"jobs/query/{job}/results"
    text, count, _ = page(bulk, job, **dict(part.split("=") for part in query.split("&")))
    assert (count, text.count("\n")) == (5, 6)


def test_a_query_without_a_match_is_a_header_alone(bulk: Bulk) -> None:
    job = start(bulk, "SELECT Id FROM Claim__c WHERE Name = 'nobody'")
    bulk.done(job, "query")
    assert page(bulk, job) == ('"Id"\n', 0, "null")


def test_query_all_finds_deleted_records(bulk: Bulk) -> None:
    (gone,) = insert(bulk.org, "Claim_Payor__c", {"Name": "Gone"})
    bulk.org.delete(bulk.org.settings.users[0], "Claim_Payor__c", [gone])
    found = {}
    for operation in ("query", "queryAll"):
        job = start(bulk, "SELECT Name FROM Claim_Payor__c", operation)
        bulk.done(job, "query")
        found[operation] = page(bulk, job)[1]
    assert found == {"query": 1, "queryAll": 2}


def test_results_are_as_they_were_when_the_job_ran(bulk: Bulk) -> None:
    job = start(bulk, ALL)
    bulk.done(job, "query")
    insert(bulk.org, "Claim__c", {"Claim_Number__c": "A later one"})
    assert page(bulk, job)[1] == 5


def test_delimiter_and_line_ending_are_the_jobs(bulk: Bulk) -> None:
    job = start(bulk, "SELECT Name FROM Claim__c LIMIT 1", columnDelimiter="TAB", lineEnding="CRLF")
    bulk.done(job, "query")
    assert page(bulk, job)[0] == '"Name"\r\n"N,0"\r\n'


def test_results_belong_to_the_api_version_that_made_the_job(bulk: Bulk) -> None:
    job = start(bulk, ALL)
    bulk.done(job, "query")
    bulk.version = "60.0"
    assert bulk.call("GET", f"jobs/query/{job}/results").status == 409
    assert bulk.call("GET", f"jobs/query/{job}/resultPages").status == 409
    assert bulk.get(f"jobs/query/{job}")["state"] == "JobComplete"


@pytest.mark.parametrize(
    ("soql", "code"),
    [
        ("SELECT COUNT() FROM Claim__c", "API_ERROR"),
        ("SELECT COUNT(Id) FROM Claim__c", "API_ERROR"),
        ("SELECT Name FROM Claim__c GROUP BY Name", "API_ERROR"),
        ("SELECT Id FROM Claim__c OFFSET 5", "API_ERROR"),
        ("SELECT FIELDS(ALL) FROM Claim__c LIMIT 5", "API_ERROR"),
        ("SELECT Id, (SELECT Id FROM Claims__r) FROM Claim_Payor__c", "API_ERROR"),
        ("SELECT Nope__c FROM Claim__c", "INVALID_FIELD"),
        ("SELECT Id FROM Nope__c", "INVALID_TYPE"),
        ("SELECT Id FROM", "MALFORMED_QUERY"),
        ("", "MALFORMED_QUERY"),
    ],
)
def test_what_bulk_does_not_answer_is_refused_at_once(bulk: Bulk, soql: str, code: str) -> None:
    assert refusal(bulk.call("POST", "jobs/query", {"operation": "query", "query": soql})) == (400, code)


def test_a_held_query_can_be_aborted_and_then_deleted(bulk: Bulk) -> None:
    bulk.api.script.hold = True
    job = start(bulk, ALL)
    assert bulk.get(f"jobs/query/{job}")["state"] == "UploadComplete"
    assert refusal(bulk.call("GET", f"jobs/query/{job}/results")) == (400, "INVALIDJOBSTATE")
    assert refusal(bulk.call("PATCH", f"jobs/query/{job}", {"state": "UploadComplete"})) == (
        400,
        "INVALIDJOBSTATE",
    )
    answer = bulk.call("PATCH", f"jobs/query/{job}", {"state": "Aborted"})
    assert isinstance(answer.body, dict)
    assert answer.body["state"] == "Aborted"
    assert refusal(bulk.call("GET", f"jobs/query/{job}/results")) == (400, "INVALIDJOBSTATE")
    assert bulk.call("DELETE", f"jobs/query/{job}").status == 204
    assert refusal(bulk.call("GET", f"jobs/query/{job}")) == (404, "NOT_FOUND")


def test_results_can_be_lost(bulk: Bulk) -> None:
    job = start(bulk, ALL)
    bulk.done(job, "query")
    bulk.api.script.lose_results = True
    assert bulk.call("GET", f"jobs/query/{job}/results").status == 404


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        (0.0, "0.0"),
        (9999999.99, "9999999.99"),
        (10000000.0, "1.0E7"),
        (-12345678.9, "-1.23456789E7"),
        (0.001, "0.001"),
        (0.0005, "5.0E-4"),
        (16147805824397.0, "1.6147805824397E13"),
    ],
)
def test_numbers_are_printed_as_java_prints_doubles(number: float, shown: str) -> None:
    assert as_java_prints(number) == shown


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_printed_number_is_read_back_as_itself(number: float) -> None:
    assert float(as_java_prints(number)) == number


def test_a_failed_query_says_no_reason(bulk: Bulk) -> None:
    bulk.api.script.fail_queries = True
    info = bulk.done(start(bulk, ALL), "query")
    assert info["state"] == "Failed"
    assert "errorMessage" not in info
