"""What a SOQL statement says, as facts.

What belongs here: the parsed statement and its parts. Not here: how text becomes these (`soql_grammar`), nor what the
names in them mean in an org (`soql_names`).
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Union


class LiteralKind(StrEnum):
    """What a literal was written as; the field that it meets decides whether that fits."""

    STRING = "string"
    NUMBER = "number"
    DATE = "date"
    DATETIME = "datetime"
    DATE_WORD = "date word"  # TODAY, LAST_N_DAYS:7, ...
    BOOLEAN = "boolean"
    NULL = "null"
    WORD = "word"  # anything else without quotes: always an error, said in Salesforce's words


@dataclass(frozen=True)
class Literal:
    """A value as written. `text` is without quotes, its escapes still in it."""

    kind: LiteralKind
    text: str
    at: int


@dataclass(frozen=True)
class FieldRef:
    """A field, perhaps over relationships: `Claim_Payor__r.Name`. `at` is its offset in the statement."""

    path: tuple[str, ...]
    at: int

    @property
    def text(self) -> str:
        """The path as it is written."""
        return ".".join(self.path)


@dataclass(frozen=True)
class Call:
    """A function of one field, or of another call; `COUNT()` has no argument."""

    name: str  # upper case
    argument: Union[FieldRef, "Call", None]
    at: int


Expression = FieldRef | Call


@dataclass(frozen=True)
class FieldsCall:
    """`FIELDS(ALL)`, `FIELDS(STANDARD)` or `FIELDS(CUSTOM)`."""

    which: str  # upper case
    at: int


@dataclass(frozen=True)
class SelectItem:
    """One entry of the SELECT list."""

    what: Union[FieldRef, Call, FieldsCall, "Query"]
    alias: str | None = None


@dataclass(frozen=True)
class Comparison:
    """`left operator value`; the operator in upper case and with one space (`NOT IN`)."""

    left: Expression
    operator: str
    right: Union[Literal, tuple[Literal, ...], "Query"]


@dataclass(frozen=True)
class And:
    """All of them."""

    parts: tuple["Condition", ...]


@dataclass(frozen=True)
class Or:
    """Any of them."""

    parts: tuple["Condition", ...]


@dataclass(frozen=True)
class Not:
    """None of it."""

    part: "Condition"


Condition = Comparison | And | Or | Not


@dataclass(frozen=True)
class OrderItem:
    """One entry of ORDER BY. Salesforce puts nulls first unless told otherwise, in both directions."""

    what: Expression
    descending: bool = False
    nulls_last: bool = False


@dataclass(frozen=True)
class Query:
    """A whole SELECT."""

    select: tuple[SelectItem, ...]
    source: str
    source_at: int
    alias: str | None = None
    where: Condition | None = None
    group_by: tuple[Expression, ...] = ()
    having: Condition | None = None
    order_by: tuple[OrderItem, ...] = ()
    limit: int | None = None
    offset: int | None = None
    all_rows: bool = False
