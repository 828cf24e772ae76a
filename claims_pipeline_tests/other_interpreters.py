"""Runs the unit tests and one journey on every other supported interpreter that this machine has, and says which ran.

Each gets an environment of its own (`.venv-3.12`, ...), kept for the next time. Needs Python and pip alone.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).parents[1]
SUPPORTED = ("3.11", "3.12", "3.13")
_WHOLE_SUITE_ONLY = (
    "__pycache__",
    "automation",
    "bench",
    "cli",
    "data",
    "deploy",
    "faults",
    "journeys",
    "packaging",
    "privacy",
    "salesforce",
    "sandbox",
)
_NOT_HERE = "not sweep and not everywhere and not package and not privacy and not dynamodb_local"


def find(version: str) -> Path | None:
    """An interpreter of this version that really runs, or None."""
    named = os.environ.get("PYTHONS", "").split()
    on_path = shutil.which(f"python{version}")
    managed = sorted(Path.home().glob(f".pyenv/versions/{version}.*/bin/python{version}"))
    for candidate in [*(Path(name) for name in named), *([Path(on_path)] if on_path else []), *managed]:
        answer = subprocess.run(
            [candidate, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"],
            capture_output=True,
            text=True,
        )
        if answer.returncode == 0 and answer.stdout.strip() == version:
            return candidate
    return None


def environment(version: str, interpreter: Path) -> Path:
    """The interpreter of this version's own environment, made ready."""
    folder = REPOSITORY / f".venv-{version}"
    python = folder / "bin" / "python"
    ready = folder / ".ready"
    wanted = (REPOSITORY / "constraints.txt").read_text() + (REPOSITORY / "setup.cfg").read_text()
    if not ready.exists() or ready.read_text() != wanted:
        subprocess.run([interpreter, "-m", "venv", folder], check=True)
        install = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*install, "-c", "constraints.txt", "-e", ".[dev]"], check=True, cwd=REPOSITORY)
        ready.write_text(wanted)
    return python


def selected() -> list[Path]:
    """The unit tests, and one journey."""
    tests = REPOSITORY / "claims_pipeline_tests"
    rooms = [
        folder
        for folder in sorted(tests.iterdir())
        if folder.is_dir() and folder.name not in _WHOLE_SUITE_ONLY
    ]
    return [*rooms, *sorted(tests.glob("test_*.py")), tests / "journeys" / "test_shared_reports.py"]


def main() -> int:
    """0 when every interpreter that was found passes."""
    own = f"{sys.version_info.major}.{sys.version_info.minor}"
    ran, missing, failed = [own], [], []
    for version in SUPPORTED:
        if version == own:
            continue
        interpreter = find(version)
        if interpreter is None:
            missing.append(version)
            continue
        python = environment(version, interpreter)
        processes = os.environ.get("TEST_PROCESSES", "2")
        tests = [python, "-m", "pytest", "-q", "-n", processes, "-m", _NOT_HERE, *selected()]
        code = subprocess.run(tests, cwd=REPOSITORY, check=False).returncode
        (ran if code == 0 else failed).append(version)
    print(f"Interpreters: passed on {', '.join(ran)}", end="")
    print(f"; failed on {', '.join(failed)}" if failed else "", end="")
    print(f"; not on this machine: {', '.join(missing)}" if missing else "")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
