"""Lambda on this machine: AWS's own runtime client runs an unpacked package, against AWS's APIs as we play them.

What belongs here: what AWS does around a function: cold starts, deadlines, retries of asynchronous events, a second
delivery. Not here: the systems that the function speaks to (`town`), nor what must be true.

Only AWS's client, its two dependencies and the runtime's own boto3 are laid beside the package, as in /var/runtime: the
process sees neither our source nor this environment.
"""

import importlib.util
import json
import os
import queue
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from claims_pipeline.packaging.contents import IN_THE_RUNTIME

ARN = "arn:aws:lambda:us-east-1:123456789012:function:collaboratemd-salesforce-sync"
_RUNTIME = (*IN_THE_RUNTIME, "awslambdaric", "runtime_client", "snapshot_restore_py", "simplejson")
_START = """
import os, runpy, sys
sys.path[:0] = [os.getcwd()]
sys.path.append(sys.argv.pop(1))
runpy.run_module("awslambdaric", run_name="__main__", alter_sys=True)
"""
_RETRIES = 2
_LONGEST_SECONDS = 120.0


@dataclass(frozen=True)
class Delivered:
    """An event as AWS delivers it: a repetition has the same request id."""

    event: Mapping[str, Any]
    request_id: str = field(default_factory=lambda: str(uuid.uuid4()))


@dataclass(frozen=True)
class Ended:
    """How an invocation ended: with an answer, with an error, or killed at its deadline."""

    answer: dict[str, Any] | None = None
    error: dict[str, Any] | None = None
    was_killed: bool = False


class Lambda:
    """The function. `asked` holds the events that it asked AWS to invoke it with, asynchronously."""

    def __init__(self, package: Path, work: Path, environment: Mapping[str, str]) -> None:
        self.asked: queue.Queue[Delivered] = queue.Queue()
        self.starts = 0
        self.said = work / "log.txt"
        self._package, self._work = package, work
        self._runtime = _runtime_folder(work / "runtime")
        (work / "tmp").mkdir()
        self._environment = {
            **environment,
            "LAMBDA_TASK_ROOT": str(package),
            "TMPDIR": str(work / "tmp"),
            "PATH": os.environ["PATH"],
        }
        self._invoke_api = _serve(_InvokeApi, self)
        self._environment["AWS_ENDPOINT_URL_LAMBDA"] = f"http://127.0.0.1:{self._invoke_api.server_port}"
        self._instances: list[_Instance] = []

    def invoke(self, delivered: Delivered, *, seconds: float = _LONGEST_SECONDS) -> Ended:
        """One invocation in an instance that is free; a new one where none is (a cold start)."""
        instance = next((each for each in self._instances if each.is_free), None)
        if instance is None:
            self.starts += 1
            instance = _Instance(self._package, self._runtime, self._environment, self.said)
            self._instances.append(instance)
        ended = instance.invoke(delivered, seconds)
        if ended.was_killed:
            self._instances.remove(instance)
            instance.close()
        return ended

    def invoke_as_scheduled(self, delivered: Delivered, *, seconds: float = _LONGEST_SECONDS) -> list[Ended]:
        """An asynchronous event: AWS repeats what fails, under the same request id."""
        tried: list[Ended] = []
        while not tried or (tried[-1].answer is None and len(tried) <= _RETRIES):
            tried.append(self.invoke(delivered, seconds=seconds))
        return tried

    def next_asked(self) -> Delivered:
        """The oldest event that the function asked for."""
        return self.asked.get(timeout=5)

    def log(self) -> str:
        """All that its instances printed."""
        return self.said.read_text(encoding="utf-8", errors="replace")

    def close(self) -> None:
        """Stop all instances."""
        for instance in self._instances:
            instance.close()
        self._invoke_api.shutdown()
        self._invoke_api.server_close()


def _runtime_folder(folder: Path) -> Path:
    """What Lambda's runtime brings, laid out as it does."""
    folder.mkdir()
    for name in _RUNTIME:
        found = importlib.util.find_spec(name)
        assert found is not None, name
        assert found.origin is not None
        place = Path(found.origin)
        source = place.parent if place.name == "__init__.py" else place
        (folder / source.name).symlink_to(source)
    return folder


class _Instance:
    """One process of the function, and the Runtime API that it asks for work."""

    def __init__(self, package: Path, runtime: Path, environment: Mapping[str, str], said: Path) -> None:
        self.work: queue.Queue[tuple[Delivered, float]] = queue.Queue()
        self.ended: queue.Queue[Ended] = queue.Queue()
        self.is_free = True
        self._api = _serve(_RuntimeApi, self)
        address = f"127.0.0.1:{self._api.server_port}"
        command = [sys.executable, "-I", "-S", "-c", _START, str(runtime), "lambda_handler.lambda_handler"]
        with said.open("ab") as log:
            self._process = subprocess.Popen(
                command,
                cwd=package,
                env={**environment, "AWS_LAMBDA_RUNTIME_API": address, "PYTHONDONTWRITEBYTECODE": "1"},
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def invoke(self, delivered: Delivered, seconds: float) -> Ended:
        self.is_free = False
        self.work.put((delivered, seconds))
        try:
            ended = self.ended.get(timeout=seconds)
        except queue.Empty:
            return Ended(was_killed=True)
        self.is_free = ended.error is None or "requestId" in ended.error
        return ended

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        self._api.shutdown()
        self._api.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 # as http.server has it
        """Not on the tests' output."""

    def read(self) -> Any:
        return json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))) or b"null")

    def tell(self, status: int, body: object = None, headers: Mapping[str, str] | None = None) -> None:
        content = b"" if body is None else json.dumps(body).encode()
        self.send_response(status)
        for name, value in {**(headers or {}), "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)


class _RuntimeApi(_Handler):
    """AWS's API for runtimes, version 2018-06-01."""

    of: _Instance

    def do_GET(self) -> None:  # as http.server has it
        delivered, seconds = self.of.work.get()
        headers = {
            "Content-Type": "application/json",
            "Lambda-Runtime-Aws-Request-Id": delivered.request_id,
            "Lambda-Runtime-Deadline-Ms": str(int((time.time() + seconds) * 1000)),
            "Lambda-Runtime-Invoked-Function-Arn": ARN,
        }
        self.tell(200, delivered.event, headers)

    def do_POST(self) -> None:  # as http.server has it
        told = self.read()
        is_answer = self.path.endswith("/response")
        self.tell(202, {"status": "OK"})
        self.of.ended.put(Ended(answer=told) if is_answer else Ended(error=told))


class _InvokeApi(_Handler):
    """AWS Lambda's Invoke, asynchronous: the event waits until the test has it delivered."""

    of: Lambda

    def do_POST(self) -> None:  # as http.server has it
        event = self.read()
        assert self.headers["X-Amz-Invocation-Type"] == "Event"
        assert "function%3Acollaboratemd-salesforce-sync/invocations" in self.path, self.path
        self.of.asked.put(Delivered(event))
        self.tell(202)


def _serve(handler: type[_Handler], of: object) -> ThreadingHTTPServer:
    served = type(handler.__name__, (handler,), {"of": of})
    server = ThreadingHTTPServer(("127.0.0.1", 0), served)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server
