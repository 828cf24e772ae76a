"""Orders: what one process of the pipeline is to do, and where it is to die.

What belongs here: the fact itself, and how it travels to the process. Not here: carrying it out (`runner`).
"""

import json
import signal
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Self

from claims_pipeline_tests.faults.boundaries import Boundary, Point, Side


@dataclass(frozen=True)
class Conditions:
    """Small sizes, so that a small book meets every call; a lease that beats at boundaries, not by a timer."""

    rows_a_job: int = 1_000_000
    rows_a_page: int = 50_000
    keys_read_one_by_one: int = 10_000
    beats_by_timer: bool = False


@dataclass(frozen=True)
class Order:
    """One process: `command` is what a person would type, beginning with `claims-pipeline` or `dagster`."""

    command: tuple[str, ...]
    environment: Mapping[str, str]
    tape: Path
    out: Path
    conditions: Conditions = field(default_factory=Conditions)
    stop_at: Point | None = None
    signal_number: int = signal.SIGKILL
    bug: str | None = None

    @property
    def storage(self) -> Path:
        """The private storage that it works in."""
        return Path(self.environment["CLAIMS_STORAGE"])

    def to_json(self) -> str:
        """As one line."""
        told = asdict(self) | {"tape": str(self.tape), "out": str(self.out)}
        return json.dumps(told | {"signal_number": int(self.signal_number)})

    @classmethod
    def from_json(cls, line: str) -> Self:
        """From `to_json`."""
        told = json.loads(line)
        stop = told.pop("stop_at")
        point = None if stop is None else Point(Boundary(**stop["boundary"]), Side(stop["side"]))
        paths = {name: Path(told.pop(name)) for name in ("tape", "out")}
        conditions = Conditions(**told.pop("conditions"))
        return cls(
            **{**told, "command": tuple(told["command"])}, **paths, conditions=conditions, stop_at=point
        )
