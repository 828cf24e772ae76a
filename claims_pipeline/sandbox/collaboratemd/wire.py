"""How the service writes its answers: XML unless JSON is asked for, the ZIP as base64 in the midst of it.

What belongs here: bytes of answers. Not here: what is answered (`shelf`), requests (`app`). A report of any size leaves
in pieces: it is never held whole.
"""

import base64
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from xml.sax.saxutils import escape

from claims_pipeline.sandbox.collaboratemd.shelf import Wire

BYTES_A_LINE = 57  # 76 characters of base64, as MIME has it
CHUNK = BYTES_A_LINE * 1024


class Form(Enum):
    """The two forms of an answer."""

    XML = "application/xml"
    JSON = "application/json"


@dataclass(frozen=True)
class Data:
    """The `Data` of an answer: a ZIP on disk, or a text (None: null)."""

    zip_at: Path | None = None
    text: str | None = None


def form_asked_for(accept: str | None, wire: Wire) -> Form | None:
    """The form that an Accept header asks for; None when it takes neither (415)."""
    offered = {"application/xml": Form.XML, "text/xml": Form.XML, "application/*": Form.XML, "*/*": Form.XML}
    if not wire.json_refused:
        offered["application/json"] = Form.JSON
    asked = [_asked(part) for part in (accept or "*/*").split(",")]
    taken = [
        (quality, -place, media)
        for place, (media, quality) in enumerate(asked)
        if media in offered and quality > 0
    ]
    return offered[max(taken)[2]] if taken else None


def _asked(part: str) -> tuple[str, float]:
    media, *parameters = (piece.strip().lower() for piece in part.split(";"))
    quality = next((text.removeprefix("q=") for text in parameters if text.startswith("q=")), "1")
    try:
        return media, float(quality)
    except ValueError:
        return media, 0.0


def written(
    form: Form, wire: Wire, fields: Sequence[tuple[str, str | int]], data: Data | None = None
) -> Iterator[bytes]:
    """An answer: fields as given, then its data (first, where the wire is set so)."""
    parts = [_field(form, name, value) for name, value in fields]
    if data is not None:
        parts.insert(0 if wire.data_first else len(parts), _data(form, wire, data))
    yield b"{" if form is Form.JSON else f'<?xml version="1.0" encoding="UTF-8"?>\n<{wire.root}>'.encode()
    for place, part in enumerate(parts):
        if place and form is Form.JSON:
            yield b", "
        yield from part
    yield b"}" if form is Form.JSON else f"</{wire.root}>".encode()


def _field(form: Form, name: str, value: str | int) -> Iterator[bytes]:
    if form is Form.JSON:
        yield f'"{name}": {json.dumps(value)}'.encode()
    else:
        yield f"<{name}>{escape(str(value))}</{name}>".encode()


def _data(form: Form, wire: Wire, data: Data) -> Iterator[bytes]:
    text = wire.data_text if data.zip_at is not None and wire.data_text is not None else data.text
    if data.zip_at is None or wire.data_text is not None:
        if form is Form.JSON:
            yield f'"Data": {json.dumps(text)}'.encode()
        else:
            yield b"<Data/>" if text is None else f"<Data>{escape(text)}</Data>".encode()
        return
    yield b'"Data": "' if form is Form.JSON else b"<Data>"
    for piece in _base64(data.zip_at, lines=wire.lines_of_76):
        yield _escaped(piece, wire) if form is Form.JSON else piece
    yield b'"' if form is Form.JSON else b"</Data>"


def _base64(path: Path, *, lines: bool) -> Iterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            yield base64.encodebytes(chunk) if lines else base64.b64encode(chunk)


def _escaped(piece: bytes, wire: Wire) -> bytes:
    piece = piece.replace(b"\n", b"\\r\\n")
    return piece.replace(b"/", b"\\/") if wire.slashes_escaped else piece
