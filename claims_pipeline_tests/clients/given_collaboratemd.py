"""What tests of the CollaborateMD client share: a time that only passes when someone waits, and the place asked for."""

from pathlib import Path
from typing import Any

from claims_pipeline.clients.collaboratemd import CollaborateMDClient

CUSTOMER, REPORT, FILTER = PLACE = ("10001001", "4711", "815")
PASSWORD = "geheim-€-9431"
SECRET_CRITERIA = "Patient = ROE, RICHARD"


class FakeTime:
    """A clock that moves when we sleep, and by `tick` each time it is read."""

    def __init__(self, tick: float = 0.0) -> None:
        self.now = 1000.0
        self.tick = tick
        self.slept: list[float] = []

    def clock(self) -> float:
        self.now += self.tick
        return self.now

    def wall(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


def client_at(url: str, time: FakeTime, **options: Any) -> CollaborateMDClient:
    """A client with fake time, the polite waits of real life, and a password beyond Latin-1."""
    given = {"clock": time.clock, "wall": time.wall, "sleep": time.sleep, "jitter": lambda: 1.0}
    return CollaborateMDClient(url, "partner", PASSWORD, **{**given, **options})


def files_in(folder: Path) -> list[str]:
    """Names of all files in a folder, the unfinished ones too."""
    return sorted(path.name for path in folder.iterdir())
