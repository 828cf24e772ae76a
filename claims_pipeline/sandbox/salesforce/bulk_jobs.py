"""Jobs of Bulk API 2.0: what a job is, its states, and the one worker that runs them.

What belongs here: what ingest and query jobs share, and the scripts that make a job go wrong. Not here: what a job does
(`bulk_ingest_run`, `bulk_query_run`), nor HTTP (`bulk_ingest`, `bulk_query`).

Jobs run in a thread of their own as soon as they are closed, whether anybody asks for them or not. A poll waits a
moment for that thread, so that a small job is done at a poll that the caller can foretell.
"""

import shutil
import tempfile
import threading
import weakref
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from itertools import count
from pathlib import Path

from claims_pipeline.errors import PermanentError
from claims_pipeline.sandbox.salesforce.calls import ApiError, Call, not_found
from claims_pipeline.sandbox.salesforce.org import Org
from claims_pipeline.sandbox.salesforce.people import User
from claims_pipeline.sandbox.salesforce.record_ids import new_id

QUERY_OPERATIONS = ("query", "queryAll")
JOB_KEY_PREFIX = "750"
_POLL_WAIT_SECONDS = 0.5


class JobState(StrEnum):
    """Where a job stands."""

    OPEN = "Open"
    UPLOAD_COMPLETE = "UploadComplete"
    IN_PROGRESS = "InProgress"
    JOB_COMPLETE = "JobComplete"
    FAILED = "Failed"
    ABORTED = "Aborted"


FINISHED = frozenset({JobState.JOB_COMPLETE, JobState.FAILED, JobState.ABORTED})


class JobFailed(PermanentError):
    """The whole job fails, with this `errorMessage`; what was committed stays."""


@dataclass
class BulkScript:
    """How jobs go, for whoever tries a client out.

    A job's stop and hold are settled when it is closed, the rest when it is asked for.
    """

    polls_before_done: int = 1  # how many polls are answered InProgress before the end shows
    fail_after_rows: int | None = None  # an ingest job fails once so many rows are committed or refused
    abort_after_rows: int | None = None  # an admin aborts it there
    jobs_stopped: int | None = None  # for how many more jobs these two hold; null: for every one
    fail_queries: bool = False  # query jobs fail
    error_message: str = "InternalServerError : An internal server error occurred."
    lose_results: bool = False  # results cannot be had any more
    hold: bool = False  # closed jobs are not run until they are released


@dataclass
class Job:
    """One job, ingest or query. `options` are what it was created with, in the order in which they are shown."""

    id: str
    user: User
    version: str
    operation: str
    object_name: str
    created_at: datetime
    folder: Path
    options: dict[str, object]
    state: JobState = JobState.OPEN
    rows_processed: int = 0
    rows_failed: int = 0
    error_message: str | None = None
    polls: int = 0
    abort_asked: bool = False
    fail_after_rows: int | None = None
    abort_after_rows: int | None = None
    changed_at: datetime | None = None
    running: "Future[None] | None" = field(default=None, repr=False)

    @property
    def is_query(self) -> bool:
        """Whether it reads; else it writes."""
        return self.operation in QUERY_OPERATIONS

    @property
    def closed(self) -> bool:
        """Whether it was handed over to be run."""
        return self.state is not JobState.OPEN


Run = Callable[[Job], None]
"""Runs a closed job to its end: returns when it is complete or aborted, raises JobFailed when it fails."""


class Jobs:
    """The jobs of one kind in one org, their files, and the worker that runs them."""

    def __init__(self, org: Org, run: Run, script: BulkScript, *, folder: Path | None = None) -> None:
        self.org = org
        self.script = script
        self._run = run
        self._folder = folder or _own_folder(self)
        self._jobs: dict[str, Job] = {}
        self._held: list[Job] = []
        self._numbers = count(1)
        self._lock = threading.RLock()
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="bulk")

    def create(self, call: Call, *, operation: str, object_name: str, options: dict[str, object]) -> Job:
        """A new job; a query is handed over at once."""
        with self._lock:
            number = next(self._numbers) * 2 + (operation in QUERY_OPERATIONS)  # no two kinds share an id
            job_id = new_id(JOB_KEY_PREFIX, number)
            folder = self._folder / job_id
            folder.mkdir(parents=True)
            job = Job(
                job_id, call.user, call.version, operation, object_name, self.org.now(), folder, options
            )
            self._jobs[job_id] = job
        if job.is_query:
            self.close(job)
        return job

    def all(self) -> list[Job]:
        """Every job, the oldest first."""
        with self._lock:
            return list(self._jobs.values())

    def find(self, job_id: str) -> Job:
        """The job of this id, of 15 or 18 characters; ApiError 404 if there is none."""
        with self._lock:
            for job in self._jobs.values():
                if job_id in (job.id, job.id[:15]):
                    return job
        raise not_found()

    def close(self, job: Job) -> None:
        """Hand the job over; it runs in the worker, unless jobs are held."""
        with self._lock:
            job.state = JobState.UPLOAD_COMPLETE
            job.changed_at = self.org.now()
            if not job.is_query:
                self._set_stop(job)
            if self.script.hold:
                self._held.append(job)
            else:
                job.running = self._worker.submit(self._finish, job)

    def _set_stop(self, job: Job) -> None:
        """Where the script has this job stop, if there is a job left for it to stop."""
        script = self.script
        if script.jobs_stopped == 0 or (script.fail_after_rows is None and script.abort_after_rows is None):
            return
        job.fail_after_rows, job.abort_after_rows = script.fail_after_rows, script.abort_after_rows
        if script.jobs_stopped is not None:
            script.jobs_stopped -= 1

    def release(self) -> None:
        """Run the jobs that were held, in the order in which they were closed."""
        with self._lock:
            held, self._held = self._held, []
            self.script.hold = False
            for job in held:
                job.running = self._worker.submit(self._finish, job)

    def poll(self, job: Job) -> JobState:
        """The state as this poll is to see it."""
        job.polls += 1
        if job.polls <= self.script.polls_before_done and job.closed and not job.abort_asked:
            return JobState.IN_PROGRESS if job.running is not None else job.state
        self.settle(job, _POLL_WAIT_SECONDS)
        return job.state

    def settle(self, job: Job, seconds: float | None = None) -> None:
        """Wait for a running job, at most so long."""
        if job.running is not None:
            wait([job.running], timeout=seconds)

    def abort(self, job: Job) -> None:
        """Stop a job; what it has committed stays, and its other rows are unprocessed. ApiError if it is finished."""
        with self._lock:
            if job.state in FINISHED:
                raise wrong_state(f"Aborting already Completed Job not allowed: {job.state}")
            was_open, job.abort_asked = not job.closed, True
            self._end(job, JobState.ABORTED)
            if job in self._held:
                self._held.remove(job)
            if job.running is None and not was_open:
                job.running = self._worker.submit(self._finish, job)
        self.settle(job, _POLL_WAIT_SECONDS)

    def delete(self, job: Job) -> None:
        """Forget a finished job and its files."""
        with self._lock:
            if job.state not in FINISHED:
                raise wrong_state(f"Deleting a Job that is not finished not allowed: {job.state}")
            del self._jobs[job.id]
        shutil.rmtree(job.folder, ignore_errors=True)

    def shut_down(self) -> None:
        """Let the running job end, and start no other."""
        self._worker.shutdown(wait=True, cancel_futures=True)

    def _finish(self, job: Job) -> None:
        if not job.abort_asked:
            job.state = JobState.IN_PROGRESS
        try:
            self._run(job)
        except JobFailed as failed:
            job.error_message = str(failed)
            self._end(job, JobState.FAILED)
        except Exception:
            job.error_message = self.script.error_message
            self._end(job, JobState.FAILED)
            raise
        else:
            self._end(job, JobState.ABORTED if job.abort_asked else JobState.JOB_COMPLETE)

    def _end(self, job: Job, state: JobState) -> None:
        job.changed_at = self.org.now()
        job.state = state


def wrong_state(message: str) -> ApiError:
    """A request that the job's state does not allow."""
    return ApiError(400, "INVALIDJOBSTATE", message)


def printed_instant(at: datetime) -> str:
    """An instant as REST prints it."""
    return at.strftime("%Y-%m-%dT%H:%M:%S.000+0000")


def _own_folder(owner: object) -> Path:
    """A private folder that goes when its owner does."""
    path = Path(tempfile.mkdtemp(prefix="sandbox-bulk-"))
    weakref.finalize(owner, shutil.rmtree, path, ignore_errors=True)
    return path
