"""Turns: one event is dealt with once for each customer, however often and whenever it is delivered.

What belongs here: who may work on a customer for an event, and what a second delivery finds. Not here: the work. AWS
delivers an asynchronous event at least once, and again after a failure: always under the same request id.
"""

import uuid
from collections.abc import Callable
from dataclasses import dataclass

from claims_pipeline.clients.sync_state import SyncState
from claims_pipeline.errors import LeaseHeld
from claims_pipeline.lambda_door.event import Event
from claims_pipeline.lambda_door.outcomes import Became, CustomerOutcome


@dataclass(frozen=True)
class Delivery:
    """Which event this is: the same for each of its deliveries. `of` is the request that the whole run began with."""

    of: str
    count: int

    @classmethod
    def of_event(cls, event: Event, request_id: str) -> "Delivery":
        """A continuation is known by whom it continues: a lost answer may have asked for it twice."""
        if event.continuation is None:
            return cls(request_id, 0)
        return cls(event.continuation.of, event.continuation.count)

    @property
    def id(self) -> str:
        """As it is noted in a customer's item."""
        return self.of if self.count == 0 else f"{self.of}/{self.count}"

    def run_of(self, customer: str) -> str:
        """The run that brings this customer over, the same in all its parts."""
        return f"lambda-{self.of}-{customer}"

    @property
    def mark(self) -> str:
        """What each of its deliveries' own names begins with."""
        return f"lambda-{self.of}-{self.count}-"


@dataclass(frozen=True)
class Turns:
    """The customers' turns, for one delivery of an event."""

    state: SyncState
    delivery: Delivery

    @classmethod
    def begun(cls, state: SyncState, delivery: Delivery) -> "Turns":
        """Under a name that no other delivery has."""
        return cls(state.owned_by(f"{delivery.mark}{uuid.uuid4().hex}"), delivery)

    def take(self, customer: str, work: Callable[[], CustomerOutcome]) -> CustomerOutcome:
        """Do the work and note the event; nothing, where another delivery of it did or does. Raises what it raises.

        A delivery that was killed is waited for until it stood still for a lease's term.
        """
        served = CustomerOutcome(customer, Became.SERVED)
        if self.state.was_served(customer, self.delivery.id):
            return served
        try:
            with self.state.turn(customer):
                if self.state.was_served(customer, self.delivery.id):
                    return served
                outcome = work()
                self.note(customer)
                return outcome
        except LeaseHeld:
            holder = self.state.turn_holder(customer) or ""
            if holder.startswith(self.delivery.mark) and holder != self.state.owner:
                return CustomerOutcome(customer, Became.AT_WORK)
            raise

    def note(self, customer: str) -> None:
        """This event needs nothing more for the customer."""
        self.state.note_event(customer, self.delivery.id)
