"""A file that an answer is kept in: what goes wrong with the disk is never taken for the network's fault.

What belongs here: writing, and telling a full disk. Not here: what is written (`session`).
"""

from collections.abc import Callable
from pathlib import Path
from typing import IO, TypeVar

from claims_pipeline.errors import DiskFailed

Done = TypeVar("Done")


class FileOnDisk:
    """A new file at `path`; DiskFailed where it cannot be written."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: IO[bytes] = self._told(lambda: path.open("wb"))

    def write(self, chunk: bytes) -> None:
        """Add to it."""
        self._told(lambda: self._file.write(chunk))

    def close(self) -> None:
        """Write down what is left."""
        self._told(self._file.close)

    def _told(self, act: Callable[[], Done]) -> Done:
        try:
            return act()
        except OSError as error:
            raise DiskFailed(str(self._path.parent), error.errno) from None
