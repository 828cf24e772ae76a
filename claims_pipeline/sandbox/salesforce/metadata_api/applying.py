"""A judged package put into the org: objects and fields, permission sets, and the names of all else.

What belongs here: the changes, and what they say of each component. Not here: whether they may be made (`judging`).
Whatever is new is guarded: nobody sees it until a permission set that grants it is assigned.
"""

import hashlib
from collections.abc import Collection
from dataclasses import replace
from xml.etree import ElementTree

from claims_pipeline.sandbox.salesforce.metadata_api.future import Future
from claims_pipeline.sandbox.salesforce.metadata_api.messages import Message
from claims_pipeline.sandbox.salesforce.metadata_api.package import Component
from claims_pipeline.sandbox.salesforce.people import User
from claims_pipeline.sandbox.salesforce.permissions import permission_set_of


def successes(future: Future, failed: Collection[tuple[str, str]]) -> list[Message]:
    """What the deployment says of every component that did not fail."""
    told = []
    for one in _sound(future, failed):
        created = not _stands(future, one)
        changed = created or future.org.components.standing.get((one.type, one.name)) != _digest(one)
        told.append(Message(one.type, one.file, one.name, created=created, changed=changed))
    return told


def apply(future: Future, failed: Collection[tuple[str, str]], user: User) -> None:
    """Change the org."""
    org = future.org
    sound = _sound(future, failed)
    with org.lock:
        for name in _touched_objects(sound):
            _install(future, name, failed)
        for one in sound:
            if one.type == "PermissionSet":
                org.grants.install(permission_set_of(one.name, one.node), user, org.now())
            org.components.standing[one.type, one.name] = _digest(one)
        org.field_security.forget()


def _touched_objects(sound: Collection[Component]) -> list[str]:
    names = [one.name.partition(".")[0] for one in sound if one.type in ("CustomObject", "CustomField")]
    return list(dict.fromkeys(names))


def _install(future: Future, name: str, failed: Collection[tuple[str, str]]) -> None:
    """One object as it will be; a field that failed stays as it was."""
    org, made = future.org, future.object(name)
    if made is None:
        return
    standing = org.schema.object(made.name)
    before = {} if standing is None else standing.fields
    fields = {}
    for field_name, found in made.fields.items():
        if ("CustomField", f"{made.name}.{field_name}") not in failed:
            fields[field_name] = found
        elif field_name in before:
            fields[field_name] = before[field_name]
    org.install(replace(made, fields=fields))
    if made.name in future.fresh_objects:
        org.field_security.guard_object(made.name)
    fresh = future.fresh_fields.get(made.name, [])
    org.field_security.guard(made.name, [found for found in fresh if found in fields])


def _sound(future: Future, failed: Collection[tuple[str, str]]) -> list[Component]:
    """What is put in: what the manifest asks for, without the failed, and without parts of new objects that failed."""
    lost = {name for type_name, name in failed if type_name == "CustomObject"} & future.fresh_objects
    return [
        one
        for one in future.package.wanted
        if (one.type, one.name) not in failed and one.name.partition(".")[0] not in lost
    ]


def _stands(future: Future, one: Component) -> bool:
    schema = future.org.schema
    if one.type == "CustomObject":
        return schema.object(one.name) is not None
    if one.type == "CustomField":
        object_name, _, name = one.name.partition(".")
        standing = schema.object(object_name)
        return standing is not None and standing.field(name) is not None
    if one.type == "PermissionSet":
        return future.org.grants.named(one.name) is not None
    return future.org.components.has(one.type, one.name)


def _digest(one: Component) -> str:
    return hashlib.sha256(ElementTree.tostring(one.node) + one.content).hexdigest()
