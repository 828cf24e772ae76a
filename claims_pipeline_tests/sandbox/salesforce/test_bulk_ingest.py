"""Bulk 2.0 ingest: what a job makes of a CSV, and which of its rows are told where."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from claims_pipeline.sandbox.salesforce.bulk_api import BulkScriptError
from claims_pipeline.sandbox.salesforce.bulk_csv import DELIMITERS, LINE_ENDINGS
from claims_pipeline.sandbox.salesforce.bulk_ingest import ingest_endpoints
from claims_pipeline.sandbox.salesforce.people import FieldAccess
from claims_pipeline_tests.sandbox.salesforce.given_org import (
    Bulk,
    ask,
    bulk_of,
    content_of,
    insert,
    integration,
    org_at_noon,
)

HEADER = "Claim_Number__c,Name,Charged_Amount__c\n"
RESULTS = ("successfulResults", "failedResults", "unprocessedrecords")


@pytest.fixture
def bulk(tmp_path: Path) -> Iterator[Bulk]:
    """The Bulk API of an empty org."""
    yield from bulk_of(org_at_noon(), tmp_path)


def claims(bulk: Bulk, fields: str = "Claim_Number__c, Name, Charged_Amount__c") -> list[dict[str, Any]]:
    """Every claim in the org, by its number."""
    return ask(bulk.org, f"SELECT {fields} FROM Claim__c ORDER BY Claim_Number__c")


def test_an_upsert_job_creates_and_updates_and_tells_which(bulk: Bulk) -> None:
    insert(bulk.org, "Claim__c", {"Claim_Number__c": "b", "Name": "Old", "Charged_Amount__c": 5.0})
    job = bulk.ingest(HEADER + "A,Ann,1.50\nB,Bob,2\n")
    info = bulk.done(job)
    assert (info["state"], info["numberRecordsProcessed"], info["numberRecordsFailed"]) == (
        "JobComplete",
        2,
        0,
    )
    results = {row["Claim_Number__c"]: row for row in bulk.rows(job, "successfulResults")}
    assert {key: row["sf__Created"] for key, row in results.items()} == {"A": "true", "B": "false"}
    stored = claims(bulk, "Id, Claim_Number__c, Name, Charged_Amount__c")
    assert [(one["Name"], one["Charged_Amount__c"]) for one in stored] == [("Ann", 1.5), ("Bob", 2.0)]
    assert [one["Id"] for one in stored] == [results["A"]["sf__Id"], results["B"]["sf__Id"]]


def test_the_created_job_answers_as_salesforce_does(bulk: Bulk) -> None:
    answer = bulk.call(
        "POST",
        "jobs/ingest/",
        {
            "object": "claim__c",
            "operation": "upsert",
            "externalIdFieldName": "claim_number__c",
            "contentType": "CSV",
        },
    )
    assert isinstance(answer.body, dict)
    job = answer.body.pop("id")
    assert job.startswith("750")
    assert answer.body == {
        "operation": "upsert",
        "object": "Claim__c",
        "createdById": integration(bulk.org).id,
        "createdDate": "2026-11-23T12:00:00.000+0000",
        "systemModstamp": "2026-11-23T12:00:00.000+0000",
        "state": "Open",
        "externalIdFieldName": "Claim_Number__c",
        "concurrencyMode": "Parallel",
        "contentType": "CSV",
        "apiVersion": 59.0,
        "contentUrl": f"services/data/v59.0/jobs/ingest/{job}/batches",
        "lineEnding": "LF",
        "columnDelimiter": "COMMA",
    }
    info = bulk.get(f"jobs/ingest/{job[:15]}/")
    assert (info["jobType"], info["state"], info["retries"]) == ("V2Ingest", "Open", 0)
    assert "errorMessage" not in info
    assert bulk.get("jobs/ingest")["records"][0]["id"] == job


def test_a_job_goes_from_open_over_in_progress_to_complete(bulk: Bulk) -> None:
    job = bulk.create()
    assert bulk.get(f"jobs/ingest/{job}")["state"] == "Open"
    bulk.call("PUT", f"jobs/ingest/{job}/batches/", (HEADER + "A,Ann,1\n").encode())
    closed = bulk.call("PATCH", f"jobs/ingest/{job}/", {"state": "UploadComplete"})
    assert isinstance(closed.body, dict)
    assert closed.body["state"] == "UploadComplete"
    bulk.api.script.polls_before_done = 3
    assert [bulk.get(f"jobs/ingest/{job}")["state"] for _ in range(3)] == [
        "InProgress",
        "InProgress",
        "JobComplete",
    ]


def test_an_empty_cell_is_ignored_and_na_clears(bulk: Bulk) -> None:
    insert(
        bulk.org,
        "Claim__c",
        {"Claim_Number__c": "A", "Name": "Ann", "Charged_Amount__c": 5.0, "DOS__c": "2026-01-05"},
    )
    bulk.done(bulk.ingest("Claim_Number__c,Name,Charged_Amount__c,DOS__c\nA,,,#N/A\n"))
    assert claims(bulk, "Name, Charged_Amount__c, DOS__c") == [
        {"Name": "Ann", "Charged_Amount__c": 5.0, "DOS__c": None}
    ]


def test_text_is_trimmed_when_it_is_stored_and_no_break_spaces_stay(bulk: Bulk) -> None:
    job = bulk.ingest('Claim_Number__c,Name\n"  A ","\u00a0Ännie \t"\n')
    assert bulk.done(job)["numberRecordsFailed"] == 0
    assert claims(bulk, "Claim_Number__c, Name") == [{"Claim_Number__c": "A", "Name": "\u00a0Ännie"}]


def test_refused_rows_are_told_with_code_message_and_fields(bulk: Bulk) -> None:
    job = bulk.ingest(
        "Claim_Number__c,Name,DOS__c,Claim_Payor__c\n"
        f"A,{'x' * 81},2026-01-05,\n"
        "B,Bob,01/05/2026,\n"
        ",No key,,\n"
        "D,Dan,,a01000000000000\n"
        "E,Eve,2026-01-05,\n"
    )
    info = bulk.done(job)
    assert (info["state"], info["numberRecordsProcessed"], info["numberRecordsFailed"]) == (
        "JobComplete",
        5,
        4,
    )
    failed = {row["Claim_Number__c"]: row for row in bulk.rows(job, "failedResults")}
    codes = {key: row["sf__Error"].split(":")[0] for key, row in failed.items()}
    assert codes["A"] == "STRING_TOO_LONG"
    assert codes[""] == "MISSING_ARGUMENT"
    assert codes["B"] == "INVALID_TYPE_ON_FIELD_IN_RECORD"
    assert failed["A"]["sf__Error"].endswith(":Name --")
    assert "max length=80" in failed["A"]["sf__Error"]
    assert len(codes) == 4
    assert [row["Claim_Number__c"] for row in bulk.rows(job, "successfulResults")] == ["E"]


def test_an_error_without_fields_ends_in_two_dashes(bulk: Bulk) -> None:
    job = bulk.ingest("Id\na0400000000000x\n", "delete")
    bulk.done(job)
    assert bulk.rows(job, "failedResults")[0]["sf__Error"].endswith("--")


def test_result_columns_are_sorted_and_rows_do_not_come_as_sent(bulk: Bulk) -> None:
    job = bulk.ingest(
        "Name,Claim_Number__c\n" + "".join(f"N{number},{number:03d}\n" for number in range(300))
    )
    bulk.done(job)
    text = bulk.text(job, "SUCCESSFULRESULTS/")
    assert text.startswith('"sf__Id","sf__Created",Claim_Number__c,Name\n"')
    keys = [row["Claim_Number__c"] for row in bulk.rows(job, "successfulResults")]
    assert keys != sorted(keys)
    assert sorted(keys) == [f"{number:03d}" for number in range(300)]
    assert bulk.text(job, "failedResults") == '"sf__Id","sf__Error",Claim_Number__c,Name\n'
    assert bulk.text(job, "unprocessedRecords/") == "Claim_Number__c,Name\n"


def test_results_are_utf8_bytes_without_a_charset(bulk: Bulk) -> None:
    job = bulk.ingest(HEADER + "A,Ännie,1\n")
    bulk.done(job)
    answer = bulk.call("GET", f"jobs/ingest/{job}/successfulResults")
    assert answer.media_type == "text/csv"
    assert "Ännie".encode() in content_of(answer)


@pytest.mark.parametrize("delimiter", DELIMITERS)
@pytest.mark.parametrize("line_ending", LINE_ENDINGS)
def test_delimiters_and_line_endings_are_kept_in_the_results(
    bulk: Bulk, delimiter: str, line_ending: str
) -> None:
    mark, end = DELIMITERS[delimiter], LINE_ENDINGS[line_ending]
    sent = end.join([f"Claim_Number__c{mark}Name", f'A{mark}"x{mark} ""y"""', ""])
    job = bulk.ingest(sent, columnDelimiter=delimiter, lineEnding=line_ending)
    assert bulk.done(job)["numberRecordsFailed"] == 0
    assert claims(bulk, "Name") == [{"Name": f'x{mark} "y"'}]
    assert bulk.text(job, "successfulResults").endswith(end)
    assert bulk.rows(job, "successfulResults", delimiter=mark)[0]["Name"] == f'x{mark} "y"'


@pytest.mark.parametrize(
    ("content", "options", "message"),
    [
        ("Claim_Number__c,Nope__c\nA,1\n", {}, "InvalidBatch : Field name not found : Nope__c"),
        ("Claim_Number__c,MR_Number__c\nA,1\n", {}, "InvalidBatch : Field name not found : MR_Number__c"),
        (
            "\ufeffClaim_Number__c,Name\nA,1\n",
            {},
            "InvalidBatch : Field name not found : \ufeffClaim_Number__c",
        ),
        (
            "Claim_Number__c,Name\r\nA,1\r\n",
            {},
            "ClientInputError : LineEnding is invalid on user data. Current LineEnding setting is LF",
        ),
        (
            "Claim_Number__c,Name\nA,1\n",
            {"lineEnding": "CRLF"},
            "ClientInputError : LineEnding is invalid on user data. Current LineEnding setting is CRLF",
        ),
        (
            "Claim_Number__c,Claim_Payor__r.Payor_ID__c\nA,1\n",
            {},
            "Field name not found : Claim_Payor__r.Payor_ID__c",
        ),
        ("Claim_Number__c,Name,name\nA,1,2\n", {}, "InvalidBatch : Duplicate field name found : Name"),
        ("Claim_Number__c,Name\nA,1,2\n", {}, "InvalidBatch : A record has more columns than the header"),
    ],
)
def test_some_faults_fail_the_whole_job_and_leave_every_row(
    bulk: Bulk, content: str, options: dict[str, str], message: str
) -> None:
    bulk.org.set_access(integration(bulk.org), "Claim__c", "MR_Number__c", FieldAccess.HIDDEN)
    job = bulk.ingest(content, **options)
    info = bulk.done(job)
    assert info["state"] == "Failed"
    assert message in info["errorMessage"]
    assert (info["numberRecordsProcessed"], info["numberRecordsFailed"]) == (0, 0)
    assert len(bulk.rows(job, "unprocessedrecords")) == 1
    assert claims(bulk) == []


def test_a_key_twice_among_two_hundred_rows_fails_both(bulk: Bulk) -> None:
    job = bulk.ingest(HEADER + "A,Ann,1\nB,Bob,1\na,Ann again,2\n")
    bulk.done(job)
    failed = bulk.rows(job, "failedResults")
    assert sorted(row["Claim_Number__c"] for row in failed) == ["A", "a"]
    assert {row["sf__Error"].split(":")[0] for row in failed} == {"DUPLICATE_VALUE"}
    assert [one["Claim_Number__c"] for one in claims(bulk)] == ["B"]


def test_a_key_in_two_transactions_is_written_twice_and_the_later_one_stays(bulk: Bulk) -> None:
    rows = [f"{number},first,1\n" for number in range(200)] + ["7,second,2\n"]
    job = bulk.ingest(HEADER + "".join(rows))
    assert bulk.done(job)["numberRecordsFailed"] == 0
    assert ask(bulk.org, "SELECT Name FROM Claim__c WHERE Claim_Number__c = '7'") == [{"Name": "second"}]
    assert [
        row["sf__Created"] for row in bulk.rows(job, "successfulResults") if row["Claim_Number__c"] == "7"
    ] == [
        "true",
        "false",
    ]


def test_an_empty_id_column_before_another_key_is_taken(bulk: Bulk) -> None:
    """As jsforce sends it."""
    job = bulk.ingest("Id,Claim_Number__c,Name\n,A,Ann\n")
    assert bulk.done(job)["numberRecordsFailed"] == 0
    assert claims(bulk, "Name") == [{"Name": "Ann"}]


def test_insert_update_and_delete_jobs(bulk: Bulk) -> None:
    job = bulk.ingest("Name,Payor_ID__c\nAetna,1\n,2\n", "insert", object_name="Claim_Payor__c")
    assert bulk.done(job)["state"] == "JobComplete"
    (aetna,) = [row["sf__Id"] for row in bulk.rows(job, "successfulResults") if row["Name"] == "Aetna"]
    updated = bulk.ingest(f"Id,Name\n{aetna[:15]},Aetna US\n", "update", object_name="Claim_Payor__c")
    assert bulk.done(updated)["numberRecordsFailed"] == 0
    assert ask(bulk.org, "SELECT Name FROM Claim_Payor__c WHERE Payor_ID__c = '1'") == [{"Name": "Aetna US"}]
    deleted = bulk.ingest(f"Id\n{aetna}\n{aetna[:-4]}zzzz\n", "delete", object_name="Claim_Payor__c")
    assert bulk.done(deleted)["numberRecordsFailed"] == 1
    assert ask(bulk.org, "SELECT Name FROM Claim_Payor__c WHERE Payor_ID__c = '1'") == []
    wrong = bulk.ingest(f"Id,Name\n{aetna},x\n", "delete", object_name="Claim_Payor__c")
    assert "must contain only 'Id'" in bulk.done(wrong)["errorMessage"]


def test_a_job_without_rows_completes_with_nothing(bulk: Bulk) -> None:
    for content in (HEADER, ""):
        info = bulk.done(bulk.ingest(content))
        assert (info["state"], info["numberRecordsProcessed"]) == ("JobComplete", 0)


# Jobs that go wrong on the way.


def test_a_job_that_fails_midway_has_committed_rows_and_tells_all_three_kinds(bulk: Bulk) -> None:
    bulk.api.script.fail_after_rows = 250
    job = bulk.ingest(HEADER + "A,Ann,nothing\n" + "".join(f"{number:04d},N,1\n" for number in range(999)))
    info = bulk.done(job)
    assert (info["state"], info["errorMessage"][:19]) == ("Failed", "InternalServerError")
    assert (info["numberRecordsProcessed"], info["numberRecordsFailed"]) == (250, 1)
    assert [len(bulk.rows(job, kind)) for kind in RESULTS] == [249, 1, 750]
    assert len(claims(bulk)) == 249


def test_a_job_that_is_aborted_midway_by_an_admin_has_committed_rows(bulk: Bulk) -> None:
    bulk.api.script.abort_after_rows = 200
    job = bulk.ingest(HEADER + "".join(f"{number:04d},N,1\n" for number in range(300)))
    assert bulk.done(job)["state"] == "Aborted"
    assert [len(bulk.rows(job, kind)) for kind in RESULTS] == [200, 0, 100]
    assert len(claims(bulk)) == 200


def test_a_script_can_stop_the_next_job_alone(bulk: Bulk) -> None:
    bulk.api.set_script({"fail_after_rows": 1, "jobs_stopped": 1})
    states = [bulk.done(bulk.ingest(HEADER + "A,Ann,1\nB,Bob,1\n"))["state"] for _ in range(2)]
    assert states == ["Failed", "JobComplete"]


def test_a_held_job_runs_when_it_is_released_and_not_before(bulk: Bulk) -> None:
    bulk.api.script.hold = True
    job = bulk.ingest(HEADER + "A,Ann,1\n")
    assert [bulk.get(f"jobs/ingest/{job}")["state"] for _ in range(3)] == ["UploadComplete"] * 3
    assert claims(bulk) == []
    bulk.api.release()
    assert bulk.done(job)["state"] == "JobComplete"
    assert len(claims(bulk)) == 1


def test_a_closed_job_runs_even_if_nobody_asks_for_it_again(bulk: Bulk) -> None:
    bulk.ingest(HEADER + "A,Ann,1\n")
    bulk.api.shut_down()
    assert len(claims(bulk)) == 1


def test_a_job_aborted_before_it_runs_writes_nothing_and_leaves_every_row(bulk: Bulk) -> None:
    bulk.api.script.hold = True
    job = bulk.ingest(HEADER + "A,Ann,1\nB,Bob,1\n")
    answer = bulk.call("PATCH", f"jobs/ingest/{job}", {"state": "Aborted"})
    assert isinstance(answer.body, dict)
    assert answer.body["state"] == "Aborted"
    bulk.api.release()
    assert bulk.done(job)["state"] == "Aborted"
    assert [len(bulk.rows(job, kind)) for kind in RESULTS] == [0, 0, 2]
    assert claims(bulk) == []


def test_results_can_be_lost(bulk: Bulk) -> None:
    job = bulk.ingest(HEADER + "A,Ann,1\n")
    bulk.done(job)
    bulk.api.script.lose_results = True
    assert [bulk.call("GET", f"jobs/ingest/{job}/{kind}").status for kind in RESULTS] == [404, 404, 404]


# Requests that are refused.


def test_an_upload_is_taken_once_and_only_while_the_job_is_open(bulk: Bulk) -> None:
    job = bulk.create()
    assert bulk.call("PUT", f"jobs/ingest/{job}/batches", HEADER.encode()).status == 201
    again = bulk.call("PUT", f"jobs/ingest/{job}/batches", HEADER.encode())
    assert (again.status, codes(again.body)) == (400, ["INVALIDJOBSTATE"])
    bulk.call("PATCH", f"jobs/ingest/{job}", {"state": "UploadComplete"})
    for answer in (
        bulk.call("PUT", f"jobs/ingest/{job}/batches", HEADER.encode()),
        bulk.call("PATCH", f"jobs/ingest/{job}", {"state": "UploadComplete"}),
        bulk.call("PATCH", f"jobs/ingest/{job}", {"state": "Open"}),
    ):
        assert (answer.status, codes(answer.body)) == (400, ["INVALIDJOBSTATE"])


def test_a_finished_job_can_be_deleted_and_an_unfinished_one_cannot(bulk: Bulk) -> None:
    job = bulk.create()
    assert codes(bulk.call("DELETE", f"jobs/ingest/{job}").body) == ["INVALIDJOBSTATE"]
    assert codes(bulk.call("GET", f"jobs/ingest/{job}/failedResults").body) == ["INVALIDJOBSTATE"]
    bulk.call("PATCH", f"jobs/ingest/{job}", {"state": "Aborted"})
    assert content_of(bulk.call("GET", f"jobs/ingest/{job}/failedResults")) == b""
    assert codes(bulk.call("PATCH", f"jobs/ingest/{job}", {"state": "Aborted"}).body) == ["INVALIDJOBSTATE"]
    assert bulk.call("DELETE", f"jobs/ingest/{job}").status == 204
    assert bulk.call("GET", f"jobs/ingest/{job}").status == 404


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"object": "Nope__c", "operation": "insert"}, "INVALIDENTITY"),
        ({"object": "User", "operation": "insert"}, "INVALIDENTITY"),
        ({"object": "Claim__c", "operation": "merge"}, "INVALIDJOB"),
        ({"object": "Claim__c", "operation": "upsert"}, "INVALIDJOB"),
        ({"object": "Claim__c", "operation": "upsert", "externalIdFieldName": "Name"}, "INVALIDJOB"),
        ({"object": "Claim__c", "operation": "insert", "lineEnding": "CR"}, "INVALIDJOB"),
        ({"object": "Claim__c", "operation": "insert", "columnDelimiter": ","}, "INVALIDJOB"),
        ({"object": "Claim__c", "operation": "insert", "contentType": "JSON"}, "INVALIDJOB"),
    ],
)
def test_a_job_that_cannot_be_is_refused(bulk: Bulk, asked: dict[str, str], code: str) -> None:
    answer = bulk.call("POST", "jobs/ingest", asked)
    assert (answer.status, codes(answer.body)) == (400, [code])


def test_an_upload_beyond_the_limit_is_refused_and_leaves_the_job_open(bulk: Bulk) -> None:
    job = bulk.create()
    bulk.only(ingest_endpoints(bulk.api.ingest, max_upload_bytes=len(HEADER)))
    assert codes(bulk.call("PUT", f"jobs/ingest/{job}/batches", (HEADER + "A").encode()).body) == [
        "INVALIDBATCH"
    ]
    assert bulk.call("PUT", f"jobs/ingest/{job}/batches", HEADER.encode()).status == 201


def test_a_script_can_be_set_by_names_and_is_checked(bulk: Bulk) -> None:
    bulk.api.set_script({"hold": True, "fail_after_rows": 3})
    job = bulk.ingest(HEADER + "".join(f"{number},N,1\n" for number in range(5)))
    script = bulk.api.set_script({"hold": False})
    assert (script["hold"], script["fail_after_rows"]) == (False, 3)
    assert bulk.done(job)["numberRecordsProcessed"] == 3
    assert bulk.api.set_script({"fail_after_rows": None})["fail_after_rows"] is None
    wrong: list[dict[str, object]] = [
        {"nope": 1},
        {"hold": 1},
        {"fail_after_rows": -1},
        {"polls_before_done": None},
    ]
    for given_script in wrong:
        with pytest.raises(BulkScriptError):
            bulk.api.set_script(given_script)


def codes(body: object) -> list[str]:
    """The error codes of a refusal."""
    assert isinstance(body, list), body
    return [entry["errorCode"] for entry in body]


names = st.text(alphabet=st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=20)


@settings(max_examples=25, deadline=None)
@given(st.dictionaries(st.integers(0, 10**6), names, min_size=1, max_size=30), st.integers(0, 40))
def test_every_row_sent_comes_back_in_exactly_one_result(
    tmp_path_factory: pytest.TempPathFactory, rows: dict[int, str], stop: int
) -> None:
    """Whatever the text and wherever the job stops: nothing lost, nothing twice, the org as the results say."""
    for bulk in bulk_of(org_at_noon(), tmp_path_factory.mktemp("jobs")):
        bulk.api.script.fail_after_rows = stop
        sent = [f'K{key},"{name.replace(chr(34), chr(34) * 2)}"\n' for key, name in rows.items()]
        job = bulk.ingest("Claim_Number__c,Name\n" + "".join(sent))
        bulk.done(job)
        told = [row["Claim_Number__c"] for kind in RESULTS for row in bulk.rows(job, kind)]
        assert sorted(told) == sorted(f"K{key}" for key in rows)
        taken = {row["Claim_Number__c"] for row in bulk.rows(job, "successfulResults")}
        assert {one["Claim_Number__c"] for one in claims(bulk)} == taken
