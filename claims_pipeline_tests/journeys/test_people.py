"""A person's work is never overwritten, and a person's mistake is put right: edits, mappings, triggers, lookups."""

import pytest

from claims_pipeline.claims import compare
from claims_pipeline.sandbox.generator import ReportPlan, report_bytes
from claims_pipeline.sandbox.salesforce.scripts import Rewrite, Trigger
from claims_pipeline_tests.journeys.conftest import SECOND, Town

HEADER = (
    "ClaimID,PateintNameID,ClaimPrimaryPayerName,PayerID,PrimaryAuth,StatementCoversFromDate,StatementCoversToDate,"
    "ClaimDateEntered,ClaimTotalAmount,ClaimAmountPaid,ClaimBalance,PaymentCheck,PaymentReceived,PatientReference,"
    "Claim Status"
)


def row(claim: str, payor: str = "Nobody Knows Health", payor_id: str = "NKH1", paid: str = "0.00") -> str:
    return (
        f'{claim},"DOE, JAN (1)",{payor},{payor_id},AU1,01/05/2026,01/06/2026,01/07/2026,100.00,{paid},100.00,'
        "EFT1,01/20/2026,MR-1,PAID"
    )


def report(*rows: str) -> bytes:
    return "\r\n".join([HEADER, *rows]).encode()


EDITS = {
    "Name": "EDITED",
    "MR_Number__c": "EDITED",
    "Source_Payor_Name__c": "EDITED",
    "Payer__c": "EDITED",
    "Insurance_Authorization_Number__c": "EDITED",
    "DOS__c": "2020-01-01",
    "DOS_End__c": "2030-01-01",
    "Claim_Submitted_Date__c": "2020-01-01",
    "Charged_Amount__c": 1.0,
    "Paid_Amount__c": 1.0,
    "Total_BDP__c": 1.0,
    "EFT_or_Paper_Check__c": "EDITED",
    "Paid_Date__c": "2020-01-01",
    "Source_Status__c": "EDITED",
    "Paid_Y_or_N__c": "No",
    "Source_Payor_Key__c": "edited|",
}


@pytest.mark.journey
def test_every_source_owned_field_edited_by_hand_is_healed_and_counted(town: Town) -> None:
    assert set(EDITS) == set(compare.SOURCE_FIELDS) - {"Claim_Number__c"}
    numbers = {f"50000{place:04d}": field for place, field in enumerate(EDITS)}
    town.put(report(*map(row, numbers)))
    town.sync()
    before = town.claims()
    for number, field in numbers.items():
        town.edit(number, **{field: EDITS[field]})
    healed = town.sync()
    assert healed.synced.counts["healed"] == len(EDITS)
    assert dict(healed.synced.healed_by_field) == dict.fromkeys(EDITS, 1)
    after = town.claims()
    for number in numbers:
        assert [after[number][name] for name in EDITS] == [before[number][name] for name in EDITS]
    assert town.sync().synced.sent == 0


@pytest.mark.journey
def test_a_key_edited_by_hand_makes_the_claim_anew(town: Town) -> None:
    town.put(report(row("500000001")))
    town.sync()
    town.edit("500000001", Claim_Number__c="EDITED")
    assert town.sync().synced.counts["created"] == 1
    assert set(town.claims()) == {"500000001", "EDITED"}


@pytest.mark.journey
def test_a_hand_set_lookup_of_an_unmapped_payor_survives_ten_syncs(town: Town) -> None:
    town.put(report(row("500000001"), row("500000002")))
    town.sync()
    assert town.claims()["500000001"]["Claim_Payor__c"] is None
    payor = next(iter(town.payors().values()))
    town.edit("500000001", Claim_Payor__c=payor)
    for paid in range(10):
        town.put(report(row("500000001", paid=f"{paid + 1}.00"), row("500000002")))
        assert town.sync().synced.counts["updated"] == 1
        assert town.claims()["500000001"]["Claim_Payor__c"] == payor


@pytest.mark.journey
def test_a_rewriting_trigger_costs_at_most_one_resend(town: Town) -> None:
    town.sandbox.org.scripts.triggers.append(Trigger("Claim__c", "MR_Number__c", Rewrite.SET, "REWRITTEN"))
    town.put(report(row("500000001"), row("500000002")))
    sent = [town.sync().synced.sent for _ in range(5)]
    assert sent[0] == 2
    assert sum(sent[1:]) <= 2
    assert sent[-1] == 0
    held = town.sync().synced
    assert dict(held.held_by_reason) == {"REWRITTEN_BY_ORG": 2}
    town.put(report(row("500000001", paid="5.00"), row("500000002")))
    assert town.sync().synced.counts["updated"] == 1


@pytest.mark.journey
def test_a_mapping_reaches_claims_that_no_report_holds_any_more(town: Town) -> None:
    town.put(report(row("500000001"), row("500000002")))
    town.sync()
    payor = next(iter(town.payors().values()))
    town.map("nobody knows health|nkh1", payor)
    town.put(report(row("500000003", payor="Someone Else", payor_id="SE1")))
    mapped = town.sync()
    assert mapped.synced.relinked == {"updated": 2}
    claims = town.claims()
    assert [claims[number]["Claim_Payor__c"] for number in ("500000001", "500000002", "500000003")] == [
        payor,
        payor,
        None,
    ]
    assert town.sync().synced.relinked == {}


@pytest.mark.journey
def test_relinking_does_not_hide_a_persons_edit(town: Town) -> None:
    town.put(report(row("500000001")))
    town.sync()
    town.edit("500000001", MR_Number__c="EDITED")
    town.map("nobody knows health|nkh1", next(iter(town.payors().values())))
    town.put(report(row("500000002")))
    assert town.sync().synced.relinked == {"updated": 1}
    town.put(report(row("500000001"), row("500000002")))
    assert town.sync().synced.counts["updated"] == 1
    assert town.claims()["500000001"]["MR_Number__c"] == "MR-1"


@pytest.mark.journey
def test_an_ignored_payor_is_left_alone_and_not_listed(town: Town) -> None:
    town.map("nobody knows health|nkh1", None, ignored=True)
    town.put(report(row("500000001")))
    town.sync()
    assert town.claims()["500000001"]["Claim_Payor__c"] is None


@pytest.mark.journey
def test_a_claim_gone_at_the_source_is_marked_and_unmarked_never_deleted(town: Town) -> None:
    town.put(report(row("500000001"), row("500000002")))
    town.full()
    town.put(report(row("500000001")))
    gone = town.full()
    assert gone.synced.missing == {"updated": 1}
    marked = town.claims()["500000002"]
    assert marked["Source_Missing_Since__c"] is not None
    assert marked["Charged_Amount__c"] == 100.0
    assert town.full().synced.missing == {}
    town.put(report(row("500000001"), row("500000002")))
    assert town.full().synced.counts["updated"] == 1
    assert town.claims()["500000002"]["Source_Missing_Since__c"] is None


@pytest.mark.journey
def test_nothing_is_marked_missing_while_a_row_names_no_claim(town: Town) -> None:
    town.put(report(row("500000001"), row("500000002")))
    town.full()
    town.put(report(row("500000001"), row("")))
    assert town.full().synced.missing == {}


@pytest.mark.journey
def test_a_recent_report_marks_nothing_missing(town: Town) -> None:
    town.put(report(row("500000001"), row("500000002")))
    town.full()
    town.put(report(row("500000001")))
    assert town.sync().synced.missing == {}
    assert town.claims()["500000002"]["Source_Missing_Since__c"] is None


@pytest.mark.journey
def test_clearing_the_customer_in_the_org_hands_a_claim_over(town: Town) -> None:
    town.put(report(row("500000001")))
    town.sync()
    town.put(report(row("500000001", paid="9.00")), SECOND)
    assert town.sync(SECOND).synced.counts["held"] == 1
    town.edit("500000001", Source_Customer__c=None)
    assert town.sync(SECOND).synced.counts["updated"] == 1
    claim = town.claims()["500000001"]
    assert (claim["Source_Customer__c"], claim["Paid_Amount__c"]) == (SECOND, 9.0)


@pytest.mark.journey
def test_a_value_cleared_at_the_source_is_cleared_in_the_org_by_both_ways(build_town) -> None:  # type: ignore[no-untyped-def]  # a factory
    for way in ("1000000", "1"):
        town = build_town(SALESFORCE_BULK_FROM_ROWS=way)
        town.put(report(row("500000001")))
        town.sync()
        town.put(report(row("500000001").replace("EFT1", "").replace(",MR-1", ",")))
        town.sync()
        claim = town.claims()["500000001"]
        assert (claim["EFT_or_Paper_Check__c"], claim["MR_Number__c"]) == (None, None)


@pytest.mark.journey
def test_a_dry_run_says_what_it_would_do_and_changes_nothing(town: Town) -> None:
    town.put(b"".join(report_bytes(ReportPlan(claims=40))))
    dry = town.sync(dry_run=True)
    assert dry.synced.counts["created"] > 30
    assert town.claims() == {}
    assert town.writes() == []
    assert town.sync().synced.counts["created"] == dry.synced.counts["created"]


@pytest.mark.journey
def test_resend_sends_everything_again(town: Town) -> None:
    town.put(report(row("500000001"), row("500000002")))
    town.sync()
    assert town.sync(resend=True).synced.counts["updated"] == 2
