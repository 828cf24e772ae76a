"""The customers: one from the environment, or several from `claims.toml`.

What belongs here: what a customer's settings must be to each other, and the shape of `claims.toml`. Not here: the
settings that all customers share.
"""

import re
import tomllib
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from claims_pipeline.settings.declared import EIGHT_DIGITS, DeclaredSettings, DigitsOnly, Text, name_of
from claims_pipeline.settings.facts import Customer, Filter, FilterKind, Thresholds
from claims_pipeline.settings.problems import Problems

ONE_CUSTOMER = ("customer", "report_id", "filter_id", "full_filter_id", "columns")
"""The settings that say one customer, and have no place beside `claims.toml`."""

_NEVER_ABSENT = "claim_id"


def _digits(value: object) -> object:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, strict=True)


Share = Annotated[float, Field(ge=0, le=1, strict=False)]


class FilterTable(_Table):
    """A filter in `claims.toml`."""

    id: Annotated[DigitsOnly, BeforeValidator(_digits)]
    kind: Annotated[FilterKind, Field(strict=False)]
    claim_complete: bool = False


class ThresholdsTable(_Table):
    """A customer's thresholds in `claims.toml`."""

    least_share_of_last_report: Share = Thresholds.least_share_of_last_report
    empty_report_is_normal: bool = Thresholds.empty_report_is_normal
    most_share_changed: Share = Thresholds.most_share_changed
    most_share_of_charged_lost: Share = Thresholds.most_share_of_charged_lost


class CustomerTable(_Table):
    """A customer in `claims.toml`: `[customers.10001001]`."""

    name: Text
    report: Annotated[DigitsOnly, BeforeValidator(_digits)]
    filters: Annotated[tuple[FilterTable, ...], Field(min_length=1, strict=False)]
    columns: dict[str, Text] = Field(default_factory=dict)
    absent_columns: Annotated[tuple[str, ...], Field(strict=False)] = ()
    thresholds: ThresholdsTable = ThresholdsTable()


_SHAPES = {
    "name": "a text of one line",
    "report": "digits only, another number than its filters'",
    "filters": 'a list such as [{id = "5678", kind = "recent", claim_complete = true}], with at least one',
    "id": "digits only, another number than the report's",
    "kind": '"recent" or "full"',
    "claim_complete": "true or false",
    "columns": 'a table of labels by field, such as paid = "Insurance Paid"',
    "absent_columns": 'a list of fields, such as ["authorization"]',
    "thresholds": "a table",
    "least_share_of_last_report": "a number from 0 to 1",
    "empty_report_is_normal": "true or false",
    "most_share_changed": "a number from 0 to 1",
    "most_share_of_charged_lost": "a number from 0 to 1",
}


def customer_of_environment(
    declared: DeclaredSettings, report_fields: Collection[str], problems: Problems
) -> tuple[Customer, ...]:
    """The one customer that the environment names. What is missing or wrong goes to `problems`."""
    for needed in ("customer", "report_id", "filter_id"):
        if getattr(declared, needed) is None:
            problems.missing(needed)
    filters = []
    if declared.filter_id is not None:
        filters.append(Filter(declared.filter_id, FilterKind.RECENT, declared.filter_claim_complete))
    if declared.full_filter_id is not None:
        filters.append(Filter(declared.full_filter_id, FilterKind.FULL, declared.full_filter_claim_complete))
    if declared.report_id is not None and declared.report_id == declared.filter_id:
        problems.wrong("filter_id", "is the same number as COLLABORATEMD_REPORT_ID")
    if declared.full_filter_id is not None and declared.full_filter_id in (
        declared.report_id,
        declared.filter_id,
    ):
        problems.wrong(
            "full_filter_id", "is the same number as COLLABORATEMD_REPORT_ID or COLLABORATEMD_FILTER_ID"
        )
    columns = declared.columns or {}
    for fault in _column_faults(columns, report_fields):
        problems.wrong("columns", fault)
    number = declared.customer or ""
    return (Customer(number, number, declared.report_id or "", tuple(filters), columns),)


def customers_of_file(path: Path, report_fields: Collection[str], problems: Problems) -> tuple[Customer, ...]:
    """The customers of `claims.toml`, in its order. What is wrong with it goes to `problems`."""
    tables = _tables(path, problems)
    if tables is None:
        return ()
    if not tables:
        problems.wrong("config", "holds no customer")
    customers = []
    for number, table in tables.items():
        where = f"{name_of('config')}: customers.{number}"
        if not re.fullmatch(EIGHT_DIGITS, number, re.ASCII):
            problems.add(f"{where} is no customer number: it should be 8 digits")
        try:
            customers.append(_customer(number, CustomerTable.model_validate(table)))
        except ValidationError as error:
            for line in _table_faults(where, error):
                problems.add(line)
            continue
        for fault_text in _faults(customers[-1], report_fields):
            problems.add(f"{where}: {fault_text}")
    return tuple(customers)


def numbers_in_file(path: Path) -> tuple[str, ...]:
    """The customer numbers that `claims.toml` names, as far as they can be read at all."""
    found = _tables(path, Problems()) or {}
    return tuple(number for number in found if re.fullmatch(EIGHT_DIGITS, number, re.ASCII))


def _tables(path: Path, problems: Problems) -> Mapping[str, Any] | None:
    try:
        held = tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        # the parser's own words may hold a piece of the file: only the place is passed on
        place = re.search(r"at line \d+, column \d+|at end of document", str(error))
        twice = (
            " (a customer or key named twice)" if "twice" in str(error) or "overwrite" in str(error) else ""
        )
        problems.wrong("config", f"is not TOML {place.group(0) if place else ''}{twice}".rstrip())
        return None
    except (OSError, ValueError):
        problems.wrong("config", "cannot be read as a text in UTF-8")
        return None
    for key in held:
        if key != "customers":
            problems.add(_told(name_of("config"), (key,), "extra_forbidden"))
    tables = held.get("customers", {})
    if not isinstance(tables, dict):
        problems.wrong("config", "has something else than a table a customer, as in [customers.10001001],")
        return None
    return tables


def _customer(number: str, table: CustomerTable) -> Customer:
    thresholds = Thresholds(**table.thresholds.model_dump())
    filters = tuple(Filter(each.id, each.kind, each.claim_complete) for each in table.filters)
    columns = {**table.columns, **dict.fromkeys(table.absent_columns)}
    return Customer(number, table.name, table.report, filters, columns, thresholds)


def _table_faults(where: str, error: ValidationError) -> list[str]:
    faults = error.errors(include_input=False, include_url=False, include_context=False)
    places = [fault["loc"] for fault in faults]
    return [
        _told(where, fault["loc"], fault["type"])
        for fault in faults
        # a list whose only entry is wrong also counts as too short: the entry's own fault says it
        if not any(place[: len(fault["loc"])] == fault["loc"] != place for place in places)
    ]


def _told(where: str, place: tuple[int | str, ...], kind: str) -> str:
    path = ".".join(str(part) for part in place)
    named = next((str(part) for part in reversed(place) if isinstance(part, str) and part in _SHAPES), None)
    if kind == "extra_forbidden":
        return (
            f"{where}: {path} is not known here: it should go (passwords, tokens and keys stand in the environment "
            "or in the secret, never in this file)"
        )
    what = "is missing" if kind == "missing" else "is wrong"
    return f"{where}: {path} {what}: it should be {_SHAPES[named] if named else 'a table'}"


def _faults(customer: Customer, report_fields: Collection[str]) -> list[str]:
    ids = [each.id for each in customer.filters]
    faults = [f"columns: {fault}" for fault in _column_faults(customer.columns, report_fields)]
    if customer.report_id in ids:
        faults.append("report and a filter have the same number: a filter's id is another than its report's")
    if len(set(ids)) < len(ids):
        faults.append("filters: one id stands there twice; each filter should be named once")
    return faults


def _column_faults(columns: Mapping[str, str | None], report_fields: Collection[str]) -> list[str]:
    faults = []
    if unknown := sorted(set(columns) - set(report_fields)):
        faults.append(f"names {', '.join(unknown)}, and no such field is known ({', '.join(report_fields)})")
    if _NEVER_ABSENT in columns and columns[_NEVER_ABSENT] is None:
        faults.append(f"says that {_NEVER_ABSENT} is absent, and nothing can be synced without it")
    labels = [label.strip().casefold() for label in columns.values() if label is not None]
    if len(set(labels)) < len(labels):
        faults.append("gives one label to two fields")
    return faults
