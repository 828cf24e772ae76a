"""The wire between the workers and the world: every effect of a worker passes here, and may be its last.

What belongs here: the boundaries before and after each effect (an HTTP call, a write to the state, a file put in its
place), killing and freezing a worker there, and the short way from urllib3 to the sandbox's apps without a socket. Not
here: who works when (`machine_town`), nor what must be true (`machine_model`).
"""

import asyncio
import io
import re
from collections.abc import Callable, Iterator, MutableMapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import unquote

import pytest
from starlette.types import ASGIApp
from urllib3 import HTTPHeaderDict, HTTPResponse
from urllib3.connectionpool import HTTPConnectionPool

from claims_pipeline.sandbox.collaboratemd import app as collaboratemd_app
from claims_pipeline.sandbox.salesforce import app as salesforce_app
from claims_pipeline.storage.place import FolderPlace

T = TypeVar("T")
_RECORDS = re.compile(r"/(composite/sobjects|sobjects/\w+)(/|$|\?)")
_OF_CLAIMS = re.compile(r"/Claim__c(/|$|\?)|/jobs/ingest/")
_JOB = re.compile(r"/jobs/ingest/\w+/?$")


class Killed(BaseException):
    """The worker's process is no more. What it would do on its way out (giving a lease back, too) does not happen."""


@dataclass
class Fate:
    """What is to befall a worker at a boundary of its next step; the boundaries are numbered from 0.

    Even ones stand before an effect, odd ones after it; a story names the effect instead (killed after it, frozen
    before it). A frozen worker never stands between its last look at the lease and a write, to the org or of the
    refused claims' file: no lease can guard that gap.
    """

    owner: str = ""
    killed_at: int | str | None = None
    frozen_at: int | str | None = None
    meanwhile: Callable[[], None] = lambda: None
    was_frozen: bool = False


@dataclass
class Wire:
    """The effects of whoever is at work."""

    apps: dict[int, ASGIApp] = field(default_factory=dict)
    """Port -> the app that answers there."""
    on_write: Callable[[str, str], None] = lambda _, __: None
    """Is told the owner whose write it is."""
    writes: list[str] = field(default_factory=list)
    """Those of claims, all workers' together."""
    paths: list[str] = field(default_factory=list)
    _fates: list[Fate] = field(default_factory=list)
    _passed: list[int] = field(default_factory=list)
    _dead: list[bool] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._loop = asyncio.new_event_loop()

    def close(self) -> None:
        """Let go of the loop."""
        self._loop.run_until_complete(self._loop.shutdown_default_executor())
        self._loop.close()

    @contextmanager
    def at_work(self, fate: Fate) -> Iterator[None]:
        """Whatever passes meanwhile is one worker's, from its step's first boundary on."""
        for stack, first in ((self._fates, fate), (self._passed, 0), (self._dead, False)):
            stack.append(first)  # type: ignore[arg-type]  # each stack has its own kind
        try:
            yield
        finally:
            for stack in (self._fates, self._passed, self._dead):
                stack.pop()

    def effect(self, name: str, act: Callable[[], T]) -> T:
        """Act on the world, unless the worker is dead before; it may be dead when it should hear the answer."""
        is_write = name.startswith("write ")
        self._boundary(name, may_freeze=not name.startswith(("write ", "publish refused_claims")))
        if is_write and self._fates:
            if _OF_CLAIMS.search(name):
                self.writes.append(name)
            self.on_write(self._fates[-1].owner, name)
        answer = act()
        self._boundary(name, may_freeze=False)
        return answer

    def _boundary(self, name: str, *, may_freeze: bool) -> None:
        if not self._fates:
            return  # the test itself looks on
        fate, number = self._fates[-1], self._passed[-1]
        self._passed[-1] += 1
        if self._dead[-1]:
            raise Killed
        if _is_here(fate.killed_at, number, name, is_after=number % 2 == 1):
            self._dead[-1] = True
            raise Killed
        if may_freeze and _is_here(fate.frozen_at, number, name, is_after=True, or_later=True):
            fate.frozen_at, fate.was_frozen = None, True
            fate.meanwhile()

    def answer(
        self, app: ASGIApp, method: str, url: str, body: bytes, headers: dict[str, str]
    ) -> HTTPResponse:
        """One request to an app, as its server would hand it over, and the answer as urllib3 would bring it."""
        path, _, query = url.partition("?")
        scope: MutableMapping[str, Any] = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "scheme": "https",
            "path": unquote(path),
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "headers": [(name.lower().encode(), value.encode("latin-1")) for name, value in headers.items()],
            "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 443),
            "root_path": "",
        }
        parts: list[Any] = []
        unread = [{"type": "http.request", "body": body, "more_body": False}]

        async def receive() -> Any:
            return unread.pop() if unread else await asyncio.Event().wait()

        async def send(message: Any) -> None:
            parts.append(message)

        self._loop.run_until_complete(app(scope, receive, send))
        start, *rest = parts
        told = HTTPHeaderDict(
            (name.decode("latin-1"), value.decode("latin-1")) for name, value in start["headers"]
        )
        content = b"".join(part.get("body", b"") for part in rest)
        return HTTPResponse(
            io.BytesIO(content),
            headers=told,
            status=start["status"],
            preload_content=False,
            decode_content=False,
            request_method=method,
        )


def _is_here(
    place: int | str | None, number: int, name: str, *, is_after: bool, or_later: bool = False
) -> bool:
    """Whether a fate's place is this boundary."""
    if isinstance(place, str):
        return is_after and place in name
    return place is not None and (number >= place if or_later else number == place)


@contextmanager
def passing_by(wire: Wire) -> Iterator[None]:
    """urllib3's requests and the storage's files pass `wire`; what leads to one of its apps takes no socket."""
    to_server, publish = HTTPConnectionPool.urlopen, FolderPlace.publish

    def urlopen(
        pool: HTTPConnectionPool, method: str, url: str, body: Any = None, headers: Any = None, **more: Any
    ) -> Any:
        app = wire.apps.get(pool.port or 443)
        given = _whole(body) if app is not None else b""
        writes = app is not None and _writes(method, url, given)
        wire.paths.append(url)

        def act() -> Any:
            if app is None:
                return to_server(pool, method, url, body, headers, **more)
            told = {"Host": f"{pool.host}:{pool.port}", **_as_text(headers or {})}
            return wire.answer(app, method, url, given, told)

        return wire.effect(f"write {method} {url}" if writes else f"{method} {url}", act)

    def put_in_place(place: FolderPlace, local: Any, name: str) -> None:
        wire.effect(f"publish {name}", lambda: publish(place, local, name))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(HTTPConnectionPool, "urlopen", urlopen)
        patch.setattr(FolderPlace, "publish", put_in_place)
        for app in (collaboratemd_app, salesforce_app):
            patch.setattr(app, "run_in_threadpool", _here)
        yield


def _writes(method: str, url: str, body: bytes) -> bool:
    """Whether records change by it: a Bulk job writes from when its upload is called complete."""
    if _JOB.search(url):
        return method == "PATCH" and b"UploadComplete" in body
    return method != "GET" and _RECORDS.search(url) is not None


async def _here(act: Callable[..., T], *given: Any) -> T:
    """In this thread: there is one request at a time."""
    return act(*given)


def _as_text(headers: Any) -> dict[str, str]:
    return {
        name: value.decode("latin-1") if isinstance(value, bytes) else str(value)
        for name, value in headers.items()
    }


def _whole(body: Any) -> bytes:
    if body is None:
        return b""
    if hasattr(body, "read"):
        return b"".join(iter(lambda: body.read(1 << 16), b""))
    return body.encode() if isinstance(body, str) else bytes(body)
