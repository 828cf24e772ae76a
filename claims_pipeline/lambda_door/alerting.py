"""Alerts of one invocation: after all customers were tried, people are told what needs them.

What belongs here: the look at the end. Not here: what is worth an alert (`alerts`). A function that does not run at all
tells nothing: the alarms of CloudWatch do.
"""

from claims_pipeline.alerts.finding import look_at_customer, look_at_org, with_failed_run
from claims_pipeline.alerts.telling import Teller, Told
from claims_pipeline.lambda_door.outcomes import Answer
from claims_pipeline.sync.connections import Connections
from claims_pipeline.sync.due import stands


def tell_alerts(answer: Answer, connections: Connections) -> Told:
    """Look at every customer of the settings; one that failed here is told of even where the state does not say so."""
    settings, state, now = connections.settings, connections.state, connections.now()
    states = state.read_many([each.number for each in settings.customers])
    failed = {each.customer for each in answer.failed}
    looks = [look_at_org(state.org_alerts())]
    for customer in settings.customers:
        found = states[customer.number]
        verdict = stands(found, customer, now, settings.due)
        look = look_at_customer(found, verdict, now, settings.alerts, settings.due.due_after)
        if customer.number in failed:
            look = with_failed_run(look, f"lambda-{answer.request_id}-{customer.number}")
        looks.append(look)
    return Teller.of(settings, state, connections.now).tell(looks)
