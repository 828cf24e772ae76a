"""Amazon's own DynamoDB Local, as a server on this machine: the reference that the sync state's tests run against.

What belongs here: starting and stopping it, and the settings that lead boto3 to it. Not here: where it comes from
(`dynamodb_local_package`). In memory, telemetry off. It can't be told to listen on loopback alone: invented data only.
"""

import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import psutil
import requests

from claims_pipeline.sandbox.dynamodb import environment_of
from claims_pipeline_tests.dynamodb_local_package import JAR

_STARTS = 5
_STARTS_SOONER = ("-Xmx256m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")
_LONGEST_START_SECONDS = 120.0
_LOOK_SECONDS = 0.05
_UNTIL_LET_GO = """exec 3<&0
"$@" 3<&- & server=$!
{ cat <&3 >/dev/null; kill "$server"; } & watch=$!
wait "$server"; kill "$watch" """
"""The server ends when the pipe to this shell closes: when it is closed, or its opener died."""


class DynamoDBLocal:
    """A running server; close it when done."""

    def __init__(self, jar: Path, port: int) -> None:
        self.port = port
        self.url = f"http://127.0.0.1:{port}"
        self._folder = tempfile.TemporaryDirectory(prefix="dynamodb-local-")  # it leaves a file where it runs
        self._said = Path(self._folder.name) / "said.txt"
        libraries = jar.parent / "DynamoDBLocal_lib"
        java = ["java", *_STARTS_SOONER, f"-Djava.library.path={libraries}", "-jar", str(jar)]
        options = ["-inMemory", "-sharedDb", "-disableTelemetry", "-port", str(port)]
        with self._said.open("wb") as said:
            self._process = subprocess.Popen(
                ["sh", "-c", _UNTIL_LET_GO, "sh", *java, *options],
                cwd=self._folder.name,
                stdin=subprocess.PIPE,
                stdout=said,
                stderr=subprocess.STDOUT,
            )

    def environment(self) -> Mapping[str, str]:
        """The settings that lead our pipeline (and boto3) here."""
        return environment_of(self.url)

    def answers(self) -> bool:
        """It, and not another program that took the port first, answers here."""
        started = psutil.Process(self._process.pid).children()
        open_ports = {each.laddr.port for process in started for each in process.net_connections("tcp")}
        if self.port not in open_ports:
            return False
        with requests.Session() as session:
            session.trust_env = False  # no proxy on the way to ourselves
            return session.get(self.url, timeout=30).headers.get("x-amzn-RequestId") is not None

    def comes_up(self) -> bool:
        """Wait for its first answer; False when there will be none."""
        end = time.monotonic() + _LONGEST_START_SECONDS
        while time.monotonic() < end and self._process.poll() is None and "Exception" not in self.words():
            if self.answers():
                return True
            time.sleep(_LOOK_SECONDS)
        return False

    def words(self) -> str:
        """What it has printed so far."""
        return self._said.read_text(errors="replace")

    def close(self) -> None:
        """Stop answering."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(timeout=60)
        self._folder.cleanup()


def free_port() -> int:
    """One that nobody listens on now."""
    with socket.socket() as asked:
        asked.bind(("127.0.0.1", 0))
        port: int = asked.getsockname()[1]
    return port


def serve_dynamodb_local(jar: Path = JAR, port: Callable[[], int] = free_port) -> DynamoDBLocal:
    """Start it and wait until it answers; on another port, where this one was taken meanwhile."""
    if not jar.exists() or shutil.which("java") is None:
        raise RuntimeError("Amazon's DynamoDB Local (or Java) is not here: run `make dynamodb-local`.")
    words = ""
    for _ in range(_STARTS):
        server = DynamoDBLocal(jar, port())
        if server.comes_up():
            return server
        words = server.words()
        server.close()
        if "Failed to bind" not in words:
            break
    raise RuntimeError(f"DynamoDB Local does not start. It says: {words[-2000:]}")
