"""Before a row is sent: which ones the org would refuse, as far as its own description tells.

What belongs here: length, list of values, size of a number, what must not be blank, and lookups to records that are
not there, in Salesforce's own codes and its order. Pure. Not here: what no description tells (validation rules,
triggers, duplicate rules, sharing), nor whether the object is fit at all (`preflight`).
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

import polars as pl

from claims_pipeline.clients.salesforce.describe import NUMBER_TYPES, FieldDescription, ObjectDescription
from claims_pipeline.clients.salesforce.payload import one_line

TOO_LONG = "STRING_TOO_LONG"
NOT_IN_THE_LIST = "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST"
TOO_LARGE = "NUMBER_OUTSIDE_VALID_RANGE"
MISSING = "REQUIRED_FIELD_MISSING"
NO_SUCH_RECORD = "INVALID_CROSS_REFERENCE_KEY"

_CODES = (TOO_LONG, NOT_IN_THE_LIST, TOO_LARGE, MISSING, NO_SUCH_RECORD)
"""In the order in which Salesforce comes upon them: values, then what is blank, then lookups."""
_LEAVE = ""
_ASTRAL = r"[\x{10000}-\x{10FFFF}]"
_TEXT_TYPES = frozenset({"string", "textarea", "picklist", "combobox"})
_AMOUNT = pl.Decimal(38, 2)
_NOT_ASKED_FOR = frozenset({"OwnerId"})

Fault = tuple[str, str, pl.Expr]
"""A code, the field that it blames, and for which rows."""


@dataclass(frozen=True)
class Foresight:
    """What is known of an org before anything is sent. `records`: lookup field -> ids of the records that are there."""

    description: ObjectDescription
    records: Mapping[str, Collection[str]]

    def refusals(self, payload: pl.DataFrame, is_new: pl.Series) -> pl.DataFrame:
        """`code` and `fields` (comma-separated) of each row of a payload frame, null where nothing speaks against it.

        `is_new`: which rows would make a record; those must hold what the org requires, whether we send it or not.
        """
        rows = one_line(payload).with_columns(is_new.alias("is_new"))
        by_code: dict[str, list[pl.Expr]] = {code: [] for code in _CODES}
        for code, name, is_at_fault in self._faults(payload.columns):
            by_code[code].append(pl.when(is_at_fault.fill_null(value=False)).then(pl.lit(name)))
        blamed = rows.select(_listed(names).alias(code) for code, names in by_code.items())
        return blamed.select(
            code=pl.coalesce(pl.when(pl.col(code) != "").then(pl.lit(code)) for code in _CODES),
            fields=pl.coalesce(pl.when(pl.col(code) != "").then(code) for code in _CODES),
        )

    def _faults(self, sent: Collection[str]) -> Iterator[Fault]:
        for name in sent:
            found = self.description.fields.get(name)
            if found is not None:
                yield from _faults_of(found, self.records.get(name))
        for name, found in self.description.fields.items():
            if _is_required(found):
                is_blank = pl.col(name).is_null() | (pl.col("is_new") & (pl.col(name) == _LEAVE))
                yield MISSING, name, is_blank if name in sent else pl.col("is_new")


def _faults_of(field: FieldDescription, records: Collection[str] | None) -> Iterator[Fault]:
    """What a value of this field may have against it; no fault of these is ever one of null or LEAVE."""
    name, value = field.name, pl.col(field.name)
    if field.type in _TEXT_TYPES and field.length:
        yield TOO_LONG, name, value.str.len_chars() + value.str.count_matches(_ASTRAL) > field.length
    if field.type == "picklist" and field.restricted:
        yield NOT_IN_THE_LIST, name, (value != _LEAVE) & ~value.is_in(list(field.choices))
    if field.type in NUMBER_TYPES and field.precision:
        limit = 10 ** (field.precision - field.scale)
        yield TOO_LARGE, name, value.replace(_LEAVE, None).cast(_AMOUNT).abs() >= limit
    if records is not None:
        yield NO_SUCH_RECORD, name, (value != _LEAVE) & ~value.is_in(list(records))


def _is_required(field: FieldDescription) -> bool:
    """Whether the org takes no new record without it."""
    may_be_blank = field.nillable or field.defaulted or field.auto_number or field.type == "boolean"
    return field.createable and not may_be_blank and field.name not in _NOT_ASKED_FOR


def _listed(names: list[pl.Expr]) -> pl.Expr:
    """The names that apply, as one text; empty where none does."""
    if not names:
        return pl.lit("")
    return pl.concat_list(names).list.drop_nulls().list.join(",")
