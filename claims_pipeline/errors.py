"""The error tree: an error either passes by itself (transient) or needs a person (permanent).

What belongs here: the two branches, and the few errors that more than one room raises. Messages say what failed,
for which id, and what to do next; they never quote a claim's values, a response's text or a secret.
"""

import errno
from collections.abc import Sequence
from pathlib import Path
from traceback import extract_tb

_OF_THE_DISK = {
    errno.ENOSPC: "is full",
    errno.EDQUOT: "has no more room for this user",
    errno.EFBIG: "takes no file as large",
    errno.EROFS: "can only be read",
    errno.EACCES: "may not be used by this user",
    errno.EPERM: "may not be used by this user",
    errno.EIO: "cannot be read or written",
}


class ClaimsPipelineError(Exception):
    """Anything that this pipeline raises on purpose."""


class TransientError(ClaimsPipelineError):
    """Passes by itself: the same run, later, may succeed."""


class PermanentError(ClaimsPipelineError):
    """A person must change something before the same run can succeed."""


class SettingsError(PermanentError):
    """One or more settings are missing or wrong. Holds names and shapes, never values."""

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        listed = "\n".join(f"  - {problem}" for problem in self.problems)
        super().__init__(f"{len(self.problems)} setting(s) must be mended before anything can run:\n{listed}")


class DeadlineExceeded(TransientError):
    """The time that a step was given ran out."""


class OutOfTime(TransientError):
    """A run that is given only so long stopped at a safe place: whoever continues it takes up what it left."""


class ReportError(PermanentError):
    """The report that came cannot be read as a report of claims. Holds labels and row numbers, never cells."""


class DiskFailed(PermanentError):
    """The disk that we work on is full, or cannot be written: no repeat mends that."""

    def __init__(self, folder: str, number: int | None) -> None:
        told, name = (
            _OF_THE_DISK.get(number or 0, "failed"),
            errno.errorcode.get(number or 0, "no reason given"),
        )
        super().__init__(
            f"The disk below {folder} {told} ({name}), so the sync stopped and is not committed. Make room there, or "
            "let CLAIMS_STORAGE name a folder that this user can write; then run again."
        )

    @staticmethod
    def is_told_by(number: int | None) -> bool:
        """Whether this errno is of the disk."""
        return number in _OF_THE_DISK


class LeaseLost(TransientError):
    """Another run has taken this customer over: this one must stop before it writes anything more."""


class LeaseHeld(TransientError):
    """Another run is working on this customer (or holds the report slot)."""


class OlderThanCommitted(PermanentError):
    """A sync of an older fetch than the one already committed: it would bring old amounts back."""


def words_of(error: BaseException) -> str:
    """The error as people may read it. One that is none of ours may quote a claim: it is told by its place alone."""
    if isinstance(error, ClaimsPipelineError):
        return str(error)
    return f"Unexpected: {where_it_broke(error)}. This is a fault of the pipeline; tell its makers."


def where_it_broke(error: BaseException) -> str:
    """An unexpected error in words that quote no value: its kind, and the places in the code that it came through."""
    places = [
        f"{frame.name} ({Path(frame.filename).name}:{frame.lineno})"
        for frame in extract_tb(error.__traceback__)
    ]
    return f"{type(error).__name__} in {' > '.join(places[-4:]) or 'unknown code'}"
