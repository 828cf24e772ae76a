"""How one cell is read: cleaning, spreadsheet guards, dollars, dates, lengths and case.

What belongs here: polars expressions over one column of cells, and their plain twins for what is done on distinct
values only. Not here: which column is read how (`rows`), nor what becomes of a row with a bad cell.

Nothing here raises on data: what cannot be read is null, and the caller tells null from blank by the cell.
"""

import re
import unicodedata
from collections.abc import Callable

import polars as pl

MONEY = pl.Decimal(16, 2)
"""US dollars: 14 digits before the point, as the org's Currency(16, 2) holds them."""

MINIMUM_YEAR = 1900
YEARS_AHEAD = 2

# The same classes for Rust's regex and Python's: neither writes them with an escape that the other lacks.
_ZERO_WIDTH = "[\u200b-\u200f\u2060\ufeff]+"
_BLANKS = "[\u0000-\u0020\u007f-\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+"  # white space and controls
_UNTIDY = r"[^\x21-\x7e ]|^ | $|  "
_ASTRAL = r"[\x{10000}-\x{10FFFF}]"

_GUARDED = "^['#-]"
"""Where `text` could change a cell that is clean."""

_SPREADSHEET_ERRORS = ("#N/A", "#REF!", "#VALUE!", "#NAME?", "#DIV/0!", "#NULL!", "#NUM!")

# Commas in the right places or none; `$` right before the first digit; beyond two decimals only zeros.
_WHOLE = r"(?:[0-9]+|[0-9]{1,3}(?:,[0-9]{3})+)"
_AMOUNT = rf"(?:\$?{_WHOLE}(?:\.[0-9]{{1,2}}0*)?|\.[0-9]{{1,2}}0*)"
_MONEY = rf"^(?:-?{_AMOUNT}|\({_AMOUNT}\))$"
_TOO_MANY_DIGITS = r"^[0-9]{15}"

_US_DATE = r"^[0-9]{1,2}/[0-9]{1,2}/[0-9]{4}$"
_TIME = r"(?:[01][0-9]|2[0-3]):[0-5][0-9](?::[0-5][0-9](?:\.[0-9]+)?)?"
_ZONE = r" ?(?:Z|UTC|GMT|[+-][0-9]{2}(?::?[0-9]{2})?)"
_ISO_DATE = rf"^[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}(?:[T ]{_TIME}(?:{_ZONE})?)?$"


def is_untidy(cells: pl.Expr) -> pl.Expr:
    """True where `clean` could change a cell."""
    return cells.str.contains(_UNTIDY) | (cells == "")


def cleaned(cells: pl.Series) -> pl.Series:
    """`clean` of a whole column: only the untidy cells are worked on, which in most columns are few or none."""
    column = pl.col(cells.name)
    return _only_where(is_untidy(column), clean(column), cells)


def clean(cells: pl.Expr) -> pl.Expr:
    """Any cell without invisible characters, composed, with single spaces; blank is null."""
    tidy = cells.str.replace_all(_ZERO_WIDTH, "").str.normalize("NFC")
    return _null_if_empty(tidy.str.replace_all(_BLANKS, " ").str.strip_chars(" "))


def text(cleaned: pl.Expr, *, name: bool = False) -> pl.Expr:
    """A cleaned cell as text: spreadsheet guards off, spreadsheet errors null.

    A `name` (patient, payor) keeps a dash that it begins with.
    """
    unquoted = cleaned.str.replace(r"^'([=+@\p{Nd}-])", "$1")
    undashed = unquoted if name else unquoted.str.replace(r"^-(\p{L})", "$1")
    return pl.when(~undashed.is_in([*_SPREADSHEET_ERRORS, "-"])).then(undashed)


def texts(cleaned: pl.Series, *, name: bool = False) -> pl.Series:
    """`text` of a whole column: only the cells that it could change are worked on."""
    column = pl.col(cleaned.name)
    return _only_where(column.str.contains(_GUARDED), text(column, name=name), cleaned)


def plain_text(cell: str | None, *, name: bool = False) -> str | None:
    """One cell, cleaned and read as text: the plain twin of `text(clean(...))`."""
    tidy = unicodedata.normalize("NFC", re.sub(_ZERO_WIDTH, "", cell or ""))
    tidy = re.sub(_BLANKS, " ", tidy).strip(" ")
    if tidy[:1] == "'" and (
        tidy[1:2] in {"=", "+", "-", "@"} or unicodedata.category(tidy[1:2] or " ") == "Nd"
    ):
        tidy = tidy[1:]
    if not name and tidy[:1] == "-" and unicodedata.category(tidy[1:2] or " ").startswith("L"):
        tidy = tidy[1:]
    return None if tidy in {"", "-", *_SPREADSHEET_ERRORS} else tidy


def money(cleaned: pl.Expr) -> pl.Expr:
    """US dollars as CollaborateMD prints them, exactly, as Decimal(16, 2).

    Takes `1204.5`, `.50`, `1,204.50`, `$1,204.50`, `-$12.00` and `($12.00)`. Anything else is null, as is blank: the
    caller must reject a cell that was not blank as `BAD_MONEY`, never pass it on as zero.
    """
    digits = cleaned.str.replace_all(r"[$,()\-]", "")
    negative = cleaned.str.contains(r"^[(-]")
    signed = pl.when(negative).then("-" + digits).otherwise(digits)
    readable = cleaned.str.contains(_MONEY) & ~digits.str.contains(_TOO_MANY_DIGITS)
    return pl.when(readable).then(signed.cast(MONEY, strict=False))


def date(cleaned: pl.Expr, *, fetched_year: int) -> pl.Expr:
    """A day as the report writes it: `1/5/2026`, `2026-01-05`, the latter also with a time that exists.

    A zone is ignored, the date taken as written. Days that do not exist, two-digit years and years outside 1900 to
    two past the fetch's are null, as is blank: the caller must reject a cell that was not blank as `BAD_DATE`.
    """
    month_first = cleaned.str.to_date("%m/%d/%Y", strict=False)
    year_first = cleaned.str.head(10).str.to_date("%Y-%m-%d", strict=False)
    day = (
        pl.when(cleaned.str.contains(_US_DATE))
        .then(month_first)
        .when(cleaned.str.contains(_ISO_DATE))
        .then(year_first)
    )
    return pl.when(day.dt.year().is_between(MINIMUM_YEAR, fetched_year + YEARS_AHEAD)).then(day)


def dates(cleaned: pl.Series, *, fetched_year: int) -> pl.Series:
    """`date` of a whole column, worked out once for each distinct cell: a book has few days."""
    cells = cleaned.to_frame("cell")
    read = cells.unique().with_columns(day=date(pl.col("cell"), fetched_year=fetched_year))
    return cells.join(read, on="cell", how="left", maintain_order="left").get_column("day")


def length(value: pl.Expr) -> pl.Expr:
    """Length as Salesforce counts it: UTF-16 units."""
    return value.str.len_chars() + value.str.count_matches(_ASTRAL)


def plain_length(value: str) -> int:
    """The plain twin of `length`."""
    return len(value) + sum(character > "\uffff" for character in value)


def beginning(value: str, units: int) -> str:
    """The first `units` UTF-16 units of a text, one less where a character would be split."""
    if plain_length(value) <= units:
        return value
    return value.encode("utf-16-le")[: 2 * units].decode("utf-16-le", errors="ignore")


def claim_key(claim_id: str) -> str:
    """A claim id as it is compared: case-folded, as the org's unique key is."""
    return claim_id.casefold()


def claim_keys(claim_ids: pl.Series) -> pl.Series:
    """`claim_key` of many cleaned ids at once: only distinct ids beyond ASCII are folded one by one."""
    lower = claim_ids.str.to_lowercase()
    beyond_ascii = claim_ids.str.contains(r"[^\x00-\x7f]")
    if not beyond_ascii.any():
        return lower
    folded = on_distinct(claim_ids.filter(beyond_ascii), claim_key)
    return lower.scatter(beyond_ascii.arg_true(), folded)


def on_distinct(values: pl.Series, function: Callable[[str], str | None]) -> pl.Series:
    """A plain function applied to text, called once for each distinct value. Null stays null."""
    distinct = values.drop_nulls().unique()
    results = pl.Series([function(value) for value in distinct], dtype=pl.String)
    return values.replace_strict(distinct, results, default=None, return_dtype=pl.String)


def _only_where(wanted: pl.Expr, how: pl.Expr, cells: pl.Series) -> pl.Series:
    """The cells, with `how` done to those that are `wanted`: both expressions of the cells' own column."""
    chosen = cells.to_frame().select(wanted).to_series().fill_null(value=False)
    if not chosen.any():
        return cells
    done = cells.filter(chosen).to_frame().select(how).to_series()
    return cells.scatter(chosen.arg_true(), done)


def _null_if_empty(value: pl.Expr) -> pl.Expr:
    return pl.when(value != "").then(value)
