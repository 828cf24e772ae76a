"""What a failed attempt means: whether it passes by itself, and whether the service may have acted all the same.

What belongs here: exceptions of requests and HTTP statuses, judged. Not here: trying again (`transport`), nor the words
for people (`refusals`).
"""

import re
from collections.abc import Callable
from email.utils import parsedate_to_datetime

import requests
import urllib3

from claims_pipeline.clients.collaboratemd.refusals import (
    AnswerUnreadable,
    CredentialsRefused,
    ReportNotFound,
    ReportRequest,
    ServiceRefused,
    ServiceUnavailable,
)
from claims_pipeline.errors import ClaimsPipelineError

_PASSING_STATUSES = frozenset({408, 425, 429, 500, 502, 503, 504})
_SURELY_NOT_BEGUN = frozenset({425, 429, 503})


class Passing(Exception):
    """An attempt that failed in a way that passes. It never leaves the transport.

    `final` makes the error to raise after so many attempts; `wait_seconds` is how long the service asks us to wait.
    """

    def __init__(
        self,
        final: Callable[[int], ClaimsPipelineError],
        *,
        may_have_acted: bool,
        wait_seconds: float | None = None,
    ) -> None:
        super().__init__()
        self.final = final
        self.may_have_acted = may_have_acted
        self.wait_seconds = wait_seconds


def failure_by_status(response: requests.Response, request: ReportRequest, now: float) -> Exception:
    """What a status other than 200 means. `now` is Unix seconds, for a Retry-After that is a date."""
    status = response.status_code
    if status in _PASSING_STATUSES:
        wait_seconds = _retry_after(response.headers.get("Retry-After"), now) or None  # at once is too soon
        acted = status not in _SURELY_NOT_BEGUN
        asked = f", asking us to wait {wait_seconds:.0f} s" if wait_seconds else ""
        return unreached(request, f"HTTP {status}{asked}", may_have_acted=acted, wait_seconds=wait_seconds)
    if status in (401, 403):
        return CredentialsRefused(request, status)
    if status == 404:
        return ReportNotFound(
            request, "HTTP 404, which can also mean that COLLABORATEMD_API_BASE_URL is wrong"
        )
    if 300 <= status < 400:
        advice = "Redirects are not followed. Set COLLABORATEMD_API_BASE_URL to the Web API's own address."
        return ServiceRefused(request, f"sent us elsewhere (HTTP {status})", advice)
    if status == 415:
        advice = "Ask CollaborateMD whether the Web API changed."
        return ServiceRefused(request, "takes neither JSON nor XML (HTTP 415)", advice)
    if 200 < status < 300 or status >= 500:
        return unreadable(request, f"HTTP {status} where 200 is the only answer we know")
    advice = (
        "Check COLLABORATEMD_API_BASE_URL and the report's settings; if they are right, ask CollaborateMD."
    )
    return ServiceRefused(request, f"refused the request (HTTP {status})", advice)


def failure_to_send(error: Exception, request: ReportRequest) -> Exception:
    """What it means that no answer came."""
    match error:
        case requests.exceptions.SSLError():
            return _tls_failure(error, request)
        case requests.exceptions.ConnectTimeout():
            return unreached(request, "no connection within the time limit", may_have_acted=False)
        case requests.exceptions.ProxyError():
            return unreached(request, "the proxy made no connection", may_have_acted=False)
        case requests.exceptions.Timeout():
            return unreached(request, "no answer within the time limit", may_have_acted=True)
        case requests.exceptions.ConnectionError() if _never_connected(error):
            return unreached(request, "no connection", may_have_acted=False)
        case requests.exceptions.ConnectionError():
            return unreached(request, "the connection broke before the answer came", may_have_acted=True)
    advice = "Check COLLABORATEMD_API_BASE_URL, the file named in CLAIMS_CA_BUNDLE, and any proxy on the way."
    return ServiceRefused(request, "could not be asked: the request cannot be made at all", advice)


def unreached(
    request: ReportRequest, what: str, *, may_have_acted: bool, wait_seconds: float | None = None
) -> Passing:
    """The service gave no answer, or one that says to come back later."""
    return Passing(
        lambda attempts: ServiceUnavailable(request, what, attempts),
        may_have_acted=may_have_acted,
        wait_seconds=wait_seconds,
    )


def unreadable(request: ReportRequest, why: str) -> Passing:
    """Something came that is not the answer; the service may well have acted."""
    return Passing(lambda attempts: AnswerUnreadable(request, why, attempts), may_have_acted=True)


def media_type(header: str | None) -> str:
    """A Content-Type in words, if it is a plain one."""
    match = re.match(r"\s*([a-z0-9.+-]{1,40}/[a-z0-9.+-]{1,40})", (header or "").lower())
    return f"it came as {match.group(1)}" if match else "it came without a content type"


def _tls_failure(error: requests.exceptions.SSLError, request: ReportRequest) -> Exception:
    if "CERTIFICATE_VERIFY_FAILED" in str(error) or "certificate verify failed" in str(error):
        advice = (
            "Check COLLABORATEMD_API_BASE_URL, or name the authority's certificate file in CLAIMS_CA_BUNDLE."
        )
        return ServiceRefused(request, "showed a certificate that we cannot trust", advice)
    return unreached(request, "no TLS connection", may_have_acted=True)


def _never_connected(error: requests.exceptions.ConnectionError) -> bool:
    cause = error.args[0] if error.args else None
    reason = getattr(cause, "reason", cause)
    return isinstance(reason, urllib3.exceptions.NewConnectionError)


def _retry_after(header: str | None, now: float) -> float | None:
    if header is None:
        return None
    if re.fullmatch(r"\s*[0-9]{1,9}\s*", header):
        return float(header)
    try:
        return max(0.0, parsedate_to_datetime(header).timestamp() - now)
    except (ValueError, TypeError, OverflowError):
        return None
