"""The org: one Salesforce organisation in SQLite, with its users, its rules and its records.

What belongs here: the one object that every surface (REST, SOAP, SOQL, Bulk) stands on. Not here: HTTP, nor the rules
of one value (`validation`), nor how rows are written (`matching`, `writing`).

How records are kept. One table an object, named as it is, one column a stored field (formulas are worked out when
read): text, ids, picklists, dates (`2026-01-05`) and instants (`2026-01-05T17:04:00.000Z`) as TEXT, numbers as REAL,
checkboxes as 0 and 1; no value is NULL, text is never empty. Text compares as Salesforce compares it, without regard to
case, through the SQL function `fold(text)`; every external id, unique and name field has an index on `fold("Field")`,
lookups on the column itself. Deleted records stay, with `"IsDeleted" = 1`.
"""

import secrets
import sqlite3
import threading
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path

from claims_pipeline.errors import PermanentError
from claims_pipeline.sandbox.salesforce import matching, standard
from claims_pipeline.sandbox.salesforce.components import Components
from claims_pipeline.sandbox.salesforce.grants import Grants
from claims_pipeline.sandbox.salesforce.matching import Pending, Row
from claims_pipeline.sandbox.salesforce.passwords import Doorkeeper
from claims_pipeline.sandbox.salesforce.people import FieldAccess, FieldSecurity, User
from claims_pipeline.sandbox.salesforce.permissions import PermissionSet
from claims_pipeline.sandbox.salesforce.record_ids import full_id
from claims_pipeline.sandbox.salesforce.rows import RowError, RowResult, Wire
from claims_pipeline.sandbox.salesforce.schema import FieldSchema, FieldType, ObjectSchema, OrgSchema
from claims_pipeline.sandbox.salesforce.scripts import Scripts
from claims_pipeline.sandbox.salesforce.sessions import Sessions
from claims_pipeline.sandbox.salesforce.settings import OrgSettings
from claims_pipeline.sandbox.salesforce.standing_records import stand_up
from claims_pipeline.sandbox.salesforce.tables import Tables
from claims_pipeline.sandbox.salesforce.validation import Stored, instant
from claims_pipeline.sandbox.salesforce.writing import Writing, Written


class NoSuchObject(PermanentError):
    """An object that the org does not have, or that cannot be written."""


class NotAnExternalId(PermanentError):
    """A field that records cannot be matched by."""


class Org:
    """One organisation. All reading and writing goes through `connection`, held under `lock`."""

    def __init__(
        self,
        schema: OrgSchema,
        *,
        clock: Callable[[], datetime],
        settings: OrgSettings | None = None,
        database: Path | None = None,
        permission_sets: Sequence[PermissionSet] = (),
        new_secret: Callable[[], str] = secrets.token_urlsafe,
    ) -> None:
        self.schema = schema
        self.settings = settings or OrgSettings()
        self.now = clock
        self.tables = Tables(database, schema)
        self.connection: sqlite3.Connection = self.tables.connection
        self.lock: threading.RLock = self.tables.lock
        self.scripts = Scripts()
        self.written: list[Written] | None = None  # a list here is told of every record that is written
        self.grants = Grants(self.tables)
        self.field_security = FieldSecurity(self.grants.assigned_to)
        self.components = Components()
        self.sessions = Sessions(
            self.settings.organization_id,
            clock=clock,
            lifetime_seconds=self.settings.session_seconds,
            new_secret=new_secret,
        )
        self.doorkeeper = Doorkeeper(clock)
        self.api_requests_used = 0
        self.daily_api_requests = self.settings.daily_api_requests
        with self.lock:
            stand_up(self.tables, schema, self.settings, clock())
            self._give_out(permission_sets)

    def _give_out(self, permission_sets: Sequence[PermissionSet]) -> None:
        """The sets that the org has from the start, assigned as its settings say."""
        first = self.settings.users[0]
        for found in permission_sets:
            set_id = self.grants.install(found, first, self.now())
            for username in self.settings.assigned.get(found.name, ()):
                user = self.user(username)
                assert user is not None, f"{username} is no user of the org"
                self.grants.assign(set_id, user, first, self.now())

    def close(self) -> None:
        """Let go of the database."""
        self.tables.close()

    def user(self, username: str) -> User | None:
        """The user of this name, in any case."""
        wanted = username.strip().casefold()
        return next((found for found in self.settings.users if found.username.casefold() == wanted), None)

    def seen_by(self, user: User, object_name: str) -> ObjectSchema | None:
        """The object as this user sees it (hidden fields are missing); None if there is no such object for him."""
        found = self.schema.object(object_name)
        return None if found is None else self.field_security.seen_by(user, found)

    def insert(
        self,
        user: User,
        object_name: str,
        rows: Sequence[Row],
        *,
        wire: Wire = Wire.JSON,
        all_or_none: bool = False,
    ) -> list[RowResult]:
        """Create records in one transaction (at most ROWS_A_TRANSACTION rows); one result a row, in order."""
        with self.lock:
            writing = self._writing(user, object_name, wire)
            pending = matching.new_records(rows)
            if writing.whole is standard.PERMISSION_SET_ASSIGNMENT:
                self._refuse_second_assignments(pending)
            results = writing.save(pending, key=None, all_or_none=all_or_none)
            if not writing.whole.custom:
                self.field_security.forget()
            return results

    def _refuse_second_assignments(self, pending: Sequence[Pending]) -> None:
        for one in pending:
            set_id, user_id = (
                full_id(str(one.row.get(name, ""))) or "" for name in ("PermissionSetId", "AssigneeId")
            )
            if self.grants.is_assigned(set_id, user_id):
                message = "duplicate value found: <unknown> duplicates value on record with id: <unknown>"
                one.refuse("DUPLICATE_VALUE", message)

    def update(
        self,
        user: User,
        object_name: str,
        rows: Sequence[Row],
        *,
        wire: Wire = Wire.JSON,
        all_or_none: bool = False,
    ) -> list[RowResult]:
        """Change records by their `Id` (15 or 18 characters), in one transaction."""
        with self.lock:
            writing = self._writing(user, object_name, wire)
            pending = matching.by_id(self.tables, writing.whole, rows)
            return writing.save(pending, key=None, all_or_none=all_or_none)

    def upsert(
        self,
        user: User,
        object_name: str,
        key_field: str,
        rows: Sequence[Row],
        *,
        wire: Wire = Wire.JSON,
        all_or_none: bool = False,
    ) -> list[RowResult]:
        """Create or change records by an external id (or `Id`), in one transaction.

        The same key twice among the rows fails every row that has it; rows without a key get MISSING_ARGUMENT.
        Bulk hands over 200 rows at a time: empty cells left out, `#N/A` as None.
        """
        with self.lock:
            writing = self._writing(user, object_name, wire)
            key = self.key_field(user, object_name, key_field)
            if key.type is FieldType.ID:
                pending = matching.by_id(self.tables, writing.whole, rows, may_create=True)
                return writing.save(pending, key=None, all_or_none=all_or_none)
            pending = matching.by_key(self.tables, writing.whole, rows, key)
            return writing.save(pending, key=key, all_or_none=all_or_none)

    def delete(
        self, user: User, object_name: str, record_ids: Sequence[str], *, all_or_none: bool = False
    ) -> list[RowResult]:
        """Send records to the bin, in one transaction; lookups to them are cleared."""
        with self.lock:
            whole = self._writing(user, object_name, Wire.JSON).whole
            pending = matching.by_id(self.tables, whole, [{"Id": found} for found in record_ids])
            if all_or_none and any(one.errors for one in pending):
                for one in pending:
                    if not one.errors:
                        one.refuse("ALL_OR_NONE_OPERATION_ROLLED_BACK", "Record rolled back")
            self._bin(user, whole, [one.record_id for one in pending if one.record_id and not one.errors])
            return [_deleted(one) for one in pending]

    def _bin(self, user: User, whole: ObjectSchema, record_ids: Sequence[str]) -> None:
        if not whole.custom:
            self.tables.remove(whole, "Id", record_ids)
            self.field_security.forget()
            return
        now = instant(self.now())
        changes = ("IsDeleted", "LastModifiedDate", "LastModifiedById", "SystemModstamp")
        with self.tables.transaction():
            self.tables.update(whole, changes, [[1, now, user.id, now, found] for found in record_ids])
            for other in self.schema.objects.values():
                for found in other.fields.values():
                    if whole.name in found.reference_to and found.custom:
                        self.tables.clear_lookups(other, found, record_ids)

    def _writing(self, user: User, object_name: str, wire: Wire) -> Writing:
        whole = self.schema.object(object_name)
        seen = None if whole is None else self.field_security.seen_by(user, whole)
        if whole is None or seen is None or not (whole.custom or whole.createable):
            raise NoSuchObject(f"The org has no object {object_name!r} that can be written.")
        return Writing(
            org=self.schema,
            seen=seen,
            whole=whole,
            tables=self.tables,
            scripts=self.scripts,
            user=user,
            now=self.now(),
            wire=wire,
            written=self.written,
        )

    def key_field(self, user: User, object_name: str, name: str) -> FieldSchema:
        """The field that an upsert matches by: visible to the user, and an external id (or Id)."""
        seen = self.seen_by(user, object_name)
        found = None if seen is None else seen.field(name)
        if found is None or not (found.external_id or found.type is FieldType.ID):
            raise NotAnExternalId(f"{object_name} has no external id {name!r} that this user may see.")
        return found

    def set_access(self, user: User, object_name: str, field_name: str, access: FieldAccess) -> None:
        """Hide a field from a user, or let him only read it."""
        whole, found = self._find(object_name, field_name)
        self.field_security.set(user, whole, found.name, access)

    def install(self, changed: ObjectSchema) -> None:
        """Give the org this object, or these fields of it: as a deployment does."""
        with self.lock:
            self.tables.stand_up(changed)
            self.schema = self.schema.replacing(changed)

    def drop_field(self, object_name: str, field_name: str) -> None:
        """Take a field out of the org, as if it had never been installed."""
        with self.lock:
            whole, found = self._find(object_name, field_name)
            if found.stored:
                self.tables.clear_column(whole, found)
            self.schema = self.schema.replacing(whole.without([found.name]))

    def drop_object(self, object_name: str) -> None:
        """Take an object out of the org, with every lookup to it."""
        with self.lock:
            whole = self.schema.object(object_name)
            if whole is None:
                raise NoSuchObject(f"The org has no object {object_name!r}.")
            self.tables.empty(whole)
            self.schema = self.schema.without(whole.name)

    def records(self, object_name: str) -> list[dict[str, Stored]]:
        """Every record of an object, as stored."""
        with self.lock:
            whole = self.schema.object(object_name)
            if whole is None:
                raise NoSuchObject(f"The org has no object {object_name!r}.")
            return self.tables.records(whole)

    def _find(self, object_name: str, field_name: str) -> tuple[ObjectSchema, FieldSchema]:
        whole = self.schema.object(object_name)
        found = None if whole is None else whole.field(field_name)
        if whole is None or found is None:
            raise NoSuchObject(f"The org has no field {object_name}.{field_name}.")
        return whole, found


def guard_from_new_users(org: Org) -> None:
    """Every custom object and field is an older one: its admins see it, new users need a permission set."""
    old = [user for user in org.settings.users if user.modifies_all_data]
    for found in org.schema.objects.values():
        if found.custom:
            org.field_security.guard_object(found.name, open_to=old)
            org.field_security.guard(found.name, found.fields, open_to=old)


def _deleted(one: Pending) -> RowResult:
    if one.errors:
        return RowResult.refused(*one.errors, record_id=one.record_id)
    return RowResult(one.record_id, success=True)


__all__ = [
    "NoSuchObject",
    "NotAnExternalId",
    "Org",
    "Row",
    "RowError",
    "RowResult",
    "guard_from_new_users",
]
