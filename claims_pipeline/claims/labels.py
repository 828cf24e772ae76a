"""Labels cut to the length of their Salesforce field.

What belongs here: cutting text that people read. Not here: identifiers, which are never cut (`rows` rejects them).
"""

import re
from collections.abc import Callable

import polars as pl

from claims_pipeline.claims.values import beginning, length, on_distinct, plain_length

_ID_IN_BRACKETS = re.compile(r"\([^()]+\)")


def cut(label: str, limit: int) -> str:
    """The label's beginning in at most `limit` UTF-16 units: no character split, no ellipsis, trimmed."""
    return label if plain_length(label) <= limit else beginning(label, limit).strip(" ")


def cut_name(name: str, limit: int) -> str:
    """As `cut`, but a `(id)` at the name's end stays: the cut is made before it."""
    if plain_length(name) <= limit:
        return name
    before, found, after = name.rpartition("(")
    id_at_the_end = found + after
    if not (found and _ID_IN_BRACKETS.fullmatch(id_at_the_end) and plain_length(id_at_the_end) <= limit):
        return cut(name, limit)
    space = " " if before.endswith(" ") else ""
    room = limit - plain_length(space + id_at_the_end)
    return (cut(before.rstrip(" "), max(room, 0)) + space + id_at_the_end).strip(" ")


def cut_column(
    labels: pl.Series, limit: int | None, cutting: Callable[[str, int], str] = cut
) -> tuple[pl.Series, int]:
    """The column with every label within `limit` (None: not bounded), and how many were cut."""
    if limit is None:
        return labels, 0
    too_long = (
        labels.to_frame("label").select(length(pl.col("label")) > limit).to_series().fill_null(value=False)
    )
    number_cut = int(too_long.sum())
    if not number_cut:
        return labels, 0
    shorter = on_distinct(labels.filter(too_long), lambda label: cutting(label, limit))
    return labels.scatter(too_long.arg_true(), shorter), number_cut
