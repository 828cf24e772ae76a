"""A report file for the second reader, decoded on its own.

What belongs here: which encoding a file is in, and its text or bytes in chunks. Not here: rows (`recount`,
`recount_json`). Nothing of this is shared with `reading`: the two must not make the same mistake.
"""

import codecs
from collections.abc import Callable, Iterator
from typing import BinaryIO

LONGEST_RECORD = 1 << 24
"""Characters of JSON, bytes of CSV. A record that is longer is no row of claims; it bounds what a quote that never
closes can take. (The first reader stops at 4 Mi characters, of at most four bytes each.)"""

_CHUNK_BYTES = 1 << 20
_UTF_16_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def decoded_chunks(stream: BinaryIO) -> Iterator[str]:
    """The text of a seekable stream, from its beginning: UTF-16 by its mark, UTF-8, else Windows-1252.

    Never raises on bytes: what cannot be decoded is U+FFFD, which is no blank and no delimiter.
    """
    decoder = codecs.getincrementaldecoder(_encoding(stream))(errors="replace")
    for chunk in _chunks(stream):
        yield decoder.decode(chunk)
    yield decoder.decode(b"", final=True)


class DelimitedBytes:
    """The same file as bytes in which ASCII is ASCII: UTF-8 without its mark, or Windows-1252. UTF-16 is recoded.

    Iterate it once. Which of the two it is takes a reading of its own, so it is found out where something hangs on it.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._is_utf_8: bool | None = None
        self._at = 0

    def __iter__(self) -> Iterator[bytes]:
        mark = _first_bytes(self._stream)
        if mark.startswith(_UTF_16_MARKS):
            self._is_utf_8 = True
            yield from (text.encode() for text in decoded_chunks(self._stream))
            return
        if mark == codecs.BOM_UTF8:
            self._is_utf_8 = _encoding(self._stream) != "cp1252"
        self._go_to(len(mark) if self._is_utf_8 else 0)
        while chunk := self._stream.read(_CHUNK_BYTES):
            self._at += len(chunk)
            yield chunk

    def says(self, judge: Callable[[str], bool], some: bytes) -> bool:
        """What `judge` says of some of the bytes as text."""
        as_utf_8, as_1252 = (judge(some.decode(each, "replace")) for each in ("utf-8", "cp1252"))
        if self._is_utf_8 is None and as_utf_8 != as_1252:
            self._is_utf_8 = _encoding(self._stream) != "cp1252"
            self._go_to(self._at)
        return as_1252 if self._is_utf_8 is False else as_utf_8

    def _go_to(self, position: int) -> None:
        """From the beginning: a stream out of a ZIP can go nowhere else."""
        self._stream.seek(0)
        self._at = 0
        while chunk := self._stream.read(min(position - self._at, _CHUNK_BYTES)):
            self._at += len(chunk)


def _first_bytes(stream: BinaryIO) -> bytes:
    """As many as a mark has, at most."""
    stream.seek(0)
    return b"".join(stream.read(1) for _ in codecs.BOM_UTF8)


def _encoding(stream: BinaryIO) -> str:
    if _first_bytes(stream).startswith(_UTF_16_MARKS):
        return "utf-16"
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        for chunk in _chunks(stream):
            decoder.decode(chunk)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return "cp1252"
    return "utf-8-sig"


def _chunks(stream: BinaryIO) -> Iterator[bytes]:
    stream.seek(0)
    while chunk := stream.read(_CHUNK_BYTES):
        yield chunk
