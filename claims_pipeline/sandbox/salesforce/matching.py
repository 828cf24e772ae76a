"""Which record a row meets: by nothing (it makes one), by id, or by an external id.

What belongs here: matching the rows of one call, and the refusals that matching alone can give. Not here: the values
that a row writes (`writing`).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from claims_pipeline.sandbox.salesforce.record_ids import full_id
from claims_pipeline.sandbox.salesforce.rows import RowError
from claims_pipeline.sandbox.salesforce.schema import FieldSchema, ObjectSchema
from claims_pipeline.sandbox.salesforce.tables import Tables
from claims_pipeline.sandbox.salesforce.validation import TRIMMED, Stored, clean_text

Row = Mapping[str, object]
"""Field name (in any case) -> value as it came. A field that is not in the row stays as it is; None clears it."""


@dataclass
class Pending:
    """One row on its way: the record that it meets (None: it makes one), what it writes, why it is refused."""

    row: Row
    record_id: str | None = None
    values: dict[str, Stored] = field(default_factory=dict)
    errors: list[RowError] = field(default_factory=list)

    def refuse(self, code: str, message: str, *fields: str) -> None:
        """Add a reason why the row is not written."""
        self.errors.append(RowError(code, message, fields))


def new_records(rows: Sequence[Row]) -> list[Pending]:
    """Rows that each make a record."""
    pending = [Pending(row) for row in rows]
    for one in pending:
        if _id_of(one.row):
            one.refuse("INVALID_FIELD_FOR_INSERT_UPDATE", "cannot specify Id in an insert call", "Id")
    return pending


def by_id(
    tables: Tables, schema: ObjectSchema, rows: Sequence[Row], *, may_create: bool = False
) -> list[Pending]:
    """Rows that each change the record whose Id they carry."""
    pending = [Pending(row) for row in rows]
    wanted: dict[str, int] = {}
    for one in pending:
        given = _id_of(one.row)
        if not given:
            if not may_create:
                one.refuse("MISSING_ARGUMENT", "Id not specified in an update call", "Id")
            continue
        one.record_id = full_id(given)
        if one.record_id is None or one.record_id[:3] != schema.key_prefix:
            one.record_id = None
            one.refuse("MALFORMED_ID", f"{schema.label} ID: id value of incorrect type: {given}", "Id")
        else:
            wanted[one.record_id] = wanted.get(one.record_id, 0) + 1
    known = tables.by_id(schema, wanted)
    for one in pending:
        if one.record_id is None:
            continue
        if wanted[one.record_id] > 1:
            one.refuse("DUPLICATE_VALUE", f"Duplicate id specified: {one.record_id}", "Id")
        elif one.record_id not in known:
            one.refuse("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id")
        elif known[one.record_id]:
            one.refuse("ENTITY_IS_DELETED", "entity is deleted")
    return pending


def by_key(tables: Tables, schema: ObjectSchema, rows: Sequence[Row], key: FieldSchema) -> list[Pending]:
    """Rows that each change the record that has their external id, or make one."""
    pending = [Pending(row) for row in rows]
    named = _key_reader(key)
    keys: list[str | None] = [_key_of(one, named(one.row), key) for one in pending]
    fold = str.casefold if key.case_insensitive_key else str
    times: dict[str, int] = {}
    for found in keys:
        if found is not None:
            times[fold(found)] = times.get(fold(found), 0) + 1
    known = tables.by_key(schema, key, (found for found in keys if found is not None))
    for one, value in zip(pending, keys, strict=True):
        if value is None:
            continue
        if times[fold(value)] > 1:
            one.refuse("DUPLICATE_VALUE", f"Duplicate external id specified: {value}", key.name)
            continue
        matches = [
            record_id for record_id, stands in known.get(value.casefold(), ()) if fold(stands) == fold(value)
        ]
        if len(matches) > 1:
            listed = ", ".join(matches)
            message = f"more than one record found for external id field: [{listed}]"
            one.refuse("DUPLICATE_EXTERNAL_ID", message, key.name)
        elif matches:
            one.record_id = matches[0]
    return pending


def _key_of(one: Pending, given: object, key: FieldSchema) -> str | None:
    """The row's external id as the org would store it; a row without one is refused."""
    if _id_of(one.row):
        message = "cannot specify Id in an upsert call that names another external id"
        one.refuse("INVALID_FIELD_FOR_INSERT_UPDATE", message, "Id")
        return None
    if not isinstance(given, str):
        if given is None:
            one.refuse("MISSING_ARGUMENT", f"{key.name} not specified", key.name)
        return None  # of another type: its check refuses it
    found = clean_text(given)
    if found is None:
        one.refuse("MISSING_ARGUMENT", f"{key.name} not specified", key.name)
    return found


def _id_of(row: Row) -> str:
    given = row.get("Id") if "Id" in row else row.get("id")
    return given.strip(TRIMMED) if isinstance(given, str) else ""


def _key_reader(key: FieldSchema) -> Callable[[Row], object]:
    """Reads the key's value from a row, whatever the case of its name there."""
    lower = key.name.lower()

    def read(row: Row) -> object:
        if key.name in row:
            return row[key.name]
        return next((value for name, value in row.items() if name.lower() == lower), None)

    return read
