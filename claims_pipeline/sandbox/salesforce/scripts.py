"""What an org can be told to do beside its rules: rewrite a field, hold a record locked, refuse a record.

What belongs here: the scripted behaviours and whether one applies to a row. Not here: switching them on over HTTP
(`control`), nor faults of the connection (`sandbox.faults`).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from operator import itemgetter

from claims_pipeline.errors import PermanentError
from claims_pipeline.sandbox.salesforce.rows import RowError
from claims_pipeline.sandbox.salesforce.validation import Stored


class ScriptError(PermanentError):
    """A script that names something that the org does not have."""


class Rewrite(StrEnum):
    """What a trigger makes of a field's text."""

    UPPER = "upper"
    LOWER = "lower"
    PREFIX = "prefix"
    SUFFIX = "suffix"
    SET = "set"


@dataclass(frozen=True)
class Trigger:
    """A before-save trigger of the org that rewrites one text field of every record that is written."""

    object_name: str
    field: str
    rewrite: Rewrite
    text: str = ""

    def __call__(self, value: Stored) -> Stored:
        """The value as the trigger leaves it; only `set` makes something of an empty field."""
        if self.rewrite is Rewrite.SET:
            return self.text or None
        if not isinstance(value, str):
            return value
        match self.rewrite:
            case Rewrite.UPPER:
                return value.upper()
            case Rewrite.LOWER:
                return value.lower()
            case Rewrite.PREFIX:
                return value if value.startswith(self.text) else self.text + value
            case _:
                return value if value.endswith(self.text) else value + self.text


@dataclass
class Refusal:
    """A record that the org refuses: its id, external id or lookup is `key`; for `times` attempts (None: always)."""

    object_name: str
    key: str
    error: RowError
    times: int | None = None

    def applies(self, keys: frozenset[str]) -> bool:
        """Whether this row is meant; counts the attempt down if it is."""
        if self.times == 0 or self.key.strip().casefold() not in keys:
            return False
        if self.times is not None:
            self.times -= 1
        return True


@dataclass
class Scripts:
    """Everything switched on in one org."""

    triggers: list[Trigger] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)

    def lock(self, object_name: str, key: str, times: int) -> None:
        """Keep a record locked by someone else for so many attempts to write it."""
        message = f"unable to obtain exclusive access to this record or 1 records: {key}"
        self.refusals.append(Refusal(object_name, key, RowError("UNABLE_TO_LOCK_ROW", message), times))

    def triggers_of(self, object_name: str) -> tuple[Trigger, ...]:
        """The triggers on an object, in the order in which they were switched on."""
        return tuple(found for found in self.triggers if found.object_name == object_name)

    def refusals_of(self, object_name: str) -> "Refusals":
        """The refusals and locks that are left for an object."""
        return Refusals(
            found for found in self.refusals if found.object_name == object_name and found.times != 0
        )

    def clear(self) -> None:
        """Switch everything off."""
        self.triggers.clear()
        self.refusals.clear()


class Refusals:
    """Those of one object, found by key: a bench refuses thousands of records of a large book."""

    def __init__(self, refusals: Iterable[Refusal]) -> None:
        self._by_key: dict[str, list[tuple[int, Refusal]]] = {}
        for place, refusal in enumerate(refusals):
            self._by_key.setdefault(refusal.key.strip().casefold(), []).append((place, refusal))

    def __bool__(self) -> bool:
        return bool(self._by_key)

    def of(self, row: Mapping[str, Stored]) -> RowError | None:
        """The first scripted refusal of a row, by any of its ids and keys; counts its attempt down."""
        keys = frozenset(str(value).casefold() for value in row.values() if isinstance(value, str))
        meant = [found for key in keys for found in self._by_key.get(key, ())]
        for _, refusal in sorted(meant, key=itemgetter(0)):
            if refusal.applies(keys):
                return refusal.error
        return None
