"""The payor key: one text for all spellings of a payor, by which the mapping table knows it.

What belongs here: how a payor's name and id, or any other text, are made comparable. Not here: which record of the
org a key stands for (`payors`).
"""

import hashlib
import re
import unicodedata
from functools import lru_cache

import polars as pl

from claims_pipeline.claims.values import beginning, plain_length, plain_text

KEY_LENGTH = 255
_KEPT_OF_A_LONG_KEY = 238
_KEYS_KNOWN = 8_192
"""The same payors come in every slice of a report."""
_CUT = re.compile(r"~[0-9a-f]{16}")


def comparable(text: str) -> str:
    """Cleaned text as it is compared: compatibility forms and case folded, `|` and white space runs one space."""
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    return " ".join(folded.replace("|", " ").split())


def comparable_name(name: str | None) -> str:
    """A payor's name as it is compared; blank is the empty text."""
    return comparable(plain_text(name, name=True) or "")


def comparable_id(payor_id: str | None) -> str:
    """A payor's id as it is compared, leading zeros kept; blank is the empty text."""
    return comparable(plain_text(payor_id) or "")


@lru_cache(maxsize=_KEYS_KNOWN)
def payor_key(name: str | None, payor_id: str | None) -> str | None:
    """`name|id` in at most 255 UTF-16 units, or null where there is neither: no payor, nothing to map.

    A longer key is its first 238 units, `~`, and 16 hex digits of the SHA-256 of the whole.
    """
    parts = (comparable_name(name), comparable_id(payor_id))
    if not any(parts):
        return None
    key = "|".join(parts)
    if plain_length(key) <= KEY_LENGTH:
        return key
    digest = hashlib.sha256(key.encode()).hexdigest()[:16]
    return f"{beginning(key, _KEPT_OF_A_LONG_KEY)}~{digest}"


def is_cut(key: str) -> bool:
    """Whether a key is one that was cut, so that it holds no whole name and id."""
    return plain_length(key) == KEY_LENGTH and _CUT.fullmatch(key[-17:]) is not None


def payor_keys(names: pl.Series, payor_ids: pl.Series) -> pl.Series:
    """`payor_key` of many rows at once, computed once for each distinct name and id."""
    payors = pl.DataFrame({"name": names, "id": payor_ids}, schema={"name": pl.String, "id": pl.String})
    distinct = payors.unique()
    keys = [payor_key(name, payor_id) for name, payor_id in distinct.iter_rows()]
    keyed = distinct.with_columns(pl.Series("key", keys, dtype=pl.String))
    return payors.join(keyed, on=["name", "id"], how="left", nulls_equal=True, maintain_order="left")["key"]
