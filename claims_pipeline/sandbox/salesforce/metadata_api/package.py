"""A deployed zip, read: the manifest and the files beside it, and where the two do not agree.

What belongs here: what can be told without looking at the org. Not here: whether a component fits the org (`judging`).
"""

import io
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from claims_pipeline.sandbox.salesforce.metadata_api.kinds import BY_FOLDER, PARTS, TYPE_NAMES
from claims_pipeline.sandbox.salesforce.metadata_api.messages import PACKAGE_FILE, Message
from claims_pipeline.sandbox.salesforce.metadata_api.placed import NotWellFormed, Placed, children, parse
from claims_pipeline.sandbox.salesforce.metadata_api.shapes import shapes

MOST_FILES = 10_000
MOST_BYTES = 400 * 1024 * 1024
_META = "-meta.xml"


class PackageRefused(Exception):
    """A zip that cannot be taken at all."""

    def __init__(self, code: str, words: str) -> None:
        super().__init__(code)
        self.code, self.words = code, words


@dataclass(frozen=True)
class Component:
    """One component of the zip. `node` is its XML; `content` is its other file, where its type has two."""

    type: str
    name: str
    file: str
    node: Placed
    content: bytes = b""
    parts: tuple["Component", ...] = ()

    @property
    def listed(self) -> Iterator["Component"]:
        """The component and its parts."""
        yield self
        yield from self.parts


@dataclass
class Package:
    """Everything that a zip names and holds; `problems` are those that the zip alone tells."""

    members: dict[str, set[str]] = field(default_factory=dict)
    components: list[Component] = field(default_factory=list)
    problems: list[Message] = field(default_factory=list)

    @property
    def wanted(self) -> list[Component]:
        """What the manifest asks for: the components that it names, and every part of those objects."""
        return [
            one
            for component in self.components
            for one in component.listed
            if self.names(component) or self.names(one)
        ]

    def names(self, component: Component) -> bool:
        """Whether the manifest asks for this component itself (an object's parts stand for themselves)."""
        return is_named(self.members, component)


@dataclass(frozen=True)
class Leniency:
    """The options of a deployment that bear on manifest and files."""

    allow_missing_files: bool = False
    auto_update_package: bool = False


def read_package(content: bytes, leniency: Leniency) -> Package:
    """The package of a zip. Raises PackageRefused for what is no zip, or too large a one."""
    files = _unzipped(content)
    package = Package()
    manifest = files.pop(PACKAGE_FILE, None)
    if manifest is None:
        package.problems.append(Message("", PACKAGE_FILE, "", "No package.xml found"))
        return package
    _read_manifest(manifest, package)
    _read_components(files, package)
    _compare(package, leniency)
    return package


def _unzipped(content: bytes) -> dict[str, bytes]:
    """Path -> bytes, seen from the folder that package.xml stands in: the root, or the one folder that there is."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as opened:
            entries = [found for found in opened.infolist() if not found.is_dir()]
            if len(entries) > MOST_FILES:
                raise PackageRefused(
                    "LIMIT_EXCEEDED",
                    f"Maximum number of files in a zip is {MOST_FILES}; {len(entries)} were sent",
                )
            if sum(found.file_size for found in entries) > MOST_BYTES:
                raise PackageRefused("LIMIT_EXCEEDED", "The unzipped files are larger than 400 MB")
            files = {found.filename: opened.read(found) for found in entries}
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError):
        raise PackageRefused("INVALID_OPERATION", "The zip file cannot be read") from None
    folders = {name.partition("/")[0] for name in files}
    if PACKAGE_FILE not in files and len(folders) == 1:
        (folder,) = folders
        return {name.removeprefix(f"{folder}/"): found for name, found in files.items()}
    return files


def _read_manifest(content: bytes, package: Package) -> None:
    root = _read_xml(content, "Package", "", PACKAGE_FILE, "", package.problems)
    for types in [] if root is None else children(root):
        if types.name != "types":
            continue
        name = types.said("name")
        if name not in TYPE_NAMES:
            problem = f"Unknown type name '{name}' specified in package.xml"
            package.problems.append(
                Message("", PACKAGE_FILE, name, problem, line=types.line, column=types.column)
            )
            continue
        found = {(node.text or "").strip() for node in children(types) if node.name == "members"}
        package.members.setdefault(name, set()).update(found)


def _read_components(files: Mapping[str, bytes], package: Package) -> None:
    for path in sorted(files):
        folder, _, name = path.partition("/")
        kind = BY_FOLDER.get(folder)
        if path.endswith(_META) and path.removesuffix(_META) in files:
            continue
        if kind is None or not name.endswith(kind.suffix):
            package.problems.append(Message("", path, name, "Not in package.xml"))
            continue
        full_name = name.removesuffix(kind.suffix)
        described = files.get(path + _META) if kind.described else files[path]
        if described is None:
            continue  # half a component: the manifest's member is told as not found
        xml_file = path + _META if kind.described else path
        node = _read_xml(described, kind.name, kind.name, xml_file, full_name, package.problems)
        if node is None:
            package.components.append(_unreadable(kind.name, full_name, path))
            continue
        parts = tuple(_parts(node, full_name, path)) if kind.name == "CustomObject" else ()
        content = files[path] if kind.described else b""
        package.components.append(Component(kind.name, full_name, path, node, content, parts))


UNREADABLE = Placed("unreadable")
"""Stands for the XML of a file that could not be read; its problem has been told."""


def _unreadable(type_name: str, full_name: str, path: str) -> Component:
    return Component(type_name, full_name, path, UNREADABLE)


def _parts(node: Placed, object_name: str, path: str) -> Iterator[Component]:
    for child in children(node):
        if child.name in PARTS:
            yield Component(PARTS[child.name], f"{object_name}.{child.said('fullName')}", path, child)


def _read_xml(
    content: bytes, type_name: str, told_type: str, file: str, full_name: str, problems: list[Message]
) -> Placed | None:
    """The file's root, if it is well-formed and of the type's shape; else the problem is told."""
    try:
        root = parse(content)
    except NotWellFormed as error:
        problem = f"Error parsing file: {error.problem}"
        problems.append(Message(told_type, file, full_name, problem, error.line, error.column))
        return None
    if root.name != type_name:
        problem = f"Error parsing file: Element {root.tag} is not the root of a {type_name}"
        problems.append(Message(told_type, file, full_name, problem, root.line, root.column))
        return None
    if shapes().knows(type_name) and (found := shapes().problem(root, type_name)) is not None:
        problem = f"Error parsing file: {found.words}"
        problems.append(Message(told_type, file, full_name, problem, found.line, found.column))
        return None
    return root


def is_named(members: Mapping[str, set[str]], component: Component) -> bool:
    """Whether the manifest names the component, or all of its type."""
    mine = members.get(component.type, set())
    return component.name in mine or "*" in mine


def _compare(package: Package, leniency: Leniency) -> None:
    """Tell what the manifest names and the zip lacks, and the other way round."""
    there: dict[str, set[str]] = {}
    for component in package.components:
        for found in component.listed:
            there.setdefault(found.type, set()).add(found.name)
        if component.node is UNREADABLE and component.type == "CustomObject":
            _excuse_parts(component.name, package.members, there)
    for type_name, members in package.members.items():
        for name in sorted(members - there.get(type_name, set()) - {"*"}):
            problem = (
                f"An object '{name}' of type {type_name} was named in package.xml, but was not found in zipped "
                "directory"
            )
            package.problems.append(
                Message("", PACKAGE_FILE, name, problem, warning=leniency.allow_missing_files)
            )
    if leniency.auto_update_package:
        for type_name, names in there.items():
            package.members.setdefault(type_name, set()).update(names)
    package.problems.extend(_not_named(package.components, package.members))


def _excuse_parts(object_name: str, members: Mapping[str, set[str]], there: dict[str, set[str]]) -> None:
    """An object's file that cannot be read tells one problem, not one a part."""
    for type_name in PARTS.values():
        mine = {name for name in members.get(type_name, ()) if name.startswith(f"{object_name}.")}
        there.setdefault(type_name, set()).update(mine)


def _not_named(components: Sequence[Component], members: Mapping[str, set[str]]) -> Iterator[Message]:
    """A file is wanted if it is named; an object's file also if any part of it is, and then each part must be."""
    for component in components:
        if is_named(members, component):
            continue
        if not any(is_named(members, part) for part in component.parts):
            yield Message(component.type, component.file, component.name, "Not in package.xml")
            continue
        for part in component.parts:
            if not is_named(members, part):
                place = part.node.line, part.node.column
                yield Message(part.type, part.file, part.name, "Not in package.xml", *place)
