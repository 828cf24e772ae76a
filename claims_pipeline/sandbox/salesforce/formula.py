"""Formula fields: turning Salesforce's formula language into an SQL expression over the object's table.

What belongs here: the language, its functions and its rules for blanks, as far as our metadata and a curious user need
them. Not here: which column a field is (`soql_names` says it), nor when a formula is worked out. A function that is not
here is refused by name, never guessed.

SQL values: text and dates (`2026-01-05`) as TEXT, instants as `2026-01-05T12:00:00.000Z`, numbers as REAL, booleans as
0 and 1.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache

from lark import Lark, Token, Transformer, Tree, v_args
from lark.exceptions import UnexpectedInput, VisitError

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


Resolve = Callable[[tuple[str, ...]], SqlValue]
"""What a field of the formula is in SQL; raises for a field that is not there."""


@dataclass(frozen=True)
class Moment:
    """The time at which a formula is worked out, in the org's zone (UTC)."""

    today: str  # 2026-01-05
    now: str  # 2026-01-05T12:00:00.000Z


_GRAMMAR = r"""
?start: or_
?or_: and_ | or_ "||" and_                            -> either
?and_: equal | and_ "&&" equal                        -> both
?equal: compare | equal EQUALS compare                -> comparison
?compare: concat | compare ORDER concat               -> comparison
?concat: sum | concat "&" sum                         -> joined
?sum: product | sum PLUS product                      -> arithmetic
?product: power | product TIMES power                 -> arithmetic
?power: unary | unary "^" power                       -> raised
?unary: atom | "-" unary                              -> negative
      | "!" unary                                     -> negated
?atom: NUMBER                                         -> number
     | STRING                                         -> string
     | NAME "(" (or_ ("," or_)*)? ")"                 -> call
     | NAME                                           -> field
     | "(" or_ ")"
EQUALS: "==" | "=" | "<>" | "!="
ORDER: "<=" | ">=" | "<" | ">"
PLUS: "+" | "-"
TIMES: "*" | "/"
NUMBER: /(?:\d+\.?\d*|\.\d+)/
STRING: /"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'/s
NAME: /[$A-Za-z]\w*(?:\.[A-Za-z]\w*)*/
%ignore /\s+/
%ignore /\/\*.*?\*\//s
"""

_ESCAPES = {"n": "\n", "r": "\r", "t": "\t"}


def compile_formula(formula: str, resolve: Resolve, at: Moment, *, blanks_as_zero: bool = False) -> SqlValue:
    """The formula as one SQL expression; `FormulaError` where it cannot be.

    `blanks_as_zero` is the field's formulaTreatBlanksAs: it holds for numbers alone.
    """
    try:
        tree = _parser().parse(formula)
    except UnexpectedInput as error:
        raise FormulaError(
            f"Syntax error in the formula at line {error.line}, column {error.column}."
        ) from None
    try:
        value: SqlValue = _ToSql(resolve, at, blanks_as_zero).transform(tree)
    except VisitError as error:
        if isinstance(error.orig_exc, PermanentError):
            raise error.orig_exc from None
        raise
    return value


def field_paths(formula: str) -> tuple[tuple[str, ...], ...]:
    """Every field that the formula speaks of, as paths."""
    tree: Tree[Token] = _parser().parse(formula)
    names = (str(node.children[0]) for node in tree.find_data("field"))
    return tuple(tuple(name.split(".")) for name in names if name.upper() not in ("TRUE", "FALSE", "NULL"))


@cache
def _parser() -> Lark:
    return Lark(_GRAMMAR, parser="lalr")


def quoted(text: str) -> str:
    """Text as an SQL literal."""
    return "'" + text.replace("'", "''") + "'"


def _text(value: SqlValue) -> str:
    """A text in SQL that is never null: blank is the empty text in a formula."""
    return f"COALESCE({value.sql}, '')"


def _need(value: SqlValue, where: str, *kinds: Kind) -> SqlValue:
    if value.kind not in (*kinds, Kind.BLANK):
        raise FormulaError(f"{where} takes {' or '.join(kinds)}, received {value.kind}.")
    return value


def _common(where: str, values: Sequence[SqlValue]) -> Kind:
    kinds = {value.kind for value in values} - {Kind.BLANK}
    if len(kinds) > 1:
        raise FormulaError(f"{where} mixes {' and '.join(sorted(kinds))}.")
    return kinds.pop() if kinds else Kind.BLANK


@v_args(inline=True)
class _ToSql(Transformer[Token, SqlValue]):
    """One method a rule of the grammar."""

    def __init__(self, resolve: Resolve, at: Moment, blanks_as_zero: bool) -> None:
        super().__init__()
        self._resolve = resolve
        self._at = at
        self._blanks_as_zero = blanks_as_zero

    def number(self, token: Token) -> SqlValue:
        return SqlValue(repr(float(token)), Kind.NUMBER)

    def string(self, token: Token) -> SqlValue:
        text, out, place = token[1:-1], [], 0
        while place < len(text):
            if text[place] == "\\":
                place += 1
                out.append(_ESCAPES.get(text[place], text[place]))
            else:
                out.append(text[place])
            place += 1
        return SqlValue(quoted("".join(out)), Kind.TEXT)

    def field(self, token: Token) -> SqlValue:
        word = token.upper()
        if word in ("TRUE", "FALSE"):
            return SqlValue("1" if word == "TRUE" else "0", Kind.BOOLEAN)
        if word == "NULL":
            return SqlValue("NULL", Kind.BLANK)
        found = self._resolve(tuple(token.split(".")))
        if found.kind is Kind.NUMBER and self._blanks_as_zero:
            return SqlValue(f"COALESCE({found.sql}, 0.0)", Kind.NUMBER)
        return found

    def either(self, left: SqlValue, right: SqlValue) -> SqlValue:
        return _or((left, right), self._at)

    def both(self, left: SqlValue, right: SqlValue) -> SqlValue:
        return _and((left, right), self._at)

    def negated(self, value: SqlValue) -> SqlValue:
        return _not((value,), self._at)

    def negative(self, value: SqlValue) -> SqlValue:
        return SqlValue(f"(-{_need(value, '-', Kind.NUMBER).sql})", Kind.NUMBER)

    def comparison(self, left: SqlValue, operator: Token, right: SqlValue) -> SqlValue:
        return _compared(left, {"==": "=", "!=": "<>"}.get(operator, str(operator)), right)

    def joined(self, left: SqlValue, right: SqlValue) -> SqlValue:
        for side in (left, right):
            _need(side, "&", Kind.TEXT)
        return SqlValue(f"({_text(left)} || {_text(right)})", Kind.TEXT)

    def arithmetic(self, left: SqlValue, operator: Token, right: SqlValue) -> SqlValue:
        if operator in "+-":
            return _sum(left, str(operator), right)
        for side in (left, right):
            _need(side, operator, Kind.NUMBER)
        return SqlValue(f"({left.sql} {operator} {right.sql})", Kind.NUMBER)

    def raised(self, left: SqlValue, right: SqlValue) -> SqlValue:
        for side in (left, right):
            _need(side, "^", Kind.NUMBER)
        return SqlValue(f"pow({left.sql}, {right.sql})", Kind.NUMBER)

    def call(self, name: Token, *arguments: SqlValue) -> SqlValue:
        known = _FUNCTIONS.get(name.upper())
        if known is None:
            raise FormulaError(f"The sandbox does not know the formula function {name.upper()}().")
        least, most, function = known
        if len(arguments) < least or (most is not None and len(arguments) > most):
            raise FormulaError(f"{name.upper()}() does not take {len(arguments)} argument(s).")
        return function(arguments, self._at)


def _compared(left: SqlValue, operator: str, right: SqlValue) -> SqlValue:
    """Two blanks are equal; blank text is the empty text; a comparison with any other blank is false."""
    kind = _common(operator, (left, right))
    if kind is Kind.TEXT:
        return SqlValue(f"({_text(left)} {operator} {_text(right)})", Kind.BOOLEAN)
    operator = {"=": "IS", "<>": "IS NOT"}.get(operator, operator)
    return SqlValue(f"COALESCE({left.sql} {operator} {right.sql}, 0)", Kind.BOOLEAN)


def _sum(left: SqlValue, operator: str, right: SqlValue) -> SqlValue:
    """Numbers, texts (+), days between dates (-), and a date some days on or back."""
    kinds = (left.kind, right.kind)
    if operator == "+" and Kind.TEXT in kinds:
        return SqlValue(
            f"({_text(_need(left, '+', Kind.TEXT))} || {_text(_need(right, '+', Kind.TEXT))})", Kind.TEXT
        )
    moments = (Kind.DATE, Kind.DATETIME)
    if operator == "-" and left.kind in moments and right.kind == left.kind:
        return SqlValue(f"(julianday({_sqlite(left)}) - julianday({_sqlite(right)}))", Kind.NUMBER)
    if left.kind is Kind.DATE:
        days = _need(right, operator, Kind.NUMBER).sql
        return SqlValue(
            f"date({left.sql}, CAST(CAST({operator}({days}) AS INTEGER) AS TEXT) || ' days')", Kind.DATE
        )
    if operator == "+" and right.kind is Kind.DATE:
        return _sum(right, operator, left)
    for side in (left, right):
        _need(side, operator, Kind.NUMBER)
    return SqlValue(f"({left.sql} {operator} {right.sql})", Kind.NUMBER)


def _sqlite(value: SqlValue) -> str:
    """A moment in the form that SQLite's date functions read."""
    return f"substr({value.sql}, 1, 23)" if value.kind is Kind.DATETIME else value.sql


Arguments = Sequence[SqlValue]
Function = Callable[[Arguments, Moment], SqlValue]


def _true(value: SqlValue) -> str:
    return f"COALESCE({_need(value, 'A condition', Kind.BOOLEAN).sql}, 0)"


def _and(values: Arguments, _at: Moment) -> SqlValue:
    return SqlValue("(" + " AND ".join(_true(value) for value in values) + ")", Kind.BOOLEAN)


def _or(values: Arguments, _at: Moment) -> SqlValue:
    return SqlValue("(" + " OR ".join(_true(value) for value in values) + ")", Kind.BOOLEAN)


def _not(values: Arguments, _at: Moment) -> SqlValue:
    return SqlValue(f"(NOT {_true(values[0])})", Kind.BOOLEAN)


def _if(values: Arguments, _at: Moment) -> SqlValue:
    condition, yes, no = values
    return SqlValue(
        f"CASE WHEN {_true(condition)} THEN {yes.sql} ELSE {no.sql} END", _common("IF()", (yes, no))
    )


def _case(values: Arguments, _at: Moment) -> SqlValue:
    """CASE(expression, value, result, ..., else)."""
    if len(values) % 2:
        raise FormulaError("CASE() wants pairs of value and result, and a result for all else.")
    subject, pairs, otherwise = values[0], values[1:-1], values[-1]
    arms = " ".join(
        f"WHEN {_compared(subject, '=', value).sql} THEN {result.sql}"
        for value, result in zip(pairs[::2], pairs[1::2], strict=True)
    )
    return SqlValue(f"CASE {arms} ELSE {otherwise.sql} END", _common("CASE()", (*pairs[1::2], otherwise)))


def _blank(value: SqlValue) -> str:
    return f"({_text(value)} = '')" if value.kind is Kind.TEXT else f"({value.sql} IS NULL)"


def _is_blank(values: Arguments, _at: Moment) -> SqlValue:
    return SqlValue(_blank(values[0]), Kind.BOOLEAN)


def _blank_value(values: Arguments, _at: Moment) -> SqlValue:
    value, otherwise = values
    kind = _common("BLANKVALUE()", values)
    return SqlValue(f"CASE WHEN {_blank(value)} THEN {otherwise.sql} ELSE {value.sql} END", kind)


def _is_pick_value(values: Arguments, _at: Moment) -> SqlValue:
    return _compared(values[0], "=", values[1])


def _as_text(values: Arguments, _at: Moment) -> SqlValue:
    value = values[0]
    if value.kind is Kind.NUMBER:
        whole = f"CAST({value.sql} AS INTEGER)"
        sql = f"CASE WHEN {value.sql} = {whole} THEN CAST({whole} AS TEXT) ELSE printf('%.15g', {value.sql}) END"
        return SqlValue(f"CASE WHEN {value.sql} IS NULL THEN '' ELSE {sql} END", Kind.TEXT)
    if value.kind is Kind.DATETIME:
        return SqlValue(f"COALESCE(replace(substr({value.sql}, 1, 19), 'T', ' ') || 'Z', '')", Kind.TEXT)
    return SqlValue(_text(_need(value, "TEXT()", Kind.TEXT, Kind.DATE)), Kind.TEXT)


def _date_value(values: Arguments, _at: Moment) -> SqlValue:
    value = _need(values[0], "DATEVALUE()", Kind.DATETIME, Kind.DATE, Kind.TEXT)
    return SqlValue(f"date(substr({value.sql}, 1, 10))", Kind.DATE)


def _today(_values: Arguments, at: Moment) -> SqlValue:
    return SqlValue(quoted(at.today), Kind.DATE)


def _now(_values: Arguments, at: Moment) -> SqlValue:
    return SqlValue(quoted(at.now), Kind.DATETIME)


def _date(values: Arguments, _at: Moment) -> SqlValue:
    year, month, day = (f"CAST({_need(value, 'DATE()', Kind.NUMBER).sql} AS INTEGER)" for value in values)
    return SqlValue(f"date(printf('%04d-%02d-%02d', {year}, {month}, {day}))", Kind.DATE)


def _part(place: int, length: int) -> Function:
    def part(values: Arguments, _at: Moment) -> SqlValue:
        value = _need(values[0], "YEAR(), MONTH() and DAY()", Kind.DATE)
        return SqlValue(f"CAST(substr({value.sql}, {place}, {length}) AS REAL)", Kind.NUMBER)

    return part


def _numeric(template: str) -> Function:
    """A function of numbers; the template has a place `{0}`, `{1}` for each."""

    def numeric(values: Arguments, _at: Moment) -> SqlValue:
        sql = [_need(value, "A numeric function", Kind.NUMBER).sql for value in values]
        return SqlValue("(" + template.format(*sql, all=", ".join(sql)) + ")", Kind.NUMBER)

    return numeric


def _textual(template: str, gives: Kind, *takes: Kind) -> Function:
    """A function of texts (and counts); the template has a place for each."""

    def textual(values: Arguments, _at: Moment) -> SqlValue:
        sql = [
            _text(_need(value, "A text function", kind))
            if kind is Kind.TEXT
            else f"CAST({value.sql} AS INTEGER)"
            for value, kind in zip(values, takes, strict=True)
        ]
        return SqlValue("(" + template.format(*sql) + ")", gives)

    return textual


_FUNCTIONS: Mapping[str, tuple[int, int | None, Function]] = {
    "IF": (3, 3, _if),
    "CASE": (4, None, _case),
    "AND": (1, None, _and),
    "OR": (1, None, _or),
    "NOT": (1, 1, _not),
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
