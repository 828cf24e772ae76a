"""Bulk API 2.0 ingest over HTTP: `jobs/ingest` and what stands below it.

What belongs here: the requests, their checks and their answers. Not here: how a job lives (`bulk_jobs`), nor what it
does to records (`bulk_ingest_run`). Texts of refusals that no source gives are ours; their form is Salesforce's.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import BinaryIO

from claims_pipeline.sandbox.salesforce.bulk_csv import DELIMITERS, LINE_ENDINGS
from claims_pipeline.sandbox.salesforce.bulk_ingest_run import UPLOAD, Ingest, Results, result_file
from claims_pipeline.sandbox.salesforce.bulk_jobs import (
    FINISHED,
    BulkScript,
    Job,
    Jobs,
    JobState,
    printed_instant,
    wrong_state,
)
from claims_pipeline.sandbox.salesforce.calls import Answer, ApiError, Call, Endpoint, not_found
from claims_pipeline.sandbox.salesforce.org import NotAnExternalId, Org

OPERATIONS = ("insert", "update", "upsert", "delete")
MAX_UPLOAD_BYTES = 150 * 1024 * 1024 * 3 // 4  # 150 MB once Salesforce has made base64 of it
_BLOCK = 1 << 20


def ingest_jobs(org: Org, script: BulkScript, *, folder: Path | None = None) -> Jobs:
    """The org's ingest jobs; their files go to `folder`, or to a private one that goes with them."""
    return Jobs(org, Ingest(org, script), script, folder=folder)


def ingest_endpoints(jobs: Jobs, *, max_upload_bytes: int = MAX_UPLOAD_BYTES) -> tuple[Endpoint, ...]:
    """Every method below `jobs/ingest`."""
    api = _IngestApi(jobs, max_upload_bytes)
    one = "jobs/ingest/{job_id}"
    return (
        Endpoint("POST", "jobs/ingest", api.create),
        Endpoint("GET", "jobs/ingest", api.list),
        Endpoint("GET", one, api.info),
        Endpoint("PATCH", one, api.change),
        Endpoint("DELETE", one, api.delete),
        Endpoint("PUT", f"{one}/batches", api.upload),
        *(Endpoint("GET", f"{one}/{kind}", api.results(kind)) for kind in Results),
    )


class _IngestApi:
    """The handlers."""

    def __init__(self, jobs: Jobs, max_upload_bytes: int) -> None:
        self._jobs = jobs
        self._max_upload_bytes = max_upload_bytes

    def create(self, call: Call) -> Answer:
        """`POST jobs/ingest`: 200 with the open job."""
        asked = call.json_object()
        operation, name = str(asked.get("operation") or ""), str(asked.get("object") or "")
        seen = call.org.seen_by(call.user, name)
        if seen is None or not seen.createable:
            message = f"InvalidEntity : Entity '{name}' is not supported by the Bulk API."
            raise ApiError(400, "INVALIDENTITY", message)
        if operation not in OPERATIONS:
            raise ApiError(
                400,
                "INVALIDJOB",
                f"InvalidJob : Operation '{operation}' is not one of {', '.join(OPERATIONS)}",
            )
        options: dict[str, object] = {
            "externalIdFieldName": _key_field(call, seen.name, operation, asked),
            "contentType": one_of(asked, "contentType", ("CSV",)),
            "lineEnding": one_of(asked, "lineEnding", tuple(LINE_ENDINGS)),
            "columnDelimiter": one_of(asked, "columnDelimiter", ("COMMA", *DELIMITERS)),
        }
        job = self._jobs.create(call, operation=operation, object_name=seen.name, options=options)
        return Answer(200, _created(job))

    def list(self, _call: Call) -> Answer:
        """`GET jobs/ingest`: every job, on one page."""
        return Answer(
            200, {"done": True, "records": [_shown(job) for job in self._jobs.all()], "nextRecordsUrl": None}
        )

    def info(self, call: Call) -> Answer:
        """`GET jobs/ingest/{id}`: the job and its counts."""
        job = self._jobs.find(call.path["job_id"])
        state = self._jobs.poll(job)
        return Answer(200, _shown(job) | {"state": state} | _counts(job))

    def change(self, call: Call) -> Answer:
        """`PATCH jobs/ingest/{id}`: close it (UploadComplete) or abort it."""
        job = self._jobs.find(call.path["job_id"])
        state = call.json_object().get("state")
        if state == JobState.ABORTED:
            self._jobs.abort(job)
        elif state != JobState.UPLOAD_COMPLETE:
            raise ApiError(400, "INVALIDJOBSTATE", f"InvalidJobState : A job can not be set to {state}")
        elif job.closed:
            raise wrong_state(f"Closing already Completed Job not allowed: {job.state}")
        else:
            self._jobs.close(job)
        shown = JobState.ABORTED if state == JobState.ABORTED else JobState.UPLOAD_COMPLETE
        return Answer(200, _created(job) | {"state": shown})

    def delete(self, call: Call) -> Answer:
        """`DELETE jobs/ingest/{id}`: 204, for a finished job."""
        self._jobs.delete(self._jobs.find(call.path["job_id"]))
        return Answer(204)

    def upload(self, call: Call) -> Answer:
        """`PUT jobs/ingest/{id}/batches`: 201 without a body; once a job."""
        job = self._jobs.find(call.path["job_id"])
        path = job.folder / UPLOAD
        if job.closed:
            raise wrong_state(f"Uploading to a Job that is not open not allowed: {job.state}")
        if path.exists():
            raise wrong_state(
                f"Found multiple contents for job: <{job.id}>, please 'Close' / 'Abort' / 'Delete' the current Job "
                "then create a new Job and make sure you only do 'PUT' once on a given Job."
            )
        if not _stored(call.upload, path, self._max_upload_bytes):
            path.unlink()
            raise ApiError(400, "INVALIDBATCH", "InvalidBatch : The data is larger than 150 MB as base64")
        return Answer(201)

    def results(self, kind: Results) -> "_ResultsOf":
        """`GET jobs/ingest/{id}/successfulResults` and its like: CSV, a header line alone where there is none."""
        return _ResultsOf(self._jobs, kind)


class _ResultsOf:
    """The handler of one of the three results."""

    def __init__(self, jobs: Jobs, kind: Results) -> None:
        self._jobs = jobs
        self._kind = kind

    def __call__(self, call: Call) -> Answer:
        job = self._jobs.find(call.path["job_id"])
        if job.state not in FINISHED:
            raise wrong_state(f"Results of a Job that is not finished can not be had: {job.state}")
        if self._jobs.script.lose_results:
            raise not_found()
        self._jobs.settle(job)
        path = result_file(job, self._kind)
        return Answer(200, content=blocks(path) if path.exists() else b"", media_type="text/csv")


def one_of(asked: Mapping[str, object], name: str, known: Sequence[str]) -> str:
    """An option of the job, the first of what there is where it is left out."""
    given = asked.get(name) or known[0]
    if given not in known:
        raise ApiError(
            400,
            "INVALIDJOB",
            f"InvalidJob : {name} '{given}' is not one of {', '.join(dict.fromkeys(known))}",
        )
    return str(given)


def blocks(path: Path, start: int = 0, end: int | None = None) -> Iterator[bytes]:
    """A file, or a part of it, a block at a time."""
    with path.open("rb") as file:
        file.seek(start)
        left = path.stat().st_size - start if end is None else end - start
        while left > 0 and (block := file.read(min(_BLOCK, left))):
            left -= len(block)
            yield block


def _key_field(call: Call, object_name: str, operation: str, asked: Mapping[str, object]) -> str | None:
    if operation != "upsert":
        return None
    given = asked.get("externalIdFieldName")
    if not given:
        message = f"InvalidJob : External ID was blank for {object_name}. An External ID must be specified for upsert."
        raise ApiError(400, "INVALIDJOB", message)
    try:
        return call.org.key_field(call.user, object_name, str(given)).name
    except NotAnExternalId:
        message = f"InvalidJob : Field name provided, {given} does not match an External ID, Salesforce Id, or indexed"
        raise ApiError(400, "INVALIDJOB", f"{message} field for {object_name}") from None


def _stored(body: BinaryIO, path: Path, most_bytes: int) -> bool:
    """Stream the body to disk; False as soon as it is too large."""
    written = 0
    with path.open("wb") as file:
        while block := body.read(_BLOCK):
            written += len(block)
            if written > most_bytes:
                return False
            file.write(block)
    return True


def _created(job: Job) -> dict[str, object]:
    """The job as creating and changing it answer."""
    shown: dict[str, object] = {
        "id": job.id,
        "operation": job.operation,
        "object": job.object_name,
        "createdById": job.user.id,
        "createdDate": printed_instant(job.created_at),
        "systemModstamp": printed_instant(job.changed_at or job.created_at),
        "state": job.state,
        "concurrencyMode": "Parallel",
        "apiVersion": float(job.version),
        "contentUrl": f"services/data/v{job.version}/jobs/ingest/{job.id}/batches",
    }
    return shown | {name: value for name, value in job.options.items() if value is not None}


def _shown(job: Job) -> dict[str, object]:
    return _created(job) | {"jobType": "V2Ingest"}


def _counts(job: Job) -> dict[str, object]:
    """What the info tells beside the job. Failed rows are among the processed ones."""
    counts: dict[str, object] = {
        "numberRecordsProcessed": job.rows_processed,
        "numberRecordsFailed": job.rows_failed,
        "retries": 0,
        "totalProcessingTime": 0,
        "apiActiveProcessingTime": 0,
        "apexProcessingTime": 0,
    }
    return counts | ({"errorMessage": job.error_message} if job.error_message is not None else {})
