"""Whether each component of a package fits the org: Salesforce's rules beyond shapes, in its words where we know them.

What belongs here: references and rules of one component, judged against the org as it will be. Not here: manifest and
files (`package`), changing the org (`applying`). Apex is not compiled and pages are not either: the sandbox cannot.
"""

import re
from collections.abc import Callable, Iterator

from claims_pipeline.sandbox.salesforce.metadata_api.future import Future
from claims_pipeline.sandbox.salesforce.metadata_api.messages import Message
from claims_pipeline.sandbox.salesforce.metadata_api.package import UNREADABLE, Component
from claims_pipeline.sandbox.salesforce.metadata_api.placed import Placed, children

Problem = tuple[str, Placed]
Judge = Callable[[Future, Component], Iterator[Problem]]

_CUSTOM_NAME = re.compile(r"\b[A-Za-z]\w*__c\b")
_LONG_ENOUGH = {"Text": 255}
_NEEDS_LENGTH = ("Text", "LongTextArea")
_NEEDS_DIGITS = ("Number", "Currency", "Percent")
_CONTROLLERS = re.compile(rb"""\b(?:controller|extensions)\s*=\s*["']([^"']+)["']""")
_DEPENDS: dict[str, tuple[str, ...]] = {
    "Create": ("Read",),
    "Edit": ("Read",),
    "Delete": ("Read", "Edit"),
}


def problems_of(future: Future, component: Component) -> Iterator[Message]:
    """Everything wrong with a component and its parts."""
    for one in component.listed:
        judge = _JUDGES.get(one.type)
        if judge is None or one.node is UNREADABLE:
            continue
        for words, node in judge(future, one):
            yield Message(one.type, one.file, one.name, words, node.line, node.column)


def _field(future: Future, component: Component) -> Iterator[Problem]:
    node = component.node
    kind, formula = node.said("type"), node.said("formula")
    if not node.said("label"):
        yield "Must specify a non-empty label for the CustomField", node
    if not formula and kind in _NEEDS_LENGTH and not node.said("length"):
        yield f"Must specify 'length' for a CustomField of type {kind}", node
    if kind == "Text" and node.said("length").isdigit() and int(node.said("length")) > _LONG_ENOUGH[kind]:
        yield "Value too long for field: length, maximum length is: 255", node
    if kind in _NEEDS_DIGITS and not (node.said("precision") and node.said("scale")):
        yield f"Must specify 'precision' and 'scale' for a CustomField of type {kind}", node
    target = node.said("referenceTo")
    if kind == "Lookup" and future.object(target) is None:
        yield f"referenceTo value of '{target}' does not resolve to a valid sObject type", node
    object_name, _, name = component.name.partition(".")
    yield from _unknown_names(future, object_name, formula, node)
    standing = future.org.schema.object(object_name)
    before = None if standing is None else standing.field(name)
    after = future.field(object_name, name)
    if before is not None and after is not None and before.type is not after.type:
        yield f"Cannot change type of {component.name} from {before.type.value} to {after.type.value}", node


def _unknown_names(future: Future, object_name: str, formula: str, node: Placed) -> Iterator[Problem]:
    """Fields that a formula speaks of and the object lacks."""
    for name in sorted(set(_CUSTOM_NAME.findall(formula))):
        if future.field(object_name, name) is None:
            yield f"Field {name} does not exist. Check spelling.", node


def _validation_rule(future: Future, component: Component) -> Iterator[Problem]:
    object_name = component.name.partition(".")[0]
    formula = component.node.said("errorConditionFormula")
    yield from _unknown_names(future, object_name, formula, component.node)
    shown = component.node.said("errorDisplayField")
    if shown and future.field(object_name, shown) is None:
        yield (
            f"In field: errorDisplayField - no CustomField named {object_name}.{shown} found",
            component.node,
        )


def _list_view(future: Future, component: Component) -> Iterator[Problem]:
    object_name = component.name.partition(".")[0]
    for node in component.node.iter():
        assert isinstance(node, Placed)
        text = (node.text or "").strip()
        if node.name in ("columns", "field") and text.endswith("__c") and not future.field(object_name, text):
            yield f"Could not resolve list view column: {text}", node


def _permission_set(future: Future, component: Component) -> Iterator[Problem]:
    for node in children(component.node):
        match node.name:
            case "fieldPermissions":
                yield from _field_permission(future, node)
            case "objectPermissions":
                yield from _object_permission(future, node)
            case "classAccesses":
                yield from _reference(future, node, "apexClass", "ApexClass")
            case "pageAccesses":
                yield from _reference(future, node, "apexPage", "ApexPage")
            case "applicationVisibilities":
                yield from _reference(future, node, "application", "CustomApplication")
            case "tabSettings":
                yield from _tab(future, node, node.said("tab"), "tab")


def _field_permission(future: Future, node: Placed) -> Iterator[Problem]:
    full_name = node.said("field")
    object_name, _, name = full_name.partition(".")
    found = future.field(object_name, name)
    if found is None:
        yield f"In field: field - no CustomField named {full_name} found", node
    elif not found.permissionable:
        yield f"You cannot deploy to a required field: {full_name}", node
    elif node.said("editable") == "true" and node.said("readable") == "false":
        yield f"Permission Edit {full_name} depends on permission(s): Read {full_name}", node


def _object_permission(future: Future, node: Placed) -> Iterator[Problem]:
    name = node.said("object")
    if future.object(name) is None:
        yield f"In field: field - no CustomObject named {name} found", node
    for right, needed in _DEPENDS.items():
        lacking = [one for one in needed if node.said(f"allow{one}") != "true"]
        if node.said(f"allow{right}") == "true" and lacking:
            listed = ", ".join(f"{one} {name}" for one in lacking)
            yield f"Permission {right} {name} depends on permission(s): {listed}", node


def _reference(future: Future, node: Placed, element: str, type_name: str) -> Iterator[Problem]:
    name = node.said(element)
    if not future.has(type_name, name):
        yield f"In field: {element} - no {type_name} named {name} found", node


def _tab(future: Future, node: Placed, name: str, element: str) -> Iterator[Problem]:
    if not name.startswith("standard-") and not future.has("CustomTab", name):
        yield f"In field: {element} - no CustomTab named {name} found", node


def _application(future: Future, component: Component) -> Iterator[Problem]:
    for node in children(component.node):
        if node.name == "tabs":
            yield from _tab(future, node, (node.text or "").strip(), "tabs")


def _custom_tab(future: Future, component: Component) -> Iterator[Problem]:
    node = component.node
    if node.said("customObject") == "true" and future.object(component.name) is None:
        yield f"In field: customObject - no CustomObject named {component.name} found", node
    if node.said("page"):
        yield from _reference(future, node, "page", "ApexPage")


def _layout(future: Future, component: Component) -> Iterator[Problem]:
    object_name = component.name.partition("-")[0]
    if future.object(object_name) is None:
        yield f"In field: layout - no CustomObject named {object_name} found", component.node
        return
    for node in component.node.iter():
        assert isinstance(node, Placed)
        text = (node.text or "").strip()
        if node.name == "field" and text.endswith("__c") and future.field(object_name, text) is None:
            yield f"In field: field - no CustomField named {object_name}.{text} found", node


def _page(future: Future, component: Component) -> Iterator[Problem]:
    for found in _CONTROLLERS.findall(component.content):
        for name in found.decode("utf-8", "replace").split(","):
            if not future.has("ApexClass", name.strip()):
                yield f"Apex class '{name.strip()}' does not exist", component.node


_JUDGES: dict[str, Judge] = {
    "CustomField": _field,
    "ValidationRule": _validation_rule,
    "ListView": _list_view,
    "PermissionSet": _permission_set,
    "CustomApplication": _application,
    "CustomTab": _custom_tab,
    "Layout": _layout,
    "ApexPage": _page,
}
