"""Events: what other systems delivered to us for a customer, and that was dealt with, by its id.

What belongs here: noting one in the customer's item, so that its second delivery does nothing. Not here: who delivers
(the doors), nor what is done for an event.
"""

from collections.abc import Mapping
from typing import Any

from claims_pipeline.clients.sync_state.facts import EVENTS_LENGTH
from claims_pipeline.clients.sync_state.items import from_wire
from claims_pipeline.clients.sync_state.table import Change, ConditionFailed, StateTable, StateUnavailable

_ATTRIBUTE = "served_events"
_TRIES = 5


def note_event(table: StateTable, customer: str, event: str) -> None:
    """Keep that this event was dealt with for the customer; the newest are kept. Said once more, it changes nothing."""
    item = table.get(customer, _ATTRIBUTE)
    for _ in range(_TRIES):
        before = events_in(from_wire(item))
        if event in before:
            return
        after = [event, *before][:EVENTS_LENGTH]
        condition = f"#{_ATTRIBUTE} = :before" if before else f"attribute_not_exists(#{_ATTRIBUTE})"
        values = {"after": after} | ({"before": list(before)} if before else {})
        try:
            table.update(Change(customer, f"SET #{_ATTRIBUTE} = :after", condition, values))
        except ConditionFailed as refused:
            item = refused.item
        else:
            return
    raise StateUnavailable(f"Others kept noting events of customer {customer} at the same moment; run again.")


def was_served(table: StateTable, customer: str, event: str) -> bool:
    """Whether this event was dealt with for the customer."""
    return event in events_in(from_wire(table.get(customer, _ATTRIBUTE)))


def events_in(held: Mapping[str, Any]) -> tuple[str, ...]:
    """The ids in an item in Python, the newest first."""
    return tuple(str(each) for each in held.get(_ATTRIBUTE, ()))
