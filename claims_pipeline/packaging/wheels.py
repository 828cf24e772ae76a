"""Wheels: fetched by hash through pip, and opened into a folder as they are installed, without what installing adds.

What belongs here: the two. Not here: which wheels (`locking`), nor our own code (`building`). Nothing is run or
compiled, so that a package for another Python and another processor is built anywhere.
"""

import re
import subprocess
import sys
import zipfile
from pathlib import Path, PurePosixPath

from claims_pipeline.errors import PermanentError
from claims_pipeline.packaging.contents import TEST_FOLDERS, Target

_DIST_INFO = re.compile(r"[^/]+\.dist-info/(?P<name>.+)")
_OF_DIST_INFO = re.compile(r"METADATA|entry_points\.txt|licenses/.+|(?i:licen[cs]e|copying|notice|authors).*")
_OF_DATA = re.compile(r"[^/]+\.data/(?P<kind>[^/]+)/(?P<path>.+)")
_ONLY_TO_BUILD = (".a", ".c", ".cpp", ".h", ".hpp", ".pxd", ".pxi", ".pyi", ".pyx")


class WheelsNotFetched(PermanentError):
    """pip did not bring every wheel of the list."""


def pip_options(target: Target) -> list[str]:
    """How pip is told for what it looks: binaries for the target, whatever machine this is."""
    platforms = [option for tag in target.platforms for option in ("--platform", tag)]
    binary = ["--only-binary=:all:", "--implementation", "cp", "--python-version", target.python]
    return [*binary, *platforms, "--disable-pip-version-check"]


def fetch_wheels(target: Target, to: Path) -> list[Path]:
    """Exactly the wheels of the target's list, each checked against its hash."""
    what = ["download", "--quiet", "--require-hashes", "--no-deps", "--dest", str(to)]
    command = [sys.executable, "-m", "pip", *what, *pip_options(target), "-r", str(target.lock)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - pip, with arguments of our own
    if done.returncode:
        told = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
        raise WheelsNotFetched(
            f"pip could not fetch the wheels of {target.lock.name}: {' '.join(told[:3]) or 'it does not say why'}"
        )
    return sorted(to.glob("*.whl"))


def open_wheel(wheel: Path, to: Path) -> None:
    """The wheel's files where an import finds them, and its licence and metadata beside them."""
    with zipfile.ZipFile(wheel) as held:
        for info in held.infolist():
            place = None if info.is_dir() else _place_of(info.filename)
            if place is None:
                continue
            target = to / place
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(held.read(info))


def _place_of(name: str) -> str | None:
    """Where a file of a wheel goes; None: it stays away."""
    data = _OF_DATA.fullmatch(name)
    if data is not None:
        return _place_of(data["path"]) if data["kind"] in ("purelib", "platlib") else None
    about = _DIST_INFO.fullmatch(name)
    if about is not None:
        return name if _OF_DIST_INFO.fullmatch(about["name"]) else None
    path = PurePosixPath(name)
    if path.suffix in (*_ONLY_TO_BUILD, ".pyc") or TEST_FOLDERS & set(path.parts[:-1]):
        return None
    return name
