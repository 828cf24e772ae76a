"""Running a query job: SOQL in, one CSV file and the place of each of its records out.

What belongs here: what a Bulk query may ask, and writing its results. Not here: SOQL itself (`soql`), the job's life
(`bulk_jobs`), HTTP (`bulk_query`).
"""

from array import array
from dataclasses import dataclass, field

from claims_pipeline.sandbox.salesforce.bulk_csv import DELIMITERS, LINE_ENDINGS, printer, quoted
from claims_pipeline.sandbox.salesforce.bulk_jobs import BulkScript, Job, JobFailed
from claims_pipeline.sandbox.salesforce.calls import ApiError
from claims_pipeline.sandbox.salesforce.org import Org
from claims_pipeline.sandbox.salesforce.people import User
from claims_pipeline.sandbox.salesforce.soql import SLICE, QueryResult, execute, plan_of, selected_names
from claims_pipeline.sandbox.salesforce.soql_errors import SoqlError
from claims_pipeline.sandbox.salesforce.soql_grammar import parse
from claims_pipeline.sandbox.salesforce.soql_tree import FieldsCall

RESULTS = "results.csv"


@dataclass(frozen=True)
class QueryRun:
    """Runs query jobs of one org. `places` holds, for each finished job, where each record begins in its file."""

    org: Org
    script: BulkScript
    places: "dict[str, array[int]]" = field(default_factory=dict)

    def __call__(self, job: Job) -> None:
        """Write everything that the job's query finds, as it is now; JobFailed where it cannot be asked any more."""
        if self.script.fail_queries:
            raise JobFailed(self.script.error_message)
        try:
            found = execute(
                self.org, job.user, str(job.options["query"]), include_deleted=job.operation == "queryAll"
            )
        except SoqlError as refused:
            raise JobFailed(f"{refused.code}: {refused.message}") from None
        self.places[job.id] = self._write(job, found)

    def _write(self, job: Job, found: QueryResult) -> "array[int]":
        delimiter = DELIMITERS[str(job.options["columnDelimiter"])]
        line_ending = LINE_ENDINGS[str(job.options["lineEnding"])]
        printers = [printer(column.type) for column in found.columns]
        places = array("Q")
        with (job.folder / RESULTS).open("wb") as file:
            at = file.write(quoted(selected_names(found.columns), delimiter, line_ending).encode())
            for start in range(0, found.total, SLICE):
                if job.abort_asked:
                    break
                for cells in found.cells(start, SLICE):
                    shown = [show(cell) for show, cell in zip(printers, cells, strict=False)]
                    places.append(at)
                    at += file.write(quoted(shown, delimiter, line_ending).encode())
                job.rows_processed = len(places)
        places.append(at)
        return places


def checked(org: Org, user: User, soql: str) -> str:
    """The object that a Bulk query asks; ApiError for what is no SOQL or what Bulk does not answer."""
    try:
        query = parse(soql)
        plan = plan_of(org, user, soql)
    except SoqlError as refused:
        raise ApiError(400, refused.code, refused.message) from None
    wrong = None
    if plan.aggregate:
        wrong = "Aggregate functions and GROUP BY are not supported in Bulk V2 Query"
    elif plan.children:
        wrong = "Aggregate Relationships not supported in Bulk V2 Query with CSV content type"
    elif query.offset is not None:
        wrong = "OFFSET is not supported in Bulk V2 Query"
    elif any(isinstance(item.what, FieldsCall) and item.what.which != "STANDARD" for item in query.select):
        wrong = "FIELDS(ALL) and FIELDS(CUSTOM) are not supported in Bulk V2 Query"
    if wrong is not None:
        raise ApiError(400, "API_ERROR", wrong)
    return plan.object_name
