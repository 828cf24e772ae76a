"""What a killed run leaves in the storage, where it holds claims for nobody: found by the next run, and removed.

What belongs here: marking a work folder as a living process's own, telling a dead one's from it, and files that never
got their name. Not here: when that is done (`frames`), nor how a file gets its name (`place`).
"""

import fcntl
import heapq
import logging
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from claims_pipeline.storage.place import UNFINISHED

logger = logging.getLogger(__name__)

UNFINISHED_SECONDS = 3600
"""A file without its name for so long is nobody's: giving it one takes a moment."""

_MARK = ".lock"
_MARKED = re.compile(r"[a-z-]+-[a-z0-9_]{8}\.lock")
_SEQUENCE = re.compile(r"\d{12}")
_NEWEST_SEQUENCES = 16


class HeldFolder:
    """A new private folder below `parent`, held by this process until `remove`, or until it dies.

    Beside it lies a file that the process keeps locked. The system itself unlocks it when the process ends, however it
    ends. Where the file system has no such locks there is no such file, and the folder is never taken for a leftover.
    """

    def __init__(self, parent: Path, purpose: str) -> None:
        while True:
            self.path = Path(tempfile.mkdtemp(prefix=f"{purpose}-", dir=parent))
            self._mark = self.path.with_name(self.path.name + _MARK)
            self._handle: int | None = self._marked()
            try:
                if _is_ours(self._handle):
                    return
            except OSError:  # no locks here
                self._mark.unlink(missing_ok=True)
                self._let_go()
                return
            self._let_go()  # another process was quicker to lock it, and removes it as a dead one's

    def _marked(self) -> int:
        try:
            return os.open(self._mark, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        except OSError:
            self.path.rmdir()
            raise

    def remove(self) -> None:
        """Remove it with all that is in it; the mark last, so that whoever is killed meanwhile leaves it marked."""
        _remove_marked(self.path, self._mark)
        self._let_go()

    def _let_go(self) -> None:
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None


def remove_dead_folders(parent: Path) -> None:
    """Remove the marked folders below `parent` whose process lives no more. What has no mark is left alone."""
    for entry in _entries(parent):
        if _MARKED.fullmatch(entry.name):
            with _told_at_most(entry.path):
                _remove_if_dead(Path(entry.path))


def remove_unfinished_files(root: Path, *, work: Path, now: float) -> None:
    """Remove the files below `root` that were on their way to their name an hour and more before `now` (epoch).

    `work` is left out: what lies there has no name to get.
    """
    for path in _unfinished(root, work):
        with _told_at_most(path):
            if path.lstat().st_ctime <= now - UNFINISHED_SECONDS:
                path.unlink()
                logger.info("removed what a killed run left: %s", path)


def _remove_if_dead(mark: Path) -> None:
    handle = os.open(mark, os.O_RDWR | os.O_NOFOLLOW)
    try:
        if _is_ours(handle):
            folder = mark.with_name(mark.name.removesuffix(_MARK))
            _remove_marked(folder, mark)
            logger.info("removed what a killed run left: %s", folder)
    finally:
        os.close(handle)


def _is_ours(mark: int) -> bool:
    """Locks the mark. False where another process holds it, or removed it before we locked it."""
    try:
        fcntl.flock(mark, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return os.fstat(mark).st_nlink > 0


def _remove_marked(folder: Path, mark: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    if folder.exists():
        logger.warning("%s could not be removed whole; the next run tries again", folder)
        return
    with suppress(OSError):
        mark.unlink()


def _unfinished(folder: Path, work: Path) -> Iterator[Path]:
    """Of a customer's kept reports only the newest are looked through: they are many, and a killed run's is young."""
    below: list[str] = []
    for entry in _entries(folder):
        if entry.is_dir(follow_symlinks=False):
            below.append(entry.name)
        elif UNFINISHED.fullmatch(entry.name) and entry.is_file(follow_symlinks=False):
            yield folder / entry.name
    sequences = [name for name in below if _SEQUENCE.fullmatch(name)]
    passed_over = set(sequences).difference(heapq.nlargest(_NEWEST_SEQUENCES, sequences))
    for name in below:
        if name not in passed_over and folder / name != work:
            yield from _unfinished(folder / name, work)


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    with _told_at_most(folder), os.scandir(folder) as entries:
        return list(entries)
    return []


@contextmanager
def _told_at_most(path: Path | str) -> Iterator[None]:
    """What cannot be looked at or removed must not stop a run: it is told, and the next one tries again."""
    try:
        yield
    except FileNotFoundError:
        pass  # another run was quicker
    except OSError as error:
        logger.warning(
            "%s may be left by a killed run and hold claims, and cannot be looked at or removed (%s). If this stays, "
            "let this user read and write there.",
            path,
            type(error).__name__,
        )
