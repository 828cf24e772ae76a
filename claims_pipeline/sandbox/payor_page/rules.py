"""The page's rules: what a row's status allows, what a decision makes of it, how much a decision will change.

What belongs here: the rules, over facts alone; each is tried by the cases in `salesforce/`, which the page in the org
runs too. Words, limits and what is allowed from which status are read from there. Not here: records (`desk`).
"""

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import Any

CASES = (
    Path(__file__).parents[3]
    / "salesforce/force-app/main/default/staticresources/ClaimPayorMappingCases.json"
)
"""The rules as cases, as they stand in the repository."""


@dataclass(frozen=True)
class RowFacts:
    """A row of the mapping table as the rules see it. Payors are record ids."""

    claim_payor: str | None = None
    ignored: bool = False
    automatic_match: str | None = None
    linked_payor: str | None = None
    suggestions: tuple[tuple[str | None, int | None], ...] = ()

    @property
    def status(self) -> str:
        """As the formula field says it."""
        if self.ignored:
            return "Ignored"
        if self.claim_payor:
            return "Mapped"
        return "Automatic" if self.automatic_match else "Unmapped"

    @property
    def stands(self) -> str | None:
        """The payor that the next sync links claims to."""
        return None if self.ignored else self.claim_payor or self.automatic_match

    @property
    def waits(self) -> bool:
        """Whether claims wait for the next sync: what stands is not what they were last linked to."""
        return not self.ignored and self.stands != self.linked_payor

    @property
    def offers(self) -> list[tuple[str, int | None]]:
        """Suggested payors in order, each once, without blanks and without what stands."""
        found: dict[str, int | None] = {}
        for payor, score in self.suggestions:
            if payor and payor != self.stands:
                found.setdefault(payor, score)
        return list(found.items())


@dataclass(frozen=True)
class Decision:
    """What a person wants of a row. `payor` for map and restore, `ignored` for restore.

    `seen`: what the page showed.
    """

    act: str
    payor: str | None = None
    ignored: bool = False
    seen: tuple[str | None, bool] | None = None


@dataclass(frozen=True)
class Outcome:
    """What becomes of a decision: `after` are the two fields that people write, None where nothing is saved."""

    outcome: str
    code: str | None = None
    after: tuple[str | None, bool] | None = None


@dataclass(frozen=True)
class ClaimGroup:
    """Claims of the row's key that hold one payor."""

    payor: str | None
    count: int
    charged: Decimal


@dataclass(frozen=True)
class PageRules:
    """The rules that are data."""

    raw: Mapping[str, Any] = field(repr=False)

    @classmethod
    def read(cls, path: Path = CASES) -> "PageRules":
        """From the repository's cases."""
        return cls(json.loads(path.read_text(encoding="utf-8")))

    def limit(self, name: str) -> int:
        """`pageSize`, `mostAtOnce`, `mostOffered`, `longestTerm`, `longestName` or `longestPayorId`."""
        return int(self.raw[name])

    @cached_property
    def statuses(self) -> list[str]:
        """In the order in which the page shows them."""
        return list(self.raw["statuses"])

    @cached_property
    def words(self) -> dict[str, str]:
        """Code -> what the page says."""
        return {each["code"]: each["text"] for each in self.raw["messages"]}

    def acts(self, row: RowFacts) -> list[str]:
        """What may be done with the row, undo apart."""
        return [act for act in self._from_statuses if act != "restore" and self._may(act, row)]

    def decide(self, row: RowFacts | None, decision: Decision, payors: Collection[str]) -> Outcome:
        """The first refusal that applies, or what is saved. `payors`: those that exist."""
        if row is None:
            return Outcome("refused", "ROW_GONE")
        holds = (row.claim_payor, row.ignored)
        if decision.seen is not None and decision.seen != holds:
            return Outcome("refused", "CHANGED_MEANWHILE")
        if not self._may(decision.act, row):
            return Outcome("refused", "NOT_FROM_HERE")
        if decision.act == "map" and not decision.payor:
            return Outcome("refused", "NO_PAYOR_CHOSEN")
        if decision.act in ("map", "restore") and decision.payor and decision.payor not in payors:
            return Outcome("refused", "PAYOR_GONE")
        after = _after(row, decision)
        return Outcome("unchanged") if after == holds else Outcome("saved", after=after)

    def created(
        self, name: str, payor_id: str | None, existing: Iterable[tuple[str, str | None]]
    ) -> str | None:
        """Why a new payor of this (trimmed) name and id may not be made; None where it may."""
        if not name:
            return "NAME_MISSING"
        if len(name) > self.limit("longestName"):
            return "NAME_TOO_LONG"
        if len(payor_id or "") > self.limit("longestPayorId"):
            return "PAYOR_ID_TOO_LONG"
        wanted = (name.casefold(), (payor_id or "").casefold())
        known = {(other.casefold(), (other_id or "").casefold()) for other, other_id in existing}
        return "PAYOR_EXISTS" if wanted in known else None

    @cached_property
    def _from_statuses(self) -> dict[str, list[str]]:
        return {each["act"]: each["fromStatuses"] for each in self.raw["acts"]}

    def _may(self, act: str, row: RowFacts) -> bool:
        return row.status in self._from_statuses.get(act, ())


def changes(row: RowFacts, decision: Decision, claims: Iterable[ClaimGroup]) -> tuple[int, Decimal]:
    """How many claims, and dollars, the next sync changes after the decision (rules of the sync: payors)."""
    claim_payor, ignored = _after(row, decision)
    count, charged = 0, Decimal("0.00")
    for group in claims:
        target = claim_payor or row.automatic_match
        may_replace = bool(claim_payor) or group.payor in (None, row.linked_payor)
        if not ignored and may_replace and group.payor != target:
            count, charged = count + group.count, charged + group.charged
    return count, charged


def _after(row: RowFacts, decision: Decision) -> tuple[str | None, bool]:
    return {
        "map": (decision.payor, False),
        "takeBack": (None, row.ignored),
        "ignore": (row.claim_payor, True),
        "unignore": (row.claim_payor, False),
        "restore": (decision.payor, decision.ignored),
    }[decision.act]
