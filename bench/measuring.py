"""Measuring a command from outside: its time, the memory of its whole process tree, what it said.

What belongs here: one run of one process. Not here: which (`works`), nor what is allowed (`bounds`).
"""

import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

SAMPLE_SECONDS = 0.05
MIB = 1024 * 1024


@dataclass(frozen=True)
class Cost:
    """One run's cost. Memory: the greatest sum of resident memory over the process tree; disk: of `watched`."""

    seconds: float
    peak_mib: float
    exit_code: int
    told: str
    disk_mib: float = 0.0


@dataclass
class _Peaks:
    memory: int = 0
    disk: int = 0


def measured(command: Sequence[str], environment: Mapping[str, str], *, watched: Path | None = None) -> Cost:
    """Run a command and sample the memory of its process tree, and the size of a folder if one is named."""
    began = time.monotonic()
    process = subprocess.Popen(
        command, env=dict(environment), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    peaks = _Peaks()
    sampler = threading.Thread(target=_sample, args=(process.pid, peaks, watched), daemon=True)
    sampler.start()
    told, _ = process.communicate()
    seconds = time.monotonic() - began
    sampler.join(1)
    return Cost(seconds, peaks.memory / MIB, process.returncode, told, peaks.disk / MIB)


def _sample(pid: int, peaks: _Peaks, watched: Path | None) -> None:
    while True:
        try:
            root = psutil.Process(pid)
            tree = [root, *root.children(recursive=True)]
            peaks.memory = max(peaks.memory, sum(each.memory_info().rss for each in tree))
        except psutil.Error:
            return
        if watched is not None:
            peaks.disk = max(peaks.disk, _size(watched))
        time.sleep(SAMPLE_SECONDS)


def _size(folder: Path) -> int:
    sizes = []
    for path in folder.rglob("*"):
        try:
            sizes.append(path.stat().st_size if path.is_file() else 0)
        except OSError:  # removed meanwhile
            continue
    return sum(sizes)
