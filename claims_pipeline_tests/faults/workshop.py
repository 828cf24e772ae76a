"""Starting processes of the pipeline: warm ones for the many, cold ones where a process from nothing is the point.

What belongs here: the workshop that keeps a warm runner, and how a process ended. Not here: what it is ordered to do.
"""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

from claims_pipeline_tests.command_line import PLAIN
from claims_pipeline_tests.faults.orders import Order
from claims_pipeline_tests.paths import REPOSITORY


@dataclass(frozen=True)
class Ended:
    """How a process ended: its exit code, or minus the signal that killed it; and all that it said."""

    code: int
    words: str

    @property
    def was_killed(self) -> bool:
        return self.code == -signal.SIGKILL


class StillThere(AssertionError):
    """A process stopped where it should have ended."""


class Workshop:
    """A warm runner that forks a process an order; it has imported what `door` (a command's first word) needs."""

    def __init__(self, door: str) -> None:
        credentials = {"AWS_ACCESS_KEY_ID": "sandbox", "AWS_SECRET_ACCESS_KEY": "sandbox"}
        self._runner = subprocess.Popen(
            [sys.executable, "-m", "claims_pipeline_tests.faults.runner", "serve", door],
            env={**PLAIN, **credentials},
            cwd=REPOSITORY,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def start(self, order: Order, under: Sequence[str] | None = None) -> "Process":
        """Start the process; `under` another command (such as strace), or cold with an empty one."""
        asked = {"do": "start", "order": order.to_json(), "under": None if under is None else list(under)}
        return Process(self, order, self.ask(asked)["pid"])

    def run(self, order: Order, under: Sequence[str] | None = None) -> Ended:
        """Start it and see it end."""
        return self.start(order, under).end()

    def ask(self, request: dict[str, Any]) -> dict[str, Any]:
        """One request to the runner, and its answer."""
        assert self._runner.stdin is not None
        assert self._runner.stdout is not None
        print(json.dumps(request), file=self._runner.stdin, flush=True)
        line = self._runner.stdout.readline()
        if not line:
            raise AssertionError("the warm runner is gone: it says why above")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._runner.stdin is not None
        assert self._runner.stdout is not None
        self._runner.stdin.close()
        self._runner.wait()
        self._runner.stdout.close()


@dataclass(frozen=True)
class Process:
    """One process of the pipeline."""

    workshop: Workshop
    order: Order
    pid: int

    def end(self) -> Ended:
        """Wait for its end."""
        ended = self.stop_or_end()
        if ended is None:
            os.kill(self.pid, signal.SIGKILL)
            raise StillThere(f"process {self.pid} stopped where it should have ended")
        return ended

    def stop_or_end(self) -> Ended | None:
        """Wait until it has stopped itself (None), or ended all the same."""
        told = self.workshop.ask({"do": "wait", "pid": self.pid})
        if "stopped" in told:
            return None
        words = self.order.out.read_text(encoding="utf-8") if self.order.out.exists() else ""
        return Ended(told["ended"] if "ended" in told else -told["killed"], words)

    def go_on(self) -> None:
        """Let it continue."""
        os.kill(self.pid, signal.SIGCONT)
