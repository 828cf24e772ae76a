"""The CollaborateMD client on a wire that misbehaves below HTTP: cut, dripping, silent, closed."""

import base64
import io
import socket
import threading
import tracemalloc
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from claims_pipeline.clients.collaboratemd import AnswerUnreadable, ReportDeadline, ServiceUnavailable
from claims_pipeline_tests.clients.given_collaboratemd import (
    CUSTOMER,
    PLACE,
    FakeTime,
    client_at,
    files_in,
)

Act = Callable[[socket.socket], None]


def zipped(content: bytes = b"ClaimID\r\n1\r\n") -> bytes:
    """A ZIP with one report in it."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr(zipfile.ZipInfo("Claims.csv"), content)  # without the time of day
    return packed.getvalue()


ANSWER = b'{"Status": "SUCCESS", "StatusMessage": "", "Data": "%s"}' % base64.b64encode(zipped())
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n"


@dataclass
class Wire:
    """A server that does as told with the n-th connection; the last act repeats."""

    acts: list[Act] = field(default_factory=list)
    connections: int = 0

    def __post_init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._socket.getsockname()[1]}"

    def close(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join(10)
        self._socket.close()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            act = self.acts[min(self.connections, len(self.acts) - 1)]
            self.connections += 1
            with connection:
                connection.settimeout(10)
                try:
                    received = b""
                    while b"\r\n\r\n" not in received:
                        received += connection.recv(65536)
                    act(connection)
                except OSError:
                    pass  # the client went away, which is what some tests are about


@pytest.fixture
def wire() -> Iterator[Wire]:
    wire = Wire()
    yield wire
    wire.close()


def answers(body: bytes, *, head: bytes = HEAD, declared: int | None = None) -> Act:
    """The whole body at once; `declared` is its Content-Length, none if None."""
    length = b"" if declared is None else b"Content-Length: %d\r\n" % declared
    return lambda connection: connection.sendall(head + length + b"\r\n" + body)


def chunked(*pieces: bytes, end: bytes = b"0\r\n\r\n") -> Act:
    body = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + end
    return answers(body, head=HEAD + b"Transfer-Encoding: chunked\r\n")


def drips(clock_was_read: threading.Semaphore) -> Act:
    """A body of one byte each time the client looks at its clock, and of no other."""

    def act(connection: socket.socket) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.sendall(HEAD + b"\r\n{")
        while clock_was_read.acquire(timeout=1):
            connection.sendall(b" ")

    return act


def resets(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")


def is_silent(connection: socket.socket) -> None:
    connection.recv(1)  # until the client gives up


def download(wire: Wire, to: Path, time: FakeTime | None = None, **options: Any) -> bool:
    with client_at(wire.url, time or FakeTime(), **options) as client:
        return client.download(CUSTOMER, "7", to)


@pytest.mark.parametrize(
    "cut",
    [
        answers(ANSWER[:60]),
        answers(ANSWER[:-2]),
        answers(ANSWER[:-1]),
        answers(ANSWER[:-1], declared=len(ANSWER)),
        answers(ANSWER[:60], declared=len(ANSWER)),
        chunked(ANSWER[:40], ANSWER[40:80], end=b""),
        chunked(ANSWER[:40], end=b"ff\r\n" + ANSWER[40:80]),
        answers(b"\x1f\x8b\x08\x00broken", head=HEAD + b"Content-Encoding: gzip\r\n"),
        answers(b""),
        resets,
    ],
)
def test_a_cut_body_is_noticed_and_asked_for_again_whether_or_not_a_length_was_declared(
    wire: Wire, tmp_path: Path, cut: Act
) -> None:
    wire.acts = [cut, answers(ANSWER)]
    assert download(wire, tmp_path / "report.zip") is True
    assert (tmp_path / "report.zip").read_bytes() == zipped()
    assert wire.connections == 2
    assert files_in(tmp_path) == ["report.zip"]


def test_a_body_that_is_always_cut_is_told(wire: Wire, tmp_path: Path) -> None:
    wire.acts = [answers(ANSWER[:-1])]
    with pytest.raises(AnswerUnreadable) as caught:
        download(wire, tmp_path / "report.zip")
    assert str(caught.value) == (
        "CollaborateMD's answer could not be read: it is cut off (it came as application/json), 5 attempt(s) (customer "
        f"{CUSTOMER}, result 7). Nothing was kept of it. Run again later; if it stays, check "
        "COLLABORATEMD_API_BASE_URL and any proxy on the way."
    )
    assert files_in(tmp_path) == []


def test_chunks_of_any_size_are_put_together(wire: Wire, tmp_path: Path) -> None:
    wire.acts = [chunked(*(ANSWER[at : at + 1] for at in range(len(ANSWER))))]
    assert download(wire, tmp_path / "report.zip") is True
    assert (tmp_path / "report.zip").read_bytes() == zipped()


def test_a_dripping_body_ends_at_the_deadline(wire: Wire, tmp_path: Path) -> None:
    """Each byte comes in time, so no read timeout ever strikes."""
    clock_was_read = threading.Semaphore(0)
    time = FakeTime(tick=1.0)

    def clock() -> float:
        clock_was_read.release()
        return time.clock()

    wire.acts = [drips(clock_was_read)]
    with pytest.raises(ReportDeadline) as caught:
        download(wire, tmp_path / "report.zip", time, deadline_seconds=60, clock=clock)
    assert "within 60 s; the time ran out while the answer was coming in" in str(caught.value)
    assert wire.connections == 1


def test_silence_is_not_waited_out_for_ever(wire: Wire, tmp_path: Path) -> None:
    wire.acts = [is_silent]
    with pytest.raises(ServiceUnavailable) as caught:
        download(wire, tmp_path / "report.zip", read_seconds=0.02)
    assert "no answer within the time limit, 5 attempt(s)" in str(caught.value)


def test_a_connection_that_breaks_before_the_answer_is_told(wire: Wire, tmp_path: Path) -> None:
    wire.acts = [resets]
    with pytest.raises(ServiceUnavailable, match="the connection broke before the answer came, 5 attempt"):
        download(wire, tmp_path / "report.zip")


def test_a_service_that_is_not_there_is_told(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
    time = FakeTime()
    with client_at(url, time) as client, pytest.raises(ServiceUnavailable) as caught:
        client.run_report(*PLACE)
    assert "CollaborateMD could not be reached: no connection, 5 attempt(s)" in str(caught.value)
    assert time.slept == [1, 2, 4, 8]


def test_a_run_whose_connection_broke_counts_as_perhaps_our_own(wire: Wire) -> None:
    wire.acts = [
        resets,
        answers(b'{"Status": "REPORT RUNNING", "Identifier": 5}'),
        answers(b'{"Status": "SUCCESS", "Identifier": 6}'),
    ]
    lost = []
    with client_at(wire.url, FakeTime()) as client:
        assert client.run_report(*PLACE, on_waiting=lambda wait: lost.append(wait.own_lost_run)) == "6"
    assert lost == [True]


def test_no_more_memory_is_used_for_a_large_report_than_for_a_small_one(wire: Wire, tmp_path: Path) -> None:
    """40 MB come in one JSON string; the client holds a few pieces of it at most."""
    block = base64.b64encode(bytes(3 * 1024 * 1024))
    head = zipped()[:3]

    def sends(connection: socket.socket) -> None:
        connection.sendall(HEAD + b'\r\n{"Status": "SUCCESS", "Data": "' + base64.b64encode(head))
        for _ in range(10):
            connection.sendall(block)
        connection.sendall(b'"}')

    wire.acts = [sends]
    tracemalloc.start()
    try:
        with pytest.raises(AnswerUnreadable, match="no whole ZIP"):
            download(wire, tmp_path / "report.zip", attempts=1)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak - len(block) < 8 * 1024 * 1024
