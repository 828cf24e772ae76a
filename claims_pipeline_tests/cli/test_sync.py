"""`claims-pipeline sync`: what it says, what each option does, and exit codes that a script can tell apart."""

from typing import Any, NoReturn

import pytest

from claims_pipeline.cli.exits import Exit
from claims_pipeline.sandbox.collaboratemd.shelf import Answer, Script
from claims_pipeline.sandbox.faults import Fault
from claims_pipeline.sandbox.systems import RECENT_FILTER_ID, REPORT_ID
from claims_pipeline.settings import Customer
from claims_pipeline.storage.frames import StampedFrame
from claims_pipeline.sync.connections import connect, read_settings
from claims_pipeline.sync.fetching.fetch import fetch
from claims_pipeline_tests.command_line import Said, claims_pipeline, claims_pipeline_process
from claims_pipeline_tests.given_report import CHARGE_LABELS, line, report, row
from claims_pipeline_tests.town import FIRST, SECOND, Town

pytestmark = pytest.mark.journey


def sync(town: Town, *options: str, customer: str | None = FIRST, **settings: str) -> Said:
    chosen = () if customer is None else ("--customer", customer)
    said = claims_pipeline({**town.environment, **settings}, "sync", *chosen, *options)
    assert "Traceback" not in said.words
    return said


def mine(town: Town, prefix: str) -> dict[str, dict[str, object]]:
    """This test's claims in the org."""
    return {number: claim for number, claim in town.claims().items() if number.startswith(prefix)}


def test_all_arrived_is_0_and_the_summary_says_what(town: Town) -> None:
    town.put(report(row("A1"), row("A2")))
    said = sync(town)
    assert said.code == Exit.ALL_ARRIVED
    assert f"Sync of customer {FIRST}" in said.out
    assert "2  rows in the report" in said.out
    assert "2  claims: $200.00 charged, $80.00 paid, $120.00 balance" in said.out
    assert "2      created in Salesforce" in said.out
    assert "Nobody Knows Health (NKH1)" in said.out
    assert set(mine(town, "A")) == {"A1", "A2"}


def test_progress_is_plain_lines_on_stderr_where_there_is_no_terminal(town: Town) -> None:
    town.put(report(row("A3")))
    said = sync(town)
    lines = said.err.splitlines()
    assert f"customer {FIRST}: running report 10010 with filter 20020" in lines
    assert f"customer {FIRST}: committed" in lines
    assert "\x1b" not in said.words
    assert "\r" not in said.words


def test_an_unchanged_day_asks_for_nothing_that_the_run_knows_already(town: Town) -> None:
    town.put(report(row("A4"), row("A5")))
    sync(town)
    town.sandbox.dynamodb.clear_log()
    town.sandbox.salesforce_wire.clear_log()
    said = sync(town)
    assert "2      already as they should be" in said.out
    assert "Nobody Knows Health (NKH1)" in said.out
    assert len(town.sandbox.dynamodb.log) == 14
    assert sum("/services/data/" in access.path for access in town.sandbox.salesforce_wire.log) == 11


def test_rejected_rows_are_4_with_row_claim_and_rule(town: Town) -> None:
    town.put(report(row("B1"), row("B2", ClaimTotalAmount="12,34"), row("", PatientReference="x")))
    said = sync(town)
    assert said.code == Exit.NOT_ALL_ARRIVED
    assert "2  rows rejected" in said.out
    assert "an amount cannot be read as dollars and cents [BAD_MONEY]: row 3 (claim B2)" in said.out
    assert "the row has no claim id [MISSING_CLAIM_ID]: row 4" in said.out
    assert set(mine(town, "B")) == {"B1"}


def test_a_permanent_failure_is_5_and_holds_no_other_customer(town: Town) -> None:
    town.put(report(row("C1"))[:-20].replace(b'"DOE', b'"DO"E'), FIRST)
    town.put(report(row("C2")), SECOND)
    said = sync(town, customer=None)
    assert said.code == Exit.PERMANENT
    assert f"Customer {FIRST} failed: File 0 of the report stops at row 2" in said.err
    assert f"Sync of customer {SECOND}" in said.out
    assert set(mine(town, "C")) == {"C2"}


def test_a_fault_of_ours_is_1_and_holds_no_other_customer(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(customer: Customer, *rest: Any) -> StampedFrame:
        if customer.number == FIRST:
            raise ValueError("DOE, JAN")
        return fetch(customer, *rest)

    monkeypatch.setattr("claims_pipeline.sync.whole.fetch", broken)
    town.put(report(row("D1")), FIRST)
    town.put(report(row("D2")), SECOND)
    said = sync(town, customer=None)
    assert said.code == Exit.UNEXPECTED
    assert f"Customer {FIRST} failed: Unexpected: ValueError in " in said.err
    assert "DOE" not in said.words
    assert set(mine(town, "D")) == {"D2"}


def test_a_transient_failure_is_6(town: Town) -> None:
    town.put(report(row("E1")))
    town.sandbox.reports.script(FIRST, REPORT_ID, RECENT_FILTER_ID, Script(polls=(Answer.TIMED_OUT,)))
    try:
        said = sync(town)
    finally:
        town.sandbox.reports.script(FIRST, REPORT_ID, RECENT_FILTER_ID, Script())
    assert said.code == Exit.TRANSIENT
    assert "CollaborateMD gave up on the report, it ran too long" in said.err


def test_another_run_at_work_is_7(town: Town) -> None:
    town.put(report(row("F1")))
    hasty = {
        **town.environment,
        "CLAIMS_LEASE_SECONDS": "0.3",
    }  # a run is seen to live once it moves its lease
    with connect(read_settings(hasty), "the-other-run") as other:
        other.state.ensure_table()
        with other.state.lease(FIRST):
            said = sync(town)
    assert said.code == Exit.BUSY
    assert "Run the-other-run is at work" in said.err
    assert mine(town, "F") == {}


def test_missing_settings_are_3_and_all_are_named_at_once(town: Town) -> None:
    said = claims_pipeline({"SALESFORCE_DOMAIN": "https://acme.lightning.force.com"}, "sync")
    assert said.code == Exit.SETTINGS
    for name in ("COLLABORATEMD_USERNAME", "COLLABORATEMD_CUSTOMER", "SALESFORCE_DOMAIN", "CLAIMS_STORAGE"):
        assert f"  - {name} " in said.err


def test_an_unknown_customer_is_3_before_anything_runs(town: Town) -> None:
    said = sync(town, customer="10009999")
    assert said.code == Exit.SETTINGS
    assert f"customer 10009999 is not set up; the settings know {FIRST}, {SECOND}" in said.err
    assert town.sandbox.collaboratemd_wire.log == []


def test_a_dry_run_tells_and_writes_nothing(town: Town) -> None:
    town.put(report(row("G1"), row("G2")))
    said = sync(town, "--dry-run")
    assert said.code == Exit.ALL_ARRIVED
    assert f"Dry run: nothing was sent. What a sync would do of customer {FIRST}" in said.out
    assert "2      would be created in Salesforce" in said.out
    assert mine(town, "G") == {}
    assert town.writes() == []
    with connect(read_settings(town.environment), "looking") as connections:
        assert not connections.state.has_table(), "a dry run makes none"


def test_a_second_sync_sends_nothing_and_resend_sends_all(town: Town) -> None:
    town.put(report(row("H1"), row("H2")))
    sync(town)
    again = sync(town)
    assert again.code == Exit.ALL_ARRIVED
    assert "nothing differs, nothing is sent" in again.err
    assert "2      already as they should be" in again.out
    assert "2      updated in Salesforce" in sync(town, "--resend").out


def test_full_fetches_the_full_filter_and_marks_what_is_gone(town: Town) -> None:
    town.put(report(row("I1"), row("I2")), SECOND)
    assert "with filter 20021" in sync(town, "--full", customer=SECOND).err
    town.put(report(row("I1")), SECOND)
    said = sync(town, "--full", customer=SECOND)
    assert "claims of Salesforce are marked (or no longer marked) as missing at the source" in said.out
    assert mine(town, "I")["I2"]["Source_Missing_Since__c"] is not None


def test_an_empty_report_stops_the_sync_until_it_is_accepted(town: Town) -> None:
    town.put(report(row("J1")))
    sync(town)
    town.put(report())
    said = sync(town)
    assert said.code == Exit.PERMANENT
    assert "filter 20020 returned no rows, and 1 the last time" in said.err
    assert "--accept-empty" in said.err
    assert sync(town, "--accept-empty").code == Exit.ALL_ARRIVED


def test_a_charge_report_is_summed_to_claims(town: Town) -> None:
    town.put(report(line("K1", "1"), line("K1", "2"), labels=CHARGE_LABELS))
    assert sync(town).code == Exit.ALL_ARRIVED
    assert mine(town, "K")["K1"]["Charged_Amount__c"] == 200.0


def test_salesforce_that_cannot_be_reached_is_6_and_says_so(town: Town) -> None:
    town.put(report(row("L1")))
    town.sandbox.salesforce_wire.faults.add(Fault(path="/oauth2/token", times=9, status=503))
    said = sync(town)
    assert said.code == Exit.TRANSIENT
    assert "Salesforce" in said.err


def test_stopping_it_is_130_and_no_traceback(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    def stopped(*_: object) -> NoReturn:
        raise KeyboardInterrupt

    monkeypatch.setattr("claims_pipeline.sync.whole.fetch", stopped)
    said = sync(town)
    assert (said.code, said.err.splitlines()[-1]) == (130, "Stopped.")


def test_as_a_process_it_says_and_ends_the_same(town: Town) -> None:
    town.put(report(row("M1"), row("M2", PaymentReceived="soon")))
    said = claims_pipeline_process(town.environment, "sync", "--customer", FIRST)
    assert said.code == Exit.NOT_ALL_ARRIVED
    assert "[BAD_DATE]: row 3 (claim M2)" in said.out
    assert "\x1b" not in said.words
