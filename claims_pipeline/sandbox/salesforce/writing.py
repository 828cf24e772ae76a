"""How matched rows become records: checked against the org, then written in one transaction.

What belongs here: the rules that need the other rows of a call or the org's records (duplicates, lookups, required
fields, rights), and their order. Not here: which record a row meets (`matching`), the rules of one value
(`validation`), scripted behaviour (`scripts`).
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from claims_pipeline.sandbox.salesforce.matching import Pending
from claims_pipeline.sandbox.salesforce.people import User
from claims_pipeline.sandbox.salesforce.rows import RowError, RowResult, Wire
from claims_pipeline.sandbox.salesforce.schema import FieldSchema, FieldType, ObjectSchema, OrgSchema
from claims_pipeline.sandbox.salesforce.scripts import Refusals, Scripts, Trigger
from claims_pipeline.sandbox.salesforce.tables import Tables
from claims_pipeline.sandbox.salesforce.validation import (
    Check,
    Stored,
    ValueRefused,
    check_for,
    instant,
)

_CHANGED = ("LastModifiedDate", "LastModifiedById", "SystemModstamp")
_ROLLED_BACK = RowError(
    "ALL_OR_NONE_OPERATION_ROLLED_BACK",
    "Record rolled back because not all records were valid and the request was using AllOrNone header",
)


@dataclass(frozen=True)
class Column:
    """What may be done with one field of a call, found out once."""

    field: FieldSchema | None
    check: Check | None  # None: it may not be written, and `error` says why
    error: RowError | None = None


@dataclass(frozen=True)
class Written:
    """One record as one call wrote it: by whom, and the values that were set."""

    object_name: str
    record_id: str
    created: bool
    user_id: str
    values: Mapping[str, Stored]


class Writing:
    """One call's write by one user into one object. `seen` is the object as that user sees it, `whole` as it is."""

    def __init__(
        self,
        *,
        org: OrgSchema,
        seen: ObjectSchema,
        whole: ObjectSchema,
        tables: Tables,
        scripts: Scripts,
        user: User,
        now: datetime,
        wire: Wire,
        written: list["Written"] | None = None,
    ) -> None:
        self.whole = whole
        self._written = written
        self._org, self._seen, self._tables = org, seen, tables
        self._triggers: tuple[Trigger, ...] = scripts.triggers_of(whole.name)
        self._refusals: Refusals = scripts.refusals_of(whole.name)
        self._user, self._now, self._wire = user, instant(now), wire
        self._columns: dict[tuple[str, bool], Column] = {}
        self._required = [found for found in whole.fields.values() if found.required and found.createable]
        self._key_names = ["Id"] + [
            found.name
            for found in whole.fields.values()
            if found.external_id or found.unique or found.type is FieldType.REFERENCE
        ]

    def save(
        self, pending: Sequence[Pending], *, key: FieldSchema | None, all_or_none: bool
    ) -> list[RowResult]:
        """Check every row that still stands, write those that pass, and answer for each, in order."""
        for one in pending:
            if not one.errors:
                self._check_values(one)
        self._check_lookups(pending)
        self._check_duplicates(pending, key)
        for one in pending:
            if not one.errors:
                self._run_scripts(one)
        if all_or_none and any(one.errors for one in pending):
            for one in pending:
                if not one.errors:
                    one.errors.append(_ROLLED_BACK)
        return self._write(pending)

    def _check_values(self, one: Pending) -> None:
        inserting = one.record_id is None
        refused_for_rights: list[str] = []
        columns, values = self._columns, one.values
        for name, value in one.row.items():
            column = columns.get((name, inserting)) or self._column(name, inserting)
            if column.check is None:
                if column.error is not None:
                    one.errors = [column.error]
                    return
                if column.field is not None:
                    refused_for_rights.append(column.field.name)
                continue
            assert column.field is not None
            try:
                values[column.field.name] = column.check(value)
            except ValueRefused as refused:
                one.errors.append(refused.error)
        if refused_for_rights:
            listed = ", ".join(refused_for_rights)
            message = (
                f"Unable to create/update fields: {listed}. Please check the security settings of this field and "
                "verify that it is read/write for your profile or permission set."
            )
            one.errors = [RowError("INVALID_FIELD_FOR_INSERT_UPDATE", message, tuple(refused_for_rights))]
        elif not one.errors:
            self._check_required(one, inserting)

    def _column(self, name: str, inserting: bool) -> Column:
        found = self._seen.field(name)
        if found is None:
            message = f"No such column '{name}' on sobject of type {self.whole.name}"
            column = Column(None, None, RowError("INVALID_FIELD", message))
            if name.lower() == "attributes":
                column = Column(None, None)
        elif found.type is FieldType.ID:
            column = Column(None, None)  # it says which record, and has been read
        elif not (found.createable if inserting else found.updateable):
            column = Column(found, None)
        else:
            column = Column(found, check_for(found, self._wire, self._org))
        self._columns[name, inserting] = column
        return column

    def _check_required(self, one: Pending, inserting: bool) -> None:
        missing = []
        for found in self._required:
            if inserting and found.default is not None:
                one.values.setdefault(found.name, _stored_default(found))
            blank = inserting if found.name not in one.values else one.values[found.name] is None
            if blank and found.type is not FieldType.BOOLEAN:
                missing.append(found.name)
        if missing:
            listed = ", ".join(missing)
            one.refuse("REQUIRED_FIELD_MISSING", f"Required fields are missing: [{listed}]", *missing)

    def _check_lookups(self, pending: Iterable[Pending]) -> None:
        """Every lookup must lead to a record that is there."""
        standing = [one for one in pending if not one.errors]
        for found in self.whole.fields.values():
            if found.type is not FieldType.REFERENCE or not found.updateable:
                continue
            rows = [(one, one.values.get(found.name)) for one in standing]
            wanted = {str(value) for _, value in rows if value is not None}
            if not wanted:
                continue
            known: dict[str, bool] = {}
            for name in found.reference_to:
                target = self._org.object(name)
                if target is not None:
                    known |= self._tables.by_id(target, wanted)
            for one, value in rows:
                if value is not None and known.get(str(value), True):
                    gone = str(value) in known
                    code = "ENTITY_IS_DELETED" if gone else "INVALID_CROSS_REFERENCE_KEY"
                    one.refuse(
                        code, "entity is deleted" if gone else "invalid cross reference id", found.name
                    )

    def _check_duplicates(self, pending: Iterable[Pending], key: FieldSchema | None) -> None:
        """A unique value must not stand in another record, nor come twice in the call."""
        standing = [one for one in pending if not one.errors]
        for found in self.whole.fields.values():
            if not found.unique or found is key or not found.createable:
                continue
            fold: Callable[[str], str] = str if found.case_sensitive else str.casefold
            rows = [(one, str(one.values[found.name])) for one in standing if one.values.get(found.name)]
            if not rows:
                continue
            known = self._tables.by_key(self.whole, found, (value for _, value in rows))
            taken: set[str] = set()
            for one, value in rows:
                others = [
                    record_id
                    for record_id, stands in known.get(value.casefold(), ())
                    if fold(stands) == fold(value) and record_id != one.record_id
                ]
                holder = others[0][:15] if others else "<unknown>"
                if others or fold(value) in taken:
                    name = found.name if others else "<unknown>"
                    message = f"duplicate value found: {name} duplicates value on record with id: {holder}"
                    one.refuse("DUPLICATE_VALUE", message)
                taken.add(fold(value))

    def _run_scripts(self, one: Pending) -> None:
        if self._refusals:
            keys = {name: one.values.get(name) for name in self._key_names} | {"Id": one.record_id}
            error = self._refusals.of(keys)
            if error is not None:
                one.errors.append(error)
                return
        for trigger in self._triggers:
            if trigger.field in one.values or one.record_id is None or trigger.rewrite == "set":
                one.values[trigger.field] = trigger(one.values.get(trigger.field))

    def _write(self, pending: Sequence[Pending]) -> list[RowResult]:
        results: list[RowResult] = []
        made: list[list[Stored]] = []
        changed: dict[tuple[str, ...], list[list[Stored]]] = {}
        stored = [found for found in self.whole.fields.values() if found.stored]
        defaults = [_stored_default(found) for found in stored]
        names = [found.name for found in stored]
        audit: list[Stored] = [self._now, self._user.id, self._now]
        for one in pending:
            if one.errors:
                results.append(RowResult.refused(*one.errors, record_id=one.record_id))
            elif one.record_id is None:
                record_id = self._complete(one)
                get = one.values.get
                made.append([get(name, default) for name, default in zip(names, defaults, strict=True)])
                results.append(RowResult(record_id, success=True, created=True))
            else:
                if one.values.get("Name", "") is None:
                    one.values["Name"] = one.record_id
                changed.setdefault(tuple(one.values), []).append(
                    [*one.values.values(), *audit, one.record_id]
                )
                results.append(RowResult(one.record_id, success=True))
        with self._tables.transaction():
            if made:
                self._tables.insert(self.whole, names, made)
            for columns, rows in changed.items():
                self._tables.update(self.whole, (*columns, *_CHANGED), rows)
        self._note(pending, results)
        return results

    def _note(self, pending: Sequence[Pending], results: Sequence[RowResult]) -> None:
        """Tell the org's write log of each record that was written, where one is kept."""
        if self._written is None:
            return
        for one, result in zip(pending, results, strict=True):
            if result.success and result.id is not None:
                values = dict(one.values)
                self._written.append(
                    Written(self.whole.name, result.id, result.created, self._user.id, values)
                )

    def _complete(self, one: Pending) -> str:
        """Give a new record its id, name, owner and stamps."""
        record_id, number = self._tables.next_identity(self.whole)
        values = one.values
        name = self.whole.name_field
        if name is not None and name.display_format is not None:
            values[name.name] = _auto_number(name.display_format, number)
        elif name is not None and values.get(name.name) is None:
            values[name.name] = record_id
        if values.get("OwnerId") is None:
            values["OwnerId"] = self._user.id
        values.update(
            Id=record_id,
            CreatedDate=self._now,
            CreatedById=self._user.id,
            LastModifiedDate=self._now,
            LastModifiedById=self._user.id,
            SystemModstamp=self._now,
        )
        return record_id


def _stored_default(found: FieldSchema) -> Stored:
    return int(found.default) if isinstance(found.default, bool) else found.default


def _auto_number(display_format: str, number: int) -> str:
    """`PM-{000000}` and 7 -> `PM-000007`."""
    head, _, rest = display_format.partition("{")
    digits, _, tail = rest.partition("}")
    return f"{head}{number:0{len(digits)}d}{tail}"
