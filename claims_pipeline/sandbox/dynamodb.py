"""DynamoDB's stand-in: moto's server on a free loopback port.

What belongs here: starting and stopping it, and the settings that lead boto3 to it. Not here: DynamoDB's behaviour,
which is moto's. It is kept in memory: what stood in it is gone when its process ends.
"""

import logging
import threading
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from moto.server import ThreadedMotoServer

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

REGION = "us-east-1"
_TURN = threading.Lock()  # all servers of a process share moto's one store


class LocalDynamoDB:
    """A running server; close it when done."""

    def __init__(self, server: ThreadedMotoServer) -> None:
        self._server = server
        host, port = server.get_host_and_port()
        self.url = f"http://{host}:{port}"

    def environment(self) -> Mapping[str, str]:
        """The settings that lead our pipeline (and boto3) here."""
        return environment_of(self.url)

    def close(self) -> None:
        """Stop answering."""
        self._server.stop()


def environment_of(url: str) -> Mapping[str, str]:
    """The settings that lead to a DynamoDB on this machine. The credentials are nobody's."""
    return {
        "DYNAMODB_ENDPOINT_URL": url,
        "AWS_REGION": REGION,
        "AWS_ACCESS_KEY_ID": "sandbox",
        "AWS_SECRET_ACCESS_KEY": "sandbox",
    }


def serve_dynamodb(port: int = 0) -> LocalDynamoDB:
    """Start it on this machine alone; port 0 takes a free one."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # it would print every request
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=port, verbose=False)
    server.start()
    _answer_one_at_a_time(server)
    return LocalDynamoDB(server)


def _answer_one_at_a_time(server: ThreadedMotoServer) -> None:
    """DynamoDB checks a condition and writes in one step; moto's threads could come between the two."""
    running = server._server
    assert running is not None
    answer = running.app

    def one_at_a_time(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        with _TURN:
            return list(answer(environ, start_response))

    running.app = one_at_a_time
