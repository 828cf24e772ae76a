"""How one cell is read. Written cases first; then the oracle, which shares no code, must read any cell alike."""

from datetime import date
from decimal import Decimal

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from claims_pipeline.claims import values
from claims_pipeline.claims.labels import cut, cut_column, cut_name
from claims_pipeline_tests import oracle_cells as oracle
from claims_pipeline_tests.claims.given import FETCHED_ON, PROPERTY

ODD_CHARACTERS = st.sampled_from(
    "aZée\u0301ß0 9'-=+@#N/A.,$()\u200b\ufeff\u2060\u00a0\u3000\t\r\n\x00\x85\x1f\u2028😀Ａ①"
)
ODD_TEXT = st.text(st.one_of(ODD_CHARACTERS, st.characters(exclude_categories=["Cs", "Cn"])), max_size=12)
ODD_MONEY = st.text(st.sampled_from("0123456789$(),.- \u200b"), max_size=9)
ODD_DATE = st.one_of(
    st.from_regex(r"\A[0-9]{1,2}/[0-9]{1,2}/[0-9]{2,4}\Z"),
    st.from_regex(
        r"\A(19|20|00)[0-9]{2}-[01][0-9]-[0-3][0-9]([T ][0-2][0-9]:[0-6][0-9](:[0-6][0-9](\.[0-9]+)?)?Z?)?\Z"
    ),
    st.dates().map(lambda day: f"{day.month}/{day.day}/{day.year:04}"),
    st.dates(date(1890, 1, 1), date(2032, 1, 1)).map(date.isoformat),
    ODD_TEXT,
)


def one(expression: pl.Expr, cell: str) -> object:
    return pl.DataFrame({"cell": [cell]}, schema={"cell": pl.String}).select(expression).item()


def column(*cells: str | None) -> pl.Series:
    return pl.Series("cell", cells, dtype=pl.String)


def as_text(cell: str, *, name: bool = False) -> object:
    return values.texts(values.cleaned(column(cell)), name=name).item()


def as_money(cell: str) -> object:
    return one(values.money(values.clean(pl.col("cell"))), cell)


def as_date(cell: str) -> object:
    return values.dates(values.cleaned(column(cell)), fetched_year=FETCHED_ON.year).item()


@pytest.mark.parametrize(
    ("cell", "read"),
    [
        ("", None),
        (" \u200b\u00a0\t", None),
        ("a\u0000b", "a b"),
        ("a\r\n  b", "a b"),
        ("Jose\u0301", "José"),
        ("e\u200b\u0301", "é"),
        ("'000123", "000123"),
        ("'-ABC", "ABC"),
        ("'=1", "=1"),
        ("'t Hooft", "'t Hooft"),
        ("''1", "''1"),
        ("-", None),
        ("'-", None),
        ("--", "--"),
        ("-ABC", "ABC"),
        ("-É", "É"),
        ("-1", "-1"),
        ("- ABC", "- ABC"),
        ("#N/A", None),
        (" #DIV/0! ", None),
        ("#N/A x", "#N/A x"),
    ],
)
def test_text_loses_what_spreadsheets_put_there(cell: str, read: str | None) -> None:
    assert as_text(cell) == read
    assert values.plain_text(cell) == read


def test_a_name_keeps_the_dash_that_it_begins_with() -> None:
    assert as_text("-Alpha", name=True) == "-Alpha"
    assert as_text("-", name=True) is None
    assert values.plain_text("-Alpha", name=True) == "-Alpha"


@pytest.mark.parametrize(
    ("cell", "dollars"),
    [
        ("1234", "1234.00"),
        ("1234.5", "1234.50"),
        (".50", "0.50"),
        ("-.5", "-0.50"),
        ("1,234.50", "1234.50"),
        ("$1,204.50", "1204.50"),
        ("-12.00", "-12.00"),
        ("-$12.00", "-12.00"),
        ("(12.00)", "-12.00"),
        ("($1,012.00)", "-1012.00"),
        ("(.50)", "-0.50"),
        ("1.50000", "1.50"),
        ("-0.00", "0.00"),
        ("007", "7.00"),
        ("99999999999999.99", "99999999999999.99"),
        ("99,999,999,999,999.99", "99999999999999.99"),
        (" 5.00\u00a0", "5.00"),
    ],
)
def test_money_is_read_exactly(cell: str, dollars: str) -> None:
    assert as_money(cell) == Decimal(dollars)


@pytest.mark.parametrize(
    "cell",
    [
        *("1.005", "1e5", "12.", "12.00-", "12.3.4", "1,23.00", "1234,567.00", ",123", "12,3456"),
        *("$ 12.00", "$-12.00", "$.50", "- 12", "(-12.00)", "-(12.00)", "(12.00", "12.00)", "()", "+1"),
        *(
            "'12.00",
            "-",
            "$",
            ".",
            "#N/A",
            "#REF!",
            "12 00",
            "USD 1",
            "1.2,3",
            "\u0663",
            "\uff11\uff12",
            "NaN",
            "inf",
        ),
        *("123456789012345", "100,000,000,000,000.00", "000000000000001", "x", "0x1", "1_000"),
    ],
)
def test_all_else_is_no_money(cell: str) -> None:
    assert as_money(cell) is None


@pytest.mark.parametrize(
    ("cell", "day"),
    [
        *((cell, date(2026, 1, 5)) for cell in ("01/05/2026", "1/5/2026", "1/05/2026", "2026-01-05")),
        *(
            (cell, date(2026, 1, 5))
            for cell in ("2026-01-05T23:59:00", "2026-01-05 23:59Z", "2026-01-05 00:00")
        ),
        *(
            (cell, date(2026, 1, 5))
            for cell in ("2026-01-05T10:00:00.123456789", "2026-01-05T10:00:00-05:00")
        ),
        *((cell, date(2026, 1, 5)) for cell in ("2026-01-05 10:00:00 +0000", "2026-01-05 10:00 UTC")),
        ("02/29/2024", date(2024, 2, 29)),
        ("01/01/1900", date(1900, 1, 1)),
        ("12/31/2028", date(2028, 12, 31)),
    ],
)
def test_a_date_is_the_day_that_is_written(cell: str, day: date) -> None:
    assert as_date(cell) == day


@pytest.mark.parametrize(
    "cell",
    [
        *(
            "01/05/26",
            "1/5/0026",
            "02/30/2026",
            "02/29/2026",
            "13/01/2026",
            "00/01/2026",
            "1/0/2026",
            "001/05/2026",
        ),
        *("12/31/1899", "01/01/2029", "2026-1-5", "2026/01/05", "20260105", "01-05-2026", "2026-13-01"),
        *(
            "2026-01-05T25:00:00",
            "2026-01-05T23:60",
            "2026-01-05 23:59:60",
            "2026-01-05T24:00",
            "2026-01-05T1:00",
        ),
        *(
            "01/05/2026 10:00",
            "2026-01-05 10:00 PM",
            "2026-01-05T",
            "2026-01-05Z",
            "2026-01-05T10:00:00.",
            "x",
        ),
        *("Jan 5, 2026", "46027", "'2026-01-05", "\u0660\u0661/05/2026", "-", "#N/A", "1/5/2026x"),
    ],
)
def test_all_else_is_no_date(cell: str) -> None:
    assert as_date(cell) is None


@PROPERTY
@given(ODD_TEXT, st.booleans())
def test_any_text_is_read_as_the_oracle_reads_it(cell: str, name: bool) -> None:
    read = as_text(cell, name=name)
    assert read == values.plain_text(cell, name=name) == oracle.text(cell, name=name)
    assert read is None or as_text(str(read), name=name) == read, "reading again changes nothing"


@PROPERTY
@given(ODD_MONEY.filter(lambda cell: "$." not in cell))
def test_any_amount_is_read_as_the_oracle_reads_it(cell: str) -> None:
    try:
        told = oracle.money(cell)
    except oracle.Unreadable:
        told = None
    assert as_money(cell) == told


@PROPERTY
@given(ODD_DATE)
def test_any_date_is_read_as_the_oracle_reads_it(cell: str) -> None:
    try:
        told = oracle.day(cell, FETCHED_ON)
    except oracle.Unreadable:
        told = None
    assert as_date(cell) == told


@PROPERTY
@given(st.decimals(min_value=Decimal("-99999999999999.99"), max_value=Decimal("99999999999999.99"), places=2))
def test_an_amount_survives_being_printed_in_every_form(amount: Decimal) -> None:
    size = abs(amount)
    sign = "-" if amount < 0 else ""
    forms = [f"{amount}", f"{sign}${size}", f"{sign}{size:,}", f"{sign}${size:,}00"]
    if amount < 0:
        forms += [f"({size})", f"(${size:,})"]
    assert {as_money(form) for form in forms} == {amount}


@PROPERTY
@given(ODD_TEXT)
def test_a_cell_that_is_not_untidy_needs_no_cleaning(cell: str) -> None:
    if not one(values.is_untidy(pl.col("cell")), cell):
        assert one(values.clean(pl.col("cell")), cell) == cell


@pytest.mark.parametrize(
    "odd", ["\t", "\n", "\x00", "\x1f", "\x7f", "\x85", "\xa0", "\u200b", "\u0301", "\u3000"]
)
def test_a_character_that_cleaning_minds_is_untidy(odd: str) -> None:
    assert one(values.is_untidy(pl.col("cell")), f"a{odd}b")


@PROPERTY
@given(st.lists(st.none() | ODD_TEXT | ODD_DATE, max_size=6))
def test_a_column_is_read_as_its_cells_are_one_by_one(cells: list[str | None]) -> None:
    frame = pl.DataFrame({"cell": values.cleaned(column(*cells))})
    for name in (False, True):
        read = values.texts(frame["cell"], name=name)
        assert read.to_list() == frame.select(values.text(pl.col("cell"), name=name))["cell"].to_list()
    day = values.date(pl.col("cell"), fetched_year=FETCHED_ON.year)
    days = values.dates(frame["cell"], fetched_year=FETCHED_ON.year)
    assert days.to_list() == frame.select(day)["cell"].to_list()


@PROPERTY
@given(ODD_TEXT)
def test_lengths_are_utf_16_units(cell: str) -> None:
    units = len(cell.encode("utf-16-le")) // 2
    assert one(values.length(pl.col("cell")), cell) == values.plain_length(cell) == units


@PROPERTY
@given(st.lists(st.one_of(st.none(), ODD_TEXT)))
def test_claim_ids_are_compared_case_folded(ids: list[str | None]) -> None:
    keys = values.claim_keys(pl.Series(ids, dtype=pl.String))
    assert keys.to_list() == [None if claim_id is None else claim_id.casefold() for claim_id in ids]


def test_case_folding_is_more_than_lower_case() -> None:
    assert values.claim_keys(pl.Series(["STRASSE", "Straße", "A1", None])).to_list() == [
        *["strasse"] * 2,
        "a1",
        None,
    ]


@PROPERTY
@given(ODD_TEXT, st.integers(0, 12))
def test_a_cut_label_is_a_trimmed_beginning_within_the_limit(label: str, limit: int) -> None:
    shorter = cut(label, limit)
    assert values.plain_length(shorter) <= limit
    assert shorter in label
    assert cut(shorter, limit) == shorter


@pytest.mark.parametrize(
    ("name", "limit", "shorter"),
    [
        ("ABCDEF, GHI (12)", 16, "ABCDEF, GHI (12)"),
        ("ABCDEF, GHI (12)", 15, "ABCDEF, GH (12)"),
        ("ABCDEF, GHI (12)", 13, "ABCDEF, (12)"),
        ("ABCDEF(12)", 8, "ABCD(12)"),
        ("ABCDEF (12)", 5, "(12)"),
        ("ABCDEF (12)", 4, "(12)"),
        ("ABCDEF (12)", 3, "ABC"),
        ("A 😀😀 (12)", 8, "A (12)"),
        ("A 😀😀 (12)", 9, "A 😀 (12)"),
        ("(12) ABCDEF", 6, "(12) A"),
        ("😀😀", 3, "😀"),
    ],
)
def test_a_name_is_cut_before_the_id_at_its_end(name: str, limit: int, shorter: str) -> None:
    assert cut_name(name, limit) == shorter


def test_cut_labels_are_counted() -> None:
    labels = pl.Series(["abc", None, "abcd", "abcd"], dtype=pl.String)
    shorter, number_cut = cut_column(labels, 3)
    assert shorter.to_list() == ["abc", None, "abc", "abc"]
    assert number_cut == 2
    assert cut_column(labels, None)[1] == 0
