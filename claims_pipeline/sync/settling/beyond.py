"""Beyond the report: what a sync does and proves over claims that the report itself does not hold.

What belongs here: relinking, and after a full fetch marking what is gone and proving the org's own sums. Not here: how
each is done (`relink`, `missing`, `org_sums`).
"""

from dataclasses import dataclass, field
from typing import Any

from claims_pipeline.claims.compare import CompareRules
from claims_pipeline.settings import FilterKind
from claims_pipeline.storage.buckets import PartWriter
from claims_pipeline.storage.frames import StampedFrame
from claims_pipeline.sync.options import Progress
from claims_pipeline.sync.payors.groups import Group, payor_groups
from claims_pipeline.sync.payors.table import PayorTable
from claims_pipeline.sync.settling.apart import WrittenApart
from claims_pipeline.sync.settling.missing import GONE, mark_missing, marking_warnings
from claims_pipeline.sync.settling.org_sums import OrgSums, org_sums
from claims_pipeline.sync.settling.relink import may_relink, relink, settled_keys
from claims_pipeline.sync.settling.send import Writer
from claims_pipeline.sync.settling.standing import standing
from claims_pipeline.sync.settling.synced import require_settled


@dataclass(frozen=True)
class Beyond:
    """What was done beside the report's claims. `org_sums` only after a full fetch that was sent."""

    relinked: WrittenApart = field(default_factory=WrittenApart)
    missing: WrittenApart = field(default_factory=WrittenApart)
    org_sums: OrgSums | None = None
    warnings: tuple[str, ...] = ()
    gone: PartWriter | None = None
    """Claims newly marked as missing at the source (schema `missing.GONE`)."""
    payor_groups: tuple[Group, ...] | None = None
    """The org's claims by payor as they stand after relinking; None where nobody read them."""

    def require_proved(self, customer: str) -> None:
        """Raise NotSettled while an answer is owed, and OrgDiffers where the org's own sums are not the source's."""
        require_settled(customer, self.relinked.counts, self.missing.counts)
        if self.org_sums is not None:
            self.org_sums.require_equal(customer)

    def to_facts(self) -> dict[str, Any]:
        """As the stamp of the outcomes holds it."""
        codes = {"relink": self.relinked.refused_by_code, "missing": self.missing.refused_by_code}
        return {
            "relinked": self.relinked.counts,
            "missing": self.missing.counts,
            "refused_beyond": {name: found for name, found in codes.items() if found},
            "org_sums": self.org_sums.to_facts() if self.org_sums is not None else None,
        }


def go_beyond(
    outcomes: StampedFrame,
    rejected: StampedFrame,
    payors: PayorTable,
    rules: CompareRules,
    writer: Writer,
    say: Progress,
    *,
    follows: bool = False,
) -> Beyond:
    """Relink; after a full fetch also mark what is gone, and read the org's own sums back. (`follows`: `SyncOptions`.)

    The org adds up all customers' claims to be relinked: each of many customers would wait for all the others' claims.
    """
    relinked, groups = WrittenApart(), None
    if may_relink(rules) and (payors.moves or not follows):
        relinked, groups = _relink_and_tell(payors, rules, writer, say)
    facts = outcomes.stamp.facts
    if facts["kind"] != FilterKind.FULL:
        return Beyond(relinked, payor_groups=groups)
    say("reading back what the org holds of this customer")
    stand = standing(outcomes, rejected, rules, writer.salesforce, writer.work)
    gone = PartWriter(writer.work / "missing-gone", GONE)
    missing = mark_missing(stand, facts, rules, writer, gone)
    return Beyond(relinked, missing, org_sums(stand), tuple(marking_warnings(facts)), gone, groups)


def _relink_and_tell(
    payors: PayorTable, rules: CompareRules, writer: Writer, say: Progress
) -> tuple[WrittenApart, tuple[Group, ...]]:
    """Link claims as their payors' mappings say; tell in the table what they are linked to, and what waits.

    One aggregate query on a day on which no mapping changed.
    """
    say("relinking claims whose payor's mapping changed")
    salesforce, matcher = writer.salesforce, payors.matcher
    groups = tuple(payor_groups(salesforce))
    relinked = relink(groups, matcher, rules, writer)
    if relinked.counts:
        groups = tuple(payor_groups(salesforce))
        payors.is_stale()
    payors.settle(groups, settled_keys(groups, matcher), writer)
    return relinked, groups
