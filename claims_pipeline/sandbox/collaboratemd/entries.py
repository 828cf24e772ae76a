"""What stands in a report's ZIP: named content, in memory, on disk, or made while it is read.

What belongs here: entries, and how records become one. Not here: the ZIP around them (`zips`).
"""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from claims_pipeline.sandbox.generator import csv_bytes

CHUNK = 256 * 1024

Content = bytes | Path | Callable[[], Iterator[bytes]]
"""Bytes, a file, or a function that gives the bytes anew each time it is called."""


@dataclass(frozen=True)
class Entry:
    """One entry of a ZIP: its name exactly as written there, and its content."""

    name: str
    content: Content

    def chunks(self) -> Iterator[bytes]:
        """The content, piece by piece."""
        if isinstance(self.content, bytes):
            yield self.content
        elif isinstance(self.content, Path):
            with self.content.open("rb") as file:
                while chunk := file.read(CHUNK):
                    yield chunk
        else:
            yield from self.content()


def csv_entry(
    name: str, records: Iterable[Sequence[str]], *, encoding: str = "utf-8", line_end: str = "\r\n"
) -> Entry:
    """A CSV file of these records, header first; `utf-8-sig` and `utf-16` write their byte order mark."""
    return Entry(name, b"".join(csv_bytes(records, encoding=encoding, line_end=line_end)))


def json_entry(name: str, records: Iterable[Sequence[str]], *, in_data: bool = False) -> Entry:
    """The records as JSON objects by label: a list, or an object that holds it under `data`.

    A record shorter than the header lacks the keys at its end.
    """
    header, *rows = records
    objects = [dict(zip(header, row, strict=False)) for row in rows]
    return Entry(name, json.dumps({"data": objects} if in_data else objects, ensure_ascii=False).encode())
