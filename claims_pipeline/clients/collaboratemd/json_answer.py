"""An answer in JSON, read as it comes: one huge string in it, never the whole in memory.

What belongs here: just enough of JSON for one flat object whose `Data` may be hundreds of megabytes. (The json module
and ijson would hold that string whole.) Not here: what the fields mean (`answers`).
"""

import re
from collections.abc import Iterator

from claims_pipeline.clients.collaboratemd.answers import Answer, AnswerFields, MalformedAnswer, WriteData

_STRING_STOPS = re.compile(rb'["\\\x00-\x1f]')
_TOKEN = re.compile(rb"null|true|false|-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_TOKEN_BYTES = frozenset(b"+-.0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
_ESCAPES = {
    ord(k): v
    for k, v in zip('"\\/bfnrt', (b'"', b"\\", b"/", b"\b", b"\f", b"\n", b"\r", b"\t"), strict=True)
}
_OPENING = frozenset(b"[{")
_CLOSING = frozenset(b"]}")
_LONGEST_NAME = 256
_LONGEST_TOKEN = 64
_DEEPEST = 32
_END = -1


def read_json_answer(chunks: Iterator[bytes], fields: AnswerFields) -> Answer:
    """Read one JSON object to its very end. Raises MalformedAnswer if it is cut off or is no such object."""
    text = _Text(chunks)
    text.expect(b"{")
    if text.after_space() == ord("}"):
        text.take()
    else:
        _read_members(text, fields)
    if text.after_space() != _END:
        raise MalformedAnswer("something follows its end")
    return fields.answer()


def _read_members(text: "_Text", fields: AnswerFields) -> None:
    while True:
        name = bytearray()
        text.after_space()
        _read_string(text, lambda piece: _append_name(name, piece))  # noqa: B023 (used up within this turn)
        text.expect(b":")
        write = fields.open_field(name.decode("utf-8", "replace"))
        if text.after_space() == ord('"'):
            _read_string(text, write)
        elif text.peek() in _OPENING:
            _skip_nested(text, taken=write is not None)
        else:
            _read_token(text, write)
        follows = text.after_space()
        text.take()
        if follows == ord("}"):
            return
        if follows != ord(","):
            raise MalformedAnswer("it is cut off" if follows == _END else "it is no JSON object")


def _append_name(name: bytearray, piece: bytes) -> None:
    name += piece
    if len(name) > _LONGEST_NAME:
        raise MalformedAnswer("a field's name is longer than any of the API's")


def _read_string(text: "_Text", write: WriteData | None) -> None:
    text.expect(b'"')
    while True:
        if piece := text.up_to(_STRING_STOPS):
            if write:
                write(piece)
            continue  # perhaps only the chunk ended, not the string
        stop = text.take()
        if stop == ord('"'):
            return
        if stop == ord("\\"):
            escaped = _read_escape(text)
            if write:
                write(escaped)
        elif stop == _END:
            raise MalformedAnswer("it is cut off")
        elif stop < 0x20:
            raise MalformedAnswer("a control character stands in a JSON string")


def _read_escape(text: "_Text") -> bytes:
    kind = text.take()
    if kind in _ESCAPES:
        return _ESCAPES[kind]
    digits = bytes(max(text.take(), 0) for _ in range(4)) if kind == ord("u") else b""
    if not re.fullmatch(rb"[0-9a-fA-F]{4}", digits):
        raise MalformedAnswer("it is cut off" if text.peek() == _END else "a JSON string is escaped wrongly")
    return chr(int(digits, 16)).encode("utf-8", "surrogatepass")


def _read_token(text: "_Text", write: WriteData | None) -> None:
    token = bytearray()
    while text.peek() in _TOKEN_BYTES and len(token) <= _LONGEST_TOKEN:
        token.append(text.take())
    if not _TOKEN.fullmatch(token):
        raise MalformedAnswer("it is cut off" if text.peek() == _END else "it is no JSON object")
    if write and token != b"null":
        write(bytes(token))


def _skip_nested(text: "_Text", *, taken: bool) -> None:
    if taken:
        raise MalformedAnswer("a field holds a list or an object where the API has a text")
    depth = 0
    while True:
        following = text.peek()
        if following == ord('"'):
            _read_string(text, None)
            continue
        text.take()
        if following == _END:
            raise MalformedAnswer("it is cut off")
        depth += (following in _OPENING) - (following in _CLOSING)
        if depth > _DEEPEST:
            raise MalformedAnswer("it is nested deeper than any of the API's")
        if depth == 0:
            return


class _Text:
    """The bytes of the answer, a chunk at a time."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._chunk = b""
        self._at = 0
        if self.peek() == 0xEF and self._chunk.startswith(b"\xef\xbb\xbf"):
            self._at = 3

    def peek(self) -> int:
        """The next byte, or -1 at the end."""
        while self._at >= len(self._chunk):
            chunk = next(self._chunks, None)
            if chunk is None:
                return _END
            self._chunk, self._at = chunk, 0
        return self._chunk[self._at]

    def take(self) -> int:
        byte = self.peek()
        self._at += byte != _END
        return byte

    def after_space(self) -> int:
        """The next byte that is not white space, or -1; stands before it."""
        while (byte := self.peek()) in (0x20, 0x09, 0x0A, 0x0D):
            self._at += 1
        return byte

    def expect(self, byte: bytes) -> None:
        if self.after_space() != byte[0]:
            raise MalformedAnswer("it is cut off" if self.peek() == _END else "it is no JSON object")
        self._at += 1

    def up_to(self, stops: re.Pattern[bytes]) -> bytes:
        """What stands before the next stop, or the rest of this chunk if there is none in it."""
        self.peek()
        found = stops.search(self._chunk, self._at)
        start, self._at = self._at, found.start() if found else len(self._chunk)
        return self._chunk[start : self._at]
