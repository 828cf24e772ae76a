"""sObject Collections: up to 200 records a call, one answer a record, in order.

What belongs here: `composite/sobjects...`. Not here: how rows are judged and written (`org`).
"""

from collections.abc import Callable, Mapping, Sequence
from typing import TypeGuard

from claims_pipeline.sandbox.salesforce.calls import Answer, ApiError, Call, Endpoint
from claims_pipeline.sandbox.salesforce.org import NotAnExternalId
from claims_pipeline.sandbox.salesforce.record_ids import full_id
from claims_pipeline.sandbox.salesforce.records import object_of
from claims_pipeline.sandbox.salesforce.rows import ROWS_A_TRANSACTION, RowError, RowResult
from claims_pipeline.sandbox.salesforce.soql import execute

Record = Mapping[str, object]
_ROLLED_BACK = RowError(
    "ALL_OR_NONE_OPERATION_ROLLED_BACK",
    "Record rolled back because not all records were valid and the request was using AllOrNone header",
)


def endpoints() -> list[Endpoint]:
    """The paths of collections."""
    return [
        Endpoint("POST", "composite/sobjects", insert),
        Endpoint("PATCH", "composite/sobjects", update),
        Endpoint("DELETE", "composite/sobjects", delete),
        Endpoint("PATCH", "composite/sobjects/{object}/{field}", upsert),
        Endpoint("GET", "composite/sobjects/{object}", retrieve),
        Endpoint("POST", "composite/sobjects/{object}", retrieve),
    ]


def insert(call: Call) -> Answer:
    """Create records, of one or several objects."""
    records, all_or_none = _records(call)
    return _by_object(
        call,
        records,
        all_or_none,
        lambda name, rows: call.org.insert(call.user, name, rows, all_or_none=all_or_none),
    )


def update(call: Call) -> Answer:
    """Change records by their ids."""
    records, all_or_none = _records(call)
    return _by_object(
        call,
        records,
        all_or_none,
        lambda name, rows: call.org.update(call.user, name, rows, all_or_none=all_or_none),
    )


def upsert(call: Call) -> Answer:
    """Create or change records of one object by an external id."""
    schema = object_of(call, to_write=True)
    try:
        key = call.org.key_field(call.user, schema.name, call.path["field"])
    except NotAnExternalId:
        message = f"Provided external ID field does not exist or is not accessible: {call.path['field']}"
        raise ApiError(404, "NOT_FOUND", message) from None
    records, all_or_none = _records(call)
    for record in records:
        named = _type_of(record)
        if named is None or named.lower() != schema.name.lower():
            message = (
                f"The SObject type {named or 'null'} does not match the one of the resource: {schema.name}"
            )
            raise ApiError(400, "INVALID_INPUT", message)
    results = call.org.upsert(call.user, schema.name, key.name, records, all_or_none=all_or_none)
    return Answer(200, [_row(result, upsert=True) for result in results])


def delete(call: Call) -> Answer:
    """Delete records; ids and allOrNone stand in the URL."""
    ids = [found.strip() for found in call.query.get("ids", "").split(",") if found.strip()]
    _refuse_too_many(len(ids))
    all_or_none = call.query.get("allOrNone", "").lower() == "true"
    records: list[Record] = []
    for found in ids:
        schema = call.org.schema.of_id(full_id(found) or "")
        records.append({"attributes": {"type": schema.name if schema else None}, "id": found})
    return _by_object(
        call,
        records,
        all_or_none,
        lambda name, rows: call.org.delete(
            call.user, name, [str(row["id"]) for row in rows], all_or_none=all_or_none
        ),
    )


def retrieve(call: Call) -> Answer:
    """Read records by their ids; null where there is none. The lists stand in the body (POST) or the URL (GET)."""
    schema = object_of(call)
    if call.method == "POST":
        body = call.json_object()
        ids, names = body.get("ids"), body.get("fields")
    else:
        ids, names = (call.query.get(name, "").split(",") for name in ("ids", "fields"))
    if not (_is_texts(ids) and _is_texts(names) and names):
        raise ApiError(400, "MISSING_ARGUMENT", "ids and fields have to be given as lists")
    full = [full_id(found.strip()) for found in ids]
    wanted = ", ".join(f"'{found}'" for found in full if found) or "'000000000000000AAA'"
    listed = ", ".join(dict.fromkeys(["Id", *(name.strip() for name in names)]))
    soql = f"SELECT {listed} FROM {schema.name} WHERE Id IN ({wanted})"
    found_records = execute(call.org, call.user, soql, version=call.version).records
    by_id = {record["Id"]: record for record in found_records}
    return Answer(200, [by_id.get(record_id) for record_id in full])


def _is_texts(found: object) -> TypeGuard[list[str]]:
    return isinstance(found, list) and all(isinstance(one, str) for one in found)


def _records(call: Call) -> tuple[list[Record], bool]:
    """The body's records and its allOrNone; more than 200 are refused as a whole."""
    body = call.json_object()
    records = body.get("records")
    if not isinstance(records, list) or not all(isinstance(found, dict) for found in records):
        raise ApiError(400, "JSON_PARSER_ERROR", "The body needs `records`, a list of objects")
    _refuse_too_many(len(records))
    return records, body.get("allOrNone") is True


def _refuse_too_many(number: int) -> None:
    if number > ROWS_A_TRANSACTION:
        message = f"Maximum number of records allowed is {ROWS_A_TRANSACTION}; {number} were sent"
        raise ApiError(400, "LIMIT_EXCEEDED", message)
    if number == 0:
        raise ApiError(400, "MISSING_ARGUMENT", "At least one record has to be given")


def _type_of(record: Record) -> str | None:
    attributes = record.get("attributes")
    named = attributes.get("type") if isinstance(attributes, dict) else None
    return named if isinstance(named, str) else None


def _by_object(
    call: Call,
    records: Sequence[Record],
    all_or_none: bool,
    write: Callable[[str, Sequence[Record]], list[RowResult]],
) -> Answer:
    """Write the records of each object together, and answer in the order sent."""
    places: dict[str, list[int]] = {}
    results: dict[int, RowResult] = {}
    for place, record in enumerate(records):
        named = _type_of(record)
        schema = call.org.seen_by(call.user, named) if named else None
        if schema is None or not schema.createable:
            error = RowError("INVALID_TYPE", f"sObject type '{named}' is not supported.")
            results[place] = RowResult.refused(error)
        else:
            places.setdefault(schema.name, []).append(place)
    try:
        with call.org.tables.transaction():
            for name, mine in places.items():
                written = write(name, [records[place] for place in mine])
                results.update(zip(mine, written, strict=True))
            if all_or_none and not all(result.success for result in results.values()):
                raise _RollBack
    except _RollBack:
        results = {
            place: RowResult.refused(_ROLLED_BACK) if result.success else result
            for place, result in results.items()
        }
    return Answer(200, [_row(results[place]) for place in range(len(records))])


class _RollBack(Exception):
    """Not all records of an allOrNone call were valid."""


def _row(result: RowResult, *, upsert: bool = False) -> dict[str, object]:
    """One record's answer; a refused one has no id."""
    row: dict[str, object] = {"success": result.success, "errors": [_error(error) for error in result.errors]}
    if result.success:
        row = {"id": result.id, **row}
    return row | {"created": result.created} if upsert else row


def _error(error: RowError) -> dict[str, object]:
    return {"statusCode": error.code, "message": error.message, "fields": list(error.fields)}
