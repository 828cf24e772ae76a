"""What a value must be: for each field, the check that trims, converts or refuses it, in Salesforce's words.

What belongs here: the rules of one value, for any field type. Not here: rules that need other rows or the org's records
(`writing`), nor who may write a field (`people`).
"""

import math
import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal

from claims_pipeline.sandbox.salesforce.record_ids import full_id
from claims_pipeline.sandbox.salesforce.rows import RowError, Wire
from claims_pipeline.sandbox.salesforce.schema import FieldSchema, FieldType, OrgSchema

Stored = str | int | float | None
"""A value as the org's table keeps it."""

Check = Callable[[object], Stored]
"""Takes a value as it came; returns it as it is stored, or raises ValueRefused. None means: clear the field."""

TRIMMED = "".join(map(chr, range(0x21)))
"""What is taken off both ends of a text: control characters and space. No-break spaces stay."""

_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,3})?")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_INSTANT = re.compile(
    r"(\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2})(?:\.\d{1,3})?(Z|[+-]\d{2}:?\d{2})", re.IGNORECASE
)
_YEARS = range(1700, 4001)


class ValueRefused(Exception):
    """A value that the field does not take."""

    def __init__(self, error: RowError) -> None:
        super().__init__(error.code)
        self.error = error


def check_for(field: FieldSchema, wire: Wire, org: OrgSchema) -> Check:
    """The check of one field, made once for many rows."""
    match field.type:
        case FieldType.BOOLEAN:
            return _boolean_check(field, wire)
        case FieldType.DOUBLE | FieldType.CURRENCY | FieldType.INTEGER:
            return _number_check(field, wire)
        case FieldType.DATE:
            return _date_check(field, wire)
        case FieldType.DATETIME:
            return _instant_check(field, wire)
        case FieldType.REFERENCE | FieldType.ID:
            return _reference_check(field, wire, org)
        case _:
            return _text_check(field)


def utf16_length(text: str) -> int:
    """The length that Salesforce counts: characters beyond the basic plane count twice."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2


def clean_text(text: str) -> str | None:
    """A text as it is stored: trimmed; nothing left is null. Halves of a surrogate pair become the replacement mark."""
    trimmed = text.strip(TRIMMED)
    if not trimmed.isascii():
        trimmed = trimmed.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return trimmed or None


def _text_check(field: FieldSchema) -> Check:
    length, label, name = field.length, field.label, field.name
    allowed = frozenset(field.picklist) if field.restricted_picklist else None

    def check(value: object) -> Stored:
        if value is None:
            return None
        if not isinstance(value, str):
            raise ValueRefused(_not_deserialised("string", value))
        text = clean_text(value)
        if text is None:
            return None
        if len(text) * 2 > length and utf16_length(text) > length:
            message = f"{label}: data value too large: {text} (max length={length})"
            raise ValueRefused(RowError("STRING_TOO_LONG", message, (name,)))
        if allowed is not None and text not in allowed:
            message = f"{label}: bad value for restricted picklist field: {text}"
            raise ValueRefused(RowError("INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", message, (name,)))
        return text

    return check


def _boolean_check(field: FieldSchema, wire: Wire) -> Check:
    words = {"true": 1, "false": 0, "1": 1, "0": 0}

    def check(value: object) -> Stored:
        if value is None or isinstance(value, bool):
            return int(bool(value))
        found = words.get(value.strip(TRIMMED).lower()) if isinstance(value, str) else None
        if found is None:
            raise ValueRefused(_wrong_type(field, "boolean", value, wire))
        return found

    return check


def _number_check(field: FieldSchema, wire: Wire) -> Check:
    """Not rounded to the field's scale: Salesforce's API keeps what it is sent. Too many whole digits are refused."""
    kind = "double" if field.type is not FieldType.INTEGER else "int"
    limit = 10.0 ** (field.precision - field.scale) if field.precision else math.inf

    def check(value: object) -> Stored:
        if value is None:
            return None
        if isinstance(value, str):
            text = value.strip(TRIMMED)
            if not text and wire is Wire.CSV:
                return None
            if _NUMBER.fullmatch(text) is None:
                raise ValueRefused(_wrong_type(field, kind, value, wire))
            number = float(text)
        elif isinstance(value, int | float | Decimal) and not isinstance(value, bool):
            number = _as_float(value)
        else:
            raise ValueRefused(_wrong_type(field, kind, value, wire))
        if not abs(number) < limit:
            message = f"{field.label}: value outside of valid range on numeric field: {value}"
            raise ValueRefused(RowError("NUMBER_OUTSIDE_VALID_RANGE", message, (field.name,)))
        return number

    return check


def _as_float(value: int | float | Decimal) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf


def _date_check(field: FieldSchema, wire: Wire) -> Check:
    def check(value: object) -> Stored:
        if value is None:
            return None
        text = value.strip(TRIMMED) if isinstance(value, str) else ""
        if _DATE.fullmatch(text) is None:
            raise ValueRefused(_wrong_type(field, "date", value, wire))
        try:
            found = date.fromisoformat(text)
        except ValueError:
            raise ValueRefused(_wrong_type(field, "date", value, wire)) from None
        return _within_years(field, text, found.year)

    return check


def _instant_check(field: FieldSchema, wire: Wire) -> Check:
    """An instant needs its offset; it is kept in UTC, to the second."""

    def check(value: object) -> Stored:
        if value is None:
            return None
        match = _INSTANT.fullmatch(value.strip(TRIMMED)) if isinstance(value, str) else None
        if match is None:
            raise ValueRefused(_wrong_type(field, "datetime", value, wire))
        try:
            found = datetime.fromisoformat(match[1] + match[2].upper()).astimezone(UTC)
        except (ValueError, OverflowError):
            raise ValueRefused(_wrong_type(field, "datetime", value, wire)) from None
        return _within_years(field, instant(found), found.year)

    return check


def instant(at: datetime) -> str:
    """An instant as the org's tables keep it."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def _within_years(field: FieldSchema, text: str, year: int) -> str:
    if year not in _YEARS:
        raise ValueRefused(
            RowError("FIELD_INTEGRITY_EXCEPTION", f"{field.label}: invalid date: {text}", (field.name,))
        )
    return text


def _reference_check(field: FieldSchema, wire: Wire, org: OrgSchema) -> Check:
    """An id of the right object; whether the record is there is for `writing`, which asks for many at once."""
    prefixes = {found.key_prefix for name in field.reference_to if (found := org.object(name)) is not None}

    def check(value: object) -> Stored:
        if value is None:
            return None
        if not isinstance(value, str):
            raise ValueRefused(_wrong_type(field, "reference", value, wire))
        text = value.strip(TRIMMED)
        if not text:
            return None
        found = full_id(text)
        if found is None or (prefixes and found[:3] not in prefixes):
            message = f"{field.label}: id value of incorrect type: {text}"
            raise ValueRefused(RowError("MALFORMED_ID", message, (field.name,)))
        return found

    return check


def _wrong_type(field: FieldSchema, kind: str, value: object, wire: Wire) -> RowError:
    if wire is Wire.JSON:
        return _not_deserialised(kind, value)
    message = f"{field.label}: value not of required type: {value}"
    return RowError("INVALID_TYPE_ON_FIELD_IN_RECORD", message, (field.name,))


def _not_deserialised(kind: str, value: object) -> RowError:
    """The JSON parser's own refusal: it names the value and not the field."""
    token, shown = _token(value)
    return RowError(
        "JSON_PARSER_ERROR",
        f"Cannot deserialize instance of {kind} from {token} value {shown} or request may be missing a required "
        "field at [Source: N/A; line: -1, column: -1]",
    )


def _token(value: object) -> tuple[str, str]:
    if isinstance(value, bool):
        return f"VALUE_{str(value).upper()}", str(value).lower()
    if isinstance(value, int):
        return "VALUE_NUMBER_INT", str(value)
    if isinstance(value, float | Decimal):
        return "VALUE_NUMBER_FLOAT", str(value)
    if isinstance(value, str):
        return "VALUE_STRING", value
    return ("START_OBJECT", "{") if isinstance(value, dict) else ("START_ARRAY", "[")
