"""Conditions of SOQL as SQL: comparisons, AND, OR, NOT, IN, LIKE, date words, semi-joins.

What belongs here: what each operator means for each type of field. As in Salesforce a condition is true or false, never
unknown: `!=` and NOT IN hold for a record without a value, the others do not. Text compares without regard to case.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field

from claims_pipeline.sandbox.salesforce.schema import FieldType
from claims_pipeline.sandbox.salesforce.soql_dates import Days, days_of
from claims_pipeline.sandbox.salesforce.soql_errors import SoqlError
from claims_pipeline.sandbox.salesforce.soql_literals import like_pattern, sql_value
from claims_pipeline.sandbox.salesforce.soql_names import ID_TYPES, TEXT_TYPES, Scope, Value
from claims_pipeline.sandbox.salesforce.soql_tree import (
    And,
    Comparison,
    Condition,
    Expression,
    Literal,
    LiteralKind,
    Not,
    Or,
    Query,
)

Parameter = str | float | int | None
_MOMENTS = (FieldType.DATE, FieldType.DATETIME)
_ORDERED = frozenset({"<", "<=", ">", ">="})


@dataclass
class Filter:
    """Turns the conditions of one SELECT into SQL, gathering its parameters in their order."""

    scope: Scope
    value_of: Callable[[Expression], Value]
    semi_join: Callable[[Query, "Filter"], str]
    parameters: list[Parameter] = field(default_factory=list)

    def sql(self, condition: Condition) -> str:
        """The condition as SQL that is true for exactly the records that Salesforce would find."""
        if isinstance(condition, And):
            return "(" + " AND ".join(self.sql(part) for part in condition.parts) + ")"
        if isinstance(condition, Or):
            return "(" + " OR ".join(self.sql(part) for part in condition.parts) + ")"
        if isinstance(condition, Not):
            return f"(NOT COALESCE({self.sql(condition.part)}, 0))"
        return self._comparison(condition)

    def _comparison(self, condition: Comparison) -> str:
        left = self.value_of(condition.left)
        if not left.filterable:
            reason = f"field '{left.name}' can not be filtered in a query call"
            raise self.scope.refused("INVALID_FIELD", condition.left.at, reason)
        right, operator = condition.right, condition.operator
        if isinstance(right, Query):
            self._only_ids(left)
            found = f"({left.sql} IN ({self.semi_join(right, self)}))"
            return f"(NOT COALESCE({found}, 0))" if operator == "NOT IN" else found
        if isinstance(right, tuple):
            return self._in(left, operator, right)
        if operator == "LIKE":
            return self._like(left, right)
        if left.type in _MOMENTS and right.kind is LiteralKind.DATE_WORD:
            return self._within(left, operator, right)
        return self._against_value(left, operator, sql_value(self.scope, left, right), right)

    def _only_ids(self, left: Value) -> None:
        if left.type not in ID_TYPES:
            outer = "The left operand field in the where expression for outer query should be an id field"
            reason = f"{outer}, cannot use: '{left.name}'"
            raise SoqlError("MALFORMED_QUERY", reason)

    def _against_value(self, left: Value, operator: str, value: Parameter, literal: Literal) -> str:
        if operator in _ORDERED and left.type is FieldType.BOOLEAN:
            raise SoqlError("INVALID_QUERY_FILTER_OPERATOR", "invalid operator on boolean field")
        if value is None:
            if operator in _ORDERED:
                raise self.scope.refused("MALFORMED_QUERY", literal.at, f"unexpected token: '{literal.text}'")
            if left.type is FieldType.BOOLEAN:  # a checkbox is never without a value
                return f"({left.sql} {operator} 0)"
            return f"({left.sql} IS {'NOT ' if operator == '!=' else ''}NULL)"
        self.parameters.append(value)
        folded, parameter = (f"fold({left.sql})", "fold(?)") if left.type in TEXT_TYPES else (left.sql, "?")
        if operator == "!=":
            return f"({folded} IS NOT {parameter})"
        return f"({folded} {operator} {parameter})"

    def _like(self, left: Value, literal: Literal) -> str:
        if left.type not in TEXT_TYPES:
            said = "id" if left.type in ID_TYPES else left.type.value
            raise SoqlError("INVALID_QUERY_FILTER_OPERATOR", f"invalid operator on {said} field")
        self.parameters.append(like_pattern(self.scope, left, literal))
        return f"(fold({left.sql}) LIKE fold(?) ESCAPE '\\')"

    def _in(self, left: Value, operator: str, literals: tuple[Literal, ...]) -> str:
        """One JSON parameter, however long the list: SQLite then still goes by the field's index."""
        words = [one for one in literals if one.kind is LiteralKind.DATE_WORD and left.type in _MOMENTS]
        plain = [sql_value(self.scope, left, one) for one in literals if one not in words]
        values = [value for value in plain if value is not None]
        parts = []
        if values:
            self.parameters.append(json.dumps(values))
            text = left.type in TEXT_TYPES
            subject, each = (f"fold({left.sql})", "fold(value)") if text else (left.sql, "value")
            parts.append(f"{subject} IN (SELECT {each} FROM json_each(?))")
        if None in plain:
            parts.append(f"{left.sql} IS NULL")
        parts += [self._within(left, "=", word) for word in words]
        found = parts[0] if len(parts) == 1 else "(" + " OR ".join(parts) + ")"
        return f"(NOT COALESCE({found}, 0))" if operator == "NOT IN" else f"({found})"

    def _within(self, left: Value, operator: str, literal: Literal) -> str:
        days = days_of(literal.text, self.scope.today)
        if days is None:
            raise self.scope.refused("MALFORMED_QUERY", literal.at, f"unexpected token: '{literal.text}'")
        first, end = (_edge(left, days, at_end=at_end) for at_end in (False, True))
        if operator in ("=", "!="):
            self.parameters += [first, end]
            within = f"({left.sql} >= ? AND {left.sql} < ?)"
            return within if operator == "=" else f"(NOT COALESCE({within}, 0))"
        edge, comparison = {"<": (first, "<"), "<=": (end, "<"), ">": (end, ">="), ">=": (first, ">=")}[
            operator
        ]
        self.parameters.append(edge)
        return f"({left.sql} {comparison} ?)"


def _edge(left: Value, days: Days, *, at_end: bool) -> str:
    day = (days.end if at_end else days.first).isoformat()
    return f"{day}T00:00:00.000Z" if left.type is FieldType.DATETIME else day
