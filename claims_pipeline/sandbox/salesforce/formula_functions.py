"""The functions of Salesforce's formula language, as SQL.

What belongs here: each function, what it takes and gives. Not here: the language around them (`formula`).
"""

from collections.abc import Callable, Mapping, Sequence

from claims_pipeline.sandbox.salesforce.formula_values import (
    FormulaError,
    Kind,
    Moment,
    SqlValue,
    common_kind,
    compared,
    need,
    never_null,
    quoted,
)

Arguments = Sequence[SqlValue]
Function = Callable[[Arguments, Moment], SqlValue]


def _true(value: SqlValue) -> str:
    return f"COALESCE({need(value, 'A condition', Kind.BOOLEAN).sql}, 0)"


def all_of(values: Arguments, _at: Moment) -> SqlValue:
    return SqlValue("(" + " AND ".join(_true(value) for value in values) + ")", Kind.BOOLEAN)


def any_of(values: Arguments, _at: Moment) -> SqlValue:
    return SqlValue("(" + " OR ".join(_true(value) for value in values) + ")", Kind.BOOLEAN)


def negated(values: Arguments, _at: Moment) -> SqlValue:
    return SqlValue(f"(NOT {_true(values[0])})", Kind.BOOLEAN)


def _if(values: Arguments, _at: Moment) -> SqlValue:
    condition, yes, no = values
    return SqlValue(
        f"CASE WHEN {_true(condition)} THEN {yes.sql} ELSE {no.sql} END", common_kind("IF()", (yes, no))
    )


def _case(values: Arguments, _at: Moment) -> SqlValue:
    """CASE(expression, value, result, ..., else)."""
    if len(values) % 2:
        raise FormulaError("CASE() wants pairs of value and result, and a result for all else.")
    subject, pairs, otherwise = values[0], values[1:-1], values[-1]
    arms = " ".join(
        f"WHEN {compared(subject, '=', value).sql} THEN {result.sql}"
        for value, result in zip(pairs[::2], pairs[1::2], strict=True)
    )
    return SqlValue(f"CASE {arms} ELSE {otherwise.sql} END", common_kind("CASE()", (*pairs[1::2], otherwise)))


def _blank(value: SqlValue) -> str:
    return f"({never_null(value)} = '')" if value.kind is Kind.TEXT else f"({value.sql} IS NULL)"


def _is_blank(values: Arguments, _at: Moment) -> SqlValue:
    return SqlValue(_blank(values[0]), Kind.BOOLEAN)


def _blank_value(values: Arguments, _at: Moment) -> SqlValue:
    value, otherwise = values
    kind = common_kind("BLANKVALUE()", values)
    return SqlValue(f"CASE WHEN {_blank(value)} THEN {otherwise.sql} ELSE {value.sql} END", kind)


def _is_pick_value(values: Arguments, _at: Moment) -> SqlValue:
    return compared(values[0], "=", values[1])


def _as_text(values: Arguments, _at: Moment) -> SqlValue:
    value = values[0]
    if value.kind is Kind.NUMBER:
        whole = f"CAST({value.sql} AS INTEGER)"
        sql = f"CASE WHEN {value.sql} = {whole} THEN CAST({whole} AS TEXT) ELSE printf('%.15g', {value.sql}) END"
        return SqlValue(f"CASE WHEN {value.sql} IS NULL THEN '' ELSE {sql} END", Kind.TEXT)
    if value.kind is Kind.DATETIME:
        return SqlValue(f"COALESCE(replace(substr({value.sql}, 1, 19), 'T', ' ') || 'Z', '')", Kind.TEXT)
    return SqlValue(never_null(need(value, "TEXT()", Kind.TEXT, Kind.DATE)), Kind.TEXT)


def _date_value(values: Arguments, _at: Moment) -> SqlValue:
    value = need(values[0], "DATEVALUE()", Kind.DATETIME, Kind.DATE, Kind.TEXT)
    return SqlValue(f"date(substr({value.sql}, 1, 10))", Kind.DATE)


def _today(_values: Arguments, at: Moment) -> SqlValue:
    return SqlValue(quoted(at.today), Kind.DATE)


def _now(_values: Arguments, at: Moment) -> SqlValue:
    return SqlValue(quoted(at.now), Kind.DATETIME)


def _date(values: Arguments, _at: Moment) -> SqlValue:
    year, month, day = (f"CAST({need(value, 'DATE()', Kind.NUMBER).sql} AS INTEGER)" for value in values)
    return SqlValue(f"date(printf('%04d-%02d-%02d', {year}, {month}, {day}))", Kind.DATE)


def _part(place: int, length: int) -> Function:
    def part(values: Arguments, _at: Moment) -> SqlValue:
        value = need(values[0], "YEAR(), MONTH() and DAY()", Kind.DATE)
        return SqlValue(f"CAST(substr({value.sql}, {place}, {length}) AS REAL)", Kind.NUMBER)

    return part


def _numeric(template: str) -> Function:
    """A function of numbers; the template has a place `{0}`, `{1}` for each."""

    def numeric(values: Arguments, _at: Moment) -> SqlValue:
        sql = [need(value, "A numeric function", Kind.NUMBER).sql for value in values]
        return SqlValue("(" + template.format(*sql, all=", ".join(sql)) + ")", Kind.NUMBER)

    return numeric


def _textual(template: str, gives: Kind, *takes: Kind) -> Function:
    """A function of texts (and counts); the template has a place for each."""

    def textual(values: Arguments, _at: Moment) -> SqlValue:
        sql = [
            never_null(need(value, "A text function", kind))
            if kind is Kind.TEXT
            else f"CAST({value.sql} AS INTEGER)"
            for value, kind in zip(values, takes, strict=True)
        ]
        return SqlValue("(" + template.format(*sql) + ")", gives)

    return textual


FUNCTIONS: Mapping[str, tuple[int, int | None, Function]] = {
    "IF": (3, 3, _if),
    "CASE": (4, None, _case),
    "AND": (1, None, all_of),
    "OR": (1, None, any_of),
    "NOT": (1, 1, negated),
    "ISBLANK": (1, 1, _is_blank),
    "ISNULL": (1, 1, _is_blank),
    "BLANKVALUE": (2, 2, _blank_value),
    "NULLVALUE": (2, 2, _blank_value),
    "ISPICKVAL": (2, 2, _is_pick_value),
    "TEXT": (1, 1, _as_text),
    "VALUE": (1, 1, _textual("CAST(nullif({0}, '') AS REAL)", Kind.NUMBER, Kind.TEXT)),
    "TODAY": (0, 0, _today),
    "NOW": (0, 0, _now),
    "DATE": (3, 3, _date),
    "DATEVALUE": (1, 1, _date_value),
    "YEAR": (1, 1, _part(1, 4)),
    "MONTH": (1, 1, _part(6, 2)),
    "DAY": (1, 1, _part(9, 2)),
    "ABS": (1, 1, _numeric("abs({0})")),
    "ROUND": (2, 2, _numeric("round({0}, CAST({1} AS INTEGER))")),
    "FLOOR": (1, 1, _numeric("floor({0})")),
    "CEILING": (1, 1, _numeric("ceil({0})")),
    "MOD": (2, 2, _numeric("mod({0}, {1})")),
    "MAX": (2, None, _numeric("max({all})")),
    "MIN": (2, None, _numeric("min({all})")),
    "LEN": (1, 1, _textual("CAST(length({0}) AS REAL)", Kind.NUMBER, Kind.TEXT)),
    "LEFT": (2, 2, _textual("substr({0}, 1, {1})", Kind.TEXT, Kind.TEXT, Kind.NUMBER)),
    "RIGHT": (
        2,
        2,
        _textual("substr({0}, max(length({0}) - {1}, 0) + 1)", Kind.TEXT, Kind.TEXT, Kind.NUMBER),
    ),
    "MID": (3, 3, _textual("substr({0}, {1}, {2})", Kind.TEXT, Kind.TEXT, Kind.NUMBER, Kind.NUMBER)),
    "UPPER": (1, 1, _textual("upper({0})", Kind.TEXT, Kind.TEXT)),
    "LOWER": (1, 1, _textual("lower({0})", Kind.TEXT, Kind.TEXT)),
    "TRIM": (1, 1, _textual("trim({0})", Kind.TEXT, Kind.TEXT)),
    "CONTAINS": (2, 2, _textual("instr({0}, {1}) > 0", Kind.BOOLEAN, Kind.TEXT, Kind.TEXT)),
    "BEGINS": (2, 2, _textual("instr({0}, {1}) = 1 OR {1} = ''", Kind.BOOLEAN, Kind.TEXT, Kind.TEXT)),
    "SUBSTITUTE": (3, 3, _textual("replace({0}, {1}, {2})", Kind.TEXT, Kind.TEXT, Kind.TEXT, Kind.TEXT)),
}
