"""Which elements a metadata file may hold, from Salesforce's own WSDL of the Metadata API.

What belongs here: types, their elements and their simple values, as the WSDL says (simple-salesforce brings a copy, of
API 63; what is newer is refused here, and taken by newer orgs). Not here: rules beyond shapes (`judging`).
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from xml.etree import ElementTree

from claims_pipeline.sandbox.salesforce.metadata_api.placed import NAMESPACE, Placed, children

_XSD = "{http://www.w3.org/2001/XMLSchema}"
_SIMPLE = {
    "xsd:boolean": re.compile(r"true|false|1|0"),
    "xsd:int": re.compile(r"[+-]?\d{1,10}"),
    "xsd:double": re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?"),
}


@dataclass(frozen=True)
class Element:
    """One element of a type."""

    type: str
    repeats: bool
    optional: bool


@dataclass(frozen=True)
class ShapeProblem:
    """Why a file cannot be read, and where."""

    words: str
    line: int
    column: int


class Shapes:
    """The WSDL's types."""

    def __init__(self, wsdl: Path) -> None:
        root = ElementTree.parse(wsdl).getroot()  # noqa: S314 - a file of an installed package
        self._complex = {name: node for node in root.iter(f"{_XSD}complexType") if (name := node.get("name"))}
        self._enums = {
            node.get("name", ""): frozenset(one.get("value", "") for one in node.iter(f"{_XSD}enumeration"))
            for node in root.iter(f"{_XSD}simpleType")
        }
        self._elements: dict[str, dict[str, Element]] = {}

    def knows(self, type_name: str) -> bool:
        """Whether there is such a type."""
        return type_name in self._complex

    def problem(self, node: Placed, type_name: str) -> ShapeProblem | None:
        """The first thing in the element that its type does not allow; None if all is well."""
        return next(self._problems(node, type_name), None)

    def _problems(self, node: Placed, type_name: str) -> Iterator[ShapeProblem]:
        allowed = self._elements_of(type_name)
        closed: set[str] = set()
        last = ""
        for child in children(node):
            element = allowed.get(child.name)
            if element is None or not child.tag.startswith("{" + NAMESPACE + "}"):
                words = f"Element {child.tag} invalid at this location in type {type_name}"
                yield ShapeProblem(words, child.line, child.column)
                continue
            if child.name != last:
                closed.add(last)
            if child.name in closed or (child.name == last and not element.repeats):
                words = f"Element {child.name} is duplicated at this location in type {type_name}"
                yield ShapeProblem(words, child.line, child.column)
            last = child.name
            yield from self._value_problems(child, element.type)
        present = {child.name for child in children(node)}
        for name, element in allowed.items():
            if not element.optional and name not in present:
                yield ShapeProblem(f"Required field is missing: {name}", node.line, node.column)

    def _value_problems(self, child: Placed, type_name: str) -> Iterator[ShapeProblem]:
        local = type_name.removeprefix("tns:")
        text = (child.text or "").strip()
        if local in self._complex:
            yield from self._problems(child, local)
        elif local in self._enums and self._enums[local] and text not in self._enums[local]:
            words = f"'{text}' is not a valid value for the enum '{local}'"
            yield ShapeProblem(words, child.line, child.column)
        elif type_name in _SIMPLE and not _SIMPLE[type_name].fullmatch(text):
            words = f"'{text}' is not a valid value for the type {type_name}"
            yield ShapeProblem(words, child.line, child.column)
        elif local not in self._complex and len(child):
            first = children(child)[0]
            words = f"Element {first.tag} invalid at this location in type {type_name}"
            yield ShapeProblem(words, first.line, first.column)

    def _elements_of(self, type_name: str) -> dict[str, Element]:
        known = self._elements.get(type_name)
        if known is None:
            node = self._complex[type_name]
            extension = node.find(f".//{_XSD}extension")
            base = "" if extension is None else extension.get("base", "").removeprefix("tns:")
            known = dict(self._elements_of(base)) if base in self._complex else {}
            for found in node.iter(f"{_XSD}element"):
                known[found.get("name", "")] = Element(
                    type=found.get("type", "xsd:string"),
                    repeats=found.get("maxOccurs") == "unbounded",
                    optional=found.get("minOccurs") == "0" or found.get("type") == "xsd:base64Binary",
                )
            self._elements[type_name] = known
        return known


@cache
def shapes() -> Shapes:
    """The shapes, read when they are first asked for."""
    found = find_spec("simple_salesforce")
    assert found is not None and found.origin is not None
    return Shapes(Path(found.origin).parent / "metadata.wsdl")
