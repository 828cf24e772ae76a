"""`claims-pipeline why`: what became of one claim, told in the order in which a person asks."""

import uuid
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from claims_pipeline.cli.customers import chosen_customers, with_customers
from claims_pipeline.cli.exits import Exit

if TYPE_CHECKING:
    from claims_pipeline.reporting.why import Place, Story

_WARNING = (
    "What follows is a patient's data. Do not copy it into a ticket, a mail or a chat, and close this window."
)
_OUTCOMES = {
    "created": "created in Salesforce",
    "updated": "updated in Salesforce",
    "refused": "refused by Salesforce",
    "held": "held back, not sent",
    "rejected": "rejected: no claim could be made of its rows",
    "missing": "gone from the source: marked as missing in Salesforce",
}


@click.command("why")
@click.argument("claim")
@with_customers
@click.option(
    "--show-values",
    is_flag=True,
    help="Show the values that differ, too. They are a patient's data: the screen must be yours alone.",
)
def command(claim: str, numbers: tuple[str, ...], show_values: bool) -> int:
    """What became of one claim: its report rows, its syncs, what Salesforce holds, what to do.

    Reads what the syncs stored, and asks Salesforce about this one claim; writes nothing. Ends with 4 when the claim
    is stuck or not known.
    """
    from claims_pipeline.reporting.why import story
    from claims_pipeline.sync.connections import connect, read_settings

    settings = read_settings()
    customers = chosen_customers(settings, numbers)
    with connect(settings, f"why-{uuid.uuid4().hex}") as connections:
        told = [story(customer, claim.strip(), connections) for customer in customers]
    known = [each for each in told if each.is_of_customer] or [each for each in told if each.is_known][:1]
    if not known:
        click.echo(_unknown(told))
        return Exit.NOT_ALL_ARRIVED
    for each in known:
        for line in _lines(each):
            click.echo(line)
        if show_values and each.salesforce is not None and each.salesforce.differences:
            _show_values(each)
    return Exit.NOT_ALL_ARRIVED if any(each.stuck for each in known) else Exit.ALL_ARRIVED


def _unknown(told: "list[Story]") -> str:
    searched = ", ".join(each.customer.number for each in told)
    asked = "Salesforce has no such claim either"
    unreachable = next((each.unreachable for each in told if each.unreachable), None)
    if unreachable is not None:
        asked = f"Salesforce could not be asked: {unreachable}"
    return (
        f"No stored report, no sync and no open issue of customer {searched} names this claim. {asked}. Look at the "
        "id, or at the filter in CollaborateMD: a claim that the filter does not return never comes here."
    )


def _lines(story: "Story") -> Iterator[str]:
    yield f"Claim {story.claim_id} of customer {story.customer.number} ({story.customer.name})"
    yield from _what_is_wrong(story)
    yield "In the report"
    if story.report_fetched_at is None:
        yield "    No report is stored."
    elif story.in_report:
        yield f"    {_places(story.in_report)}, fetched {story.report_fetched_at:%Y-%m-%d %H:%M} UTC"
    else:
        yield f"    The last report (fetched {story.report_fetched_at:%Y-%m-%d %H:%M} UTC) has no row of it."
    yield "Syncs that touched it"
    for touch in story.touches:
        code = f" [{touch.code}]" if touch.code else ""
        fields = f": {', '.join(touch.fields)}" if touch.fields else ""
        rows = f" ({_places(touch.places)})" if touch.places else ""
        outcome = _OUTCOMES.get(touch.outcome, touch.outcome)
        yield (
            f"    {touch.fetched_at:%Y-%m-%d %H:%M} UTC, sync {touch.sequence}, {touch.kind}: "
            f"{outcome}{code}{fields}{rows}"
        )
    if not story.touches:
        yield f"    None of the last {story.syncs_looked_at:,} changed anything of it."
    yield "In Salesforce now"
    yield from _in_salesforce(story)


def _what_is_wrong(story: "Story") -> Iterator[str]:
    stuck = story.stuck
    if stuck is None:
        differs = story.salesforce is not None and story.salesforce.differences
        todo = "the next sync that brings it puts it right" if differs else "nothing is to be done"
        yield f"    It is not stuck: {todo}."
        return
    field = f" (column or field: {stuck.field})" if stuck.field else ""
    wrong = stuck.words.wrong
    yield f"    STUCK since {stuck.since} ({stuck.days:,} day(s)), {stuck.kind.lower()} [{stuck.code}]{field}"
    yield f"    {wrong[:1].upper()}{wrong[1:]}."
    yield f"    What to do: {stuck.words.to_do}."
    if story.waits_to_be_tried:
        yield "    It is kept and tried again: on the next sync where it passes by itself, else once a week."


def _in_salesforce(story: "Story") -> Iterator[str]:
    found = story.salesforce
    if found is None:
        yield f"    Not known, Salesforce could not be asked: {story.unreachable}"
        return
    if not found.exists:
        yield "    There is no such claim."
        return
    if not found.is_compared:
        yield "    The claim is there. No stored report holds it, so there is nothing to compare it with."
    elif found.differences:
        names = ", ".join(each.field for each in found.differences)
        yield f"    The claim is there. It differs from the source in: {names}"
    else:
        yield "    The claim is there, and is as the source has it."
    if found.record_link:
        yield f"    {found.record_link}"


def _show_values(story: "Story") -> None:
    click.echo(click.style(_WARNING, fg="red"), err=True)
    assert story.salesforce is not None
    for each in story.salesforce.differences:
        click.echo(f"    {each.field}: source {each.source!r}, Salesforce {each.org!r}")


def _places(places: "tuple[Place, ...]") -> str:
    several_files = len({each.file for each in places}) > 1 or any(each.file for each in places)
    names = []
    for each in places[:20]:
        file = f" of file {each.file + 1}" if several_files else ""
        names.append(f"row {each.row_number:,}{file}")
    more = f" and {len(places) - 20:,} more" if len(places) > 20 else ""
    filters = ", ".join(dict.fromkeys(each.filter_id for each in places))
    return f"{', '.join(names)}{more} of filter {filters}"
