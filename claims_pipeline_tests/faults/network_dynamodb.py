"""A wire in front of DynamoDB's stand-in, on which calls are logged and harmed as on the other two systems'.

What belongs here: passing calls on, and telling them apart: `/UpdateItem/10001001/sequence` is an update of that item
that sets (or removes) `sequence`. Not here: which call is harmed.
"""

import http.client
import json
import re
from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from claims_pipeline.sandbox.faults import FaultsAndLog

_HOP_BY_HOP = {"connection", "content-length", "date", "server", "transfer-encoding"}


class DynamoDBWire:
    """The app to serve. `wire` holds the faults and the log."""

    def __init__(self, url: str) -> None:
        self.wire = FaultsAndLog(_passing_on(url))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one call under the path that tells what it does."""
        if scope["type"] != "http":
            await self.wire(scope, receive, send)
            return
        request = Request(scope, receive)
        body = await request.body()
        path = _told(request.headers.get("x-amz-target", ""), body)
        unread = [True]

        async def again() -> Message:
            if unread:
                unread.clear()
                return {"type": "http.request", "body": body, "more_body": False}
            return await receive()

        await self.wire({**scope, "path": path, "raw_path": path.encode()}, again, send)


def _told(target: str, body: bytes) -> str:
    operation, asked = target.rpartition(".")[2], json.loads(body or b"{}")
    changes = [each["Update"] for each in asked.get("TransactItems", [asked]) if "Update" in each] or [asked]
    parts = [operation]
    for change in changes:
        parts.append(change.get("Key", {}).get("sync_id", {}).get("S", ""))
        names = change.get("ExpressionAttributeNames", {})
        used = re.findall(r"#\w+", change.get("UpdateExpression", ""))
        parts += [names[name] for name in dict.fromkeys(used)]
    return "/" + "/".join(part for part in parts if part)


def _passing_on(url: str) -> ASGIApp:
    address = urlsplit(url)
    assert address.hostname is not None

    def ask(body: bytes, headers: dict[str, str]) -> Response:
        line = http.client.HTTPConnection(str(address.hostname), address.port, timeout=30)
        try:
            line.request("POST", "/", body, headers)
            answer = line.getresponse()
            kept = {name: value for name, value in answer.getheaders() if name.lower() not in _HOP_BY_HOP}
            return Response(answer.read(), answer.status, kept)
        finally:
            line.close()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await _lifespan(receive, send)
            return
        request = Request(scope, receive)
        body = await request.body()
        answer = await run_in_threadpool(ask, body, dict(request.headers))
        await answer(scope, receive, send)

    return app


async def _lifespan(
    receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]
) -> None:
    while True:
        kind = (await receive())["type"]
        await send({"type": f"{kind}.complete"})
        if kind == "lifespan.shutdown":
            return
