"""The report's columns, once: field, known labels, kind of value, and the Salesforce field that it becomes.

What belongs here: the declared columns and how a header is matched to them. Not here: how a value is read
(`values`), nor where the file comes from. Source of the labels: what CollaborateMD's report builder prints.
"""

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """How a cell of a column is read, and what happens to one that is too long."""

    KEY = "key"  # the claim id or a line id: cleaned, compared, never cut
    REFERENCE = "reference"  # an identifier: too long is a fault, since a cut number is a wrong one
    LABEL = "label"  # text for people: cut to the field's length
    NAME = "name"  # a label that may begin with a dash (patients, payors)
    MONEY = "money"  # US dollars, Decimal(16, 2)
    DATE = "date"


@dataclass(frozen=True)
class ReportColumn:
    """One column that we carry from the report.

    `field` is our name for it, `salesforce` the field of `Claim__c` that it is written to (None: only grain).
    """

    field: str
    kind: Kind
    labels: tuple[str, ...]
    salesforce: str | None
    required: bool = True


COLUMNS: tuple[ReportColumn, ...] = (
    ReportColumn("claim_id", Kind.KEY, ("ClaimID", "Claim ID", "Charge Claim ID"), "Claim_Number__c"),
    ReportColumn("line_id", Kind.KEY, ("Charge/Debit ID", "Charge ID"), None, required=False),
    ReportColumn(
        "patient",
        Kind.NAME,
        ("PateintNameID", "PatientNameID", "Patient Name/ID", "Patient Full Name"),
        "Name",
    ),
    ReportColumn(
        "patient_reference", Kind.REFERENCE, ("PatientReference", "Patient Reference #"), "MR_Number__c"
    ),
    ReportColumn(
        "payor_name",
        Kind.NAME,
        (
            "ClaimPrimaryPayerName",
            "Claim Primary Payer Name",
            "Charge Primary Payer Name",
            "Charge Current Payer Name",
            "Primary Payer Name",
            "Payer Name",
        ),
        "Source_Payor_Name__c",
    ),
    ReportColumn("payor_id", Kind.REFERENCE, ("PayerID", "Payer ID", "Claim Primary Payer ID"), "Payer__c"),
    ReportColumn(
        "authorization",
        Kind.REFERENCE,
        ("PrimaryAuth", "Primary Auth #"),
        "Insurance_Authorization_Number__c",
    ),
    ReportColumn("service_from", Kind.DATE, ("StatementCoversFromDate", "Charge From Date"), "DOS__c"),
    ReportColumn("service_to", Kind.DATE, ("StatementCoversToDate", "Charge To Date"), "DOS_End__c"),
    ReportColumn(
        "entered_on", Kind.DATE, ("ClaimDateEntered", "Claim Date Entered"), "Claim_Submitted_Date__c"
    ),
    ReportColumn(
        "charged",
        Kind.MONEY,
        ("ClaimTotalAmount", "Charge/Debit Amount", "Charge Amount"),
        "Charged_Amount__c",
    ),
    ReportColumn(
        "paid",
        Kind.MONEY,
        ("ClaimAmountPaid", "Charge Insurance Payments", "Payment Total Paid"),
        "Paid_Amount__c",
    ),
    ReportColumn(
        "balance",
        Kind.MONEY,
        ("ClaimBalance", "Charge Balance Due Pat", "Charge Balance"),
        "Total_BDP__c",
    ),
    ReportColumn("check_reference", Kind.REFERENCE, ("PaymentCheck",), "EFT_or_Paper_Check__c"),
    ReportColumn("paid_on", Kind.DATE, ("PaymentReceived", "Payment Received"), "Paid_Date__c"),
    ReportColumn("status", Kind.LABEL, ("Claim Status", "Charge Status"), "Source_Status__c", required=False),
)

KNOWN_BUT_NOT_CARRIED: tuple[str, ...] = (
    "Claim First Billed Date",
    "Claim Last Billed Date",
    "Payment Allowed Amount",
    "Allowed Amount",
    "Charge Total Adjustments w/o Transfers",
    "Facility Name",
    "Facility Name/ID",
    "Claim Primary Member ID",
    "Primary Group Number",
    "Type of Bill",
    "Claim Principal Diag",
    "Charge CPT Code",
    "Charge Units",
    "Provider Full Name",
)
"""Labels of the report that we know and leave where they are: Salesforce has no use for them (minimum necessary)."""

BY_FIELD: dict[str, ReportColumn] = {column.field: column for column in COLUMNS}


class Grain(StrEnum):
    """What one row of the report is."""

    CLAIM = "claim"
    CHARGE = "charge"
