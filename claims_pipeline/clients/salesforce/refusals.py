"""How Salesforce says no: the errors that we raise, and its own codes read safely.

What belongs here: reading error bodies and row errors down to a code and field names, and telling what passes from
what lasts. The text of a message can quote a claim's values: it is looked at here, and never leaves.
"""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from claims_pipeline.errors import ClaimsPipelineError, PermanentError, TransientError

UNREADABLE = "UNREADABLE_ERROR"
"""Stands for an error whose code could not be read; lasting, like every code that we don't know."""

PASSING_CODES = frozenset(
    {
        "UNABLE_TO_LOCK_ROW",
        "SERVER_UNAVAILABLE",
        "QUERY_TIMEOUT",
        "API_TEMPORARILY_UNAVAILABLE",
        "InternalServerError",
    }
)
"""Codes of a row or a call that pass by themselves. `REQUEST_LIMIT_EXCEEDED` is told by its message."""

_CODE = re.compile(r"[A-Za-z][A-Za-z0-9_]{2,79}")
_FIELD = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,79}")
_STANDARD_FIELDS = frozenset({"Id", "Name", "OwnerId", "RecordTypeId", "CurrencyIsoCode"})
_DUPLICATES_FIELD = re.compile(r"duplicate value found: (\w+) duplicates value")
LATER = "Run again later; if it stays, look at status.salesforce.com and at the network between."
"""What a person does about a failure that passes by itself."""


class SignInRefused(PermanentError):
    """Salesforce does not let us in, or not any more."""


class AddressRefused(SignInRefused):
    """Salesforce does not let us in, and the address that we come from is why, or may be: it does not always say."""


class AnotherOrgAnswers(PermanentError):
    """In the middle of a run another org stands behind the same settings: nothing more is asked of it."""

    def __init__(self, before: str, now: str) -> None:
        super().__init__(
            f"The session with Salesforce org {before} was lost, and signing in again led to org {now}: this run stops "
            "before it asks or writes anything there. If the org was refreshed, run again: the sync then asks a "
            "person to say yes to it."
        )


class RequestRefused(PermanentError):
    """Salesforce refused a whole call: the request itself is wrong, or not allowed to this user."""

    def __init__(self, what: str, status: int, errors: "Sequence[ApiError]") -> None:
        self.status = status
        self.errors = tuple(errors)
        said = "; ".join(error.words for error in errors) or UNREADABLE
        super().__init__(
            f"Salesforce refused to {what} (HTTP {status}: {said}). Check the integration user's permissions and "
            "the fields, then run again."
        )


class NotTrusted(PermanentError):
    """The server's certificate is signed by nobody that we trust."""

    def __init__(self, host: str) -> None:
        super().__init__(
            f"The certificate of {host} is not trusted, so nothing was sent. If it is your own sandbox, give its CA "
            "file in the settings; else someone may be listening: check SALESFORCE_DOMAIN and the network."
        )


class SalesforceUnavailable(TransientError):
    """No answer that can be used came, though the call was repeated."""

    def __init__(self, what: str) -> None:
        super().__init__(f"{what} {LATER}")


class UnexpectedAnswer(TransientError):
    """An answer came that is not what Salesforce's API gives: a maintenance page, a proxy's page, a cut body."""

    def __init__(self, what: str) -> None:
        super().__init__(f"{what} {LATER}")


class QuotaSpent(TransientError):
    """The org's API calls of the day are used up: passes within 24 hours, and no repeat helps before."""


class ObjectMissing(PermanentError):
    """The org has no such object, or does not show it to the integration user."""


class OrgNotReady(PermanentError):
    """The org lacks what a sync must have; every problem in one message."""

    def __init__(self, sobject: str, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        listed = "\n".join(f"  - {problem}" for problem in problems)
        super().__init__(
            f"{sobject} in Salesforce is not as the sync needs it, {len(self.problems)} problem(s):\n{listed}\n"
            "Deploy the metadata in salesforce/, assign the permission set Claim Integration to the integration "
            "user, and correct the fields named here in Setup; then run `claims-pipeline check`."
        )


@dataclass(frozen=True)
class ApiError:
    """One error of Salesforce's: its code, its fields, and what we looked up in its message."""

    code: str
    fields: tuple[str, ...] = ()
    is_daily_quota: bool = False
    is_concurrency: bool = False
    is_dead_session: bool = False

    @property
    def passes(self) -> bool:
        """Whether the same call, a little later, may succeed."""
        return self.code in PASSING_CODES or self.is_concurrency

    @property
    def words(self) -> str:
        """The code, and the fields in brackets: all that may be shown."""
        return f"{self.code} [{', '.join(self.fields)}]" if self.fields else self.code


def read_errors(content: object) -> tuple[ApiError, ...]:
    """The errors in an error answer's parsed body; one unreadable error where the body is none of Salesforce's."""
    entries = content if isinstance(content, list) else [content]
    return tuple(_read_error(entry) for entry in entries) or (ApiError(UNREADABLE),)


def _read_error(entry: object) -> ApiError:
    if not isinstance(entry, dict):
        return ApiError(UNREADABLE)
    code = safe_code(entry.get("errorCode") or entry.get("statusCode") or entry.get("error"))
    message = entry.get("message")
    text = message if isinstance(message, str) else ""
    limit = code == "REQUEST_LIMIT_EXCEEDED"
    return ApiError(
        code,
        fields=safe_fields(entry.get("fields"), code=code, message=text),
        is_daily_quota=limit and "Concurrent" not in text,
        is_concurrency=limit and "Concurrent" in text,
        is_dead_session=code == "INVALID_SESSION_ID" and "not valid for use with the REST API" not in text,
    )


def safe_code(code: object) -> str:
    """The code if it looks like one: never a text that could hold a value."""
    return code if isinstance(code, str) and _CODE.fullmatch(code) else UNREADABLE


def safe_fields(
    fields: object, *, code: str = "", message: str = "", sent: Collection[str] = ()
) -> tuple[str, ...]:
    """The names in `fields` that can only be names of fields.

    A duplicate's field stands in its message alone, before any value: it is taken from there.
    """
    listed = fields if isinstance(fields, list) else []
    names = [name for name in listed if isinstance(name, str) and _is_field(name, sent)]
    if not names and code == "DUPLICATE_VALUE":
        found = _DUPLICATES_FIELD.search(message)
        names = [found[1]] if found and _is_field(found[1], sent) else []
    return tuple(dict.fromkeys(names))


def _is_field(name: str, sent: Collection[str]) -> bool:
    if name in sent or name in _STANDARD_FIELDS:
        return True
    return name.endswith("__c") and _FIELD.fullmatch(name) is not None


@dataclass(frozen=True)
class RowError:
    """Why Salesforce refused one row."""

    code: str
    fields: str | None

    @property
    def passes(self) -> bool:
        """Whether the same row, a little later, may be taken."""
        return self.code in PASSING_CODES


def row_error_of_collections(errors: object, *, sent: Collection[str], key: str) -> RowError:
    """The first error of a row's `errors` in an sObject Collections answer."""
    first = errors[0] if isinstance(errors, list) and errors else None
    if not isinstance(first, dict):
        return RowError(UNREADABLE, None)
    message = first.get("message")
    return _row_error(
        safe_code(first.get("statusCode") or first.get("errorCode")),
        first.get("fields"),
        message if isinstance(message, str) else "",
        sent=sent,
        key=key,
    )


def row_error_of_bulk(text: str | None, *, sent: Collection[str], key: str) -> RowError:
    """The error in a Bulk result's `sf__Error`: `CODE:message:field,field --`, whose message may hold colons."""
    code, _, rest = (text or "").partition(":")
    message, _, tail = rest.rpartition(":")
    listed = tail.strip().removesuffix("--").strip() if tail.rstrip().endswith("--") else ""
    names = [name.strip() for name in re.split(r"[,;]", listed)]
    return _row_error(safe_code(code.strip()), names, message, sent=sent, key=key)


def _row_error(code: str, fields: object, message: str, *, sent: Collection[str], key: str) -> RowError:
    names = safe_fields(fields, code=code, message=message, sent=sent)
    if not names and code == "DUPLICATE_VALUE" and message.startswith("Duplicate external id specified"):
        names = (key,)
    return RowError(code, ",".join(names) or None)


def error_of(what: str, status: int, content: object) -> ClaimsPipelineError:
    """The error to raise for an answer of `status`; `what` completes "Salesforce refused to ..."."""
    errors = read_errors(content)
    if any(error.is_daily_quota for error in errors):
        return QuotaSpent(
            "The org's API calls of the last 24 hours are used up (REQUEST_LIMIT_EXCEEDED, TotalRequests). Nothing "
            "is lost: run again when calls are free, or ask Salesforce for more (Setup, Company Information)."
        )
    if any(error.passes for error in errors) or status >= 500 or status == 429:
        return SalesforceUnavailable(
            f"Salesforce could not {what} just now (HTTP {status}: {errors[0].words})."
        )
    return RequestRefused(what, status, errors)
