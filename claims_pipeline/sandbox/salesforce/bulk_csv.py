"""CSV as the Bulk API reads and writes it.

What belongs here: delimiters, line endings, quoting, and how a stored value looks in a query's CSV. Not here: jobs
(`bulk_jobs`).
"""

import csv
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from pathlib import Path

from claims_pipeline.sandbox.salesforce.schema import FieldType

DELIMITERS = {"BACKQUOTE": "`", "CARET": "^", "COMMA": ",", "PIPE": "|", "SEMICOLON": ";", "TAB": "\t"}
LINE_ENDINGS = {"LF": "\n", "CRLF": "\r\n"}
MAX_CELL_CHARACTERS = 32_000

_READ_BYTES = 1 << 20
_PLAIN_FROM, _PLAIN_BELOW = 1e-3, 1e7  # outside of these Java prints a double with an exponent


def records(path: Path, delimiter: str) -> Iterator[list[str]]:
    """The records of a file; line breaks inside quoted cells stay as they came. A BOM is part of the first cell."""
    csv.field_size_limit(max(csv.field_size_limit(), 1 << 24))
    with path.open(encoding="utf-8", errors="replace", newline="") as file:
        yield from csv.reader(file, delimiter=DELIMITERS[delimiter])


def ends_lines_with(path: Path, line_ending: str) -> bool:
    """Whether every line of the file ends as the job says: the whole job fails where one does not."""
    last = b""
    with path.open("rb") as file:
        while block := file.read(_READ_BYTES):
            returns = block.count(b"\r\n") + (1 if last == b"\r" and block.startswith(b"\n") else 0)
            if line_ending == "LF" and returns:
                return False
            if line_ending == "CRLF" and block.count(b"\n") != returns:
                return False
            last = block[-1:]
    return True


def quoted(cells: Sequence[str], delimiter: str, line_ending: str) -> str:
    """One record with every cell in quotes."""
    text = f'"{delimiter}"'.join(cells)
    if text.count('"') != 2 * (len(cells) - 1):
        text = f'"{delimiter}"'.join(cell.replace('"', '""') for cell in cells)
    return f'"{text}"{line_ending}'


def unquoted(cells: Sequence[str], delimiter: str, line_ending: str) -> str:
    """One record with quotes only where a cell needs them: so our own column names come back."""
    special = {delimiter, '"', "\r", "\n"}
    shown = ('"' + cell.replace('"', '""') + '"' if special & set(cell) else cell for cell in cells)
    return delimiter.join(shown) + line_ending


def printer(type_: FieldType) -> Callable[[object], str]:
    """How a query's CSV shows a stored value of this type; null is the empty text."""
    if type_ is FieldType.BOOLEAN:
        return lambda cell: "true" if cell else "false"
    if type_ in (FieldType.DOUBLE, FieldType.CURRENCY):
        return lambda cell: "" if cell is None else as_java_prints(float(str(cell)))
    return lambda cell: "" if cell is None else str(cell)


def as_java_prints(number: float) -> str:
    """A double in Java's form, which Bulk's CSV has: `1234.5`, `100.0`, but `1.23456785E7` from ten million on."""
    if number == 0 or _PLAIN_FROM <= abs(number) < _PLAIN_BELOW:
        return repr(number)
    sign, digits, exponent = Decimal(repr(number)).normalize().as_tuple()
    assert isinstance(exponent, int), "a stored number is finite"
    first, rest = digits[0], "".join(map(str, digits[1:])) or "0"
    return f"{'-' if sign else ''}{first}.{rest}E{exponent + len(digits) - 1}"
