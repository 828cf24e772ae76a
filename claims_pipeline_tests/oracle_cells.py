"""The oracle's reading of bytes, records and cells, written from the rules alone.

What belongs here: what one file's text and one cell mean. Not here: what becomes of rows and claims (`oracle`). Plain
Python, no polars, and nothing of the package's domain: two readings that share code would share its mistakes.
"""

import re
import unicodedata
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from enum import Enum, auto
from hashlib import sha256

ZERO_WIDTH = {*map(chr, range(0x200B, 0x2010)), "\u2060", "\ufeff"}
SPREADSHEET_ERRORS = {"#N/A", "#REF!", "#VALUE!", "#NAME?", "#DIV/0!", "#NULL!", "#NUM!"}
KEY_LENGTH = 255

AMOUNT = re.compile(r"(?P<dollars>[0-9]{1,3}(?:,[0-9]{3})+|[0-9]*)(?:\.(?P<cents>[0-9]+))?")
AMERICAN_DAY = re.compile(r"(?P<month>[0-9]{1,2})/(?P<day>[0-9]{1,2})/(?P<year>[0-9]{4})")
ISO_DAY = re.compile(
    r"(?P<year>[0-9]{4})-(?P<month>[0-9]{2})-(?P<day>[0-9]{2})"
    r"(?:[T ](?P<hour>[0-9]{2}):(?P<minute>[0-9]{2})(?::(?P<second>[0-9]{2})(?:\.[0-9]+)?)?"
    r" ?(?:Z|[+-][0-9]{2}(?::?[0-9]{2})?)?)?"
)


class FileStops(Exception):
    """The file cannot be read on: `row` is the record at which it stops, if it is one."""

    def __init__(self, why: str, row: int | None = None) -> None:
        self.row = row
        super().__init__(why)


class Unreadable(Exception):
    """A cell that is neither blank nor what its column asks for."""


class _At(Enum):
    START_OF_CELL = auto()
    PLAIN_CELL = auto()
    QUOTED_CELL = auto()
    AFTER_QUOTE = auto()


def decode(content: bytes) -> str:
    """UTF-16 by its byte order mark, else UTF-8, else Windows-1252 with U+FFFD for what it leaves undefined."""
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return content.decode("utf-16")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("cp1252", errors="replace")


def records(text: str) -> Iterator[tuple[int, list[str]]]:
    """Every record with its ordinal from 1, blank lines counted and given as one empty cell."""
    number, cells, cell, at, i = 1, [], "", _At.START_OF_CELL, 0
    while i < len(text):
        char = text[i]
        i += 1
        if at is _At.QUOTED_CELL:
            if char == '"':
                at = _At.AFTER_QUOTE
            else:
                cell += char
        elif char == '"' and at is _At.AFTER_QUOTE:
            cell, at = cell + '"', _At.QUOTED_CELL
        elif char == '"' and at is _At.START_OF_CELL:
            at = _At.QUOTED_CELL
        elif char == ",":
            cells.append(cell)
            cell, at = "", _At.START_OF_CELL
        elif char in "\r\n":
            if char == "\r" and text[i : i + 1] == "\n":
                i += 1
            yield number, [*cells, cell]
            number, cells, cell, at = number + 1, [], "", _At.START_OF_CELL
        elif at is _At.AFTER_QUOTE:
            raise FileStops("text after a closing quote", number)
        else:
            cell, at = cell + char, _At.PLAIN_CELL
    if at is _At.QUOTED_CELL:
        raise FileStops("a quote that never closes", number)
    if cells or at is not _At.START_OF_CELL:
        yield number, [*cells, cell]


def clean(cell: str) -> str:
    """What all cells go through: zero-width out, NFC, every kind of space and control character one space."""
    visible = unicodedata.normalize("NFC", "".join(char for char in cell if char not in ZERO_WIDTH))
    spaced = "".join(
        " " if char.isspace() or unicodedata.category(char) == "Cc" else char for char in visible
    )
    return " ".join(spaced.split())


def text(cell: str, *, name: bool = False) -> str | None:
    """A cleaned text without the guards that spreadsheets are given; None when blank."""
    value = clean(cell)
    if value[:1] == "'" and value[1:2] != "" and (value[1] in "=+-@" or value[1].isdecimal()):
        value = value[1:]
    if value == "-" or value in SPREADSHEET_ERRORS:
        return None
    if value[:1] == "-" and value[1:2].isalpha() and not name:
        value = value[1:]
    return value or None


def money(cell: str) -> Decimal | None:
    """Exact dollars and cents; None when blank. Raises Unreadable."""
    value = clean(cell)
    if not value:
        return None
    negative = False
    if value[0] == "(" and value[-1] == ")":
        value, negative = value[1:-1], True
    elif value[0] == "-":
        value, negative = value[1:], True
    if value[:1] == "$" and value[1:2].isdigit():  # right before the first digit: not before a point
        value = value[1:]
    found = AMOUNT.fullmatch(value)
    if found is None or not any(char.isdigit() for char in value):
        raise Unreadable
    dollars, cents = found["dollars"].replace(",", ""), found["cents"] or ""
    if len(dollars) > 14 or cents[2:].strip("0"):
        raise Unreadable
    amount = Decimal(f"{dollars or '0'}.{(cents + '00')[:2]}")
    return -amount if negative and amount else amount


def day(cell: str, fetched_on: date) -> date | None:
    """The day as it is written; None when blank. Raises Unreadable, also for one out of range."""
    value = clean(cell)
    if not value:
        return None
    found = AMERICAN_DAY.fullmatch(value) or ISO_DAY.fullmatch(value)
    if found is None:
        raise Unreadable
    parts = found.groupdict()
    if (
        int(parts.get("hour") or 0) > 23
        or int(parts.get("minute") or 0) > 59
        or int(parts.get("second") or 0) > 59
    ):
        raise Unreadable
    try:
        read = date(int(parts["year"]), int(parts["month"]), int(parts["day"]))
    except ValueError:
        raise Unreadable from None
    if not 1900 <= read.year <= fetched_on.year + 2:
        raise Unreadable
    return read


def units(value: str) -> int:
    """The length as Salesforce counts it: UTF-16 units."""
    return len(value) + sum(1 for char in value if char > "\uffff")


def beginning(value: str, limit: int) -> str:
    """The longest beginning of at most so many UTF-16 units."""
    while units(value) > limit:
        value = value[:-1]
    return value


def cut(value: str, limit: int) -> str:
    """A label within its length, without a space at its end."""
    return beginning(value, limit).strip()


def cut_name(value: str, limit: int) -> str:
    """A patient's name cut before a `(id)` at its end, which stays."""
    found = re.fullmatch(r"(?P<name>.*?)(?P<id> ?\([^()]+\))", value, re.DOTALL)
    if units(value) <= limit or found is None or units(found["id"].strip()) > limit:
        return cut(value, limit)
    return (cut(found["name"], max(0, limit - units(found["id"]))) + found["id"]).strip()


def folded(value: str | None) -> str:
    """How a payor's name or id is compared: blind to case, width, composition and spaces."""
    if value is None:
        return ""
    once = unicodedata.normalize("NFKC", value).casefold()
    return clean(unicodedata.normalize("NFKC", once).replace("|", " "))


def payor_key(name: str | None, payor_id: str | None) -> str | None:
    """`name|id` in folded form, at most 255 UTF-16 units; None when there is neither."""
    if name is None and payor_id is None:
        return None
    key = f"{folded(name)}|{folded(payor_id)}"
    if units(key) <= KEY_LENGTH:
        return key
    return f"{beginning(key, 238)}~{sha256(key.encode()).hexdigest()[:16]}"
