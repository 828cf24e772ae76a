"""What can be odd with a claim's rows and is not wrong: all of it must arrive.

What belongs here: changes to printed rows that leave a good claim. Not here: faults (`planted_faults`), and which
claims get one (`generator`).
"""

from datetime import date
from random import Random

from claims_pipeline.sandbox.planted_faults import AMOUNTS, DAYS, REFERENCES, Plant, Rows


def equal_rows(rows: Rows, _rng: Random, _: date) -> Rows:
    """A row repeated, in other forms of print but with equal values."""
    same = [row.but(reference="000123") for row in rows]
    first = same[0].but(charged="5.0", entered="1/7/2025", status="PAID")
    again = first.but(charged="$5.00", entered="2025-01-07", reference="'000123", status="  PAID ")
    return [first, *same[1:], again]


def blanks(rows: Rows, rng: Random, _: date) -> Rows:
    """A claim with nothing where nothing is needed."""
    names = ("patient", "payor_name", "payor_id", *AMOUNTS, *DAYS, *REFERENCES)
    cleared = {name: rng.choice(("", " ", "\u00a0")) for name in names if rng.random() < 0.6}
    return [row.but(**cleared) for row in rows]


def guarded_text(rows: Rows, rng: Random, _: date) -> Rows:
    """Text as spreadsheets guard or spoil it."""
    forms = (
        "'000123",
        "-ABC",
        "-",
        "#N/A",
        "#DIV/0!",
        "'-X1",
        "--A",
        "'=1+1",
        "'t1",
        "'@x",
        "-1",
        "AB\x07C\x1f D",
        "'5",
    )
    changed = {name: rng.choice(forms) for name in REFERENCES if name != "payor_id"}
    names = (
        "'t Hooft, Ada (10000002)",
        "-Doe, Jan (10000001)",
        "José\u200b (10000003)",
        "DOE,\n JAN  (10000001)",
    )
    return [
        row.but(patient=rng.choice(names[:1] if "line_id" in row.values else names), **changed)
        for row in rows
    ]


def long_labels(rows: Rows, rng: Random, _: date) -> Rows:
    """Names and statuses that are cut, a patient's before the id at its end."""
    patient = rng.choice(
        ("X" * 75 + ", JAN (10000001)", "Y" * 90, "😀" * 45, "Z" * 79 + " tail", "W" * 68 + " (1) (23456789)")
    )
    payor = rng.choice(("PLAN " * 60, "Q" * 300, "SHORT PLAN"))
    return [row.but(patient=patient, payor_name=payor, status="CLAIM AT " + "PLAN " * 60) for row in rows]


def strange_payors(rows: Rows, rng: Random, _: date) -> Rows:
    """Payors in full width, with bars, accents apart, soft spaces."""
    name = rng.choice(
        (
            "\uff26\uff55\uff4c\uff4c\u3000Plan",
            "A|B",
            "Cafe\u0301 Health",
            "ali\u00a0 care",
            "-Alpha",
            "STRASSE Straße",
            "ﬁrst ½ plan",
        )
    )
    payor_id = rng.choice(("X|1", "00123", "", "\u2167"))
    return [row.but(payor_name=name, payor_id=payor_id) for row in rows]


def times_of_day(rows: Rows, rng: Random, as_of: date) -> Rows:
    """Days with a time and a zone, and the last year that is taken."""
    forms = (
        "2025-03-01T23:59:00",
        "2025-03-01 23:59Z",
        "2025-03-01T00:00:00.123+05:00",
        "2025-03-01",
        "03/01/2025",
    )
    return [
        row.but(
            service_from=rng.choice(forms), service_to=rng.choice(forms), entered=f"12/31/{as_of.year + 2}"
        )
        for row in rows
    ]


def quotes_and_zeros(rows: Rows, _rng: Random, _: date) -> Rows:
    """Quotes and commas in cells, `.50` and `1.500`, a lower-case id with zeros before it."""
    number = rows[0].values["claim_id"]
    return [
        row.but(claim_id=f" 00b{number}\u200b", reference='5" x, 7"', charged=".50", paid="1.500")
        for row in rows
    ]


def texts_of_several_lines(rows: Rows, rng: Random, _: date) -> Rows:
    """Lines with authorizations, checks and statuses of their own: the last payment's line tells."""
    days = ("", "01/05/2025", "01/06/2025")
    extra = [rows[0].but(line_id=f"{n}") for n in rng.sample(range(1, 200), 3)]
    return [
        row.but(
            authorization=rng.choice(("", f"AU{n}")),
            check=rng.choice(("", f"EFT{n}")),
            status=rng.choice(("", f"STATUS {n}")),
            paid_on=rng.choice(days),
            service_from=rng.choice(days),
            service_to="",
        )
        for n, row in enumerate([*rows, *extra])
    ]


def lines_alike(rows: Rows, _rng: Random, _: date) -> Rows:
    """Lines with equal values and ids of their own, differing by case alone, and one of them twice."""
    twins = [rows[0].but(line_id=line_id) for line_id in ("l1", "L1", "l1", "01l")]
    return [*rows, *twins]


def lines_spelled_apart(rows: Rows, _rng: Random, _: date) -> Rows:
    """Lines whose payor, patient and reference differ in case, width and spaces alone."""
    forms = (
        ("alicare", "doe, jan (1)", "mr-1"),
        (" ALI\u200bCARE", "DOE,  JAN (1)", "MR-1"),
        ("\uff21licare", "Doe, Jan (1)", "Mr-1"),
    )
    extra = [rows[0].but(line_id=f"{n}{rows[0].values['line_id']}") for n in (6, 7)]
    return [
        row.but(payor_name=payor, patient=patient, reference=reference)
        for row, (payor, patient, reference) in zip([*rows, *extra], forms * 4, strict=False)
    ]


def half_named_lines(rows: Rows, _rng: Random, _: date) -> Rows:
    """Lines of which only some name the patient, the reference and the payor."""
    unnamed = rows[0].but(
        line_id=f"6{rows[0].values['line_id']}", patient="", reference="", payor_name="", payor_id=""
    )
    return [unnamed, *rows]


CLAIM_ODDITIES: tuple[Plant, ...] = (
    *(equal_rows, blanks, guarded_text, long_labels, strange_payors, times_of_day, quotes_and_zeros),
)
CHARGE_ODDITIES: tuple[Plant, ...] = (
    *CLAIM_ODDITIES,
    texts_of_several_lines,
    lines_alike,
    lines_spelled_apart,
    half_named_lines,
)


def blank_lines(rng: Random) -> list[list[str]]:
    """Lines that are blank, and count."""
    lines: tuple[list[list[str]], ...] = ([[]], [[" "]], [["\u200b"]], [[], []])
    return rng.choice(lines)
