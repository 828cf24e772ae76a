"""Boundaries: the points at which a process may die with the world half changed.

What belongs here: how a call is named, so that the same call has the same name in every run. Not here: watching for
them (`hooks`). A boundary is a kind of call and the how-manieth of its kind; it has two sides.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

_VERSION = re.compile(r"^/services/data/v\d+\.\d+")
_ID = re.compile(r"\d+|(?=\w*\d)\w{15}|(?=\w*\d)\w{18}", re.ASCII)
_FETCH = re.compile(r"\d{12}")
STATE_WRITE = "DynamoDB "
RENAME = "rename "


class Side(StrEnum):
    """Before the call is made; or after the other side acted and before we hear of it."""

    BEFORE = "before"
    AFTER = "after"


@dataclass(frozen=True, order=True)
class Boundary:
    """The `nth` call of its kind, counted from 1."""

    kind: str
    nth: int

    def __str__(self) -> str:
        return f"{self.kind} #{self.nth}"

    @property
    def is_rename(self) -> bool:
        return self.kind.startswith(RENAME)


@dataclass(frozen=True)
class Point:
    """A side of a boundary."""

    boundary: Boundary
    side: Side

    def __str__(self) -> str:
        return f"{self.side} {self.boundary}"


def before(kind: str, nth: int = 1) -> Point:
    """Before the `nth` call of this kind."""
    return Point(Boundary(kind, nth), Side.BEFORE)


def after(kind: str, nth: int = 1) -> Point:
    """After the `nth` call of this kind."""
    return Point(Boundary(kind, nth), Side.AFTER)


def kind_of_request(method: str, url: str, headers: Mapping[str, object]) -> str:
    """`PATCH /jobs/ingest/{id}`, `DynamoDB UpdateItem`: no id, no query, no API version."""
    target = headers.get("X-Amz-Target")
    if target is not None:
        told = target.decode() if isinstance(target, bytes) else str(target)
        return STATE_WRITE + told.rpartition(".")[2]
    path = _VERSION.sub("", url.partition("?")[0]).rstrip("/")
    parts = ["{id}" if _ID.fullmatch(part) else part for part in path.split("/")]
    return f"{method} {'/'.join(parts)}"


def kind_of_rename(target: Path, storage: Path) -> str:
    """`rename raw_collaboratemd_claims/10001001.parquet`; a name beside its target is told as `beside ...`."""
    parts = list(target.relative_to(storage).parts)
    place = "beside " if parts[-1].startswith(".") else ""
    if place:
        parts[-1] = parts[-1][1:].rpartition(".")[0]
    if parts[0] == "work":
        parts[1] = parts[1].partition("-")[0]
    return RENAME + place + "/".join("{fetch}" if _FETCH.fullmatch(part) else part for part in parts)


def points_of(boundaries: Iterable[Boundary]) -> list[Point]:
    """Both sides of each, in order."""
    return [Point(boundary, side) for boundary in boundaries for side in Side]
