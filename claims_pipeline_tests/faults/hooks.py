"""Hooks in the pipeline's own process: each boundary is noted as it is passed, and at one the process dies or stops.

What belongs here: watching HTTP calls (requests, simple-salesforce and boto3 all pass through urllib3) and renames
under the storage. Not here: how calls are named (`boundaries`), what else is changed in the process (`conditions`,
`planted`).
"""

import os
import signal
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from urllib3.connectionpool import HTTPConnectionPool

from claims_pipeline_tests.faults.boundaries import Boundary, Point, Side, kind_of_rename, kind_of_request


@dataclass
class Tape:
    """Notes boundaries in a file, one a line, and raises the signal at the point where it is asked for."""

    path: Path
    stop_at: Point | None = None
    signal_number: int = signal.SIGKILL
    _passed: Counter[str] = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def around(self, kind: str, act: Callable[[], Any]) -> Any:
        """Do what the boundary is about, and note it."""
        with self._lock:
            self._passed[kind] += 1
            boundary = Boundary(kind, self._passed[kind])
            with self.path.open("a", encoding="utf-8") as tape:
                tape.write(f"{boundary.nth}\t{kind}\n")
        self._end_at(Point(boundary, Side.BEFORE))
        done = act()
        self._end_at(Point(boundary, Side.AFTER))
        return done

    def _end_at(self, point: Point) -> None:
        if point == self.stop_at:
            os.kill(os.getpid(), self.signal_number)


def install(tape: Tape, storage: Path) -> None:
    """From now on every HTTP call and every rename under `storage` passes through the tape."""
    call_out = HTTPConnectionPool._make_request

    def make_request(
        pool: HTTPConnectionPool, connection: Any, method: str, url: str, *args: Any, **more: Any
    ) -> Any:
        kind = kind_of_request(method, url, more.get("headers") or {})
        return tape.around(kind, lambda: call_out(pool, connection, method, url, *args, **more))

    HTTPConnectionPool._make_request = make_request  # type: ignore[method-assign]  # the hook itself
    for name in ("rename", "replace"):
        setattr(os, name, _watched(getattr(os, name), tape, storage))


def _watched(move: Callable[..., None], tape: Tape, storage: Path) -> Callable[..., None]:
    def moved(source: Any, target: Any, **more: Any) -> None:
        to = Path(os.fsdecode(target)).absolute()
        if storage in to.parents:
            tape.around(kind_of_rename(to, storage), lambda: move(source, target, **more))
        else:
            move(source, target, **more)

    return moved


def read_tape(path: Path) -> list[Boundary]:
    """The boundaries that a process passed, in order."""
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    split = (line.partition("\t") for line in lines)
    return [Boundary(kind, int(nth)) for nth, _, kind in split]
