"""The page over HTTP: its three files, and what its script asks, as JSON.

What belongs here: requests in, answers out, below `/sandbox/payor-mapping`. The person who works there is the sandbox's
admin: the sandbox has no sign-in for browsers. Not here: what is done (`desk`), what may be done (`rules`).
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from claims_pipeline.sandbox.payor_page.desk import Cursor, Desk, Refused
from claims_pipeline.sandbox.payor_page.rules import Decision, PageRules
from claims_pipeline.sandbox.salesforce.org import Org
from claims_pipeline.sandbox.salesforce.settings import ADMIN_USERNAME

ADDRESS = "/sandbox/payor-mapping"
_FILES = {
    "": ("page.html", "text/html"),
    "/page.css": ("page.css", "text/css"),
    "/page.js": ("page.js", "text/javascript"),
}
_HEADERS = {
    "Content-Security-Policy": "default-src 'self'; img-src data:; frame-ancestors 'none'; base-uri 'none'",
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
Given = Mapping[str, Any]


class NotUnderstood(Exception):
    """A request that the page's script would not send."""


def routes(org: Org) -> list[Route]:
    """The page of one org."""
    page = _Page(org)
    files = [
        Route(f"{ADDRESS}{path}", _file(name, kind), methods=["GET"]) for path, (name, kind) in _FILES.items()
    ]
    return [*files, Route(f"{ADDRESS}/{{method}}", page.answer, methods=["POST"])]


class _Page:
    """What the page's script may ask; each method takes the request's JSON object."""

    def __init__(self, org: Org) -> None:
        self._org = org
        self._methods: dict[str, Callable[[Desk, Given], Any]] = {
            "begin": self._begin,
            "list": lambda desk, given: desk.rows(
                _text(given, "status"), _text(given, "term"), _cursor(given)
            ),
            "counts": lambda desk, _: desk.counts(),
            "payors": lambda desk, given: desk.payors(_text(given, "term")),
            "preview": lambda desk, given: desk.preview(_texts(given, "ids"), _decision(given)),
            "decide": lambda desk, given: desk.decide(
                [(_text(each, "id"), _decision(each)) for each in _each(given)]
            ),
            "create": lambda desk, given: desk.create(_text(given, "payorName"), given.get("payorId")),
        }

    async def answer(self, request: Request) -> Response:
        """`POST` with a JSON object; what the org refuses is an answer with its code and words."""
        method = self._methods.get(request.path_params["method"])
        if method is None or "application/json" not in request.headers.get("content-type", ""):
            return JSONResponse({"error": "There is nothing like this here."}, 404)
        try:
            given = await request.json()
            return JSONResponse(await run_in_threadpool(self._asked, method, given), headers=_HEADERS)
        except (NotUnderstood, ValueError, KeyError, TypeError) as error:
            return JSONResponse({"error": f"Not understood ({type(error).__name__})."}, 400, headers=_HEADERS)

    def _asked(self, method: Callable[[Desk, Given], Any], given: Given) -> Any:
        user = self._org.user(ADMIN_USERNAME)
        rules = PageRules.read()
        if user is None or self._org.seen_by(user, "Claim_Payor_Mapping__c") is None:
            return {"refused": "NO_ACCESS", "words": rules.words["NO_ACCESS"]}
        try:
            return {"answer": method(Desk(self._org, user, rules), given)}
        except Refused as refused:
            return {"refused": refused.code, "words": rules.words[refused.code]}

    def _begin(self, _: Desk, __: Given) -> Any:
        """What the script must know first."""
        rules = PageRules.read()
        user = self._org.user(ADMIN_USERNAME)
        return {
            "statuses": rules.statuses,
            "words": rules.words,
            "acts": {each["act"]: each["label"] for each in rules.raw["acts"]},
            "rules": {each["rule"]: each["words"] for each in rules.raw["matchRules"]},
            "mostAtOnce": rules.limit("mostAtOnce"),
            "longestName": rules.limit("longestName"),
            "longestPayorId": rules.limit("longestPayorId"),
            "person": user.name if user else "",
        }


def _file(name: str, kind: str) -> Callable[[Request], Response]:
    content = (Path(__file__).parent / name).read_bytes()

    def serve(_: Request) -> Response:
        return Response(content, media_type=f"{kind}; charset=utf-8", headers=_HEADERS)

    return serve


def _text(given: Given, name: str) -> str:
    found = given.get(name, "")
    if not isinstance(found, str):
        raise NotUnderstood(name)
    return found


def _texts(given: Given, name: str) -> list[str]:
    found = given.get(name)
    if not isinstance(found, list) or not all(isinstance(each, str) for each in found):
        raise NotUnderstood(name)
    return found


def _each(given: Given) -> list[Given]:
    found = given.get("decisions")
    if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
        raise NotUnderstood("decisions")
    return found


def _decision(given: Given) -> Decision:
    seen = given.get("seen")
    return Decision(
        act=_text(given, "act"),
        payor=given.get("payor") or None,
        ignored=given.get("ignored") is True,
        seen=(seen["claimPayor"], bool(seen["ignored"])) if isinstance(seen, dict) else None,
    )


def _cursor(given: Given) -> Cursor | None:
    after = given.get("after")
    if after is None:
        return None
    if not isinstance(after, dict) or set(after) != {"charged", "id"}:
        raise Refused("BAD_CURSOR")
    return Cursor(str(after["charged"]), str(after["id"]))


__all__ = ["ADDRESS", "routes"]
