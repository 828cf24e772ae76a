"""A scripted org's Bulk ingest: jobs that take a file and end as a test says.

What belongs here: the wire of a job. What Salesforce would do with the rows is the sandbox's to say.
"""

import csv
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from claims_pipeline_tests.clients.salesforce.scripted_org import (
    Asked,
    ScriptedOrg,
    Told,
    csv_told,
    error,
    told,
)

Cells = dict[str, str]
JOB_PATH = r"/jobs/ingest/(750\d+AAA)"


@dataclass
class Job:
    """One job: what came, and what became of each row."""

    job_id: str
    state: str = "Open"
    file: bytes = b""
    error_message: str | None = None
    good: list[Cells] = field(default_factory=list)
    bad: list[Cells] = field(default_factory=list)
    left: list[Cells] = field(default_factory=list)

    @property
    def rows(self) -> list[Cells]:
        return list(csv.DictReader(io.StringIO(self.file.decode(), newline="")))

    def created(self, row: Cells, *, created: bool = True) -> None:
        self.good.append(
            {"sf__Id": f"id-{row['Claim_Number__c']}", "sf__Created": str(created).lower()} | row
        )

    def refused(self, row: Cells, error_text: str) -> None:
        self.bad.append({"sf__Id": "", "sf__Error": error_text} | row)


Process = Callable[[Job], None]


class BulkOrg:
    """Serves `jobs/ingest` on a scripted org; `process` decides at UploadComplete, one function a job."""

    def __init__(self, org: ScriptedOrg, *process: Process) -> None:
        self.jobs: list[Job] = []
        self._process = list(process)
        org.on("POST", "/jobs/ingest$", self._create)
        org.on("PUT", f"{JOB_PATH}/batches$", self._upload)
        org.on("PATCH", f"{JOB_PATH}$", self._set_state)
        org.on("GET", f"{JOB_PATH}$", self._look)
        org.on(
            "GET",
            f"{JOB_PATH}/successfulResults$",
            self._results(lambda job: (job.good, ["sf__Created", "sf__Id"])),
        )
        org.on(
            "GET", f"{JOB_PATH}/failedResults$", self._results(lambda job: (job.bad, ["sf__Id", "sf__Error"]))
        )
        org.on("GET", f"{JOB_PATH}/unprocessedrecords$", self._results(lambda job: (job.left, [])))

    def job(self, asked: Asked) -> Job:
        return next(job for job in self.jobs if job.job_id in asked.path)

    def _create(self, asked: Asked) -> Told:
        job = Job(f"7500000000000{len(self.jobs):02}AAA")
        self.jobs.append(job)
        content = f"services/data/v59.0/jobs/ingest/{job.job_id}/batches"
        return told(asked.json | {"id": job.job_id, "state": "Open", "contentUrl": content})

    def _upload(self, asked: Asked) -> Told:
        self.job(asked).file = asked.body
        return Told(201)

    def _set_state(self, asked: Asked) -> Told:
        job, state = self.job(asked), asked.json["state"]
        if job.state in ("JobComplete", "Failed", "Aborted"):
            return error("INVALIDJOBSTATE", 400)
        job.state = state
        if state == "UploadComplete":
            self._process.pop(0)(job)
            job.state = "Failed" if job.error_message else "JobComplete"
        return told({"id": job.job_id, "state": state})

    def _look(self, asked: Asked) -> Told:
        job = self.job(asked)
        facts = {"numberRecordsProcessed": len(job.good) + len(job.bad), "numberRecordsFailed": len(job.bad)}
        return told({"id": job.job_id, "state": job.state, "errorMessage": job.error_message} | facts)

    def _results(self, choose: Callable[[Job], tuple[Sequence[Cells], list[str]]]) -> Callable[[Asked], Told]:
        def serve(asked: Asked) -> Told:
            job = self.job(asked)
            rows, extra = choose(job)
            columns = extra + sorted(
                job.rows[0] if job.rows else []
            )  # alphabetical, as recorded from Salesforce
            text = io.StringIO()
            writer = csv.DictWriter(text, columns, lineterminator="\n")
            writer.writeheader()
            writer.writerows(reversed(rows))
            return csv_told(text.getvalue())

        return serve


def all_created(job: Job) -> None:
    """Every row is created."""
    for row in job.rows:
        job.created(row)
