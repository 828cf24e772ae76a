"""Single records over REST: create, read, change and delete, by id and by external id.

What belongs here: `sobjects/{object}/...`. Not here: descriptions and queries (`rest`), many at once (`collections`).
"""

from collections.abc import Sequence
from dataclasses import replace
from urllib.parse import quote

from claims_pipeline.sandbox.salesforce.calls import Answer, ApiError, Call, Endpoint, not_found
from claims_pipeline.sandbox.salesforce.org import NotAnExternalId
from claims_pipeline.sandbox.salesforce.record_ids import full_id
from claims_pipeline.sandbox.salesforce.rows import RowError, RowResult
from claims_pipeline.sandbox.salesforce.schema import FieldSchema, FieldType, ObjectSchema
from claims_pipeline.sandbox.salesforce.soql import execute
from claims_pipeline.sandbox.salesforce.validation import clean_text
from claims_pipeline.sandbox.salesforce.versions import number_of

_UPSERT_SAYS_CREATED_FROM = 46
_IN_A_LIST = "[Source: N/A; line: -1, column: -1]"
_IN_A_BODY = "[line:1, column:2]"


def endpoints() -> list[Endpoint]:
    """The paths of single records."""
    by_id, by_key = "sobjects/{object}/{id}", "sobjects/{object}/{field}/{value}"
    return [
        Endpoint("POST", "sobjects/{object}", create),
        Endpoint("GET", by_id, read_by_id),
        Endpoint("PATCH", by_id, update),
        Endpoint("DELETE", by_id, delete_by_id),
        Endpoint("GET", by_key, read_by_key),
        Endpoint("PATCH", by_key, upsert),
        Endpoint("DELETE", by_key, delete_by_key),
    ]


def object_of(call: Call, *, to_write: bool = False) -> ObjectSchema:
    """The object that the path names, as the caller sees it."""
    found = call.org.seen_by(call.user, call.path["object"])
    if found is None:
        raise not_found()
    if to_write and not found.createable:
        message = f"insufficient access rights on object id: {found.name}"
        raise ApiError(400, "INSUFFICIENT_ACCESS_OR_READONLY", message)
    return found


def create(call: Call) -> Answer:
    """POST: 201 with the new id."""
    schema = object_of(call, to_write=True)
    (result,) = call.org.insert(call.user, schema.name, [_body(call)])
    _raise_if_refused(result)
    location = f"{call.root}/sobjects/{schema.name}/{result.id}"
    return Answer(201, {"id": result.id, "success": True, "errors": []}, {"Location": location})


def read_by_id(call: Call) -> Answer:
    """GET: the record with all fields that the caller sees, or those asked for."""
    schema = object_of(call)
    return _record(call, schema, _standing_id(call, schema))


def read_by_key(call: Call) -> Answer:
    """GET by external id; 300 with the records' paths where several have it."""
    schema, field = _object_and_key(call)
    return _record(call, schema, _one_of(call, schema, _matches(call, schema, field)))


def update(call: Call) -> Answer:
    """PATCH by id: 204."""
    schema = object_of(call, to_write=True)
    record_id = _standing_id(call, schema)
    body = _body(call)
    _refuse_in_body(body, "Id")
    (result,) = call.org.update(call.user, schema.name, [{**body, "Id": record_id}])
    _raise_if_refused(result)
    return Answer(204)


def upsert(call: Call) -> Answer:
    """PATCH by external id: 201 created; updated 200 with a body, or 204 without below API 46."""
    schema, field = _object_and_key(call, to_write=True)
    if field.type is FieldType.ID:
        return update(_with_id(call))
    body = _body(call)
    _refuse_in_body(body, "Id")
    _refuse_in_body(body, field.name)
    matches = _matches(call, schema, field)
    if len(matches) > 1:
        return _several(call, schema, matches)
    if not matches and call.query.get("updateOnly", "").lower() == "true":
        raise not_found()
    row = {**body, field.name: call.path["value"]}
    (result,) = call.org.upsert(call.user, schema.name, field.name, [row])
    _raise_if_refused(result)
    if not result.created and (number_of(call.version) or 0) < _UPSERT_SAYS_CREATED_FROM:
        return Answer(204)
    told: dict[str, object] = {"id": result.id, "success": True, "errors": [], "created": result.created}
    return Answer(201 if result.created else 200, told)


def delete_by_id(call: Call) -> Answer:
    """DELETE: 204; a second time 404."""
    schema = object_of(call, to_write=True)
    return _delete(call, schema, _standing_id(call, schema))


def delete_by_key(call: Call) -> Answer:
    """DELETE by external id: 204."""
    schema, field = _object_and_key(call, to_write=True)
    return _delete(call, schema, _one_of(call, schema, _matches(call, schema, field)))


def _delete(call: Call, schema: ObjectSchema, record_id: str) -> Answer:
    (result,) = call.org.delete(call.user, schema.name, [record_id])
    _raise_if_refused(result)
    return Answer(204)


def _with_id(call: Call) -> Call:
    return replace(call, path={"object": call.path["object"], "id": call.path["value"]})


def _record(call: Call, schema: ObjectSchema, record_id: str) -> Answer:
    asked = [name.strip() for name in call.query.get("fields", "").split(",") if name.strip()]
    listed = ", ".join(asked or schema.fields)
    found = execute(
        call.org,
        call.user,
        f"SELECT {listed} FROM {schema.name} WHERE Id = '{record_id}'",
        version=call.version,
    )
    records = found.page(0, 1)
    if not records:
        raise not_found()
    return Answer(200, records[0])


def _standing_id(call: Call, schema: ObjectSchema) -> str:
    """The full id of the path's record, which is there and not deleted."""
    given = call.path["id"]
    record_id = full_id(given)
    if record_id is None:
        message = f"Provided external ID field does not exist or is not accessible: {given}"
        raise ApiError(404, "NOT_FOUND", message)
    with call.org.lock:
        known = call.org.tables.by_id(schema, [record_id])
    if record_id not in known:
        raise not_found()
    if known[record_id]:
        raise ApiError(404, "ENTITY_IS_DELETED", "entity is deleted", [])
    return record_id


def _object_and_key(call: Call, *, to_write: bool = False) -> tuple[ObjectSchema, FieldSchema]:
    schema = object_of(call, to_write=to_write)
    try:
        return schema, call.org.key_field(call.user, schema.name, call.path["field"])
    except NotAnExternalId:
        message = f"Provided external ID field does not exist or is not accessible: {call.path['field']}"
        raise ApiError(404, "NOT_FOUND", message) from None


def _matches(call: Call, schema: ObjectSchema, field: FieldSchema) -> list[str]:
    """The ids of the records that have the path's external id."""
    value = clean_text(call.path["value"])
    if value is None:
        return []
    if field.type is FieldType.ID:
        return [_standing_id(_with_id(call), schema)]
    with call.org.lock:
        found = call.org.tables.by_key(schema, field, [value]).get(value.casefold(), [])
    return [record_id for record_id, key in found if field.case_insensitive_key or key == value]


def _one_of(call: Call, schema: ObjectSchema, matches: Sequence[str]) -> str:
    if not matches:
        raise not_found()
    if len(matches) > 1:
        raise SeveralRecords(_several(call, schema, matches))
    return matches[0]


class SeveralRecords(ApiError):
    """An external id that several records have: 300, with their paths."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(300, "DUPLICATE_EXTERNAL_ID", "")
        self._answer = answer

    def answer(self) -> Answer:
        """The list of paths."""
        return self._answer


def _several(call: Call, schema: ObjectSchema, matches: Sequence[str]) -> Answer:
    return Answer(300, [f"{call.root}/sobjects/{schema.name}/{quote(found)}" for found in matches])


def _body(call: Call) -> dict[str, object]:
    return {name: value for name, value in call.json_object().items() if name != "attributes"}


def _refuse_in_body(body: dict[str, object], name: str) -> None:
    """The record is named by the path: its id or key must not stand in the body as well."""
    if any(found.lower() == name.lower() for found in body):
        message = f"The {name} field should not be specified in the sobject data."
        raise ApiError(400, "INVALID_FIELD", message, [name])


def _raise_if_refused(result: RowResult) -> None:
    if not result.success:
        raise RowRefused(result.errors)


class RowRefused(ApiError):
    """A single record that the org did not take: 400 with every reason."""

    def __init__(self, errors: Sequence[RowError]) -> None:
        super().__init__(400, errors[0].code, errors[0].message)
        self._errors = errors

    def answer(self) -> Answer:
        """One entry a reason."""
        return Answer(
            400,
            [
                {
                    "message": error.message.replace(_IN_A_LIST, _IN_A_BODY),
                    "errorCode": error.code,
                    "fields": list(error.fields),
                }
                for error in self._errors
            ],
        )
