"""Text of a report file for the second reader, decoded on its own.

What belongs here: which encoding a file is in, and its text in chunks. Not here: rows (`recount`, `recount_json`).
Nothing of this is shared with `reading`: the two must not make the same mistake.
"""

import codecs
from collections.abc import Iterator
from typing import BinaryIO

LONGEST_RECORD = 1 << 24
"""Characters. A record that is longer is no row of claims; it bounds what a quote that never closes can take."""

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


def _encoding(stream: BinaryIO) -> str:
    stream.seek(0)
    if stream.read(1) + stream.read(1) in _UTF_16_MARKS:
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
