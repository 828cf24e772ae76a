"""`claims-pipeline status`: how every customer stands, those that need a person first."""

import json
from collections import Counter
from typing import TYPE_CHECKING

import click

from claims_pipeline.cli.deciding import open_state, read_of_settings
from claims_pipeline.cli.exits import Exit

if TYPE_CHECKING:
    from claims_pipeline.sync.standings import CustomerStanding


@click.command("status")
@click.option("--json", "as_json", is_flag=True, help="For a script: one JSON object.")
def command(as_json: bool) -> int:
    """How every customer stands: last success, due, paused, failed attempts, refused and held claims; stuck ones first.

    Ends with 4 when one is stopped, overdue, or has a report that waits for a person's word.
    """
    from claims_pipeline.sync.connections import utc_now
    from claims_pipeline.sync.standings import standings

    settings, state = open_state()
    now = utc_now()
    found = standings(settings, read_of_settings(settings, state), now)
    if as_json:
        facts = [each.as_facts() for each in found]
        click.echo(json.dumps({"at": now.isoformat(timespec="seconds"), "customers": facts}, indent=2))
    else:
        for each in found:
            _tell(each)
        click.echo(_in_sum(found))
    return Exit.NOT_ALL_ARRIVED if any(each.needs_a_look for each in found) else Exit.ALL_ARRIVED


def _tell(each: "CustomerStanding") -> None:
    mark = click.style("!", fg="red") if each.needs_a_look else " "
    at = each.state.last_success_at
    last = f"last success {at:%Y-%m-%d %H:%M} UTC" if at else "never synced"
    overdue = ", overdue" if each.is_overdue and at else ""
    name = "" if each.customer.name == each.customer.number else f" ({each.customer.name})"
    click.echo(f"{mark} {each.customer.number}{name}: {each.verdict.standing.value}, {last}{overdue}")
    click.echo(f"    {each.verdict.why}")
    counts = {
        "refused claims": each.refused,
        "held claims": each.held,
        "rejected rows": each.rejected_rows,
    }
    if left := ", ".join(f"{words} {count:,}" for words, count in counts.items() if count):
        click.echo(f"    of the last sync: {left}")
    doubt = each.state.doubt
    if doubt is not None:
        click.echo(
            f"    in doubt: {doubt.rows:,} rows of filter {doubt.filter_id}, where there were {doubt.rows_before:,}: "
            f"claims-pipeline confirm report {each.customer.number}"
        )


def _in_sum(found: "list[CustomerStanding]") -> str:
    counts = Counter(each.verdict.standing for each in found)
    told = ", ".join(f"{count:,} {standing.value}" for standing, count in sorted(counts.items()))
    looks = sum(each.needs_a_look for each in found)
    return f"{len(found):,} customer(s): {told}. " + (
        f"In need of a look (!): {looks:,}." if looks else "All is well."
    )
