"""Matching the header of a report to the columns that we carry.

What belongs here: how a label is compared, which column serves which field, and what to say when one is missing or
two fit. Not here: the declared columns (`columns`), nor how rows are read (`reading`).
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from claims_pipeline.claims.columns import BY_FIELD, COLUMNS, KNOWN_BUT_NOT_CARRIED, Grain
from claims_pipeline.errors import ReportError, SettingsError

_ZERO_WIDTH = re.compile("[\u200b-\u200f\u2060\ufeff]+")
_BLANKS = re.compile("[\u0000-\u0020\u007f-\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+")
_LONGEST_SHOWN_LABEL = 60
_MOST_SHOWN_LABELS = 80


def clean_label(cell: str) -> str:
    """A cell as all cells are cleaned: nothing invisible, composed, single spaces, trimmed."""
    return _BLANKS.sub(" ", unicodedata.normalize("NFC", _ZERO_WIDTH.sub("", cell))).strip(" ")


def folded(label: str) -> str:
    """A label as it is compared."""
    return clean_label(label).casefold()


@dataclass(frozen=True)
class ColumnChoice:
    """What a customer's settings say of the report's columns: labels beside those we know, and fields it has not.

    A label given here wins over those we know, so that it also chooses between two columns for one field.
    """

    labels: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    absent: frozenset[str] = frozenset()

    @classmethod
    def from_labels(cls, labels: Mapping[str, str | None]) -> "ColumnChoice":
        """From COLLABORATEMD_COLUMNS: field -> label, or None where the report has no such column."""
        _refuse_bad_settings(labels)
        given = {name: (label,) for name, label in labels.items() if label is not None}
        return cls(given, frozenset(name for name, label in labels.items() if label is None))

    def all_labels(self, name: str) -> tuple[str, ...]:
        """Every label that may stand for a field, those of the settings first."""
        return (*self.labels.get(name, ()), *BY_FIELD[name].labels)


@dataclass(frozen=True)
class Header:
    """A header that serves: where each field stands, and under which label."""

    width: int
    positions: Mapping[str, int]
    labels: Mapping[str, str]
    unknown: tuple[str, ...]
    warnings: tuple[str, ...]

    @property
    def grain(self) -> Grain:
        """A line id makes it a charge report."""
        return Grain.CHARGE if "line_id" in self.positions else Grain.CLAIM

    @property
    def present(self) -> frozenset[str]:
        """The fields that this report has."""
        return frozenset(self.positions)


class ReportColumnsChanged(ReportError):
    """The report lacks a column that we need, or has two for one field. Holds labels, never cells."""

    def __init__(
        self, missing: Sequence[str], doubled: Mapping[str, Sequence[str]], cells: Sequence[str]
    ) -> None:
        self.missing = tuple(missing)
        self.doubled = {name: tuple(labels) for name, labels in doubled.items()}
        parts = []
        if missing:
            known = "; ".join(f"{name} (known as {', '.join(BY_FIELD[name].labels)})" for name in missing)
            parts.append(f"The report has no column for {known}.")
        parts += [
            f"The report has {len(labels)} columns for {name}: {shown_labels(labels)}."
            for name, labels in self.doubled.items()
        ]
        parts.append(_what_it_has(cells))
        parts.append(
            "Restore the column in CollaborateMD's report builder, or say in COLLABORATEMD_COLUMNS which label stands "
            'for the field, such as {"paid": "Insurance Paid"}, or null where the report has no such column.'
        )
        super().__init__(" ".join(parts))


def match_header(cells: Sequence[str], columns: ColumnChoice) -> Header:
    """Find each field's column. Raises ReportColumnsChanged naming all that is missing or doubled at once."""
    places = _places(cells)
    chosen, doubled = _chosen_by_settings(places, columns)
    claimed = {place for found in (*chosen.values(), *doubled.values()) for place in found}
    for column in COLUMNS:
        if column.field in columns.absent or column.field in chosen or column.field in doubled:
            continue
        found = [place for place in _found(places, column.labels) if place not in claimed]
        if len(found) > 1:
            doubled[column.field] = found
        elif found:
            chosen[column.field] = found
    missing = [
        column.field
        for column in COLUMNS
        if column.required and column.field not in {*chosen, *doubled, *columns.absent}
    ]
    if missing or doubled:
        raise ReportColumnsChanged(
            missing, {name: [cells[place] for place in found] for name, found in doubled.items()}, cells
        )
    positions = {column.field: chosen[column.field][0] for column in COLUMNS if column.field in chosen}
    return _header(cells, positions, columns)


def shown_labels(labels: Iterable[str]) -> str:
    """Labels for a message: cleaned, cut, and not too many."""
    cleaned = [clean_label(label)[:_LONGEST_SHOWN_LABEL] or "(no label)" for label in labels]
    more = [f"and {len(cleaned) - _MOST_SHOWN_LABELS} more"] if len(cleaned) > _MOST_SHOWN_LABELS else []
    return ", ".join([*cleaned[:_MOST_SHOWN_LABELS], *more])


def _header(cells: Sequence[str], positions: Mapping[str, int], columns: ColumnChoice) -> Header:
    carried = set(positions.values())
    known = {folded(label) for label in KNOWN_BUT_NOT_CARRIED}
    declared_absent = {folded(label): name for name in columns.absent for label in BY_FIELD[name].labels}
    unknown, warnings = [], []
    for place, cell in enumerate(cells):
        if place in carried or folded(cell) in known:
            continue
        if (name := declared_absent.get(folded(cell))) is not None:
            warnings.append(
                f"column {clean_label(cell)} is not read: the settings say that the report has no {name}"
            )
        else:
            unknown.append(clean_label(cell)[:_LONGEST_SHOWN_LABEL])
    labels = {name: clean_label(cells[place]) for name, place in positions.items()}
    return Header(len(cells), positions, labels, tuple(unknown), tuple(warnings))


def _places(cells: Sequence[str]) -> dict[str, list[int]]:
    places: dict[str, list[int]] = {}
    for place, cell in enumerate(cells):
        places.setdefault(folded(cell), []).append(place)
    return places


def _found(places: Mapping[str, Sequence[int]], labels: Iterable[str]) -> list[int]:
    return sorted({place for label in labels for place in places.get(folded(label), ())})


def _chosen_by_settings(
    places: Mapping[str, Sequence[int]], columns: ColumnChoice
) -> tuple[dict[str, list[int]], dict[str, list[int]]]:
    chosen: dict[str, list[int]] = {}
    doubled: dict[str, list[int]] = {}
    for name, labels in columns.labels.items():
        found = _found(places, labels)
        if found:
            (chosen if len(found) == 1 else doubled)[name] = found
    return chosen, doubled


def may_be_claims(cells: Sequence[str]) -> bool:
    """Whether a first row holds no label that we know and could be a row of claims, which must not be quoted."""
    known = {folded(label) for column in COLUMNS for label in column.labels}
    known |= {folded(label) for label in KNOWN_BUT_NOT_CARRIED}
    return not any(folded(cell) in known for cell in cells) and bool(re.search(r"\d|,", " ".join(cells)))


def _what_it_has(cells: Sequence[str]) -> str:
    """The report's own labels, unless they look like a row of claims: a report without a header must not be quoted."""
    if may_be_claims(cells):
        return (
            f"Its first row ({len(cells)} cells) holds no label that we know and may be a row of claims, so it is not "
            "shown: is the header row missing?"
        )
    if len(cells) == 1:
        return f"Its header is one cell, {shown_labels(cells)}: are the cells parted by something else than commas?"
    return f"It has: {shown_labels(cells)}."


def _refuse_bad_settings(labels: Mapping[str, str | None]) -> None:
    problems = []
    if unknown := sorted(set(labels) - set(BY_FIELD)):
        problems.append(
            f"COLLABORATEMD_COLUMNS names {len(unknown)} field(s) that we do not carry; we carry {', '.join(BY_FIELD)}"
        )
    if "claim_id" in labels and labels["claim_id"] is None:
        problems.append(
            "COLLABORATEMD_COLUMNS: claim_id cannot be absent, since nothing else tells claims apart"
        )
    given = [folded(label) for label in labels.values() if label is not None]
    if len(given) != len(set(given)) or "" in given:
        problems.append("COLLABORATEMD_COLUMNS: each field needs a label of its own that is not blank")
    if problems:
        raise SettingsError(problems)
