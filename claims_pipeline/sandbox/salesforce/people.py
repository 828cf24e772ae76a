"""Who works in the org, and which fields each may see and write (field-level security).

What belongs here: users and their field access. Not here: their sessions (`sessions`), the org's own settings (`org`).
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from claims_pipeline.sandbox.salesforce.permissions import PermissionSet, field_rights, object_rights
from claims_pipeline.sandbox.salesforce.schema import ObjectSchema


@dataclass(frozen=True)
class User:
    """A person or an integration. The password is compared as it stands; this is no place for a real one."""

    id: str
    username: str
    password: str
    security_token: str
    first_name: str
    last_name: str
    email: str
    profile_id: str
    profile_name: str
    password_expired: bool = False
    active: bool = True

    @property
    def name(self) -> str:
        """First and last name, as Salesforce shows them."""
        return f"{self.first_name} {self.last_name}".strip()

    @property
    def modifies_all_data(self) -> bool:
        """Whether his profile lets him see and change every record, assign permission sets and deploy."""
        return self.profile_name == "System Administrator"


class FieldAccess(StrEnum):
    """What a user may do with a field."""

    EDIT = "edit"
    READ_ONLY = "readonly"
    HIDDEN = "hidden"


class FieldSecurity:
    """Who sees what of the org's objects.

    Standing objects and fields are open to everybody until a script says otherwise. Guarded ones, as everything that
    a deployment brings, are seen by those alone whose assigned permission sets grant them. Who may modify all data
    sees every object, guarded ones too, but no guarded field. Required fields and those of Salesforce's own cannot be
    guarded.
    """

    def __init__(self, assigned_to: Callable[[User], Sequence[PermissionSet]]) -> None:
        self._assigned_to = assigned_to
        self._access: dict[tuple[str, str, str], FieldAccess] = {}
        self._guarded: dict[tuple[str, str], frozenset[str]] = {}
        self._seen: dict[tuple[str, str], tuple[ObjectSchema, ObjectSchema | None]] = {}

    def set(self, user: User, schema: ObjectSchema, field: str, access: FieldAccess) -> None:
        """Give one user this access to one field."""
        self._access[user.id, schema.name.lower(), field.lower()] = access
        self.forget()

    def guard(self, object_name: str, fields: Iterable[str], *, open_to: Iterable[User] = ()) -> None:
        """Show these fields to those alone to whom a permission set grants them, and to `open_to`."""
        free = frozenset(user.id for user in open_to)
        for name in fields:
            self._guarded[object_name.lower(), name.lower()] = free
        self.forget()

    def guard_object(self, object_name: str, *, open_to: Iterable[User] = ()) -> None:
        """Show this object to those alone to whom a permission set grants it, and to `open_to`."""
        self._guarded[object_name.lower(), ""] = frozenset(user.id for user in open_to)
        self.forget()

    def forget(self) -> None:
        """An assignment or a permission set changed: look again."""
        self._seen.clear()

    def seen_by(self, user: User, schema: ObjectSchema) -> ObjectSchema | None:
        """The object as this user sees it: without hidden fields, read-only ones neither createable nor updateable.

        None if it is hidden from him.
        """
        cached = self._seen.get((user.id, schema.name))
        if cached is not None and cached[0] is schema:
            return cached[1]
        granted = self._granted(user, schema)
        seen = None if granted is None else self._restricted(user, granted)
        self._seen[user.id, schema.name] = (schema, seen)
        return seen

    def _granted(self, user: User, schema: ObjectSchema) -> ObjectSchema | None:
        """The object as the user's permission sets show it."""
        name = schema.name.lower()
        if schema.for_admins and not user.modifies_all_data:
            return None
        if not any(key[0] == name for key in self._guarded):
            return schema
        sets = self._assigned_to(user)
        if self._is_guarded(user, name, "") and not user.modifies_all_data:
            rights = object_rights(sets, name)
            if not rights.read:
                return None
            schema = replace(
                schema, createable=rights.create, updateable=rights.edit, deletable=rights.delete
            )
        fields = {}
        for found in schema.fields.values():
            if found.permissionable and self._is_guarded(user, name, found.name.lower()):
                mine = field_rights(sets, name, found.name)
                if not mine.read:
                    continue
                if not mine.edit:
                    found = replace(found, createable=False, updateable=False)
            fields[found.name] = found
        return replace(schema, fields=fields)

    def _is_guarded(self, user: User, object_name: str, field_name: str) -> bool:
        free = self._guarded.get((object_name, field_name))
        return free is not None and user.id not in free

    def _restricted(self, user: User, schema: ObjectSchema) -> ObjectSchema:
        mine: Mapping[str, FieldAccess] = {
            field: access
            for (user_id, name, field), access in self._access.items()
            if user_id == user.id and name == schema.name.lower()
        }
        if not mine:
            return schema
        fields = {
            found.name: replace(found, createable=False, updateable=False)
            if mine.get(found.name.lower()) is FieldAccess.READ_ONLY
            else found
            for found in schema.fields.values()
            if mine.get(found.name.lower()) is not FieldAccess.HIDDEN
        }
        return replace(schema, fields=fields)
