"""The org as it will be once a package is in: what references inside the package are judged by.

What belongs here: objects, fields and names, standing and deployed together. Not here: the judgement (`judging`).
"""

from dataclasses import dataclass, field, replace

from claims_pipeline.sandbox.salesforce.metadata import MetadataError, field_of, key_prefix, object_of
from claims_pipeline.sandbox.salesforce.metadata_api.messages import Message
from claims_pipeline.sandbox.salesforce.metadata_api.package import UNREADABLE, Component, Package
from claims_pipeline.sandbox.salesforce.org import Org
from claims_pipeline.sandbox.salesforce.schema import FieldSchema, ObjectSchema, OrgSchema


@dataclass
class Future:
    """The schema to be, what of it is new, and the problems of objects and fields that cannot be made."""

    org: Org
    schema: OrgSchema
    package: Package
    fresh_objects: set[str] = field(default_factory=set)
    fresh_fields: dict[str, list[str]] = field(default_factory=dict)
    problems: list[Message] = field(default_factory=list)

    def object(self, name: str) -> ObjectSchema | None:
        """The object of this name."""
        return self.schema.object(name)

    def field(self, object_name: str, field_name: str) -> FieldSchema | None:
        """The object's field of this name."""
        found = self.schema.object(object_name)
        return None if found is None else found.field(field_name)

    def has(self, type_name: str, name: str) -> bool:
        """Whether the org will have this component."""
        packed = any(
            one.type == type_name and one.name.lower() == name.lower()
            for component in self.package.components
            for one in component.listed
        )
        return packed or self.org.components.has(type_name, name)


def future_of(org: Org, package: Package) -> Future:
    """The org's schema with the package's objects and fields in it."""
    future = Future(org, org.schema, package)
    for component in package.components:
        if component.type == "CustomObject" and component.node is not UNREADABLE:
            _add(future, component)
    return future


def _add(future: Future, component: Component) -> None:
    fields = _fields(future, component)
    standing = future.schema.object(component.name)
    whole = future.package.names(component)
    if standing is None and not whole:
        for part in component.parts:
            future.problems.append(
                _message(part, f"In field: fullName - no CustomObject named {component.name} found")
            )
        return
    try:
        made = _object(future, component, standing, whole, fields)
    except MetadataError as error:
        future.problems.append(_message(component, _required(error)))
        return
    if standing is None:
        future.fresh_objects.add(made.name)
    known = {} if standing is None else standing.fields
    future.fresh_fields[made.name] = [name for name in fields if name not in known]
    future.schema = future.schema.replacing(made)


def _object(
    future: Future,
    component: Component,
    standing: ObjectSchema | None,
    whole: bool,
    fields: dict[str, FieldSchema],
) -> ObjectSchema:
    """The object with the package's fields; if the package holds the object itself, with its label and name too."""
    if not whole:
        assert standing is not None
        return replace(standing, fields={**standing.fields, **fields})
    customs = sum(found.custom for found in future.schema.objects.values())
    prefix = key_prefix(customs) if standing is None else standing.key_prefix
    made = object_of(component.name, component.node, list(fields.values()), prefix, component.file)
    if standing is None:
        return made
    kept = {name: found for name, found in standing.fields.items() if name not in made.fields}
    return replace(made, fields={**made.fields, **kept})


def _fields(future: Future, component: Component) -> dict[str, FieldSchema]:
    """The fields that can be made; of the others, why not."""
    made: dict[str, FieldSchema] = {}
    for part in component.parts:
        if part.type != "CustomField":
            continue
        try:
            found = field_of(part.node, part.file)
        except (MetadataError, ValueError) as error:
            future.problems.append(_message(part, _required(error)))
        else:
            made[found.name] = found
    return made


def _required(error: Exception) -> str:
    """Salesforce's words for an element that is not there; ours for a type that the sandbox does not know."""
    words = str(error)
    _, lacks, rest = words.partition(" has no <")
    return f"Required field is missing: {rest.rstrip('>.')}" if lacks else words


def _message(component: Component, problem: str) -> Message:
    place = component.node.line, component.node.column
    return Message(component.type, component.file, component.name, problem, *place)
