"""What an org's objects and fields are: the facts that describe, validation, SOQL and storage share.

What belongs here: the facts of an object and of a field. Not here: where they are read from (`metadata` for ours,
`standard` for Salesforce's own), how describe prints them (`describe`), what a value must be (`validation`).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum


class FieldType(StrEnum):
    """The type of a field, in describe's word for it."""

    ID = "id"
    STRING = "string"
    TEXT_AREA = "textarea"
    PICKLIST = "picklist"
    REFERENCE = "reference"
    BOOLEAN = "boolean"
    INTEGER = "int"
    DOUBLE = "double"
    CURRENCY = "currency"
    DATE = "date"
    DATETIME = "datetime"
    EMAIL = "email"

    @property
    def column_type(self) -> str:
        """How SQLite keeps it: numbers as REAL, checkboxes as 0 and 1, all else as text."""
        if self in (FieldType.DOUBLE, FieldType.CURRENCY):
            return "REAL"
        return "INTEGER" if self in (FieldType.BOOLEAN, FieldType.INTEGER) else "TEXT"


@dataclass(frozen=True)
class FieldSchema:
    """One field. `length` counts UTF-16 units; `precision` and `scale` digits, as describe gives them."""

    name: str
    label: str
    type: FieldType
    length: int = 0
    precision: int = 0
    scale: int = 0
    required: bool = False
    unique: bool = False
    case_sensitive: bool = False
    external_id: bool = False
    custom: bool = True
    createable: bool = True
    updateable: bool = True
    formula: str | None = None  # not stored: worked out when it is read
    display_format: str | None = None  # an AutoNumber's
    default: str | bool | float | None = None
    reference_to: tuple[str, ...] = ()
    relationship: str | None = None  # the parent in SOQL, e.g. Claim_Payor__r
    child_relationship: str | None = None  # the children, seen from the parent, e.g. Claims
    picklist: tuple[str, ...] = ()
    restricted_picklist: bool = False
    name_field: bool = False
    help_text: str | None = None

    @property
    def stored(self) -> bool:
        """Whether the object's table has a column for it."""
        return self.formula is None

    @property
    def permissionable(self) -> bool:
        """Whether field-level security applies: never to a required field, nor to Salesforce's own."""
        return self.custom and not self.required

    @property
    def case_insensitive_key(self) -> bool:
        """Unique, and "ABC" counts as a duplicate of "abc"."""
        return self.unique and not self.case_sensitive


@dataclass(frozen=True)
class ObjectSchema:
    """One object; `fields` in describe's order. Names are matched whatever their letters' case, as Salesforce does."""

    name: str
    label: str
    label_plural: str
    key_prefix: str  # the first three characters of its records' ids
    fields: Mapping[str, FieldSchema]
    custom: bool = True
    createable: bool = True
    updateable: bool = True
    deletable: bool = True
    for_admins: bool = False  # part of the org's set-up, which other users do not see
    _names: dict[str, FieldSchema] = field(init=False, repr=False, compare=False, default_factory=dict)

    def __post_init__(self) -> None:
        self._names.update({name.lower(): found for name, found in self.fields.items()})

    def field(self, name: str) -> FieldSchema | None:
        """The field of this name."""
        return self._names.get(name.lower())

    def relationship(self, name: str) -> FieldSchema | None:
        """The lookup whose parent is called so in SOQL (`Claim_Payor__r`, `LastModifiedBy`)."""
        for found in self.fields.values():
            if found.relationship is not None and found.relationship.lower() == name.lower():
                return found
        return None

    @property
    def name_field(self) -> FieldSchema | None:
        """The record's name."""
        return next((found for found in self.fields.values() if found.name_field), None)

    def without(self, names: Iterable[str]) -> "ObjectSchema":
        """The object as an org has it that lacks these fields, and the formulas that speak of them."""
        gone = {name.lower() for name in names}
        kept = {
            found.name: found
            for found in self.fields.values()
            if found.name.lower() not in gone
            and not any(name in (found.formula or "").lower() for name in gone)
        }
        return replace(self, fields=kept)


@dataclass(frozen=True)
class OrgSchema:
    """Every object of an org, by name."""

    objects: Mapping[str, ObjectSchema]
    _names: dict[str, ObjectSchema] = field(init=False, repr=False, compare=False, default_factory=dict)

    def __post_init__(self) -> None:
        self._names.update({name.lower(): found for name, found in self.objects.items()})

    def object(self, name: str) -> ObjectSchema | None:
        """The object of this name, whatever its letters' case."""
        return self._names.get(name.lower())

    def of_id(self, record_id: str) -> ObjectSchema | None:
        """The object whose records' ids begin as this one does."""
        return next((found for found in self.objects.values() if found.key_prefix == record_id[:3]), None)

    def replacing(self, changed: ObjectSchema) -> "OrgSchema":
        """The same org with one object changed."""
        return OrgSchema({**self.objects, changed.name: changed})

    def without(self, name: str) -> "OrgSchema":
        """The org as it is without an object: every lookup to it goes too."""
        kept = {key: found for key, found in self.objects.items() if key.lower() != name.lower()}
        return OrgSchema(
            {
                key: found.without([f.name for f in found.fields.values() if name in f.reference_to])
                if any(name in f.reference_to for f in found.fields.values())
                else found
                for key, found in kept.items()
            }
        )
