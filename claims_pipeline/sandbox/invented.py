"""Invented patients and their claims: the book of a practice that does not exist.

What belongs here: what is true of a claim (who, when, how much, what was paid by which day). Not here: how a report
prints it (`printed`), nor what may be wrong with a row (`planted_faults`). The n-th claim of a seed is always the same
one, whatever the size, grain, order or day of the report that shows it.
"""

import csv
from datetime import date, timedelta
from functools import cache
from importlib.resources import files
from random import Random
from typing import NamedTuple

from claims_pipeline.sandbox.payor_list import SELF_PAY, ListedPayor, listed_payors

OPENED_ON = date(2024, 1, 2)
"""The book's first day of service; claims spread over two years from it."""
DAYS_OF_SERVICE = 740
MOST_LINES = 6
NUMBERS = 900_000_000  # nine digits, the first not 0
STEP = 7_368_787  # prime to NUMBERS, so that every index has a number of its own
CLAIMS_A_SEED = 10_000_000
SEEDS_APART = NUMBERS // CLAIMS_A_SEED
"""Seeds that differ modulo this never share a claim number."""


class ChargeLine(NamedTuple):
    """One line of a claim. Amounts in cents."""

    number: str
    served_from: date
    served_to: date
    charged: int
    paid: int
    balance: int
    check: str
    paid_on: date | None


class InventedClaim(NamedTuple):
    """A claim as it stands on a day."""

    number: str
    patient: str
    reference: str
    payor: ListedPayor
    authorization: str
    entered_on: date
    status: str
    lines: tuple[ChargeLine, ...]


def claim_number(seed: int, index: int) -> str:
    """Nine digits, its own for every index, and apart from those of other seeds."""
    slot = seed % SEEDS_APART * CLAIMS_A_SEED + index
    return str(100_000_000 + slot * STEP % NUMBERS)


def invented_claim(seed: int, index: int, as_of: date) -> InventedClaim | None:
    """The claim as it stood on a day; None when it had not been entered yet."""
    rng = Random(seed << 32 | index)  # noqa: S311 - invented data, no secret
    served = OPENED_ON + timedelta(days=int(rng.random() * DAYS_OF_SERVICE))
    entered_on = served + timedelta(days=1 + int(rng.random() * 9))
    patient, reference = _patient(seed, (index + int(rng.random() * 40)) // 6, served.year)
    payor = _payor(seed, rng)
    settled = _settlement(rng, entered_on, as_of)
    lines = tuple(
        _line(rng, settled, served, str(100_000_000 + (index * 8 + k) * STEP % NUMBERS))
        for k in range(_line_count(rng.random()))
    )
    authorization = f"A{10_000_000 + int(rng.random() * 90_000_000)}" if rng.random() < 0.4 else ""
    if entered_on > as_of:
        return None
    status = _status(rng.random(), payor, lines)
    number = claim_number(seed, index)
    return InventedClaim(number, patient, reference, payor, authorization, entered_on, status, lines)


class _Settlement(NamedTuple):
    """How a claim was paid: at which rate, by which check, on which days."""

    share: float
    check: str
    days: tuple[date | None, ...]


def _settlement(rng: Random, entered_on: date, as_of: date) -> _Settlement:
    share = 0.0 if (draw := rng.random()) < 0.18 else 0.3 + draw * 0.7
    number = f"{1_000_000_000 + int(rng.random() * 9_000_000_000)}"
    first = entered_on + timedelta(days=10 + int(rng.random() * 60))
    second = first + timedelta(days=7) if rng.random() < 0.1 else first
    days = tuple(day if share and day <= as_of else None for day in (first, second))
    return _Settlement(share, f"EFT{number}" if rng.random() < 0.6 else number, days)


def _line_count(draw: float) -> int:
    return 1 if draw < 0.4 else 2 + int((draw - 0.4) / 0.6 * (MOST_LINES - 1))


def _line(rng: Random, settled: _Settlement, served: date, number: str) -> ChargeLine:
    charged = 500 + int(rng.random() ** 3 * 250_000)
    ends = served + timedelta(days=int(rng.random() * 3)) if rng.random() < 0.3 else served
    paid_on, draw = settled.days[rng.random() < 0.2], rng.random()
    if paid_on is None:
        return ChargeLine(number, served, ends, charged, 0, charged, "", None)
    paid = int(charged * settled.share)
    balance = 0 if draw < 0.7 else (charged - paid) // 4 if draw < 0.95 else -int(draw * 2_000)
    # a check a day: the day it came tells payments apart
    return ChargeLine(number, served, ends, charged, paid, balance, f"{settled.check}-{paid_on.day}", paid_on)


def _status(draw: float, payor: ListedPayor, lines: tuple[ChargeLine, ...]) -> str:
    owed = sum(line.balance for line in lines)
    if payor.name == SELF_PAY:
        return "BALANCE DUE PATIENT" if owed > 0 else "PAID"
    if not any(line.paid for line in lines):
        return "AT INSURANCE" if draw < 0.3 else f"CLAIM AT {payor.name.upper()}"
    if owed > 0:
        return "BALANCE DUE PATIENT" if draw < 0.6 else "PENDING PATIENT"
    return "PAID"


@cache
def _names(part: str) -> tuple[str, ...]:
    text = (files("claims_pipeline.sandbox") / "data" / "names.csv").read_text(encoding="utf-8")
    return tuple(row["name"] for row in csv.DictReader(text.splitlines()) if row["part"] == part)


def _patient(seed: int, person: int, year: int) -> tuple[str, str]:
    """`LAST, FIRST (id)` and the practice's own reference."""
    lasts, firsts = _names("last"), _names("first")
    last = lasts[(person * 29 + seed * 7) % len(lasts)]
    first = firsts[(person * 13 + person // 40 + seed) % len(firsts)]
    number = 10_000_000 + (person * 611_953 + seed * 7919) % 90_000_000
    return f"{last}, {first} ({number})", f"MR{year}-{number * 73 % 10_000_000_000:010d}"


def _payor(seed: int, rng: Random) -> ListedPayor:
    """A few payors have most claims; names come as different billers keyed them."""
    if rng.random() < 0.1:
        return ListedPayor(SELF_PAY, "")
    payors = listed_payors()
    payor = payors[(int(rng.random() ** 2.2 * len(payors)) * 7 + seed * 31) % len(payors)]
    draw = rng.random()
    if draw < 0.05:
        return ListedPayor(payor.name.lower(), payor.payor_id)
    if draw < 0.1:
        return ListedPayor(payor.name.upper(), payor.payor_id)
    if draw < 0.13:
        return ListedPayor(payor.name.replace(" ", "  ") + "\u00a0", payor.payor_id)
    if draw < 0.15:
        return ListedPayor(payor.name, "")
    return payor
