"""The second reader of JSON files: counts records by strings and brackets alone, parsing none of them.

What belongs here: record numbers of a list, or of an object's `data`. Not here: cells, CSV (`recount`).
"""

import json
import re
from collections.abc import Iterable, Iterator
from typing import BinaryIO

from claims_pipeline.claims.recount_text import LONGEST_RECORD, decoded_chunks
from claims_pipeline.errors import ReportError

_SPACE = r"[ \t\r\n]*+"
_STRING = r'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
_TOKEN = re.compile(rf'{_SPACE}(?:({_STRING}|[{{}}\[\]:,])|([^"{{}}\[\]:, \t\r\n]++))', re.DOTALL)
_FLAT_RECORD = re.compile(rf'{_SPACE}\{{[^{{}}\[\]"]*+(?:{_STRING}[^{{}}\[\]"]*+)*+\}}', re.DOTALL)
_OPENING, _CLOSING = ("{", "["), ("}", "]")
_END = ""


class JsonRecountStopped(ReportError):
    """A JSON file that cannot be counted to its end."""

    def __init__(self, records_before: int) -> None:
        super().__init__(
            f"The report's JSON cannot be counted after {records_before} record(s): it breaks off, or is no list of "
            "records. Run the report again."
        )


def json_data_rows(stream: BinaryIO) -> Iterator[int]:
    """The numbers of the records of a JSON file, from 1: a list, or an object with a list named `data`.

    `stream` must be seekable; it is read from its beginning. Raises JsonRecountStopped.
    """
    text = _JsonText(decoded_chunks(stream))
    records = 0
    try:
        _go_to_the_list(text)
        for _ in _elements(text):
            records += 1
            yield records
    except _NoList:
        raise JsonRecountStopped(records) from None


class _NoList(Exception):
    """What stands here does not belong into a list of records."""


class _JsonText:
    """JSON text taken token by token, holding no more of it than one string and one chunk."""

    def __init__(self, chunks: Iterable[str]) -> None:
        self._chunks = iter(chunks)
        self._text = ""
        self._position = 0

    def token(self) -> str:
        """The next string, bracket, colon, comma or other word; empty at the end."""
        while True:
            found = _TOKEN.match(self._text, self._position)
            may_go_on = found is None or (found[2] is not None and found.end() == len(self._text))
            if may_go_on and self._read_on():
                continue
            if found is not None:
                self._position = found.end()
                return found[1] or found[2]
            if self._text[self._position :].strip(" \t\r\n"):
                raise _NoList
            return _END

    def expect(self, wanted: str) -> None:
        """The next token, which must be this one."""
        if self.token() != wanted:
            raise _NoList

    def skip_flat_record(self) -> bool:
        """Step over an object without brackets in it, if one stands here whole; or stay."""
        found = _FLAT_RECORD.match(self._text, self._position)
        if found is not None:
            self._position = found.end()
        return found is not None

    def skip_value(self, first: str) -> None:
        """Step over the value that begins with this token."""
        if first in (*_CLOSING, ",", ":", _END):
            raise _NoList
        depth = int(first in _OPENING)
        while depth:
            token = self.token()
            if token == _END:
                raise _NoList
            depth += (token in _OPENING) - (token in _CLOSING)

    def _read_on(self) -> bool:
        if len(self._text) - self._position > LONGEST_RECORD:
            raise _NoList
        for chunk in self._chunks:
            if chunk:
                self._text = self._text[self._position :] + chunk
                self._position = 0
                return True
        return False


def _go_to_the_list(text: _JsonText) -> None:
    first = text.token()
    if first == "{":
        while not _is_data(text.token()):
            text.expect(":")
            text.skip_value(text.token())
            text.expect(",")
        text.expect(":")
        first = text.token()
    if first != "[":
        raise _NoList


def _is_data(key: str) -> bool:
    if not key.startswith('"'):
        raise _NoList
    return str(json.loads(key, strict=False)).casefold() == "data"


def _elements(text: _JsonText) -> Iterator[None]:
    following = ","
    is_first = True
    while following == ",":
        if not text.skip_flat_record():
            begins_with = text.token()
            if is_first and begins_with == "]":
                return
            text.skip_value(begins_with)
        yield
        is_first = False
        following = text.token()
    if following != "]":
        raise _NoList
