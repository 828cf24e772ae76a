"""XML whose elements know where they stand: a deployment's problems name a line and a column.

What belongs here: reading bytes into elements with places. Not here: which elements may stand where (`shapes`).
"""

from typing import cast
from xml.etree import ElementTree
from xml.parsers import expat

NAMESPACE = "http://soap.sforce.com/2006/04/metadata"


class Placed(ElementTree.Element):
    """An element that knows the line and the column (both from 1) at which its tag begins."""

    line: int = 0
    column: int = 0

    @property
    def name(self) -> str:
        """The tag without its namespace."""
        return self.tag.rpartition("}")[2]

    def child(self, name: str) -> "Placed | None":
        """The first child of this name."""
        return next((found for found in children(self) if found.name == name), None)

    def said(self, name: str) -> str:
        """The text of the child of this name, trimmed; empty where there is none."""
        found = self.child(name)
        return (found.text or "").strip() if found is not None else ""


def children(node: Placed) -> list[Placed]:
    """The child elements, with their places."""
    return cast(list[Placed], list(node))


class NotWellFormed(Exception):
    """Bytes that are no XML; `line` and `column` tell where reading stopped."""

    def __init__(self, problem: str, line: int, column: int) -> None:
        super().__init__(problem)
        self.problem, self.line, self.column = problem, line, column


def parse(content: bytes) -> Placed:
    """The root element. Raises NotWellFormed; a document type is refused, since bombs are made of it."""
    parser = expat.ParserCreate(namespace_separator="}")
    parser.buffer_text = True
    builder = ElementTree.TreeBuilder(element_factory=Placed)

    def refuse(*_: object) -> None:
        raise NotWellFormed(
            "A document type is not allowed here", parser.CurrentLineNumber, parser.CurrentColumnNumber + 1
        )

    def start(tag: str, attributes: dict[str, str]) -> None:
        found = cast(Placed, builder.start(_qualified(tag), attributes))
        found.line, found.column = parser.CurrentLineNumber, parser.CurrentColumnNumber + 1

    parser.StartDoctypeDeclHandler = refuse
    parser.StartElementHandler = start
    parser.EndElementHandler = lambda tag: builder.end(_qualified(tag))
    parser.CharacterDataHandler = builder.data
    try:
        parser.Parse(content, True)
    except expat.ExpatError as error:
        problem = expat.errors.messages[error.code]
        raise NotWellFormed(problem, error.lineno, error.offset + 1) from None
    return cast(Placed, builder.close())


def _qualified(tag: str) -> str:
    return "{" + tag if "}" in tag else tag
