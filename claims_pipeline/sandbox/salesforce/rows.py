"""One record's write: how it is asked for, and what is answered.

What belongs here: the facts that the org, REST, Collections and Bulk share about a row. Not here: how each of them
prints them.
"""

from dataclasses import dataclass
from enum import Enum, auto

ROWS_A_TRANSACTION = 200
"""How many rows Salesforce writes at once: a Collections call at most, and each slice of a Bulk batch."""


class Wire(Enum):
    """The form in which values came: it decides how a value of the wrong type is refused."""

    JSON = auto()
    CSV = auto()


@dataclass(frozen=True)
class RowError:
    """Why a row was refused. The message may quote the value, as Salesforce's do."""

    code: str
    message: str
    fields: tuple[str, ...] = ()


@dataclass(frozen=True)
class RowResult:
    """What became of one row. A refused row that found its record in the org carries that record's id."""

    id: str | None
    success: bool
    created: bool = False
    errors: tuple[RowError, ...] = ()

    @classmethod
    def refused(cls, *errors: RowError, record_id: str | None = None) -> "RowResult":
        """A row that was not written."""
        return cls(id=record_id, success=False, errors=errors)
