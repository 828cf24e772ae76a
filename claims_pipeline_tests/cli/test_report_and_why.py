"""`claims-pipeline report` and `why`: where the report lies, and one claim's story without a run."""

from pathlib import Path

import pytest

from claims_pipeline.cli.exits import Exit
from claims_pipeline.sandbox.faults import Fault
from claims_pipeline.sandbox.salesforce.rows import RowError
from claims_pipeline.sandbox.salesforce.scripts import Refusal
from claims_pipeline.sandbox.salesforce.settings import ADMIN_USERNAME
from claims_pipeline_tests.command_line import Said, claims_pipeline
from claims_pipeline_tests.given_report import report, row
from claims_pipeline_tests.payor_table import ISSUE
from claims_pipeline_tests.town import FIRST, SECOND, Town

REFUSAL = RowError("FIELD_CUSTOM_VALIDATION_EXCEPTION", "the rule quotes DOE, JAN", ("MR_Number__c",))
VALUES = ("DOE", "ROE", "MR-1", "AU1", "100.00", "55.00", "the rule quotes")

pytestmark = pytest.mark.journey


def run(town: Town, *arguments: str) -> Said:
    return claims_pipeline(town.environment, *arguments)


@pytest.fixture(autouse=True)
def no_issue_of_an_earlier_test(town: Town) -> None:
    admin = town.sandbox.org.user(ADMIN_USERNAME)
    assert admin is not None
    ids = [str(record["Id"]) for record in town.sandbox.org.records(ISSUE)]
    town.sandbox.org.delete(admin, ISSUE, ids)


def refuse(town: Town, claim: str) -> None:
    town.sandbox.org.scripts.refusals.append(Refusal("Claim__c", claim, REFUSAL))


def test_the_report_goes_where_the_settings_say_and_4_says_that_someone_should_look(
    town: Town, tmp_path: Path
) -> None:
    refuse(town, "RW2")
    town.put(report(row("RW1"), row("RW2")))
    run(town, "sync", "--customer", FIRST)
    folder = tmp_path / "pages"
    town.environment["CLAIMS_REPORTS"] = str(folder)
    said = run(town, "report", "--customer", FIRST)
    assert said.code == Exit.NOT_ALL_ARRIVED
    assert said.out.splitlines() == [
        f"{FIRST}: 1 claim(s) stuck, $100.00 charged: {folder}/{FIRST}.html",
        f"All customers: {folder}/index.html",
        f"Claim ids for a spreadsheet: {folder}/all-customers.csv",
    ]
    assert {path.name for path in folder.iterdir()} == {
        *(f"{FIRST}.html", f"{FIRST}.csv", "index.html", "all-customers.csv")
    }


def test_the_report_lies_in_the_storage_by_default_and_without_a_sync_says_so(town: Town) -> None:
    said = run(town, "report")
    assert said.code == Exit.PERMANENT
    assert "nothing to report. Run a sync first" in said.err
    town.put(report(row("RD1")))
    run(town, "sync", "--customer", FIRST)
    assert run(town, "report").code == Exit.ALL_ARRIVED
    assert (Path(town.environment["CLAIMS_STORAGE"]) / "sync_reports" / "index.html").exists()


def test_the_report_needs_neither_salesforce_nor_the_sync_state(town: Town) -> None:
    town.put(report(row("RN1")))
    run(town, "sync", "--customer", FIRST)
    town.sandbox.salesforce_wire.faults.add(Fault(path="/oauth2/token", times=40, status=503))
    town.environment["DYNAMODB_TABLE_NAME"] = "no-such-table"
    said = run(town, "report", "--customer", FIRST)
    assert said.code == Exit.ALL_ARRIVED, said.words
    page = (Path(town.environment["CLAIMS_STORAGE"]) / "sync_reports" / f"{FIRST}.html").read_text()
    assert "neither Salesforce nor a stored list could be read" in page
    assert "the sync state (DynamoDB) could not be read" in page


def test_why_tells_rows_syncs_differences_by_name_and_what_to_do(town: Town) -> None:
    town.put(report(row("WA1"), row("WA2")))
    run(town, "sync", "--customer", FIRST)
    refuse(town, "WA2")
    town.put(report(row("WA1"), row("wA2", ClaimAmountPaid="55.00")))
    run(town, "sync", "--customer", FIRST)
    said = run(town, "why", "Wa2", "--customer", FIRST)
    assert said.code == Exit.NOT_ALL_ARRIVED
    for words in (
        f"STUCK since {town.claims()['WA1']['Source_As_Of__c'][:10]} (0 day(s)), refused [{REFUSAL.code}]",
        "What to do: Ask the Salesforce administrator which rule it breaks, and mend the claim or the rule.",
        "row 3 of filter 20020, fetched ",
        f"sync 2, recent: refused by Salesforce [{REFUSAL.code}]: MR_Number__c (row 3 of filter 20020)",
        "sync 1, recent: created in Salesforce (row 3 of filter 20020)",
        "It differs from the source in: ",
        f"/lightning/r/Claim__c/{town.claims()['WA2']['Id']}/view",
    ):
        assert words in said.out
    assert "Paid_Amount__c" in said.out
    assert [value for value in VALUES if value in said.words] == []


def test_values_are_shown_when_a_person_asks_with_a_warning(town: Town) -> None:
    town.put(report(row("WB1")))
    run(town, "sync", "--customer", FIRST)
    town.edit("WB1", Paid_Amount__c=7)
    silent = run(town, "why", "WB1")
    assert silent.code == Exit.ALL_ARRIVED
    assert "It is not stuck: the next sync that brings it puts it right." in silent.out
    assert "40.00" not in silent.words
    said = run(town, "why", "WB1", "--show-values")
    assert "Paid_Amount__c: source '40.00', Salesforce '7.00'" in said.out
    assert "is a patient's data" in said.err


def test_a_rejected_claim_s_story_names_its_rows_and_its_rule(town: Town) -> None:
    town.put(report(row("WC0"), row("WC1", ClaimTotalAmount="12.3.4"), row("WC1")))
    run(town, "sync", "--customer", FIRST)
    said = run(town, "why", "WC1", "--customer", FIRST)
    assert "rejected [BAD_MONEY] (column or field: ClaimTotalAmount)" in said.out
    assert "row 3, row 4 of filter 20020" in said.out
    assert "Correct the amount in CollaborateMD" in said.out
    assert "There is no such claim." in said.out


def test_without_salesforce_the_rest_is_told_and_why_not(town: Town) -> None:
    town.put(report(row("WD1")))
    run(town, "sync", "--customer", FIRST)
    town.sandbox.salesforce_wire.faults.add(Fault(path="/oauth2/token", times=40, status=503))
    said = run(town, "why", "WD1", "--customer", FIRST)
    assert said.code == Exit.ALL_ARRIVED, said.words
    assert "created in Salesforce (row 2 of filter 20020)" in said.out
    assert "Not known, Salesforce could not be asked: " in said.out


def test_a_claim_that_nothing_names_is_4_and_says_where_to_look(town: Town) -> None:
    town.put(report(row("WE1")))
    run(town, "sync", "--customer", FIRST)
    said = run(town, "why", "WE9")
    assert said.code == Exit.NOT_ALL_ARRIVED
    assert f"of customer {FIRST}, {SECOND} names this claim. Salesforce has no such claim either." in said.out
