"""Time left: a run that is given only so long stops at a safe place while there is time to hand on what it leaves.

What belongs here: when it must stop, and waits that know it. Not here: what is handed on (`going_on`), nor to whom (the
door).
"""

from collections.abc import Callable
from dataclasses import dataclass

from claims_pipeline.errors import OutOfTime


@dataclass(frozen=True)
class TimeLeft:
    """Until when work may go on: `until` is of the clock `monotonic`, in seconds."""

    until: float
    monotonic: Callable[[], float]

    @property
    def seconds(self) -> float:
        """How long work may still go on; below zero once it may not."""
        return self.until - self.monotonic()

    def require(self) -> None:
        """Raise OutOfTime once work may go on no longer."""
        if self.seconds <= 0:
            raise OutOfTime(
                "The time of this run is nearly over: it stops here, and a continuation takes it up."
            )

    def waiting(self, sleep: Callable[[float], None]) -> Callable[[float], None]:
        """A sleep that raises OutOfTime at once where it would last beyond the time."""

        def wait(seconds: float) -> None:
            if self.seconds <= seconds:
                raise OutOfTime(
                    f"A wait of {seconds:.1f} seconds would outlast the time of this run: it stops here, and a "
                    "continuation takes it up."
                )
            sleep(seconds)

        return wait
