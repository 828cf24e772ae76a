"""What people decide of a customer: pause and resume it, release it, believe its report, hand the state to another org.

What belongs here: each decision's one conditional write, which also keeps who decided what, and when. Not here: what
follows from it (`sync.due`, `sync.fetching.guards`). A reason is a person's own text: it must hold no patient's data.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from claims_pipeline.clients.sync_state.facts import DECISIONS_LENGTH, CustomerState, Decision, Doubt
from claims_pipeline.clients.sync_state.items import customer_state, decisions_in, from_wire
from claims_pipeline.clients.sync_state.table import Change, ConditionFailed, StateTable, StateUnavailable
from claims_pipeline.errors import PermanentError

_TRIES = 5
_LEASE = "#lease_owner, #lease_token, #lease_term_seconds, #lease_taken_at, #lease_renewed_at"


class NothingToDecide(PermanentError):
    """A person's word was not needed: there is nothing of the kind in the state."""


@dataclass(frozen=True)
class _Effect:
    """What a decision changes beside the list of decisions."""

    sets: Mapping[str, object] = field(default_factory=dict)
    removes: tuple[str, ...] = ()
    condition: str = ""
    checked: Mapping[str, object] = field(default_factory=dict)


def pause(table: StateTable, customer: str, decision: Decision) -> None:
    """Hold the customer back until it is resumed; the reason is what the decision is about."""
    paused = {"reason": decision.about, "since": decision.at, "by": decision.by}
    _decide(table, customer, decision, _Effect(sets={"paused": paused}))


def resume(table: StateTable, customer: str, decision: Decision) -> None:
    """Let a paused customer be synced again. NothingToDecide when it is not paused (and was not just resumed)."""
    found = _state(table, customer)
    if found.paused is None:
        if found.decisions and found.decisions[0].what == decision.what:
            return  # said once more, since its answer was lost
        raise NothingToDecide(f"Customer {customer} is not paused: nothing was changed.")
    effect = _Effect(_sync_at_once(found, decision), ("#paused", "#last_failure"))
    _decide(table, customer, decision, effect)


def release(table: StateTable, customer: str, decision: Decision, *, free_lease: bool) -> None:
    """Forget the failed attempts and ask for a sync at once; with `free_lease` whoever holds the customer loses it."""
    found = _state(table, customer)
    removes: tuple[str, ...] = ("#last_failure",)
    if free_lease:
        removes += (_LEASE,)
    _decide(table, customer, decision, _Effect(_sync_at_once(found, decision), removes))


def believe_report(table: StateTable, customer: str, by: str, at: datetime) -> Doubt:
    """The report that looked too small is right: the next one may be as small. NothingToDecide without a doubt."""
    found = _state(table, customer)
    if found.doubt is None and found.believed:
        return found.believed[-1]  # said once more, since its answer was lost
    if found.doubt is None:
        raise NothingToDecide(
            f"Customer {customer} has no report that waits for a person's word: nothing was changed."
        )
    others = [each for each in found.believed if each.of != found.doubt.of]
    decision = Decision("report_believed", by, at, found.doubt.in_words())
    effect = _Effect(
        {"believed": [*others, found.doubt], **_sync_at_once(found, decision)},
        ("#doubt", "#last_failure"),
        "#doubt = :doubt",
        {"doubt": found.doubt},
    )
    _decide(table, customer, decision, effect)
    return found.doubt


def note(table: StateTable, customer: str, decision: Decision) -> None:
    """Keep a decision that changes nothing else."""
    _decide(table, customer, decision, _Effect())


def accept_org(table: StateTable, item: str, decision: Decision, organization_id: str, before: str) -> bool:
    """The state goes over to another org; False when it belongs to neither of the two."""
    effect = _Effect(
        {"organization_id": organization_id},
        condition="(#organization_id = :org_before OR #organization_id = :organization_id)",
        checked={"org_before": before},
    )
    return _decide(table, item, decision, effect)


def _sync_at_once(found: CustomerState, decision: Decision) -> dict[str, object]:
    """No attempt counts any more, and the sensor asks for a run: by the wish that stands, or by one of its own."""
    sets: dict[str, object] = {"attempts": 0}
    if found.request is None:
        sets["sync_request"] = {"id": f"{decision.what}-{decision.at.isoformat(timespec='milliseconds')}"}
    return sets


def _state(table: StateTable, customer: str) -> CustomerState:
    return customer_state(customer, table.get(customer))


def _decide(table: StateTable, sync_id: str, decision: Decision, effect: _Effect) -> bool:
    """One write for the decision and its effect. A lost answer is known by our own decision in the list.

    False when the effect's own condition does not hold.
    """
    for _ in range(_TRIES):
        held = from_wire(table.get(sync_id, "decisions", "decisions_made"))
        before = decisions_in(held)
        if decision in before:
            return True
        made = int(held.get("decisions_made", 0))
        try:
            table.update(_change(sync_id, (decision, *before), made, effect))
        except ConditionFailed as refused:
            now = from_wire(refused.item)
            if int(now.get("decisions_made", 0)) == made:
                return False
        else:
            return True
    raise StateUnavailable(f"Others kept deciding of {sync_id} at the same moment; decide again.")


def _change(sync_id: str, decisions: tuple[Decision, ...], made: int, effect: _Effect) -> Change:
    values = {
        **effect.sets,
        "decisions": list(decisions[:DECISIONS_LENGTH]),
        "decisions_made": made + 1,
    }
    condition = "attribute_not_exists(#decisions_made)" if made == 0 else "#decisions_made = :made"
    checked = {} if made == 0 else {"made": made}
    update = "SET " + ", ".join(f"#{name} = :{name}" for name in values)
    if effect.removes:
        update += " REMOVE " + ", ".join(effect.removes)
    if effect.condition:
        condition = f"({condition}) AND {effect.condition}"
    return Change(sync_id, update, condition, {**values, **checked, **effect.checked})
