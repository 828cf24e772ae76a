"""Large changes: the file that goes up, the order of the calls, and one outcome a row however the job ends."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from claims_pipeline.clients.salesforce import (
    BulkSizes,
    JobEvent,
    Patience,
    RequestRefused,
    SalesforceClient,
    SalesforceUnavailable,
)
from claims_pipeline.errors import DeadlineExceeded, LeaseLost, OutOfTime
from claims_pipeline.sync.time_left import TimeLeft
from claims_pipeline_tests.clients.salesforce.bulk_org import BulkOrg, Job, all_created
from claims_pipeline_tests.clients.salesforce.conftest import ClientMaker, FakeTime, LostAt
from claims_pipeline_tests.clients.salesforce.described import claim_fields, describe_as
from claims_pipeline_tests.clients.salesforce.scripted_org import (
    Asked,
    ScriptedOrg,
    Told,
    csv_told,
    error,
    told,
)

KEY = "Claim_Number__c"
COLLECTIONS = "/composite/sobjects/"


@pytest.fixture
def client(org: ScriptedOrg, make_client: ClientMaker) -> SalesforceClient:
    """A client for which three rows are many."""
    describe_as(org, "Claim__c", claim_fields())
    return make_client(consumer_key="k", consumer_secret="s", sizes=BulkSizes(threshold=3))


def payload(**columns: list[str | None]) -> pl.DataFrame:
    return pl.DataFrame(columns, schema=dict.fromkeys(columns, pl.String))


def keys(count: int) -> pl.DataFrame:
    return payload(Claim_Number__c=[f"A{number}" for number in range(count)])


def outcomes(
    client: SalesforceClient, frame: pl.DataFrame, folder: Path, **kwargs: Any
) -> dict[str, tuple[Any, ...]]:
    slices: Iterator[pl.DataFrame] = client.upsert("Claim__c", KEY, [frame], work_folder=folder, **kwargs)
    rows = pl.concat(slices).rows()
    assert len({row[0] for row in rows}) == len(rows) == frame.height
    assert list(folder.iterdir()) == [], "files with claims are left behind"
    return {row[0]: row[1:] for row in rows}


def collections_take_all(asked: Asked) -> Told:
    records = asked.json["records"]
    return told([{"id": f"id-{r[KEY]}", "success": True, "created": False, "errors": []} for r in records])


def test_the_file_goes_up_as_it_must(org: ScriptedOrg, client: SalesforceClient, tmp_path: Path) -> None:
    bulk = BulkOrg(org, all_created)
    frame = payload(
        Claim_Number__c=["A1", "A2", "A3"],
        Name=["Zoë, Doe\n", None, ""],
        Paid_Amount__c=["1234.50", "", None],
        Claim_Payor__c=["p2", None, "p1"],
    )
    assert outcomes(client, frame, tmp_path) == {
        key: (f"id-{key}", "created", None, None) for key in ("A1", "A2", "A3")
    }
    assert org.asked_of("POST", "/jobs/ingest$")[0].json == {
        "object": "Claim__c",
        "operation": "upsert",
        "externalIdFieldName": KEY,
        "contentType": "CSV",
        "lineEnding": "LF",
        "columnDelimiter": "COMMA",
    }
    put = org.asked_of("PUT", "/batches$")[0]
    assert put.headers["Content-Type"] == "text/csv; charset=UTF-8"
    assert put.headers["Content-Length"] == str(len(put.body))
    assert put.body.decode() == (
        "Claim_Number__c,Name,Paid_Amount__c,Claim_Payor__c\n"
        "A3,,#N/A,p1\n"
        'A1,"Zoë, Doe",1234.50,p2\n'
        "A2,#N/A,,#N/A\n"
    )
    assert bulk.jobs[0].state == "JobComplete"


def test_the_jobs_id_is_told_before_it_can_write(
    org: ScriptedOrg, client: SalesforceClient, tmp_path: Path
) -> None:
    bulk = BulkOrg(org, all_created)
    told_of: list[tuple[str, JobEvent, str]] = []
    steps: list[str] = []
    outcomes(
        client,
        keys(3),
        tmp_path,
        on_job=lambda job_id, event: told_of.append((job_id, event, bulk.jobs[0].state)),
        before_batch=lambda: steps.append(bulk.jobs[0].state),
    )
    job_id = bulk.jobs[0].job_id
    assert told_of == [(job_id, JobEvent.CREATED, "Open"), (job_id, JobEvent.ENDED, "JobComplete")]
    assert steps == ["Open"]


def test_names_come_back_whole_whatever_the_header_says(
    org: ScriptedOrg, client: SalesforceClient, tmp_path: Path
) -> None:
    BulkOrg(org, all_created)
    frame = payload(Claim_Number__c=["Zoë\u2028", "ß1", 'q"1,x'], Name=["é", "ü", "ñ\x85"])
    assert set(outcomes(client, frame, tmp_path)) == {"Zoë", "ß1", 'q"1,x'}


def in_files_of_four(org: ScriptedOrg, make_client: ClientMaker, jobs_at_once: int) -> SalesforceClient:
    describe_as(org, "Claim__c", claim_fields())
    sizes = BulkSizes(threshold=3, file_rows=4, jobs_at_once=jobs_at_once)
    return make_client(consumer_key="k", consumer_secret="s", sizes=sizes)


@pytest.mark.parametrize("jobs_at_once", [1, 2, 3, 10])
def test_many_rows_become_several_jobs_so_many_at_once(
    org: ScriptedOrg, make_client: ClientMaker, tmp_path: Path, jobs_at_once: int
) -> None:
    client = in_files_of_four(org, make_client, jobs_at_once)
    bulk = BulkOrg(org, all_created, all_created, all_created)
    running: set[str] = set()
    most = 0

    def heard(job_id: str, event: JobEvent) -> None:
        nonlocal most
        (running.add if event is JobEvent.CREATED else running.discard)(job_id)
        most = max(most, len(running))

    slices = [keys(7), payload(Claim_Number__c=["B1", "B2", "B3"])]
    found = client.upsert("Claim__c", KEY, slices, work_folder=tmp_path, on_job=heard)
    first = next(found)
    assert first.height == 4
    assert len(bulk.jobs) == min(jobs_at_once, 3)
    rest = pl.concat(found)
    assert rest.height == 6
    assert [len(job.rows) for job in bulk.jobs] == [4, 3, 3]
    assert most == min(jobs_at_once, 3)
    assert not running
    assert list(tmp_path.iterdir()) == []


def test_jobs_that_run_beside_one_that_fails_are_aborted(
    org: ScriptedOrg, make_client: ClientMaker, tmp_path: Path
) -> None:
    client = in_files_of_four(org, make_client, 3)
    bulk = BulkOrg(org, all_created, all_created, all_created)
    org.on("GET", "/jobs/ingest/750\\w+$", error("INSUFFICIENT_ACCESS", 403))
    told_of: list[tuple[str, JobEvent]] = []
    with pytest.raises(RequestRefused):
        list(
            client.upsert(
                "Claim__c",
                KEY,
                [keys(10)],
                work_folder=tmp_path,
                on_job=lambda job_id, event: told_of.append((job_id, event)),
            )
        )
    aborts = [asked.path for asked in org.asked_of("PATCH", "/jobs/") if asked.json == {"state": "Aborted"}]
    assert [path[-18:] for path in aborts] == [job.job_id for job in bulk.jobs]
    assert len(bulk.jobs) == 3
    assert list(tmp_path.iterdir()) == []


def test_no_further_job_starts_once_the_customer_is_taken_over(
    org: ScriptedOrg, make_client: ClientMaker, tmp_path: Path
) -> None:
    client = in_files_of_four(org, make_client, 3)
    bulk = BulkOrg(org, all_created, all_created)
    with pytest.raises(LeaseLost):
        list(client.upsert("Claim__c", KEY, [keys(10)], work_folder=tmp_path, before_batch=LostAt(2)))
    closed = [asked for asked in org.asked_of("PATCH", "/jobs/") if asked.json == {"state": "UploadComplete"}]
    assert len(closed) == 1
    assert len(bulk.jobs) == 2
    assert list(tmp_path.iterdir()) == []


def test_the_payload_is_not_read_ahead_of_what_chooses_the_way(
    org: ScriptedOrg, make_client: ClientMaker, tmp_path: Path
) -> None:
    """Later claims are compared while Salesforce works on the first: they must not be asked for before."""
    client = in_files_of_four(org, make_client, 2)
    bulk = BulkOrg(org, *[all_created] * 6)
    started_by: list[int] = []

    def slices() -> Iterator[pl.DataFrame]:
        for number in range(6):
            started_by.append(len(bulk.jobs))
            yield payload(Claim_Number__c=[f"{number}-{place}" for place in range(4)])

    assert sum(each.height for each in client.upsert("Claim__c", KEY, slices(), work_folder=tmp_path)) == 24
    assert started_by == [0, 1, 2, 3, 4, 5]


@pytest.mark.parametrize("setting", [0.001, 0.2, 5.0, 30.0])
def test_a_job_of_three_hours_is_looked_at_a_hundred_times(
    org: ScriptedOrg, make_client: ClientMaker, tmp_path: Path, fake_time: FakeTime, setting: float
) -> None:
    describe_as(org, "Claim__c", claim_fields())
    patience = Patience(first_poll_seconds=min(1.0, setting), longest_poll_seconds=setting)
    client = make_client(
        consumer_key="k", consumer_secret="s", sizes=BulkSizes(threshold=3), patience=patience
    )
    bulk = BulkOrg(org, all_created)

    def look(asked: Asked) -> Told:
        ended = fake_time.clock() - began >= 3 * 3600
        return bulk._look(asked) if ended else told({"state": "InProgress"})

    org.on("GET", "/jobs/ingest/750\\w+$", look)
    began = fake_time.clock()
    assert len(outcomes(client, keys(3), tmp_path)) == 3
    assert len(org.asked_of("GET", "/jobs/ingest/750\\w+$")) <= 120
    assert fake_time.clock() - began < 3 * 3600 * 1.1


@pytest.mark.parametrize(
    ("rows_a_second", "at_most_late", "looks"),
    [
        (lambda _: 4.0, 1.0, 25),  # an even pace: no eleventh of the wait late
        (lambda at: 1.0 if at < 500 else 20.0, 60.0, 30),
        (lambda _: 1000.0, 1.0, 3),
    ],
    ids=["even", "faster at the end", "quick"],
)
def test_a_job_is_looked_at_when_its_own_pace_says_that_it_ends(
    org: ScriptedOrg,
    make_client: ClientMaker,
    tmp_path: Path,
    fake_time: FakeTime,
    rows_a_second: Callable[[float], float],
    at_most_late: float,
    looks: int,
) -> None:
    describe_as(org, "Claim__c", claim_fields())
    patience = Patience(first_poll_seconds=1, longest_poll_seconds=300)
    client = make_client(
        consumer_key="k", consumer_secret="s", sizes=BulkSizes(threshold=3), patience=patience
    )
    bulk = BulkOrg(org, all_created)
    ends = next(at for at in range(10_000) if sum(rows_a_second(each) for each in range(at)) >= 3_000)

    def look(asked: Asked) -> Told:
        waited = fake_time.clock() - began
        if waited >= ends:
            return bulk._look(asked)
        done = sum(rows_a_second(each) for each in range(int(waited)))
        return told({"state": "InProgress", "numberRecordsProcessed": min(int(done), 2_999)})

    org.on("GET", "/jobs/ingest/750\\w+$", look)
    began = fake_time.clock()
    assert len(outcomes(client, keys(3_000), tmp_path)) == 3_000
    assert fake_time.clock() - began - ends <= at_most_late
    assert len(org.asked_of("GET", "/jobs/ingest/750\\w+$")) <= looks


@pytest.mark.parametrize("processed", [None, "many", 2, 3, -1, 7])
def test_a_job_that_tells_no_useful_progress_is_looked_at_as_before(
    org: ScriptedOrg, make_client: ClientMaker, tmp_path: Path, fake_time: FakeTime, processed: object
) -> None:
    describe_as(org, "Claim__c", claim_fields())
    client = make_client(consumer_key="k", consumer_secret="s", sizes=BulkSizes(threshold=3))
    bulk = BulkOrg(org, all_created)

    def look(asked: Asked) -> Told:
        if fake_time.clock() - began >= 3 * 3600:
            return bulk._look(asked)
        return told({"state": "InProgress", "numberRecordsProcessed": processed})

    org.on("GET", "/jobs/ingest/750\\w+$", look)
    began = fake_time.clock()
    assert len(outcomes(client, keys(3), tmp_path)) == 3
    assert len(org.asked_of("GET", "/jobs/ingest/750\\w+$")) <= 120


def test_refusals_keep_code_and_fields_and_never_their_text(
    org: ScriptedOrg, client: SalesforceClient, tmp_path: Path
) -> None:
    errors = {
        "A0": "STRING_TOO_LONG:Name: data value too large: Jane: Doe (max length=80):Name --",
        "A1": "MISSING_ARGUMENT:Claim_Number__c not specified:--",
        "A2": "FIELD_CUSTOM_VALIDATION_EXCEPTION:says Jane:Doe --",
        "A3": "REQUIRED_FIELD_MISSING:Required fields are missing: [X__c, Y__c]:X__c,Y__c --",
        "A4": "DUPLICATE_VALUE:duplicate value found: Claim_Number__c duplicates value on record with id: a01:--",
        "A5": "Jane Doe was here",
    }

    def refuse(job: Job) -> None:
        for row in job.rows:
            job.refused(row, errors[row[KEY]])

    BulkOrg(org, refuse)
    frame = keys(6).with_columns(Name=pl.lit("Doe"))
    assert outcomes(client, frame, tmp_path) == {
        "A0": (None, "refused", "STRING_TOO_LONG", "Name"),
        "A1": (None, "refused", "MISSING_ARGUMENT", None),
        "A2": (None, "refused", "FIELD_CUSTOM_VALIDATION_EXCEPTION", None),
        "A3": (None, "refused", "REQUIRED_FIELD_MISSING", "X__c,Y__c"),
        "A4": (None, "refused", "DUPLICATE_VALUE", KEY),
        "A5": (None, "refused", "UNREADABLE_ERROR", None),
    }


def test_a_failed_job_may_have_committed_rows_and_the_rest_is_sent_again(
    org: ScriptedOrg, client: SalesforceClient, tmp_path: Path
) -> None:
    def fail_midway(job: Job) -> None:
        first, second, *rest = job.rows
        job.created(first)
        job.refused(second, "STRING_TOO_LONG:x:Name --")
        job.left += rest
        job.error_message = "InternalServerError : Jane Doe"

    bulk = BulkOrg(org, fail_midway)
    org.on("PATCH", COLLECTIONS, collections_take_all)
    assert outcomes(client, keys(4), tmp_path) == {
        "A0": ("id-A0", "created", None, None),
        "A1": (None, "refused", "STRING_TOO_LONG", "Name"),
        "A2": ("id-A2", "updated", None, None),
        "A3": ("id-A3", "updated", None, None),
    }
    assert len(bulk.jobs) == 1
    again = org.asked_of("PATCH", COLLECTIONS)[0].json["records"]
    assert [record[KEY] for record in again] == ["A2", "A3"]


def test_what_many_rows_left_goes_by_a_second_job(
    org: ScriptedOrg, client: SalesforceClient, tmp_path: Path
) -> None:
    def lock_all(job: Job) -> None:
        for row in job.rows:
            job.refused(row, "UNABLE_TO_LOCK_ROW:unable to obtain exclusive access: a01:--")

    bulk = BulkOrg(org, lock_all, lock_all, all_created)
    assert {row[1] for row in outcomes(client, keys(4), tmp_path).values()} == {"created"}
    assert [len(job.rows) for job in bulk.jobs] == [4, 4, 4]


def test_what_never_passes_ends_refused_with_its_code(
    org: ScriptedOrg, client: SalesforceClient, tmp_path: Path
) -> None:
    def lock_all(job: Job) -> None:
        for row in job.rows:
            job.refused(row, "UNABLE_TO_LOCK_ROW:x:--")

    bulk = BulkOrg(org, *[lock_all] * 4)
    found = outcomes(client, keys(3), tmp_path)
    assert set(found.values()) == {(None, "refused", "UNABLE_TO_LOCK_ROW", None)}
    assert len(bulk.jobs) == 4


def test_what_a_job_never_processes_ends_unprocessed(
    org: ScriptedOrg, client: SalesforceClient, tmp_path: Path
) -> None:
    def leave_all(job: Job) -> None:
        job.left += job.rows
        job.error_message = "ClientInputError : LineEnding is invalid"

    BulkOrg(org, *[leave_all] * 4)
    found = outcomes(client, keys(3), tmp_path)
    assert set(found.values()) == {(None, "unprocessed", "ClientInputError", None)}


def test_a_column_that_the_org_lacks_is_each_rows_refusal_as_by_collections(
    org: ScriptedOrg, client: SalesforceClient, tmp_path: Path
) -> None:
    def refuse_column(job: Job) -> None:
        job.left += job.rows
        job.error_message = "InvalidBatch : Field name not found : Name"

    BulkOrg(org, refuse_column)
    found = outcomes(client, keys(3).with_columns(Name=pl.lit("x")), tmp_path)
    assert set(found.values()) == {(None, "refused", "INVALID_FIELD", "Name")}


def test_a_result_file_cut_short_is_fetched_again(
    org: ScriptedOrg, client: SalesforceClient, tmp_path: Path
) -> None:
    BulkOrg(org, all_created)
    whole = "sf__Created,sf__Id,Claim_Number__c\n" + "".join(f"true,id-A{n},A{n}\n" for n in range(3))
    org.on("GET", "/successfulResults$", csv_told(whole[:50]), csv_told(""), csv_told(whole))
    assert {row[1] for row in outcomes(client, keys(3), tmp_path).values()} == {"created"}
    assert len(org.asked_of("GET", "/successfulResults$")) == 3


def test_keys_without_exactly_one_result_are_settled_by_sending_them_again(
    org: ScriptedOrg, client: SalesforceClient, tmp_path: Path
) -> None:
    """A1 has two results, A2 none, and there is one for a key that was never sent."""
    BulkOrg(org, all_created)
    rows = "true,id-A0,A0\ntrue,id-A1,A1\ntrue,id-A1,a1\ntrue,id-X,X\n"
    org.on("GET", "/successfulResults$", csv_told("sf__Created,sf__Id,claim_number__c\n" + rows))
    org.on("PATCH", COLLECTIONS, collections_take_all)
    found = outcomes(client, keys(3), tmp_path)
    assert {key: row[1] for key, row in found.items()} == {"A0": "created", "A1": "updated", "A2": "updated"}


def test_results_that_are_gone_are_settled_by_sending_again(
    org: ScriptedOrg, client: SalesforceClient, tmp_path: Path
) -> None:
    def process(job: Job) -> None:
        job.refused(job.rows[0], "FIELD_CUSTOM_VALIDATION_EXCEPTION:no:Name --")
        for row in job.rows[1:]:
            job.created(row)

    BulkOrg(org, process)
    org.on("GET", "/successfulResults$", error("NOT_FOUND", 404))
    org.on("PATCH", COLLECTIONS, collections_take_all)
    found = outcomes(client, keys(3), tmp_path)
    assert {key: row[1] for key, row in found.items()} == {"A0": "refused", "A1": "updated", "A2": "updated"}


def test_a_text_that_reads_as_bulks_null_goes_by_collections(
    org: ScriptedOrg, client: SalesforceClient, tmp_path: Path
) -> None:
    bulk = BulkOrg(org, all_created)
    org.on("PATCH", COLLECTIONS, collections_take_all)
    frame = keys(4).with_columns(Name=pl.Series(["x", "#N/A", None, ""]))
    assert len(outcomes(client, frame, tmp_path)) == 4
    assert [row[KEY] for row in bulk.jobs[0].rows] == ["A0", "A2", "A3"]
    assert org.asked_of("PATCH", COLLECTIONS)[0].json["records"] == [
        {"attributes": {"type": "Claim__c"}, KEY: "A1", "Name": "#N/A"}
    ]


def test_results_in_which_the_job_counts_no_row_are_not_asked_for(
    org: ScriptedOrg, client: SalesforceClient, tmp_path: Path
) -> None:
    BulkOrg(org, all_created)
    outcomes(client, keys(3), tmp_path)
    results = [asked.path.rpartition("/")[2] for asked in org.asked_of("GET", "/jobs/ingest/750\\w+/")]
    assert results == ["successfulResults"]


DEAD = error("INVALID_SESSION_ID", 401)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/jobs/ingest$"),
        ("PUT", "/batches$"),
        ("PATCH", "/jobs/ingest/750\\w+$"),
        ("GET", "/jobs/ingest/750\\w+$"),
        ("GET", "/successfulResults$"),
    ],
)
def test_a_session_lost_between_two_steps_costs_one_sign_in_and_no_row(
    org: ScriptedOrg, client: SalesforceClient, tmp_path: Path, method: str, path: str
) -> None:
    bulk = BulkOrg(org, all_created)
    org.once(method, path, DEAD)
    assert {row[1] for row in outcomes(client, keys(3), tmp_path).values()} == {"created"}
    assert len(org.asked_of("POST", "/token$")) == 2
    assert len(bulk.jobs) == 1
    assert bulk.jobs[0].rows == [{KEY: f"A{n}"} for n in range(3)]


PAGE = Told(200, b"<html>", headers={"Content-Type": "text/html"})


@pytest.mark.parametrize("lost", [Told(503, b""), PAGE], ids=["unavailable", "page"])
def test_a_lost_upload_is_made_good_by_another_job(
    org: ScriptedOrg, client: SalesforceClient, tmp_path: Path, lost: Told
) -> None:
    """A job takes one upload: after a lost answer nobody knows what the first holds, so it is aborted."""
    bulk = BulkOrg(org, all_created)
    org.on("PUT", "/jobs/ingest/750000000000000AAA/batches$", lost)
    told_of: list[tuple[str, JobEvent]] = []
    found = outcomes(client, keys(3), tmp_path, on_job=lambda job_id, event: told_of.append((job_id, event)))
    assert {row[1] for row in found.values()} == {"created"}
    assert [job.state for job in bulk.jobs] == ["Aborted", "JobComplete"]
    first, second = (job.job_id for job in bulk.jobs)
    assert told_of == [
        (first, JobEvent.CREATED),
        (first, JobEvent.ABORTED),
        (second, JobEvent.CREATED),
        (second, JobEvent.ENDED),
    ]


def test_a_lost_answer_to_upload_complete_is_asked_of_the_job(
    org: ScriptedOrg, client: SalesforceClient, tmp_path: Path
) -> None:
    bulk = BulkOrg(org, all_created)
    act = bulk._set_state

    def act_and_lose(asked: Asked) -> Told:
        act(asked)
        return Told(200, b"{}", cut_after=1)

    org.on("PATCH", "/jobs/ingest/", act_and_lose, act)
    assert {row[1] for row in outcomes(client, keys(3), tmp_path).values()} == {"created"}
    assert len(bulk.jobs) == 1


@pytest.mark.parametrize("lost", [Told(503, b""), PAGE], ids=["unavailable", "page"])
def test_polls_that_fail_are_borne_for_a_while(
    org: ScriptedOrg, client: SalesforceClient, tmp_path: Path, lost: Told
) -> None:
    bulk = BulkOrg(org, all_created)
    org.on("GET", "/jobs/ingest/750\\w+$", *[lost] * 12, bulk._look)
    assert {row[1] for row in outcomes(client, keys(3), tmp_path).values()} == {"created"}


def test_a_job_that_does_not_end_in_time_is_aborted(
    org: ScriptedOrg, make_client: ClientMaker, tmp_path: Path, fake_time: FakeTime
) -> None:
    describe_as(org, "Claim__c", claim_fields())
    client = make_client(
        consumer_key="k",
        consumer_secret="s",
        sizes=BulkSizes(threshold=3),
        patience=Patience(first_poll_seconds=1, longest_poll_seconds=3, job_seconds=10),
    )
    BulkOrg(org, all_created)
    org.on("GET", "/jobs/ingest/750\\w+$", told({"state": "InProgress"}))
    org.on("PATCH", "/jobs/ingest/750\\w+$", lambda asked: told(asked.json))
    told_of: list[JobEvent] = []
    with pytest.raises(DeadlineExceeded, match="750000000000000AAA"):
        outcomes(client, keys(3), tmp_path, on_job=lambda _, event: told_of.append(event))
    assert fake_time.slept == [1, 1.25, 1.5625, 1.953125, 2.44140625, 3]
    assert told_of == [JobEvent.CREATED, JobEvent.ABORTED]
    assert [asked.json for asked in org.asked_of("PATCH", "/jobs/")] == [
        {"state": "UploadComplete"},
        {"state": "Aborted"},
    ]


def test_a_job_that_runs_when_our_time_is_over_goes_on_and_its_id_stays_kept(
    org: ScriptedOrg, client: SalesforceClient, fake_time: FakeTime, tmp_path: Path
) -> None:
    """The continuation waits for it: aborting would throw away what it is about to write."""
    BulkOrg(org, all_created)
    org.on("GET", "/jobs/ingest/750\\w+$", told({"state": "InProgress"}))
    client._connection.session.sleep = TimeLeft(3, fake_time.clock).waiting(fake_time.sleep)
    told_of: list[JobEvent] = []
    with pytest.raises(OutOfTime):
        outcomes(client, keys(3), tmp_path, on_job=lambda _, event: told_of.append(event))
    assert fake_time.slept == [1, 1.25]
    assert told_of == [JobEvent.CREATED]
    assert [asked.json for asked in org.asked_of("PATCH", "/jobs/")] == [{"state": "UploadComplete"}]
    assert list(tmp_path.iterdir()) == [], "files with claims are left behind"


def test_all_jobs_that_run_when_our_time_is_over_go_on(
    org: ScriptedOrg, make_client: ClientMaker, fake_time: FakeTime, tmp_path: Path
) -> None:
    client = in_files_of_four(org, make_client, 3)
    bulk = BulkOrg(org, all_created, all_created, all_created)
    org.on("GET", "/jobs/ingest/750\\w+$", told({"state": "InProgress"}))
    client._connection.session.sleep = TimeLeft(3, fake_time.clock).waiting(fake_time.sleep)
    with pytest.raises(OutOfTime):
        list(client.upsert("Claim__c", KEY, [keys(10)], work_folder=tmp_path))
    assert len(bulk.jobs) == 3
    assert [asked.json for asked in org.asked_of("PATCH", "/jobs/")] == [{"state": "UploadComplete"}] * 3
    assert list(tmp_path.iterdir()) == []


def test_a_job_that_was_not_started_when_our_time_is_over_never_starts(
    org: ScriptedOrg, client: SalesforceClient, fake_time: FakeTime, tmp_path: Path
) -> None:
    bulk = BulkOrg(org, all_created)
    with pytest.raises(OutOfTime):
        outcomes(client, keys(3), tmp_path, before_batch=TimeLeft(0, fake_time.clock).require)
    assert bulk.jobs[0].state == "Aborted"


def test_an_abort_that_is_not_confirmed_leaves_the_job_to_whoever_comes_next(
    org: ScriptedOrg, client: SalesforceClient, tmp_path: Path
) -> None:
    BulkOrg(org, all_created)
    org.on("GET", "/jobs/ingest/750\\w+$", Told(503, b""))
    org.on("PATCH", "/jobs/ingest/750\\w+$", told({"state": "UploadComplete"}), Told(503, b""))
    told_of: list[JobEvent] = []
    with pytest.raises(SalesforceUnavailable):
        outcomes(client, keys(3), tmp_path, on_job=lambda _, event: told_of.append(event))
    assert told_of == [JobEvent.CREATED]


def test_a_lease_lost_before_the_job_starts_aborts_it(
    org: ScriptedOrg, client: SalesforceClient, tmp_path: Path
) -> None:
    bulk = BulkOrg(org, all_created)

    def lost() -> None:
        raise LeaseLost("lost")

    with pytest.raises(LeaseLost):
        outcomes(client, keys(3), tmp_path, before_batch=lost)
    assert bulk.jobs[0].state == "Aborted"
    assert list(tmp_path.iterdir()) == []


LOST_SESSION = error("INVALID_SESSION_ID", 401)


@pytest.mark.parametrize(
    ("method", "path", "first", "asking"),
    [
        ("POST", "/jobs/ingest$", Told(503, b""), 1),
        ("POST", "/jobs/ingest$", LOST_SESSION, 1),
        ("PUT", "/batches$", Told(503, b""), 1),
        ("PUT", "/batches$", LOST_SESSION, 1),
        ("PATCH", "/jobs/ingest/750\\w+$", Told(503, b""), 2),
        ("PATCH", "/jobs/ingest/750\\w+$", LOST_SESSION, 2),
    ],
    ids=["create", "create, session", "upload", "upload, session", "start", "start, session"],
)
def test_a_lease_lost_while_a_call_waits_to_be_repeated_stops_the_repeat(
    org: ScriptedOrg,
    client: SalesforceClient,
    tmp_path: Path,
    method: str,
    path: str,
    first: Told,
    asking: int,
) -> None:
    """What was begun is aborted, and the file is nowhere started any more."""
    bulk = BulkOrg(org, all_created)
    org.once(method, path, first)
    with pytest.raises(LeaseLost, match=r"^taken over$"):
        outcomes(client, keys(3), tmp_path, before_batch=LostAt(asking))
    sent = [asked for asked in org.asked_of(method, path) if asked.body != b'{"state": "Aborted"}']
    assert len(sent) == 1
    assert [job.state for job in bulk.jobs] == ["Aborted"] * (method != "POST")
    assert list(tmp_path.iterdir()) == []


def test_a_person_who_stops_the_run_aborts_the_job(
    org: ScriptedOrg, make_client: ClientMaker, fake_time: FakeTime, tmp_path: Path
) -> None:
    describe_as(org, "Claim__c", claim_fields())
    client = make_client(consumer_key="k", consumer_secret="s", sizes=BulkSizes(threshold=3))
    bulk = BulkOrg(org, all_created)
    org.on("GET", "/jobs/ingest/750\\w+$", told({"state": "InProgress"}))
    org.on("PATCH", "/jobs/ingest/750\\w+$", lambda asked: told(asked.json))

    def interrupt(seconds: float) -> None:
        raise KeyboardInterrupt

    client._connection.session.sleep = interrupt
    with pytest.raises(KeyboardInterrupt):
        outcomes(client, keys(3), tmp_path)
    assert org.asked_of("PATCH", "/jobs/")[-1].json == {"state": "Aborted"}
    assert len(bulk.jobs) == 1


def test_a_job_that_may_not_be_made_stops_the_upsert(
    org: ScriptedOrg, client: SalesforceClient, tmp_path: Path
) -> None:
    org.on("POST", "/jobs/ingest$", error("INVALIDENTITY", 400))
    with pytest.raises(RequestRefused, match="INVALIDENTITY"):
        outcomes(client, keys(3), tmp_path)


@pytest.mark.parametrize(
    ("looks", "ended", "aborts"),
    [
        ([told({"state": "InProgress"}), told({"state": "JobComplete"})], "JobComplete", 0),
        ([told({"state": "UploadComplete"}), told({"state": "JobComplete"})], "JobComplete", 0),
        ([told({"state": "Open"}), told({"state": "Aborted"})], "Aborted", 1),
    ],
)
def test_a_job_of_an_earlier_part_of_the_run_is_waited_for_unless_it_never_started(
    org: ScriptedOrg, client: SalesforceClient, looks: list[Told], ended: str, aborts: int
) -> None:
    org.on("GET", "/jobs/ingest/7501$", *looks)
    org.on("PATCH", "/jobs/ingest/7501$", told({"state": "Aborted"}))
    assert client.end_job("7501", abort=False) == ended
    assert len(org.asked_of("PATCH", "/7501$")) == aborts


@pytest.mark.parametrize(
    ("looks", "ended", "aborts"),
    [
        ([told({"state": "JobComplete"})], "JobComplete", 0),
        ([told({"state": "InProgress"}), told({"state": "Aborted"})], "Aborted", 1),
        ([told({"state": "UploadComplete"}), told({"state": "JobComplete"})], "JobComplete", 1),
        ([error("NOT_FOUND", 404)], "Gone", 0),
    ],
)
def test_a_job_of_an_earlier_run_is_ended(
    org: ScriptedOrg, client: SalesforceClient, looks: list[Told], ended: str, aborts: int
) -> None:
    org.on("GET", "/jobs/ingest/7501$", *looks)
    org.on(
        "PATCH", "/jobs/ingest/7501$", told({"state": "Aborted"}) if ended == "Aborted" else error("X_Y", 400)
    )
    assert client.end_job("7501") == ended
    assert len(org.asked_of("PATCH", "/7501$")) == aborts
