"""The second reader of JSON files: counts the records one by one, by another route than `reading`.

What belongs here: record numbers of a list, or of an object's `data`. Not here: cells, CSV (`recount`).
"""

import json
from collections.abc import Iterable, Iterator
from typing import Any, BinaryIO

from claims_pipeline.claims.recount_text import LONGEST_RECORD, decoded_chunks
from claims_pipeline.errors import ReportError

_BLANKS = " \t\r\n"
_DECODER = json.JSONDecoder(parse_float=str, parse_int=str, parse_constant=str)


class JsonRecountStopped(ReportError):
    """A JSON file that cannot be counted to its end."""

    def __init__(self, records_before: int) -> None:
        super().__init__(
            f"The report's JSON cannot be counted after {records_before} record(s): it breaks off, or is no list of "
            "records. Run the report again."
        )


def json_data_rows(stream: BinaryIO) -> Iterator[int]:
    """The numbers of the records of a JSON file, from 1: a list, or an object whose `data` is one.

    `stream` must be seekable; it is read from its beginning. Raises JsonRecountStopped.
    """
    text = _JsonText(decoded_chunks(stream))
    try:
        if text.peek() == "{":
            _go_to_data(text)
        for number in _elements(text):
            text.records = number
            yield number
    except (ValueError, RecursionError):
        raise JsonRecountStopped(text.records) from None


class _JsonText:
    """JSON text read value by value, holding no more of it than one value and one chunk."""

    def __init__(self, chunks: Iterable[str]) -> None:
        self.records = 0
        self._chunks = iter(chunks)
        self._text = ""
        self._position = 0

    def peek(self) -> str:
        """The next character that is no white space; empty at the end."""
        while True:
            while self._position < len(self._text):
                if (character := self._text[self._position]) not in _BLANKS:
                    return character
                self._position += 1
            if not self._read_on():
                return ""

    def take(self, allowed: str) -> str:
        """The next character, which must be one of these."""
        character = self.peek()
        if not character or character not in allowed:
            raise ValueError(allowed)
        self._position += 1
        return character

    def value(self) -> Any:
        """The next value. One that ends with the text read so far may go on: only more text can tell."""
        self.peek()
        while True:
            try:
                value, end = _DECODER.raw_decode(self._text, self._position)
            except json.JSONDecodeError:
                if len(self._text) - self._position > LONGEST_RECORD or not self._read_on():
                    raise
                continue
            if end < len(self._text) or not self._read_on():
                self._position = end
                return value

    def _read_on(self) -> bool:
        for chunk in self._chunks:
            if chunk:
                self._text = self._text[self._position :] + chunk
                self._position = 0
                return True
        return False


def _go_to_data(text: _JsonText) -> None:
    text.take("{")
    while text.peek() != "}":
        key = text.value()
        text.take(":")
        if key == "data":
            return
        text.value()
        if text.peek() == ",":
            text.take(",")
    raise ValueError("data")


def _elements(text: _JsonText) -> Iterator[int]:
    text.take("[")
    number = 0
    while text.peek() != "]" or number:
        text.value()
        number += 1
        yield number
        if text.take(",]") == "]":
            return
