"""Names that are near another, for a person to choose from.

What belongs here: how near two names are, and finding near ones among thousands in bounded time. Not here: matching;
a near name is never applied.
"""

import re
from collections import defaultdict
from collections.abc import Collection, Iterable

from rapidfuzz import fuzz, process

NEAR_ENOUGH = 75
"""Below this score (0 to 100) a name is no suggestion."""

_SHORTLIST = 20
_TOO_COMMON = 200
_PART_OF_A_NAME = 0.9

_WORD = re.compile(r"\w+")


class NearNames:
    """Names (made comparable) of records, searched by nearness: like letters, or the same rare words."""

    def __init__(self, names: Iterable[tuple[str, str]]) -> None:
        """`names` are pairs of record id and name; a record may have several names."""
        self._records: list[str] = []
        self._texts: list[str] = []
        self._by_record: dict[str, list[int]] = defaultdict(list)
        self._by_word: dict[str, list[int]] = defaultdict(list)
        for place, (record, name) in enumerate(sorted(names)):
            words = _words(name)
            self._records.append(record)
            self._texts.append(" ".join(words))
            self._by_record[record].append(place)
            for word in words:
                self._by_word[word].append(place)

    def scores(self, name: str, always: Collection[str] = ()) -> dict[str, int]:
        """Records near the name, and those to be given `always`, with their scores."""
        words = _words(name)
        text = " ".join(words)
        places = {place for record in always for place in self._by_record[record]}
        if text:
            like = process.extract(
                text, self._texts, scorer=fuzz.ratio, limit=_SHORTLIST, score_cutoff=NEAR_ENOUGH
            )
            places.update(place for _, _, place in like)
            rare = (self._by_word.get(word, ()) for word in words)
            places.update(place for found in rare if len(found) <= _TOO_COMMON for place in found)
        best: dict[str, int] = {}
        for place in places:
            record = self._records[place]
            best[record] = max(best.get(record, 0), _nearness(text, self._texts[place]))
        return {record: score for record, score in best.items() if score >= NEAR_ENOUGH or record in always}


def _words(name: str) -> list[str]:
    return sorted(set(_WORD.findall(name)))


def _nearness(one: str, other: str) -> int:
    """Near as whole names, or, a little less, as one that holds the other's words. Both with sorted words."""
    whole = fuzz.ratio(one, other)
    part = _PART_OF_A_NAME * fuzz.token_set_ratio(one, other)
    return round(max(whole, part))
