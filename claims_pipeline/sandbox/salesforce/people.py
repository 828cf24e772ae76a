"""Who works in the org, and which fields each may see and write (field-level security).

What belongs here: users and their field access. Not here: their sessions (`sessions`), the org's own settings (`org`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

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


class FieldAccess(StrEnum):
    """What a user may do with a field."""

    EDIT = "edit"
    READ_ONLY = "readonly"
    HIDDEN = "hidden"


class FieldSecurity:
    """Field-level security per user: whatever is not named here may be edited.

    Unlike a fresh deployment, where nobody sees anything, everything is visible until a script says otherwise.
    """

    def __init__(self) -> None:
        self._access: dict[tuple[str, str, str], FieldAccess] = {}
        self._seen: dict[tuple[str, str], tuple[ObjectSchema, ObjectSchema]] = {}

    def set(self, user: User, schema: ObjectSchema, field: str, access: FieldAccess) -> None:
        """Give one user this access to one field."""
        self._access[user.id, schema.name.lower(), field.lower()] = access
        self._seen.clear()

    def seen_by(self, user: User, schema: ObjectSchema) -> ObjectSchema:
        """The object as this user sees it: without hidden fields, read-only ones neither createable nor updateable."""
        cached = self._seen.get((user.id, schema.name))
        if cached is not None and cached[0] is schema:
            return cached[1]
        seen = self._restricted(user, schema)
        self._seen[user.id, schema.name] = (schema, seen)
        return seen

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
