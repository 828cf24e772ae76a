"""Choosing: what of a look is news, by what people were told before.

What belongs here: new, still so, well again, or not yet delivered. Not here: what stands (`finding`).
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from claims_pipeline.alerts.finding import OF_ITS_RUNS, Finding, Look, kinds_of
from claims_pipeline.alerts.kinds import AlertKind
from claims_pipeline.clients.sync_state import ToldAlert

_KINDS = {kind.value: kind for kind in AlertKind}
SENDING = timedelta(minutes=10)
"""After so long whoever was about to send it was killed over it."""


class News(StrEnum):
    """What is told."""

    NEW = "new"
    STILL = "still"
    WELL = "well again"


@dataclass(frozen=True)
class Telling:
    """One thing to tell, to these destinations."""

    kind: AlertKind
    news: News
    finding: Finding | None
    to: tuple[str, ...]
    marks: tuple[str, ...]
    sequence: int


def choose(look: Look, destinations: Collection[str], now: datetime, again_after: timedelta) -> list[Telling]:
    """What is to be told now; nothing while someone else is sending it."""
    tellings = []
    for finding in look.found:
        told = look.told.get(finding.kind)
        if told is None or not _is_being_sent(told, now):
            tellings += _of_standing(look, finding, told, destinations, now, again_after)
    standing = {*kinds_of(look.found), *look.unclear}
    for name, told in look.told.items():
        kind = _KINDS.get(name)
        if kind is not None and kind not in standing and not _is_being_sent(told, now):
            tellings += _of_gone(look, kind, told, destinations)
    return tellings


def _of_standing(
    look: Look,
    finding: Finding,
    told: ToldAlert | None,
    destinations: Collection[str],
    now: datetime,
    again_after: timedelta,
) -> list[Telling]:
    to, news = tuple(destinations), News.NEW
    if told is not None and not told.is_well and set(finding.marks) <= set(told.marks):
        if now - told.at >= again_after:
            news = News.STILL
        elif told.left:
            to = tuple(each for each in told.left if each in destinations)
        else:
            return []
    return [Telling(finding.kind, news, finding, to, finding.marks, look.sequence)] if to else []


def _of_gone(look: Look, kind: AlertKind, told: ToldAlert, destinations: Collection[str]) -> list[Telling]:
    """Well again; a trouble with runs is, once a sync has succeeded since."""
    if told.is_well:
        to = tuple(each for each in told.left if each in destinations)
        return [Telling(kind, News.WELL, None, to, told.marks, told.sequence)]
    succeeded = look.sequence > told.sequence or (look.success_at is not None and look.success_at > told.at)
    if kind in OF_ITS_RUNS and not succeeded:
        return []
    to = tuple(
        each for each in destinations if each not in told.left
    )  # who was never told needs no word of it
    return [Telling(kind, News.WELL, None, to, told.marks, told.sequence)]


def _is_being_sent(told: ToldAlert, now: datetime) -> bool:
    return told.is_sending and abs(now - told.at) < SENDING
