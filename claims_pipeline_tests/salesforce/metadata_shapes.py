"""The Metadata API's own types, as its WSDL (which comes with simple-salesforce) declares them.

What belongs here: judging one metadata file by its type. Not here: which files there are.
"""

import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass, field
from pathlib import Path

import simple_salesforce

WSDL = Path(simple_salesforce.__file__).parent / "metadata.wsdl"
NAMESPACE = "{http://soap.sforce.com/2006/04/metadata}"
_XSD = "{http://www.w3.org/2001/XMLSchema}"
_PLAIN = {"boolean": {"true", "false"}}


@dataclass
class Shape:
    """A complex type: its elements with their types, which may be repeated, and which must be there."""

    elements: dict[str, str] = field(default_factory=dict)
    repeated: set[str] = field(default_factory=set)
    required: set[str] = field(default_factory=set)


class MetadataShapes:
    """All types of the WSDL, read once."""

    def __init__(self, wsdl: Path = WSDL) -> None:
        root = ElementTree.parse(wsdl).getroot()
        self._complex = {
            node.attrib["name"]: node for node in root.iter(f"{_XSD}complexType") if "name" in node.attrib
        }
        self._values = {
            node.attrib["name"]: {value.attrib["value"] for value in node.iter(f"{_XSD}enumeration")}
            for node in root.iter(f"{_XSD}simpleType")
            if "name" in node.attrib
        }

    def problems(self, path: Path) -> list[str]:
        """What of a file its type does not know; the root element names the type."""
        root = ElementTree.parse(path).getroot()
        return self._judge(root, root.tag.removeprefix(NAMESPACE), root.tag.removeprefix(NAMESPACE))

    def _judge(self, node: ElementTree.Element, type_name: str, where: str) -> list[str]:
        if type_name not in self._complex:
            return self._judge_text(node.text or "", type_name, where)
        shape = self._shape(type_name)
        found: list[str] = []
        names = [child.tag.removeprefix(NAMESPACE) for child in node]
        found += [
            f"{where}: {name} stands twice"
            for name in sorted(set(names))
            if names.count(name) > 1 and name not in shape.repeated
        ]
        found += [f"{where}: {name} is missing" for name in sorted(shape.required - set(names))]
        for child, name in zip(node, names, strict=True):
            if name not in shape.elements:
                found.append(f"{where}: there is no {name} in {type_name}")
            else:
                found += self._judge(child, shape.elements[name], f"{where}/{name}")
        return found

    def _judge_text(self, text: str, type_name: str, where: str) -> list[str]:
        if type_name in ("int", "double"):
            return (
                [] if text.replace(".", "", 1).lstrip("-").isdigit() else [f"{where}: {text!r} is no number"]
            )
        allowed = _PLAIN.get(type_name) or self._values.get(type_name)
        return [f"{where}: {text!r} is none of {type_name}"] if allowed and text not in allowed else []

    def _shape(self, type_name: str) -> Shape:
        node = self._complex[type_name]
        extension = node.find(f".//{_XSD}extension")
        base = extension.attrib["base"].partition(":")[2] if extension is not None else None
        shape = self._shape(base) if base in self._complex else Shape()
        for element in node.iter(f"{_XSD}element"):
            name = element.attrib["name"]
            shape.elements[name] = element.attrib["type"].partition(":")[2]
            if element.attrib.get("maxOccurs") == "unbounded":
                shape.repeated.add(name)
            if element.attrib.get("minOccurs", "1") != "0":
                shape.required.add(name)
        return shape
