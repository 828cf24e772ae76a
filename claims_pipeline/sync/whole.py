"""The whole sync of one customer in one process: fetch, map payors, transform, settle. The command line's way.

What belongs here: one step after another, each stored before the next, exactly as the assets do it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from claims_pipeline.errors import LeaseLost
from claims_pipeline.settings import Customer
from claims_pipeline.storage.frames import StampedFrame
from claims_pipeline.sync.connections import Connections
from claims_pipeline.sync.fetching.fetch import NOTHING_IN_HAND, fetch
from claims_pipeline.sync.holding import Held, held_to_fetch
from claims_pipeline.sync.known import RAW
from claims_pipeline.sync.options import Progress, SyncOptions
from claims_pipeline.sync.payors.mapping import read_payor_mapping
from claims_pipeline.sync.ready import preflight
from claims_pipeline.sync.settling.bring import StoredClaims
from claims_pipeline.sync.settling.settle import settle
from claims_pipeline.sync.settling.synced import Synced
from claims_pipeline.sync.transform import transform

TRANSFORMED, REJECTED = "transformed_claims", "rejected_claims"


@dataclass(frozen=True)
class WholeSync:
    """What became of one customer."""

    synced: Synced
    rejected: StampedFrame
    payors: StampedFrame
    claims: StampedFrame

    @property
    def all_arrived(self) -> bool:
        """Whether no row was rejected, and no claim refused or held."""
        return not (self.rejected.rows or self.synced.failed or self.synced.counts["held"])


def sync_customer(
    customer: Customer,
    options: SyncOptions,
    connections: Connections,
    say: Progress,
    *,
    in_hand: Mapping[str, Path] = NOTHING_IN_HAND,
) -> WholeSync:
    """Fetch, transform and send one customer's claims, held from first to last. The cursor moves last.

    `in_hand`: see `fetch`.
    """
    with (
        connections.storage.work_folder("sync") as work,
        held_to_fetch(customer, options, connections) as held,
    ):
        raw = fetch(customer, options, connections, _folder(work, "fetch"), say, in_hand, held)
        return bring_over(raw, options, connections, work, say, held)


def bring_over(
    raw: StampedFrame,
    options: SyncOptions,
    connections: Connections,
    work: Path,
    say: Progress,
    held: Held | None = None,
) -> WholeSync:
    """Store a fetch's raw rows, transform them, and settle. `held`: the customer, where it is since it was fetched."""
    raw = _stored(RAW, raw, connections)
    connections.require_time()
    say("reading payors and mappings")
    payors = _payors(connections, options)
    say("transforming")
    lengths = preflight(connections).lengths
    transformed = transform(raw, payors, lengths, connections.storage, _folder(work, "transform"))
    transformed.require_balance()
    claims = _stored(TRANSFORMED, transformed.claims, connections)
    rejected = _stored(REJECTED, transformed.rejected, connections)
    connections.require_time()
    stored = StoredClaims(claims, rejected, payors)
    synced = settle(stored, options, connections, _folder(work, "settle"), say, held)
    return WholeSync(synced, rejected, payors, claims)


def _stored(asset: str, frame: StampedFrame, connections: Connections) -> StampedFrame:
    name = f"{asset}/{frame.stamp.customer}"
    connections.storage.write(name, frame)
    stored = connections.storage.read(name, dry_run=frame.stamp.dry_run)
    if stored.stamp.sequence != frame.stamp.sequence:
        raise LeaseLost(
            f"Customer {frame.stamp.customer}: another run has stored {asset} of fetch {stored.stamp.sequence} over "
            f"this run's, of fetch {frame.stamp.sequence}. This one stops and commits nothing."
        )
    return stored


def _payors(connections: Connections, options: SyncOptions) -> StampedFrame:
    payors = read_payor_mapping(connections.salesforce, connections.now(), connections.state.owner)
    if not options.dry_run:
        connections.storage.write("payor_mapping", payors)
    return payors


def _folder(work: Path, name: str) -> Path:
    folder = work / name
    folder.mkdir(mode=0o700)
    return folder
