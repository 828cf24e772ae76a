"""A tenth of the book within bounds of memory and API calls. Time is measured by `make bench`, never tested."""

from pathlib import Path

import pytest

from bench import bounds, works
from bench.bounds import Figure
from bench.long_job import ROWS, long_job
from bench.works import Book, Load


@pytest.mark.journey
def test_seventy_thousand_claims_cost_no_more_memory_and_calls_than_agreed(tmp_path: Path) -> None:
    book = Book(tmp_path / "book", bounds.SMALL_CLAIMS)
    folder = tmp_path / "works"
    folder.mkdir()
    told = list(works.command_line(book, folder, most_mib=None, floor=False, days=2))
    figures = {
        (each.work.removesuffix(f", {book.name}"), each.name): each
        for each in told
        if not isinstance(each, Load)
    }
    for work, most in bounds.SMALL_MIB.items():
        assert 0 < figures[work, "memory, command line"].value <= most, work
    for work, most in bounds.SMALL_CALLS.items():
        calls = figures[work, "API calls"].value - figures[work, works.LOOKS].value
        assert 0 < calls <= most, work
    assert figures["full fetch, 1 % differ", "claims sent"].value == bounds.SMALL_CLAIMS // 100
    day = f"unchanged day, {works.DAILY_CLAIMS:,} of {book.name}"
    unchanged = {each.name: each for each in told if isinstance(each, Figure) and each.work == day}
    assert unchanged["claims sent"].holds
    assert unchanged["API calls"].holds


def test_a_bulk_job_of_three_hours_is_looked_at_no_more_than_agreed(tmp_path: Path) -> None:
    figures = {each.name: each for each in long_job(tmp_path / "long")}
    assert figures["its rows that have an outcome"].value == ROWS
    assert 3 <= figures["hours waited"].value <= 3.3
    looks = figures["looks at it"]
    assert looks.most == 120
    assert 10 < looks.value <= looks.most


def test_a_figure_over_its_bound_is_told() -> None:
    assert "ok" in str(Figure("first load", "API calls", 100, "", 100))
    over = Figure("first load", "API calls", 101, "", 100)
    assert not over.holds
    assert "MISSED" in str(over)
