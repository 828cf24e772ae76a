"""Bulk API 2.0 query over HTTP: `jobs/query` and what stands below it.

What belongs here: the requests, their checks and their answers. Not here: how a job lives (`bulk_jobs`) and how its
results are written (`bulk_query_run`). Texts of refusals that no source gives are ours; their form is Salesforce's.
"""

import base64
import binascii
from collections.abc import Mapping
from pathlib import Path

from claims_pipeline.sandbox.salesforce.bulk_csv import DELIMITERS, LINE_ENDINGS
from claims_pipeline.sandbox.salesforce.bulk_ingest import blocks, one_of
from claims_pipeline.sandbox.salesforce.bulk_jobs import (
    QUERY_OPERATIONS,
    BulkScript,
    Job,
    Jobs,
    JobState,
    printed_instant,
    wrong_state,
)
from claims_pipeline.sandbox.salesforce.bulk_query_run import RESULTS, QueryRun, checked
from claims_pipeline.sandbox.salesforce.calls import Answer, ApiError, Call, Endpoint, not_found
from claims_pipeline.sandbox.salesforce.org import Org

RECORDS_A_PAGE = 50_000  # of resultPages, and of results without maxRecords
RESULT_PAGES = 5  # links at once


def query_jobs(org: Org, script: BulkScript, *, folder: Path | None = None) -> tuple[Jobs, QueryRun]:
    """The org's query jobs; their files go to `folder`, or to a private one that goes with them."""
    run = QueryRun(org, script)
    return Jobs(org, run, script, folder=folder), run


def query_endpoints(
    jobs: Jobs, run: QueryRun, *, records_a_page: int = RECORDS_A_PAGE
) -> tuple[Endpoint, ...]:
    """Every method below `jobs/query`."""
    api = _QueryApi(jobs, run, records_a_page)
    one = "jobs/query/{job_id}"
    return (
        Endpoint("POST", "jobs/query", api.create),
        Endpoint("GET", "jobs/query", api.list),
        Endpoint("GET", one, api.info),
        Endpoint("PATCH", one, api.change),
        Endpoint("DELETE", one, api.delete),
        Endpoint("GET", f"{one}/results", api.results),
        Endpoint("GET", f"{one}/resultPages", api.result_pages),
    )


class _QueryApi:
    """The handlers."""

    def __init__(self, jobs: Jobs, run: QueryRun, records_a_page: int) -> None:
        self._jobs = jobs
        self._run = run
        self._records_a_page = records_a_page

    def create(self, call: Call) -> Answer:
        """`POST jobs/query`: 200 with the job, which is UploadComplete from the start."""
        asked = call.json_object()
        soql = str(asked.get("query") or "")
        operation = one_of({"operation": asked.get("operation")}, "operation", QUERY_OPERATIONS)
        object_name = checked(call.org, call.user, soql)
        options: dict[str, object] = {
            "contentType": one_of(asked, "contentType", ("CSV",)),
            "lineEnding": one_of(asked, "lineEnding", tuple(LINE_ENDINGS)),
            "columnDelimiter": one_of(asked, "columnDelimiter", ("COMMA", *DELIMITERS)),
            "query": soql,
        }
        job = self._jobs.create(call, operation=operation, object_name=object_name, options=options)
        return Answer(200, _created(job) | {"state": JobState.UPLOAD_COMPLETE})

    def list(self, _call: Call) -> Answer:
        """`GET jobs/query`: every job, on one page."""
        return Answer(
            200, {"done": True, "records": [_shown(job) for job in self._jobs.all()], "nextRecordsUrl": None}
        )

    def info(self, call: Call) -> Answer:
        """`GET jobs/query/{id}`: the job and its counts; a failed query job says no reason."""
        job = self._jobs.find(call.path["job_id"])
        state = self._jobs.poll(job)
        counts = {"numberRecordsProcessed": job.rows_processed, "retries": 0, "totalProcessingTime": 0}
        return Answer(200, _shown(job) | {"state": state} | counts | {"isPkChunkingSupported": True})

    def change(self, call: Call) -> Answer:
        """`PATCH jobs/query/{id}`: abort it."""
        job = self._jobs.find(call.path["job_id"])
        state = call.json_object().get("state")
        if state != JobState.ABORTED:
            raise wrong_state(f"InvalidJobState : A query job can not be set to {state}")
        self._jobs.abort(job)
        return Answer(200, _created(job))

    def delete(self, call: Call) -> Answer:
        """`DELETE jobs/query/{id}`: 204, for a finished job."""
        job = self._jobs.find(call.path["job_id"])
        self._jobs.delete(job)
        self._run.places.pop(job.id, None)
        return Answer(204)

    def results(self, call: Call) -> Answer:
        """`GET .../results?maxRecords=&locator=`: one stretch of the CSV, with the header each time."""
        job = self._complete(call)
        places = self._run.places[job.id]
        total = len(places) - 1
        start = _start(call.query, total)
        end = min(total, start + _whole(call.query, "maxRecords", default=self._records_a_page))
        path = job.folder / RESULTS
        header = b"".join(blocks(path, 0, places[0]))
        body = blocks(path, places[start], places[end])
        headers = {
            "Sforce-NumberOfRecords": str(end - start),
            "Sforce-Locator": _locator(end) if end < total else "null",
        }
        return Answer(
            200,
            content=(part for source in ([header], body) for part in source),
            headers=headers,
            media_type="text/csv",
        )

    def result_pages(self, call: Call) -> Answer:
        """`GET .../resultPages`: links to some stretches of the results, so that they can be had in parallel."""
        job = self._complete(call)
        total = len(self._run.places[job.id]) - 1
        start, step = _start(call.query, total), self._records_a_page
        path = f"{call.root}/jobs/query/{job.id}"
        starts = list(range(start, max(total, 1), step))
        links = [
            {"resultLink": f"{path}/results?locator={_locator(at)}&maxRecords={step}"}
            for at in starts[:RESULT_PAGES]
        ]
        more = starts[RESULT_PAGES : RESULT_PAGES + 1]
        following = f"{path}/resultPages?locator={_locator(more[0])}" if more else None
        return Answer(200, {"resultPages": links, "nextRecordsUrl": following, "done": not more})

    def _complete(self, call: Call) -> Job:
        """The job, if its results can be had: complete, and asked for in the API version that made it."""
        job = self._jobs.find(call.path["job_id"])
        if call.version != job.version:
            message = f"The job was created in API version {job.version}; its results can not be had in {call.version}"
            raise ApiError(409, "INVALIDVERSION", message)
        self._jobs.settle(job)
        if job.state is not JobState.JOB_COMPLETE:
            raise wrong_state(f"Results of a Job that is not complete can not be had: {job.state}")
        if self._jobs.script.lose_results:
            raise not_found()
        return job


def _locator(start: int) -> str:
    return base64.urlsafe_b64encode(str(start).encode()).decode().rstrip("=")


def _start(query: Mapping[str, str], total: int) -> int:
    """The first record that is asked for."""
    locator = query.get("locator")
    if not locator:
        return 0
    try:
        start = int(base64.urlsafe_b64decode(locator + "=" * (-len(locator) % 4)))
    except (binascii.Error, ValueError):
        start = -1
    if not 0 <= start <= total:
        raise ApiError(400, "INVALID_QUERY_LOCATOR", "invalid query locator")
    return start


def _whole(query: Mapping[str, str], name: str, *, default: int) -> int:
    given = query.get(name)
    if given is None:
        return default
    if not given.isdigit() or int(given) < 1:
        raise ApiError(400, "INVALID_ARGUMENT", f"{name} must be a positive whole number")
    return int(given)


def _created(job: Job) -> dict[str, object]:
    """The job as creating it answers."""
    options = {name: value for name, value in job.options.items() if name != "query"}
    return {
        "id": job.id,
        "operation": job.operation,
        "object": job.object_name,
        "createdById": job.user.id,
        "createdDate": printed_instant(job.created_at),
        "systemModstamp": printed_instant(job.changed_at or job.created_at),
        "state": job.state,
        "concurrencyMode": "Parallel",
        "apiVersion": float(job.version),
        **options,
    }


def _shown(job: Job) -> dict[str, object]:
    return _created(job) | {"jobType": "V2Query"}
