"""SOQL as text: parsing a statement into `soql_tree`.

What belongs here: the grammar, and the errors of a statement that is not SOQL. Not here: whether its names exist
(`soql_names`) and its values fit (`soql_literals`). As in Salesforce, AND and OR do not mix without parentheses, and
a NOT beside them needs its own.
"""

from functools import cache
from typing import Any

from lark import Lark, Token, Transformer, v_args
from lark.exceptions import UnexpectedCharacters, UnexpectedEOF, UnexpectedInput, UnexpectedToken

from claims_pipeline.sandbox.salesforce.soql_errors import SoqlError, refused_at
from claims_pipeline.sandbox.salesforce.soql_tree import (
    And,
    Call,
    Comparison,
    Condition,
    Expression,
    FieldRef,
    FieldsCall,
    Literal,
    LiteralKind,
    Not,
    Or,
    OrderItem,
    Query,
    SelectItem,
)

MAX_SOQL_CHARACTERS = 100_000

_GRAMMAR = r"""
start: query
query: _SELECT select_list _FROM source scope? where? access? _grouped? order_by? limit? offset? purpose? all_rows?
_grouped: group_by having? | having

select_list: select_item ("," select_item)*
select_item: expression alias?
           | "(" query ")"                          -> child_query
alias: PATH
source: PATH (_AS? PATH)?
scope: _USING _SCOPE PATH
access: _WITH PATH
where: _WHERE _condition
_condition: and_ | or_ | not_ | _simple
and_: _simple (_AND _simple)+
or_: _simple (_OR _simple)+
not_: _NOT _simple
_simple: "(" _condition ")" | comparison
comparison: expression OPERATOR literal
          | expression _LIKE literal                -> like
          | expression _IN list                     -> in_
          | expression _NOT _IN list                -> not_in
list: "(" literal ("," literal)* ")"
    | "(" query ")"                                 -> semi_join
literal: STRING | INTEGER | NUMBER | DATE | DATETIME | COUNTED_DATE_WORD | PATH
group_by: _GROUP _BY expression ("," expression)*
having: _HAVING _condition
order_by: _ORDER _BY order_item ("," order_item)*
order_item: expression (ASC | DESC)? (_NULLS (FIRST | LAST))?
limit: _LIMIT INTEGER
offset: _OFFSET INTEGER
purpose: _FOR PATH ("," PATH)*
all_rows: _ALL _ROWS
expression: PATH                                    -> field
          | PATH "(" expression? ")"                -> call

OPERATOR: "!=" | "<>" | "<=" | ">=" | "=" | "<" | ">"
STRING: /'(?:[^'\\]|\\.)*'/s
DATETIME.6: /\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?(?:Z|[+-]\d{2}:?\d{2})/i
DATE.5: /\d{4}-\d{2}-\d{2}(?![\dT])/i
INTEGER.4: /\d+(?![\w.])/
NUMBER.3: /[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?(?![\w.])/
COUNTED_DATE_WORD.3: /[A-Za-z_]+:\d+/
_SELECT.2: /SELECT\b/i
_FROM.2: /FROM\b/i
_AS.2: /AS\b/i
_USING.2: /USING\b/i
_SCOPE.2: /SCOPE\b/i
_WITH.2: /WITH\b/i
_WHERE.2: /WHERE\b/i
_AND.2: /AND\b/i
_OR.2: /OR\b/i
_NOT.2: /NOT\b/i
_LIKE.2: /LIKE\b/i
_IN.2: /IN\b/i
_GROUP.2: /GROUP\b/i
_BY.2: /BY\b/i
_HAVING.2: /HAVING\b/i
_ORDER.2: /ORDER\b/i
ASC.2: /ASC\b/i
DESC.2: /DESC\b/i
_NULLS.2: /NULLS\b/i
FIRST.2: /FIRST\b/i
LAST.2: /LAST\b/i
_LIMIT.2: /LIMIT\b/i
_OFFSET.2: /OFFSET\b/i
_FOR.2: /FOR\b/i
_ALL.2: /ALL\b/i
_ROWS.2: /ROWS\b/i
PATH.1: /[A-Za-z]\w*(?:\s*\.\s*[A-Za-z]\w*)*/
%ignore /\s+/
"""

_KINDS = {
    "STRING": LiteralKind.STRING,
    "INTEGER": LiteralKind.NUMBER,
    "NUMBER": LiteralKind.NUMBER,
    "DATE": LiteralKind.DATE,
    "DATETIME": LiteralKind.DATETIME,
    "COUNTED_DATE_WORD": LiteralKind.DATE_WORD,
}
_PLAIN_DATE_WORDS = frozenset(
    ["TODAY", "YESTERDAY", "TOMORROW", "LAST_90_DAYS", "NEXT_90_DAYS"]
    + [f"{side}_{unit}" for side in ("LAST", "THIS", "NEXT") for unit in ("WEEK", "MONTH", "QUARTER", "YEAR")]
    + [f"{side}_FISCAL_{unit}" for side in ("LAST", "THIS", "NEXT") for unit in ("QUARTER", "YEAR")]
)


def parse(soql: str) -> Query:
    """The statement as facts; `SoqlError` (MALFORMED_QUERY) where it is not SOQL."""
    if len(soql) > MAX_SOQL_CHARACTERS:
        raise SoqlError(
            "MALFORMED_QUERY", f"SOQL statements cannot be longer than {MAX_SOQL_CHARACTERS} characters."
        )
    try:
        tree = _parser().parse(soql)
    except UnexpectedInput as error:
        raise _refused(soql, error) from None
    query: Query = _ToTree().transform(tree)
    return query


@cache
def _parser() -> Lark:
    return Lark(_GRAMMAR, parser="lalr", lexer="contextual")


def _refused(soql: str, error: UnexpectedInput) -> SoqlError:
    at = error.pos_in_stream if error.pos_in_stream is not None else len(soql)
    if isinstance(error, UnexpectedEOF) or (
        isinstance(error, UnexpectedToken) and error.token.type == "$END"
    ):
        return refused_at("MALFORMED_QUERY", soql, len(soql), "unexpected token: '<EOF>'")
    if isinstance(error, UnexpectedToken):
        return refused_at("MALFORMED_QUERY", soql, at, f"unexpected token: '{error.token}'")
    assert isinstance(error, UnexpectedCharacters)
    row, column = error.line, error.column - 1
    if soql[at] == "'":
        reason = f"line {row}:{column} mismatched character '<EOF>' expecting '''"
    elif soql[at] == ":":
        reason = "Bind variables only allowed in Apex code"
    elif soql[at].isalnum():
        reason = f"unexpected token: '{soql[at:].split()[0]}'"
    else:
        reason = f"line {row}:{column} no viable alternative at character '{soql[at]}'"
    return refused_at("MALFORMED_QUERY", soql, at, reason)


def _path(token: Token) -> FieldRef:
    return FieldRef(tuple(part.strip() for part in token.split(".")), token.start_pos or 0)


@v_args(inline=True)
class _ToTree(Transformer[Token, Any]):
    """One method a rule of the grammar."""

    def start(self, query: Query) -> Query:
        return query

    def query(self, select: tuple[SelectItem, ...], source: tuple[Token, str | None], *clauses: Any) -> Query:
        given: dict[str, Any] = dict(clause for clause in clauses if clause is not None)
        name, alias = source
        return Query(select, str(name), name.start_pos or 0, alias, **given)

    def select_list(self, *items: SelectItem) -> tuple[SelectItem, ...]:
        return items

    def select_item(self, what: Expression, alias: str | None = None) -> SelectItem:
        if isinstance(what, Call) and what.name == "FIELDS" and isinstance(what.argument, FieldRef):
            return SelectItem(FieldsCall(what.argument.text.upper(), what.at), alias)
        return SelectItem(what, alias)

    def child_query(self, query: Query) -> SelectItem:
        return SelectItem(query)

    def alias(self, name: Token) -> str:
        return str(name)

    def source(self, name: Token, alias: Token | None = None) -> tuple[Token, str | None]:
        return name, None if alias is None else str(alias)

    def scope(self, _name: Token) -> None:
        return None

    def access(self, _name: Token) -> None:
        return None

    def where(self, condition: Condition) -> tuple[str, Condition]:
        return "where", condition

    def having(self, condition: Condition) -> tuple[str, Condition]:
        return "having", condition

    def and_(self, *parts: Condition) -> And:
        return And(parts)

    def or_(self, *parts: Condition) -> Or:
        return Or(parts)

    def not_(self, part: Condition) -> Not:
        return Not(part)

    def comparison(self, left: Expression, operator: Token, right: Literal) -> Comparison:
        return Comparison(left, "!=" if operator == "<>" else str(operator), right)

    def like(self, left: Expression, right: Literal) -> Comparison:
        return Comparison(left, "LIKE", right)

    def in_(self, left: Expression, right: tuple[Literal, ...] | Query) -> Comparison:
        return Comparison(left, "IN", right)

    def not_in(self, left: Expression, right: tuple[Literal, ...] | Query) -> Comparison:
        return Comparison(left, "NOT IN", right)

    def list(self, *values: Literal) -> tuple[Literal, ...]:
        return values

    def semi_join(self, query: Query) -> Query:
        return query

    def literal(self, token: Token) -> Literal:
        at = token.start_pos or 0
        if token.type == "STRING":
            return Literal(LiteralKind.STRING, token[1:-1], at)
        kind = _KINDS.get(token.type) or _kind_of_word(token)
        return Literal(kind, str(token), at)

    def group_by(self, *items: Expression) -> tuple[str, tuple[Expression, ...]]:
        return "group_by", items

    def order_by(self, *items: OrderItem) -> tuple[str, tuple[OrderItem, ...]]:
        return "order_by", items

    def order_item(self, what: Expression, *how: Token) -> OrderItem:
        said = {token.type for token in how}
        return OrderItem(what, descending="DESC" in said, nulls_last="LAST" in said)

    def limit(self, number: Token) -> tuple[str, int]:
        return "limit", int(number)

    def offset(self, number: Token) -> tuple[str, int]:
        return "offset", int(number)

    def purpose(self, *_names: Token) -> None:
        return None

    def all_rows(self) -> tuple[str, bool]:
        return "all_rows", True

    def field(self, token: Token) -> FieldRef:
        return _path(token)

    def call(self, name: Token, argument: Expression | None = None) -> Call:
        return Call(name.upper(), argument, name.start_pos or 0)


def _kind_of_word(token: Token) -> LiteralKind:
    word = token.upper()
    if word in ("TRUE", "FALSE"):
        return LiteralKind.BOOLEAN
    if word == "NULL":
        return LiteralKind.NULL
    return LiteralKind.DATE_WORD if word in _PLAIN_DATE_WORDS else LiteralKind.WORD
