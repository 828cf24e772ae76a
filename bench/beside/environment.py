"""The contenders' own Python environment, made on demand and kept: they are no dependency of ours."""

import subprocess
import sys
from pathlib import Path

_REPOSITORY = Path(__file__).parents[2]
_WANTED = Path(__file__).parent / "requirements.txt"
THEIRS = Path(__file__).parent / "theirs"


def python_of_theirs() -> Path:
    """Its interpreter, everything pinned installed."""
    folder = _REPOSITORY / "build" / "bench-beside"
    python, ready = folder / "bin" / "python", folder / ".ready"
    wanted = _WANTED.read_text()
    if not ready.exists() or ready.read_text() != wanted:
        print(f"Setting up {folder.relative_to(_REPOSITORY)} (once) ...", flush=True)
        subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
        install = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*install, "-r", str(_WANTED)], check=True)
        ready.write_text(wanted)
    return python
