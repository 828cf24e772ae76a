"""The records of a JSON file, one at a time: a list of objects, or an object with such a list named `data`.

What belongs here: JSON to records whose cells are text, numbers as their own text (`1.50` stays `1.50`, which ijson's
Decimals would not keep for every number). Not here: which key is which column (`report`).
"""

import json
import re
from collections.abc import Iterator
from typing import TextIO

from claims_pipeline.claims.reading.refusals import BrokenJson, EmptyFile

LONGEST_RECORD_CHARACTERS = 4 * 1024 * 1024
_CHUNK_CHARACTERS = 256 * 1024
_SPACE = re.compile(r"[ \t\r\n]*")
_END = ""


class JsonObject(list[tuple[str, object]]):
    """An object as its pairs, in order, so that a key that stands twice is seen."""


_DECODER = json.JSONDecoder(
    object_pairs_hook=JsonObject, parse_float=str, parse_int=str, parse_constant=str, strict=False
)


class JsonRecords:
    """The records of a JSON text. `characters` counts what was read so far."""

    def __init__(self, text: TextIO, file: int) -> None:
        self.characters = 0
        self._text = text
        self._file = file
        self._buffer = ""
        self._at = 0
        self._ended = False
        self._number = 0

    def __iter__(self) -> Iterator[JsonObject]:
        first = self._next()
        if first == _END:
            raise EmptyFile(self._file)
        if first == "[":
            yield from self._list()
        elif first == "{":
            yield from self._object_with_data()
        else:
            raise BrokenJson(self._file, "it begins as neither a list nor an object")
        if self._next() != _END:
            raise BrokenJson(self._file, "something follows its end")

    def _list(self) -> Iterator[JsonObject]:
        self._at += 1
        if self._next() == "]":
            self._at += 1
            return
        while True:
            self._number += 1
            record = self._value(f"record {self._number}")
            if not isinstance(record, JsonObject):
                raise BrokenJson(self._file, f"record {self._number} is not an object")
            yield record
            if not self._goes_on("]"):
                return

    def _object_with_data(self) -> Iterator[JsonObject]:
        self._at += 1
        found = False
        while self._next() != "}":
            if self._key() != "data":
                self._value("what stands beside data")
            elif found or self._next() != "[":
                raise BrokenJson(self._file, "its data is not one list")
            else:
                found = True
                yield from self._list()
            if not self._goes_on("}"):
                break
        else:
            self._at += 1
        if not found:
            raise BrokenJson(self._file, "it is an object without a list named data")

    def _key(self) -> str:
        key = self._value("a key") if self._next() == '"' else None
        if not isinstance(key, str) or self._next() != ":":
            raise BrokenJson(self._file, "it is cut off, or no object")
        self._at += 1
        return key.casefold()

    def _goes_on(self, closing: str) -> bool:
        """Whether a comma follows; the closing bracket ends it."""
        following = self._next()
        if following not in (",", closing) or following == _END:
            where = f"after record {self._number}" if self._number else "at its beginning"
            what = "it is cut off" if following == _END else "a comma or its end is missing"
            raise BrokenJson(self._file, f"{what} {where}")
        self._at += 1
        return following == ","

    def _value(self, what: str) -> object:
        """The next value, read on until it is whole (a number could go on in the next chunk)."""
        self._next()
        while True:
            try:
                value, end = _DECODER.raw_decode(self._buffer, self._at)
            except (json.JSONDecodeError, RecursionError):
                if not self._grow():
                    raise BrokenJson(self._file, f"{what} is cut off, not JSON, or too long") from None
                continue
            if end < len(self._buffer) or not self._grow():
                self._at = end
                return value

    def _next(self) -> str:
        """The next character that is not white space, or nothing at the end; stands before it."""
        while True:
            self._at = _SPACE.match(self._buffer, self._at).end()  # type: ignore[union-attr] # it matches nothing, too
            if self._at < len(self._buffer):
                return self._buffer[self._at]
            if not self._grow():
                return _END

    def _grow(self) -> bool:
        """Read on, dropping what was used up, as much again as is unread. False: there is no more, or too much."""
        unread = len(self._buffer) - self._at
        if self._ended or unread > LONGEST_RECORD_CHARACTERS:
            return False
        more = self._text.read(max(_CHUNK_CHARACTERS, unread))
        if not more:
            self._ended = True
            return False
        self.characters += len(more)
        self._buffer = self._buffer[self._at :] + more
        self._at = 0
        return True
