"""Our SFDX project as it stands on disk: which file is which component.

What belongs here: finding the project and naming its components, each file in exactly one. Not here: metadata format
(`package`). A file that is no component that we know stops everything: it would be left out without a word.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from claims_pipeline.errors import PermanentError

_MAIN = PurePosixPath("force-app/main/default")
_META = "-meta.xml"
_PACKAGE_ROOT = Path(__file__).parents[3]
_PLACES = (_PACKAGE_ROOT.parent / "salesforce", _PACKAGE_ROOT / "salesforce_project")
"""In the repository, and in an installed package."""

PLAIN: Mapping[str, tuple[str, str]] = {
    "tabs": ("CustomTab", ".tab"),
    "layouts": ("Layout", ".layout"),
    "permissionsets": ("PermissionSet", ".permissionset"),
    "applications": ("CustomApplication", ".app"),
    "flexipages": ("FlexiPage", ".flexipage"),
    "customPermissions": ("CustomPermission", ".customPermission"),
    "globalValueSets": ("GlobalValueSet", ".globalValueSet"),
    "quickActions": ("QuickAction", ".quickAction"),
}
"""Folder -> type and suffix of the types of one XML file."""

DESCRIBED: Mapping[str, tuple[str, str]] = {
    "classes": ("ApexClass", ".cls"),
    "triggers": ("ApexTrigger", ".trigger"),
    "pages": ("ApexPage", ".page"),
    "components": ("ApexComponent", ".component"),
    "staticresources": ("StaticResource", ".resource"),
}
"""Folder -> type and suffix of the types of a file and its description."""

PARTS: Mapping[str, tuple[str, str, str]] = {
    "fields": ("CustomField", "fields", ".field"),
    "listViews": ("ListView", "listViews", ".listView"),
    "validationRules": ("ValidationRule", "validationRules", ".validationRule"),
    "webLinks": ("WebLink", "webLinks", ".webLink"),
    "compactLayouts": ("CompactLayout", "compactLayouts", ".compactLayout"),
    "fieldSets": ("FieldSet", "fieldSets", ".fieldSet"),
    "recordTypes": ("RecordType", "recordTypes", ".recordType"),
    "businessProcesses": ("BusinessProcess", "businessProcesses", ".businessProcess"),
    "sharingReasons": ("SharingReason", "sharingReasons", ".sharingReason"),
    "indexes": ("Index", "indexes", ".index"),
}
"""Folder below an object -> type, element of the object's file, and suffix."""


class SourceMissing(PermanentError):
    """There is no SFDX project to deploy."""


class SourceUnfit(PermanentError):
    """A file of the project is no component that we know, or cannot be read as one."""


@dataclass(frozen=True)
class SourceFile:
    """One file; `path` is seen from the project's folder."""

    path: str
    content: bytes


@dataclass(frozen=True)
class Component:
    """One component and its files: the XML first, then its content, where it has any.

    The name of an object's part is `Object.Part`.
    """

    type: str
    name: str
    files: tuple[SourceFile, ...]

    @property
    def xml(self) -> SourceFile:
        """The file that describes it."""
        return self.files[0]

    @property
    def object_name(self) -> str:
        """The object that it is, is a part of, or is laid out."""
        return self.name.partition("-" if self.type == "Layout" else ".")[0]


@dataclass(frozen=True)
class Project:
    """Every component of the project, by type and name."""

    folder: Path
    components: tuple[Component, ...]

    def of_type(self, *types: str) -> tuple[Component, ...]:
        """The components of these types."""
        return tuple(found for found in self.components if found.type in types)


def read_project(folder: Path | None = None) -> Project:
    """The project, from this folder, or from where our own stands. Raises SourceMissing, SourceUnfit."""
    places = _PLACES if folder is None else (folder,)
    found = next((place for place in places if (place / _MAIN).is_dir()), None)
    if found is None:
        raise SourceMissing(
            f"No SFDX project is in {' or '.join(map(str, places))}. Run the command in a checkout of the repository, "
            "or name its salesforce folder with --source."
        )
    files = {
        path.relative_to(found).as_posix(): path
        for path in sorted((found / _MAIN).rglob("*"))
        if path.is_file() and not path.name.startswith(".")
    }
    components = sorted(_components(files), key=lambda one: (one.type, one.name))
    taken = {file.path for one in components for file in one.files}
    if left := sorted(files.keys() - taken):
        raise SourceUnfit(
            f"{', '.join(left)}: no component that we know how to deploy. Add its type to "
            "claims_pipeline/clients/salesforce/metadata/source.py, or take the file out."
        )
    return Project(found, tuple(components))


def _components(files: Mapping[str, Path]) -> Iterator[Component]:
    for name in files:
        inner = PurePosixPath(name).relative_to(_MAIN)
        if not inner.name.endswith(_META):
            continue
        stem = inner.name.removesuffix(_META)
        folder = inner.parts[0]
        if folder == "objects":
            yield from _object_component(files, name, inner, stem)
        elif len(inner.parts) == 2 and folder in PLAIN and stem.endswith(PLAIN[folder][1]):
            type_name, suffix = PLAIN[folder]
            yield Component(type_name, stem.removesuffix(suffix), (_read(files, name),))
        elif len(inner.parts) == 2 and folder in DESCRIBED and stem.endswith(DESCRIBED[folder][1]):
            type_name, suffix = DESCRIBED[folder]
            short = stem.removesuffix(suffix)
            content = _content_of(files, name, short, type_name)
            yield Component(type_name, short, (_read(files, name), _read(files, content)))


def _object_component(
    files: Mapping[str, Path], name: str, inner: PurePosixPath, stem: str
) -> Iterator[Component]:
    """`objects/X/X.object-meta.xml`, or `objects/X/fields/Y.field-meta.xml` and the like."""
    object_name = inner.parts[1]
    if len(inner.parts) == 3 and stem == f"{object_name}.object":
        yield Component("CustomObject", object_name, (_read(files, name),))
    elif len(inner.parts) == 4 and (part := PARTS.get(inner.parts[2])) and stem.endswith(part[2]):
        yield Component(part[0], f"{object_name}.{stem.removesuffix(part[2])}", (_read(files, name),))


def _content_of(files: Mapping[str, Path], name: str, short: str, type_name: str) -> str:
    """The one file that a description describes. A static resource's may have any suffix."""
    beside = name.removesuffix(_META)
    if type_name != "StaticResource":
        found = [beside] if beside in files else []
    else:
        start = f"{name.rpartition('/')[0]}/{short}."
        found = [one for one in files if one.startswith(start) and one != name and not one.endswith(_META)]
    if len(found) != 1:
        raise SourceUnfit(f"{name} describes {len(found)} files, and should describe one.")
    return found[0]


def _read(files: Mapping[str, Path], name: str) -> SourceFile:
    return SourceFile(name, files[name].read_bytes())
