"""An answer in XML, read as it comes: `Data` is handed on in pieces.

What belongs here: expat, and what it must not be let do (no document type, so no entities). Not here: what the
fields mean (`answers`).
"""

from collections.abc import Iterator
from xml.parsers import expat

from claims_pipeline.clients.collaboratemd.answers import Answer, AnswerFields, MalformedAnswer, WriteData

_PIECE_CHARACTERS = 64 * 1024
_DEEPEST = 32
_FIELDS_DEPTH = 2  # <Root><Status>


def read_xml_answer(chunks: Iterator[bytes], fields: AnswerFields) -> Answer:
    """Read one XML document to its very end. Raises MalformedAnswer if it is cut off or is no such document."""
    parser = _parser(_Fields(fields))
    try:
        for chunk in chunks:
            parser.Parse(chunk, False)
        parser.Parse(b"", True)
    except expat.ExpatError:
        raise MalformedAnswer("it is no whole XML document") from None
    except (LookupError, ValueError):
        raise MalformedAnswer("its XML is in an encoding that is unknown") from None
    return fields.answer()


class _Fields:
    """Expat's callbacks: the texts of the root's children."""

    def __init__(self, fields: AnswerFields) -> None:
        self._fields = fields
        self._depth = 0
        self._write: WriteData | None = None

    def start(self, name: str, _attributes: dict[str, str]) -> None:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise MalformedAnswer("it is nested deeper than any of the API's")
        if self._depth == _FIELDS_DEPTH:
            self._write = self._fields.open_field(name.rpartition(":")[2])
        elif self._depth > _FIELDS_DEPTH and self._write is not None:
            raise MalformedAnswer("a field holds elements where the API has a text")

    def end(self, _name: str) -> None:
        if self._depth == _FIELDS_DEPTH:
            self._write = None
        self._depth -= 1

    def text(self, piece: str) -> None:
        if self._write is not None:
            self._write(piece.encode("utf-8"))


def _parser(fields: _Fields) -> expat.XMLParserType:
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.buffer_size = _PIECE_CHARACTERS
    parser.StartElementHandler = fields.start
    parser.EndElementHandler = fields.end
    parser.CharacterDataHandler = fields.text
    parser.StartDoctypeDeclHandler = _refuse_document_type
    return parser


def _refuse_document_type(*_declaration: object) -> None:
    raise MalformedAnswer("it declares a document type, as a web page does and the API does not")
