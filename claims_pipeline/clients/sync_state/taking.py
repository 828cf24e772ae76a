"""Taking a lease, from nobody, from our own earlier try, or from a run that is dead.

What belongs here: waiting and taking over. Another's lease is taken over only after its version was seen to stand
still for the whole term on our own monotonic clock, so clocks that differ do no harm. Not here: what a held lease can
do (`lease`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from claims_pipeline.clients.sync_state.beating import Beat
from claims_pipeline.clients.sync_state.creating import ensure_table
from claims_pipeline.clients.sync_state.lease import Lease, Leasing, SeenLease
from claims_pipeline.clients.sync_state.table import Change, ConditionFailed, StateTable, StateTableMissing
from claims_pipeline.errors import LeaseHeld, TransientError


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
    makes_table: bool = False
    """Whether a missing table is made."""

    def __enter__(self) -> Lease:
        self._taken = self._take_in_new_table() if self.makes_table else self.take()
        self._beat = Beat(self._taken) if self.leasing.beats_by_timer else None
        if self._beat is not None:
            self._beat.start()
        return self._taken

    def __exit__(self, *_: object) -> None:
        if self._beat is not None:
            self._beat.stop()
        self._taken.release()

    def take(self) -> Lease:
        """Wait as long as the owner may be dead; LeaseHeld when it lives and our patience is over."""
        monotonic = self.leasing.monotonic
        token = self.leasing.new_id()
        began = monotonic()
        seen: SeenLease | None = None
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

    def _take_in_new_table(self) -> Lease:
        """The table is there on all days but the first, so it is looked for only when DynamoDB knows none."""
        try:
            return self.take()
        except StateTableMissing:
            ensure_table(self.table)
            return self.take()

    def _try(self, token: str, dead: SeenLease | None) -> Lease | SeenLease:
        condition = "attribute_not_exists(#lease_owner) OR #lease_owner = :owner"
        values: dict[str, object] = {}
        if dead is not None:
            condition += (
                " OR (#lease_owner = :dead_owner AND #lease_token = :dead_token AND #lease_version = :dead)"
            )
            values = {"dead_owner": dead.owner, "dead_token": dead.token, "dead": dead.version}
        try:
            # a lost answer repeats the write, which passes again: the owner is us by then
            taken = self.table.update_and_read(self._taking(token, condition, values))
        except ConditionFailed as refused:
            return SeenLease.in_item(refused.item, self.leasing.term_seconds)
        except TransientError:
            self._lease(token, {}).release()  # it may be ours, and nobody else would give it back
            raise
        return self._lease(token, taken)

    def _lease(self, token: str, found: Mapping[str, Any]) -> Lease:
        return Lease(self.table, self.sync_id, self.what, self.leasing, token, found)

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

    def _held_by(self, seen: SeenLease) -> LeaseHeld:
        return LeaseHeld(
            f"Run {seen.owner or 'unknown'} is at work on {self.what}. Let it finish and start again, or stop it: "
            f"a run that was killed loses its lease after {seen.term_seconds:g} seconds."
        )
