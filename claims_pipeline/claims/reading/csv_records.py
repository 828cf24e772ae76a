"""The records of a CSV file, strictly: RFC 4180 quoting, any line end, nothing guessed.

What belongs here: text to lists of cells, and where reading must stop. Not here: what a record is (header, row,
blank line: `report`). polars is not asked: it pads or cuts a record of another length without a word.
"""

import csv
from collections.abc import Iterator
from typing import TextIO

from claims_pipeline.claims.reading.refusals import BrokenRow

LONGEST_RECORD_CHARACTERS = 4 * 1024 * 1024
"""A longer record is one whose quote was never closed, or no CSV at all. The second reader has the same bound."""


class CsvRecords:
    """The records of a CSV text, blank lines included as `[]`. `characters` counts what was read so far."""

    def __init__(self, text: TextIO, file: int) -> None:
        self.characters = 0
        self._text = text
        self._file = file

    def __iter__(self) -> Iterator[list[str]]:
        csv.field_size_limit(
            LONGEST_RECORD_CHARACTERS
        )  # the module's own is too small; it is one for all readers
        number = ended_at = 0
        try:
            for record in csv.reader(self._lines(), strict=True):
                if self.characters - ended_at > LONGEST_RECORD_CHARACTERS:
                    raise csv.Error("field larger than field limit")
                ended_at = self.characters
                number += 1
                yield record
        except csv.Error as error:
            raise BrokenRow(self._file, number + 1, _in_words(str(error))) from None

    def _lines(self) -> Iterator[str]:
        readline = self._text.readline
        while line := readline(LONGEST_RECORD_CHARACTERS):
            if len(line) >= LONGEST_RECORD_CHARACTERS:
                raise csv.Error("field larger than field limit")
            self.characters += len(line)
            yield line


def _in_words(error: str) -> str:
    if "unexpected end" in error:
        return "a quote opens in it and never closes"
    if "expected after" in error:
        return "text follows a closing quote, so a quote in a cell was not doubled"
    if "field limit" in error:
        longest = f"{LONGEST_RECORD_CHARACTERS:,}"
        return f"it is longer than {longest} characters; perhaps a quote opens in it and never closes"
    return "it is not written as CSV is"
