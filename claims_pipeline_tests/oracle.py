"""The oracle: what must become of a report, worked out from the rules by the plainest means that there are.

What belongs here: the fate of every row, the values of every claim, dollars. Not here: reading cells (`oracle_cells`).
It shares no code with the package's domain (labels are written again), so that the two can only agree by being right.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from claims_pipeline_tests import oracle_cells as cells
from claims_pipeline_tests.oracle_cells import FileStops

CLAIM = "CLAIM"
LABELS: dict[str, tuple[str, ...]] = {
    "claim_id": ("ClaimID", "Claim ID", "Charge Claim ID"),
    "line_id": ("Charge/Debit ID", "Charge ID"),
    "patient": ("PateintNameID", "PatientNameID", "Patient Name/ID", "Patient Full Name"),
    "reference": ("PatientReference", "Patient Reference #"),
    "payor_name": (
        "ClaimPrimaryPayerName",
        "Claim Primary Payer Name",
        "Charge Primary Payer Name",
        "Charge Current Payer Name",
        "Primary Payer Name",
        "Payer Name",
    ),
    "payor_id": ("PayerID", "Payer ID", "Claim Primary Payer ID"),
    "authorization": ("PrimaryAuth", "Primary Auth #"),
    "service_from": ("StatementCoversFromDate", "Charge From Date"),
    "service_to": ("StatementCoversToDate", "Charge To Date"),
    "entered": ("ClaimDateEntered", "Claim Date Entered"),
    "status": ("Claim Status", "Charge Status"),
    "charged": ("ClaimTotalAmount", "Charge/Debit Amount", "Charge Amount"),
    "paid": ("ClaimAmountPaid", "Charge Insurance Payments", "Payment Total Paid"),
    "balance": ("ClaimBalance", "Charge Balance Due Pat", "Charge Balance"),
    "check": ("PaymentCheck",),
    "paid_on": ("PaymentReceived", "Payment Received"),
}
OPTIONAL = {"line_id", "status"}
NAMES = {"patient", "payor_name"}
AMOUNTS = {"charged": "Charged_Amount__c", "paid": "Paid_Amount__c", "balance": "Total_BDP__c"}
DAYS = {
    "service_from": "DOS__c",
    "service_to": "DOS_End__c",
    "entered": "Claim_Submitted_Date__c",
    "paid_on": "Paid_Date__c",
}
REFERENCES = {
    "reference": "MR_Number__c",
    "payor_id": "Payer__c",
    "authorization": "Insurance_Authorization_Number__c",
    "check": "EFT_or_Paper_Check__c",
}
LAST_PAID_LINE_TELLS = ("authorization", "check", "status")
ONE_A_CLAIM = ("patient", "reference", "payor_name", "payor_id")
RANGE = Decimal(10) ** 14

Value = str | Decimal | date | None
Place = tuple[int, int]
"""(file, row number)."""


@dataclass(frozen=True)
class SourceFile:
    """One entry of a ZIP: `run` is the filter's result that it came in, a later run wins."""

    content: bytes
    run: int = 0


@dataclass
class Row:
    """One data row: what it says, and its own fault if it has one."""

    run: int
    place: Place
    claim_id: str | None
    values: dict[str, Value] = field(default_factory=dict)
    fault: str | None = None
    fault_field: str | None = None

    @property
    def key(self) -> str | None:
        return None if self.claim_id is None else self.claim_id.casefold()

    @property
    def compared(self) -> tuple[Value, ...]:
        """All that rows are compared on: every carried field, and the id as it is spelled."""
        return (self.claim_id, *(self.values[name] for name in sorted(self.values)))


@dataclass
class Verdict:
    """What must become of a report."""

    charge_lines: bool
    fates: dict[Place, str] = field(default_factory=dict)
    fault_fields: dict[Place, str] = field(default_factory=dict)
    superseded: set[Place] = field(default_factory=set)
    merged: set[Place] = field(default_factory=set)
    amounts: dict[Place, dict[str, Decimal | None]] = field(default_factory=dict)
    claims: dict[str, dict[str, str | None]] = field(default_factory=dict)
    rows_behind: dict[str, int] = field(default_factory=dict)

    @property
    def rejected(self) -> Counter[str]:
        return Counter(fate for fate in self.fates.values() if fate != CLAIM)

    def dollars(self, salesforce_field: str) -> Decimal:
        amounts = (claim.get(salesforce_field) for claim in self.claims.values())
        return sum((Decimal(amount) for amount in amounts if amount is not None), Decimal("0.00"))


@dataclass(frozen=True)
class Terms:
    """What the judge must know beside the report."""

    fetched_on: date
    customer: str
    lengths: Mapping[str, int]
    absent: Collection[str] = ()


def judge(report: bytes | Sequence[SourceFile], terms: Terms) -> Verdict:
    """The fate of every row and the value of every claim of a report. Raises FileStops."""
    files = [SourceFile(report)] if isinstance(report, bytes) else report
    rows: list[Row] = []
    grains = set()
    for number, file in enumerate(files):
        charge_lines, found = _read(file, number, terms)
        grains.add(charge_lines)
        rows.extend(found)
    (charge_lines,) = grains
    verdict = Verdict(charge_lines)
    claims: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        verdict.amounts[row.place] = {name: _amount(row.values.get(name)) for name in AMOUNTS}
        if row.key is None:
            _reject(verdict, row, row.fault or "MISSING_CLAIM_ID")
        else:
            claims[row.key].append(row)
    for of_claim in claims.values():
        _settle(_latest_run(verdict, of_claim), verdict, terms)
    return verdict


def _amount(value: Value) -> Decimal | None:
    return value if isinstance(value, Decimal) else None


def _latest_run(verdict: Verdict, rows: list[Row]) -> list[Row]:
    last = max(row.run for row in rows)
    for row in rows:
        if row.run < last:
            verdict.fates[row.place] = CLAIM
            verdict.superseded.add(row.place)
    return [row for row in rows if row.run == last]


def _reject(verdict: Verdict, row: Row, code: str) -> None:
    verdict.fates[row.place] = code
    if row.fault_field is not None:
        verdict.fault_fields[row.place] = row.fault_field


# --- files to rows


def _read(file: SourceFile, number: int, terms: Terms) -> tuple[bool, list[Row]]:
    data = (
        (ordinal, record)
        for ordinal, record in cells.records(cells.decode(file.content))
        if len(record) > 1 or cells.clean(record[0])
    )
    header = next(data, (0, []))[1]
    places = _columns(header, terms.absent)
    charge_lines = "line_id" in places
    return charge_lines, [
        _row(record, Row(file.run, (number, ordinal), None), places, len(header), terms)
        for ordinal, record in data
    ]


def _columns(header: Sequence[str], absent: Collection[str]) -> dict[str, int]:
    """Where each carried field stands. Raises FileStops for a missing or doubled one."""
    labels = [cells.clean(label).casefold() for label in header]
    places = {}
    for name, known in LABELS.items():
        found = [place for place, label in enumerate(labels) if label in {one.casefold() for one in known}]
        if len(found) > 1:
            raise FileStops(f"two columns for {name}")
        if found and name not in absent:
            places[name] = found[0]
        elif not found and name not in absent and name not in OPTIONAL:
            raise FileStops(f"no column for {name}")
    return places


def _row(record: Sequence[str], row: Row, places: Mapping[str, int], width: int, terms: Terms) -> Row:
    at = places["claim_id"]
    row.claim_id = cells.text(record[at]) if at < len(record) else None
    if len(record) != width:
        row.fault = "RAGGED_ROW"
        return row
    unreadable = set()
    for name, place in places.items():
        if name == "claim_id":
            continue
        try:
            row.values[name] = _value(name, record[place], terms.fetched_on)
        except cells.Unreadable:
            unreadable.add(name)
            row.values[name] = None
    row.fault, row.fault_field = _fault(row, unreadable, "line_id" in places, terms.lengths)
    return row


def _value(name: str, cell: str, fetched_on: date) -> Value:
    if name in AMOUNTS:
        return cells.money(cell)
    if name in DAYS:
        return cells.day(cell, fetched_on)
    return cells.text(cell, name=name in NAMES)


def _fault(
    row: Row, unreadable: set[str], charge_lines: bool, lengths: Mapping[str, int]
) -> tuple[str | None, str | None]:
    """The first fault that a row has by itself, and the field that has it if one must be named."""
    if row.claim_id is None:
        return "MISSING_CLAIM_ID", None
    if cells.units(row.claim_id) > lengths.get("Claim_Number__c", cells.units(row.claim_id)):
        return "CLAIM_ID_TOO_LONG", None
    if unreadable & AMOUNTS.keys():
        return "BAD_MONEY", None
    if unreadable:
        return "BAD_DATE", None
    starts, ends = row.values.get("service_from"), row.values.get("service_to")
    if isinstance(starts, date) and isinstance(ends, date) and ends < starts:
        return "DATES_REVERSED", None
    for name, salesforce_field in REFERENCES.items():
        value = row.values.get(name)
        if isinstance(value, str) and cells.units(value) > lengths.get(salesforce_field, cells.units(value)):
            return "TOO_LONG", name
    if charge_lines and row.values.get("line_id") is None:
        return "MISSING_LINE_ID", None
    return None, None


# --- rows to claims


def _settle(rows: list[Row], verdict: Verdict, terms: Terms) -> None:
    """One claim: all its rows are rejected, or all stand behind it."""
    good = [row for row in rows if row.fault is None]
    lines = list({row.compared: row for row in good}.values())
    for row in rows:
        if row.fault is not None:
            _reject(verdict, row, row.fault)
    code = (_charge_fault if verdict.charge_lines else _claim_fault)(lines, len(good) < len(rows))
    for row in good:
        verdict.fates[row.place] = code or CLAIM
    if code is None and good:
        kept = set()
        for row in sorted(good, key=lambda row: row.place):
            if row.compared in kept:
                verdict.merged.add(row.place)
            kept.add(row.compared)
        claim = _claim(lines, terms)
        number = claim["Claim_Number__c"]
        assert number is not None
        verdict.claims[number] = claim
        verdict.rows_behind[number] = len(good)


def _claim_fault(different: list[Row], one_rejected: bool) -> str | None:
    return "CONFLICTING_DUPLICATE" if different and (one_rejected or len(different) > 1) else None


def _charge_fault(lines: list[Row], one_rejected: bool) -> str | None:
    spellings = {line.claim_id for line in lines}
    line_ids = Counter(line.values["line_id"] for line in lines)
    if len(spellings) > 1 or any(count > 1 for count in line_ids.values()):
        return "CONFLICTING_DUPLICATE"
    if one_rejected:
        return "LINE_REJECTED"
    for name in AMOUNTS:
        total = _sum(lines, name)
        if total is not None and abs(total) >= RANGE:
            return "BAD_MONEY"
    starts, ends = _day(lines, "service_from", min), _day(lines, "service_to", max)
    if starts is not None and ends is not None and ends < starts:
        return "DATES_REVERSED"
    for name in ONE_A_CLAIM:
        if (
            len({cells.folded(str(line.values[name])) for line in lines if line.values.get(name) is not None})
            > 1
        ):
            return "CONFLICTING_LINES"
    return None


def _sum(lines: Iterable[Row], name: str) -> Decimal | None:
    amounts = [amount for line in lines if isinstance(amount := line.values.get(name), Decimal)]
    return sum(amounts, Decimal("0.00")) if amounts else None


def _day(lines: Iterable[Row], name: str, pick: Callable[[list[date]], date]) -> date | None:
    days = [day for line in lines if isinstance(day := line.values.get(name), date)]
    return pick(days) if days else None


def _text(lines: list[Row], name: str) -> str | None:
    """The one non-blank text; of several, that of the line last paid, then last served, then of the highest id."""
    told = [line for line in lines if line.values.get(name) is not None]
    if not told:
        return None
    last = max(map(_days, told))
    return str(_highest([line for line in told if _days(line) == last]).values[name])


def _days(line: Row) -> tuple[date, date]:
    paid_on, served = line.values.get("paid_on"), line.values.get("service_from")
    return paid_on if isinstance(paid_on, date) else date.min, served if isinstance(
        served, date
    ) else date.min


def _highest(lines: list[Row]) -> Row:
    """By line id: the highest number, or the highest text where that is higher as a text."""

    def line_id(line: Row) -> str:
        return str(line.values.get("line_id"))

    def is_number(line: Row) -> bool:
        return line_id(line).isascii() and line_id(line).isdigit()

    numbers = sorted(filter(is_number, lines), key=lambda line: (int(line_id(line)), line_id(line)))
    texts = sorted((line for line in lines if not is_number(line)), key=line_id)
    return max(numbers[-1:] + texts[-1:], key=line_id)


def _claim(lines: list[Row], terms: Terms) -> dict[str, str | None]:
    """The claim in Salesforce's words; a field whose column the report lacks is left out."""
    present = lines[0].values.keys()
    claim: dict[str, str | None] = {
        "Claim_Number__c": lines[0].claim_id,
        "Source_Customer__c": terms.customer,
    }
    for name, salesforce_field in AMOUNTS.items():
        if name in present:
            amount = _sum(lines, name)
            claim[salesforce_field] = None if amount is None else f"{amount:.2f}"
    for name, salesforce_field in DAYS.items():
        if name in present:
            found = _day(lines, name, min if name in ("service_from", "entered") else max)
            claim[salesforce_field] = None if found is None else found.isoformat()
    if "paid_on" in present:
        claim["Paid_Y_or_N__c"] = "No" if claim["Paid_Date__c"] is None else "Yes"
    for name, salesforce_field in REFERENCES.items():
        if name in present:
            claim[salesforce_field] = _text(lines, name)
    if "patient" in present:
        patient = _text(lines, "patient") or claim["Claim_Number__c"]
        claim["Name"] = cells.cut_name(str(patient), terms.lengths.get("Name", 1 << 30))
    for name, salesforce_field in {
        "payor_name": "Source_Payor_Name__c",
        "status": "Source_Status__c",
    }.items():
        if name in present:
            label = _text(lines, name)
            claim[salesforce_field] = (
                None if label is None else cells.cut(label, terms.lengths.get(salesforce_field, 1 << 30))
            )
    if "payor_name" in present or "payor_id" in present:
        claim["Source_Payor_Key__c"] = cells.payor_key(_text(lines, "payor_name"), _text(lines, "payor_id"))
    return claim
