"""Leases: one run at a time on a customer, and on the report slot.

What belongs here: taking, renewing, giving back. A lease is an owner, a token of this taking, and a version that the
owner keeps moving. Another takes over only after it has seen the version stand still for the whole term on its own
monotonic clock, so clocks that differ do no harm. Not here: what is done under a lease.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from threading import RLock
from typing import Any

from claims_pipeline.clients.sync_state.items import from_wire
from claims_pipeline.clients.sync_state.table import Change, ConditionFailed, StateTable
from claims_pipeline.errors import ClaimsPipelineError, LeaseHeld, LeaseLost

_LOG = logging.getLogger(__name__)
_LEASE = ("lease_owner", "lease_token", "lease_version", "lease_term_seconds")
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

    @property
    def poll_seconds(self) -> float:
        """Between two looks at another's lease."""
        return min(self.term_seconds / 20, _LONGEST_POLL_SECONDS)

    @property
    def beat_seconds(self) -> float:
        """After which `Lease.check` moves the version, so that it never seems to stand still."""
        return self.term_seconds / 5


@dataclass(frozen=True)
class _Seen:
    """A lease as another's write left it."""

    owner: str
    token: str
    version: int
    term_seconds: float

    @classmethod
    def in_item(cls, item: Mapping[str, Any], own_term_seconds: float) -> "_Seen":
        held = from_wire({name: item[name] for name in _LEASE if name in item})
        return cls(
            owner=str(held.get("lease_owner", "")),
            token=str(held.get("lease_token", "")),
            version=int(held.get("lease_version", 0)),
            term_seconds=max(own_term_seconds, float(held.get("lease_term_seconds", 0))),
        )


class Lease:
    """A lease that we hold. Its writes pass only while it is ours; may be used from several threads."""

    def __init__(
        self, table: StateTable, sync_id: str, what: str, leasing: Leasing, token: str, version: int
    ) -> None:
        self.sync_id = sync_id
        self.token = token
        self._what = what
        self._table = table
        self._leasing = leasing
        self._version = version
        self._moved_at = leasing.monotonic()
        self._is_lost = False
        self._lock = RLock()

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
                seen = _Seen.in_item(refused.item, 0)
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
            elif _Seen.in_item(self._table.get(self.sync_id, *_LEASE), 0).token != self.token:
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


@dataclass
class LeaseTaker:
    """Takes the lease of one item, waiting for another's to be given back or to stand still.

    As a context it is taken at the beginning and given back at the end, after a failure too.
    """

    table: StateTable
    leasing: Leasing
    sync_id: str
    what: str
    patience_seconds: float
    defaults: Mapping[str, object] = field(default_factory=dict)
    """Attributes that the item gets when it lacks them."""

    def __enter__(self) -> Lease:
        self._taken = self.take()
        return self._taken

    def __exit__(self, *_: object) -> None:
        self._taken.release()

    def take(self) -> Lease:
        """Wait as long as the owner may be dead; LeaseHeld when it lives and our patience is over."""
        monotonic = self.leasing.monotonic
        token = self.leasing.new_id()
        began = monotonic()
        seen: _Seen | None = None
        still_since = began
        while True:
            asked = monotonic()
            stood_still = seen is not None and asked - still_since >= seen.term_seconds
            outcome = self._try(token, seen if stood_still else None)
            if isinstance(outcome, Lease):
                return outcome
            if outcome != seen:
                if seen is not None and monotonic() - began >= self.patience_seconds:
                    raise self._held_by(outcome)
                seen, still_since = outcome, monotonic()
            self.leasing.sleep(self.leasing.poll_seconds)

    def _try(self, token: str, dead: _Seen | None) -> Lease | _Seen:
        condition = "attribute_not_exists(#lease_owner) OR #lease_owner = :owner"
        values: dict[str, object] = {}
        if dead is not None:
            condition += (
                " OR (#lease_owner = :dead_owner AND #lease_token = :dead_token AND #lease_version = :dead)"
            )
            values = {"dead_owner": dead.owner, "dead_token": dead.token, "dead": dead.version}
        try:
            taken = from_wire(self.table.update(self._taking(token, condition, values)))
        except ConditionFailed as refused:
            found = _Seen.in_item(refused.item, self.leasing.term_seconds)
            if found.token != token:
                return found
            return self._lease(token, found.version)  # we took it, and the answer was lost
        return self._lease(token, int(taken["lease_version"]))

    def _taking(self, token: str, condition: str, values: Mapping[str, object]) -> Change:
        defaults = "".join(f", #{name} = if_not_exists(#{name}, :{name})" for name in self.defaults)
        return Change(
            self.sync_id,
            "SET #lease_owner = :owner, #lease_token = :token, #lease_term_seconds = :term, #lease_taken_at = :now, "
            "#lease_version = if_not_exists(#lease_version, :zero) + :one" + defaults,
            condition,
            {
                "owner": self.leasing.owner,
                "token": token,
                "term": self.leasing.term_seconds,
                "now": self.leasing.clock(),
                "zero": 0,
                "one": 1,
                **self.defaults,
                **values,
            },
        )

    def _lease(self, token: str, version: int) -> Lease:
        return Lease(self.table, self.sync_id, self.what, self.leasing, token, version)

    def _held_by(self, seen: _Seen) -> LeaseHeld:
        return LeaseHeld(
            f"Run {seen.owner or 'unknown'} is at work on {self.what}. Let it finish and start again, or stop it: "
            f"a run that was killed loses its lease after {seen.term_seconds:g} seconds."
        )
