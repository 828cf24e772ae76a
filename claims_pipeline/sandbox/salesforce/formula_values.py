"""Values inside a formula: SQL expressions with a kind, and what operators make of them.

What belongs here: kinds, blanks, comparison and sums. Not here: the language (`formula`) and its functions
(`formula_functions`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from claims_pipeline.errors import PermanentError


class FormulaError(PermanentError):
    """A formula that the sandbox cannot work out: its syntax, a function or a type that it does not know."""


class Kind(StrEnum):
    """The type of a value inside a formula."""

    TEXT = "text"
    NUMBER = "number"
    DATE = "date"
    DATETIME = "datetime"
    BOOLEAN = "boolean"
    BLANK = "blank"  # NULL, which fits everywhere


@dataclass(frozen=True)
class SqlValue:
    """An SQL expression and the kind of value that it gives."""

    sql: str
    kind: Kind


@dataclass(frozen=True)
class Moment:
    """The time at which a formula is worked out, in the org's zone (UTC)."""

    today: str  # 2026-01-05
    now: str  # 2026-01-05T12:00:00.000Z


def quoted(text: str) -> str:
    """Text as an SQL literal."""
    return "'" + text.replace("'", "''") + "'"


def never_null(value: SqlValue) -> str:
    """A text in SQL that is never null: blank is the empty text in a formula."""
    return f"COALESCE({value.sql}, '')"


def need(value: SqlValue, where: str, *kinds: Kind) -> SqlValue:
    if value.kind not in (*kinds, Kind.BLANK):
        raise FormulaError(f"{where} takes {' or '.join(kinds)}, received {value.kind}.")
    return value


def common_kind(where: str, values: Sequence[SqlValue]) -> Kind:
    kinds = {value.kind for value in values} - {Kind.BLANK}
    if len(kinds) > 1:
        raise FormulaError(f"{where} mixes {' and '.join(sorted(kinds))}.")
    return kinds.pop() if kinds else Kind.BLANK


def compared(left: SqlValue, operator: str, right: SqlValue) -> SqlValue:
    """Two blanks are equal; blank text is the empty text; a comparison with any other blank is false."""
    kind = common_kind(operator, (left, right))
    if kind is Kind.TEXT:
        return SqlValue(f"({never_null(left)} {operator} {never_null(right)})", Kind.BOOLEAN)
    operator = {"=": "IS", "<>": "IS NOT"}.get(operator, operator)
    return SqlValue(f"COALESCE({left.sql} {operator} {right.sql}, 0)", Kind.BOOLEAN)


def summed(left: SqlValue, operator: str, right: SqlValue) -> SqlValue:
    """Numbers, texts (+), days between dates (-), and a date some days on or back."""
    kinds = (left.kind, right.kind)
    if operator == "+" and Kind.TEXT in kinds:
        return SqlValue(
            f"({never_null(need(left, '+', Kind.TEXT))} || {never_null(need(right, '+', Kind.TEXT))})",
            Kind.TEXT,
        )
    moments = (Kind.DATE, Kind.DATETIME)
    if operator == "-" and left.kind in moments and right.kind == left.kind:
        return SqlValue(f"(julianday({_sqlite(left)}) - julianday({_sqlite(right)}))", Kind.NUMBER)
    if left.kind is Kind.DATE:
        days = need(right, operator, Kind.NUMBER).sql
        return SqlValue(
            f"date({left.sql}, CAST(CAST({operator}({days}) AS INTEGER) AS TEXT) || ' days')", Kind.DATE
        )
    if operator == "+" and right.kind is Kind.DATE:
        return summed(right, operator, left)
    for side in (left, right):
        need(side, operator, Kind.NUMBER)
    return SqlValue(f"({left.sql} {operator} {right.sql})", Kind.NUMBER)


def _sqlite(value: SqlValue) -> str:
    """A moment in the form that SQLite's date functions read."""
    return f"substr({value.sql}, 1, 23)" if value.kind is Kind.DATETIME else value.sql
