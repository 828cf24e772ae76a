"""Counting: what waits for a payor in the whole org, once after several customers, each of which has added to it.

What belongs here: the count that one command's customers leave to its end. A customer that is synced alone counts
itself (`settling.beyond`).
"""

from dataclasses import dataclass

from claims_pipeline.storage.frames import StampedFrame
from claims_pipeline.sync.connections import Connections
from claims_pipeline.sync.payors.groups import Group, payor_groups
from claims_pipeline.sync.payors.mapping import matcher_of
from claims_pipeline.sync.payors.table import PayorTable
from claims_pipeline.sync.settling.relink import settled_keys
from claims_pipeline.sync.settling.send import Writer


@dataclass(frozen=True)
class Counted:
    """The org's claims by payor, and what of the mapping table could not be written."""

    groups: tuple[Group, ...]
    warnings: tuple[str, ...]


def count_waiting(payors: StampedFrame, connections: Connections) -> Counted:
    """Tell in the mapping table what waits and what claims are linked to, as the org holds them now.

    `payors`: as the last customer's sync read them. No customer's lease is needed: the table is the whole org's, and
    only rows that differ from what stands in it are written.
    """
    salesforce, matcher = connections.salesforce, matcher_of(payors)
    with connections.storage.work_folder("payors") as work:
        writer = Writer(salesforce, work)
        table = PayorTable.of(payors, matcher, writer, payors.stamp.fetched_at.date())
        known = set(table.warnings)
        groups = tuple(payor_groups(salesforce))
        table.settle(groups, settled_keys(groups, matcher), writer)
        return Counted(groups, tuple(each for each in table.warnings if each not in known))
