"""Rematch: stored claims are matched with the payors of now, where another run read the payors that they carry.

What belongs here: that a rerun, hours later, never writes a mapping that a person has changed since. Not here: matching
(`claims.payors`), nor claims that stand in the org alone (`relink`).
"""

from dataclasses import replace
from pathlib import Path

from claims_pipeline.storage.buckets import PartWriter
from claims_pipeline.sync.connections import Connections
from claims_pipeline.sync.payors.mapping import matcher_of, read_payor_mapping
from claims_pipeline.sync.settling.bring import StoredClaims
from claims_pipeline.sync.transform import MATCH_COLUMNS, match_payors


def with_payors_of_now(stored: StoredClaims, connections: Connections, work: Path) -> StoredClaims:
    """The same claims, matched as the org's payors and mappings stand now. Memory: one slice."""
    if stored.payors.stamp.facts.get("read_by") == connections.state.owner:
        return stored
    payors = read_payor_mapping(connections.salesforce, connections.now(), connections.state.owner)
    matcher = matcher_of(payors)
    matched = PartWriter(work / "rematched")
    for part in stored.claims.slices():
        matched.write(match_payors(part.drop(MATCH_COLUMNS), matcher))
    return replace(stored, claims=replace(stored.claims, frame=matched.scan()), payors=payors)
