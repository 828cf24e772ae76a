"""Serving an app over TLS on this machine: a free loopback port, in a thread, with certificates of our own.

What belongs here: the local certificate authority and the server's start and stop. Not here: what is served.
"""

import asyncio
import socket
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import trustme
import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from claims_pipeline.errors import TransientError
from claims_pipeline.sandbox.broken_wires import CONNECTION

_LONGEST_HEADERS = 256 * 1024  # beyond what any stand-in refuses by itself
_SECONDS_TO_START = 30
_SECONDS_TO_STOP = 10
_SECONDS_KEPT_ALIVE = 75  # as long as servers do: a busy client would meet connections that were just closed


class ServerDidNotStart(TransientError):
    """The server did not come up in time."""


@dataclass(frozen=True)
class Certificate:
    """A server's certificate chain and private key, PEM files."""

    chain_file: Path
    key_file: Path


class LocalAuthority:
    """A certificate authority of this machine alone. Clients trust `ca_file`; servers show `certificate`.

    The files are written to `folder` anew each time; `names` are added to localhost and 127.0.0.1.
    """

    def __init__(self, folder: Path, *, names: Sequence[str] = ()) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        authority = trustme.CA(organization_name="claims-pipeline sandbox")
        server = authority.issue_cert("localhost", "127.0.0.1", "::1", *names)
        self.ca_file = folder / "ca.pem"
        self.certificate = Certificate(folder / "server.pem", folder / "server.key")
        authority.cert_pem.write_to_path(self.ca_file)
        self.certificate.key_file.touch(mode=0o600)
        server.private_key_pem.write_to_path(self.certificate.key_file)
        self.certificate.chain_file.unlink(missing_ok=True)
        for blob in server.cert_chain_pems:
            blob.write_to_path(self.certificate.chain_file, append=True)


class _Protocol(H11Protocol):
    """uvicorn's HTTP, which hands each request its connection, for whoever breaks it on purpose."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn has it
        super().connection_made(transport)
        app = self.app

        async def with_connection(scope: Scope, receive: Receive, send: Send) -> None:
            await app(
                {**scope, "extensions": {**scope.get("extensions", {}), CONNECTION: transport}}, receive, send
            )

        self.app = with_connection


class _Server(uvicorn.Server):
    """uvicorn's server, which tells when it is up."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.up = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        self.up.set()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop; drop whoever has not hung up by then (a client that never answers a TLS good-bye, for one)."""
        await super().shutdown(sockets=sockets)
        for connection in list(self.server_state.connections):
            if connection.transport is not None:
                connection.transport.abort()
        for transport in _open_transports():
            transport.abort()
        await asyncio.sleep(0)  # their sockets are closed in the loop's next turn


def _open_transports() -> list[asyncio.WriteTransport]:
    """Connections below TLS that the loop still holds: a peer that hung up without a good-bye leaves its own open.

    asyncio tells of them nowhere but in the selector loop's own table, and closes none when the loop ends.
    """
    table = getattr(asyncio.get_running_loop(), "_transports", {})
    return [transport for transport in table.values() if isinstance(transport, asyncio.WriteTransport)]


class Served:
    """A running server. `close` stops it; used as a context manager, leaving does."""

    def __init__(self, server: _Server, thread: threading.Thread, bound: socket.socket, url: str) -> None:
        self._server, self._thread, self._bound = server, thread, bound
        self.url = url
        self.port: int = bound.getsockname()[1]

    def close(self) -> None:
        """Stop serving; requests under way get a moment to end."""
        self._server.should_exit = True
        self._thread.join(_SECONDS_TO_STOP)
        self._bound.close()

    def __enter__(self) -> "Served":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def serve(app: ASGIApp, *, certificate: Certificate | None, port: int = 0) -> Served:
    """Serve `app` on a loopback port (0: a free one), over TLS unless `certificate` is None.

    Its `url` has no slash at the end: `https://127.0.0.1:41233`.
    """
    # the protocol said: asyncio turns delays off (TCP_NODELAY) on no other socket, and each answer would take 40 ms
    bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    bound.bind(("127.0.0.1", port))
    server = _Server(
        uvicorn.Config(
            app,
            http=_Protocol,
            loop="asyncio",
            ws="none",
            log_config=None,
            log_level="critical",
            access_log=False,
            server_header=False,
            h11_max_incomplete_event_size=_LONGEST_HEADERS,
            timeout_keep_alive=_SECONDS_KEPT_ALIVE,
            timeout_graceful_shutdown=1,
            ssl_certfile=None if certificate is None else certificate.chain_file,
            ssl_keyfile=None if certificate is None else certificate.key_file,
        )
    )
    thread = threading.Thread(
        target=server.run, kwargs={"sockets": [bound]}, name=f"serve-{bound.getsockname()[1]}", daemon=True
    )
    thread.start()
    if not server.up.wait(_SECONDS_TO_START):
        bound.close()
        raise ServerDidNotStart(f"The sandbox's server did not come up within {_SECONDS_TO_START} seconds.")
    scheme = "http" if certificate is None else "https"
    return Served(server, thread, bound, f"{scheme}://127.0.0.1:{bound.getsockname()[1]}")
