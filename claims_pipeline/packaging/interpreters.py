"""Interpreters: the Pythons of this machine, by version.

What belongs here: finding one that runs. Not here: what is tried with it.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

_ASK = ("-I", "-c", "import sys; print('%d.%d' % sys.version_info[:2])")


def find_interpreter(version: str) -> Path | None:
    """A Python of this version (`3.13`) that really runs, or None. PYTHONS may name some that are not on the path."""
    for candidate in _candidates(version):
        try:
            answer = subprocess.run([candidate, *_ASK], capture_output=True, text=True, check=False)  # noqa: S603
        except OSError:
            continue
        if answer.returncode == 0 and answer.stdout.strip() == version:
            return candidate
    return None


def _candidates(version: str) -> Iterator[Path]:
    yield Path(sys.executable)
    yield from (Path(name) for name in os.environ.get("PYTHONS", "").split())
    on_path = shutil.which(f"python{version}")
    if on_path is not None:
        yield Path(on_path)
    yield from sorted(Path.home().glob(f".pyenv/versions/{version}.*/bin/python{version}"))
