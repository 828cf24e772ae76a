"""The second reader: counts the data rows of a CSV file on its own, so that a row lost by the first is seen.

What belongs here: row numbers by another route than `reading` (no csv module, no shared code). Not here: cells, their
meaning, JSON files (`recount_json`). Numbers only leave this module.
"""

import re
from collections.abc import Iterable, Iterator
from typing import BinaryIO

from claims_pipeline.claims.recount_text import LONGEST_RECORD, decoded_chunks
from claims_pipeline.errors import ReportError

_CELL = r'(?:"[^"]*+(?:""[^"]*+)*+"|[^",\r\n][^,\r\n]*+|)'
_RECORD = re.compile(rf"({_CELL})((?:,{_CELL})*+)(?:\r\n|\n|\r(?=[^\n]))")
_VISIBLE = re.compile("[^\\s\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2060\ufeff]")


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
    header_seen = False
    for number, blank in enumerate(_blank_records(decoded_chunks(stream)), start=1):
        if header_seen and not blank:
            yield number
        header_seen = header_seen or not blank


def _blank_records(chunks: Iterable[str]) -> Iterator[bool]:
    """For each record, whether it is a blank line: at most one cell, and nothing visible in it."""
    text, number = "", 0
    for chunk in _with_a_last_line_break(chunks):
        text += chunk
        position = 0
        while record := _RECORD.match(text, position):
            number += 1
            position = record.end()
            yield not record[2] and _is_blank(record[1])
        text = text[position:]
        if len(text) > LONGEST_RECORD:
            raise RecountStopped(number + 1)
    if text:
        raise RecountStopped(number + 1)


def _with_a_last_line_break(chunks: Iterable[str]) -> Iterator[str]:
    """The chunks, and a line break if the last line has none (CR alone becomes CR LF: still one)."""
    last = "\n"
    for chunk in chunks:
        yield chunk
        last = chunk[-1:] or last
    if last != "\n":
        yield "\n"


def _is_blank(cell: str) -> bool:
    content = cell[1:-1] if cell.startswith('"') else cell
    return _VISIBLE.search(content) is None
