"""Names in a query: which column of which table a field path is, for one user.

What belongs here: objects, fields, relationships (joined as they are named), formula fields, field-level security: a
field that the user may not see does not exist for him. Not here: conditions (`soql_filters`), the SELECT list
(`soql_compile`).
"""

from dataclasses import dataclass, replace
from datetime import date
from typing import Protocol

from claims_pipeline.sandbox.salesforce.formula import compile_formula
from claims_pipeline.sandbox.salesforce.formula_values import Kind, Moment, SqlValue
from claims_pipeline.sandbox.salesforce.people import User
from claims_pipeline.sandbox.salesforce.schema import FieldSchema, FieldType, ObjectSchema, OrgSchema
from claims_pipeline.sandbox.salesforce.soql_errors import SoqlError, refused_at
from claims_pipeline.sandbox.salesforce.soql_tree import FieldRef

TEXT_TYPES = frozenset({FieldType.STRING, FieldType.TEXT_AREA, FieldType.PICKLIST, FieldType.EMAIL})
ID_TYPES = frozenset({FieldType.ID, FieldType.REFERENCE})
NUMBER_TYPES = frozenset({FieldType.DOUBLE, FieldType.CURRENCY, FieldType.INTEGER})
LONGEST_FILTERABLE_TEXT = 255
_DEEPEST_PATH = 5
APPEND = (
    "If you are attempting to use a custom {0}, be sure to append the '__{1}' after the {2} name. "
    "Please reference your WSDL or the describe call for the appropriate names."
)
"""The advice that Salesforce gives with every name that it does not know."""


class Schemas(Protocol):
    """What a query needs of the org to understand names."""

    @property
    def schema(self) -> OrgSchema:
        """Every object with every field."""

    def seen_by(self, user: User, object_name: str) -> ObjectSchema | None:
        """The object as this user sees it."""


@dataclass(frozen=True)
class Value:
    """An SQL expression that holds a Salesforce value, and what Salesforce calls it."""

    sql: str
    type: FieldType
    name: str  # of the field, as the org spells it
    path: tuple[str, ...] = ()  # relationships up to it, as the org spells them
    length: int = 0

    @property
    def filterable(self) -> bool:
        """Long text can be read, but not filtered, sorted or grouped by."""
        return self.type is not FieldType.TEXT_AREA or self.length <= LONGEST_FILTERABLE_TEXT


@dataclass(frozen=True)
class _Table:
    alias: str
    schema: ObjectSchema
    path: tuple[str, ...]


class Scope:
    """The tables of one SELECT: its object, and every parent that a path goes over (a LEFT JOIN each)."""

    def __init__(
        self, org: Schemas, user: User, soql: str, source: str, at: int, moment: Moment, *, prefix: str = "t"
    ) -> None:
        self.org = org
        self.user = user
        self.soql = soql
        self.moment = moment
        self.today = date.fromisoformat(moment.today)
        self.prefix = prefix
        seen = org.seen_by(user, source)
        if seen is None:
            advice = APPEND.format("object", "c", "entity")
            raise self.refused("INVALID_TYPE", at, f"sObject type '{source}' is not supported. {advice}")
        self.object = seen
        self.root = _Table(f"{prefix}0", seen, ())
        self._tables: dict[tuple[str, ...], _Table] = {(): self.root}
        self._joins: list[str] = []

    def refused(self, code: str, at: int, reason: str) -> SoqlError:
        """The error at a place of the statement."""
        return refused_at(code, self.soql, at, reason)

    @property
    def sql(self) -> str:
        """The FROM clause, as far as names were resolved."""
        return " ".join([f'FROM "{self.object.name}" AS {self.root.alias}', *self._joins])

    def field(self, ref: FieldRef, alias: str | None = None) -> Value:
        """The field of a path; INVALID_FIELD where there is none that this user sees."""
        path = ref.path
        if len(path) > 1 and path[0].lower() in {self.object.name.lower(), (alias or "").lower()}:
            path = path[1:]
        if len(path) - 1 > _DEEPEST_PATH:
            raise self.refused(
                "MALFORMED_QUERY", ref.at, f"Relationships go up {_DEEPEST_PATH} levels at most."
            )
        table = self.root
        for name in path[:-1]:
            table = self._parent(table, name, ref)
        found = table.schema.field(path[-1])
        if found is None:
            raise self._no_column(path[-1], table.schema.name, ref.at)
        return self._value(table, found)

    def parent_ids(self, path: tuple[str, ...]) -> Value:
        """The Id of a parent that was joined already, by its path as the org spells it."""
        table = self._tables[tuple(name.lower() for name in path)]
        return Value(f'{table.alias}."Id"', FieldType.ID, "Id", table.path)

    def parent_type(self, path: tuple[str, ...]) -> str:
        """The object that a joined parent is of."""
        return self._tables[tuple(name.lower() for name in path)].schema.name

    def _no_column(self, name: str, entity: str, at: int) -> SoqlError:
        advice = APPEND.format("field", "c", "custom field")
        return self.refused("INVALID_FIELD", at, f"No such column '{name}' on entity '{entity}'. {advice}")

    def _parent(self, table: _Table, name: str, ref: FieldRef) -> _Table:
        lookup = table.schema.relationship(name)
        seen = None if lookup is None else self.org.seen_by(self.user, lookup.reference_to[0])
        if lookup is None or seen is None:
            advice = APPEND.format("relationship", "r", "custom relationship")
            reason = f"Didn't understand relationship '{name}' in field path. {advice}"
            raise self.refused("INVALID_FIELD", ref.at, reason)
        return self._join(table, lookup, seen)

    def _join(self, table: _Table, lookup: FieldSchema, schema: ObjectSchema) -> _Table:
        path = (*table.path, lookup.relationship or lookup.name)
        key = tuple(name.lower() for name in path)
        joined = self._tables.get(key)
        if joined is None:
            joined = _Table(f"{self.prefix}{len(self._tables)}", schema, path)
            self._tables[key] = joined
            on = f'{joined.alias}."Id" = {table.alias}."{lookup.name}"'
            self._joins.append(f'LEFT JOIN "{schema.name}" AS {joined.alias} ON {on}')
        return joined

    def _value(self, table: _Table, found: FieldSchema) -> Value:
        value = Value(f'{table.alias}."{found.name}"', found.type, found.name, table.path, found.length)
        if found.formula is None:
            return value
        return replace(value, sql=_as_stored(self._formula(table, found.formula), found.type))

    def _formula(self, table: _Table, formula: str) -> SqlValue:
        """A formula sees every field, whatever the user may see."""

        def resolve(path: tuple[str, ...]) -> SqlValue:
            at, schema = table, self._whole(table.schema.name)
            for name in path[:-1]:
                lookup = schema.relationship(name)
                if lookup is None:
                    raise _not_in_formula(path)
                schema = self._whole(lookup.reference_to[0])
                at = self._join(at, lookup, schema)
            found = schema.field(path[-1])
            if found is None:
                raise _not_in_formula(path)
            if found.formula is not None:
                return SqlValue(self._formula(at, found.formula).sql, _kind(found.type))
            return SqlValue(f'{at.alias}."{found.name}"', _kind(found.type))

        return compile_formula(formula, resolve, self.moment)

    def _whole(self, name: str) -> ObjectSchema:
        found = self.org.schema.object(name)
        assert found is not None, f"{name} is not in the org's schema"
        return found


def _not_in_formula(path: tuple[str, ...]) -> SoqlError:
    return SoqlError("INVALID_FIELD", f"A formula speaks of {'.'.join(path)}, which the org does not have.")


def _kind(type_: FieldType) -> Kind:
    if type_ in NUMBER_TYPES:
        return Kind.NUMBER
    named = {FieldType.DATE: Kind.DATE, FieldType.DATETIME: Kind.DATETIME, FieldType.BOOLEAN: Kind.BOOLEAN}
    return named.get(type_, Kind.TEXT)


def _as_stored(value: SqlValue, type_: FieldType) -> str:
    """A formula's value in the form in which the org keeps stored ones: an empty text is null."""
    if type_ in TEXT_TYPES:
        return f"nullif({value.sql}, '')"
    return f"({value.sql})"
