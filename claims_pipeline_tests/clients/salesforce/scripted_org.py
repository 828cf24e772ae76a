"""A small TLS server that answers as it is told, and keeps every byte that it was asked.

What belongs here: transport for tests of single answers. What Salesforce itself would answer is the sandbox's to say.
"""

import json
import re
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from claims_pipeline.sandbox.serving import LocalAuthority

DATA = "/services/data/v59.0"
ORG_ID = "00D000000000001AAA"
USER_ID = "005000000000001AAA"


@dataclass(frozen=True)
class Asked:
    """One request as it came."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Told:
    """One answer. With `cut_after`, the connection closes after so many bytes of a longer body."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    cut_after: int | None = None
    drips: bool = False  # never ends by itself


def told(body: object, status: int = 200, **headers: str) -> Told:
    """A JSON answer."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Told(status, json.dumps(body).encode(), {"Content-Type": "application/json;charset=UTF-8"} | named)


def csv_told(text: str, **headers: str) -> Told:
    """A CSV answer as Salesforce gives it: UTF-8, and no word about it."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Told(200, text.encode(), {"Content-Type": "text/csv"} | named)


def error(
    code: str, status: int = 400, message: str = "words with PHI", fields: list[str] | None = None
) -> Told:
    """Salesforce's list of one error."""
    return told([{"errorCode": code, "message": message, "fields": fields or []}], status)


Answer = Told | Callable[[Asked], Told]


class ScriptedOrg:
    """Answers by method and path; the last answer of a path is given for ever."""

    def __init__(self, authority: LocalAuthority) -> None:
        self.asked: list[Asked] = []
        self.connections = 0
        self._once: list[tuple[str, re.Pattern[str], Answer]] = []
        self._answers: list[tuple[str, re.Pattern[str], list[Answer]]] = []
        org = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def setup(self) -> None:
                org.connections += 1
                super().setup()

            def _serve(self) -> None:
                org._serve(self)

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _serve  # noqa: N815

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(authority.certificate.chain_file, authority.certificate.key_file)
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.url = f"https://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()

    def on(self, method: str, path: str, *answers: Answer) -> None:
        """Answers to requests whose path matches (the newest rule wins), one after another."""
        self._answers.insert(0, (method, re.compile(path), list(answers)))

    def once(self, method: str, path: str, answer: Answer) -> None:
        """One answer to the first request whose path matches; then the rules that stood before."""
        self._once.append((method, re.compile(path), answer))

    def asked_of(self, method: str, path: str) -> list[Asked]:
        """The requests of a method whose path matches."""
        return [asked for asked in self.asked if asked.method == method and re.search(path, asked.path)]

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _serve(self, handler: BaseHTTPRequestHandler) -> None:
        path, _, query = handler.path.partition("?")
        body = handler.rfile.read(int(handler.headers.get("Content-Length", 0)))
        asked = Asked(handler.command, path, query, dict(handler.headers), body)
        self.asked.append(asked)
        answer = self._answer(asked)
        for data in _bytes_of(handler, answer):
            try:
                handler.wfile.write(data)
            except OSError:
                handler.close_connection = True
                return

    def _answer(self, asked: Asked) -> Told:
        for first in self._once:
            if first[0] == asked.method and first[1].search(asked.path):
                self._once.remove(first)
                return first[2] if isinstance(first[2], Told) else first[2](asked)
        for method, path, answers in self._answers:
            if method == asked.method and path.search(asked.path):
                answer = answers.pop(0) if len(answers) > 1 else answers[0]
                return answer if isinstance(answer, Told) else answer(asked)
        return error("NOT_FOUND", 404)


def _bytes_of(handler: BaseHTTPRequestHandler, answer: Told) -> Iterator[bytes]:
    handler.send_response_only(answer.status)
    for name, value in answer.headers.items():
        handler.send_header(name, value)
    if answer.drips:
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        while True:
            yield b"1\r\n \r\n"
    handler.send_header("Content-Length", str(len(answer.body)))
    handler.end_headers()
    if answer.cut_after is not None:
        handler.close_connection = True
    yield answer.body[: answer.cut_after]
