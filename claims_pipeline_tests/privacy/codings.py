"""Codings: the forms in which a text may stand in bytes, and reading all of them back.

What belongs here: from bytes to every text that they hold, and `CODINGS`, the closed list of forms that the search is
tried on. Not here: what is searched for (`journeys.canary`), nor where (`sinks`).
"""

import base64
import binascii
import gzip
import html
import io
import json
import pickle
import quopri
import re
import struct
import unicodedata
import zipfile
import zlib
from collections.abc import Callable, Iterator
from urllib.parse import quote, quote_plus, unquote_to_bytes

import polars as pl

DEEPEST = 4
"""How many packings may lie in one another."""
_ROUNDS = 5
"""How often escapes may be escaped."""
_MOST_BYTES = 64 * 1024 * 1024
_BASE64 = re.compile(rb"[A-Za-z0-9+/_-]{12,}")
_HEX = re.compile(rb"(?:[0-9a-fA-F]{2}){8,}")
_BACKSLASHED = re.compile(r"\\(?:u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|x([0-9a-fA-F]{2})|(['\"/\\]))")
_LINE_BREAKS = re.compile(rb"\r?\n|\\+[rn]")
_ZLIB = re.compile(rb"\x78[\x01\x5e\x9c\xda]")
_LOCAL_HEADER = struct.Struct("<4s5H3I2H")
_URLSAFE = bytes.maketrans(b"-_", b"+/")
_APOSTROPHES = str.maketrans(dict.fromkeys("\u2018\u2019\u02bc\u00b4`", "'"))


def canonical(text: str) -> str:
    """The text without case, accents, composition and invisible characters: what two spellings have in common."""
    taken_apart = unicodedata.normalize("NFKD", text.translate(_APOSTROPHES))
    if not taken_apart.isascii():
        taken_apart = "".join(each for each in taken_apart if unicodedata.category(each) not in ("Mn", "Cf"))
    return taken_apart.casefold()


def texts_of(content: bytes, depth: int = DEEPEST) -> Iterator[str]:
    """Every text that these bytes hold, canonical: as they are, unescaped, unpacked, and whatever lies in that."""
    for text in _plain(content):
        yield from _unescaped(text)
    if depth:
        for inner in _inner(content):
            yield from texts_of(inner, depth - 1)


def _plain(content: bytes) -> Iterator[str]:
    yield content.decode("utf-8", "replace")
    if not content.isascii():
        yield content.decode("latin-1")
    if b"\0" in content:
        for coding in ("utf-16-le", "utf-16-be"):
            yield content.decode(coding, "replace")
            yield content[1:].decode(coding, "replace")
    if b"=" in content:
        yield quopri.decodestring(content).decode("utf-8", "replace")


def _unescaped(text: str) -> Iterator[str]:
    yield canonical(text)
    if "+" in text:
        yield canonical(_unquoted(text.replace("+", " ")))  # a form's
    for _ in range(_ROUNDS):
        before, text = text, html.unescape(_BACKSLASHED.sub(_character, _unquoted(text)))
        if text == before:
            return
        yield canonical(text)
        yield canonical(
            text.encode("latin-1", "ignore").decode("utf-8", "ignore")
        )  # the bytes of a bytes' repr


def _unquoted(text: str) -> str:
    return unquote_to_bytes(text).decode("utf-8", "replace") if "%" in text else text


def _character(found: re.Match[str]) -> str:
    code = found[1] or found[2] or found[3]
    number = int(code, 16) if code else 0
    return found[4] or (chr(number) if number <= 0x10FFFF and not 0xD800 <= number < 0xE000 else " ")


def _inner(content: bytes) -> Iterator[bytes]:
    """What is packed in these bytes, wherever in them it begins."""
    for pieces in (_of_base64(content), _of_base64(_LINE_BREAKS.sub(b"", content)), _of_hex(content)):
        found = list(pieces)
        if found:
            yield b"\n".join(found)
    yield from _inflated(content)
    yield from _zip_members(content)
    if content[:4] == b"PAR1":
        yield from _cells(content)


def _of_base64(content: bytes) -> Iterator[bytes]:
    """Of each run of its letters, from each place in a group of four at which it may begin."""
    for run in _BASE64.findall(content):
        letters = run.translate(_URLSAFE)
        for begin in range(4):
            some = letters[begin:]
            yield base64.b64decode(some[:-1] if len(some) % 4 == 1 else some + b"A" * (-len(some) % 4))


def _of_hex(content: bytes) -> Iterator[bytes]:
    for run in _HEX.findall(content):
        yield binascii.unhexlify(run)


def _inflated(content: bytes) -> Iterator[bytes]:
    for magic, bits in ((re.compile(rb"\x1f\x8b\x08"), 31), (_ZLIB, 15)):
        for found in magic.finditer(content):
            yield from _decompressed(content[found.start() :], bits)


def _decompressed(content: bytes, bits: int) -> Iterator[bytes]:
    """As far as it can be: a stream that was cut tells what came before the cut."""
    unpacking, found, step = zlib.decompressobj(bits), [], 4096
    begin = 0
    while begin < len(content) and not unpacking.eof:
        before = unpacking.copy()
        try:
            found.append(unpacking.decompress(content[begin : begin + step], _MOST_BYTES))
            begin += step
        except zlib.error:
            if step == 1:
                break
            unpacking, step = before, 1
    if whole := b"".join(found):
        yield whole


def _zip_members(content: bytes) -> Iterator[bytes]:
    """By each member's own header: a ZIP that was cut, or that stands in other bytes, is read all the same."""
    for found in re.finditer(rb"PK\x03\x04", content):
        head = content[found.start() : found.start() + _LOCAL_HEADER.size]
        if len(head) < _LOCAL_HEADER.size:
            continue
        *_, name_length, extra_length = _LOCAL_HEADER.unpack(head)
        begin = found.start() + _LOCAL_HEADER.size + name_length + extra_length
        yield from _decompressed(content[begin:], -15)


def _cells(content: bytes) -> Iterator[bytes]:
    """Every cell of a parquet file, and what is noted beside them."""
    try:
        frame = pl.read_parquet(io.BytesIO(content))
        noted = pl.read_parquet_metadata(io.BytesIO(content))
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException):
        return
    yield json.dumps(without_schema(noted)).encode()
    nested = [name for name, kind in frame.schema.items() if kind.is_nested()]
    yield frame.drop(nested).write_csv().encode()
    yield frame.select(nested).write_ndjson().encode() if nested else b""


def without_schema(noted: dict[str, str]) -> dict[str, str]:
    """What is noted in a parquet file, without the columns' names and types in polars' own coding."""
    return {key: value for key, value in noted.items() if key != "ARROW:schema"}


def _zipped(text: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.csv", ("x" * 200 + text) * 3)
    return out.getvalue()


def _as_parquet(text: str) -> bytes:
    out = io.BytesIO()
    pl.DataFrame({"a": [text] * 100}).write_parquet(out)
    return out.getvalue()


def _escaped(text: str) -> bytes:
    return "".join(
        f"&#{ord(each)};" if not each.isalnum() or ord(each) > 127 else each for each in text
    ).encode()


def _swapped_case(text: str) -> bytes:
    return text.swapcase().encode()


CODINGS: dict[str, Callable[[str], bytes]] = {
    "plain": lambda text: text.encode(),
    "case-folded": lambda text: text.casefold().encode(),
    "the other case": _swapped_case,
    "composed (NFC)": lambda text: unicodedata.normalize("NFC", text).encode(),
    "decomposed (NFD)": lambda text: unicodedata.normalize("NFD", text).encode(),
    "UTF-16": lambda text: text.encode("utf-16"),
    "Windows-1252": lambda text: unicodedata.normalize("NFC", text).encode("cp1252"),
    "URL": lambda text: quote(text, safe="").encode(),
    "URL form": lambda text: quote_plus(text).encode(),
    "URL, twice": lambda text: quote(quote(text)).encode(),
    "JSON": lambda text: json.dumps(text).encode(),
    "JSON in JSON": lambda text: json.dumps({"message": json.dumps([text])}).encode(),
    "XML and HTML": lambda text: html.escape(text).encode(),
    "XML and HTML by numbers": _escaped,
    "a repr": lambda text: ascii({"value": text}).encode(),
    "a repr of bytes": lambda text: repr(text.encode()).encode(),
    "base64": lambda text: base64.b64encode(text.encode()),
    "base64, one byte on": lambda text: base64.b64encode(b"x" + text.encode()),
    "base64, two bytes on": lambda text: base64.b64encode(b"xy" + text.encode()),
    "base64 in lines": lambda text: base64.encodebytes(b"." * 50 + text.encode()),
    "base64 for URLs": lambda text: base64.urlsafe_b64encode(b"\xff\xfe\xfa" + text.encode()),
    "hexadecimal": lambda text: text.encode().hex().encode(),
    "quoted-printable": lambda text: quopri.encodestring(text.encode(), quotetabs=True),
    "gzip": lambda text: gzip.compress(text.encode()),
    "zlib": lambda text: b"head" + zlib.compress(text.encode() * 3),
    "a ZIP": _zipped,
    "a ZIP that was cut": lambda text: _zipped(text)[:-60],
    "parquet": _as_parquet,
    "gzip in base64": lambda text: base64.b64encode(gzip.compress(text.encode())),
    **{
        f"pickle, protocol {protocol}": lambda text, protocol=protocol: pickle.dumps([text], protocol)
        for protocol in range(pickle.HIGHEST_PROTOCOL + 1)
    },
}
"""Every form that the search is tried on, with how a text is put into it."""
