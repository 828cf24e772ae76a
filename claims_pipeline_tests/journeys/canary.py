"""Invented patients whose every cell can be found again, and the search for them in whatever a run leaves behind.

What belongs here: planting and searching. Not here: which runs there are and what they may hold (`privacy`).
A token is found in every form of `privacy.codings`, and in SQLite's rows as well as in its raw pages.
"""

import csv
import io
import json
import sqlite3
import unicodedata
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from claims_pipeline_tests.privacy.codings import DEEPEST, canonical, texts_of

PATIENT, CLAIM, PAYOR, SECRET = "QZXPAT", "QZXCLM", "QZXPAY", "QZXSEC"
"""How every token of a kind begins: a patient's data, claim ids, payor names, passwords and keys."""
APOSTROPHES, ACCENTS, DIGITS = "O'QZXHARA", "Q\u00fczxz\u00f1\u00e9l\u00ee\u00f1", "730591846207"
"""Other shapes of a patient's data: what is escaped, what has several spellings, and what looks like a number."""
AMOUNTS = (
    *("48151623427.62", "48,151,623,427.62", "34273192815.19", "34,273,192,815.19"),
    *("13878430612.43", "13,878,430,612.43", "4815162342762", "3427319281519", "4.815162342762"),
)
"""Too long for chance: a shorter row of digits stands in some log of a run's times and hashes one day."""
DAYS = ("2024-02-29", "02/29/2024", "2/29/2024", "2024-02-28", "02/28/2024", "(2024, 2, 29", "(2024, 2, 28")
NOWHERE = (PATIENT, APOSTROPHES, ACCENTS, DIGITS, SECRET, *AMOUNTS, *DAYS)
"""What may stand nowhere but in the claims themselves."""

LABELS = (
    *(
        "ClaimID",
        "PateintNameID",
        "ClaimPrimaryPayerName",
        "PayerID",
        "PrimaryAuth",
        "StatementCoversFromDate",
    ),
    *("StatementCoversToDate", "ClaimDateEntered", "ClaimTotalAmount", "ClaimAmountPaid", "ClaimBalance"),
    *("PaymentCheck", "PaymentReceived", "PatientReference", "Claim Status", "Desk Note"),
)

_SQLITE = b"SQLite format 3"


@dataclass(frozen=True)
class Leak:
    """A token where none may be."""

    where: str
    token: str


def name_of(number: int) -> str:
    """A patient's name, each time of another shape, with an id in it."""
    shapes = (
        f"{PATIENT}NAME{number}, MARY ANN",
        f"{APOSTROPHES}{number}, D'ARCY",
        unicodedata.normalize("NFC", f"{ACCENTS}{number}, ZO\u00cb"),
        unicodedata.normalize("NFD", f"{ACCENTS}{number}, ZO\u00cb"),
    )
    return f"{shapes[number % len(shapes)]} ({PATIENT}ID{number})"


def row(number: int, *, claim: str | None = None, **cells: str) -> list[str]:
    """One report row of the canary's patients; some cells may be given by label."""
    values = {
        "ClaimID": f"{CLAIM}{number}" if claim is None else claim,
        "PateintNameID": name_of(number),
        "ClaimPrimaryPayerName": f"{PAYOR} HEALTH {number % 2}",
        "PayerID": f"{PAYOR}{number % 2}",
        "PrimaryAuth": f"{PATIENT}AUTH{number}",
        "StatementCoversFromDate": "02/28/2024",
        "StatementCoversToDate": "02/29/2024",
        "ClaimDateEntered": "2/29/2024",
        "ClaimTotalAmount": AMOUNTS[0],
        "ClaimAmountPaid": f"${AMOUNTS[3]}",
        "ClaimBalance": AMOUNTS[5],
        "PaymentCheck": f"{PATIENT}CHECK{number}",
        "PaymentReceived": "2024-02-29",
        "PatientReference": f"{DIGITS}{number}" if number % 2 else f"{PATIENT}REF{number}",
        "Claim Status": f"{PATIENT}STATUS",
        "Desk Note": f'told {PATIENT}NOTE{number} to "call"\nagain',
    }
    return list({**values, **cells}.values())


def good_rows(first: int = 0, count: int = 6) -> list[list[str]]:
    """Rows that become claims."""
    return [row(number) for number in range(first, first + count)]


def faulty_rows() -> list[list[str]]:
    """Rows that are rejected, one a rule at least, each with the patient's data in the cells at fault."""
    return [
        [*row(101), f"{PATIENT}RAGGED"],
        row(102)[:9],
        row(103, claim=""),
        row(104, claim=CLAIM + "LONG" * 20),
        row(105, ClaimTotalAmount=f"{PATIENT}MONEY"),
        row(106, ClaimBalance=f"{AMOUNTS[0]}1"),
        row(107, StatementCoversFromDate=f"{PATIENT}DATE"),
        row(108, PaymentReceived="02/29/2024 or so"),
        row(109, StatementCoversFromDate="02/29/2024", StatementCoversToDate="02/28/2024"),
        row(110, PatientReference=f"{PATIENT}LONGREF" * 9),
        row(111),
        row(111, ClaimAmountPaid=AMOUNTS[1]),
    ]


def as_csv(rows: Iterable[Sequence[str]], header: Sequence[str] = LABELS) -> bytes:
    """A CSV report."""
    out = io.StringIO(newline="")
    csv.writer(out).writerows([header, *rows])
    return out.getvalue().encode()


def as_json(rows: Iterable[Sequence[str]]) -> bytes:
    """The same as a list of JSON records; a short row lacks its last keys."""
    return json.dumps([dict(zip(LABELS, cells, strict=False)) for cells in rows]).encode()


def leaks_in(
    where: str, content: bytes, tokens: Collection[str] = NOWHERE, *, depth: int = DEEPEST
) -> list[Leak]:
    """Every token that stands in these bytes, in whichever coding, and packed up to `depth` times."""
    sought = {token: canonical(token) for token in tokens}
    found: set[str] = set()
    for text in texts_of(content, depth):
        found |= {token for token, shape in sought.items() if shape in text}
    return [Leak(where, token) for token in sorted(found)]


def leaks_in_folder(folder: Path, tokens: Collection[str] = NOWHERE) -> list[Leak]:
    """Every file under the folder, byte by byte, with its name; SQLite files row by row too."""
    leaks = []
    for path in sorted(folder.rglob("*")):
        leaks += leaks_in(f"the name {path}", str(path.relative_to(folder)).encode(), tokens)
        if path.is_file():
            content = path.read_bytes()
            depth = 0 if content[: len(_SQLITE)] == _SQLITE else DEEPEST  # its rows are read by themselves
            leaks += leaks_in(str(path), content, tokens, depth=depth)
    return leaks + leaks_in_rows(folder, tokens)


def leaks_in_rows(folder: Path, tokens: Collection[str], *, but: bytes | None = None) -> list[Leak]:
    """Every row of every SQLite file under the folder; those that name `but` may hold the tokens."""
    leaks = []
    for path in sorted(folder.rglob("*.db")):
        for where, value in _rows_of(path):
            if but is None or but not in value:
                leaks += leaks_in(where, value, tokens)
    return leaks


def _rows_of(path: Path) -> Iterator[tuple[str, bytes]]:
    """Every text and blob of a SQLite file: a long one is torn over pages in the file itself."""
    with closing(sqlite3.connect(path)) as database:
        tables = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for table in tables:
            for number, values in enumerate(database.execute(f'SELECT * FROM "{table}"')):
                for value in values:
                    if isinstance(value, str | bytes):
                        content = value.encode() if isinstance(value, str) else value
                        yield f"{path} table {table} row {number}", content


def leaks_in_stamps(storage: Path, tokens: Collection[str] = (*NOWHERE, CLAIM, PAYOR)) -> list[Leak]:
    """What stands beside the rows of each stored frame. (The rows are the claims themselves.)"""
    leaks = []
    for path in sorted(storage.rglob("*.parquet")):
        leaks += leaks_in(str(path), json.dumps(pl.read_parquet_metadata(path)).encode(), tokens)
    return leaks
