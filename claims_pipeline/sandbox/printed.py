"""How a report prints an invented claim: labels, rows, and the mixed forms of money and dates.

What belongs here: the look of a report. Not here: what is true of a claim (`invented`), what is made wrong with a row
(`planted_faults`), nor how rows become a stream of bytes (`generator`). Labels are those that reports are known to use.
"""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from random import Random

from claims_pipeline.claims.columns import Grain
from claims_pipeline.sandbox.invented import ChargeLine, InventedClaim


class Labels(StrEnum):
    """The two families of labels that customers' reports are known to have."""

    RUN_TOGETHER = "run-together"
    SPACED = "spaced"


_RUN_TOGETHER = {
    "claim_id": "ClaimID",
    "line_id": "Charge ID",
    "patient": "PateintNameID",
    "payor_name": "ClaimPrimaryPayerName",
    "payor_id": "PayerID",
    "authorization": "PrimaryAuth",
    "service_from": "StatementCoversFromDate",
    "service_to": "StatementCoversToDate",
    "entered": "ClaimDateEntered",
    "charged": "ClaimTotalAmount",
    "paid": "ClaimAmountPaid",
    "balance": "ClaimBalance",
    "check": "PaymentCheck",
    "paid_on": "PaymentReceived",
    "reference": "PatientReference",
    "status": "Claim Status",
}
_SPACED_CLAIMS = {
    "claim_id": "Claim ID",
    "patient": "Patient Name/ID",
    "payor_name": "Claim Primary Payer Name",
    "payor_id": "Claim Primary Payer ID",
    "authorization": "Primary Auth #",
    "service_from": "Charge From Date",
    "service_to": "Charge To Date",
    "entered": "Claim Date Entered",
    "charged": "Charge Amount",
    "paid": "Payment Total Paid",
    "balance": "Charge Balance Due Pat",
    "check": "PaymentCheck",
    "paid_on": "Payment Received",
    "reference": "Patient Reference #",
    "status": "Claim Status",
}
_SPACED_CHARGES = {
    "claim_id": "Charge Claim ID",
    "line_id": "Charge/Debit ID",
    "patient": "Patient Full Name",
    "payor_name": "Charge Primary Payer Name",
    "payor_id": "Payer ID",
    "authorization": "Primary Auth #",
    "service_from": "Charge From Date",
    "service_to": "Charge To Date",
    "entered": "Claim Date Entered",
    "charged": "Charge/Debit Amount",
    "paid": "Charge Insurance Payments",
    "balance": "Charge Balance",
    "check": "PaymentCheck",
    "paid_on": "Payment Received",
    "reference": "Patient Reference #",
    "status": "Charge Status",
}
EXTRA_COLUMNS = ("Facility Name/ID", "Charge CPT Code", "Charge Units", "Provider Full Name", "Desk Note")


def labels_of(grain: Grain, labels: Labels, *, status: bool) -> dict[str, str]:
    """field -> label, in the order of the report's columns."""
    if labels is Labels.RUN_TOGETHER:
        chosen = _RUN_TOGETHER
    else:
        chosen = _SPACED_CLAIMS if grain is Grain.CLAIM else _SPACED_CHARGES
    left_out = set() if status else {"status"}
    if grain is Grain.CLAIM:
        left_out.add("line_id")
    return {field: label for field, label in chosen.items() if field not in left_out}


@dataclass(slots=True)
class PrintedRow:
    """One row as text by field; `missing_cells` are cut off its end, `extra_cells` hung on."""

    values: dict[str, str]
    missing_cells: int = 0
    extra_cells: int = 0

    def but(self, **values: str) -> "PrintedRow":
        """The same row with some cells changed."""
        return PrintedRow({**self.values, **values}, self.missing_cells, self.extra_cells)


class Printer:
    """Prints amounts and days in the forms that the service mixes, drawn from its own randomness."""

    def __init__(self, rng: Random) -> None:
        self._draw = rng.random
        self._days: dict[date, tuple[str, str, str, str]] = {}

    def rows(self, claim: InventedClaim, grain: Grain) -> list[PrintedRow]:
        """The rows of one claim: one, or one a charge line."""
        if grain is Grain.CLAIM:
            return [PrintedRow(self._values(claim, _whole(claim)))]
        return [PrintedRow({**self._values(claim, line), "line_id": line.number}) for line in claim.lines]

    def _values(self, claim: InventedClaim, line: ChargeLine) -> dict[str, str]:
        return {
            "claim_id": claim.number,
            "patient": claim.patient,
            "payor_name": claim.payor.name,
            "payor_id": claim.payor.payor_id,
            "authorization": claim.authorization,
            "service_from": self.day(line.served_from),
            "service_to": self.day(line.served_to),
            "entered": self.day(claim.entered_on),
            "charged": self.money(line.charged),
            "paid": self.money(line.paid),
            "balance": self.money(line.balance),
            "check": line.check,
            "paid_on": "" if line.paid_on is None else self.day(line.paid_on),
            "reference": claim.reference,
            "status": claim.status,
        }

    def money(self, cents: int) -> str:
        """`1234.50`, `1,234.50`, `$1,234.50`, `1234.5`; negative in brackets or with a minus."""
        draw = self._draw()
        amount = abs(cents)
        if draw < 0.75:
            text = f"{amount // 100}.{amount % 100:02d}"
        elif draw < 0.98 or amount % 10:
            text = f"{amount // 100:,}.{amount % 100:02d}"
        else:
            text = f"{amount // 100}.{amount % 100 // 10}"
        if draw > 0.85:
            text = f"${text}"
        if cents >= 0:
            return text
        return f"({text})" if draw < 0.5 or draw > 0.9 else f"-{text}"

    def day(self, day: date) -> str:
        """`MM/DD/YYYY` mostly, else `M/D/YYYY`, ISO, or ISO with a time."""
        forms = self._days.get(day)
        if forms is None:
            forms = self._days[day] = (
                f"{day.month:02d}/{day.day:02d}/{day.year}",
                f"{day.month}/{day.day}/{day.year}",
                day.isoformat(),
                f"{day.isoformat()}T{day.day % 24:02d}:{day.month * 4:02d}:00",
            )
        draw = self._draw()
        return forms[0 if draw < 0.75 else 1 if draw < 0.9 else 2 if draw < 0.98 else 3]


def _whole(claim: InventedClaim) -> ChargeLine:
    """The claim's lines as one: money added up, days spanned, the last payment's check."""
    lines = claim.lines
    last = max(lines, key=lambda line: line.paid_on or date.min)
    return ChargeLine(
        "",
        min(line.served_from for line in lines),
        max(line.served_to for line in lines),
        sum(line.charged for line in lines),
        sum(line.paid for line in lines),
        sum(line.balance for line in lines),
        last.check,
        last.paid_on,
    )
