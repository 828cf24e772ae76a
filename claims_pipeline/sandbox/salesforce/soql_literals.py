"""Literals of SOQL: what a written value is, once the field that it meets is known.

What belongs here: escapes, numbers, moments, record ids, and Salesforce's complaint when literal and field do not fit.
Not here: operators (`soql_filters`).
"""

import re
from datetime import UTC, datetime

from claims_pipeline.sandbox.salesforce.record_ids import full_id
from claims_pipeline.sandbox.salesforce.schema import FieldType
from claims_pipeline.sandbox.salesforce.soql_errors import SoqlError
from claims_pipeline.sandbox.salesforce.soql_names import ID_TYPES, NUMBER_TYPES, TEXT_TYPES, Scope, Value
from claims_pipeline.sandbox.salesforce.soql_tree import Literal, LiteralKind

MAX_STRING_CHARACTERS = 4_000
_ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|.)", re.DOTALL)
_ESCAPED = {
    "n": "\n",
    "r": "\r",
    "t": "\t",
    "b": "\b",
    "f": "\f",
    '"': '"',
    "'": "'",
    "\\": "\\",
    "_": "_",
    "%": "%",
}

_SAID_TYPES = {FieldType.DATETIME: "dateTime", FieldType.CURRENCY: "currency"}


def sql_value(scope: Scope, left: Value, literal: Literal) -> str | float | int | None:
    """The literal in the form in which the org keeps the field; null for `null` and for an empty text."""
    if literal.kind is LiteralKind.NULL:
        return None
    _fits(scope, left, literal)
    if literal.kind is LiteralKind.STRING:
        text = unescaped(scope, literal)
        if left.type in ID_TYPES and text:
            return _record_id(text)
        return text or None
    if literal.kind is LiteralKind.NUMBER:
        return float(literal.text)
    if literal.kind is LiteralKind.BOOLEAN:
        return int(literal.text.upper() == "TRUE")
    if literal.kind is LiteralKind.DATE:
        return _date(scope, literal)
    return _instant(scope, literal)


def unescaped(scope: Scope, literal: Literal) -> str:
    """A string's text, its escapes read."""
    _bounded(scope, literal)
    return _ESCAPE.sub(lambda found: _escape(scope, literal, found), literal.text)


def like_pattern(scope: Scope, left: Value, literal: Literal) -> str:
    r"""A string as the pattern of SQLite's LIKE with `\` as its escape."""
    if literal.kind is not LiteralKind.STRING:
        _fits(scope, left, literal)
        raise scope.refused("MALFORMED_QUERY", literal.at, f"unexpected token: '{literal.text}'")
    _bounded(scope, literal)

    def escape(found: re.Match[str]) -> str:
        text = _escape(scope, literal, found)
        return "\\" + text if text in "\\%_" else text

    return _ESCAPE.sub(escape, literal.text)


def _bounded(scope: Scope, literal: Literal) -> None:
    if len(literal.text) > MAX_STRING_CHARACTERS:
        reason = f"A string in a query may have {MAX_STRING_CHARACTERS} characters at most."
        raise scope.refused("MALFORMED_QUERY", literal.at, reason)


def _escape(scope: Scope, literal: Literal, found: re.Match[str]) -> str:
    code = found[1]
    if len(code) > 1:
        return chr(int(code[1:], 16))
    text = _ESCAPED.get(code, _ESCAPED.get(code.lower()))
    if text is None:
        reason = f"Invalid string literal '{literal.text}'. Illegal character sequence '\\{code}' in string literal."
        raise scope.refused("MALFORMED_QUERY", literal.at, reason)
    return text


def _fits(scope: Scope, left: Value, literal: Literal) -> None:
    kind = literal.kind
    if kind is LiteralKind.WORD or (
        kind is LiteralKind.DATE_WORD and left.type not in (FieldType.DATE, FieldType.DATETIME)
    ):
        raise scope.refused("MALFORMED_QUERY", literal.at, f"unexpected token: '{literal.text}'")
    if kind is not _wanted(left.type):
        quotes = "should" if left.type in TEXT_TYPES | ID_TYPES else "should not"
        said = _SAID_TYPES.get(left.type, "string" if left.type in TEXT_TYPES | ID_TYPES else left.type.value)
        form = f"must be of type {said} and {quotes} be enclosed in quotes"
        reason = f"value of filter criterion for field '{left.name}' {form}"
        raise scope.refused("INVALID_FIELD", literal.at, reason)


def _wanted(type_: FieldType) -> LiteralKind:
    if type_ in NUMBER_TYPES:
        return LiteralKind.NUMBER
    plain = {
        FieldType.BOOLEAN: LiteralKind.BOOLEAN,
        FieldType.DATE: LiteralKind.DATE,
        FieldType.DATETIME: LiteralKind.DATETIME,
    }
    return plain.get(type_, LiteralKind.STRING)


def _record_id(text: str) -> str:
    found = full_id(text)
    if found is None:
        raise SoqlError("INVALID_QUERY_FILTER_OPERATOR", f"invalid ID field: {text}")
    return found


def _date(scope: Scope, literal: Literal) -> str:
    try:
        return datetime.strptime(literal.text, "%Y-%m-%d").replace(tzinfo=UTC).date().isoformat()
    except ValueError:
        raise scope.refused("MALFORMED_QUERY", literal.at, f"Invalid date: {literal.text}") from None


def _instant(scope: Scope, literal: Literal) -> str:
    try:
        instant = datetime.fromisoformat(literal.text.upper()).astimezone(UTC)
    except (ValueError, OverflowError):
        raise scope.refused("MALFORMED_QUERY", literal.at, f"Invalid datetime: {literal.text}") from None
    return f"{instant:%Y-%m-%dT%H:%M:%S}.{instant.microsecond // 1000:03d}Z"
