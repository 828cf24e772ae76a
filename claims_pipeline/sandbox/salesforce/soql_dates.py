"""Date words of SOQL: TODAY, LAST_N_DAYS:7, THIS_QUARTER and their like, as spans of whole days.

What belongs here: the calendar. The week begins on Sunday and the fiscal year in January, as in a new US org. Not
here: how a span is compared with a field (`soql_filters`).
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta

MAX_COUNT = 9_999  # of LAST_N_DAYS:n and its like: beyond it a date falls out of the calendar


@dataclass(frozen=True)
class Days:
    """Whole days: `first` is in, `end` is not."""

    first: date
    end: date


def days_of(word: str, today: date) -> Days | None:
    """The days that a date word means on this day; None if it is no date word."""
    name, _, count = word.upper().partition(":")
    name = name.replace("FISCAL_", "")
    if count:
        number = int(count)
        return _counted(name, number, today) if number <= MAX_COUNT else None
    return _plain(name, today)


def _plain(name: str, today: date) -> Days | None:
    near = {"TODAY": 0, "YESTERDAY": -1, "TOMORROW": 1}.get(name)
    if near is not None:
        return _span(_day, today, near, near + 1)
    if name == "LAST_90_DAYS":
        return _counted("LAST_N_DAYS", 90, today)
    if name == "NEXT_90_DAYS":
        return _counted("NEXT_N_DAYS", 90, today)
    side, _, unit = name.partition("_")
    step = _UNITS.get(unit)
    place = {"LAST": -1, "THIS": 0, "NEXT": 1}.get(side)
    if step is None or unit == "DAY" or place is None:
        return None
    return _span(step, today, place, place + 1)


def _counted(name: str, count: int, today: date) -> Days | None:
    """LAST_N_DAYS reaches back n days and holds today; LAST_N_WEEKS and longer end before the current one."""
    if name == "LAST_N_DAYS":
        return _span(_day, today, -count, 1)
    for unit, step in _UNITS.items():
        if name == f"LAST_N_{unit}S":
            return _span(step, today, -count, 0)
        if name == f"NEXT_N_{unit}S":
            return _span(step, today, 1, count + 1)
        if name == f"N_{unit}S_AGO":
            return _span(step, today, -count, 1 - count)
    return None


Step = Callable[[date, int], date]


def _span(step: Step, today: date, first: int, end: int) -> Days:
    try:
        return Days(step(today, first), step(today, end))
    except (ValueError, OverflowError):
        return Days(date.min, date.min)


def _day(today: date, places: int) -> date:
    return today + timedelta(days=places)


def _week(today: date, places: int) -> date:
    return today - timedelta(days=(today.weekday() + 1) % 7) + timedelta(weeks=places)


def _months(each: int) -> Step:
    def first_of(today: date, places: int) -> date:
        month = (today.month - 1) // each * each + places * each
        return date(today.year + month // 12, month % 12 + 1, 1)

    return first_of


_UNITS: dict[str, Step] = {
    "DAY": _day,
    "WEEK": _week,
    "MONTH": _months(1),
    "QUARTER": _months(3),
    "YEAR": _months(12),
}
