"""The second reader: counts the data rows of a CSV file on its own, so that a row lost by the first is seen.

What belongs here: row numbers by another route than `reading` (no csv module, no shared code). Not here: cells, their
meaning, JSON files (`recount_json`). Numbers only leave this module.
"""

import re
from collections import deque
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import BinaryIO, NamedTuple

from claims_pipeline.claims.recount_text import LONGEST_RECORD, DelimitedBytes
from claims_pipeline.errors import ReportError

_CELL = rb'(?:"[^"]*+(?:""[^"]*+)*+"|[^",\r\n][^,\r\n]*+|)'
_RECORD = re.compile(rb"(%b)((?:,%b)*+)(?:\r\n|\n|\r(?=[^\n]))" % (_CELL, _CELL))
_VISIBLE = re.compile("[^\\s\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2060\ufeff]")

_WINDOW_BYTES = 1 << 16
_AMID_A_CELL = re.compile(rb'"(?:[^",\r\n]|(?<=[^",\r\n]"))')
_BUT_COMMAS_AND_LINE_BREAKS = bytes(set(range(256)) - set(b",\n"))


class RecountStopped(ReportError):
    """A file that cannot be counted to its end."""

    def __init__(self, row_number: int) -> None:
        self.row_number = row_number
        super().__init__(
            f"Row {row_number} of the report cannot be counted: a quote never closes, or text follows a closing "
            "quote. Run the report again; if it stays, mend that row in CollaborateMD."
        )


def data_rows(stream: BinaryIO) -> Iterator[int]:
    """The row numbers of a CSV file's data rows, ascending. `stream` must be seekable; it is read from its beginning.

    A row number is the record's ordinal, blank lines counted; blank lines and the header (the first record that is
    not blank) are no rows. Raises RecountStopped.
    """
    return chain.from_iterable(_row_runs(DelimitedBytes(stream)))


class _Run(NamedTuple):
    """Records that follow each other, blank lines or none of them; `end` is where they end in their text."""

    records: int
    blank: bool
    end: int


def _row_runs(content: DelimitedBytes) -> Iterator[range]:
    number, header_seen = 0, False
    for run in _runs(content):
        first, number = number + 1, number + run.records
        if not run.blank:
            yield range(first if header_seen else first + 1, number + 1)
            header_seen = True


def _runs(content: DelimitedBytes) -> Iterator[_Run]:
    chunks = _with_a_last_line_break(content)
    text, number = b"", 0
    for chunk in chunks:
        text += chunk
        position = 0
        for run in _runs_of(text, content):
            number += run.records
            position = run.end
            yield run
        text = text[position:]
        if len(text) > LONGEST_RECORD:
            break
    if text:
        deque(chunks, maxlen=0)  # what a damaged ZIP unpacks to is no row's fault: its own error comes first
        raise RecountStopped(number + 1)


def _runs_of(text: bytes, content: DelimitedBytes) -> Iterator[_Run]:
    """The records that are whole in `text`: a window's all at once if they are plain, else one by one."""
    position = 0
    while True:
        window_end = position + _WINDOW_BYTES
        plain = _plain_records(text[position:window_end])
        if plain is not None:
            position += plain.end
            yield plain._replace(end=position)
            continue
        while position < window_end:
            record = _RECORD.match(text, position)
            if record is None:
                return
            position = record.end()
            yield _Run(1, not record[2] and content.says(_is_blank, record[1]), position)


def _plain_records(window: bytes) -> _Run | None:
    """The whole records of a window, if there are any, each has a comma, and quotes stand around cells only."""
    pieces = window.split(b'"')
    outside = b'"'.join(pieces[::2])  # what stood in quotes is one quote now, and a doubled quote is two
    end = max(outside.rfind(b"\n"), outside.rfind(b"\r", 0, -1)) + 1  # behind a last \r may come its \n
    if not end or _AMID_A_CELL.search(outside, 0, end):
        return None
    lines = outside[:end]
    if lines.count(b"\r") != lines.count(b"\r\n"):
        lines = lines.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    marks = lines.translate(None, _BUT_COMMAS_AND_LINE_BREAKS)
    if marks.startswith(b"\n") or b"\n\n" in marks:
        return None
    return _Run(marks.count(b"\n"), False, len(window) - _length_behind(end, outside, pieces))


def _length_behind(end: int, outside: bytes, pieces: list[bytes]) -> int:
    """How many bytes of a window, split at its quotes, stand behind a place in what is outside of them."""
    before = 2 * outside.count(b'"', 0, end)  # each quote outside stands for two, and what they hold
    behind = pieces[before:]
    behind[0] = behind[0][end - outside.rfind(b'"', 0, end) - 1 :]
    return len(b'"'.join(behind))


def _with_a_last_line_break(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The chunks, and a line break if the last line has none (CR alone becomes CR LF: still one)."""
    last = b"\n"
    for chunk in chunks:
        yield chunk
        last = chunk[-1:] or last
    if last != b"\n":
        yield b"\n"


def _is_blank(cell: str) -> bool:
    content = cell[1:-1] if cell.startswith('"') else cell
    return _VISIBLE.search(content) is None
