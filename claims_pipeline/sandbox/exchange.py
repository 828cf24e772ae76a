"""One request and its answer, on their way between a server and an app: counted, and cut short.

What belongs here: what goes over the wire of one exchange. Not here: which fault it suffers, nor the log (`faults`).
"""

from collections.abc import Callable

from starlette.types import Message, Receive, Scope, Send

from claims_pipeline.sandbox.broken_wires import begin_without_length, connection_of


class Exchange:
    """One request and its answer on their way: counted, and cut short when the fault says so."""

    def __init__(
        self, scope: Scope, receive: Receive, send: Send, note: Callable[["Exchange"], None]
    ) -> None:
        self.scope, self._receive, self._send, self._note = scope, receive, send, note
        self.method: str = scope["method"]
        raw = scope.get("raw_path") or scope["path"].encode()
        self.path = raw.decode("latin-1").partition("?")[0]
        self.query: str = scope["query_string"].decode("latin-1")
        self.status = self.request_bytes = self.response_bytes = 0
        self.cut_after_bytes: int | None = None
        self.without_length = False
        self._cut = self._finished = False

    @property
    def target(self) -> str:
        """The path with its query."""
        return f"{self.path}?{self.query}" if self.query else self.path

    async def receive(self) -> Message:
        """The next part of the request."""
        message = await self._receive()
        self.request_bytes += len(message.get("body", b""))
        return message

    async def read_all(self) -> None:
        """Take the request's body in, so that the client may hear the answer."""
        while True:
            message = await self.receive()
            if message["type"] != "http.request" or not message.get("more_body"):
                return

    async def send(self, message: Message) -> None:
        """The next part of the answer; after the cut, nothing: the server then drops the connection."""
        if self._cut:
            return
        if message["type"] == "http.response.start":
            self.status = message["status"]
        elif self.cut_after_bytes is not None:
            left = self.cut_after_bytes - self.response_bytes
            body = message.get("body", b"")
            if len(body) >= left or not message.get("more_body"):
                self._cut = True
                message = {"type": "http.response.body", "body": body[:left], "more_body": True}
        self.response_bytes += len(message.get("body", b""))
        if message["type"] == "http.response.body" and (self._cut or not message.get("more_body")):
            self.finish()
        if self.without_length:
            self._send_without_length(message)
        else:
            await self._send(message)

    def _send_without_length(self, message: Message) -> None:
        connection = connection_of(self.scope)
        if message["type"] == "http.response.start":
            begin_without_length(connection, message)
            return
        connection.write(message.get("body", b""))
        if self._cut or not message.get("more_body"):
            connection.close()

    def finish(self) -> None:
        """Note the request, once, before the client can have the whole answer: whoever reads the log then finds it."""
        if not self._finished:
            self._finished = True
            self._note(self)


async def nowhere(_: Message) -> None:
    """Where an answer goes that the client never hears."""
