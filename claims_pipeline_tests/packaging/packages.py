"""Packages for the tests: each is built once for all processes of a run, and unpacked as Lambda does it.

What belongs here: building and unpacking. Not here: running one (`runtime`), nor what must be true.
"""

import fcntl
import shutil
import zipfile
from pathlib import Path

from claims_pipeline.packaging.building import build
from claims_pipeline.packaging.contents import Target


def built_once(target: Target, shared: Path) -> Path:
    """The zip for this target; `shared`: a folder of this run, of all its processes."""
    shared.mkdir(parents=True, exist_ok=True)
    path = shared / target.zip_name
    with (shared / f"{target.zip_name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not path.exists():
            build(target, shared)
    return path


def unpacked_once(path: Path) -> Path:
    """The zip's files, which nobody may write, as below /var/task."""
    folder = path.with_suffix("")
    with path.with_suffix(".unpacked.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            beside = path.with_suffix(".unpacking")
            with zipfile.ZipFile(path) as zipped:
                zipped.extractall(beside)
            beside.rename(folder)
    return folder


def removed(folder: Path) -> None:
    """Packages are large: pytest would keep those of its last three runs."""
    shutil.rmtree(folder, ignore_errors=True)
