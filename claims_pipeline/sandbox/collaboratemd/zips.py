"""ZIP files of every shape that a report may come in, written piece by piece: also those that no honest tool writes.

What belongs here: the ZIP format, and lies in it. Not here: what an entry holds (`entries`). Written by hand because
the standard library writes neither ZIP64 records for small files, nor a wrong CRC, nor a size that is not true.
Source of the layout: PKWARE's APPNOTE 6.3.10.
"""

import struct
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import BinaryIO

from claims_pipeline.sandbox.collaboratemd.entries import Entry

WRITTEN_AT = (2026 - 1980) << 25 | 1 << 21 | 5 << 16  # 5 January 2026, midnight
UTF8_NAME, SIZES_AFTER, ENCRYPTED = 0x800, 0x8, 0x1
UNTOLD = 0xFFFFFFFF


@dataclass(frozen=True)
class ZipShape:
    """How the ZIP is written.

    `zip64`: sizes and places stand in ZIP64 records. `sizes_after`: they follow the content, as streaming writers do
    it. `wrong_crc`, `encrypted`, `claimed_size` (of each unpacked entry) are lies about content that is there.
    `cut_bytes` are missing at the end. Without `zip64` an entry must stay below 4 GB.
    """

    deflate: bool = True
    zip64: bool = False
    sizes_after: bool = False
    wrong_crc: bool = False
    encrypted: bool = False
    claimed_size: int | None = None
    cut_bytes: int = 0


@dataclass
class _Written:
    """An entry as it was written."""

    name: bytes
    at: int
    flags: int
    method: int
    crc: int = 0
    packed: int = 0
    unpacked: int = 0


def write_zip(entries: Sequence[Entry], shape: ZipShape, into: BinaryIO) -> None:
    """Write the entries into a file that can seek, starting at its beginning."""
    written = [_write_entry(entry, shape, into) for entry in entries]
    at = into.tell()
    for entry in written:
        into.write(_central(entry, shape))
    _write_end(into, len(written), at, shape)
    if shape.cut_bytes:
        into.truncate(max(0, into.tell() - shape.cut_bytes))


def _write_entry(entry: Entry, shape: ZipShape, into: BinaryIO) -> _Written:
    flags = UTF8_NAME | (SIZES_AFTER if shape.sizes_after else 0) | (ENCRYPTED if shape.encrypted else 0)
    written = _Written(entry.name.encode(), into.tell(), flags, 8 if shape.deflate else 0)
    into.write(_local(written, shape, told=False))
    for chunk in _packed(entry, written):
        into.write(chunk)
    written.crc ^= 0x5EED if shape.wrong_crc else 0
    written.unpacked = written.unpacked if shape.claimed_size is None else shape.claimed_size
    end = into.tell()
    if shape.sizes_after:
        sizes = "QQ" if shape.zip64 else "II"
        into.write(struct.pack(f"<4sI{sizes}", b"PK\x07\x08", written.crc, written.packed, written.unpacked))
    else:
        into.seek(written.at)
        into.write(_local(written, shape, told=True))
        into.seek(end)
    return written


def _packed(entry: Entry, written: _Written) -> Iterator[bytes]:
    """The content as it stands in the file, counted on its way."""
    deflater = zlib.compressobj(6, zlib.DEFLATED, -15) if written.method else None
    for chunk in entry.chunks():
        written.crc = zlib.crc32(chunk, written.crc)
        written.unpacked += len(chunk)
        packed = deflater.compress(chunk) if deflater else chunk
        written.packed += len(packed)
        yield packed
    rest = deflater.flush() if deflater else b""
    written.packed += len(rest)
    yield rest


def _local(written: _Written, shape: ZipShape, *, told: bool) -> bytes:
    """The header before an entry; its sizes are zeros until they can be told."""
    crc, packed, unpacked = (written.crc, written.packed, written.unpacked) if told else (0, 0, 0)
    extra = b""
    if shape.zip64:
        extra = struct.pack("<HHQQ", 1, 16, unpacked, packed)
        packed = unpacked = UNTOLD
    header = (45 if shape.zip64 else 20, written.flags, written.method, WRITTEN_AT, crc, packed, unpacked)
    return (
        struct.pack("<4sHHHIIIIHH", b"PK\x03\x04", *header, len(written.name), len(extra))
        + written.name
        + extra
    )


def _central(written: _Written, shape: ZipShape) -> bytes:
    """The entry's line in the directory at the end."""
    packed, unpacked, at, extra = written.packed, written.unpacked, written.at, b""
    if shape.zip64:
        extra = struct.pack("<HHQQQ", 1, 24, unpacked, packed, at)
        packed = unpacked = at = UNTOLD
    version = 45 if shape.zip64 else 20
    header = (version, version, written.flags, written.method, WRITTEN_AT, written.crc, packed, unpacked)
    rest = (len(written.name), len(extra), 0, 0, 0, 0, at)
    return struct.pack("<4sHHHHIIIIHHHHHII", b"PK\x01\x02", *header, *rest) + written.name + extra


def _write_end(into: BinaryIO, entries: int, at: int, shape: ZipShape) -> None:
    size, count = into.tell() - at, entries
    if shape.zip64:
        end = into.tell()
        record = (44, 45, 45, 0, 0, entries, entries, size, at)
        into.write(struct.pack("<4sQHHIIQQQQ", b"PK\x06\x06", *record))
        into.write(struct.pack("<4sIQI", b"PK\x06\x07", 0, end, 1))
        count, size, at = 0xFFFF, UNTOLD, UNTOLD
    into.write(struct.pack("<4sHHHHIIH", b"PK\x05\x06", 0, 0, count, count, size, at, 0))
