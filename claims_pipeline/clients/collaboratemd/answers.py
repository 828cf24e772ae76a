"""What CollaborateMD answers, whether it speaks JSON or XML: status, identifier, and the report's base64 text.

What belongs here: the closed list of statuses, and choosing the reader. Not here: the two readers (`json_answer`,
`xml_answer`), nor what the client does about a status. `StatusMessage` is never taken up: it can echo the filter.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum


class Status(StrEnum):
    """The statuses of the Web API; anything else is UNKNOWN."""

    SUCCESS = "SUCCESS"
    RUNNING = "REPORT RUNNING"
    TIMED_OUT = "REPORT TIMED OUT"
    NOT_FOUND = "NOT FOUND"
    INVALID_CRITERIA = "INVALID CRITERIA"
    ERROR = "ERROR"
    UNKNOWN = "a status that we do not know"


class MalformedAnswer(Exception):
    """The answer is cut off or is none of the API's. Its text is ours and holds nothing of the answer."""


@dataclass(frozen=True)
class Answer:
    """One answer. The identifier is None unless it is a positive number."""

    status: Status
    identifier: str | None


WriteData = Callable[[bytes], None]
"""Takes the base64 text of `Data`, piece by piece, in order."""

LONGEST_FIELD = 256
"""Bytes of a status or identifier that we look at; longer ones are no answer of this API."""


@dataclass
class AnswerFields:
    """The few fields of an answer while it is being read."""

    write_data: WriteData
    _values: dict[str, bytes] = field(default_factory=dict)
    _seen: set[str] = field(default_factory=set)

    def open_field(self, name: str) -> WriteData | None:
        """Where the text of this field goes; None for a field that we do not take up."""
        key = name.casefold()
        if key not in {"status", "identifier", "data"}:
            return None
        if key in self._seen:
            raise MalformedAnswer(f"it holds {key} twice")
        self._seen.add(key)
        if key == "data":
            return self.write_data
        self._values[key] = b""
        return lambda piece: self._append(key, piece)

    def answer(self) -> Answer:
        """The whole answer, once it ended as it should."""
        if "status" not in self._values:
            raise MalformedAnswer("it has no status")
        return Answer(_status(self._values["status"]), _identifier(self._values.get("identifier", b"")))

    def _append(self, key: str, piece: bytes) -> None:
        self._values[key] += piece
        if len(self._values[key]) > LONGEST_FIELD:
            raise MalformedAnswer(f"its {key} is longer than any of the API's")


def first_chunk(chunks: Iterator[bytes]) -> tuple[bytes, Iterator[bytes]]:
    """The beginning of the answer up to its first byte that is not blank, and the whole answer again."""
    head = b""
    for chunk in chunks:
        head += chunk
        if head.removeprefix(b"\xef\xbb\xbf").strip() or len(head) > LONGEST_FIELD:
            break
    return head, _again(head, chunks)


def _again(head: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    yield head
    yield from rest


def _status(text: bytes) -> Status:
    words = re.sub(r"[\s_]+", " ", text.decode("utf-8", "replace")).strip().upper()
    try:
        return Status(words)
    except ValueError:
        return Status.UNKNOWN


def _identifier(text: bytes) -> str | None:
    digits = text.strip()
    return digits.decode("ascii") if re.fullmatch(rb"0*[1-9][0-9]{0,30}", digits) else None
