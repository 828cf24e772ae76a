"""Bulk API 2.0 of one org: what the app mounts, and what a test or a person holds on to.

What belongs here: putting ingest and query jobs together under one script. Not here: their requests (`bulk_ingest`,
`bulk_query`).
"""

from pathlib import Path

from claims_pipeline.sandbox.salesforce.bulk_ingest import ingest_endpoints, ingest_jobs
from claims_pipeline.sandbox.salesforce.bulk_jobs import BulkScript
from claims_pipeline.sandbox.salesforce.bulk_query import query_endpoints, query_jobs
from claims_pipeline.sandbox.salesforce.calls import Endpoint
from claims_pipeline.sandbox.salesforce.org import Org


class BulkApi:
    """The jobs of an org. Set `script` to make them go wrong; it holds for every job that is run or polled after."""

    def __init__(self, org: Org, *, folder: Path | None = None, script: BulkScript | None = None) -> None:
        self.script = script or BulkScript()
        self.ingest = ingest_jobs(org, self.script, folder=folder)
        self._query, self._query_run = query_jobs(org, self.script, folder=folder)

    def endpoints(self) -> list[Endpoint]:
        """Every method below `jobs/ingest` and `jobs/query`."""
        return [*ingest_endpoints(self.ingest), *query_endpoints(self._query, self._query_run)]

    def release(self) -> None:
        """Run the jobs that the script held, and hold no more."""
        self.ingest.release()
        self._query.release()

    def shut_down(self) -> None:
        """Let the running jobs end, and start no other."""
        self.ingest.shut_down()
        self._query.shut_down()
