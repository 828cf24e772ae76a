"""Days of a small book of claims: the report, what people and the org do, and what must stand in the org after.

What belongs here: the scenarios of the sweep and an independent reading of them (`oracle`). Not here: carrying them out
(`stage`), judging what came of them (`judging`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal
from functools import cached_property
from random import Random

from claims_pipeline_tests.faults.orders import Conditions
from claims_pipeline_tests.given_report import report, row
from claims_pipeline_tests.oracle import CLAIM, Terms, Verdict, judge
from claims_pipeline_tests.town import FIRST

PAYORS = (("Nobody Knows Health", "NKH1"), ("Some Other Plan", "SOP2"), ("Third Party Care", "TPC3"))
MAPPED_KEY = "nobody knows health|nkh1"
LENGTHS: dict[str, int] = {}  # nothing in these books is long

Cells = dict[str, str]
Book = dict[str, Cells]


@dataclass(frozen=True)
class Standing:
    """A claim as it must stand: its source fields, which payor of the org it is linked to, whether it is marked."""

    source: Mapping[str, str | None]
    payor: int | None = None
    missing: bool = False


@dataclass(frozen=True)
class Day:
    """A report, the claims that the org refuses, and the payor that a person has mapped `MAPPED_KEY` to."""

    book: Book
    refused: frozenset[str] = frozenset()
    mapped_to: int | None = None
    more_rows: tuple[tuple[str, ...], ...] = ()

    @property
    def report(self) -> bytes:
        """The report as CSV."""
        return report(*(row(claim, **cells) for claim, cells in self.book.items()), *self.more_rows)

    @cached_property
    def verdict(self) -> Verdict:
        """What must become of each of its rows."""
        return judge(self.report, Terms(datetime.now(UTC).date(), FIRST, LENGTHS))

    @property
    def dollars(self) -> dict[str, Decimal]:
        """Source dollars of the accepted claims."""
        names = ("Charged_Amount__c", "Paid_Amount__c", "Total_BDP__c")
        return {name: self.verdict.dollars(name) for name in names}

    @property
    def rows(self) -> int:
        """Rows of the report."""
        return len(self.verdict.fates)

    @property
    def not_arrived(self) -> int:
        """Rejected rows and refused claims."""
        rejected = sum(fate != CLAIM for fate in self.verdict.fates.values())
        return rejected + len(self.refused & self.verdict.claims.keys())


@dataclass(frozen=True)
class Scenario:
    """What is carried over before, in the run that dies, and in the run after it."""

    name: str
    before: Day | None
    today: Day
    after: Day
    full: bool
    settings: Mapping[str, str] = field(default_factory=dict)
    conditions: Conditions = field(default_factory=Conditions)

    @property
    def days_before(self) -> list[Day]:
        """The days that were carried over in peace."""
        return [] if self.before is None else [self.before]

    @cached_property
    def as_it_was(self) -> dict[str, Standing]:
        """What stands in the org before the run that dies."""
        return must_stand(self.days_before, full=self.full)

    @cached_property
    def as_today(self) -> dict[str, Standing]:
        """What must stand once today is carried over."""
        return must_stand([*self.days_before, self.today], full=self.full)

    @cached_property
    def at_last(self) -> dict[str, Standing]:
        """What must stand after the rerun, whatever the dead run had done."""
        return must_stand([*self.days_before, self.today, self.after], full=self.full)


def must_stand(days: Sequence[Day], *, full: bool) -> dict[str, Standing]:
    """Claim number -> how it must stand once these days were carried over, one after the other."""
    standing: dict[str, Standing] = {}
    for day in days:
        claims = day.verdict.claims
        for number, claim in claims.items():
            if number not in day.refused:
                standing[number] = Standing(claim)
        for number, found in standing.items():
            mapped = day.mapped_to if found.source["Source_Payor_Key__c"] == MAPPED_KEY else None
            standing[number] = Standing(found.source, mapped, full and number not in day.book)
    return standing


def book_of(seed: int, claims: int, first: int = 500_000_001) -> Book:
    """So many claims of three payors, amounts by the seed."""
    rng = Random(seed)
    book: Book = {}
    for number in range(first, first + claims):
        name, payor_id = PAYORS[number % len(PAYORS)]
        charged, paid = rng.randrange(1, 500_000), rng.randrange(1, 300_000)
        book[str(number)] = {
            "ClaimPrimaryPayerName": name,
            "PayerID": payor_id,
            "ClaimTotalAmount": _dollars(charged),
            "ClaimAmountPaid": _dollars(paid),
            "ClaimBalance": _dollars(charged - paid),
            "PatientReference": f"MR-{number}",
        }
    return book


def _dollars(cents: int) -> str:
    return f"{Decimal(cents) / 100:.2f}"


def _paid_more(book: Book, places: Sequence[int], cents: int) -> Book:
    """The book after further payments on the claims at these places."""
    numbers = list(book)
    changed = {}
    for place in places:
        cells = book[numbers[place]]
        paid = Decimal(cells["ClaimAmountPaid"]) + Decimal(cents) / 100
        balance = Decimal(cells["ClaimTotalAmount"]) - paid
        changed[numbers[place]] = {**cells, "ClaimAmountPaid": f"{paid}", "ClaimBalance": f"{balance}"}
    return {**book, **changed}


def _without(book: Book, places: Sequence[int]) -> Book:
    gone = {list(book)[place] for place in places}
    return {number: cells for number, cells in book.items() if number not in gone}


def _named(name: str, moves_on: bool) -> str:
    return f"{name}, the source moves on" if moves_on else name


def first_load(seed: int, *, moves_on: bool = False) -> Scenario:
    """An empty org, by Collections in three batches; rejected rows, a row twice, claims that the org refuses."""
    book = book_of(seed, 36)
    numbers = list(book)
    more = (
        tuple(row("500000090", ClaimTotalAmount="12.3.4")),
        tuple(row("500000091", StatementCoversFromDate="13/45/2026")),
        tuple(row("")),
        tuple(row(numbers[3], **book[numbers[3]])),
    )
    day = Day(book, frozenset({numbers[5], numbers[30]}), mapped_to=0, more_rows=more)
    later = replace(day, book=_paid_more(book, (0, 1, 16, 35), 555)) if moves_on else day
    by_collections = {"SALESFORCE_BULK_FROM_ROWS": "1000000", "BATCH_SIZE": "15"}
    return Scenario(_named("first load", moves_on), None, day, later, full=False, settings=by_collections)


def next_day(seed: int, *, moves_on: bool) -> Scenario:
    """A full fetch by Bulk jobs and paged queries: claims changed, new and gone, and a mapping changed by a person.

    `moves_on`: the source changes once more between the death and the rerun, so that whatever the dead run left to be
    sent is old by then; some of it is the day before's values again.
    """
    yesterday = book_of(seed, 30)
    rejected = tuple(row("500000090", ClaimTotalAmount="12.3.4"))
    changed = _paid_more(yesterday, (0, 1, 2, 7, 12), 1_234)
    new = book_of(seed + 1, 5, first=500_000_051)
    refused = frozenset({list(new)[4]})
    today = {**_without(changed, (20, 21)), **new}
    later = {
        **_paid_more(changed, (0, 2, 15), 77),  # 0 and 2 once more, 15 for the first time
        **{number: yesterday[number] for number in list(yesterday)[1:2]},  # 1 is taken back
        **new,
    }
    later = _without(later, (20, 25))  # 21 is there again, 25 is gone too
    days = [
        Day(yesterday, mapped_to=0, more_rows=(rejected,)),
        Day(today, refused, mapped_to=1, more_rows=(rejected,)),
        Day(later if moves_on else today, refused, mapped_to=1, more_rows=(rejected,)),
    ]
    by_bulk = {"SALESFORCE_BULK_FROM_ROWS": "1"}
    small = Conditions(rows_a_job=10, rows_a_page=20, keys_read_one_by_one=0)
    return Scenario(_named("next day", moves_on), *days, full=True, settings=by_bulk, conditions=small)
