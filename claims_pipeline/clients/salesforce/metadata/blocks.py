"""A metadata file cut into the elements below its root, each with its own bytes and first line.

What belongs here: cutting and joining without losing a line, so that a problem in a joined file can be led back to the
file it came from. Not here: which elements go where (`package`).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from xml.parsers import expat

from claims_pipeline.clients.salesforce.metadata.source import SourceFile, SourceUnfit

NAMESPACE = "http://soap.sforce.com/2006/04/metadata"
_HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n<{root} xmlns="{namespace}">\n'


@dataclass(frozen=True)
class Block:
    """One element, its bytes, where they stand in their file, and the texts of its own elements, the first of each."""

    tag: str
    content: bytes
    file: str
    line: int
    texts: dict[str, str]


@dataclass(frozen=True)
class Document:
    """A file: its root's name, what stands inside the root, and the elements right below it."""

    file: SourceFile
    root: str
    inside: bytes
    inside_line: int
    blocks: tuple[Block, ...]


@dataclass(frozen=True)
class Joined:
    """A file of the package; `origins` says of each of its lines which line of which source it was."""

    content: bytes
    origins: tuple[tuple[str, int], ...] = ()

    def origin(self, line: int) -> tuple[str, int] | None:
        """The source file and line of a line of this file (from 1)."""
        return self.origins[line - 1] if 0 < line <= len(self.origins) else None


def cut(file: SourceFile, root: str) -> Document:
    """The document; raises SourceUnfit for what is no XML of this root."""
    cutter = _Cutter(file)
    try:
        cutter.parser.Parse(file.content, True)
    except expat.ExpatError as error:
        words = expat.errors.messages[error.code]
        raise SourceUnfit(f"{file.path}, line {error.lineno}: not well-formed XML ({words}).") from None
    if cutter.root != root:
        raise SourceUnfit(f"{file.path}: its root is <{cutter.root}>, and should be <{root}>.")
    inside = file.content[cutter.inside_start : cutter.inside_end]
    return Document(file, root, inside, cutter.inside_line, tuple(cutter.blocks))


def whole(file: SourceFile) -> Joined:
    """A file that goes as it is."""
    lines = file.content.count(b"\n") + 1
    return Joined(file.content, tuple((file.path, line) for line in range(1, lines + 1)))


def join(root: str, blocks: Iterable[Block], file: str) -> Joined:
    """A file of these elements. Elements of one name must stand together: it is for the caller to sort them."""
    head = _HEAD.format(root=root, namespace=NAMESPACE)
    content = bytearray(head.encode())
    origins = [(file, 1), (file, 2)]
    for block in blocks:
        content += b"    " + block.content + b"\n"
        count = block.content.count(b"\n") + 1
        origins += [(block.file, block.line + place) for place in range(count)]
    content += f"</{root}>\n".encode()
    origins.append((file, 2))
    return Joined(bytes(content), tuple(origins))


def as_block(document: Document, tag: str) -> Block:
    """A whole file as one element of another: `<CustomField>` as `<fields>`."""
    texts = {block.tag: block.texts.get("", "") for block in reversed(document.blocks)}
    content = f"<{tag}>".encode() + document.inside + f"</{tag}>".encode()
    return Block(tag, content, document.file.path, document.inside_line, texts)


class _Cutter:
    """What expat tells, kept."""

    def __init__(self, file: SourceFile) -> None:
        self._file = file
        self.parser = parser = expat.ParserCreate()
        parser.buffer_text = True
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._data
        self.root = ""
        self.inside_start = self.inside_end = self.inside_line = 0
        self.blocks: list[Block] = []
        self._depth = 0
        self._begun = (0, 0)
        self._tag = ""
        self._text: list[str] = []
        self._texts: dict[str, str] = {}

    def _start(self, tag: str, _: dict[str, str]) -> None:
        at, line = self.parser.CurrentByteIndex, self.parser.CurrentLineNumber
        if self._depth == 0:
            self.root = tag
            self.inside_start = self._file.content.index(b">", at) + 1
            self.inside_line = line + self._file.content[at : self.inside_start].count(b"\n")
        elif self._depth == 1:
            self._begun, self._tag, self._texts = (at, line), tag, {}
        self._text = []
        self._depth += 1

    def _data(self, text: str) -> None:
        self._text.append(text)

    def _end(self, tag: str) -> None:
        self._depth -= 1
        at, text = self.parser.CurrentByteIndex, "".join(self._text).strip()
        if self._depth == 0:
            self.inside_end = at
        elif self._depth == 1:
            start, line = self._begun
            end = self._file.content.index(b">", at) + 1
            content = self._file.content[start:end]
            self.blocks.append(Block(tag, content, self._file.path, line, {"": text, **self._texts}))
        elif self._depth == 2:
            self._texts.setdefault(tag, text)
        self._text = []
