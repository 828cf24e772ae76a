"""How a command ends: exit codes, by which a script tells what happened.

What belongs here: the codes and their meaning, once. Not here: an error's words (`errors.words_of`).
"""

from collections.abc import Collection
from enum import IntEnum

from claims_pipeline.errors import (
    LeaseHeld,
    LeaseLost,
    PermanentError,
    SettingsError,
    TransientError,
)


class Exit(IntEnum):
    """What the command's exit code says."""

    ALL_ARRIVED = 0
    UNEXPECTED = 1
    USAGE = 2
    SETTINGS = 3
    NOT_ALL_ARRIVED = 4
    PERMANENT = 5
    TRANSIENT = 6
    BUSY = 7
    BY_HAND = 8


_MEANINGS = {
    Exit.ALL_ARRIVED: "all claims arrived (or the command did what it should)",
    Exit.UNEXPECTED: "a fault of the pipeline itself",
    Exit.USAGE: "wrong options",
    Exit.SETTINGS: "settings are missing or wrong",
    Exit.NOT_ALL_ARRIVED: "done, and someone should look: rows were rejected, claims refused or held, or (reconcile, "
    "status, salesforce diff) the words say what",
    Exit.PERMANENT: "a person must mend something first: the message says what",
    Exit.TRANSIENT: "passes by itself: run it again later",
    Exit.BUSY: "another run is at work",
    Exit.BY_HAND: "the org does not let this address in: the package is written, and the words say how to upload it",
}

_WORST_FIRST = (
    Exit.UNEXPECTED,
    Exit.SETTINGS,
    Exit.PERMANENT,
    Exit.BY_HAND,
    Exit.TRANSIENT,
    Exit.BUSY,
    Exit.NOT_ALL_ARRIVED,
    Exit.ALL_ARRIVED,
)

EXIT_CODES_HELP = "\b\nExit codes:\n" + "\n".join(
    f"  {code.value}  {words}" for code, words in _MEANINGS.items()
)


def meaning_of(code: Exit) -> str:
    """What the code says, in words."""
    return _MEANINGS[code]


def exit_code_of(error: BaseException) -> Exit:
    """The exit code for an error."""
    kinds: tuple[tuple[type[BaseException], Exit], ...] = (
        (SettingsError, Exit.SETTINGS),
        (LeaseHeld, Exit.BUSY),
        (LeaseLost, Exit.BUSY),
        (TransientError, Exit.TRANSIENT),
        (PermanentError, Exit.PERMANENT),
    )
    return next((code for kind, code in kinds if isinstance(error, kind)), Exit.UNEXPECTED)


def worst(codes: Collection[Exit]) -> Exit:
    """One code for several customers: what needs a person most, before what passes by itself."""
    return min(codes, key=_WORST_FIRST.index)
