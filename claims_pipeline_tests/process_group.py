"""A process and all that it starts, in a group of its own, until they are ended together."""

import os
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def process_group(
    command: Sequence[str], environment: Mapping[str, str], *, home: Path, log: Path
) -> Iterator[None]:
    """Runs while the block does; what it says goes to `log`. Asked to end, and after 30 seconds made to."""
    with log.open("wb") as said:
        started = subprocess.Popen(
            command, env=dict(environment), cwd=home, stdout=said, stderr=said, start_new_session=True
        )
        try:
            yield
        finally:
            os.killpg(started.pid, signal.SIGTERM)
            try:
                started.wait(30)
            except subprocess.TimeoutExpired:
                os.killpg(started.pid, signal.SIGKILL)
                started.wait()
