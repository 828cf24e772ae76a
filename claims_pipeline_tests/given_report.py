"""Small reports by hand: rows with one thing wrong, or nothing.

What belongs here: rows of claim and charge reports. Not here: reports of any size (the sandbox generates them).
"""

import csv
import io
from collections.abc import Sequence

CLAIM_LABELS = (
    *(
        "ClaimID",
        "PateintNameID",
        "ClaimPrimaryPayerName",
        "PayerID",
        "PrimaryAuth",
        "StatementCoversFromDate",
    ),
    *("StatementCoversToDate", "ClaimDateEntered", "ClaimTotalAmount", "ClaimAmountPaid", "ClaimBalance"),
    *("PaymentCheck", "PaymentReceived", "PatientReference", "Claim Status"),
)
CHARGE_LABELS = (*CLAIM_LABELS, "Charge ID")


def row(claim: str, **cells: str) -> list[str]:
    """A row that becomes a claim; cells may be changed by label."""
    values = {
        "ClaimID": claim,
        "PateintNameID": "DOE, JAN (1)",
        "ClaimPrimaryPayerName": "Nobody Knows Health",
        "PayerID": "NKH1",
        "PrimaryAuth": "AU1",
        "StatementCoversFromDate": "01/05/2026",
        "StatementCoversToDate": "01/06/2026",
        "ClaimDateEntered": "01/07/2026",
        "ClaimTotalAmount": "100.00",
        "ClaimAmountPaid": "40.00",
        "ClaimBalance": "60.00",
        "PaymentCheck": "EFT1",
        "PaymentReceived": "01/20/2026",
        "PatientReference": "MR-1",
        "Claim Status": "PAID",
    }
    return list({**values, **cells}.values())


def line(claim: str, number: str, **cells: str) -> list[str]:
    """A row of a charge report."""
    return [*row(claim, **cells), number]


def report(*rows: Sequence[str], labels: Sequence[str] = CLAIM_LABELS) -> bytes:
    """The report as CSV."""
    out = io.StringIO(newline="")
    csv.writer(out).writerows([labels, *rows])
    return out.getvalue().encode()
