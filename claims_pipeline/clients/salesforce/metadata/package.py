"""Our components in metadata format: the files, package.xml and the zip, the same bytes for the same source.

What belongs here: packing. Not here: which components (`scope`), sending (`client`).
"""

import io
import re
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from claims_pipeline.clients.salesforce.metadata import scope
from claims_pipeline.clients.salesforce.metadata.blocks import Block, Joined, as_block, cut, join, whole
from claims_pipeline.clients.salesforce.metadata.scope import Part, Standing
from claims_pipeline.clients.salesforce.metadata.source import (
    DESCRIBED,
    PARTS,
    PLAIN,
    Component,
    Project,
    SourceFile,
    SourceUnfit,
)

API_VERSION = "66.0"
"""Of the package, and of the Metadata API's address, whatever version data is spoken in."""

PACKAGE_FILE = "package.xml"
_FOLDERS = {type_name: (folder, suffix) for folder, (type_name, suffix) in {**PLAIN, **DESCRIBED}.items()}
_ELEMENTS = {type_name: element for type_name, element, _ in PARTS.values()}
_ORDER = list(_ELEMENTS.values())
_IS_TEST = re.compile(rb"^\s*@istest\b", re.IGNORECASE | re.MULTILINE)
_COMMENT = re.compile(rb"//[^\n]*|/\*.*?\*/", re.DOTALL)
_A_ZIPS_FIRST_DAY = (1980, 1, 1, 0, 0, 0)
_UNIX = 3


@dataclass(frozen=True)
class MetadataPackage:
    """Everything of one deployment. `files` holds package.xml too; `left_out` says what stays behind, and why."""

    files: Mapping[str, Joined]
    components: tuple[Component, ...]
    left_out: tuple[str, ...]

    @property
    def test_classes(self) -> tuple[str, ...]:
        """Our Apex test classes in it."""
        classes = [one for one in self.components if one.type == "ApexClass"]
        return tuple(one.name for one in classes if is_test_class(one.files[1].content))

    @property
    def has_apex(self) -> bool:
        """Whether Apex goes with it, so that tests must run."""
        return any(one.type in ("ApexClass", "ApexTrigger") for one in self.components)

    @property
    def permission_sets(self) -> tuple[str, ...]:
        """The names of its permission sets."""
        return tuple(one.name for one in self.components if one.type == "PermissionSet")

    def zipped(self) -> bytes:
        """The zip: sorted, undated, not compressed (compressors differ), without entries for folders."""
        held = io.BytesIO()
        with zipfile.ZipFile(held, "w", zipfile.ZIP_STORED) as opened:
            for name in sorted(self.files):
                entry = zipfile.ZipInfo(name, date_time=_A_ZIPS_FIRST_DAY)
                entry.create_system, entry.external_attr = _UNIX, 0o644 << 16
                opened.writestr(entry, self.files[name].content)
        return held.getvalue()

    def origin(self, file: str, line: int) -> tuple[str, int] | None:
        """Where a line of a file in the zip comes from: a path in the project, and its line."""
        found = self.files.get(file) or self.files.get(f"{file}-meta.xml")
        return None if found is None else found.origin(line)


def build_package(project: Project, part: Part, standing: Standing) -> MetadataPackage:
    """The package of one part of the project for an org that has this already."""
    chosen = scope.choose(project, part, standing)
    files = dict(_files(chosen.components, standing))
    files[PACKAGE_FILE] = Joined(_manifest(chosen.components).encode())
    lacking = [
        f"permissions on {name}: the org has no such field. Add it in Setup (see `salesforce diff`), and deploy again"
        for name in scope.lacking_fields(chosen.components, standing)
    ]
    return MetadataPackage(files, chosen.components, (*chosen.left_out, *lacking))


def is_test_class(apex: bytes) -> bool:
    """Whether the class itself is one of tests: the annotation stands before its first brace."""
    return _IS_TEST.search(_COMMENT.sub(b"", apex).partition(b"{")[0]) is not None


def _files(components: Sequence[Component], standing: Standing) -> Iterator[tuple[str, Joined]]:
    for one in components:
        if one.type == "PermissionSet":
            document = cut(one.xml, one.type)
            blocks = scope.fit_permission_set(document, standing)
            as_it_is = len(blocks) == len(document.blocks)
            yield _path(one), whole(one.xml) if as_it_is else join(one.type, blocks, one.xml.path)
        elif one.type in _FOLDERS:
            cut(one.xml, one.type)
            yield from _as_they_are(one)
    yield from _objects(components)


def _as_they_are(one: Component) -> Iterator[tuple[str, Joined]]:
    if len(one.files) == 1:
        yield _path(one), whole(one.xml)
        return
    described, content = one.files
    yield _path(one), whole(content)
    yield f"{_path(one)}-meta.xml", whole(described)


def _path(one: Component) -> str:
    folder, suffix = _FOLDERS[one.type]
    return f"{folder}/{one.name}{suffix}"


def _objects(components: Sequence[Component]) -> Iterator[tuple[str, Joined]]:
    """One file an object: its own elements, if it goes itself, and its parts, those of a kind together."""
    of_objects = [one for one in components if one.type == "CustomObject" or one.type in _ELEMENTS]
    for name in sorted({one.object_name for one in of_objects}):
        mine = [one for one in of_objects if one.object_name == name]
        own = next((one for one in mine if one.type == "CustomObject"), None)
        blocks: list[Block] = [] if own is None else list(_own_blocks(own.xml))
        parts = sorted(
            (one for one in mine if one is not own),
            key=lambda one: (_ORDER.index(_ELEMENTS[one.type]), one.name),
        )
        blocks += [_part(one) for one in parts]
        first = own or parts[0]
        yield f"objects/{name}.object", join("CustomObject", blocks, first.xml.path)


def _own_blocks(file: SourceFile) -> tuple[Block, ...]:
    blocks = cut(file, "CustomObject").blocks
    if inline := sorted({block.tag for block in blocks} & set(_ORDER)):
        raise SourceUnfit(
            f"{file.path} holds <{inline[0]}> itself: in source format it has a file of its own below {inline[0]}/."
        )
    return blocks


def _part(one: Component) -> Block:
    block = as_block(cut(one.xml, one.type), _ELEMENTS[one.type])
    said, meant = block.texts.get("fullName", ""), one.name.partition(".")[2]
    if said != meant:
        raise SourceUnfit(f"{one.xml.path} calls itself {said!r}, and should be {meant!r} by its file name.")
    return block


def _manifest(components: Sequence[Component]) -> str:
    """package.xml: each component of the zip by name, and nothing else."""
    by_type: dict[str, list[str]] = {}
    for one in components:
        by_type.setdefault(one.type, []).append(one.name)
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        '<Package xmlns="http://soap.sforce.com/2006/04/metadata">',
    ]
    for type_name in sorted(by_type):
        members = [f"        <members>{_escaped(name)}</members>" for name in sorted(by_type[type_name])]
        lines += ["    <types>", *members, f"        <name>{type_name}</name>", "    </types>"]
    return "\n".join([*lines, f"    <version>{API_VERSION}</version>", "</Package>", ""])


def _escaped(name: str) -> str:
    return name.replace("&", "&amp;").replace("<", "&lt;")
