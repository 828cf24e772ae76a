"""Our fields and grants as facts, read from the source: what an org should have.

What belongs here: the facts. Not here: comparing them with an org (`differences`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from xml.etree import ElementTree

from claims_pipeline.clients.salesforce.metadata.blocks import cut
from claims_pipeline.clients.salesforce.metadata.source import Component, Project

_NAMESPACE = "{http://soap.sforce.com/2006/04/metadata}"
_INTEGRATION = "Integration"

_DESCRIBED_AS: Mapping[str, str] = {
    "AutoNumber": "string",
    "Checkbox": "boolean",
    "Currency": "currency",
    "Date": "date",
    "DateTime": "datetime",
    "Email": "email",
    "Html": "textarea",
    "LongTextArea": "textarea",
    "Lookup": "reference",
    "MasterDetail": "reference",
    "Number": "double",
    "Percent": "percent",
    "Phone": "phone",
    "Picklist": "picklist",
    "Text": "string",
    "TextArea": "textarea",
    "Url": "url",
}


@dataclass(frozen=True)
class FieldDefinition:
    """One field of ours. `type` is describe's word for it; 0 and empty: the source does not say."""

    object_name: str
    name: str
    type: str
    length: int = 0
    precision: int = 0
    scale: int = 0
    required: bool = False
    unique: bool = False
    external_id: bool = False
    case_sensitive: bool = False
    choices: tuple[str, ...] = ()
    restricted: bool = False
    reference_to: str = ""
    formula: str = ""

    @property
    def full_name(self) -> str:
        """`Object.Field`."""
        return f"{self.object_name}.{self.name}"


@dataclass(frozen=True)
class Grants:
    """What the integration user's permission set gives: `Object.Field` -> whether it may be written, too."""

    name: str
    fields: Mapping[str, bool] = field(default_factory=dict)
    objects: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Definitions:
    """Every object and field of ours, and what the integration user should be granted of them."""

    objects: tuple[str, ...]
    fields: tuple[FieldDefinition, ...]
    grants: Grants | None
    """None where the project has no permission set for the integration: then it should see everything."""

    def of(self, object_name: str) -> tuple[FieldDefinition, ...]:
        """The fields of an object."""
        return tuple(one for one in self.fields if one.object_name == object_name)


def definitions_of(project: Project) -> Definitions:
    """What the project defines."""
    objects = tuple(one.name for one in project.of_type("CustomObject"))
    fields = tuple(_field(one) for one in project.of_type("CustomField"))
    sets = [one for one in project.of_type("PermissionSet") if one.name.endswith(_INTEGRATION)]
    return Definitions(objects, fields, _grants(sets[0]) if sets else None)


def _field(one: Component) -> FieldDefinition:
    root = ElementTree.fromstring(one.xml.content)  # noqa: S314 - our own files, not a stranger's
    kind = _text(root, "type")
    described_as = _DESCRIBED_AS.get(kind, kind.lower())
    values = root.iterfind(f".//{_NAMESPACE}value/{_NAMESPACE}fullName")
    return FieldDefinition(
        object_name=one.object_name,
        name=_text(root, "fullName"),
        type=described_as,
        length=_number(root, "length"),
        precision=_number(root, "precision"),
        scale=_number(root, "scale"),
        required=_flag(root, "required"),
        unique=_flag(root, "unique"),
        external_id=_flag(root, "externalId"),
        case_sensitive=_flag(root, "caseSensitive"),
        choices=tuple(node.text or "" for node in values),
        restricted=any(node.text == "true" for node in root.iterfind(f".//{_NAMESPACE}restricted")),
        reference_to=_text(root, "referenceTo"),
        formula=_text(root, "formula"),
    )


def _grants(one: Component) -> Grants:
    blocks = cut(one.xml, "PermissionSet").blocks
    return Grants(
        one.name,
        {
            block.texts.get("field", ""): block.texts.get("editable") == "true"
            for block in blocks
            if block.tag == "fieldPermissions" and block.texts.get("readable") == "true"
        },
        frozenset(
            block.texts.get("object", "")
            for block in blocks
            if block.tag == "objectPermissions" and block.texts.get("allowRead") == "true"
        ),
    )


def _text(root: ElementTree.Element, name: str) -> str:
    return (root.findtext(_NAMESPACE + name) or "").strip()


def _number(root: ElementTree.Element, name: str) -> int:
    return int(_text(root, name) or 0)


def _flag(root: ElementTree.Element, name: str) -> bool:
    return _text(root, name) == "true"
