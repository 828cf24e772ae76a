"""Measuring a command from outside: its time, the memory of its whole process tree, what it said.

What belongs here: one run of one process. Not here: which (`works`), nor what is allowed (`bounds`).
"""

import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import psutil

SAMPLE_SECONDS = 0.05
_SAMPLES_A_TREE = 5
"""Asking every process of the machine for its parent at each sample took a sixth of a core from what is measured."""
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
    peaks, ended = _Peaks(), threading.Event()
    sampler = threading.Thread(target=_sample, args=(process.pid, peaks, watched, ended), daemon=True)
    sampler.start()
    told, _ = process.communicate()
    seconds = time.monotonic() - began
    ended.set()
    sampler.join()
    return Cost(seconds, peaks.memory / MIB, process.returncode, told, peaks.disk / MIB)


def _sample(pid: int, peaks: _Peaks, watched: Path | None, ended: threading.Event) -> None:
    tree: list[psutil.Process] = []
    for sample in count():
        if ended.wait(SAMPLE_SECONDS if sample else 0):
            return
        if sample % _SAMPLES_A_TREE == 0:
            tree = _tree(pid)
        peaks.memory = max(peaks.memory, sum(_resident(each) for each in tree))
        if watched is not None:
            peaks.disk = max(peaks.disk, _size(watched))


def _tree(pid: int) -> list[psutil.Process]:
    try:
        root = psutil.Process(pid)
        return [root, *root.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def _resident(process: psutil.Process) -> int:
    """In bytes; nothing of a process that has ended meanwhile."""
    try:
        return int(process.memory_info().rss)
    except psutil.NoSuchProcess:
        return 0


def _size(folder: Path) -> int:
    sizes = []
    for path in folder.rglob("*"):
        try:
            sizes.append(path.stat().st_size if path.is_file() else 0)
        except OSError:  # removed meanwhile
            continue
    return sum(sizes)
