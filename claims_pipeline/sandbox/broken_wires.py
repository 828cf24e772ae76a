"""What a network does to a connection below HTTP: it is reset, falls silent, or ends where nobody can tell.

What belongs here: the four ways, done to one open connection. Not here: for which request (`faults`), nor handing the
connection to the apps (`serving`).
"""

import asyncio
import socket
import struct
from enum import StrEnum
from http import HTTPStatus

from starlette.types import Message, Receive, Scope

CONNECTION = "claims_pipeline.connection"
"""The name among a request's extensions under which `serving` hands on its connection."""

_RESET_AT_CLOSE = struct.pack("ii", 1, 0)  # linger, for no time


class Wire(StrEnum):
    """What becomes of the connection, in place of an answer or under it."""

    RESET = "reset"  # it is reset: before the app acts, or after it has acted
    SILENT = "silent"  # nothing comes any more, until the client hangs up
    NO_LENGTH = "no_length"  # the answer is ended by hanging up alone: the client cannot tell that it was cut


def connection_of(scope: Scope) -> asyncio.Transport:
    """The connection over which a request came."""
    found = scope.get("extensions", {}).get(CONNECTION)
    if not isinstance(found, asyncio.Transport):
        raise TypeError("This server does not hand on its connections: serve the app by `sandbox.serving`.")
    return found


def reset(connection: asyncio.Transport) -> None:
    """Close it so that the other side's next read fails."""
    bound = connection.get_extra_info("socket")
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_AT_CLOSE)
    connection.abort()


def begin_without_length(connection: asyncio.Transport, start: Message) -> None:
    """Write the head of an answer that says nothing of its length. What is written after it ends by closing."""
    status = HTTPStatus(start["status"])
    lines = [f"HTTP/1.1 {status.value} {status.phrase}".encode(), b"connection: close"]
    lines += [
        name + b": " + value
        for name, value in start.get("headers", [])
        if name.lower() not in (b"content-length", b"transfer-encoding", b"connection")
    ]
    connection.write(b"\r\n".join(lines) + b"\r\n\r\n")


async def until_hung_up(receive: Receive) -> None:
    """Wait until the connection is closed, by whichever side."""
    while (await receive())["type"] != "http.disconnect":
        pass
