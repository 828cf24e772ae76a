"""The records of a CSV file, strictly: RFC 4180 quoting, any line end, nothing guessed.

What belongs here: text to cells, and where reading must stop. Not here: what a record is (header, row, blank line:
`report`), nor the pieces that polars may read (`csv_pieces`).
"""

import csv
import io
from collections.abc import Iterator
from typing import TextIO

import polars as pl

from claims_pipeline.claims.reading.csv_pieces import proved_records
from claims_pipeline.claims.reading.refusals import BrokenRow

LONGEST_RECORD_CHARACTERS = 4 * 1024 * 1024
"""A longer record is one whose quote was never closed, or no CSV at all. The second reader has the same bound."""

PIECE_CHARACTERS = 1024 * 1024
BATCH_RECORDS = 256
"""So few that their cells are still in the processor's cache when they are turned into columns."""
BATCH_CHARACTERS = 256 * 1024

_MOST_MISSES = 4
"""In a row. A file of which no piece is proved (its quotes are set in a way of its own) is not tried to its end."""

Records = list[list[str]]


class CsvRecords:
    """The records of a CSV text, blank lines included as `[]`. `characters` counts what was read so far.

    Raises BrokenRow where reading must stop, after the records before it were given.
    """

    def __init__(self, text: TextIO, file: int) -> None:
        self.characters = 0
        self._text = text
        self._file = file
        self._records = 0
        self._ended_at = 0
        self._piece = io.StringIO()

    def __iter__(self) -> Iterator[list[str]]:
        csv.field_size_limit(
            LONGEST_RECORD_CHARACTERS
        )  # the module's own is too small; it is one for all readers
        try:
            for record in csv.reader(self._lines(), strict=True):
                if self.characters - self._ended_at > LONGEST_RECORD_CHARACTERS:
                    raise csv.Error("field larger than field limit")
                self._ended_at = self.characters
                self._records += 1
                yield record
        except csv.Error as error:
            raise BrokenRow(self._file, self._records + 1, _in_words(str(error))) from None

    def batches(self, width: int) -> Iterator[Records | pl.DataFrame]:
        """The records that are left, many at once: a piece of them as a frame where it is proved, else as lists.

        Frames are `width` wide (see `proved_records`). A batch of lists ends after `BATCH_RECORDS` or with the record
        that takes it beyond `BATCH_CHARACTERS`.
        """
        misses = 0 if width > 1 else _MOST_MISSES  # of one cell, a record may be a blank line
        while piece := self._next_piece():
            is_tried = misses < _MOST_MISSES and len(piece) < LONGEST_RECORD_CHARACTERS
            records = proved_records(piece, width) if is_tried else None
            if records is None:
                misses += is_tried
                yield from self._parted(piece)
            else:
                misses = 0
                self.characters += len(piece)
                self._ended_at = self.characters
                self._records += records.height
                yield records

    def _next_piece(self) -> str:
        """Whole lines."""
        return self._text.read(PIECE_CHARACTERS) + self._text.readline(LONGEST_RECORD_CHARACTERS)

    def _parted(self, piece: str) -> Iterator[Records]:
        """The records that begin in the piece; the last may go on behind it."""
        self._piece = io.StringIO(piece, newline="")
        end, begun_at = self.characters + len(piece), self.characters
        batch: Records = []
        broken: BrokenRow | None = None
        try:
            for record in self:
                batch.append(record)
                if self.characters >= end:
                    break
                if len(batch) == BATCH_RECORDS or self.characters - begun_at > BATCH_CHARACTERS:
                    yield batch
                    batch, begun_at = [], self.characters
        except BrokenRow as error:
            broken = error
        if batch:
            yield batch
        if broken is not None:
            raise broken

    def _lines(self) -> Iterator[str]:
        while line := self._piece.readline() or self._text.readline(LONGEST_RECORD_CHARACTERS):
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
