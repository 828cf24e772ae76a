"""The event: what the function may be asked, and what is wrong with what it was asked.

What belongs here: shapes. Not here: what is done about it. Messages quote names and kinds, never what was given.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from claims_pipeline.errors import PermanentError
from claims_pipeline.settings import FilterKind

_NUMBER = re.compile(r"[0-9]{8}", re.ASCII)
_REQUEST_ID = re.compile(r"[A-Za-z0-9-]{1,36}", re.ASCII)
_PLAIN_KEY = re.compile(r"[A-Za-z0-9_.-]{1,40}", re.ASCII)
_KNOWN = ("full_sync", "dry_run", "customers", "continuation")
_EXAMPLE = '{"full_sync": false}'


class EventRefused(PermanentError):
    """The event asks for nothing that this function does."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__(
            f"The event is refused: {'; '.join(problems)}. Nothing was done. It should look like {_EXAMPLE}, and may "
            'hold "dry_run": true and "customers": ["10001001"].'
        )


@dataclass(frozen=True)
class Continuation:
    """Where an invocation goes on: the `count`-th after the one of request `of`, for these customers."""

    count: int
    of: str
    customers: tuple[str, ...]


@dataclass(frozen=True)
class Event:
    """What is asked of one invocation. No customers: all."""

    full_sync: bool = False
    dry_run: bool = False
    customers: tuple[str, ...] = ()
    continuation: Continuation | None = None

    @property
    def kind(self) -> FilterKind:
        """Which filters are fetched."""
        return FilterKind.FULL if self.full_sync else FilterKind.RECENT

    def continued(self, request_id: str, left: tuple[str, ...]) -> dict[str, Any]:
        """The event of the invocation that goes on with these customers."""
        before = self.continuation
        count, of = (1, request_id) if before is None else (before.count + 1, before.of)
        return {
            "full_sync": self.full_sync,
            "continuation": {"count": count, "of": of, "customers": list(left)},
        }


def read_event(given: object) -> Event:
    """The event, checked; EventRefused names everything wrong with it."""
    if not isinstance(given, Mapping):
        raise EventRefused(["it is no JSON object"])
    problems = [f"{_told(key)} is no key that it may have" for key in given if key not in _KNOWN]
    flags = {name: _flag(given, name, problems) for name in ("full_sync", "dry_run")}
    customers = _customers(given.get("customers"), "customers", problems)
    continuation = _continuation(given.get("continuation"), problems)
    if continuation is not None and (customers or flags["dry_run"]):
        problems.append("continuation stands alone: it names its customers, and no dry run has one")
    if problems:
        raise EventRefused(problems)
    return Event(flags["full_sync"], flags["dry_run"], customers, continuation)


def _told(key: object) -> str:
    """A key that someone gave; one that is no plain name may hold anything."""
    return key if isinstance(key, str) and _PLAIN_KEY.fullmatch(key) else "a key that is no plain name"


def _flag(given: Mapping[str, Any], name: str, problems: list[str]) -> bool:
    value = given.get(name, False)
    if not isinstance(value, bool):
        problems.append(f"{name} should be true or false")
        return False
    return value


def _customers(value: object, name: str, problems: list[str]) -> tuple[str, ...]:
    if value is None:
        return ()
    if not isinstance(value, list) or not value or not all(_is(each, _NUMBER) for each in value):
        problems.append(f"{name} should be a list of customer numbers of 8 digits, each in quotes")
        return ()
    return tuple(dict.fromkeys(value))


def _continuation(value: object, problems: list[str]) -> Continuation | None:
    if value is None:
        return None
    checks: dict[str, Callable[[Any], bool]] = {
        "count": lambda count: isinstance(count, int) and not isinstance(count, bool) and count > 0,
        "of": lambda of: _is(of, _REQUEST_ID),
    }
    if not isinstance(value, Mapping) or set(value) != {*checks, "customers"}:
        problems.append(
            "continuation should hold count, of and customers: it is written by the function itself"
        )
        return None
    problems += [f"continuation.{name} is wrong" for name, check in checks.items() if not check(value[name])]
    customers = _customers(value["customers"] or [], "continuation.customers", problems)
    return None if problems else Continuation(value["count"], value["of"], customers)


def _is(value: object, shape: re.Pattern[str]) -> bool:
    return isinstance(value, str) and shape.fullmatch(value) is not None
