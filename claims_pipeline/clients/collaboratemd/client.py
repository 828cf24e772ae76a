"""Running a saved report at CollaborateMD and bringing its result to disk.

What belongs here: the two calls, the one report slot, polling, and when an empty success is believed. Not here: how
a request travels (`transport`), nor what is in the report (`storage.report_zip`, `claims.reading`).
"""

import random
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from claims_pipeline.clients.collaboratemd.answers import Answer, Status
from claims_pipeline.clients.collaboratemd.payload import ReportDownload
from claims_pipeline.clients.collaboratemd.refusals import (
    AnswerUnreadable,
    ReportDeadline,
    ReportFailed,
    ReportNotFound,
    ReportRequest,
    ReportTimedOut,
    SlotTaken,
    UnknownStatus,
)
from claims_pipeline.clients.collaboratemd.transport import Deadline, NoData, Timing, Transport
from claims_pipeline.errors import SettingsError

MOST_DOWNLOAD_BYTES = 4 * 1024**3


@dataclass(frozen=True)
class Waiting:
    """What we wait for, for whoever shows progress. `polls` counts the answers so far."""

    status: Status
    polls: int
    waited_seconds: float
    own_lost_run: bool = False


OnWaiting = Callable[[Waiting], None]


class CollaborateMDClient:
    """CollaborateMD's report API, as one API user.

    `deadline_seconds` is the time for one report, slot, polls and download together. An empty success is believed
    after `empty_polls` of them in a row; `ERROR` after `error_answers` of them; a run that the server gave up is
    begun again until there were `runs`.
    """

    def __init__(
        self,
        base_url: str,
        username: str,
        password: str,
        *,
        ca_bundle: str | None = None,
        proxies: Mapping[str, str] | None = None,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
        jitter: Callable[[], float] = random.random,
        poll_seconds: float = 10.0,
        deadline_seconds: float = 2700.0,
        connect_seconds: float = 10.0,
        read_seconds: float = 120.0,
        attempts: int = 5,
        empty_polls: int = 6,
        error_answers: int = 3,
        runs: int = 2,
        most_bytes: int = MOST_DOWNLOAD_BYTES,
    ) -> None:
        timing = Timing(
            clock=clock,
            wall=wall,
            sleep=sleep,
            jitter=jitter,
            connect_seconds=connect_seconds,
            read_seconds=read_seconds,
            attempts=attempts,
        )
        self._transport = Transport(
            base_url,
            username,
            password,
            ca_bundle=ca_bundle,
            proxies=proxies,
            timing=timing,
            most_bytes=most_bytes,
        )
        self._timing = timing
        self._poll_seconds = poll_seconds
        self._deadline_seconds = deadline_seconds
        self._empty_polls = empty_polls
        self._error_answers = error_answers
        self._runs = runs
        self._most_bytes = most_bytes

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._transport.base_url!r}, username=***, password=***)"

    def __enter__(self) -> "CollaborateMDClient":
        return self

    def __exit__(self, *_failure: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections. The client can still be used afterwards."""
        self._transport.close()

    def fetch_report(
        self,
        customer: str,
        report_id: str,
        filter_id: str,
        to: Path,
        *,
        on_run: Callable[[str], None] | None = None,
        on_waiting: OnWaiting | None = None,
        on_poll: OnWaiting | None = None,
    ) -> bool:
        """Run the saved report and bring its ZIP to `to`. False: believed empty, and there is no file.

        `on_run` hears the identifier of each run of ours, before its result is asked for. Raises TransientError if
        the same may work later, PermanentError if a person must change something.
        """
        request = _request(customer, report_id, filter_id)
        deadline = self._deadline()
        for run in range(1, self._runs + 1):
            try:
                identifier = self._run(request, deadline, on_waiting)
                if on_run:
                    on_run(identifier)
                return self._download(replace(request, identifier=identifier), to, deadline, on_poll)
            except (ReportTimedOut, ReportFailed) as failure:
                too_late = self._transport.remaining_seconds(deadline) <= self._poll_seconds
                if run == self._runs or too_late:
                    if isinstance(failure, ReportTimedOut):
                        raise ReportTimedOut(request, run) from None
                    raise
            self._pause(deadline, request, "waiting to run the report again")
        raise AssertionError("the last run returns or raises")

    def run_report(
        self, customer: str, report_id: str, filter_id: str, *, on_waiting: OnWaiting | None = None
    ) -> str:
        """Start the saved report, waiting for the slot if it is taken. Returns the identifier of our own run."""
        return self._run(_request(customer, report_id, filter_id), self._deadline(), on_waiting)

    def download(self, customer: str, identifier: str, to: Path, *, on_poll: OnWaiting | None = None) -> bool:
        """Poll a run until its ZIP stands whole at `to`. False: believed empty, and there is no file."""
        request = _request(customer, identifier=identifier)
        return self._download(request, to, self._deadline(), on_poll)

    def _run(self, request: ReportRequest, deadline: Deadline, on_waiting: OnWaiting | None) -> str:
        path = f"/v1/customer/{request.customer}/reports/{request.report_id}/filter/{request.filter_id}/run"
        started_at = self._timing.clock()
        lost: list[None] = []  # runs that may be ours, whose identifier never came
        errors = polls = 0
        while True:
            answer = self._transport.post(path, request, deadline, NoData, lambda: lost.append(None)).answer
            polls += 1
            if answer.status is Status.SUCCESS and answer.identifier is not None:
                return answer.identifier
            if answer.status is Status.SUCCESS:
                lost.append(None)
            if answer.status is not Status.RUNNING:
                errors = self._count_error(answer, request, errors)
            waited = self._timing.clock() - started_at
            if on_waiting:
                on_waiting(Waiting(answer.status, polls, waited, own_lost_run=bool(lost)))
            # An identifier that came with REPORT RUNNING is another's, perhaps another customer's: never taken.
            too_late = self._transport.remaining_seconds(deadline) <= self._poll_seconds
            if too_late and answer.status is Status.RUNNING:
                raise SlotTaken(request, waited, by_lost_run=bool(lost))
            self._pause(deadline, request, "waiting to run the report again")

    def _count_error(self, answer: Answer, request: ReportRequest, errors: int) -> int:
        """One more answer to `run` that is neither accepted nor waiting. Raises when there were enough."""
        _raise_if_hopeless(answer, request)
        if errors + 1 < self._error_answers:
            return errors + 1
        if answer.status is Status.SUCCESS:
            raise AnswerUnreadable(request, "the run was accepted without an identifier", errors + 1)
        if answer.status is Status.TIMED_OUT:
            raise ReportTimedOut(request, errors + 1)
        raise ReportFailed(request, errors + 1)

    def _download(
        self, request: ReportRequest, to: Path, deadline: Deadline, on_poll: OnWaiting | None
    ) -> bool:
        path = f"/v1/customer/{request.customer}/reports/results/{request.identifier}"
        started_at = self._timing.clock()
        empty = errors = polls = 0
        while True:
            received = self._transport.post(
                path, request, deadline, lambda: ReportDownload(to, self._most_bytes), lambda: None
            )
            polls += 1
            status = received.answer.status
            if received.kept:
                return True
            _raise_if_hopeless(received.answer, request)
            if status is Status.TIMED_OUT:
                raise ReportTimedOut(request, 1)
            empty = empty + 1 if status is Status.SUCCESS else 0
            errors = errors + 1 if status is Status.ERROR else 0
            if empty >= self._empty_polls:
                to.unlink(missing_ok=True)  # of an earlier fetch: nothing must look like the rows of this one
                return False
            if errors >= self._error_answers:
                raise ReportFailed(request, errors)
            if on_poll:
                on_poll(Waiting(status, polls, self._timing.clock() - started_at))
            self._pause(deadline, request, "waiting for the result")

    def _deadline(self) -> Deadline:
        return Deadline(self._timing.clock() + self._deadline_seconds, self._deadline_seconds)

    def _pause(self, deadline: Deadline, request: ReportRequest, doing: str) -> None:
        if self._transport.remaining_seconds(deadline) <= self._poll_seconds:
            raise ReportDeadline(request, doing, deadline.seconds)
        self._timing.sleep(self._poll_seconds)


def _raise_if_hopeless(answer: Answer, request: ReportRequest) -> None:
    if answer.status in (Status.NOT_FOUND, Status.INVALID_CRITERIA):
        raise ReportNotFound(request, answer.status.value)
    if answer.status is Status.UNKNOWN:
        raise UnknownStatus(request)


def _request(
    customer: str, report_id: str | None = None, filter_id: str | None = None, identifier: str | None = None
) -> ReportRequest:
    """The numbers of a request, fit to stand in a path."""
    problems = []
    if not re.fullmatch(r"[0-9]{8}", customer):
        problems.append("COLLABORATEMD_CUSTOMER must be 8 digits")
    for setting, number in (
        ("COLLABORATEMD_REPORT_ID", report_id),
        ("COLLABORATEMD_FILTER_ID", filter_id),
        ("the identifier of a run", identifier),
    ):
        if number is not None and not re.fullmatch(r"[0-9]{1,31}", number):
            problems.append(f"{setting} must be digits only")
    if problems:
        raise SettingsError(problems)
    return ReportRequest(customer, report_id, filter_id, identifier)
