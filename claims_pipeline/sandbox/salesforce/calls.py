"""A REST call and its answer, free of the web framework, so that `/composite` can make calls of its own.

What belongs here: what a handler is given and gives back, errors in Salesforce's list form, and finding the handler of
a path. Not here: any one resource, nor sessions, quotas and headers (`app`).
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import BinaryIO
from urllib.parse import unquote, unquote_plus

from claims_pipeline.sandbox.salesforce.org import Org
from claims_pipeline.sandbox.salesforce.people import User


class ApiError(Exception):
    """A call refused as a whole: `[{"message", "errorCode", "fields"?}]`."""

    def __init__(self, status: int, code: str, message: str, fields: Sequence[str] | None = None) -> None:
        super().__init__(f"{status} {code}")
        self.status = status
        self.code = code
        self.message = message
        self.fields = fields

    def answer(self) -> "Answer":
        """The error as clients read it: always a list."""
        entry: dict[str, object] = {"message": self.message, "errorCode": self.code}
        if self.fields is not None:
            entry["fields"] = list(self.fields)
        return Answer(self.status, [entry])


def not_found() -> ApiError:
    """A path, a record or a job that is not there."""
    return ApiError(404, "NOT_FOUND", "The requested resource does not exist")


@dataclass(frozen=True)
class Answer:
    """`body` goes out as JSON; `content`, if given, goes out as it is, as `media_type`. Neither: no body."""

    status: int = 200
    body: object = None
    headers: Mapping[str, str] = field(default_factory=dict)
    content: bytes | Iterator[bytes] | None = None
    media_type: str = "application/json;charset=UTF-8"


@dataclass(frozen=True)
class Call:
    """One call of a signed-in user. `path` holds the decoded path parameters; `upload` the body, at its start."""

    org: Org
    user: User
    version: str  # as in the path, without the v: "59.0"
    method: str
    path: Mapping[str, str]
    query: Mapping[str, str]
    headers: Mapping[str, str]  # names in lower case
    upload: BinaryIO
    base_url: str  # https://host:port, as the client sees us

    @property
    def root(self) -> str:
        """The path that this version's resources stand under."""
        return f"/services/data/v{self.version}"

    def json(self) -> object:
        """The body as JSON; numbers with a fraction come as float."""
        content_type = self.headers.get("content-type", "application/json")
        if "json" not in content_type.lower():
            raise ApiError(415, "UNSUPPORTED_MEDIA_TYPE", f"Content type '{content_type}' is not supported")
        raw = self.upload.read()
        try:
            return json.loads(raw.decode(), parse_constant=_no_constant)
        except (ValueError, RecursionError):
            raise ApiError(400, "JSON_PARSER_ERROR", "The request body is not well-formed JSON") from None

    def json_object(self) -> dict[str, object]:
        """The body as a JSON object."""
        found = self.json()
        if not isinstance(found, dict):
            raise ApiError(400, "JSON_PARSER_ERROR", "The request body is not a JSON object")
        return found


def _no_constant(name: str) -> object:
    raise ValueError(f"{name} is no JSON")


Handler = Callable[[Call], Answer]


@dataclass(frozen=True)
class Endpoint:
    """One method on one path below `/services/data/vXX.X/`, e.g. `jobs/ingest/{job_id}/batches`.

    `{name}` is one segment, handed on decoded (`+` is a space: clients quote keys as forms do); `{name...}` is the
    rest. Letters' case does not matter in the fixed parts, nor does a slash at the end.
    """

    method: str
    path: str
    handler: Handler


class Endpoints:
    """Finds the endpoint of a method and path."""

    def __init__(self, endpoints: Sequence[Endpoint]) -> None:
        by_path: dict[str, dict[str, Handler]] = {}
        for endpoint in endpoints:
            by_path.setdefault(endpoint.path, {})[endpoint.method] = endpoint.handler
        self._table = [(_pattern(path), methods) for path, methods in by_path.items()]

    def find(self, method: str, path: str) -> tuple[Handler, dict[str, str]]:
        """The handler, and the decoded path parameters. `path` is relative, still percent-encoded, without query.

        Raises ApiError: 404 for a path that is not there, 405 for a method that it does not have.
        """
        allowed: set[str] = set()
        for pattern, methods in self._table:
            match = pattern.fullmatch(path.strip("/"))
            if match is None:
                continue
            handler = methods.get("GET" if method == "HEAD" else method)
            if handler is not None:
                return handler, {name: unquote_plus(text) for name, text in match.groupdict().items()}
            allowed |= methods.keys()
        if allowed:
            listed = ",".join(sorted(allowed))
            message = f"HTTP Method '{method}' not allowed. Allowed are {listed}"
            raise ApiError(405, "METHOD_NOT_ALLOWED", message)
        raise not_found()


def _pattern(path: str) -> re.Pattern[str]:
    parts = []
    for segment in path.strip("/").split("/"):
        if segment.startswith("{"):
            name = segment.strip("{}")
            parts.append(f"(?P<{name[:-3]}>.+)" if name.endswith("...") else f"(?P<{name}>[^/]+)")
        else:
            parts.append(re.escape(unquote(segment)))
    return re.compile("/".join(parts), re.IGNORECASE)
