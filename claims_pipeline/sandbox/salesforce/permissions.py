"""Permission sets: what each grants on objects and fields, as its metadata file says.

What belongs here: reading a `<PermissionSet>` into facts, and adding the grants of several up. Not here: whom they are
assigned to (the org's records), nor what an object looks like with them (`people`).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree

from claims_pipeline.sandbox.salesforce.metadata import OBJECTS_FOLDER, MetadataError, place_of

PERMISSION_SETS_FOLDER = OBJECTS_FOLDER.parent / "permissionsets"
"""Our permission sets in source format."""

_NAMESPACE = "{http://soap.sforce.com/2006/04/metadata}"


@dataclass(frozen=True)
class ObjectRights:
    """What may be done with the records of an object."""

    read: bool = False
    create: bool = False
    edit: bool = False
    delete: bool = False
    view_all: bool = False
    modify_all: bool = False

    def __or__(self, other: "ObjectRights") -> "ObjectRights":
        """What either grants."""
        return ObjectRights(
            self.read or other.read,
            self.create or other.create,
            self.edit or other.edit,
            self.delete or other.delete,
            self.view_all or other.view_all,
            self.modify_all or other.modify_all,
        )


@dataclass(frozen=True)
class FieldRights:
    """What may be done with a field."""

    read: bool = False
    edit: bool = False

    def __or__(self, other: "FieldRights") -> "FieldRights":
        """What either grants."""
        return FieldRights(self.read or other.read, self.edit or other.edit)


@dataclass(frozen=True)
class PermissionSet:
    """A permission set; objects by name, fields by `Object.Field`, both in small letters."""

    name: str
    label: str
    description: str | None = None
    objects: Mapping[str, ObjectRights] = field(default_factory=dict)
    fields: Mapping[str, FieldRights] = field(default_factory=dict)
    spelling: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Each of those names as the file spells it."""


def permission_set_of(name: str, root: ElementTree.Element) -> PermissionSet:
    """The facts of a `<PermissionSet>`."""
    objects: dict[str, ObjectRights] = {}
    fields: dict[str, FieldRights] = {}
    spelling: dict[str, str] = {}
    for node in root.iterfind(f"{_NAMESPACE}objectPermissions"):
        named = _text(node, "object")
        spelling[named.lower()] = named
        objects[named.lower()] = ObjectRights(
            read=_flag(node, "allowRead"),
            create=_flag(node, "allowCreate"),
            edit=_flag(node, "allowEdit"),
            delete=_flag(node, "allowDelete"),
            view_all=_flag(node, "viewAllRecords"),
            modify_all=_flag(node, "modifyAllRecords"),
        )
    for node in root.iterfind(f"{_NAMESPACE}fieldPermissions"):
        named = _text(node, "field")
        spelling[named.lower()] = named
        fields[named.lower()] = FieldRights(read=_flag(node, "readable"), edit=_flag(node, "editable"))
    return PermissionSet(
        name, _text(root, "label") or name, _text(root, "description") or None, objects, fields, spelling
    )


def read_permission_sets(folder: Path = PERMISSION_SETS_FOLDER) -> tuple[PermissionSet, ...]:
    """Every permission set of the folder, by name; none where there is no such folder."""
    found = []
    for path in sorted(place_of(folder).glob("*.permissionset-meta.xml")):
        try:
            root = ElementTree.parse(path).getroot()  # noqa: S314 - our own files, not a stranger's
        except ElementTree.ParseError as error:
            raise MetadataError(f"{path} is not well-formed XML ({error}).") from None
        found.append(permission_set_of(path.name.removesuffix(".permissionset-meta.xml"), root))
    return tuple(found)


def object_rights(sets: Iterable[PermissionSet], object_name: str) -> ObjectRights:
    """What these sets grant together on an object."""
    total = ObjectRights()
    for found in sets:
        total |= found.objects.get(object_name.lower(), ObjectRights())
    return total


def field_rights(sets: Iterable[PermissionSet], object_name: str, field_name: str) -> FieldRights:
    """What these sets grant together on a field."""
    total = FieldRights()
    for found in sets:
        total |= found.fields.get(f"{object_name}.{field_name}".lower(), FieldRights())
    return total


def _text(node: ElementTree.Element, tag: str) -> str:
    return (node.findtext(_NAMESPACE + tag) or "").strip()


def _flag(node: ElementTree.Element, tag: str) -> bool:
    return _text(node, tag) == "true"
