"""The source as the machine plays it: claims of one row, a recent window, and what each printed report said.

What belongs here: CollaborateMD's side, and what a claim of it must look like in the org, in plain dicts. Not here:
what became of it there (`machine_model`).
"""

from dataclasses import dataclass, field, replace

from claims_pipeline_tests.given_report import CLAIM_LABELS, report, row

STEADY = "C0"
"""A claim that no rule touches, so that no report is ever empty."""

CLAIMS = ("C1", "C2", "C3", "C4")
PAYORS = {
    "auto": ("Alpha Health", "A1"),
    "nobody": ("Nobody Knows Health", "NKH1"),
    "nemo": ("Nemo Mutual", "NM1"),
}
"""Payors as the source names them: the org knows the first by name and id, the others not at all."""


def payor_key(payor: str) -> str:
    """As the rules make it of such plain names."""
    return "|".join(PAYORS[payor]).lower()


@dataclass(frozen=True)
class Version:
    """What the source says of a claim at one time."""

    charged: str = "100.00"
    paid: str = "0.00"
    status: str = "OPEN"
    payor: str = "nobody"
    check: str = ""

    def cells(self, claim: str) -> list[str]:
        """Its row in a report."""
        name, payor_id = PAYORS[self.payor]
        told = {"ClaimTotalAmount": self.charged, "ClaimAmountPaid": self.paid, "ClaimBalance": self.charged}
        paid_on = "01/20/2026" if self.check else ""
        more = {"Claim Status": self.status, "PaymentCheck": self.check, "PaymentReceived": paid_on}
        return row(claim, ClaimPrimaryPayerName=name, PayerID=payor_id, **told, **more)

    def record(self, claim: str) -> dict[str, object]:
        """Every field that the source owns, as the org must hold it."""
        name, payor_id = PAYORS[self.payor]
        return {
            "Claim_Number__c": claim,
            "Name": "DOE, JAN (1)",
            "MR_Number__c": "MR-1",
            "Source_Payor_Name__c": name,
            "Payer__c": payor_id,
            "Source_Payor_Key__c": payor_key(self.payor),
            "DOS__c": "2026-01-05",
            "DOS_End__c": "2026-01-06",
            "Claim_Submitted_Date__c": "2026-01-07",
            "Charged_Amount__c": float(self.charged),
            "Paid_Amount__c": float(self.paid),
            "Total_BDP__c": float(self.charged),
            "EFT_or_Paper_Check__c": self.check or None,
            "Paid_Date__c": "2026-01-20" if self.check else None,
            "Paid_Y_or_N__c": "Yes" if self.check else "No",
            "Source_Status__c": self.status or None,
        }


@dataclass(frozen=True)
class Printed:
    """One report as it was printed: its claims, those whose row is faulty, and whether a row names no claim."""

    serial: int
    is_full: bool
    good: dict[str, Version]
    faulty: frozenset[str]
    has_nameless_row: bool

    @property
    def rows(self) -> int:
        """Rows below the header."""
        return len(self.good) + len(self.faulty) + self.has_nameless_row

    def content(self) -> bytes:
        """The CSV; the serial stands in a column that nobody knows."""
        rows = [version.cells(claim) for claim, version in self.good.items()]
        for claim in sorted(self.faulty):
            rows.append(row(claim, ClaimTotalAmount="1e5"))
        if self.has_nameless_row:
            rows.append(row(""))
        return report(*([*cells, ""] for cells in rows), labels=[*CLAIM_LABELS, f"Printed {self.serial}"])


@dataclass
class Source:
    """CollaborateMD's claims now. `outside`: no longer in the recent window."""

    claims: dict[str, Version] = field(default_factory=lambda: {STEADY: Version(), "C1": Version()})
    faulty: set[str] = field(default_factory=set)
    outside: set[str] = field(default_factory=set)
    has_nameless_row: bool = False
    serial: int = 0
    printed: dict[bytes, Printed] = field(default_factory=dict)

    def change(self, claim: str, **cells: str) -> None:
        """Enter a claim, or change it: either brings it into the window."""
        self.claims[claim] = replace(self.claims.get(claim, Version()), **cells)
        self.outside.discard(claim)

    def vanish(self, claim: str) -> None:
        """No report holds it any more."""
        self.claims.pop(claim, None)
        self.outside.discard(claim)
        self.faulty.discard(claim)

    def print(self, *, is_full: bool) -> bytes:
        """What a filter gives now."""
        self.serial += 1
        seen = {claim: each for claim, each in self.claims.items() if is_full or claim not in self.outside}
        printed = Printed(
            serial=self.serial,
            is_full=is_full,
            good={claim: each for claim, each in seen.items() if claim not in self.faulty},
            faulty=frozenset(self.faulty & set(seen)),
            has_nameless_row=self.has_nameless_row,
        )
        content = printed.content()
        self.printed[content] = printed
        return content
