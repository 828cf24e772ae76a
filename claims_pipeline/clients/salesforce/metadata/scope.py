"""Which of our components go into one deployment: the part that was asked for, and what the org can bear.

What belongs here: choosing. Where the org has the predecessor's objects, their definitions are the customer's: only our
fields and list views are added to them. Not here: how the chosen are packed (`package`).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from claims_pipeline.clients.salesforce.metadata.blocks import Block, Document, cut
from claims_pipeline.clients.salesforce.metadata.source import Component, Project

THE_PREDECESSORS = ("Claim__c", "Claim_Payor__c")
"""The objects that a customer's org had before us."""

OUR_FIELDS = "Source_"
"""How the names of our fields on the predecessor's objects begin."""

_OF_OBJECTS = frozenset({"CustomObject", "Layout"})
_REFERENCES = {
    "classAccesses": ("apexClass", "ApexClass"),
    "pageAccesses": ("apexPage", "ApexPage"),
    "tabSettings": ("tab", "CustomTab"),
    "applicationVisibilities": ("application", "CustomApplication"),
}


class Part(StrEnum):
    """What is asked for."""

    ALL = "all"
    FIELDS = "fields"
    PAGE = "page"


@dataclass(frozen=True)
class Standing:
    """What the org has already of the predecessor's objects. Fields are `Object.Field`.

    `fixed_fields` are required in this org, so that Salesforce refuses a permission on them. `fields` are all that
    there are of those objects; None: nobody could look.
    """

    objects: frozenset[str] = frozenset()
    fixed_fields: frozenset[str] = frozenset()
    fields: frozenset[str] | None = None

    def lacks(self, full_name: str) -> bool:
        """Whether it is a field of the customer's own that this org is known not to have."""
        object_name, _, name = full_name.partition(".")
        is_theirs = object_name in self.objects and not name.startswith(OUR_FIELDS)
        return is_theirs and self.fields is not None and full_name not in self.fields


@dataclass(frozen=True)
class Chosen:
    """What goes, and what is left out of it, in words for people."""

    components: tuple[Component, ...]
    left_out: tuple[str, ...]


def choose(project: Project, part: Part, standing: Standing) -> Chosen:
    """The components of one deployment."""
    wanted = [one for one in project.components if _is_of(one, part)]
    kept = [one for one in wanted if _may_go(one, standing)]
    left_out = [
        f"{one.type} {one.name}: the org's own stays as it is" for one in wanted if not _may_go(one, standing)
    ]
    if part is Part.FIELDS:
        there = {(one.type, one.name) for one in kept}
        for one in [one for one in kept if one.type == "PermissionSet"]:
            if missing := sorted(set(_references(one)) - there):
                kept.remove(one)
                named = ", ".join(f"{kind} {name}" for kind, name in missing)
                left_out.append(
                    f"PermissionSet {one.name}: it names {named}, which go with --what all or page"
                )
    return Chosen(tuple(kept), tuple(left_out))


def fit_permission_set(document: Document, standing: Standing) -> tuple[Block, ...]:
    """The set's elements without permissions on fields that this org requires, or does not have."""
    return tuple(
        block
        for block in document.blocks
        if not (block.tag == "fieldPermissions" and _is_unfit(block.texts.get("field", ""), standing))
    )


def _is_unfit(full_name: str, standing: Standing) -> bool:
    return full_name in standing.fixed_fields or standing.lacks(full_name)


def lacking_fields(components: Iterable[Component], standing: Standing) -> list[str]:
    """The customer's own fields that our permission sets name and the org does not have."""
    named = {
        block.texts.get("field", "")
        for one in components
        if one.type == "PermissionSet"
        for block in _blocks_of(one)
        if block.tag == "fieldPermissions"
    }
    return sorted(name for name in named if standing.lacks(name))


def _is_of(one: Component, part: Part) -> bool:
    of_objects = one.type in _OF_OBJECTS or _is_part_of_object(one)
    if part is Part.FIELDS:
        return of_objects or one.type == "PermissionSet"
    return part is Part.ALL or not of_objects


def _is_part_of_object(one: Component) -> bool:
    return "/objects/" in one.xml.path


def _may_go(one: Component, standing: Standing) -> bool:
    """Whether it may go into an org that has these objects already."""
    if one.object_name not in standing.objects or one.object_name not in THE_PREDECESSORS:
        return True
    if one.type == "CustomField":
        return one.name.partition(".")[2].startswith(OUR_FIELDS)
    if one.type == "ListView":
        return one.name.partition(".")[2] != "All"
    return one.type not in ("CustomObject", "Layout", "CustomTab") and not _is_part_of_object(one)


def _references(one: Component) -> Iterator[tuple[str, str]]:
    """What a permission set names beside objects and fields."""
    for block in _blocks_of(one):
        if block.tag in _REFERENCES:
            element, type_name = _REFERENCES[block.tag]
            name = block.texts.get(element, "")
            if not name.startswith("standard-"):
                yield type_name, name


def _blocks_of(one: Component) -> Iterable[Block]:
    return cut(one.xml, "PermissionSet").blocks
