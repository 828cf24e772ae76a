"""A lease that we hold: one run at a time on a customer, and on the report slot.

What belongs here: renewing it, writing under it, giving it back. A lease is an owner, a token of this taking, and a
version that the owner keeps moving. Not here: how it is taken (`taking`), nor what is done under it.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from threading import RLock
from typing import Any

from claims_pipeline.clients.sync_state.facts import CustomerState
from claims_pipeline.clients.sync_state.items import customer_state, from_wire
from claims_pipeline.clients.sync_state.table import Change, ConditionFailed, StateTable
from claims_pipeline.errors import ClaimsPipelineError, LeaseLost

_LOG = logging.getLogger(__name__)
LEASE_ATTRIBUTES = ("lease_owner", "lease_token", "lease_version", "lease_term_seconds")
_LONGEST_POLL_SECONDS = 5.0


@dataclass(frozen=True)
class Leasing:
    """Who takes leases, for how long, and by which clocks."""

    owner: str
    term_seconds: float
    clock: Callable[[], datetime]
    monotonic: Callable[[], float]
    sleep: Callable[[float], None]
    new_id: Callable[[], str]
    beats_by_timer: bool

    @property
    def poll_seconds(self) -> float:
        """Between two looks at another's lease."""
        return min(self.term_seconds / 20, _LONGEST_POLL_SECONDS)

    @property
    def beat_seconds(self) -> float:
        """After which `Lease.check` moves the version, so that it never seems to stand still."""
        return self.term_seconds / 5


@dataclass(frozen=True)
class SeenLease:
    """A lease as another's write left it."""

    owner: str
    token: str
    version: int
    term_seconds: float

    @classmethod
    def in_item(cls, item: Mapping[str, Any], own_term_seconds: float) -> "SeenLease":
        held = from_wire({name: item[name] for name in LEASE_ATTRIBUTES if name in item})
        return cls(
            owner=str(held.get("lease_owner", "")),
            token=str(held.get("lease_token", "")),
            version=int(held.get("lease_version", 0)),
            term_seconds=max(own_term_seconds, float(held.get("lease_term_seconds", 0))),
        )


class Lease:
    """A lease that we hold. Its writes pass only while it is ours; may be used from several threads.

    `found`: the item as it stood when the lease was taken, with the lease in it.
    """

    def __init__(
        self,
        table: StateTable,
        sync_id: str,
        what: str,
        leasing: Leasing,
        token: str,
        found: Mapping[str, Any],
    ) -> None:
        self.sync_id = sync_id
        self.token = token
        self._what = what
        self._table = table
        self._leasing = leasing
        self._found = found
        self._version = SeenLease.in_item(found, 0).version
        self._moved_at = leasing.monotonic()
        self._is_lost = False
        self._lock = RLock()

    @property
    def beat_seconds(self) -> float:
        """After which its version should move again."""
        return self._leasing.beat_seconds

    @property
    def state_when_taken(self) -> CustomerState:
        """The leased customer's state, read in the moment in which it was taken."""
        return customer_state(self.sync_id, self._found)

    def renew(self) -> None:
        """Move the version. LeaseLost when another has taken over."""
        with self._lock:
            self._stop_if_lost()
            started = self._leasing.monotonic()
            change = Change(
                self.sync_id,
                "SET #lease_version = :next, #lease_renewed_at = :now",
                "#lease_token = :token AND #lease_version = :version",
                {
                    "next": self._version + 1,
                    "now": self._leasing.clock(),
                    "token": self.token,
                    "version": self._version,
                },
            )
            try:
                self._table.update(change)
                self._version += 1
            except ConditionFailed as refused:
                seen = SeenLease.in_item(refused.item, 0)
                if seen.token != self.token:
                    raise self.lost() from None
                self._version = seen.version  # our own write, whose answer was lost
            self._moved_at = started

    def check(self) -> None:
        """Ask whether it is still ours, before each batch; moves the version when it is time. LeaseLost when not."""
        with self._lock:
            self._stop_if_lost()
            if self._leasing.monotonic() - self._moved_at >= self._leasing.beat_seconds:
                self.renew()
            elif SeenLease.in_item(self._table.get(self.sync_id, *LEASE_ATTRIBUTES), 0).token != self.token:
                raise self.lost()

    def write(
        self, update: str, values: Mapping[str, object], names: Mapping[str, str] | None = None
    ) -> None:
        """An update of the leased item that can only pass while the lease is ours; repeating it changes nothing."""
        self._stop_if_lost()
        change = Change(
            self.sync_id, update, "#lease_token = :token", {**values, "token": self.token}, names or {}
        )
        try:
            self._table.update(change)
        except ConditionFailed:
            raise self.lost() from None

    def release(self) -> None:
        """Give it back, so that nobody waits. Never raises: a lease that can't be given back ends by its term."""
        with self._lock:
            if self._is_lost:
                return
            change = Change(
                self.sync_id,
                "SET #lease_version = #lease_version + :one "
                "REMOVE #lease_owner, #lease_token, #lease_term_seconds, #lease_taken_at, #lease_renewed_at",
                "#lease_token = :token",
                {"one": 1, "token": self.token},
            )
            try:
                self._table.update(change)
            except ConditionFailed:
                pass  # taken over, or given back already and the answer lost
            except ClaimsPipelineError as error:
                _LOG.warning(
                    "The lease of %s could not be given back (%s); it ends by its term.", self._what, error
                )
            self._is_lost = True

    def lost(self) -> LeaseLost:
        """Mark it as lost, for good; the error to raise."""
        self._is_lost = True
        return LeaseLost(
            f"Another run has taken {self._what} over from run {self._leasing.owner}: "
            "this one stops and commits nothing."
        )

    def _stop_if_lost(self) -> None:
        if self._is_lost:
            raise self.lost()
