"""A cron or a time zone that we take fires in Dagster; a wrong one is told, and keeps no definitions from loading."""

from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING

import pytest
from dagster._utils.schedules import is_valid_cron_schedule, schedule_execution_time_iterator
from hypothesis import given, settings
from hypothesis import strategies as st

from claims_pipeline.settings import ScheduleTimes, times_of_schedules
from claims_pipeline.settings.times import cron, time_zone
from claims_pipeline_tests.test_settings import GOOD, load, problems

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

_FIELDS = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))


def _part(low: int, high: int) -> "SearchStrategy[str]":
    number = st.integers(low, high).map(str)
    pair = st.tuples(number, number).map("-".join)
    step = st.integers(1, high).map(lambda each: f"/{each}")
    whole = st.just("*")
    return st.one_of(
        whole, number, pair, st.tuples(whole, step).map("".join), st.tuples(pair, step).map("".join)
    )


def _crons() -> "SearchStrategy[str]":
    fields = [
        st.lists(_part(low, high), min_size=1, max_size=2).map(",".join)
        | _part(low, high)
        | st.just("mon-fri")
        for low, high in _FIELDS
    ]
    return st.tuples(*fields).map(" ".join)


@given(_crons())
@settings(deadline=None, derandomize=True, database=None)
def test_a_cron_that_we_take_fires_in_dagster(text: str) -> None:
    try:
        taken = cron(text)
    except ValueError:
        return
    assert is_valid_cron_schedule(taken)
    began = datetime(2026, 1, 1, tzinfo=UTC).timestamp()
    ticks = list(
        islice(schedule_execution_time_iterator(began, taken, "America/New_York", ascending=True), 2)
    )
    assert ticks[0] < ticks[1]


@pytest.mark.parametrize(
    "text",
    [
        "0 2 * * *",
        "0 4 * * 0",
        "30 1 * * MON-FRI",
        "*/15 6-18 1,15 jan,jul *",
        "0 2 29 2 *",
        "0 2 28-31 * 7",
    ],
)
def test_usual_crons_are_taken(text: str) -> None:
    assert cron(text) == text.lower()


@pytest.mark.parametrize(
    "text",
    [
        "0 2 * *",
        "0 0 2 * * *",
        "@daily",
        "0 24 * * *",
        "60 2 * * *",
        "0 2 0 * *",
        "0 2 31 4,6 *",
        "0 2 30 2 *",
        "0 5-2 * * *",
        "0 2 * * */0",
        "0 2/3 * * *",
        "0 2 * * 1#2",
        "0 2 l * *",
        "0 2 * * funday",
        "0 ٢ * * *",
        "0, 2 * * *",
    ],
)
def test_what_would_never_fire_or_fail_later_is_told_now(text: str) -> None:
    (problem,) = problems(GOOD | {"CLAIMS_DAILY_CRON": text})
    assert problem.startswith("CLAIMS_DAILY_CRON ")
    assert text not in problem or len(text) < 5
    assert times_of_schedules({"CLAIMS_DAILY_CRON": text}) == ScheduleTimes()


@pytest.mark.parametrize("name", ["Mars/Olympus", "../etc/passwd", "/etc", "America", "\0", "x" * 300])
def test_a_time_zone_that_nobody_knows_is_told(name: str) -> None:
    (problem,) = problems(GOOD | {"CLAIMS_TIMEZONE": name})
    assert problem.startswith("CLAIMS_TIMEZONE ")
    assert times_of_schedules({"CLAIMS_TIMEZONE": name, "CLAIMS_FULL_CRON": "0 5 * * 6"}) == ScheduleTimes(
        full_cron="0 5 * * 6"
    )


def test_definitions_and_settings_read_the_same_times() -> None:
    given_times = {
        "CLAIMS_DAILY_CRON": " 30 1 * * MON-FRI ",
        "CLAIMS_FULL_CRON": "0 5 * * 6",
        "CLAIMS_TIMEZONE": "Europe/Berlin",
    }
    assert (
        times_of_schedules(given_times)
        == load(GOOD | given_times).times
        == ScheduleTimes("30 1 * * mon-fri", "0 5 * * 6", "Europe/Berlin")
    )
    assert time_zone("UTC") == "UTC"


def test_times_have_no_place_in_the_secret() -> None:
    """Definitions load before any secret is read: a cron in it would be half true."""
    held = '{"CLAIMS_DAILY_CRON": "0 3 * * *"}'
    (problem,) = problems(GOOD | {"CLAIMS_SECRET_ID": "claims"}, lambda *_: held)
    assert "CLAIMS_DAILY_CRON" in problem


def test_the_longest_wait_is_no_shorter_than_the_first() -> None:
    (problem,) = problems(GOOD | {"CLAIMS_FIRST_WAIT_MINUTES": "30", "CLAIMS_LONGEST_WAIT_MINUTES": "20"})
    assert problem.startswith("CLAIMS_LONGEST_WAIT_MINUTES is shorter than CLAIMS_FIRST_WAIT_MINUTES")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CLAIMS_DUE_AFTER_HOURS", "0"),
        ("CLAIMS_DUE_AFTER_HOURS", "inf"),
        ("CLAIMS_MOST_ATTEMPTS", "0"),
        ("CLAIMS_MOST_ATTEMPTS", "2.5"),
        ("CLAIMS_FIRST_WAIT_MINUTES", "-1"),
        ("CLAIMS_LONGEST_WAIT_MINUTES", "99999"),
    ],
)
def test_rules_that_could_never_hold_are_told(name: str, value: str) -> None:
    (problem,) = problems(GOOD | {name: value})
    assert problem.startswith(f"{name} ")
