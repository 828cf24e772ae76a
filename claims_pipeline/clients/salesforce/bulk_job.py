"""One job of Bulk API 2.0 ingest, from its creation to its end.

What belongs here: create, upload, close, wait, abort. A job that we leave is aborted. Not here: its results
(`bulk_results`), nor what is done about them (`writing`).
"""

import logging
import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from claims_pipeline.clients.salesforce.connection import Connection
from claims_pipeline.clients.salesforce.patience import Patience, Waiting
from claims_pipeline.clients.salesforce.payload import JobFile
from claims_pipeline.clients.salesforce.refusals import (
    RequestRefused,
    SalesforceUnavailable,
    UnexpectedAnswer,
    safe_code,
)
from claims_pipeline.errors import ClaimsPipelineError, DeadlineExceeded, OutOfTime

logger = logging.getLogger(__name__)

_JOB_ID = re.compile(r"[A-Za-z0-9]{15,18}")
_FIELD_NOT_FOUND = re.compile(r"Field name not found : (\w+)")
_ENDED = frozenset({"JobComplete", "Failed", "Aborted"})
_UPLOADS = 3
_POLLS_MISSED = 5
_LEAVING_ATTEMPTS = 2


class JobEvent(StrEnum):
    """What happens to a job, for whoever keeps its id: from `created` until `ended` or `aborted` it may write.

    A job that we had to leave and whose abort Salesforce did not confirm tells neither: its id stays kept, and whoever
    comes next ends it (`SalesforceClient.end_job`).
    """

    CREATED = "created"
    ENDED = "ended"
    ABORTED = "aborted"


JobListener = Callable[[str, JobEvent], None]


@dataclass(frozen=True)
class RunningJob:
    """A job that holds its whole file and may write. `since`: when it was let start, by the session's clock."""

    job_id: str
    file: JobFile
    since: float


@dataclass(frozen=True)
class EndedJob:
    """A job that writes no more. `processed` counts the `failed` too; `code` says why a job failed as a whole."""

    job_id: str
    state: str
    processed: int
    failed: int
    code: str | None
    unknown_field: str | None


class BulkJobs:
    """Runs upsert jobs for one object and external id: started, and later finished; several may run at once.

    `before_batch` is asked before a job may start, and before whatever is sent once more to bring it there.
    """

    def __init__(
        self,
        connection: Connection,
        sobject: str,
        key: str,
        *,
        on_job: JobListener | None = None,
        before_batch: Callable[[], None] | None = None,
        patience: Patience | None = None,
    ) -> None:
        self._connection = connection
        self._sobject = sobject
        self._key = key
        self._on_job: JobListener = on_job or (lambda _job_id, _event: None)
        self._before_batch = before_batch or (lambda: None)
        self._patience = patience or Patience()

    def start(self, file: JobFile) -> RunningJob:
        """Sends the file as a job and lets it start. Whatever goes wrong on the way, the job is aborted."""
        job_id = self._uploaded(file)
        is_started = False
        try:
            self._before_batch()
            self._close(job_id)
            is_started = True
        finally:
            if not is_started:
                self.leave(job_id)
        return RunningJob(job_id, file, self._connection.session.clock())

    def finish(self, running: RunningJob, take: Callable[[EndedJob], None]) -> None:
        """Waits for a job's end and hands it to `take`, which reads the results; a job without an end is aborted.

        Only after that is the job told as ended. A job that runs when our time is over goes on, and its id stays kept:
        the continuation waits for it.
        """
        try:
            ended = self._wait(running.job_id, since=running.since, rows=running.file.keys.height)
        except OutOfTime:
            raise
        except BaseException:
            self.leave(running.job_id)
            raise
        take(ended)
        self._on_job(running.job_id, JobEvent.ENDED)

    def _uploaded(self, file: JobFile) -> str:
        """A job that holds the whole file. A job whose upload was lost cannot be filled again: another is made."""
        for attempt in range(1, _UPLOADS + 1):
            if attempt > 1:
                self._before_batch()
            job_id = self._create()
            uploaded = False
            try:
                self._on_job(job_id, JobEvent.CREATED)
                batches = f"jobs/ingest/{job_id}/batches"
                self._connection.upload(
                    "upload a Bulk file", batches, file.path, before_repeat=self._before_batch
                )
                uploaded = True
            except (SalesforceUnavailable, UnexpectedAnswer):
                if attempt == _UPLOADS:
                    raise
                logger.warning("the upload to Bulk job %s was lost; making another job", job_id)
            finally:
                if not uploaded:
                    self.leave(job_id)
            if uploaded:
                return job_id
        raise AssertionError("the last attempt returns or raises")

    def _create(self) -> str:
        told = self._connection.call(
            f"create a Bulk job for {self._sobject}",
            "POST",
            "jobs/ingest",
            body={
                "object": self._sobject,
                "operation": "upsert",
                "externalIdFieldName": self._key,
                "contentType": "CSV",
                "lineEnding": "LF",
                "columnDelimiter": "COMMA",
            },
            repeatable=True,  # a job that was made and never answered stays empty
            before_repeat=self._before_batch,
        )
        job_id = told.get("id") if isinstance(told, dict) else None
        if not isinstance(job_id, str) or not _JOB_ID.fullmatch(job_id):
            raise UnexpectedAnswer("Salesforce's answer to a new Bulk job holds no job id.")
        return job_id

    def _close(self, job_id: str) -> None:
        """Lets the job start. After a lost answer the job itself says whether it did."""
        try:
            self._set_state(job_id, "UploadComplete", before_repeat=self._before_batch)
        except (SalesforceUnavailable, UnexpectedAnswer, RequestRefused):
            if _state_of(self._look(job_id)) == "Open":
                raise

    def _set_state(self, job_id: str, state: str, **kwargs: Any) -> Any:
        what = f"set Bulk job {job_id} to {state}"
        return self._connection.call(
            what, "PATCH", f"jobs/ingest/{job_id}", body={"state": state}, repeatable=True, **kwargs
        )

    def _look(self, job_id: str) -> Any:
        return self._connection.call(f"look at Bulk job {job_id}", "GET", f"jobs/ingest/{job_id}")

    def _wait(self, job_id: str, since: float | None = None, rows: int = 0) -> EndedJob:
        """The job's end. `rows`: how many it has to process, where that is known."""
        patience = self._patience
        waiting, missed = Waiting(patience, self._connection.session, since), 0
        while True:
            waiting.sleep()
            try:
                told = self._look(job_id)
            except (SalesforceUnavailable, UnexpectedAnswer):
                missed += 1
                if missed == _POLLS_MISSED:
                    raise
                continue
            missed = 0
            if _state_of(told) in _ENDED:
                return _ended(job_id, told)
            if isinstance(processed := told.get("numberRecordsProcessed"), int):
                waiting.is_at(processed, rows)
            if waiting.is_over:
                raise DeadlineExceeded(
                    f"Salesforce's Bulk job {job_id} did not end within {patience.job_seconds / 3600:g} hours and is "
                    "aborted. See Setup, Bulk Data Load Jobs; then run again: what it wrote is found in the org."
                )

    def leave(self, job_id: str) -> None:
        """Aborts a job that nobody waits for any more. Never hides the error for which it is left."""
        try:
            state = _state_of(self._set_state(job_id, "Aborted", attempts=_LEAVING_ATTEMPTS))
        except ClaimsPipelineError as error:
            state = type(error).__name__
        if state == "Aborted":
            self._on_job(job_id, JobEvent.ABORTED)
        else:
            logger.warning("Bulk job %s could not be aborted (%s); its id is kept", job_id, state)

    def end(self, job_id: str, *, abort: bool = True) -> str:
        """Makes sure that a job of an earlier run writes no more: its last state, or `Gone`.

        Without `abort` a job that runs is waited for; one that never started is aborted all the same.
        """
        try:
            state = _state_of(self._look(job_id))
            if state in _ENDED:
                return state
            if state in (("Open", "UploadComplete", "InProgress") if abort else ("Open",)):
                self._set_state(job_id, "Aborted")
        except RequestRefused as refused:
            if refused.status == 404:
                return "Gone"
            logger.info("Bulk job %s was not aborted: it may have just ended", job_id)
        return self._wait(job_id).state


def _state_of(told: Any) -> str:
    state = told.get("state") if isinstance(told, dict) else None
    if not isinstance(state, str):
        raise UnexpectedAnswer("Salesforce's answer about a Bulk job tells no state.")
    return state


def _ended(job_id: str, told: Any) -> EndedJob:
    message = told.get("errorMessage")
    text = message if isinstance(message, str) else ""
    unknown = _FIELD_NOT_FOUND.search(text)
    return EndedJob(
        job_id=job_id,
        state=_state_of(told),
        processed=int(told.get("numberRecordsProcessed") or 0),
        failed=int(told.get("numberRecordsFailed") or 0),
        code=safe_code(text.partition(":")[0].strip()) if text else None,
        unknown_field=unknown[1] if unknown else None,
    )
