"""What the org says about an object: its fields, and what the signed-in user may do with them.

What belongs here: reading `describe`. Not here: what a sync needs of it (`preflight`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from claims_pipeline.clients.salesforce.connection import Connection
from claims_pipeline.clients.salesforce.refusals import ObjectMissing, RequestRefused, UnexpectedAnswer

NUMBER_TYPES = frozenset({"currency", "double", "percent", "int", "long"})
MONEY_TYPES = frozenset({"currency", "double"})


@dataclass(frozen=True)
class FieldDescription:
    """One field as this user sees it. `type` is Salesforce's own word: `string`, `currency`, `date`, ..."""

    name: str
    type: str
    length: int
    precision: int
    scale: int
    createable: bool
    updateable: bool
    nillable: bool
    defaulted: bool
    external_id: bool
    unique: bool
    case_sensitive: bool
    auto_number: bool
    reference_to: tuple[str, ...]
    choices: tuple[str, ...]
    restricted: bool
    permissionable: bool = True
    """Whether a permission set may name it: not where the org requires it on every record."""
    formula: str | None = None

    @property
    def writable(self) -> bool:
        """Whether an upsert may carry this field."""
        return self.createable and self.updateable


@dataclass(frozen=True)
class ObjectDescription:
    """One object, and the fields of it that this user sees. A field that the user may not see is not here."""

    name: str
    createable: bool
    updateable: bool
    fields: Mapping[str, FieldDescription]

    def type_of(self, field: str) -> str:
        """The field's type; `string` for one that is not seen."""
        found = self.fields.get(field)
        return found.type if found is not None else "string"


def describe(connection: Connection, sobject: str) -> ObjectDescription:
    """Asks the org. Raises ObjectMissing where it has no such object, or hides it from this user."""
    try:
        told = connection.call(f"describe {sobject}", "GET", f"sobjects/{sobject}/describe")
    except RequestRefused as refused:
        if refused.status == 404:
            raise ObjectMissing(
                f"Salesforce has no object {sobject}, or hides it from the integration user. Deploy the metadata in "
                "salesforce/ and assign the permission set Claim Integration."
            ) from None
        raise
    if not isinstance(told, dict) or not isinstance(told.get("fields"), list):
        raise UnexpectedAnswer(f"Salesforce's description of {sobject} lists no fields.")
    fields = [_field(entry) for entry in told["fields"]]
    return ObjectDescription(
        name=sobject,
        createable=bool(told.get("createable")),
        updateable=bool(told.get("updateable")),
        fields={field.name: field for field in fields},
    )


def _field(entry: Mapping[str, Any]) -> FieldDescription:
    return FieldDescription(
        name=str(entry["name"]),
        type=str(entry["type"]),
        length=int(entry.get("length") or 0),
        precision=int(entry.get("precision") or 0),
        scale=int(entry.get("scale") or 0),
        createable=bool(entry.get("createable")),
        updateable=bool(entry.get("updateable")),
        nillable=bool(entry.get("nillable")),
        defaulted=bool(entry.get("defaultedOnCreate")),
        external_id=bool(entry.get("externalId")),
        unique=bool(entry.get("unique")),
        case_sensitive=bool(entry.get("caseSensitive")),
        auto_number=bool(entry.get("autoNumber")),
        reference_to=tuple(entry.get("referenceTo") or ()),
        choices=tuple(
            choice["value"] for choice in entry.get("picklistValues") or () if choice.get("active")
        ),
        restricted=bool(entry.get("restrictedPicklist")),
        permissionable=bool(entry.get("permissionable", True)),
        formula=entry.get("calculatedFormula"),
    )
