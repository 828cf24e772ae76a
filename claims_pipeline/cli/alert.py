"""`claims-pipeline alert`: tell people what needs them, or whether they can be told at all."""

from typing import TYPE_CHECKING

import click

from claims_pipeline.cli.deciding import open_state, read_of_settings
from claims_pipeline.cli.exits import Exit

if TYPE_CHECKING:
    from claims_pipeline.settings import Settings


@click.command("alert")
@click.option(
    "--test", "is_test", is_flag=True, help="Send a test message to every address of CLAIMS_ALERTS_TO."
)
def command(is_test: bool) -> int:
    """Look at every customer once, and tell CLAIMS_ALERTS_TO what is new: failed runs, stopped customers and so on.

    Dagster and the Lambda function do this by themselves; here it is for a schedule of your own. Ends with 6 when an
    address could not be reached: it is tried again the next time.
    """
    from claims_pipeline.alerts.finding import look_at_customer, look_at_org
    from claims_pipeline.alerts.telling import Teller
    from claims_pipeline.sync.connections import utc_now
    from claims_pipeline.sync.standings import standings

    settings, state = open_state()
    if not settings.alerts.to:
        click.echo("CLAIMS_ALERTS_TO names no address, so nobody is told: see docs/operations.md.", err=True)
        return Exit.SETTINGS
    if is_test:
        return _test(settings)
    now = utc_now()
    looks = [
        look_at_customer(each.state, each.verdict, now, settings.alerts, settings.due.due_after)
        for each in standings(settings, read_of_settings(settings, state), now)
    ]
    told = Teller.of(settings, state, utc_now).tell([look_at_org(state.org_alerts()), *looks])
    click.echo(f"{told.messages:,} message(s) sent." if told.messages else "Nothing new to tell.")
    for each in told.unsent:
        click.echo(f"Not sent: {each}", err=True)
    return Exit.TRANSIENT if told.unsent else Exit.ALL_ARRIVED


def _test(settings: "Settings") -> int:
    from claims_pipeline.alerts.messages import a_test
    from claims_pipeline.alerts.sending import NotSent, destinations_of, send

    unsent = 0
    for each in destinations_of(settings.alerts.to):
        try:
            send(each, a_test())
            click.echo(f"Sent to {each.words}.")
        except NotSent as error:
            click.echo(f"Not sent: {error}", err=True)
            unsent += 1
    return Exit.TRANSIENT if unsent else Exit.ALL_ARRIVED
