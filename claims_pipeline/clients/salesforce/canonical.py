"""The org's values as one canonical text, whether they came as JSON or as CSV.

What belongs here: `1234.50` for amounts, `2026-01-05` for dates, `true` / `false`, trimmed text, null for nothing: the
form in which claims are compared. Source: Salesforce stores text trimmed and empty as null, and keeps no-break spaces.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation

import polars as pl

from claims_pipeline.clients.salesforce.describe import NUMBER_TYPES, ObjectDescription
from claims_pipeline.clients.salesforce.refusals import UnexpectedAnswer

_STORED_TRIMMED = " \t\n\r\x0b\x0c\x00"
_CENT = Decimal("0.01")


def frame_of_records(
    records: Sequence[Mapping[str, object]], fields: Sequence[str], description: ObjectDescription
) -> pl.DataFrame:
    """Records of a REST answer as text columns in the order of `fields`."""
    types = {field: description.type_of(field) for field in fields}
    return pl.DataFrame(
        {field: [text_of(record.get(field), types[field]) for record in records] for field in fields},
        schema=dict.fromkeys(fields, pl.String),
    )


def text_of(value: object, kind: str) -> str | None:
    """One JSON value of a field of this type, as canonical text."""
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    text = str(value).strip(_STORED_TRIMMED)
    if not text:
        return None
    if kind in NUMBER_TYPES:
        return number_text(text)
    return _instant_text(text) if kind == "datetime" else text


def number_text(text: str) -> str:
    """A number with two decimals, or with all it has where it has more: what differs must look different."""
    try:
        number = Decimal(text)
    except InvalidOperation:
        raise UnexpectedAnswer("Salesforce gave a number that is none; nothing was compared.") from None
    exact = number.quantize(_CENT) if number == number.quantize(_CENT) else number.normalize()
    return f"{exact:f}" if exact else "0.00"


def _instant_text(text: str) -> str:
    return text.removesuffix("+0000").removesuffix("+00:00") + "Z" if "+00" in text else text


def canonical_columns(frame: pl.DataFrame, description: ObjectDescription) -> pl.DataFrame:
    """A frame of CSV text (empty for null) in canonical form, column by column."""
    trimmed = frame.with_columns(pl.all().str.strip_chars(_STORED_TRIMMED)).with_columns(
        pl.when(pl.all() != "").then(pl.all())
    )
    return trimmed.with_columns(
        _canonical(trimmed.get_column(name), description.type_of(name)) for name in frame.columns
    )


def _canonical(column: pl.Series, kind: str) -> pl.Series:
    if kind == "datetime":
        return column.str.replace(r"\+00:?00$", "Z")
    if kind not in NUMBER_TYPES:
        return column
    plain = column.str.contains(r"^-?[1-9]\d*\.\d\d$").fill_null(True)
    if plain.all():
        return column
    return column.map_elements(number_text, return_dtype=pl.String, skip_nulls=True)
