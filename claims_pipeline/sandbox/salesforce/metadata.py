"""Our SFDX metadata (`salesforce/`), read into the org's schema: no field list is written twice.

What belongs here: reading objects and fields in source format. Not here: what the facts mean (`schema`), the
objects and fields that Salesforce brings itself (`standard`).
"""

from collections.abc import Sequence
from pathlib import Path
from typing import cast
from xml.etree import ElementTree

from claims_pipeline.errors import PermanentError
from claims_pipeline.sandbox.salesforce import standard
from claims_pipeline.sandbox.salesforce.schema import FieldSchema, FieldType, ObjectSchema, OrgSchema

OBJECTS_FOLDER = Path(__file__).parents[3] / "salesforce" / "force-app" / "main" / "default" / "objects"
"""Our objects in source format, as they stand in the repository."""

_INSTALLED = Path(__file__).parents[2] / "salesforce_project" / "force-app" / "main" / "default"
"""The same in an installed package, which has them beside its code."""


def place_of(folder: Path) -> Path:
    """A folder of `force-app/main/default`: where it is said to be, or else where an installed package has it."""
    return folder if folder.is_dir() else _INSTALLED / folder.name


THE_PREDECESSORS = ("Claim__c", "Claim_Payor__c")
"""The objects that a customer's org had before us."""

OUR_FIELDS = "Source_"
"""How the names of our fields on the predecessor's `Claim__c` begin."""

NAMESPACE = "{http://soap.sforce.com/2006/04/metadata}"


class MetadataError(PermanentError):
    """An object or field file in `salesforce/` cannot be read as source format."""


def read_schema(folder: Path = OBJECTS_FOLDER) -> OrgSchema:
    """The org that our metadata makes: its objects, the standard ones beside them, and every object's system fields."""
    return OrgSchema({found.name: found for found in (*standard.OBJECTS, *_our_objects(folder))})


def read_older_schema(folder: Path = OBJECTS_FOLDER) -> OrgSchema:
    """The predecessor's org: `Claim__c` and `Claim_Payor__c`, with no object and no field of ours."""
    theirs = [
        found.without([name for name in found.fields if name.startswith(OUR_FIELDS)])
        for found in _our_objects(folder)
        if found.name in THE_PREDECESSORS
    ]
    return OrgSchema({found.name: found for found in (*standard.OBJECTS, *theirs)})


def bare_schema() -> OrgSchema:
    """An org that has nothing but what Salesforce brings."""
    return OrgSchema({found.name: found for found in standard.OBJECTS})


def _our_objects(folder: Path) -> list[ObjectSchema]:
    files = sorted(place_of(folder).glob("*/*.object-meta.xml"))
    if not files:
        raise MetadataError(
            f"No *.object-meta.xml under {folder}; the sandbox's org is made from salesforce/."
        )
    return [_read_object(path, key_prefix(place)) for place, path in enumerate(files)]


def key_prefix(place: int) -> str:
    """The first three characters of the ids of an org's so manieth custom object."""
    return f"a{place:02d}"


def _read_object(path: Path, prefix: str) -> ObjectSchema:
    fields = sorted((path.parent / "fields").glob("*.field-meta.xml"))
    own = [field_of(parse(found), str(found)) for found in fields]
    return object_of(path.name.removesuffix(".object-meta.xml"), parse(path), own, prefix, str(path))


def object_of(
    name: str, root: ElementTree.Element, own: Sequence[FieldSchema], prefix: str, where: str
) -> ObjectSchema:
    """The object that a `<CustomObject>` and its fields make; `where` names it in errors."""
    fields = [*standard.LEADING_FIELDS, _name_field_of(root, where), *standard.TRAILING_FIELDS, *own]
    return ObjectSchema(
        name=name,
        label=_need(root, "label", where),
        label_plural=_need(root, "pluralLabel", where),
        key_prefix=prefix,
        fields={found.name: found for found in fields},
    )


def _name_field_of(root: ElementTree.Element, where: str) -> FieldSchema:
    """The record's name: text that a person may write, or a number that the org counts up."""
    node = root.find(f"{NAMESPACE}nameField")
    if node is None:
        raise MetadataError(f"{where} has no <nameField>.")
    auto = _text(node, "type") == "AutoNumber"
    return FieldSchema(
        name="Name",
        label=_need(node, "label", where),
        type=FieldType.STRING,
        length=30 if auto else 80,
        custom=False,
        createable=not auto,
        updateable=not auto,
        display_format=_need(node, "displayFormat", where) if auto else None,
        name_field=True,
    )


_TYPES: dict[str, FieldType] = {
    "Text": FieldType.STRING,
    "TextArea": FieldType.TEXT_AREA,
    "LongTextArea": FieldType.TEXT_AREA,
    "Picklist": FieldType.PICKLIST,
    "Lookup": FieldType.REFERENCE,
    "Checkbox": FieldType.BOOLEAN,
    "Number": FieldType.DOUBLE,
    "Currency": FieldType.CURRENCY,
    "Date": FieldType.DATE,
    "DateTime": FieldType.DATETIME,
    "Email": FieldType.EMAIL,
}
_LENGTHS: dict[FieldType, int] = {
    FieldType.PICKLIST: 255,
    FieldType.REFERENCE: 18,
    FieldType.TEXT_AREA: 255,
    FieldType.EMAIL: 80,
}
_FORMULA_TEXT_LENGTH = 1300  # what describe gives for a text formula


def field_of(root: ElementTree.Element, where: str) -> FieldSchema:
    """The field that a `<CustomField>` (or an object file's `<fields>`) makes; `where` names it in errors."""
    name = _need(root, "fullName", where)
    kind = _TYPES.get(_need(root, "type", where))
    if kind is None:
        raise MetadataError(f"{where}: the sandbox knows no field of type {_text(root, 'type')}.")
    formula = _text(root, "formula")
    length = int(_text(root, "length") or _LENGTHS.get(kind, 0))
    reference = _text(root, "referenceTo")
    writable = formula is None
    return FieldSchema(
        name=name,
        label=_need(root, "label", where),
        type=kind,
        length=_FORMULA_TEXT_LENGTH if formula and kind is FieldType.STRING else length,
        precision=int(_text(root, "precision") or 0),
        scale=int(_text(root, "scale") or 0),
        required=_flag(root, "required"),
        unique=_flag(root, "unique"),
        case_sensitive=_flag(root, "caseSensitive"),
        external_id=_flag(root, "externalId"),
        createable=writable,
        updateable=writable,
        formula=formula,
        default=_default(kind, _text(root, "defaultValue")),
        reference_to=(reference,) if reference else (),
        relationship=name.removesuffix("__c") + "__r" if reference else None,
        child_relationship=_child_relationship(_text(root, "relationshipName")),
        picklist=tuple(
            cast(str, node.text) for node in root.iterfind(f".//{NAMESPACE}value/{NAMESPACE}fullName")
        ),
        restricted_picklist=any(node.text == "true" for node in root.iterfind(f".//{NAMESPACE}restricted")),
        help_text=_text(root, "inlineHelpText"),
    )


def _child_relationship(name: str | None) -> str | None:
    return f"{name}__r" if name else None


def _default(kind: FieldType, text: str | None) -> str | bool | float | None:
    """A field's default; only plain values, no formulas, are used in our metadata."""
    if kind is FieldType.BOOLEAN:
        return text == "true"
    if text is None:
        return None
    return float(text) if kind in (FieldType.DOUBLE, FieldType.CURRENCY) else text.strip('"')


def parse(path: Path) -> ElementTree.Element:
    """The root of a file in source format; raises MetadataError where it is no XML."""
    try:
        return ElementTree.parse(path).getroot()  # noqa: S314 - our own files, not a stranger's
    except ElementTree.ParseError as error:
        raise MetadataError(f"{path} is not well-formed XML ({error}).") from None


def _text(node: ElementTree.Element, tag: str) -> str | None:
    return node.findtext(NAMESPACE + tag)


def _need(node: ElementTree.Element, tag: str, where: str) -> str:
    text = _text(node, tag)
    if not text:
        raise MetadataError(f"{where} has no <{tag}>.")
    return text


def _flag(node: ElementTree.Element, tag: str) -> bool:
    return _text(node, tag) == "true"
