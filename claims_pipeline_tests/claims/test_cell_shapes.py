"""A shape says what kind of thing stands in a cell, and nothing of what it is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from claims_pipeline.claims.cell_shapes import LONGEST_RUN, LONGEST_SHAPE, shape_of


@pytest.mark.parametrize(
    ("cell", "shape"),
    [
        ("2026-01-05", "9999-99-99"),
        ("1/5/2026", "9/9/9999"),
        ("Doe, Jan", "Aaa, Aaa"),
        ("DOE, JANE (12345)", "AAA, AAAA (9999…)"),
        ("$1,204.50", "$9,999.99"),
        ("(12.00)", "(99.99)"),
        ("123456789", "9999…"),
        ("Müller-Øst", "Aaaaa…-Aaa"),
        ("李明", "aa"),
        ("٣٤", "99"),
        ("  \u00a0 \t", "(blank)"),
        ("", "(blank)"),
        ("a\U0001f600b;c", "a?a?a"),
        ("one two three four five six seven eight", "aaa aaa aaaa… aaaa aaaa…"),
    ],
)
def test_shapes(cell: str, shape: str) -> None:
    assert shape_of(cell) == shape


@given(st.text(max_size=500))
def test_no_letter_and_no_digit_of_a_cell_stands_in_its_shape(cell: str) -> None:
    shape = shape_of(cell)
    assert len(shape) <= LONGEST_SHAPE
    if shape == "(blank)":
        assert not cell.strip()
        return
    assert {each for each in shape if each.isalnum()} <= {"9", "A", "a"}
    assert not any(kind * (LONGEST_RUN + 1) in shape for kind in "9Aa?")


@given(st.text(st.characters(categories=["Lu"]), min_size=LONGEST_RUN + 1, max_size=100))
def test_long_runs_look_alike_whatever_their_length(word: str) -> None:
    assert shape_of(word) == shape_of(word + word) == "A" * LONGEST_RUN + "…"
