"""The org's permission sets, and whom they are assigned to, as records that clients may query.

What belongs here: keeping PermissionSet, ObjectPermissions, FieldPermissions and PermissionSetAssignment in step with
the sets' metadata. Not here: what a set says (`permissions`), what a user sees with it (`people`).
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

from claims_pipeline.sandbox.salesforce import standard
from claims_pipeline.sandbox.salesforce.people import User
from claims_pipeline.sandbox.salesforce.permissions import PermissionSet
from claims_pipeline.sandbox.salesforce.schema import ObjectSchema
from claims_pipeline.sandbox.salesforce.tables import Tables
from claims_pipeline.sandbox.salesforce.validation import Stored, instant

_OBJECTS = (
    standard.PERMISSION_SET,
    standard.PERMISSION_SET_ASSIGNMENT,
    standard.OBJECT_PERMISSIONS,
    standard.FIELD_PERMISSIONS,
)


class Grants:
    """The permission sets of one org. Every use holds the tables' lock."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self._sets: dict[str, PermissionSet] = {}
        for schema in _OBJECTS:
            tables.empty(schema)

    def named(self, name: str) -> str | None:
        """The id of the set of this name."""
        return next((key for key, found in self._sets.items() if found.name.lower() == name.lower()), None)

    def install(self, found: PermissionSet, user: User, now: datetime) -> str:
        """Add a set, or replace it as a whole; its id. Assignments stay."""
        stamps = _stamps(user, now)
        set_id = self.named(found.name)
        if set_id is None:
            set_id = self._insert(
                standard.PERMISSION_SET,
                {"Name": found.name, "Label": found.label, "Description": found.description} | stamps,
            )
        else:
            changes: list[Stored] = [found.label, found.description, set_id]
            self._tables.update(standard.PERMISSION_SET, ("Label", "Description"), [changes])
            for schema in (standard.OBJECT_PERMISSIONS, standard.FIELD_PERMISSIONS):
                self._tables.remove(schema, "ParentId", [set_id])
        self._sets[set_id] = found
        for name, rights in found.objects.items():
            self._insert(
                standard.OBJECT_PERMISSIONS,
                stamps
                | {
                    "ParentId": set_id,
                    "SobjectType": found.spelling[name],
                    "PermissionsRead": int(rights.read),
                    "PermissionsCreate": int(rights.create),
                    "PermissionsEdit": int(rights.edit),
                    "PermissionsDelete": int(rights.delete),
                    "PermissionsViewAllRecords": int(rights.view_all),
                    "PermissionsModifyAllRecords": int(rights.modify_all),
                },
            )
        for name, field in found.fields.items():
            self._insert(
                standard.FIELD_PERMISSIONS,
                stamps
                | {
                    "ParentId": set_id,
                    "SobjectType": found.spelling[name].partition(".")[0],
                    "Field": found.spelling[name],
                    "PermissionsRead": int(field.read),
                    "PermissionsEdit": int(field.edit),
                },
            )
        return set_id

    def assign(self, set_id: str, to: User, by: User, now: datetime) -> None:
        """Give a user a set, as an admin does in Setup."""
        self._insert(
            standard.PERMISSION_SET_ASSIGNMENT,
            {"PermissionSetId": set_id, "AssigneeId": to.id} | _stamps(by, now),
        )

    def is_assigned(self, set_id: str, user_id: str) -> bool:
        """Whether the user has the set already."""
        return set_id in self._ids_of(user_id)

    def assigned_to(self, user: User) -> Sequence[PermissionSet]:
        """The sets that a user has."""
        return [self._sets[key] for key in self._ids_of(user.id) if key in self._sets]

    def _ids_of(self, user_id: str) -> list[str]:
        query = 'SELECT "PermissionSetId" FROM "PermissionSetAssignment" WHERE "AssigneeId" = ?'
        return [row[0] for row in self._tables.connection.execute(query, [user_id])]

    def _insert(self, schema: ObjectSchema, values: Mapping[str, Stored]) -> str:
        record_id, _ = self._tables.next_identity(schema)
        row = {"Id": record_id, **values}
        names = [name for name in schema.fields if name in row]
        self._tables.insert(schema, names, [[row[name] for name in names]])
        return record_id


def _stamps(user: User, now: datetime) -> dict[str, Stored]:
    return {
        "CreatedDate": instant(now),
        "CreatedById": user.id,
        "LastModifiedDate": instant(now),
        "LastModifiedById": user.id,
        "SystemModstamp": instant(now),
    }
