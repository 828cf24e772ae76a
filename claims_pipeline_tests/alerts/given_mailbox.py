"""A mailbox: what alerts reach, over real HTTP and SMTP on this machine.

What belongs here: taking messages, and refusing them. Not here: what must be in them.
"""

import json
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import requests


@dataclass
class Mailbox:
    """An HTTP server that keeps what is posted to it."""

    port: int
    posts: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    """(path, body)"""
    is_closed: bool = False

    @property
    def address(self) -> str:
        """As a person would set it."""
        return f"http://127.0.0.1:{self.port}/hook/secret-token"

    def titles(self) -> list[str]:
        """Of plain webhooks, in order."""
        return [body["title"] for _, body in self.posts]

    def taken(self) -> list[dict[str, Any]]:
        """The bodies since the last look."""
        bodies = [body for _, body in self.posts]
        self.posts.clear()
        return bodies


@contextmanager
def mailboxes() -> Iterator[Mailbox]:
    """One mailbox, served."""
    box: Mailbox

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if not box.is_closed:
                box.posts.append((self.path, body))
            self.send_response(503 if box.is_closed else 200)
            self.end_headers()
            self.wfile.write(b"ok")

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the standard library's name
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        box = Mailbox(server.server_address[1])
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield box
        server.shutdown()
        thread.join()


def lead_to(box: Mailbox, monkeypatch: Any) -> None:
    """Requests to the world go to the mailbox, whose path then begins with the host that was meant."""
    send = requests.adapters.HTTPAdapter.send

    def redirected(self: Any, request: Any, *args: Any, **kwargs: Any) -> Any:
        request.url = f"http://127.0.0.1:{box.port}/{request.url.partition('://')[2]}"
        return send(self, request, *args, **kwargs)

    monkeypatch.setattr(requests.adapters.HTTPAdapter, "send", redirected)


@contextmanager
def post_office() -> Iterator[tuple[int, list[str]]]:
    """An SMTP server: its port, and the mails that it took, as they came."""
    mails: list[str] = []

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self.wfile.write(b"220 here\r\n")
            while line := self.rfile.readline():
                verb = line[:4].upper()
                if verb == b"DATA":
                    self.wfile.write(b"354 go on\r\n")
                    lines = []
                    while (each := self.rfile.readline()) != b".\r\n":
                        lines.append(each.decode())
                    mails.append("".join(lines))
                self.wfile.write(b"221 bye\r\n" if verb == b"QUIT" else b"250 ok\r\n")
                if verb == b"QUIT":
                    return

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = False

    with Server(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server.server_address[1], mails
        server.shutdown()
        thread.join()
