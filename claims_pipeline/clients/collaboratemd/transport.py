"""How a request reaches CollaborateMD: one POST at a time, bounded in time, in repeats and in size.

What belongs here: the session, the time limits, what is tried again and when. Not here: what a failed attempt means
(`failures`), what an answer means (`answers`), nor what is asked next (`client`).
"""

import http.client
import random
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import urlsplit

import requests
import tenacity
import urllib3
from requests.auth import HTTPBasicAuth

from claims_pipeline.clients.collaboratemd.answers import (
    Answer,
    AnswerFields,
    MalformedAnswer,
    Status,
    WriteData,
    first_chunk,
)
from claims_pipeline.clients.collaboratemd.failures import (
    Passing,
    failure_by_status,
    failure_to_send,
    media_type,
    unreached,
    unreadable,
)
from claims_pipeline.clients.collaboratemd.json_answer import read_json_answer
from claims_pipeline.clients.collaboratemd.refusals import (
    ReportDeadline,
    ReportRequest,
)
from claims_pipeline.clients.collaboratemd.xml_answer import read_xml_answer
from claims_pipeline.errors import SettingsError

JSON = "application/json"
XML = "application/xml"
_CHUNK_BYTES = 64 * 1024
_LONGEST_WAIT_SECONDS = 60.0
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True)
class Timing:
    """How long a request may take and how often it is tried. `clock` is monotonic seconds, `wall` Unix seconds."""

    clock: Callable[[], float] = time.monotonic
    wall: Callable[[], float] = time.time
    sleep: Callable[[float], None] = time.sleep
    jitter: Callable[[], float] = random.random
    connect_seconds: float = 10.0
    read_seconds: float = 120.0
    attempts: int = 5
    first_wait_seconds: float = 1.0


class Receiver(Protocol):
    """Takes the data of one attempt; `finish` proves it whole, `discard` forgets it."""

    def write(self, text: bytes) -> None: ...
    def finish(self) -> bool: ...
    def discard(self) -> None: ...


class NoData:
    """For answers whose data, if any, is not ours."""

    def write(self, text: bytes) -> None: ...

    def finish(self) -> bool:
        return False

    def discard(self) -> None: ...


@dataclass(frozen=True)
class Received:
    """An answer, and whether data came with it and was kept."""

    answer: Answer
    kept: bool


@dataclass(frozen=True)
class Deadline:
    """When the time given to one report runs out."""

    at: float
    seconds: float


class Transport:
    """POSTs to the Web API as one API user. Speaks JSON until that is refused, then XML."""

    def __init__(
        self,
        base_url: str,
        username: str,
        password: str,
        *,
        ca_bundle: str | None,
        proxies: Mapping[str, str] | None,
        timing: Timing,
        most_bytes: int,
    ) -> None:
        self.base_url = base_url.rstrip("/")
        _require_safe_address(self.base_url)
        self.timing = timing
        self._accept = JSON
        self._most_bytes = most_bytes
        # As bytes: requests would write text as Latin-1, and choke on a password beyond it.
        self._auth = HTTPBasicAuth(username.encode(), password.encode())
        self._session = requests.Session()
        self._session.trust_env = False  # neither .netrc nor proxy or CA variables may change whom we talk to
        self._session.verify = ca_bundle or True
        self._session.proxies = dict(proxies or {})

    def close(self) -> None:
        self._session.close()

    def post(
        self,
        path: str,
        request: ReportRequest,
        deadline: Deadline,
        receive: Callable[[], Receiver],
        on_lost: Callable[[], None],
    ) -> Received:
        """One POST without a body, tried again while that may help and the deadline allows.

        `receive` makes a fresh receiver for each attempt. `on_lost` is told of each attempt that may have acted at
        the service although no answer came to us.
        """
        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(Passing),
            stop=self._stop(deadline),
            wait=self._wait,
            sleep=self._sleep,
            reraise=True,
        )
        attempts = 0
        try:
            for attempt in retrying:
                with attempt:
                    attempts += 1
                    try:
                        return self._attempt(path, request, deadline, receive())
                    except Passing as passing:
                        if passing.may_have_acted:
                            on_lost()
                        raise
        except Passing as passing:
            raise passing.final(attempts) from None
        raise AssertionError("tenacity ends by returning or raising")

    def remaining_seconds(self, deadline: Deadline) -> float:
        return deadline.at - self.timing.clock()

    def _stop(self, deadline: Deadline) -> Callable[[tenacity.RetryCallState], bool]:
        def stop(state: tenacity.RetryCallState) -> bool:
            too_late = state.upcoming_sleep >= self.remaining_seconds(deadline)
            return state.attempt_number >= self.timing.attempts or too_late

        return stop

    def _wait(self, state: tenacity.RetryCallState) -> float:
        failure = state.outcome.exception() if state.outcome else None
        jitter = 0.5 + self.timing.jitter() / 2
        if isinstance(failure, Passing) and failure.wait_seconds is not None:
            return failure.wait_seconds + jitter if failure.wait_seconds else 0.0
        longest = min(
            _LONGEST_WAIT_SECONDS, self.timing.first_wait_seconds * 2.0 ** (state.attempt_number - 1)
        )
        return longest * jitter

    def _sleep(self, seconds: float) -> None:
        if seconds > 0:
            self.timing.sleep(seconds)

    def _attempt(self, path: str, request: ReportRequest, deadline: Deadline, receiver: Receiver) -> Received:
        response = self._send(path, request, deadline)
        try:
            self._judge(response, request)
            return self._read(response, request, deadline, receiver)
        finally:
            receiver.discard()
            response.close()

    def _send(self, path: str, request: ReportRequest, deadline: Deadline) -> requests.Response:
        remaining = self.remaining_seconds(deadline)
        if remaining <= 0:
            raise ReportDeadline(request, "asking", deadline.seconds)
        timing = self.timing
        try:
            return self._session.post(
                self.base_url + path,
                headers={"Accept": self._accept, "Accept-Encoding": "identity"},
                auth=self._auth,
                timeout=(min(timing.connect_seconds, remaining), min(timing.read_seconds, remaining)),
                allow_redirects=False,
                stream=True,
            )
        except (
            OSError,
            ValueError,
            urllib3.exceptions.HTTPError,
        ) as error:  # requests lets some through unwrapped
            raise failure_to_send(error, request) from None

    def _judge(self, response: requests.Response, request: ReportRequest) -> None:
        """Raise what a status other than 200 means; JSON refused is answered by asking for XML from now on."""
        if response.status_code == 415 and self._accept == JSON:
            self._accept = XML
            raise unreached(request, "HTTP 415", may_have_acted=False, wait_seconds=0.0)
        if response.status_code != 200:
            raise failure_by_status(response, request, self.timing.wall())

    def _read(
        self, response: requests.Response, request: ReportRequest, deadline: Deadline, receiver: Receiver
    ) -> Received:
        try:
            chunks = self._chunks(response, request, deadline)
            answer = _read_answer(chunks, receiver.write)
            return Received(answer, answer.status is Status.SUCCESS and receiver.finish())
        except MalformedAnswer as malformed:
            shown = media_type(response.headers.get("Content-Type"))
            raise unreadable(request, f"{malformed} ({shown})") from None

    def _chunks(
        self, response: requests.Response, request: ReportRequest, deadline: Deadline
    ) -> Iterator[bytes]:
        """The body, as it comes. `read1`, so that a body which drips cannot outlast the deadline in one read."""
        taken = 0
        while True:
            if self.remaining_seconds(deadline) <= 0:
                raise ReportDeadline(request, "the answer was coming in", deadline.seconds)
            try:
                chunk: bytes = response.raw.read1(_CHUNK_BYTES, decode_content=True)
            except (urllib3.exceptions.HTTPError, http.client.HTTPException, OSError):
                raise MalformedAnswer("it is cut off") from None
            if not chunk:
                return
            taken += len(chunk)
            if taken > self._most_bytes:
                raise MalformedAnswer(f"it is larger than {self._most_bytes:,} bytes, the most that we take")
            yield chunk


def _read_answer(chunks: Iterator[bytes], write_data: WriteData) -> Answer:
    head, whole = first_chunk(chunks)
    begins = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    fields = AnswerFields(write_data)
    if begins.startswith(b"{"):
        return read_json_answer(whole, fields)
    if begins.startswith((b"<", b"\xff\xfe", b"\xfe\xff")):
        return read_xml_answer(whole, fields)
    raise MalformedAnswer("it is neither JSON nor XML" if begins else "it is empty")


def _require_safe_address(base_url: str) -> None:
    parts = urlsplit(base_url)
    loopback = parts.scheme == "http" and parts.hostname in _LOOPBACK
    if not parts.hostname or not (parts.scheme == "https" or loopback) or parts.username is not None:
        raise SettingsError(
            [
                "COLLABORATEMD_API_BASE_URL must be an https address without a user name in it, such as "
                "https://webapi.collaboratemd.com"
            ]
        )
