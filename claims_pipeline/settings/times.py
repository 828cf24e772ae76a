"""How a time of day to run at must look: a cron of five fields and a time zone.

What belongs here: their shapes, and reading them before anything else is known. Not here: what runs then
(`automation.schedules`). The shape is narrower than what schedulers take: a cron that passes here fires.
"""

import calendar
import re
from collections.abc import Callable, Mapping, Sequence
from zoneinfo import ZoneInfo

from claims_pipeline.settings.facts import ScheduleTimes

_MONTHS = tuple(name.lower() for name in calendar.month_abbr)
_WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_FIELDS: tuple[tuple[int, int, Sequence[str]], ...] = (
    (0, 59, ()),
    (0, 23, ()),
    (1, 31, ()),
    (1, 12, _MONTHS),
    (0, 7, _WEEKDAYS),
)
_PART = re.compile(
    r"(?:\*|(?P<first>[a-z0-9]{1,3})(?:-(?P<last>[a-z0-9]{1,3}))?)(?P<step>/\d{1,2})?", re.ASCII
)
_LEAP_YEAR = 2024


def cron(text: str) -> str:
    """Minute, hour, day, month and weekday: numbers, names, `*`, ranges, lists and steps; on a day that exists."""
    fields = text.lower().split()
    if len(fields) != len(_FIELDS):
        raise ValueError("is no cron of five fields")
    values = [_values(field, *bounds) for field, bounds in zip(fields, _FIELDS, strict=True)]
    _, _, days, months, _ = values
    if all(min(days) > calendar.monthrange(_LEAP_YEAR, month)[1] for month in months):
        raise ValueError("names a day that none of its months has")
    return " ".join(fields)


def _values(field: str, lowest: int, highest: int, names: Sequence[str]) -> set[int]:
    found: set[int] = set()
    for part in field.split(","):
        matched = _PART.fullmatch(part)
        if matched is None:
            raise ValueError("is no cron of five fields")
        first, last = matched["first"], matched["last"]
        low = lowest if first is None else _number(first, names)
        high = highest if first is None else _number(last or first, names)
        step = 1 if matched["step"] is None else int(matched["step"][1:])
        if not lowest <= low <= high <= highest or not 1 <= step <= highest:
            raise ValueError("has a field out of range")
        if matched["step"] is not None and first is not None and last is None:
            raise ValueError("has a step without a range")
        found |= set(range(low, high + 1, step))
    return found


def _number(text: str, names: Sequence[str]) -> int:
    if text.isdigit():
        return int(text)
    if text not in names:
        raise ValueError("has a field out of range")
    return names.index(text)


def time_zone(name: str) -> str:
    """A name of the IANA time zones that this machine knows."""
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ValueError("is no time zone") from None
    return name


def schedule_times(environ: Mapping[str, str], names: Mapping[str, str]) -> ScheduleTimes:
    """When the schedules fire, for definitions: never raises. A value that is wrong gives way to the default.

    `names`: field of ScheduleTimes -> its name in the environment.
    """
    shapes: dict[str, Callable[[str], str]] = {"daily_cron": cron, "full_cron": cron, "timezone": time_zone}
    found = {}
    for field, check in shapes.items():
        text = environ.get(names[field], "").strip()
        if not text:
            continue
        try:
            found[field] = check(text)
        except ValueError:
            continue  # `load_settings` says so
    return ScheduleTimes(**found)
