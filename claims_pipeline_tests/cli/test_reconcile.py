"""`claims-pipeline reconcile`: what it says, its JSON, its exit codes; and the verdict at the end of `sync --full`."""

import json
from pathlib import Path

import pytest

from claims_pipeline.cli.exits import Exit
from claims_pipeline.clients.sync_state import SyncState
from claims_pipeline.sandbox.faults import Fault
from claims_pipeline.sync.reconciliation import reconcile as acting
from claims_pipeline.sync.settling.standing import standing
from claims_pipeline_tests.command_line import Said, claims_pipeline, claims_pipeline_process
from claims_pipeline_tests.given_report import report, row
from claims_pipeline_tests.town import FIRST, SECOND, Town

pytestmark = pytest.mark.journey


def run(town: Town, command: str, *options: str) -> Said:
    """One command; no value of a claim stands in its words (the patient's name and reference are in every row)."""
    said = claims_pipeline(town.environment, command, *options)
    for value in ("DOE, JAN", "MR-1", "EFT1", "Traceback"):
        assert value not in said.words
    return said


def handed_off(town: Town) -> None:
    """Earlier tests' claims are nobody's: each test has the customer's book to itself."""
    for number, claim in town.claims().items():
        if claim["Source_Customer__c"] and not claim["IsDeleted"]:
            town.edit(number, Source_Customer__c="99999999")


def test_an_equal_book_is_0_and_told_in_one_verdict_and_a_table(town: Town) -> None:
    handed_off(town)
    town.put(report(row("RA1"), row("RA2")))
    run(town, "sync", "--full", "--customer", FIRST)
    said = run(town, "reconcile", "--customer", FIRST)
    assert said.code == Exit.ALL_ARRIVED
    lines = said.out.splitlines()
    assert lines[0] == (
        f"Customer {FIRST}: Salesforce equals the source: 2 claims, $200.00 charged, $80.00 paid, $120.00 balance."
    )
    table = [line.split() for line in lines[2:6]]
    assert table == [
        ["claims", "charged", "paid", "balance"],
        ["At", "the", "source", "2", "$200.00", "$80.00", "$120.00"],
        ["In", "Salesforce", "2", "$200.00", "$80.00", "$120.00"],
        ["Salesforce", "less", "source", "+0", "$0.00", "$0.00", "$0.00"],
    ]
    assert "unexplained" not in said.out
    assert f"customer {FIRST}: reading back what Salesforce holds of this customer" in said.err.splitlines()


def test_differences_are_4_and_named_by_field_claim_and_dollar_with_what_to_do(town: Town) -> None:
    handed_off(town)
    town.put(report(row("RB1"), row("RB2"), row("RB3", ClaimTotalAmount="1e5")))
    run(town, "sync", "--full", "--customer", FIRST)
    town.edit("RB1", Paid_Amount__c=40.01, MR_Number__c="EDITED")
    town.edit("RB2", Source_Customer__c=SECOND)
    said = run(town, "reconcile", "--customer", FIRST)
    assert said.code == Exit.NOT_ALL_ARRIVED
    assert said.out.splitlines()[0] == (
        f"Customer {FIRST}: Salesforce does NOT equal the source: 1 missing, 0 extra, 1 different; Salesforce is off "
        "by charged -$100.00, paid -$39.99, balance -$60.00 (1 explained beside them)."
    )
    for words in (
        "1  were given to another customer in Salesforce (or to none) since the sync: $100.00 charged, $40.00 paid, "
        "$60.00 balance  <-- unexplained",
        "1  are not in Salesforce: their rows in the report were rejected",
        "1  differ, and nothing says why: $100.00 charged, $40.00 paid, $60.00 balance at the source, $100.00 charged, "
        "$40.01 paid, $60.00 balance in Salesforce  <-- unexplained",
        "fields: MR_Number__c (1), Paid_Amount__c (1)",
        "claims: RB1\n",
        "claims: RB2\n",
        f"run `claims-pipeline sync --full --customer {FIRST}`",
    ):
        assert words in said.out
    assert "EDITED" not in said.words


def test_more_claims_than_are_named_are_counted(town: Town) -> None:
    handed_off(town)
    numbers = [f"RC{place:02d}" for place in range(25)]
    town.put(report(*map(row, numbers)))
    run(town, "sync", "--full", "--customer", FIRST)
    for number in numbers:
        town.edit(number, Paid_Amount__c=1.0)
    said = run(town, "reconcile", "--customer", FIRST)
    assert sum(number in said.out for number in numbers) == 20
    assert " and 5 more" in said.out


def test_as_json_a_script_reads_all_customers_at_once_failed_ones_too(town: Town) -> None:
    handed_off(town)
    town.put(report(row("RD1")), FIRST)
    town.put(report(row("RD2")), SECOND)
    run(town, "sync", "--full", "--customer", FIRST)
    run(town, "sync", "--customer", SECOND)
    said = run(town, "reconcile", "--json")
    assert said.code == Exit.PERMANENT
    first, second = json.loads(said.out)
    assert (first["customer"], first["is_equal"], first["missing"]) == (FIRST, True, 0)
    assert first["source"] == first["salesforce"]
    assert first["source"]["Charged_Amount__c"] == "100.00"
    assert first["groups"]["equal"]["claims"] == 1
    assert first["unexplained_dollars"] == {
        "Charged_Amount__c": "0.00",
        "Paid_Amount__c": "0.00",
        "Total_BDP__c": "0.00",
    }
    assert second["customer"] == SECOND
    assert f"Run `claims-pipeline sync --full --customer {SECOND}` first" in second["error"]
    assert f"Customer {SECOND} failed: " in said.err


def test_before_any_sync_it_says_what_to_run_and_is_5(town: Town) -> None:
    said = run(town, "reconcile", "--customer", FIRST)
    assert said.code == Exit.PERMANENT
    assert f"Run `claims-pipeline sync --full --customer {FIRST}` first" in said.err


def test_a_sync_committed_meanwhile_is_6_and_tells_no_numbers(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    town.put(report(row("RE1")))
    run(town, "sync", "--full", "--customer", FIRST)

    def meanwhile(*args: object, **named: object) -> object:
        town.full()
        return standing(*args, **named)  # type: ignore[arg-type]  # passed through

    monkeypatch.setattr(acting, "standing", meanwhile)
    said = run(town, "reconcile", "--customer", FIRST)
    assert said.code == Exit.TRANSIENT
    assert "so what was found is void and not told. Run it again." in said.err
    assert said.out == ""


def test_it_takes_no_lease_and_writes_nothing_anywhere(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    handed_off(town)
    town.put(report(row("RF1")))
    run(town, "sync", "--full", "--customer", FIRST)
    storage = {path: path.stat().st_mtime_ns for path in stored_files(town)}
    for act in ("lease", "report_slot", "commit", "next_sequence", "confirm_org", "ensure_table"):
        monkeypatch.delattr(SyncState, act)
    town.sandbox.salesforce_wire.clear_log()
    town.sandbox.collaboratemd_wire.clear_log()
    assert run(town, "reconcile", "--customer", FIRST).code == Exit.ALL_ARRIVED
    assert town.writes() == []
    assert town.sandbox.collaboratemd_wire.log == []
    assert {path: path.stat().st_mtime_ns for path in stored_files(town)} == storage


def stored_files(town: Town) -> list[Path]:
    return sorted(path for path in Path(town.environment["CLAIMS_STORAGE"]).rglob("*") if path.is_file())


def test_salesforce_that_does_not_answer_is_6(town: Town) -> None:
    town.put(report(row("RG1")))
    run(town, "sync", "--full", "--customer", FIRST)
    town.sandbox.salesforce_wire.faults.add(Fault(path="/oauth2/token", times=9, status=503))
    assert run(town, "reconcile", "--customer", FIRST).code == Exit.TRANSIENT


def test_a_full_sync_ends_with_the_verdict_and_a_recent_or_dry_one_does_not(town: Town) -> None:
    handed_off(town)
    town.put(report(row("RH1")))
    said = run(town, "sync", "--full", "--customer", FIRST)
    assert said.code == Exit.ALL_ARRIVED
    assert said.out.splitlines()[-1].startswith(f"Customer {FIRST}: Salesforce equals the source: 1 claims")
    for options in ((), ("--full", "--dry-run")):
        assert "equals the source" not in run(town, "sync", "--customer", FIRST, *options).out


def test_a_full_sync_after_which_salesforce_differs_is_4_and_says_what_to_do(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    handed_off(town)
    town.put(report(row("RI1")))

    def meddled(*args: object, **named: object) -> object:
        town.edit("RI1", MR_Number__c="EDITED")
        return standing(*args, **named)  # type: ignore[arg-type]  # passed through

    monkeypatch.setattr(acting, "standing", meddled)
    said = run(town, "sync", "--full", "--customer", FIRST)
    assert said.code == Exit.NOT_ALL_ARRIVED
    verdict, what_to_do = said.out.splitlines()[-2:]
    assert "does NOT equal the source: 0 missing, 0 extra, 1 different; the dollars are the same" in verdict
    assert f"`claims-pipeline reconcile --customer {FIRST}` names the claims" in what_to_do


def test_as_a_process_it_ends_the_same(town: Town) -> None:
    handed_off(town)
    town.put(report(row("RJ1")))
    run(town, "sync", "--full", "--customer", FIRST)
    said = claims_pipeline_process(town.environment, "reconcile", "--customer", FIRST)
    assert said.code == Exit.ALL_ARRIVED
    assert "Salesforce equals the source" in said.out
