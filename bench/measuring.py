"""What a command costs: seconds, and the memory of its whole process tree.

What belongs here: starting one command and watching it. Not here: what it works against (`standing`), what is run.
"""

import subprocess
import threading
import time
from dataclasses import dataclass

import psutil

SAMPLE_SECONDS = 0.05
MIB = 1024 * 1024


@dataclass(frozen=True)
class Cost:
    """One run's cost. Memory: the greatest sum of resident memory over the process tree."""

    seconds: float
    peak_mib: float
    exit_code: int
    told: str


def measured(command: list[str], environment: dict[str, str]) -> Cost:
    """Run a command and sample the memory of its process tree."""
    began = time.monotonic()
    process = subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    peak = [0]
    sampler = threading.Thread(target=_sample, args=(process.pid, peak), daemon=True)
    sampler.start()
    told, _ = process.communicate()
    seconds = time.monotonic() - began
    sampler.join(1)
    return Cost(seconds, peak[0] / MIB, process.returncode, told)


def _sample(pid: int, peak: list[int]) -> None:
    while True:
        try:
            root = psutil.Process(pid)
            tree = [root, *root.children(recursive=True)]
            peak[0] = max(peak[0], sum(each.memory_info().rss for each in tree))
        except psutil.Error:
            return
        time.sleep(SAMPLE_SECONDS)
