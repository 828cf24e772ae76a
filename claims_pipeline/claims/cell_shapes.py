"""The shape of a cell: what kind of thing stands in it, and never what.

What belongs here: `9999-99-99` for a date, `Aaaa, Aaaa (9…)` for a patient. Not here: whether a cell can be read
(`values`). A shape holds no letter and no digit of its cell, and says of a long run only that it is long.
"""

import unicodedata
from itertools import groupby

LONGEST_RUN = 4
"""So many of a kind are shown; a longer run ends in an ellipsis, so that no length tells who it is."""
LONGEST_SHAPE = 24

_BLANK, _OTHER, _MORE = "(blank)", "?", "…"
_SHOWN_AS_THEY_ARE = frozenset(" -/.,:()$#'&+=%_@")


def shape_of(cell: str) -> str:
    """`9` a digit, `A` a capital, `a` another letter, common punctuation as it is, `?` anything else."""
    text = " ".join(cell.split())
    if not text:
        return _BLANK
    runs = [(kind, sum(1 for _ in run)) for kind, run in groupby(map(_kind, text[: 4 * LONGEST_SHAPE]))]
    shape = "".join(
        kind * length if length <= LONGEST_RUN else kind * LONGEST_RUN + _MORE for kind, length in runs
    )
    return shape if len(shape) <= LONGEST_SHAPE else shape[: LONGEST_SHAPE - 1].rstrip(_MORE) + _MORE


def _kind(character: str) -> str:
    if character in _SHOWN_AS_THEY_ARE:
        return character
    category = unicodedata.category(character)
    if category == "Nd":
        return "9"
    if category.startswith("L"):
        return "A" if category in ("Lu", "Lt") else "a"
    return _OTHER
