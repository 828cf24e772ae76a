"""The HTTP session under everything that we ask of Salesforce: bounded in time, in repeats and in what it tells.

What belongs here: timeouts, deadlines, repeats, counting, and reading bodies. Not here: signing in (`sign_in`), nor
what an answer means (`connection`). simple-salesforce is given this session, so its calls are bounded too.
"""

import logging
import random
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlsplit

import requests
import tenacity
from requests.adapters import HTTPAdapter
from urllib3.exceptions import HTTPError

from claims_pipeline.clients.salesforce.refusals import (
    LATER,
    NotTrusted,
    RequestRefused,
    SalesforceUnavailable,
    UnexpectedAnswer,
    error_of,
    read_errors,
)
from claims_pipeline.clients.salesforce.to_disk import FileOnDisk
from claims_pipeline.errors import ClaimsPipelineError, DeadlineExceeded

logger = logging.getLogger(__name__)

_PASSING_STATUSES = frozenset({429, 500, 502, 503, 504})
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_CHUNK_BYTES = 256 * 1024
_LARGEST_ANSWER_BYTES = 256 * 1024 * 1024
BeforeRepeat = Callable[[], None]
"""Asked before a write is sent once more: whether we still may. It raises if not."""
_USAGE = re.compile(r"(?:^|[\s;,])api-usage=(\d+)/(\d+)")


@dataclass(frozen=True)
class Timing:
    """How long a call may take, and how often it is repeated.

    `read_seconds` bounds the silence between two bytes, `call_seconds` a whole call with all its repeats.
    """

    connect_seconds: float = 10
    read_seconds: float = 120
    call_seconds: float = 600
    attempts: int = 5
    first_wait_seconds: float = 1
    longest_wait_seconds: float = 60

    def wait_seconds(self, attempt: int, jitter: float) -> float:
        """How long to wait after this attempt (1 is the first): doubling, bounded, half of it chance."""
        longest = min(self.longest_wait_seconds, self.first_wait_seconds * 2.0 ** (attempt - 1))
        return float(longest * (0.5 + jitter / 2))


@dataclass(frozen=True)
class ApiUsage:
    """API calls of the org in the last 24 hours, as the last answer said."""

    used: int
    allowed: int


class _Passing(Exception):  # never leaves this module
    """An attempt that failed in a way that passes; `final` is what to raise when no attempt is left."""

    def __init__(self, final: ClaimsPipelineError, *, wait_seconds: float | None = None) -> None:
        super().__init__()
        self.final = final
        self.wait_seconds = wait_seconds


class SalesforceSession(requests.Session):
    """A requests session that repeats what may be repeated, gives up in time, and never follows a redirect.

    Beside what requests takes, `request` takes `repeatable` (default: GET is), `call_seconds`, `attempts`,
    `before_repeat` (called after the wait, before the call is sent again; what it raises comes out as it is), and
    `to_file` (the body of a good answer goes to this path instead of memory).
    """

    def __init__(
        self,
        *,
        ca_bundle: Path | None = None,
        timing: Timing | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        super().__init__()
        self.trust_env = False  # neither .netrc nor proxy or CA variables may change whom we talk to
        if ca_bundle is not None:
            self.verify = str(ca_bundle)
        self.timing = timing or Timing()
        self.clock = clock
        self.sleep = sleep
        self.jitter = jitter
        self.requests_made = 0
        self.answers_lost = 0
        self.api_usage: ApiUsage | None = None
        self.server_date: str | None = None
        self.mount("https://", _TimedAdapter(self.timing))

    def request(
        self,
        method: str | bytes,
        url: str | bytes,
        *args: Any,  # noqa: ARG002 # as requests has it; we and simple-salesforce give names
        **kwargs: Any,
    ) -> requests.Response:
        """One call with its repeats. Raises our own errors alone; other refusals are the caller's to judge."""
        verb, address = str(method).upper(), str(url)
        repeatable = kwargs.pop("repeatable", verb == "GET")
        attempts = kwargs.pop("attempts", self.timing.attempts)
        call = _Call(
            what=f"{verb} {urlsplit(address).path}",
            deadline=self.clock() + kwargs.pop("call_seconds", self.timing.call_seconds),
            to_file=kwargs.pop("to_file", None),
        )
        before_repeat: BeforeRepeat = kwargs.pop("before_repeat", None) or (lambda: None)
        repeats = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(_Passing),
            wait=self._wait_seconds,
            stop=lambda state: (
                state.attempt_number >= (attempts if repeatable else 1)
                or self.clock() + state.upcoming_sleep > call.deadline
            ),
            sleep=self.sleep,
            before=lambda state: before_repeat() if state.attempt_number > 1 else None,
            before_sleep=lambda state: logger.info("%s: attempt %d failed", call.what, state.attempt_number),
            reraise=True,
        )
        try:
            return repeats(self._attempt, verb, address, call, kwargs)
        except _Passing as passing:
            raise passing.final from None

    def _wait_seconds(self, state: tenacity.RetryCallState) -> float:
        """What Retry-After asked for, else growing and jittered."""
        error = state.outcome.exception() if state.outcome is not None else None
        if isinstance(error, _Passing) and error.wait_seconds is not None:
            return error.wait_seconds
        return self.timing.wait_seconds(state.attempt_number, self.jitter())

    def _attempt(self, verb: str, url: str, call: "_Call", kwargs: dict[str, Any]) -> requests.Response:
        self.requests_made += 1
        response: requests.Response | None = None
        try:
            response = super().request(verb, url, **{**kwargs, "allow_redirects": False, "stream": True})
            self._note(response)
            self._read_body(response, call)
        except (requests.RequestException, HTTPError, OSError) as error:
            self.answers_lost += 1
            if "CERTIFICATE_VERIFY_FAILED" in str(error):
                raise NotTrusted(str(urlsplit(url).hostname)) from None
            words = f"No whole answer came from Salesforce to {call.what} ({type(error).__name__})."
            raise _Passing(SalesforceUnavailable(words)) from None
        finally:
            if response is not None and not response.raw.closed:
                response.close()
        self._judge(response, call.what)
        return response

    def _note(self, response: requests.Response) -> None:
        found = _USAGE.search(response.headers.get("Sforce-Limit-Info", ""))
        if found:
            self.api_usage = ApiUsage(used=int(found[1]), allowed=int(found[2]))
        self.server_date = response.headers.get("Date", self.server_date)

    def _read_body(self, response: requests.Response, call: "_Call") -> None:
        """Reads what has come, and looks at the clock between: a dripping body cannot hold us."""
        held = bytearray()
        sink = FileOnDisk(call.to_file) if call.to_file is not None and response.ok else None
        try:
            while chunk := response.raw.read1(_CHUNK_BYTES, decode_content=True):
                if self.clock() > call.deadline:
                    raise DeadlineExceeded(
                        f"Salesforce's answer to {call.what} took longer than it was given. {LATER}"
                    )
                if sink is not None:
                    sink.write(chunk)
                    continue
                held += chunk
                if len(held) > _LARGEST_ANSWER_BYTES:
                    raise UnexpectedAnswer(
                        f"Salesforce's answer to {call.what} is larger than any we ask for."
                    )
        finally:
            if sink is not None:
                sink.close()
        response._content = bytes(held)
        response._content_consumed = True  # type: ignore[attr-defined] # requests' own flag: .content reads no more

    def _judge(self, response: requests.Response, what: str) -> None:
        """Raises for what passes, for what is no answer of Salesforce's, and for a spent quota; leaves the rest."""
        status, kind = response.status_code, response.headers.get("Content-Type", "").lower()
        if status in _REDIRECTS:
            raise RequestRefused(
                f"answer {what}: it sent us elsewhere, so check SALESFORCE_DOMAIN", status, ()
            )
        if status < 300 and "text/html" in kind:
            raise _Passing(
                UnexpectedAnswer(
                    f"A web page came instead of an answer to {what} (HTTP {status}): Salesforce may be in "
                    "maintenance, or a proxy stands between."
                )
            )
        if status < 300 and "json" in kind and _has_no_length(response) and _parsed(response) is None:
            raise _Passing(UnexpectedAnswer(f"Salesforce's answer to {what} came cut short."))
        if status < 400 or "xml" in kind:
            return
        content = _parsed(response)
        errors = read_errors(content)
        if any(error.is_daily_quota for error in errors):
            raise error_of(what, status, content)
        if status in _PASSING_STATUSES or any(error.passes for error in errors):
            self.answers_lost += status >= 500
            words = f"Salesforce keeps answering HTTP {status} ({errors[0].words}) to {what}."
            raise _Passing(SalesforceUnavailable(words), wait_seconds=_retry_after_seconds(response))


@dataclass(frozen=True)
class _Call:
    what: str
    deadline: float
    to_file: Path | None


class _TimedAdapter(HTTPAdapter):
    """Gives every request a timeout, simple-salesforce's included, which sets none."""

    def __init__(self, timing: Timing) -> None:
        self._timeout = (timing.connect_seconds, timing.read_seconds)
        super().__init__(max_retries=0)

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        kwargs["timeout"] = kwargs.get("timeout") or self._timeout
        return super().send(request, *args, **kwargs)

    def close(self) -> None:
        """Closes the connections now; urllib3 itself would wait until nothing points at their pool any more."""
        for key in self.poolmanager.pools.keys():  # noqa: SIM118 # it cannot be iterated otherwise
            pool = self.poolmanager.pools.get(key)
            if pool is not None:
                pool.close()
        super().close()


class TimedFile:
    """A file to upload from disk, which is read no further once the deadline is past."""

    def __init__(self, file: IO[bytes], size: int, *, deadline: float, clock: Callable[[], float]) -> None:
        self._file = file
        self._size = size
        self._deadline = deadline
        self._clock = clock

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[bytes]:
        while chunk := self.read(_CHUNK_BYTES):
            yield chunk

    def read(self, size: int = -1) -> bytes:
        """The next bytes, or DeadlineExceeded."""
        if self._clock() > self._deadline:
            raise DeadlineExceeded(f"Uploading to Salesforce took longer than it was given. {LATER}")
        return self._file.read(size)


def _retry_after_seconds(response: requests.Response) -> float | None:
    """Retry-After in seconds, or as a date against the answer's own Date; None where it cannot be read."""
    asked = response.headers.get("Retry-After", "").strip()
    if asked.isdigit():
        return float(asked)
    try:
        until = parsedate_to_datetime(asked) - parsedate_to_datetime(response.headers.get("Date", ""))
    except (TypeError, ValueError):
        return None
    return max(0.0, until.total_seconds())


def _has_no_length(response: requests.Response) -> bool:
    """Whether the answer ended by hanging up alone: then a cut one looks whole, and only its JSON can tell."""
    return not any(name in response.headers for name in ("Content-Length", "Transfer-Encoding"))


def _parsed(response: requests.Response) -> object:
    try:
        return response.json()
    except ValueError:
        return None
