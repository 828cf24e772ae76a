"""Which record of the org a claim's payor is: the mapping table first, then name and id, never a guess.

What belongs here: the matching of one payor as the report names it, with suggestions for a person. Not here: making
names comparable (`payor_key`), reading the org's records, or what a match does to a claim's lookup (`compare`).
"""

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

from claims_pipeline.claims.near_names import NearNames
from claims_pipeline.claims.payor_key import comparable_id, comparable_name, is_cut, payor_key

__all__ = ["Mapping", "MatchRule", "Payor", "PayorMatch", "PayorMatcher", "Suggestion", "payor_key"]

_ENDS_IN_BRACKETS = re.compile(r"(?P<name>.*\S) ?\((?P<inside>[^()]+)\)")
_LEADING_HASH = re.compile(r"^ ?# ?")


class MatchRule(StrEnum):
    """How a payor was matched, or why it was not. The order is the order of precedence."""

    IGNORED = "IGNORED"
    TABLE = "TABLE"
    NAME_AND_ID = "NAME_AND_ID"
    ID = "ID"
    NAME = "NAME"
    AMBIGUOUS = "AMBIGUOUS"
    UNMAPPED = "UNMAPPED"
    NONE = "NONE"


@dataclass(frozen=True)
class Payor:
    """A record of `Claim_Payor__c`: its record id, Name and Payor_ID__c."""

    id: str
    name: str
    payor_id: str | None


@dataclass(frozen=True)
class Mapping:
    """A row of the mapping table. `claim_payor` and `ignored` are a person's word, the rest is the pipeline's."""

    payor_key: str
    claim_payor: str | None = None
    ignored: bool = False
    linked_payor: str | None = None
    automatic_match: str | None = None
    match_rule: str | None = None


@dataclass(frozen=True)
class Suggestion:
    """A record that a person may mean, with how near its name is (0 to 100)."""

    payor: str
    name: str
    score: int


@dataclass(frozen=True)
class PayorMatch:
    """What is known of a payor: its record (null: leave the lookup as it stands), by which rule, and near ones."""

    payor: str | None
    rule: MatchRule
    suggestions: tuple[Suggestion, ...] = ()


class PayorMatcher:
    """Matches payors as reports name them against the org's records and the mapping table.

    Each payor is worked out once: the same payor may be asked for in every bucket of a report.
    """

    def __init__(self, payors: Iterable[Payor], mappings: Iterable[Mapping]) -> None:
        self._names: dict[str, str] = {}
        self._by_name_and_id: dict[tuple[str, str], set[str]] = defaultdict(set)
        self._by_id: dict[str, set[str]] = defaultdict(set)
        self._by_id_without_zeros: dict[str, set[str]] = defaultdict(set)
        self._by_name: dict[str, set[str]] = defaultdict(set)
        self._decided = {mapping.payor_key: mapping for mapping in mappings}
        self._readings: list[tuple[str, str]] = []
        for payor in payors:
            self._names[payor.id] = payor.name
            for name, payor_id in _readings(payor):
                self._readings.append((payor.id, name))
                self._by_name_and_id[name, payor_id].add(payor.id)
                self._by_name[name].add(payor.id)
                if payor_id:
                    self._by_id[payor_id].add(payor.id)
                    self._by_id_without_zeros[payor_id.lstrip("0")].add(payor.id)
        self._named: dict[str, tuple[str, str]] = {}
        self._matched: dict[tuple[str | None, str | None], PayorMatch] = {}
        self._known: dict[tuple[str, str, str], PayorMatch] = {}
        self._known_automatic: dict[tuple[str, str, str], PayorMatch] = {}

    def match(self, name: str | None, payor_id: str | None) -> PayorMatch:
        """The first step that finds anything decides; more than one record there is `AMBIGUOUS`, and no match."""
        found = self._matched.get((name, payor_id))
        if found is None:
            found = self._matched[name, payor_id] = self._match_named(name, payor_id)
        return found

    def _match_named(self, name: str | None, payor_id: str | None) -> PayorMatch:
        key = payor_key(name, payor_id)
        if key is None:
            return PayorMatch(None, MatchRule.NONE)
        return self._match_once(
            key, *self._named.setdefault(key, (comparable_name(name), comparable_id(payor_id)))
        )

    def match_key(self, key: str) -> PayorMatch:
        """The match of a payor by its key. One that was cut is matched by the name and id that `match` has seen."""
        return self._match_once(key, *self._name_and_id(key))

    def automatic(self, key: str) -> PayorMatch:
        """What name and id alone say of a payor, whatever a person has decided."""
        return self._automatic_once(key, *self._name_and_id(key))

    def can_tell(self, key: str) -> bool:
        """Whether the payor's name and id are known: those of a key that was cut only when a report holds it."""
        return key in self._named or not is_cut(key)

    def _name_and_id(self, key: str) -> tuple[str, str]:
        name, _, payor_id = key.partition("|")
        return self._named.get(key, (name, payor_id))

    def ours(self, key: str) -> frozenset[str | None]:
        """What a lookup of this key may hold for us to replace it: nothing, and what we linked.

        That is what the mapping table says we linked last, and (where no person's word stands) its automatic match:
        a run that was killed while it moved claims from the one to the other has left both.
        """
        decided = self._decided.get(key)
        if decided is None:
            return frozenset({None})
        by_match = None if decided.ignored or decided.claim_payor else decided.automatic_match
        return frozenset({None, decided.linked_payor, by_match})

    def linked_payor(self, key: str | None) -> str | None:
        """The record that the key's claims were last linked to by us, as the mapping table says."""
        decided = self._decided.get(key) if key is not None else None
        return decided.linked_payor if decided is not None else None

    def _match_once(self, key: str, named: str, identified: str) -> PayorMatch:
        # Not by the key alone: one that was cut does not hold the whole name and id.
        asked = (key, named, identified)
        if asked not in self._known:
            self._known[asked] = self._match(key, named, identified)
        return self._known[asked]

    def _match(self, key: str, named: str, identified: str) -> PayorMatch:
        decided = self._decided.get(key)
        if decided is not None and decided.ignored:
            return PayorMatch(None, MatchRule.IGNORED)
        if decided is not None and decided.claim_payor:
            return PayorMatch(decided.claim_payor, MatchRule.TABLE)
        return self._automatic_once(key, named, identified)

    def _automatic_once(self, key: str, named: str, identified: str) -> PayorMatch:
        asked = (key, named, identified)
        if asked not in self._known_automatic:
            self._known_automatic[asked] = self._automatic(named, identified)
        return self._known_automatic[asked]

    def _automatic(self, named: str, identified: str) -> PayorMatch:
        for rule, found in self._steps(named, identified):
            if len(found) == 1:
                (payor,) = found
                return PayorMatch(payor, rule)
            if found:
                return PayorMatch(None, MatchRule.AMBIGUOUS, self._suggestions(named, found))
        kin = self._by_id_without_zeros.get(identified.lstrip("0"), set()) if identified else set()
        return PayorMatch(None, MatchRule.UNMAPPED, self._suggestions(named, kin))

    def _steps(self, name: str, payor_id: str) -> Iterator[tuple[MatchRule, Collection[str]]]:
        if name and payor_id:
            yield MatchRule.NAME_AND_ID, self._by_name_and_id.get((name, payor_id), ())
        if payor_id:
            yield MatchRule.ID, self._by_id.get(payor_id, ())
        if name and payor_id:
            yield MatchRule.NAME, self._by_name_and_id.get((name, ""), ())
        elif name:
            yield MatchRule.NAME, self._by_name.get(name, ())

    @cached_property
    def _near_names(self) -> NearNames:
        """Built when the first payor matches nothing: on most days all of them match."""
        return NearNames(self._readings)

    def _suggestions(self, name: str, first: Collection[str]) -> tuple[Suggestion, ...]:
        """Up to three near records; those that the rules could not choose between (`first`) come first."""
        scored = self._near_names.scores(name, always=first)
        ranked = sorted(
            (payor not in first, -score, self._names[payor], payor, score) for payor, score in scored.items()
        )
        return tuple(Suggestion(payor, label, score) for _, _, label, payor, score in ranked[:3])


def _readings(payor: Payor) -> Iterator[tuple[str, str]]:
    """The comparable names and ids that a record stands for; an id is empty where it is not known.

    `NAME (#id)` and `NAME (id)` count in both readings where Payor_ID__c is blank. Beside a Payor_ID__c, brackets
    that hold the same id are no part of the name.
    """
    name, payor_id = comparable_name(payor.name), comparable_id(payor.payor_id)
    in_brackets = _ENDS_IN_BRACKETS.fullmatch(name)
    if in_brackets is None:
        yield name, payor_id
        return
    inside = comparable_id(in_brackets["inside"])
    id_in_brackets = comparable_id(_LEADING_HASH.sub("", inside))
    if not payor_id:
        yield name, ""
        if id_in_brackets:
            yield in_brackets["name"], id_in_brackets
    elif payor_id in (inside, id_in_brackets):
        yield in_brackets["name"], payor_id
    else:
        yield name, payor_id
