"""What can go wrong at CollaborateMD, told apart by what a person has to do.

What belongs here: the client's errors and their words. Not here: when they are raised. A message names the customer,
report and filter and the settings to look at; it never holds the service's own text (a `StatusMessage` can echo the
filter's criteria), a user name or a password.
"""

from dataclasses import dataclass

from claims_pipeline.errors import DeadlineExceeded, PermanentError, TransientError


@dataclass(frozen=True)
class ReportRequest:
    """Which saved report is meant, for messages. Numbers only."""

    customer: str
    report_id: str | None = None
    filter_id: str | None = None
    identifier: str | None = None

    def __str__(self) -> str:
        parts = [f"customer {self.customer}"]
        if self.report_id:
            parts.append(f"report {self.report_id}")
        if self.filter_id:
            parts.append(f"filter {self.filter_id}")
        if self.identifier:
            parts.append(f"result {self.identifier}")
        return ", ".join(parts)


class CredentialsRefused(PermanentError):
    """The API user name or password is wrong, or may not use the API."""

    def __init__(self, request: ReportRequest, status: int) -> None:
        super().__init__(
            f"CollaborateMD refused the API user (HTTP {status}; {request}). Check COLLABORATEMD_USERNAME and "
            "COLLABORATEMD_PASSWORD: they are the Web API's, not those of a person who signs in to CollaborateMD."
        )


class ReportNotFound(PermanentError):
    """The report, the filter or the customer is wrong, or not approved for the API."""

    def __init__(self, request: ReportRequest, said: str) -> None:
        same = (
            " The report id and the filter id are equal, which is hardly ever right."
            if _same(request)
            else ""
        )
        super().__init__(
            f"CollaborateMD answered {said} ({request}). Check COLLABORATEMD_REPORT_ID, COLLABORATEMD_FILTER_ID "
            "(and COLLABORATEMD_FULL_FILTER_ID) and COLLABORATEMD_CUSTOMER; the report must be of the Central "
            f"Business Intelligence kind, and CollaborateMD must have approved it for the API.{same}"
        )


class ServiceRefused(PermanentError):
    """The service, or what stands at its address, will not take what we send."""

    def __init__(self, request: ReportRequest, what: str, advice: str) -> None:
        super().__init__(f"CollaborateMD {what} ({request}). {advice}")


class UnknownStatus(PermanentError):
    """The service speaks of a status that this client does not know."""

    def __init__(self, request: ReportRequest) -> None:
        super().__init__(
            f"CollaborateMD answered with a status that this pipeline does not know ({request}). Ask CollaborateMD "
            "whether the Web API changed, and tell the pipeline's makers which statuses it has now."
        )


class ServiceUnavailable(TransientError):
    """Nobody answered, or only with errors that pass, as often as we tried."""

    def __init__(self, request: ReportRequest, what: str, attempts: int) -> None:
        super().__init__(
            f"CollaborateMD could not be reached: {what}, {attempts} attempt(s) ({request}). Run again later. If it "
            "stays, check COLLABORATEMD_API_BASE_URL and the network; an HTTP 503 that stays can also mean that the "
            "customer number (COLLABORATEMD_CUSTOMER) is not open to this API user."
        )


class AnswerUnreadable(TransientError):
    """What came is not the API's answer, or was cut off: it must not pass for an empty report."""

    def __init__(self, request: ReportRequest, why: str, attempts: int) -> None:
        super().__init__(
            f"CollaborateMD's answer could not be read: {why}, {attempts} attempt(s) ({request}). Nothing was kept of "
            "it. Run again later; if it stays, check COLLABORATEMD_API_BASE_URL and any proxy on the way."
        )


class ReportTimedOut(TransientError):
    """The server gave up on the report."""

    def __init__(self, request: ReportRequest, runs: int) -> None:
        super().__init__(
            f"CollaborateMD gave up on the report, it ran too long ({request}; {runs} run(s)). Run again at a quieter "
            "time. If it stays, narrow the saved filter, or split it into several filters that together are the "
            "full fetch."
        )


class ReportFailed(TransientError):
    """The server answered ERROR, as often as we tried."""

    def __init__(self, request: ReportRequest, times: int) -> None:
        super().__init__(
            f"CollaborateMD answered ERROR {times} time(s) ({request}). Run again later. If it stays, run the saved "
            "report in CollaborateMD by hand; if it fails there too, tell CollaborateMD's support."
        )


class SlotTaken(DeadlineExceeded):
    """CollaborateMD's one report slot stayed taken until our time ran out."""

    def __init__(self, request: ReportRequest, waited_seconds: float, *, by_lost_run: bool) -> None:
        whose = (
            "perhaps by a run of our own whose answer was lost on the way"
            if by_lost_run
            else "by another report of the same API user"
        )
        super().__init__(
            f"CollaborateMD runs one report at a time, and the slot stayed taken for {waited_seconds:.0f} s, {whose} "
            f"({request}). Run again later, or move the other report's schedule."
        )


class ReportDeadline(DeadlineExceeded):
    """The time given to one report ran out."""

    def __init__(self, request: ReportRequest, doing: str, deadline_seconds: float) -> None:
        super().__init__(
            f"CollaborateMD's report did not come within {deadline_seconds:.0f} s; the time ran out while {doing} "
            f"({request}). Run again later. If it stays, narrow the saved filter or raise "
            "COLLABORATEMD_DEADLINE_SECONDS."
        )


def _same(request: ReportRequest) -> bool:
    return request.report_id is not None and request.report_id == request.filter_id
