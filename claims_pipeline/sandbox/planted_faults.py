"""What can be wrong with a claim's rows: faults planted on purpose, one kind a claim.

What belongs here: changes to printed rows after which the claim must be rejected. Not here: what is merely odd
(`planted_oddities`), and which claims get one (`generator`). Under which code a row must end is for others to say, from
the rules alone.
"""

from collections.abc import Callable
from datetime import date
from random import Random

from claims_pipeline.sandbox.printed import PrintedRow

Rows = list[PrintedRow]
Plant = Callable[[Rows, Random, date], Rows]

BLANK_IDS = ("", " ", "\u200b ", "\u00a0", "-", "#N/A", "\ufeff")
BAD_AMOUNTS = (
    *(
        "1e5",
        "12.",
        "12.00-",
        "12.3.4",
        "$ 12.00",
        "$-12.00",
        "'12.00",
        "-",
        "#N/A",
        "1,23.00",
        "1.005",
        "x",
        "(12.00",
    ),
    *(
        "123456789012345.00",
        "1 234.00",
        "١٢",
        "1,2345.00",
        "USD 5",
        "12,",
        "--5",
        "(-5.00)",
        "+5",
        "12.00)",
        "0x1F",
        "nan",
    ),
)
BAD_DAYS = (
    *(
        "01/05/26",
        "02/30/2025",
        "01/01/1899",
        "2025-01-05T25:00:00",
        "2025-01-05T10:60",
        "01/05/2025 10:00",
        "2025-1-5",
    ),
    *(
        "20250105",
        "n/a",
        "#REF!",
        "13/01/2025",
        "2025-02-29",
        "0/5/2025",
        "2025-01-05T",
        "Jan 5, 2025",
        "-",
        "1/5/25",
    ),
)
AMOUNTS = ("charged", "paid", "balance")
DAYS = ("service_from", "service_to", "entered", "paid_on")
REFERENCES = ("reference", "payor_id", "authorization", "check")
TOO_LONG = ("A" * 51, "9" * 60, "😀" * 26, "é" * 40 + " " + "x" * 40)


# --- faults that a row has by itself


def short_row(rows: Rows, rng: Random, _: date) -> Rows:
    """A row cut off after its claim id and some more."""
    return _one(
        rows, rng, lambda row: PrintedRow(row.values, missing_cells=rng.randint(1, len(row.values) - 3))
    )


def long_row(rows: Rows, rng: Random, _: date) -> Rows:
    """A row with cells that the header does not have."""
    return _one(rows, rng, lambda row: PrintedRow(row.values, extra_cells=rng.randint(1, 3)))


def short_row_of_nobody(rows: Rows, rng: Random, _: date) -> Rows:
    """A row cut off, and its claim id blank."""
    return _one(
        rows, rng, lambda row: PrintedRow({**row.values, "claim_id": rng.choice(BLANK_IDS)}, missing_cells=4)
    )


def missing_claim_id(rows: Rows, rng: Random, _: date) -> Rows:
    """A row without a claim id, in the many ways that a cell can be blank."""
    return _one(rows, rng, lambda row: row.but(claim_id=rng.choice(BLANK_IDS)))


def row_of_commas(rows: Rows, _rng: Random, _: date) -> Rows:
    """A row with all its cells, and nothing in them, after the claim's own."""
    return [*rows, PrintedRow(dict.fromkeys(rows[0].values, ""))]


def claim_id_too_long(rows: Rows, rng: Random, _: date) -> Rows:
    """A claim id of more than 50 UTF-16 units, on all rows of the claim."""
    number = rows[0].values["claim_id"]
    claim_id = rng.choice((number * 6, "😀" * 21 + number))
    return [row.but(claim_id=claim_id) for row in rows]


def bad_amount(rows: Rows, rng: Random, _: date) -> Rows:
    """An amount that is no amount."""
    return _one(rows, rng, lambda row: row.but(**{rng.choice(AMOUNTS): rng.choice(BAD_AMOUNTS)}))


def bad_day(rows: Rows, rng: Random, as_of: date) -> Rows:
    """A date that is none, or is out of range: the third year after the fetch's too."""
    bad = (*BAD_DAYS, f"01/01/{as_of.year + 3}", f"{as_of.year + 3}-01-01")
    return _one(rows, rng, lambda row: row.but(**{rng.choice(DAYS): rng.choice(bad)}))


def days_reversed(rows: Rows, rng: Random, _: date) -> Rows:
    """A service that ends before it begins."""
    return _one(rows, rng, lambda row: row.but(service_from="03/02/2025", service_to="2025-03-01"))


def reference_too_long(rows: Rows, rng: Random, _: date) -> Rows:
    """A reference that would have to be cut."""
    return _one(rows, rng, lambda row: row.but(**{rng.choice(REFERENCES): rng.choice(TOO_LONG)}))


def missing_line_id(rows: Rows, rng: Random, _: date) -> Rows:
    """A charge line without an id."""
    return _one(rows, rng, lambda row: row.but(line_id=rng.choice(BLANK_IDS)))


OWN_FAULTS: tuple[Plant, ...] = (
    *(short_row, long_row, short_row_of_nobody, missing_claim_id, row_of_commas, claim_id_too_long),
    *(bad_amount, bad_day, days_reversed, reference_too_long),
)


def several_faults(rows: Rows, rng: Random, as_of: date) -> Rows:
    """One row with two to four faults: only the first that applies is told."""
    at = rng.randrange(len(rows))
    spoiled = [rows[at]]
    for plant in rng.sample(
        (missing_claim_id, claim_id_too_long, bad_amount, bad_day, days_reversed), rng.randint(2, 4)
    ):
        spoiled = plant(spoiled, rng, as_of)
    if rng.random() < 0.3:
        spoiled = short_row(spoiled, rng, as_of)
    return [*rows[:at], *spoiled, *rows[at + 1 :]]


# --- faults of rows beside each other


def good_beside_bad(rows: Rows, rng: Random, as_of: date) -> Rows:
    """A claim of which one row is good and another is not."""
    bad = rng.choice((short_row, bad_amount, bad_day, days_reversed, reference_too_long))(
        [rows[0]], rng, as_of
    )
    if "line_id" in rows[0].values:
        bad = [row.but(line_id=f"9{row.values['line_id']}") for row in bad]
    return _shuffled([*rows, *bad], rng)


def two_that_differ(rows: Rows, rng: Random, _: date) -> Rows:
    """The same row twice, but for one cell (in a charge report: the same line id)."""
    different = {
        **dict.fromkeys(AMOUNTS, "77.77"),
        **dict.fromkeys(("service_to", "paid_on", "entered"), "12/31/2027"),
        **dict.fromkeys(
            ("reference", "payor_id", "authorization", "check", "patient", "payor_name"), "OTHER-1"
        ),
        "status": "DENIED",
    }
    name = rng.choice([name for name in different if name in rows[0].values])
    return _shuffled([*rows, rows[0].but(**{name: different[name]})], rng)


def spelled_twice(rows: Rows, rng: Random, _: date) -> Rows:
    """Two spellings of one claim id, also such as only case folding (not lower case) finds."""
    one, other = rng.choice((("a", "A"), ("Q", "q"), ("\u00df", "SS")))
    number = rows[0].values["claim_id"]
    others = [row.but(claim_id=f"{one}{number}") for row in rows]
    again = others[-1].but(claim_id=f"{other}{number}")
    if "line_id" in rows[0].values:
        again = again.but(line_id=f"8{again.values['line_id']}")
    return _shuffled([*others, again], rng)


def three_at_odds(rows: Rows, rng: Random, _: date) -> Rows:
    """Two rows that contradict each other and a third with a fault of its own."""
    bad = rows[0].but(charged="x")
    if "line_id" in bad.values:
        bad = bad.but(line_id="")
    return _shuffled([*rows, rows[0].but(charged="1.23"), bad], rng)


# --- faults that only the lines of a charge report can have


def sum_out_of_range(rows: Rows, rng: Random, _: date) -> Rows:
    """Amounts that are each in range, and together are not."""
    name = rng.choice(AMOUNTS)
    huge = rng.choice(("99999999999999.99", "(99,999,999,999,999.99)"))
    first = rows[0].but(**{name: huge})
    return [first, first.but(line_id=f"7{first.values['line_id']}"), *rows[1:]]


def span_reversed(rows: Rows, _rng: Random, _: date) -> Rows:
    """Lines of which one only begins and another only ends, earlier."""
    first = rows[0].but(service_from="01/10/2025", service_to="")
    return [first, first.but(line_id=f"7{first.values['line_id']}", service_from="", service_to="1/5/2025")]


def lines_at_odds(rows: Rows, rng: Random, _: date) -> Rows:
    """Lines of one claim that name two patients, references, payors or payor ids."""
    name = rng.choice(("patient", "reference", "payor_name", "payor_id"))
    first = rows[0].but(**{name: "ONE 1"})
    return [first, first.but(line_id=f"7{first.values['line_id']}", **{name: "OTHER 2"}), *rows[1:]]


CLAIM_FAULTS: tuple[Plant, ...] = (
    *OWN_FAULTS,
    *(several_faults, good_beside_bad, two_that_differ, spelled_twice, three_at_odds),
)
CHARGE_FAULTS: tuple[Plant, ...] = (
    *CLAIM_FAULTS,
    *(missing_line_id, sum_out_of_range, span_reversed, lines_at_odds),
)


def _one(rows: Rows, rng: Random, change: Callable[[PrintedRow], PrintedRow]) -> Rows:
    """The rows with one of them changed."""
    at = rng.randrange(len(rows))
    return [*rows[:at], change(rows[at]), *rows[at + 1 :]]


def _shuffled(rows: Rows, rng: Random) -> Rows:
    rng.shuffle(rows)
    return rows
