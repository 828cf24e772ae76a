"""DynamoDB's stand-in: moto's server on a free loopback port.

What belongs here: starting and stopping it, the settings that lead boto3 to it, its access log. Not here: DynamoDB's
behaviour, which is moto's, nor what keeps that from costing more with every item (`moto_costs`). It is kept in memory:
what stood in it is gone when its process ends.
"""

import logging
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from moto.core.model_instances import reset_model_data
from moto.server import ThreadedMotoServer

from claims_pipeline.sandbox.moto_costs import keep_them_down

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

REGION = "us-east-1"
_TURN = threading.Lock()  # all servers of a process share moto's one store
_READS = frozenset(
    {"BatchGetItem", "DescribeTable", "GetItem", "ListTables", "Query", "Scan", "TransactGetItems"}
)


@dataclass(frozen=True)
class StateAccess:
    """One request and its status. `operation` is DynamoDB's own word for it, as `X-Amz-Target` carries it."""

    at: datetime
    operation: str
    status: int

    @property
    def is_write(self) -> bool:
        """Whether it could change anything: all that is no known read."""
        return self.operation not in _READS


class LocalDynamoDB:
    """A running server; close it when done."""

    def __init__(self, server: ThreadedMotoServer) -> None:
        self._server = server
        self._log: list[StateAccess] = []
        host, port = server.get_host_and_port()
        self.url = f"http://{host}:{port}"
        _answer_one_at_a_time(server, self._note)

    @property
    def log(self) -> list[StateAccess]:
        """Every request so far; a copy."""
        with _TURN:
            return list(self._log)

    def clear_log(self) -> None:
        """Begin a new log."""
        with _TURN:
            self._log.clear()

    def _note(self, target: str, status: int) -> None:
        self._log.append(StateAccess(datetime.now(UTC), target.rpartition(".")[2], status))

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
    keep_them_down()
    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # it would print every request
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=port, verbose=False)
    server.start()
    return LocalDynamoDB(server)


def _answer_one_at_a_time(server: ThreadedMotoServer, note: Callable[[str, int], None]) -> None:
    """DynamoDB checks a condition and writes in one step; moto's threads could come between the two.

    Each request is noted before its answer leaves, so that whoever has the answer finds it in the log. What moto keeps
    of each object that it ever made, for a page of its own, is forgotten: it would grow with every request.
    """
    running = server._server
    assert running is not None
    answer = running.app

    def one_at_a_time(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        status = 0

        def started(line: str, *more: Any) -> Callable[[bytes], object]:
            nonlocal status
            status = int(line.partition(" ")[0])
            return start_response(line, *more)

        with _TURN:
            body = list(answer(environ, started))
            note(environ.get("HTTP_X_AMZ_TARGET", ""), status)
            reset_model_data()
            return body

    running.app = one_at_a_time
