"""Scripted faults and the access log, around any of the sandbox's apps.

What belongs here: answering instead of the app (or after it), delaying, cutting an answer short, and noting every
request. Not here: what a system itself refuses; that is the system's own stand-in.

Both are reached from Python (`faults`, `log`) and over HTTP: GET, POST or DELETE `/sandbox/faults`, GET or DELETE
`/sandbox/log`.
"""

import asyncio
import json
import re
import threading
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import UTC, datetime

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from claims_pipeline.sandbox.broken_wires import Wire, connection_of, reset, until_hung_up
from claims_pipeline.sandbox.exchange import Exchange, nowhere


@dataclass(frozen=True)
class Fault:
    """What goes wrong, for which requests, how often.

    `path` is searched for (a regular expression) in the path with its query. The first `after` matching requests pass
    unharmed, the next `times` are harmed. With `status` the fault answers itself: instead of the app (`before`), or
    after it has acted. Without, the app's own answer goes out: late (`delay_seconds`), a byte every so often
    (`drip_seconds`), or cut off after so many bytes of body. `wire` breaks the connection itself.
    """

    method: str = "*"
    path: str = ""
    times: int = 1
    after: int = 0
    status: int | None = None
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    delay_seconds: float = 0
    drip_seconds: float = 0
    cut_after_bytes: int | None = None
    before: bool = True
    wire: Wire | None = None

    def matches(self, method: str, path: str) -> bool:
        """Whether a request is one that this fault is about."""
        return self.method in ("*", method) and re.search(self.path, path) is not None


@dataclass(frozen=True)
class Access:
    """One request and its answer. Bytes are those of the bodies, as they went over the wire."""

    at: datetime
    method: str
    path: str  # percent-encoded, as it came
    query: str
    status: int
    request_bytes: int
    response_bytes: int


class Faults:
    """The faults that are still to come; safe to use from any thread."""

    def __init__(self) -> None:
        self._waiting: list[Fault] = []
        self._lock = threading.Lock()

    def add(self, fault: Fault) -> None:
        """Script one more fault; those added first are used up first."""
        with self._lock:
            self._waiting.append(fault)

    def clear(self) -> None:
        """Forget every fault."""
        with self._lock:
            self._waiting.clear()

    def waiting(self) -> tuple[Fault, ...]:
        """What is left, with the counts that are left."""
        with self._lock:
            return tuple(self._waiting)

    def take(self, method: str, path: str) -> Fault | None:
        """The fault of this request, if there is one; counts it down."""
        with self._lock:
            for place, fault in enumerate(self._waiting):
                if not fault.matches(method, path):
                    continue
                if fault.after > 0:
                    self._waiting[place] = replace(fault, after=fault.after - 1)
                    continue
                if fault.times <= 1:
                    del self._waiting[place]
                else:
                    self._waiting[place] = replace(fault, times=fault.times - 1)
                return fault
        return None


class FaultsAndLog:
    """ASGI middleware: wrap an app in it, and serve it in the app's place."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._app, self._clock, self.sleep = app, clock, sleep
        self.faults = Faults()
        self._log: list[Access] = []
        self._log_lock = threading.Lock()

    @property
    def log(self) -> list[Access]:
        """Every request so far, those to `/sandbox/...` apart; a copy."""
        with self._log_lock:
            return list(self._log)

    def clear_log(self) -> None:
        """Begin a new log."""
        with self._log_lock:
            self._log.clear()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
        elif scope["path"] in ("/sandbox/faults", "/sandbox/log"):
            await (await self._control(Request(scope, receive)))(scope, receive, send)
        elif scope["path"].startswith("/sandbox/"):
            await self._app(scope, receive, send)
        else:
            await self._serve(Exchange(scope, receive, send, self._note))

    async def _serve(self, exchange: Exchange) -> None:
        fault = self.faults.take(exchange.method, exchange.target)
        try:
            if fault is None:
                await self._app(exchange.scope, exchange.receive, exchange.send)
            else:
                await self._harm(fault, exchange)
        finally:
            exchange.finish()

    def _note(self, exchange: Exchange) -> None:
        access = Access(
            at=self._clock(),
            method=exchange.method,
            path=exchange.path,
            query=exchange.query,
            status=exchange.status,
            request_bytes=exchange.request_bytes,
            response_bytes=exchange.response_bytes,
        )
        with self._log_lock:
            self._log.append(access)

    async def _harm(self, fault: Fault, exchange: Exchange) -> None:
        if fault.delay_seconds:
            await self.sleep(fault.delay_seconds)
        exchange.cut_after_bytes = fault.cut_after_bytes
        send = _dripping(exchange, fault, self.sleep) if fault.drip_seconds else exchange.send
        if fault.wire is Wire.NO_LENGTH:
            exchange.without_length = True
        is_dead = fault.wire in (Wire.RESET, Wire.SILENT)
        if fault.status is None and not is_dead:
            await self._app(exchange.scope, exchange.receive, send)
        elif fault.before:
            await exchange.read_all()
        else:
            await self._app(exchange.scope, exchange.receive, nowhere)
        if is_dead:
            exchange.finish()  # whoever reads the log after the failure finds it there
        if fault.wire is Wire.RESET:
            reset(connection_of(exchange.scope))
        elif fault.status is not None and not is_dead:
            head = {"type": "http.response.start", "status": fault.status, "headers": _header_list(fault)}
            await send(head)
            await send({"type": "http.response.body", "body": fault.body})
        if fault.wire is not None:
            await until_hung_up(exchange.receive)

    async def _control(self, request: Request) -> Response:
        match request.method, request.url.path:
            case "GET", "/sandbox/log":
                return JSONResponse([asdict(found) | {"at": found.at.isoformat()} for found in self.log])
            case "DELETE", "/sandbox/log":
                self.clear_log()
                return Response(status_code=204)
            case "GET", "/sandbox/faults":
                return JSONResponse([_as_json(found) for found in self.faults.waiting()])
            case "POST", "/sandbox/faults":
                try:
                    self.faults.add(_from_json(await request.json()))
                except (ValueError, TypeError, re.error) as error:
                    return JSONResponse({"error": f"That is not a fault: {error}"}, status_code=400)
                return Response(status_code=204)
            case "DELETE", "/sandbox/faults":
                self.faults.clear()
                return Response(status_code=204)
            case _:
                return JSONResponse({"error": "GET, POST or DELETE"}, status_code=405)


def _dripping(exchange: Exchange, fault: Fault, sleep: Callable[[float], Awaitable[None]]) -> Send:
    """The answer, a byte at a time, for as long as somebody listens."""
    send, connection = exchange.send, connection_of(exchange.scope)

    async def drip(message: Message) -> None:
        if message["type"] != "http.response.body":
            await send(message)
            return
        body = message.get("body", b"")
        for place in range(len(body)):
            if connection.is_closing():
                return
            await sleep(fault.drip_seconds)
            await send({"type": "http.response.body", "body": body[place : place + 1], "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": bool(message.get("more_body"))})

    return drip


def _header_list(fault: Fault) -> list[tuple[bytes, bytes]]:
    headers = {name.lower(): value for name, value in fault.headers.items()}
    headers.setdefault("content-length", str(len(fault.body)))
    if fault.body:
        looks_like_json = fault.body[:1] in (b"{", b"[")
        headers.setdefault(
            "content-type", "application/json" if looks_like_json else "text/plain; charset=UTF-8"
        )
    return [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]


def _from_json(given: object) -> Fault:
    if not isinstance(given, dict):
        raise TypeError("an object is wanted")
    known = {found.name for found in fields(Fault)}
    if unknown := sorted(given.keys() - known):
        raise ValueError(f"it has {', '.join(unknown)}; known are {', '.join(sorted(known))}")
    body = given.get("body", "")
    text = body if isinstance(body, str) else json.dumps(body)
    re.compile(given.get("path", ""))
    wire = None if given.get("wire") is None else Wire(given["wire"])
    return Fault(**{**given, "body": text.encode(), "wire": wire})


def _as_json(fault: Fault) -> dict[str, object]:
    return asdict(fault) | {"body": fault.body.decode("utf-8", "replace")}
