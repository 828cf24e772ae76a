"""A town's report, as a person reads it: the page's words, the list beside it.

What belongs here: reading and days. Not here: what must be true.
"""

import csv
import html
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

from claims_pipeline.reporting.publish import Published, payors_to_map, publish
from claims_pipeline.sync.connections import Connections, connect, read_settings, utc_now
from claims_pipeline_tests.town import Town

_TAG = re.compile(r"<(style|svg).*?</\1>|<[^>]+>", re.DOTALL)


@contextmanager
def connected(town: Town, *, days_later: int = 0) -> Iterator[Connections]:
    """Connections of a town, whose clock may be ahead."""

    def now() -> datetime:
        return utc_now() + timedelta(days=days_later)

    with connect(read_settings(town.environment), "report") as connections:
        yield replace(connections, now=now)


def published(town: Town, *, days_later: int = 0) -> tuple[dict[str, Published], Published]:
    """The report of every customer, as `claims-pipeline report` writes it."""
    with (
        connected(town, days_later=days_later) as connections,
        connections.storage.work_folder("report") as work,
    ):
        numbers = [each.number for each in connections.settings.customers]
        return publish(numbers, payors_to_map(connections), connections, work)


def words_of_page(page: Published) -> str:
    """What a person reads, spaces squeezed."""
    text = _TAG.sub(" ", Path(page.address).read_text(encoding="utf-8"))
    return re.sub(r"\s+([.,:])", r"\1", re.sub(r"\s+", " ", html.unescape(text)))


def list_of(page: Published) -> list[dict[str, str]]:
    """The lines of the list beside the page."""
    with Path(page.list_address).open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))
