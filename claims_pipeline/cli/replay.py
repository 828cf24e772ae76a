"""`claims-pipeline replay`: a stored report once more, without CollaborateMD."""

import uuid

import click

from claims_pipeline.cli.exits import Exit
from claims_pipeline.cli.progress import progress
from claims_pipeline.cli.sync import tell, tell_unmapped
from claims_pipeline.sync.attempts import attempt_told
from claims_pipeline.sync.connections import connect, read_settings
from claims_pipeline.sync.options import SyncOptions
from claims_pipeline.sync.replay import replay


@click.command("replay")
@click.argument("customer")
@click.option("--sequence", type=click.IntRange(min=1), help="Which fetch; the last one by default.")
@click.option("--resend", is_flag=True, help="Send every claim again, whatever Salesforce holds.")
def command(customer: str, sequence: int | None, resend: bool) -> int:
    """Read a customer's stored report again, and bring its claims into Salesforce as a sync does.

    A fetch that is older than the committed one is stopped: it would bring old amounts back.
    """
    settings = read_settings()
    with connect(settings, f"replay-{uuid.uuid4().hex}") as connections:
        known = settings.customer(customer)
        told = attempt_told(connections.state, known.number)
        with told, progress(f"customer {known.number}") as say:
            whole = replay(known, sequence, SyncOptions(resend=resend), connections, say)
        tell(whole)
        tell_unmapped(whole.payors, connections, whole.synced.payor_groups)
        return Exit.ALL_ARRIVED if whole.all_arrived else Exit.NOT_ALL_ARRIVED
