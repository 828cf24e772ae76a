"""The promises, as a plain model: what the source last said in each committed fetch, and what people did.

What belongs here: what may stand in the org, claim by claim, and what must after a commit. It knows nothing of the
pipeline's code: reports, records and items come as plain facts. Not here: how the facts are come by (`machine_town`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from claims_pipeline_tests.faults.machine_source import CLAIMS, PAYORS, STEADY, Printed, Version, payor_key

Record = dict[str, Any]
Claims = Mapping[str, Record]
WEEK_SECONDS = 7 * 86_400
CUSTOMER, LOOKUP, MISSING, KEY = (
    "Source_Customer__c",
    "Claim_Payor__c",
    "Source_Missing_Since__c",
    "Source_Payor_Key__c",
)


class Broken(AssertionError):
    """A promise does not hold."""


def hold(promise: object, words: str, *facts: object) -> None:
    """Raise where a promise does not hold."""
    if not promise:
        raise Broken(f"{words}: {facts}")


@dataclass(frozen=True)
class Word:
    """A person's row of the mapping table."""

    payor: str | None
    ignored: bool


@dataclass(frozen=True)
class Bringing:
    """One settle as the model must know it: which fetch, by whose words on payors, and when."""

    sequence: int
    printed: Printed
    words: Mapping[str, Word]
    """Payor key -> the word that stood in the mapping table when it was read."""
    at_seconds: float
    refused: Mapping[str, bool]
    """Claim that the org refuses -> whether that lasts."""


@dataclass
class Owed:
    """A committed version that the org would not take: it must come by itself once the org relents."""

    versions: list[Version]
    tried_at_seconds: list[float]
    lasting: bool
    may_be_gone: bool = False
    """Whether something is kept of it cannot be told: a fetch that was not committed brought it, or lacked it."""

    def may_be_due(self, now: float) -> bool:
        """Whether some reading of what happened makes it due."""
        return not self.lasting or now - min(self.tried_at_seconds) >= WEEK_SECONDS

    def waits_for(self, version: Version, now: float) -> bool:
        """Whether this very version may wait for its week, though a report holds it again."""
        return self.lasting and version in self.versions and not self.is_due(now)

    def is_due(self, now: float) -> bool:
        """Whether every reading of what happened makes it due."""
        return not self.lasting or now - max(self.tried_at_seconds) >= WEEK_SECONDS


@dataclass
class Model:
    """What may stand in the org. `may`: claim -> its versions, None where it may be absent."""

    auto_payor: str
    """The record of the org that the payor `auto` is, by name and id."""
    customer: str
    may: dict[str, list[Version | None]] = field(
        default_factory=lambda: {claim: [None] for claim in (STEADY, *CLAIMS)}
    )
    edits: dict[str, dict[str, object]] = field(default_factory=dict)
    notes: dict[str, str] = field(default_factory=dict)
    hand: dict[str, str] = field(default_factory=dict)
    owed: dict[str, Owed] = field(default_factory=dict)
    committed: int = 0
    fetched: dict[int, Printed] = field(default_factory=dict)
    own_field: str = ""
    _settled: tuple[dict[str, list[Version | None]], dict[str, Owed]] = field(default=({}, {}))
    """`may` and `owed` as they were before the settle that is under way."""

    # -- what people and the world do

    def edited(self, claim: str, **fields: object) -> None:
        """A person changed what the source owns: it stands until the claim is next brought."""
        self.edits.setdefault(claim, {}).update(fields)

    def deleted(self, claim: str) -> None:
        """A person deleted the claim, with all that stood on it."""
        self.may[claim] = [None]
        for kept in (self.edits, self.notes, self.hand):
            kept.pop(claim, None)

    def other_org(self, claims: Claims) -> None:
        """Another org answers: what stands there may stand."""
        for claim in self.may:
            if claim not in claims:
                self.deleted(claim)

    # -- what the workers do

    def fetch_done(self, sequence: int, printed: Printed) -> None:
        """Sequences only grow, and a higher one is a later report."""
        hold(sequence > 0 and sequence not in self.fetched, "a sequence was given twice", sequence)
        for other, earlier in self.fetched.items():
            if earlier.is_full == printed.is_full:
                in_order = (other < sequence) <= (earlier.serial <= printed.serial)
                in_order = in_order and (other > sequence) <= (earlier.serial >= printed.serial)
                hold(in_order, "a higher sequence holds an earlier report", sequence, other)
        self.fetched[sequence] = printed

    def begin(self, bringing: Bringing) -> None:
        """A settle that may write sets out: until it commits, claims may be as they were or as it brings them."""
        self._owe_unsent(bringing)
        self._settled = (dict(self.may), {claim: replace(owed) for claim, owed in self.owed.items()})
        printed = bringing.printed
        for claim, version in printed.good.items():
            self.may[claim] = [*self.may[claim], version]
        for claim, owed in self.owed.items():
            self.may[claim] = [*self.may[claim], *owed.versions]
            if claim in printed.good:
                owed.versions = [*owed.versions, printed.good[claim]]
                owed.tried_at_seconds = [*owed.tried_at_seconds, bringing.at_seconds]
            elif claim not in printed.faulty and printed.is_full:
                owed.may_be_gone = True
            elif claim not in printed.faulty and owed.may_be_due(bringing.at_seconds):
                owed.tried_at_seconds = [*owed.tried_at_seconds, bringing.at_seconds]

    def _owe_unsent(self, bringing: Bringing) -> None:
        """What other fetches brought that were never committed is kept, and may come below any newer version."""
        for sequence, printed in self.fetched.items():
            if sequence <= self.committed or sequence == bringing.sequence:
                continue
            for claim, version in printed.good.items():
                owed = self.owed.setdefault(claim, Owed([], [], lasting=False))
                owed.versions = [*owed.versions, version]
                owed.tried_at_seconds = [*owed.tried_at_seconds, bringing.at_seconds]
                owed.may_be_gone = True

    def commit_done(self, bringing: Bringing, before: Claims, after: Claims) -> None:
        """The cursor moved (or a replay passed): the org must hold everything, and nothing of a person's is lost."""
        hold(bringing.sequence >= self.committed, "the cursor moved back", bringing.sequence, self.committed)
        self.committed = bringing.sequence
        self.may, self.owed = self._settled
        printed = bringing.printed
        for claim in (STEADY, *CLAIMS):
            if claim in printed.good:
                self._named(claim, printed.good[claim], bringing, after)
            elif claim not in printed.faulty and printed.is_full:
                self.owed.pop(claim, None)
            elif claim not in printed.faulty:
                self._owed_is_tried(claim, bringing, after)
        self.look(after)
        for claim, record in after.items():
            self._mark_is_right(claim, bringing, before.get(claim), record)
            self._lookup_is_right(claim, bringing, before.get(claim), record)

    def _named(self, claim: str, version: Version, bringing: Bringing, after: Claims) -> None:
        record = after.get(claim)
        if record is not None and _is(record, version.record(claim)):
            self.may[claim] = [version]
            self.edits.pop(claim, None)
            self.owed.pop(claim, None)
            return
        owed = self.owed.get(claim)
        if owed is not None and owed.waits_for(version, bringing.at_seconds):
            self.may[claim] = [*self.may[claim], version]
            return
        hold(claim in bringing.refused, "a commit, and a claim is not as its fetch says", claim)
        self.owed[claim] = Owed([version], [bringing.at_seconds], bringing.refused[claim])

    def _owed_is_tried(self, claim: str, bringing: Bringing, after: Claims) -> None:
        owed = self.owed.get(claim)
        if owed is None:
            return
        if owed.may_be_gone or not owed.is_due(bringing.at_seconds):
            if owed.may_be_gone or owed.may_be_due(bringing.at_seconds):
                self.may[claim] = [*self.may[claim], *owed.versions]
            return
        record = after.get(claim)
        arrived = [each for each in owed.versions if record is not None and _is(record, each.record(claim))]
        if arrived:
            self.may[claim] = [*arrived]
            self.edits.pop(claim, None)
            del self.owed[claim]
            return
        hold(claim in bringing.refused, "a claim that had been refused never came", claim)
        owed.lasting, owed.tried_at_seconds = bringing.refused[claim], [bringing.at_seconds]

    def _mark_is_right(self, claim: str, bringing: Bringing, before: Record | None, after: Record) -> None:
        printed, marked = bringing.printed, after[MISSING] is not None
        was_marked = before is not None and before[MISSING] is not None
        if claim in bringing.refused:
            return
        if claim in printed.good or (claim in printed.faulty and printed.is_full):
            hold(not marked, "a claim of the report is called missing", claim)
        elif claim in printed.faulty:
            hold(marked == was_marked, "a recent report changed a mark", claim)
        elif printed.is_full and not printed.has_nameless_row:
            hold(marked, "a claim that the full fetch lacks is not marked", claim)
        else:  # a claim that was owed may have come, which takes the mark away
            hold(not marked or was_marked, "a claim was marked without reason", claim)

    def _lookup_is_right(self, claim: str, bringing: Bringing, before: Record | None, after: Record) -> None:
        if claim in bringing.refused:
            return
        key, standing = str(after[KEY]), None if before is None else before[LOOKUP]
        word = bringing.words.get(key, Word(None, ignored=False))
        matched = self.auto_payor if key == payor_key("auto") and not word.ignored else None
        if not word.ignored and word.payor is not None:
            right = {word.payor}
        elif before is None or before[KEY] != key or standing is None:
            right = {matched}
        elif self.hand.get(claim) == standing:
            right = {standing}
        else:  # linked by a match or a mapping: whether by one that was taken back, the table alone knows
            right = {standing} if word.ignored else {standing, matched}
        hold(after[LOOKUP] in right, "a lookup is not as the rules say", claim, after[LOOKUP], right)

    # -- what must hold at any time

    def look(self, claims: Claims) -> None:
        """Every claim is as a fetch brought it or as a person left it; nothing is lost, and nothing is deleted."""
        hold(
            set(claims) <= set(self.may),
            "the org holds a claim that nobody knows",
            set(claims) - set(self.may),
        )
        for claim, may in self.may.items():
            record = claims.get(claim)
            if record is None:
                hold(None in may, "a claim is gone from the org", claim)
                continue
            fits = [each for each in may if each is not None and self._fits(claim, record, each)]
            hold(fits, "a claim is as no fetch brought it: lost, stale or made up", claim, may)
            hold(
                record[self.own_field] == self.notes.get(claim), "a field of the org's own was written", claim
            )
            hold(record[CUSTOMER] == self.customer, "a claim is nobody's", claim)

    def hands_are_kept(self, before: Claims, after: Claims, words: Mapping[str, Word]) -> None:
        """A lookup that a person set by hand stands until his mapping or another payor at the source replaces it."""
        for claim, payor in list(self.hand.items()):
            old, new = before.get(claim), after.get(claim)
            if old is None or new is None or old[LOOKUP] != payor or new[LOOKUP] == payor:
                continue
            word = words.get(str(new[KEY]))
            by_word = word is not None and not word.ignored and word.payor == new[LOOKUP]
            hold(by_word or old[KEY] != new[KEY], "a lookup set by hand was overwritten", claim)
        for claim in [
            claim for claim, payor in self.hand.items() if after.get(claim, {}).get(LOOKUP) != payor
        ]:
            del self.hand[claim]

    def _fits(self, claim: str, record: Record, version: Version) -> bool:
        edits = self.edits.get(claim, {})
        return all(
            record[name] == value or (name in edits and record[name] == edits[name])
            for name, value in version.record(claim).items()
        )


def _is(record: Record, wanted: Mapping[str, object]) -> bool:
    return all(record[name] == value for name, value in wanted.items())


def roll_up_is_even(items: Mapping[str, Mapping[str, Any]]) -> None:
    """The roll-up `default` equals the sum over the customers."""
    customers = [item for name, item in items.items() if name.isdigit()]
    for name in ("records_processed", "success_count", "failure_count"):
        total = sum(int(item[name]["N"]) for item in customers if name in item)
        told = int(items.get("default", {}).get(name, {"N": "0"})["N"])
        hold(told == total, "the roll-up is not the sum over the customers", name, told, total)


__all__ = ["PAYORS", "Bringing", "Broken", "Model", "Word", "hold", "roll_up_is_even"]
