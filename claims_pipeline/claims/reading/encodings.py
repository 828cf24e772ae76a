"""In which encoding a file of the report came, decided by all of it.

What belongs here: UTF-8 with or without a byte order mark, UTF-16 by its mark, else Windows-1252. Not here: what the
text means. Bytes that stand for nothing become U+FFFD, and are counted.
"""

import codecs
import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import BinaryIO, TextIO

Opener = Callable[[], BinaryIO]

_CHUNK_BYTES = 1024 * 1024
_UNDEFINED_IN_1252 = b"\x81\x8d\x8f\x90\x9d"
_REPLACEMENT = "\ufffd"


@dataclass(frozen=True)
class Encoding:
    """The encoding of one file. `unreadable` counts the characters that became U+FFFD."""

    name: str
    codec: str
    unreadable: int = 0

    @property
    def warnings(self) -> tuple[str, ...]:
        """What a person should know of it."""
        said = []
        if self.codec == "cp1252":
            said.append("the file is not UTF-8 and was read as Windows-1252")
        if self.unreadable:
            said.append(f"{self.unreadable:,} character(s) could not be read and became U+FFFD")
        return tuple(said)

    def open(self, opener: Opener) -> TextIO:
        """The file's text from the start, line ends as they came."""
        return io.TextIOWrapper(opener(), encoding=self.codec, errors="replace", newline="")


def detect_encoding(opener: Opener) -> Encoding:
    """Read the file once, to its end, and tell its encoding."""
    with opener() as stream:
        start = stream.read(_CHUNK_BYTES)
        chunks = _chunks(start, stream)
        if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            return Encoding("UTF-16", "utf-16", _count_unreadable(chunks, "utf-16"))
        if start.startswith(codecs.BOM_UTF8):
            return Encoding("UTF-8", "utf-8-sig", _count_unreadable(chunks, "utf-8-sig"))
        return _utf8_or_1252(chunks)


def _chunks(start: bytes, stream: BinaryIO) -> Iterator[bytes]:
    chunk = start
    while chunk:
        yield chunk
        chunk = stream.read(_CHUNK_BYTES)


def _utf8_or_1252(chunks: Iterator[bytes]) -> Encoding:
    decoder = codecs.getincrementaldecoder("utf-8")()
    is_utf8, undefined = True, 0
    for chunk in chunks:
        is_utf8 = is_utf8 and _decodes(decoder, chunk)
        undefined += len(chunk) - len(chunk.translate(None, _UNDEFINED_IN_1252))
    if is_utf8 and _decodes(decoder, b"", final=True):
        return Encoding("UTF-8", "utf-8")
    return Encoding("Windows-1252", "cp1252", undefined)


def _decodes(decoder: codecs.IncrementalDecoder, chunk: bytes, *, final: bool = False) -> bool:
    try:
        decoder.decode(chunk, final)
    except UnicodeDecodeError:
        return False
    return True


def _count_unreadable(chunks: Iterator[bytes], codec: str) -> int:
    """Characters that a tolerant reading replaces: none at all where a strict reading passes."""
    decoder = codecs.getincrementaldecoder(codec)("strict")
    replaced = sum(_tolerantly(decoder, chunk).count(_REPLACEMENT) for chunk in chunks)
    replaced += _tolerantly(decoder, b"", final=True).count(_REPLACEMENT)
    return 0 if decoder.errors == "strict" else replaced


def _tolerantly(decoder: codecs.IncrementalDecoder, chunk: bytes, *, final: bool = False) -> str:
    """The chunk's text. A strict decoder becomes a tolerant one where it does not pass."""
    try:
        return decoder.decode(chunk, final)
    except UnicodeDecodeError:
        decoder.errors = "replace"
        return decoder.decode(chunk, final)
