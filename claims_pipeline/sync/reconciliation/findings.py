"""Reconciliation: what is equal, missing, extra or different between the source and Salesforce, as facts.

What belongs here: the closed list of groups, and adding claims, dollars and fields up by group, a bucket at a time. Not
here: how a claim comes to its group (`placing`), nor the words (`told`).
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

import polars as pl

from claims_pipeline.sync.settling.org_sums import Sums, add_up, total

MOST_NAMED = 20
"""So many claims of a group are named for people, and no more."""

_NOTHING = Decimal("0.00")


class Group(StrEnum):
    """Where a claim stands between the source and Salesforce. Each claim of either side is in exactly one."""

    EQUAL = "equal"
    MISSING_REFUSED = "missing_refused"
    MISSING_OTHER_CUSTOMER = "missing_other_customer"
    MISSING_REJECTED = "missing_rejected"
    MISSING_HANDED_OVER = "missing_handed_over"
    MISSING = "missing"
    EXTRA_MARKED = "extra_marked"
    EXTRA_REJECTED = "extra_rejected"
    EXTRA_UNREADABLE = "extra_unreadable"
    EXTRA = "extra"
    DIFFERENT_REFUSED = "different_refused"
    DIFFERENT_REWRITTEN = "different_rewritten"
    DIFFERENT = "different"


MISSING = (
    Group.MISSING_REFUSED,
    Group.MISSING_OTHER_CUSTOMER,
    Group.MISSING_REJECTED,
    Group.MISSING_HANDED_OVER,
    Group.MISSING,
)
EXTRA = (Group.EXTRA_MARKED, Group.EXTRA_REJECTED, Group.EXTRA_UNREADABLE, Group.EXTRA)
DIFFERENT = (Group.DIFFERENT_REFUSED, Group.DIFFERENT_REWRITTEN, Group.DIFFERENT)

UNEXPLAINED = frozenset(
    {Group.MISSING_HANDED_OVER, Group.MISSING, Group.EXTRA_UNREADABLE, Group.EXTRA, Group.DIFFERENT}
)
"""What no sync has told and accounted for: while there is any, Salesforce does not equal the source."""


@dataclass(frozen=True)
class Found:
    """The claims of one group: their dollars on both sides, in how many each field differs, and some of their ids."""

    sums: Sums
    differing: Mapping[str, int]
    named: tuple[str, ...]

    def to_facts(self) -> dict[str, Any]:
        """As JSON holds them: amounts are text."""
        return {**self.sums.to_facts(), "differing": dict(self.differing), "claim_ids": list(self.named)}


@dataclass(frozen=True)
class Reconciliation:
    """A customer's last full fetch against Salesforce. Dollars are US dollars by Salesforce field, exact.

    `extras_told`: whether the org could be asked for this customer's claims alone; if not, only claims that the source
    names were looked at. `not_compared`: fields of a claim that were left out. `newer_fetch`: a later fetch has begun
    and is not committed, so what differs may be its doing.
    """

    customer: str
    sequence: int
    fetched_at: datetime
    groups: Mapping[Group, Found]
    money: tuple[str, ...]
    unreadable_ids: int
    extras_told: bool
    not_compared: tuple[str, ...]
    newer_fetch: bool

    def of(self, groups: Iterable[Group]) -> dict[Group, Found]:
        """Those of these groups that have a claim."""
        return {group: self.groups[group] for group in groups if group in self.groups}

    def claims(self, groups: Iterable[Group]) -> int:
        """How many claims stand in these groups."""
        return sum(found.sums.claims for found in self.of(groups).values())

    def dollars(self, groups: Iterable[Group]) -> Sums:
        """Claims and dollars of these groups together."""
        of = [found.sums for found in self.of(groups).values()]
        source = {name: sum((each.source[name] for each in of), _NOTHING) for name in self.money}
        org = {name: sum((each.org[name] for each in of), _NOTHING) for name in self.money}
        return Sums(sum(each.claims for each in of), source, org)

    @property
    def source(self) -> tuple[int, Mapping[str, Decimal]]:
        """The source's claims that can be sent (those of rejected rows stand apart), and their dollars."""
        sums = self.dollars(set(Group) - set(EXTRA) - {Group.MISSING_REJECTED})
        return sums.claims, sums.source

    @property
    def org(self) -> tuple[int, Mapping[str, Decimal]]:
        """This customer's claims in Salesforce, and their dollars."""
        sums = self.dollars(set(Group) - set(MISSING))
        return sums.claims, sums.org

    @property
    def missing(self) -> int:
        """Claims of the source that Salesforce lacks, unexplained."""
        return self.claims(UNEXPLAINED & set(MISSING))

    @property
    def extra(self) -> int:
        """Claims of Salesforce that the source lacks, unexplained."""
        return self.claims(UNEXPLAINED & set(EXTRA))

    @property
    def different(self) -> int:
        """Claims with a field that differs, unexplained."""
        return self.claims(UNEXPLAINED & set(DIFFERENT))

    @property
    def explained(self) -> int:
        """Claims that are not equal, for a reason that the last sync told."""
        return self.claims(set(Group) - UNEXPLAINED - {Group.EQUAL})

    @property
    def unexplained_dollars(self) -> dict[str, Decimal]:
        """By how much Salesforce is above the source (negative: below) in what is unexplained."""
        return difference(self.dollars(UNEXPLAINED))

    @property
    def is_equal(self) -> bool:
        """Whether all is equal but for what is explained."""
        return not self.claims(UNEXPLAINED)

    def to_facts(self) -> dict[str, Any]:
        """As JSON holds it: amounts are text, claim ids at most `MOST_NAMED` a group."""
        (claims, dollars), (org_claims, org_dollars) = self.source, self.org
        return {
            "customer": self.customer,
            "sequence": self.sequence,
            "fetched_at": self.fetched_at.isoformat(),
            "is_equal": self.is_equal,
            "missing": self.missing,
            "extra": self.extra,
            "different": self.different,
            "explained": self.explained,
            "source": {"claims": claims, **_texts(dollars)},
            "salesforce": {"claims": org_claims, **_texts(org_dollars)},
            "unexplained_dollars": _texts(self.unexplained_dollars),
            "groups": {group.value: found.to_facts() for group, found in self.groups.items()},
            "extras_told": self.extras_told,
            "unreadable_ids": self.unreadable_ids,
            "not_compared": list(self.not_compared),
            "newer_fetch": self.newer_fetch,
        }


def difference(sums: Sums) -> dict[str, Decimal]:
    """By how much Salesforce is above the source, by Salesforce field."""
    return {name: sums.org[name] - amount for name, amount in sums.source.items()}


def _texts(amounts: Mapping[str, Decimal]) -> dict[str, str]:
    return {name: str(amount) for name, amount in amounts.items()}


@dataclass
class GroupTally:
    """The groups while they grow, bucket by bucket. Memory: some numbers a group and bucket."""

    money: tuple[str, ...]
    _sums: dict[Group, list[pl.DataFrame]] = field(default_factory=dict)
    _differing: dict[Group, Counter[str]] = field(default_factory=dict)
    _named: dict[Group, list[str]] = field(default_factory=dict)

    def add(self, placed: pl.DataFrame) -> None:
        """Count one bucket of claims: `group`, `claim` (what people call it), `differing`, amounts of both sides."""
        for (name,), claims in placed.partition_by("group", as_dict=True).items():
            group = Group(name)
            self._sums.setdefault(group, []).append(add_up(claims, self.money))
            fields = claims.get_column("differing").explode().drop_nulls()
            self._differing.setdefault(group, Counter()).update(fields.to_list())
            named = self._named.setdefault(group, [])
            if group is not Group.EQUAL:
                named += claims.get_column("claim").head(MOST_NAMED - len(named)).to_list()

    def groups(self) -> dict[Group, Found]:
        """Every group that has a claim, in the order of `Group`."""
        return {
            group: Found(
                total(self._sums[group], self.money),
                dict(sorted(self._differing[group].items())),
                tuple(self._named[group]),
            )
            for group in Group
            if group in self._sums
        }
