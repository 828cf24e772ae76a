"""The mapping table: every payor seen stands in it, with its match, what its claims were linked to, and what waits.

What belongs here: when its rows are written, and that by differences alone; a row that cannot be written is told, and
stops no claim. Not here: what a row must say (`claims.payor_rows`), nor linking claims (`settling.relink`).
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

import polars as pl

from claims_pipeline.claims import payor_rows
from claims_pipeline.claims.compare import LEAVE, PAYOR_KEY_FIELD
from claims_pipeline.claims.payor_rows import OURS, ROW_KEY, SeenPayor
from claims_pipeline.claims.payors import PayorMatcher
from claims_pipeline.clients.salesforce import AnotherOrgAnswers
from claims_pipeline.errors import ClaimsPipelineError, LeaseLost
from claims_pipeline.storage.frames import StampedFrame
from claims_pipeline.sync.payors.groups import Group
from claims_pipeline.sync.settling.send import Writer

MAPPING = "Claim_Payor_Mapping__c"
_COLUMNS = {
    "source_payor_name": payor_rows.NAME,
    "source_payor_id": payor_rows.ID,
    "first_seen_on": payor_rows.FIRST_SEEN,
    "last_seen_on": payor_rows.LAST_SEEN,
    "automatic_match": payor_rows.AUTOMATIC,
    "match_rule": payor_rows.RULE,
    "linked_payor": payor_rows.LINKED,
    "claim_count": payor_rows.COUNT,
    "charged_amount": payor_rows.CHARGED,
    **{name.removesuffix("__c").lower(): name for pair in payor_rows.SUGGESTIONS for name in pair},
}
Changes = Mapping[str, Mapping[str, str | None]]
"""Payor key -> the fields of its row that change."""

_RACED = "DUPLICATE_VALUE"
_TAKEN = ("created", "updated")


@dataclass
class PayorTable:
    """The org's mapping table during one sync. `rows`: payor key -> our fields, as they stand by what we know.

    `on`: the day of the report. `writable`: our fields that the org has and lets us write; empty where there is no
    table. `moves`: whether a payor of the table was linked otherwise than it is matched now, as `list_seen` found it.
    Memory: the table, some 10,000 rows.
    """

    matcher: PayorMatcher
    on: date
    rows: dict[str, dict[str, str | None]]
    writable: frozenset[str]
    lengths: Mapping[str, int]
    moves: bool = False
    _warnings: list[str] = field(default_factory=list)
    _refused: dict[str, str] = field(default_factory=dict)
    _is_fresh: bool = False

    @classmethod
    def of(cls, payors: StampedFrame, matcher: PayorMatcher, writer: Writer, on: date) -> "PayorTable":
        """The table as it was read for this sync."""
        facts = payors.stamp.facts
        rows = payors.frame.filter(pl.col("kind") == "mapping").collect()
        table = cls(matcher, on, _rows_of(rows), frozenset(), {})
        hidden = facts.get("hidden")
        if hidden:
            table._warnings.append(
                f"{MAPPING} hides {', '.join(hidden)} from the integration user, so that people's decisions cannot be "
                "read: no payor is matched and no lookup changed. Deploy salesforce/ and assign Claims Integration"
            )
        elif not facts["mapping_table"]:
            table._warnings.append(
                f"the org has no {MAPPING}: payors are matched by name and id alone, and people have no page to map "
                "them. Deploy salesforce/ to have it"
            )
        else:
            described = writer.salesforce.describe(MAPPING).fields
            table.lengths = {name: described[name].length for name in OURS if name in described}
            table.writable = frozenset(
                name for name in OURS if name in described and described[name].writable
            )
            lacking = [name for name in OURS if name not in table.writable]
            if not described[ROW_KEY].writable:
                lacking, table.writable = [ROW_KEY], frozenset()
            if lacking:
                table._warnings.append(
                    f"{MAPPING}: the integration user may not write {', '.join(lacking)}; the sync does without"
                )
        return table

    @property
    def warnings(self) -> tuple[str, ...]:
        """What a person should know of the table, codes and counts alone."""
        codes = Counter(self._refused.values())
        told = ", ".join(f"{code} ({count})" for code, count in sorted(codes.items()))
        more = [f"{len(self._refused):,} row(s) of {MAPPING} were not written: {told}"] if told else []
        return (*self._warnings, *more)

    def list_seen(self, claims: StampedFrame, writer: Writer) -> None:
        """Before these claims are sent: a row for each of their payors, and what claims are about to be linked to."""
        seen = {payor.key: payor for payor in seen_payors(claims)}
        for payor in seen.values():
            self.matcher.match(payor.name, payor.payor_id)  # so that a key that was cut is known by its name
        self.moves = any(
            payor_rows.differences(self._linked_after(key), standing) for key, standing in self.rows.items()
        )
        if not self.writable:
            return
        self._write(lambda: self._of_seen(seen), writer, "payors-seen")

    def _of_seen(self, seen: Mapping[str, SeenPayor]) -> Changes:
        changes = {}
        for key in dict.fromkeys((*seen, *self.rows)):
            standing = self.rows.get(key, {})
            changed = self._changed(seen.get(key, _as_it_stands(key, standing)), standing)
            if key in seen:
                changed |= payor_rows.seen_on(self.on, standing, differs=bool(changed))
            changes[key] = changed
        return changes

    def settle(self, groups: Iterable[Group], settled: Mapping[str, bool], writer: Writer) -> None:
        """After claims were linked: counts and dollars that the org itself tells, and what claims are linked to.

        `groups`: all the org's claims by payor key and lookup; `settled`: key -> whether each of its claims has the
        lookup that it should have. A payor that only the org's claims name gets its row as well.
        """
        if not self.writable:
            return
        waiting = Waiting.of(groups)
        self._write(lambda: self._of_settled(waiting, settled), writer, "payors-settled")

    def _of_settled(self, waiting: "Waiting", settled: Mapping[str, bool]) -> Changes:
        changes = {}
        for key in dict.fromkeys((*self.rows, *waiting.named)):
            standing = self.rows.get(key, {})
            says: dict[str, str | None] = payor_rows.amounts(waiting.claims[key], waiting.charged[key])
            if settled.get(key, True):
                says |= self._linked_after(key)
            changed = payor_rows.differences(says, standing)
            if not standing:
                changed |= self._changed(waiting.named[key], standing)
                changed |= payor_rows.seen_on(self.on, standing, differs=True)
            changes[key] = changed
        return changes

    def _linked_after(self, key: str) -> dict[str, str | None]:
        match = self.matcher.match_key(key)
        return payor_rows.linked_after(match) if match.payor or self.matcher.can_tell(key) else {}

    def is_stale(self) -> None:
        """Time has passed: what stands in the table is read again before the next write."""
        self._is_fresh = False

    def _read_again(self, writer: Writer) -> None:
        mappings = writer.salesforce.read_mappings()
        if mappings is not None:
            self.rows = _rows_of(mappings)
            self._is_fresh = True

    def _changed(self, seen: SeenPayor, standing: Mapping[str, str | None]) -> dict[str, str | None]:
        says = payor_rows.linked_before(self.matcher.match_key(seen.key), standing)
        if self.matcher.can_tell(seen.key):
            automatic = self.matcher.automatic(seen.key)
            says |= payor_rows.what_it_says(seen, standing, automatic, self.lengths)
        return payor_rows.differences(says, standing)

    def _write(self, changes_of: Callable[[], Changes], writer: Writer, purpose: str) -> None:
        """Write the fields that differ from what stands now, and nothing else; remember what was taken.

        The table was read when the run began, or by an attempt before it: it is read again before the first write.
        """
        if not self._ours(changes_of()):
            return
        try:
            if not self._is_fresh:
                self._read_again(writer)
            ours = self._ours(changes_of())
            again = list(self._sent(ours, writer, purpose))
            list(self._sent({key: ours[key] for key in again}, writer, f"{purpose}-again", last=True))
        except (LeaseLost, AnotherOrgAnswers):
            raise
        except ClaimsPipelineError as error:  # claims are sent whatever becomes of rows about their payors
            self._warnings.append(
                f"{MAPPING} could not be written ({type(error).__name__}); the next sync does"
            )

    def _ours(self, changes: Changes) -> Changes:
        """What may be written of the changes, without rows in which nothing differs."""
        kept = {
            key: {name: value for name, value in changed.items() if name in self.writable}
            for key, changed in changes.items()
        }
        return {key: changed for key, changed in kept.items() if changed}

    def _sent(self, changes: Changes, writer: Writer, purpose: str, *, last: bool = False) -> Iterator[str]:
        """The keys whose rows another run has made since ours read the table: once more finds them."""
        if changes:
            frames = [payload_of(changes)]
            for answer in writer.upsert_rows(MAPPING, ROW_KEY, frames, purpose):
                yield from self._told(answer, changes, last=last)

    def _told(self, answer: pl.DataFrame, changes: Changes, *, last: bool) -> Iterator[str]:
        for key, outcome, code, fields in answer.select("key", "outcome", "code", "fields").iter_rows():
            if outcome in _TAKEN:
                self.rows.setdefault(key, {}).update(changes[key])
                self._refused.pop(key, None)
            elif code == _RACED and ROW_KEY in (fields or "").split(",") and not last:
                yield key
            else:
                self._refused[key] = code or outcome.upper()


@dataclass(frozen=True)
class Waiting:
    """The org's claims by payor key: what names each, and those without a payor in number and charged US dollars."""

    named: Mapping[str, SeenPayor]
    claims: Mapping[str, int]
    charged: Mapping[str, Decimal]

    @classmethod
    def of(cls, groups: Iterable[Group]) -> "Waiting":
        """From all groups of the org."""
        named: dict[str, SeenPayor] = {}
        claims, charged = Counter[str](), defaultdict[str, Decimal](Decimal)
        for group in groups:
            key = group.payor_key.casefold()  # one typed by hand counts with its row
            named.setdefault(key, SeenPayor(key, group.payor_name, group.payor_id))
            if group.lookup is None:
                claims[key] += group.claims
                charged[key] += group.charged
        return cls(named, claims, charged)


def seen_payors(claims: StampedFrame) -> Iterator[SeenPayor]:
    """The payors of claims, one spelling a key: the first in the order of their letters."""
    named = (PAYOR_KEY_FIELD, "payor_name", "payor_id")
    found = pl.concat(
        [
            pl.DataFrame(schema=dict.fromkeys(named, pl.String)),
            *(part.unique() for part in claims.slices(named)),
        ]
    )
    ordered = (
        found.drop_nulls(PAYOR_KEY_FIELD)
        .sort(named)
        .unique(PAYOR_KEY_FIELD, keep="first", maintain_order=True)
    )
    for key, name, payor_id in ordered.iter_rows():
        yield SeenPayor(key, name, payor_id)


def payload_of(changes: Changes) -> pl.DataFrame:
    """One row a key: the changed fields, and LEAVE for those that stay as they are."""
    names = dict.fromkeys(name for changed in changes.values() for name in changed)
    columns = {name: [changed.get(name, LEAVE) for changed in changes.values()] for name in names}
    return pl.DataFrame(
        {ROW_KEY: list(changes), **columns}, schema=dict.fromkeys((ROW_KEY, *names), pl.String)
    )


def _as_it_stands(key: str, standing: Mapping[str, str | None]) -> SeenPayor:
    return SeenPayor(key, standing.get(payor_rows.NAME), standing.get(payor_rows.ID))


def _rows_of(mappings: pl.DataFrame) -> dict[str, dict[str, str | None]]:
    read = {column: name for column, name in _COLUMNS.items() if column in mappings.columns}
    return {
        row["payor_key"].casefold(): {name: row[column] for column, name in read.items()}
        for row in mappings.select("payor_key", *read).iter_rows(named=True)
        if row["payor_key"]
    }


__all__ = ["MAPPING", "PayorTable", "seen_payors"]
