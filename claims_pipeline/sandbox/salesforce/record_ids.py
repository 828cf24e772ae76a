"""Salesforce's record ids: 15 characters that tell capitals from small letters, and 3 that repeat which were capitals.

What belongs here: making, completing and checking ids. Not here: which object a prefix belongs to (`schema`).
"""

import re

_BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_SUFFIX = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
_SHAPE = re.compile(r"[0-9A-Za-z]{15}(?:[0-9A-Za-z]{3})?")
_INSTANCE = "Vx0"  # the part of an id that names the instance that made it


def new_id(prefix: str, number: int) -> str:
    """The `number`th id of the object with this three-character prefix, 18 characters long."""
    digits = []
    for _ in range(9):
        number, digit = divmod(number, 62)
        digits.append(_BASE62[digit])
    return complete(prefix + _INSTANCE + "".join(reversed(digits)))


def complete(short: str) -> str:
    """The 18 characters of a 15-character id."""
    return short + _suffix(short)


def full_id(text: str) -> str | None:
    """The 18 characters of an id given with 15 or 18; None if it is not an id at all."""
    if _SHAPE.fullmatch(text) is None:
        return None
    if len(text) == 15:
        return complete(text)
    short = text[:15]
    return text if _suffix(short) == text[15:].upper() else None


def _suffix(short: str) -> str:
    suffix = ""
    for start in (0, 5, 10):
        bits = sum(1 << place for place, letter in enumerate(short[start : start + 5]) if letter.isupper())
        suffix += _SUFFIX[bits]
    return suffix
