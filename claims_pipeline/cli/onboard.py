"""`claims-pipeline onboard`: a new customer in one command, from its number to its entry in `claims.toml`.

What belongs here: asking a person, or taking options, and the order of it all. Not here: what the report's columns are
(`sync.onboarding`), what a first sync would do (a dry run), the file (`claims_toml`).
"""

import os
import re
import uuid
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import click

from claims_pipeline.claims.columns import Grain
from claims_pipeline.claims.header import shown_labels
from claims_pipeline.cli.claims_toml import ClaimsToml
from claims_pipeline.cli.exits import Exit
from claims_pipeline.cli.progress import progress
from claims_pipeline.cli.sync import tell
from claims_pipeline.errors import SettingsError
from claims_pipeline.settings import Customer, Filter, FilterKind, Settings
from claims_pipeline.sync.connections import connect, read_settings
from claims_pipeline.sync.onboarding import ReportColumns, bring_report, column_lines, columns_of
from claims_pipeline.sync.options import SyncOptions
from claims_pipeline.sync.whole import sync_customer

_CONFIG = "CLAIMS_CONFIG"
_ABSENT, _NEVER_ABSENT = "-", "claim_id"
_LABEL = re.compile(r"([a-z_]+)=(.+)")


@click.command("onboard")
@click.option("--customer", "number", help="CollaborateMD customer number, 8 digits.")
@click.option("--name", help="What people call the customer.")
@click.option("--report", help="The saved report's number.")
@click.option("--recent-filter", help="The filter by last activity, for every day.")
@click.option("--full-filter", help="The filter that returns every claim, for every week.")
@click.option(
    "--claim-complete", is_flag=True, help="The filters return every line of each claim that they return."
)
@click.option("--label", "labels", multiple=True, help='Which column a field is: paid="Insurance Paid".')
@click.option("--absent", multiple=True, help="A field that the report has no column for.")
@click.option(
    "--config", type=click.Path(path_type=Path), help=f"The file of customers; {_CONFIG} by default."
)
@click.option("--replace", "may_replace", is_flag=True, help="The customer's entry may be written anew.")
@click.option("--yes", is_flag=True, help="Ask nothing: what is needed stands in the options.")
def command(
    number: str | None,
    name: str | None,
    report: str | None,
    recent_filter: str | None,
    full_filter: str | None,
    claim_complete: bool,
    labels: tuple[str, ...],
    absent: tuple[str, ...],
    config: Path | None,
    may_replace: bool,
    yes: bool,
) -> int:
    """Set a new customer up: run its report once, tell what would come of it, write its entry in claims.toml.

    Sends nothing, and moves no cursor. Of the report it shows labels and shapes, never values.
    """
    asking = Asking(yes)
    file = ClaimsToml.read(config or asking.config())
    number = asking.text(number, "--customer", "CollaborateMD customer number (8 digits)")
    if file.holds(number) and not may_replace:
        asking.confirm(f"Customer {number} stands in {file.path} already. Write its entry anew?", "--replace")
    name = asking.text(name, "--name", "What do people call it?")
    report = asking.text(report, "--report", "Number of its saved report")
    recent = asking.filter(recent_filter, "Filter by last activity, sent daily")
    full = asking.filter(full_filter, "Filter that returns every claim, sent weekly")
    if not (recent or full):
        raise SettingsError(["--recent-filter or --full-filter is missing: no report can be run without one"])
    kinds = ((recent, FilterKind.RECENT), (full, FilterKind.FULL))
    filters = tuple(Filter(each, kind, claim_complete) for each, kind in kinds if each)
    customer = Customer(number, name, report, filters, _columns(labels, absent))
    return Onboarding(file, asking).run(customer)


@dataclass(frozen=True)
class Asking:
    """Asks a person, unless told to ask nobody: then what is missing is named as an option."""

    nobody: bool

    def text(self, given: str | None, option: str, question: str) -> str:
        """What was given, or the answer."""
        if given is None and self.nobody:
            raise SettingsError([f"{option} is missing, and with --yes nobody is asked"])
        answer: str = given if given is not None else click.prompt(question, err=True)
        return answer.strip()

    def filter(self, given: str | None, question: str) -> str:
        """The same of a filter, which may be none."""
        if given is None and not self.nobody:
            given = click.prompt(f"{question} (empty: none)", default="", show_default=False, err=True)
        return (given or "").strip()

    def config(self) -> Path:
        """Where the customers stand."""
        named = os.environ.get(_CONFIG, "").strip()
        return Path(named or self.text(None, f"--config (or {_CONFIG})", "Where should claims.toml stand?"))

    def confirm(self, question: str, option: str) -> None:
        """Stops the command unless a person says yes."""
        if self.nobody:
            raise SettingsError([f"{question} With --yes nobody is asked: say it by {option}"])
        click.confirm(question, abort=True, err=True)

    def column(self, field: str, labels: tuple[str, ...], columns: ReportColumns) -> str | None:
        """Which of the report's columns is the field; None where it has none."""
        meant = f" ({shown_labels(labels)}?)" if labels else ""
        question = f"Which column is {field}{meant}? Its label, or {_ABSENT} where the report has none"

        def known(answer: str) -> str | None:
            if answer.strip() == _ABSENT:
                return None
            label = columns.label(answer)
            if label is None:
                raise click.BadParameter("the report has no such column")
            return label

        found: str | None = click.prompt(question, value_proc=known, err=True)
        return found


@dataclass(frozen=True)
class Onboarding:
    """One customer on its way into the file."""

    file: ClaimsToml
    asking: Asking

    def run(self, customer: Customer) -> Exit:
        """The report once, its columns, a dry run over it, and the entry."""
        settings = self._settings_with(customer)
        title = f"customer {customer.number}"
        with connect(settings, f"onboard-{uuid.uuid4().hex}") as connections, ExitStack() as stack:
            work = stack.enter_context(connections.storage.work_folder("onboard"))
            first = customer.filters[0]
            with progress(title) as say:
                path = bring_report(customer, first, connections, work / f"{first.id}.zip", say)
            customer = self._with_columns(customer, path)
            options = SyncOptions(first.kind, dry_run=True, accept_empty=True)
            connections = replace(connections, settings=self._settings_with(customer))
            with progress(title) as say:
                whole = sync_customer(customer, options, connections, say, in_hand={first.id: path})
            tell(whole)
            foretold = Exit.ALL_ARRIVED if whole.all_arrived else Exit.NOT_ALL_ARRIVED
        self._write(customer)
        return foretold

    def _settings_with(self, customer: Customer) -> Settings:
        """All settings, as they would be with this customer: the loader judges the whole new file."""
        with self.file.draft(self.file.with_customer(customer)) as draft:
            return read_settings({**os.environ, _CONFIG: str(draft)})

    def _with_columns(self, customer: Customer, path: Path) -> Customer:
        """The customer with every column that a sync needs, as far as a person can say which it is."""
        columns = columns_of(path, customer.columns)
        for told in column_lines(columns):
            click.echo(told)
        chosen: dict[str, str | None] = {}
        open_ones = {**columns.needed, **columns.doubled}
        if open_ones and self.asking.nobody:
            raise SettingsError(
                [
                    f"no column is known for {field}, or more than one: say it by --label {field}=LABEL"
                    + (f", or --absent {field}" if field != _NEVER_ABSENT else "")
                    for field in open_ones
                ]
            )
        for field, labels in open_ones.items():
            chosen[field] = self.asking.column(field, labels, columns)
        customer = replace(customer, columns={**customer.columns, **chosen})
        return self._with_complete_claims(customer, columns)

    def _with_complete_claims(self, customer: Customer, columns: ReportColumns) -> Customer:
        """A charge report is taken only from filters that return whole claims: a person must say so."""
        if columns.grain is not Grain.CHARGE or all(each.claim_complete for each in customer.filters):
            return customer
        self.asking.confirm(
            "The report has a row a charge line. Do its filters return every line of each claim that they return?",
            "--claim-complete",
        )
        return replace(
            customer, filters=tuple(replace(each, claim_complete=True) for each in customer.filters)
        )

    def _write(self, customer: Customer) -> None:
        """Put the entry into the file, when a person says so."""
        if not self.asking.nobody:
            click.confirm(f"Write customer {customer.number} into {self.file.path}?", abort=True, err=True)
        self.file.replace_by(self.file.with_customer(customer))
        click.echo(
            f"Customer {customer.number} stands in {self.file.path}. Let {_CONFIG} name that file. Next: "
            f"claims-pipeline sync --customer {customer.number}; and reload Dagster's code location, so that it knows "
            "the customer."
        )


def _columns(labels: Sequence[str], absent: Sequence[str]) -> dict[str, str | None]:
    """Field -> label, None where the report has none. The settings' loader judges the fields' names."""
    columns: dict[str, str | None] = dict.fromkeys(absent)
    for given in labels:
        found = _LABEL.fullmatch(given)
        if found is None:
            raise click.BadParameter('should be like paid="Insurance Paid"', param_hint="--label")
        columns[found[1]] = found[2].strip()
    return columns
