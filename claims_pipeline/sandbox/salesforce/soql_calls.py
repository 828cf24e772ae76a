"""Functions of SOQL: aggregates, and the calendar's parts of a date.

What belongs here: which functions there are, what they take and give. Not here: where they may stand (`soql_compile`).
"""

from collections.abc import Callable, Mapping

from claims_pipeline.sandbox.salesforce.schema import FieldType
from claims_pipeline.sandbox.salesforce.soql_errors import SoqlError
from claims_pipeline.sandbox.salesforce.soql_names import NUMBER_TYPES, TEXT_TYPES, Scope, Value
from claims_pipeline.sandbox.salesforce.soql_tree import Call, FieldRef

AGGREGATES = frozenset({"COUNT", "COUNT_DISTINCT", "SUM", "AVG", "MIN", "MAX"})

_DATE_PARTS: Mapping[str, str] = {
    "CALENDAR_YEAR": "CAST(substr({0}, 1, 4) AS INTEGER)",
    "CALENDAR_QUARTER": "((CAST(substr({0}, 6, 2) AS INTEGER) + 2) / 3)",
    "CALENDAR_MONTH": "CAST(substr({0}, 6, 2) AS INTEGER)",
    "FISCAL_YEAR": "CAST(substr({0}, 1, 4) AS INTEGER)",
    "FISCAL_QUARTER": "((CAST(substr({0}, 6, 2) AS INTEGER) + 2) / 3)",
    "FISCAL_MONTH": "CAST(substr({0}, 6, 2) AS INTEGER)",
    "DAY_IN_MONTH": "CAST(substr({0}, 9, 2) AS INTEGER)",
    "DAY_IN_WEEK": "(CAST(strftime('%w', substr({0}, 1, 10)) AS INTEGER) + 1)",
    "DAY_IN_YEAR": "CAST(strftime('%j', substr({0}, 1, 10)) AS INTEGER)",
    "WEEK_IN_MONTH": "((CAST(substr({0}, 9, 2) AS INTEGER) + 6) / 7)",
    "WEEK_IN_YEAR": "((CAST(strftime('%j', substr({0}, 1, 10)) AS INTEGER) + 6) / 7)",
}
_INSTANT_PARTS: Mapping[str, tuple[str, FieldType]] = {
    "HOUR_IN_DAY": ("CAST(substr({0}, 12, 2) AS INTEGER)", FieldType.INTEGER),
    "DAY_ONLY": ("substr({0}, 1, 10)", FieldType.DATE),
}
_AS_THEY_ARE = frozenset({"TOLABEL"})  # a picklist's labels are its values here
_ZONES = frozenset({"CONVERTTIMEZONE"})  # the org's zone is UTC


class Calls:
    """What a call is in SQL, within one SELECT."""

    def __init__(self, scope: Scope, field: Callable[[FieldRef], Value]) -> None:
        self._scope = scope
        self._field = field

    def keeps_name(self, call: Call) -> bool:
        """Whether the answer's column is called after the field, not `expr0`."""
        return call.name in _AS_THEY_ARE

    def value(self, call: Call) -> Value:
        """The call as an SQL expression; MALFORMED_QUERY for a function that is not there."""
        if call.argument is None:
            raise self._scope.refused("MALFORMED_QUERY", call.at, f"unexpected token: '{call.name}'")
        if isinstance(call.argument, Call) and call.argument.name not in _ZONES:
            raise self._scope.refused(
                "MALFORMED_QUERY", call.argument.at, f"unexpected token: '{call.argument.name}'"
            )
        argument = self._argument(call.argument)
        if call.name in AGGREGATES:
            return self._aggregate(call, argument)
        if call.name in _AS_THEY_ARE | _ZONES:
            return argument
        if call.name in _DATE_PARTS and argument.type in (FieldType.DATE, FieldType.DATETIME):
            return Value(_DATE_PARTS[call.name].format(argument.sql), FieldType.INTEGER, argument.name)
        if call.name in _INSTANT_PARTS and argument.type is FieldType.DATETIME:
            template, type_ = _INSTANT_PARTS[call.name]
            return Value(template.format(argument.sql), type_, argument.name)
        if call.name in _DATE_PARTS or call.name in _INSTANT_PARTS:
            reason = f"field '{argument.name}' does not support function {call.name}"
            raise self._scope.refused("INVALID_FIELD", call.at, reason)
        raise self._scope.refused("MALFORMED_QUERY", call.at, f"Unknown function: {call.name}")

    def _argument(self, argument: FieldRef | Call) -> Value:
        if isinstance(argument, FieldRef):
            return self._field(argument)
        assert isinstance(argument.argument, FieldRef)
        return self._field(argument.argument)

    def _aggregate(self, call: Call, argument: Value) -> Value:
        name, type_ = call.name, argument.type
        if not argument.filterable or not _supports(name, type_):
            raise SoqlError(
                "MALFORMED_QUERY", f"field {argument.name} does not support aggregate operator {name}"
            )
        folded = f"fold({argument.sql})" if type_ in TEXT_TYPES else argument.sql
        if name == "COUNT":
            return Value(f"COUNT({argument.sql})", FieldType.INTEGER, argument.name)
        if name == "COUNT_DISTINCT":
            return Value(f"COUNT(DISTINCT {folded})", FieldType.INTEGER, argument.name)
        if name in ("SUM", "AVG"):
            return Value(f"{name}({argument.sql})", FieldType.DOUBLE, argument.name)
        return Value(f"{name}({argument.sql})", type_, argument.name)


def _supports(name: str, type_: FieldType) -> bool:
    if name in ("SUM", "AVG"):
        return type_ in NUMBER_TYPES
    return name in ("COUNT", "COUNT_DISTINCT") or type_ is not FieldType.BOOLEAN
