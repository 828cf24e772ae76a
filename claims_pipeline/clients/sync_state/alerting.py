"""Alerts: what people were told of a customer or of the org, so that no look tells it again.

What belongs here: the conditional writes. Not here: what is worth telling, and how it is sent (`alerts`). Two that look
at once both want to tell; the one whose write comes first does.
"""

from collections.abc import Mapping

from claims_pipeline.clients.sync_state.facts import OrgAlerts, PayorsAbove, ToldAlert
from claims_pipeline.clients.sync_state.items import customer_state, org_alerts
from claims_pipeline.clients.sync_state.table import Change, ConditionFailed, StateTable

ORG = "alerts:org"
"""The item that stands for all customers together: payors to map, and runs that are no customer's."""


def keep_alerts(table: StateTable, sync_id: str, alerts: Mapping[str, ToldAlert], moved: int) -> bool:
    """Put these in the place of those that were read when the item stood at `moved`; False: another came first."""
    condition = "attribute_not_exists(#alerts_moved)" if moved == 0 else "#alerts_moved = :moved"
    values = {"alerts": alerts, "next": moved + 1} | ({} if moved == 0 else {"moved": moved})
    change = Change(sync_id, "SET #alerts = :alerts, #alerts_moved = :next", condition, values)
    try:
        table.update(change)
    except ConditionFailed as refused:
        found = customer_state(sync_id, refused.item)
        # ours, if its answer was lost and boto3 asked again; instants are kept to the millisecond
        return found.alerts_moved == moved + 1 and _as_kept(found.alerts) == _as_kept(alerts)
    return True


def note_payors(table: StateTable, payors: PayorsAbove) -> None:
    """Keep which payors wait, as the newest list has them."""
    change = Change(
        ORG,
        "SET #payors_above = :payors",
        "attribute_not_exists(#payors_above) OR #payors_above.#at <= :at",
        {"payors": payors, "at": payors.at},
        {"#at": "at"},
    )
    try:
        table.update(change)
    except ConditionFailed:
        return  # a newer list stands there


def read_org(table: StateTable) -> OrgAlerts:
    """What was told of the org, and which payors wait."""
    return org_alerts(table.get(ORG))


def _as_kept(alerts: Mapping[str, ToldAlert]) -> dict[str, tuple[object, ...]]:
    return {
        kind: (
            each.at.isoformat(timespec="milliseconds"),
            each.marks,
            each.left,
            each.is_sending,
            each.is_well,
        )
        for kind, each in alerts.items()
    }
