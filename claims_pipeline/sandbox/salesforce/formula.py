"""Formula fields: turning Salesforce's formula language into an SQL expression over the object's table.

What belongs here: the language, as far as our metadata and a curious user need it. Not here: its functions
(`formula_functions`) and its rules for blanks (`formula_values`), nor which column a field is (`soql_names`). What is
not here is refused by name, never guessed.

SQL values: text and dates (`2026-01-05`) as TEXT, instants as `2026-01-05T12:00:00.000Z`, numbers as REAL, booleans as
0 and 1.
"""

from collections.abc import Callable
from functools import cache

from lark import Lark, Token, Transformer, Tree, v_args
from lark.exceptions import UnexpectedInput, VisitError

from claims_pipeline.errors import PermanentError
from claims_pipeline.sandbox.salesforce.formula_functions import FUNCTIONS, all_of, any_of, negated
from claims_pipeline.sandbox.salesforce.formula_values import (
    FormulaError,
    Kind,
    Moment,
    SqlValue,
    compared,
    need,
    never_null,
    quoted,
    summed,
)

Resolve = Callable[[tuple[str, ...]], SqlValue]
"""What a field of the formula is in SQL; raises for a field that is not there."""


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
        return any_of((left, right), self._at)

    def both(self, left: SqlValue, right: SqlValue) -> SqlValue:
        return all_of((left, right), self._at)

    def negated(self, value: SqlValue) -> SqlValue:
        return negated((value,), self._at)

    def negative(self, value: SqlValue) -> SqlValue:
        return SqlValue(f"(-{need(value, '-', Kind.NUMBER).sql})", Kind.NUMBER)

    def comparison(self, left: SqlValue, operator: Token, right: SqlValue) -> SqlValue:
        return compared(left, {"==": "=", "!=": "<>"}.get(operator, str(operator)), right)

    def joined(self, left: SqlValue, right: SqlValue) -> SqlValue:
        for side in (left, right):
            need(side, "&", Kind.TEXT)
        return SqlValue(f"({never_null(left)} || {never_null(right)})", Kind.TEXT)

    def arithmetic(self, left: SqlValue, operator: Token, right: SqlValue) -> SqlValue:
        if operator in "+-":
            return summed(left, str(operator), right)
        for side in (left, right):
            need(side, operator, Kind.NUMBER)
        return SqlValue(f"({left.sql} {operator} {right.sql})", Kind.NUMBER)

    def raised(self, left: SqlValue, right: SqlValue) -> SqlValue:
        for side in (left, right):
            need(side, "^", Kind.NUMBER)
        return SqlValue(f"pow({left.sql}, {right.sql})", Kind.NUMBER)

    def call(self, name: Token, *arguments: SqlValue) -> SqlValue:
        known = FUNCTIONS.get(name.upper())
        if known is None:
            raise FormulaError(f"The sandbox does not know the formula function {name.upper()}().")
        least, most, function = known
        if len(arguments) < least or (most is not None and len(arguments) > most):
            raise FormulaError(f"{name.upper()}() does not take {len(arguments)} argument(s).")
        return function(arguments, self._at)
