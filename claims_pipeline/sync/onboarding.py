"""Onboarding: a new customer's report is run once, and what its columns are is found out and told.

What belongs here: which labels we know, which fields lack one and what may be meant, shapes of what stands in the
columns. Not here: asking a person (`cli.onboard`), the file of customers (`cli.claims_toml`), what a first sync would
do (a dry run over the same ZIP). Labels and shapes alone, never a cell.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rapidfuzz import fuzz, process

from claims_pipeline.claims.columns import BY_FIELD, COLUMNS, Grain
from claims_pipeline.claims.header import (
    ColumnChoice,
    ReportColumnsChanged,
    clean_label,
    folded,
    match_header,
    may_be_claims,
    shown_labels,
)
from claims_pipeline.claims.near_names import NEAR_ENOUGH
from claims_pipeline.claims.reading import Glance, glance_at
from claims_pipeline.errors import PermanentError
from claims_pipeline.settings import Customer, Filter
from claims_pipeline.storage.report_zip import open_entries
from claims_pipeline.sync.connections import Connections
from claims_pipeline.sync.fetching.asking import Asking
from claims_pipeline.sync.options import Progress

MOST_SUGGESTIONS = 3
_WIDE = 22


class NothingCame(PermanentError):
    """CollaborateMD ran the report and gave no file: nothing can be known of its columns."""

    def __init__(self, customer: Customer, each: Filter) -> None:
        super().__init__(
            f"Customer {customer.number}: report {customer.report_id} with filter {each.id} came back without a file, "
            "so its columns are not known and nothing was written. Choose a filter that finds a claim, then run this "
            "again."
        )


@dataclass(frozen=True)
class ReportColumns:
    """What is known of a report's columns. `needed` and `doubled` must be settled before it can be synced.

    `known`: field -> label; `needed`: required field -> labels that may be meant, the likeliest first; `doubled`:
    field -> the labels that all serve it; `unread`: labels that nobody reads; `shapes`: label -> shapes below it.
    """

    known: Mapping[str, str]
    needed: Mapping[str, tuple[str, ...]]
    doubled: Mapping[str, tuple[str, ...]]
    unread: tuple[str, ...]
    shapes: Mapping[str, tuple[str, ...]]

    @property
    def grain(self) -> Grain:
        """A line id makes it a charge report."""
        return Grain.CHARGE if "line_id" in self.known else Grain.CLAIM

    def label(self, given: str) -> str | None:
        """The report's own spelling of a label that a person typed; None where it has none such."""
        return next((label for label in self.shapes if folded(label) == folded(given)), None)


def bring_report(customer: Customer, each: Filter, connections: Connections, to: Path, say: Progress) -> Path:
    """Run the report once, leaving nothing behind but the slot's lease. Raises NothingCame."""
    if not Asking(customer, connections, None, None, None, say).bring(each, to):
        raise NothingCame(customer, each)
    return to


def columns_of(path: Path, labels: Mapping[str, str | None]) -> ReportColumns:
    """The columns of the report in this ZIP, with what is chosen already (field -> label, None: absent).

    Raises ReportColumnsChanged for a first row that may be claims, and ReportError for what cannot be read.
    """
    choice = ColumnChoice.from_labels(labels)
    looks = [glance_at(entry.open, entry.kind, entry.ordinal) for entry in open_entries(path)]
    looks = [look for look in looks if look.labels]
    if not looks:
        raise PermanentError(
            "The report came without a column. Choose a filter that finds a claim, then try again."
        )
    for look in looks:
        if may_be_claims(look.labels) and not _holds_chosen(look.labels, choice):
            match_header(look.labels, choice)  # raises, in words that quote nothing
    return _columns(looks[0], choice)


def _holds_chosen(cells: Sequence[str], choice: ColumnChoice) -> bool:
    chosen = {folded(label) for labels in choice.labels.values() for label in labels}
    return any(folded(cell) in chosen for cell in cells)


def _columns(look: Glance, choice: ColumnChoice) -> ReportColumns:
    missing: tuple[str, ...] = ()
    doubled: Mapping[str, Sequence[str]] = {}
    try:
        header = match_header(look.labels, choice)
    except ReportColumnsChanged as wrong:
        missing, doubled = wrong.missing, wrong.doubled
        without = ColumnChoice(choice.labels, choice.absent | {*missing, *doubled})
        header = match_header(look.labels, without)
    cleaned = [clean_label(label) for label in look.labels]
    served = {folded(label) for labels in doubled.values() for label in labels}
    unread = tuple(label for label in header.unknown if folded(label) not in served)
    return ReportColumns(
        known=header.labels,
        needed={name: _near(name, unread) for name in missing},
        doubled={name: tuple(map(clean_label, labels)) for name, labels in doubled.items()},
        unread=unread,
        shapes=dict(zip(cleaned, look.shapes, strict=True)),
    )


def _near(field: str, labels: Sequence[str]) -> tuple[str, ...]:
    """Labels of nearly the names under which we know the field; suggested, never applied."""
    best: dict[str, float] = {}
    for known in BY_FIELD[field].labels:
        for label, score, _ in process.extract(known, labels, scorer=fuzz.WRatio, score_cutoff=NEAR_ENOUGH):
            best[label] = max(score, best.get(label, 0))
    return tuple(sorted(best, key=lambda label: (-best[label], label)))[:MOST_SUGGESTIONS]


def column_lines(columns: ReportColumns) -> Iterator[str]:
    """What a person sees of the report."""
    yield f"The report has a row a {columns.grain.value}. Columns that we know (and shapes of what stands there):"
    for column in COLUMNS:
        if column.field in columns.known:
            yield _line(column.field, columns.known[column.field], columns)
    if columns.needed:
        yield "Columns that we need and do not find:"
    for field, near in columns.needed.items():
        said = f"; near: {shown_labels(near)}" if near else ""
        yield f"  {field:<{_WIDE}}known as {', '.join(BY_FIELD[field].labels)}{said}"
    if columns.doubled:
        yield "Fields for which the report has more than one column:"
    for field, labels in columns.doubled.items():
        yield f"  {field:<{_WIDE}}{shown_labels(labels)}"
    if columns.unread:
        yield "Columns that nobody reads:"
    for label in columns.unread:
        yield _line("", label, columns)


def _line(field: str, label: str, columns: ReportColumns) -> str:
    shapes = " | ".join(columns.shapes.get(label, ()))
    return f"  {field:<{_WIDE}}{shown_labels([label]):<32}  {shapes}".rstrip()


__all__ = ["NothingCame", "ReportColumns", "bring_report", "column_lines", "columns_of"]
