"""`POST /composite`: several REST calls in one, each of which may use what an earlier one answered.

What belongs here: taking the calls apart, their references, their number. Not here: the calls themselves.
"""

import io
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from urllib.parse import parse_qsl, quote

from claims_pipeline.sandbox.salesforce.calls import Answer, ApiError, Call, Endpoint, Endpoints
from claims_pipeline.sandbox.salesforce.soql_errors import SoqlError

MOST_CALLS = 25
MOST_QUERIES_AND_COLLECTIONS = 5

_REFERENCE = re.compile(r"@\{([A-Za-z0-9_]+)\.([^}]+)\}")
_PATH = re.compile(r"/?services/data/v(\d+\.\d)(?:/(.*))?", re.DOTALL)
_HALTED = [
    {
        "errorCode": "PROCESSING_HALTED",
        "message": "The transaction was rolled back since another operation in the same transaction failed.",
    }
]

SubRequest = Mapping[str, object]


class _RollBack(Exception):
    """A call of an allOrNone composite was refused."""


def endpoints(others: Sequence[Endpoint]) -> list[Endpoint]:
    """The path of composite, over the other endpoints."""
    table = Endpoints(others)

    def composite(call: Call) -> Answer:
        body = call.json_object()
        requests = body.get("compositeRequest")
        if not isinstance(requests, list) or not all(isinstance(found, dict) for found in requests):
            raise ApiError(400, "JSON_PARSER_ERROR", "The body needs `compositeRequest`, a list of objects")
        _refuse_too_many(requests)
        all_or_none = body.get("allOrNone") is True
        answers: list[tuple[str, Answer]] = []
        try:
            with call.org.tables.transaction():
                for request in requests:
                    reference = str(request.get("referenceId", ""))
                    answers.append((reference, _answer(call, table, request, dict(answers))))
                if all_or_none and any(answer.status >= 400 for _, answer in answers):
                    raise _RollBack
        except _RollBack:
            answers = [
                (reference, answer if answer.status >= 400 else Answer(400, _HALTED))
                for reference, answer in answers
            ]
        return Answer(200, {"compositeResponse": [_response(*found) for found in answers]})

    return [Endpoint("POST", "composite", composite)]


def _refuse_too_many(requests: Sequence[SubRequest]) -> None:
    if len(requests) > MOST_CALLS:
        raise ApiError(400, "LIMIT_EXCEEDED", f"At most {MOST_CALLS} subrequests are allowed in one call")
    urls = [str(found.get("url", "")).lower() for found in requests]
    costly = [url for url in urls if "/query" in url or "/composite/sobjects" in url]
    if len(costly) > MOST_QUERIES_AND_COLLECTIONS:
        message = f"At most {MOST_QUERIES_AND_COLLECTIONS} subrequests may be queries or collections"
        raise ApiError(400, "LIMIT_EXCEEDED", message)


def _answer(call: Call, table: Endpoints, request: SubRequest, earlier: Mapping[str, Answer]) -> Answer:
    """One sub-request's answer; a refusal is an answer too."""
    try:
        method, url = str(request.get("method", "")).upper(), str(request.get("url", ""))
        match = _PATH.fullmatch(_filled(url, earlier, in_url=True))
        if match is None:
            raise ApiError(400, "INVALID_INPUT", "A subrequest's url begins with /services/data/vXX.X/")
        path, _, query = (match[2] or "").partition("?")
        handler, parameters = table.find(method, path)
        body = _filled_body(request.get("body"), earlier)
        headers = request.get("httpHeaders")
        made = replace(
            call,
            version=match[1],
            method=method,
            path=parameters,
            query=dict(parse_qsl(query, keep_blank_values=True)),
            headers={str(k).lower(): str(v) for k, v in headers.items()} if isinstance(headers, dict) else {},
            upload=io.BytesIO(json.dumps(body).encode()),
        )
        return handler(made)
    except ApiError as refused:
        return refused.answer()
    except SoqlError as refused:
        return ApiError(400, refused.code, refused.message).answer()


def _response(reference: str, answer: Answer) -> dict[str, object]:
    return {
        "body": answer.body,
        "httpHeaders": dict(answer.headers),
        "httpStatusCode": answer.status,
        "referenceId": reference,
    }


def _filled_body(body: object, earlier: Mapping[str, Answer]) -> object:
    if isinstance(body, str):
        return _filled(body, earlier)
    if isinstance(body, dict):
        return {name: _filled_body(value, earlier) for name, value in body.items()}
    return [_filled_body(value, earlier) for value in body] if isinstance(body, list) else body


def _filled(text: str, earlier: Mapping[str, Answer], *, in_url: bool = False) -> str:
    """The text with every `@{reference.field}` replaced by what that call answered."""

    def value(match: re.Match[str]) -> str:
        found = _dig(earlier[match[1]].body, match[2]) if match[1] in earlier else None
        if found is None:
            message = f"Invalid reference specified. No value for {match[0]} found"
            raise ApiError(400, "PROCESSING_HALTED", message)
        return quote(str(found)) if in_url else str(found)

    return _REFERENCE.sub(value, text)


def _dig(body: object, path: str) -> object:
    """`records[0].Id` of an answer's body."""
    found = body
    for part in re.findall(r"[^.\[\]]+", path):
        if isinstance(found, list) and part.isdigit() and int(part) < len(found):
            found = found[int(part)]
        elif isinstance(found, dict):
            found = found.get(part)
        else:
            return None
    return found
