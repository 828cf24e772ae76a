"""`claims-pipeline check`: one line a finding, with what to do, and a code that tells whether a person is needed."""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

import pytest

from claims_pipeline.cli.exits import Exit
from claims_pipeline.clients.sync_state import StateTableMissing
from claims_pipeline.sandbox.faults import Fault
from claims_pipeline.sandbox.salesforce.people import FieldAccess
from claims_pipeline.sandbox.salesforce.settings import INTEGRATION_USERNAME
from claims_pipeline.sync.check import Verdict
from claims_pipeline.sync.check import check as checked
from claims_pipeline.sync.connections import connect, read_settings
from claims_pipeline_tests.command_line import Said, claims_pipeline
from claims_pipeline_tests.given_report import CHARGE_LABELS, CLAIM_LABELS, line, report, row
from claims_pipeline_tests.town import FIRST, SECOND, Town

pytestmark = pytest.mark.journey


def check(town: Town, **settings: str) -> Said:
    said = claims_pipeline({**town.environment, **settings}, "check")
    assert "Traceback" not in said.words
    assert said.err == ""
    return said


@pytest.fixture
def town(town: Town, tmp_path: Path) -> Town:
    """One customer is enough here, and each check then runs two reports, not four."""
    config = tmp_path / "claims.toml"
    whole = Path(town.environment["CLAIMS_CONFIG"]).read_text()
    config.write_text(whole.partition(f'[customers."{SECOND}"]')[0])
    town.environment["CLAIMS_CONFIG"] = str(config)
    town.put(report(row("1"), row("2")))
    return town


def test_all_that_is_well_is_said_line_by_line(town: Town) -> None:
    said = check(town)
    assert said.code == Exit.ALL_ARRIVED
    lines = said.out.splitlines()
    assert lines[0] == "     ok  settings: 1 customer(s), all settings look right"
    table = town.environment["DYNAMODB_TABLE_NAME"]
    assert any(
        each.startswith(f"warning  sync state: table {table} is not there yet: the first sync creates it")
        for each in lines
    )
    assert f"     ok  customer {FIRST}: never synced" in lines
    assert any(f"signed in as {INTEGRATION_USERNAME} to org 00D" in each for each in lines)
    assert "     ok  Claim__c: 23 fields can be written" in lines
    assert "     ok  Claim_Payor_Mapping__c: 0 mapping rows" in lines
    for kind in ("recent", "full"):
        assert f"     ok  customer {FIRST}, {kind} report: 2 rows, a row a claim, 15 columns carried" in lines
    assert "\x1b" not in said.out


def test_it_writes_nothing_and_moves_no_cursor(town: Town) -> None:
    check(town)
    assert town.writes() == []
    assert f"customer {FIRST}: never synced" in check(town).out


def test_a_table_that_is_not_there_is_not_made_by_asking_for_it(town: Town, tmp_path: Path) -> None:
    """A running sensor would begin a first load."""
    with connect(read_settings(town.environment), "check-1") as connections:
        of_the_state = list(islice(checked(connections, tmp_path), 3))
        assert [each.verdict for each in of_the_state] == [Verdict.OK, Verdict.WARNING, Verdict.OK]
        assert (of_the_state[2].of, of_the_state[2].words) == (f"customer {FIRST}", "never synced")
        with pytest.raises(StateTableMissing):
            connections.state.read(FIRST)


def test_a_table_that_is_there_is_said_with_each_last_success(town: Town) -> None:
    town.sync()
    lines = check(town).out.splitlines()
    assert f"     ok  sync state: table {town.environment['DYNAMODB_TABLE_NAME']} is there" in lines
    assert any(each.startswith(f"     ok  customer {FIRST}: last success 2") for each in lines)


@contextmanager
def access(town: Town, field: str, access: FieldAccess) -> Iterator[None]:
    """The integration user's access to a field of Claim__c, for a while."""
    org = town.sandbox.org
    user = org.user(INTEGRATION_USERNAME)
    assert user is not None
    org.set_access(user, "Claim__c", field, access)
    try:
        yield
    finally:
        org.set_access(user, "Claim__c", field, FieldAccess.EDIT)


def test_a_hidden_and_a_read_only_field_are_both_named(town: Town) -> None:
    with (
        access(town, "MR_Number__c", FieldAccess.HIDDEN),
        access(town, "Paid_Amount__c", FieldAccess.READ_ONLY),
    ):
        said = check(town)
    assert said.code == Exit.PERMANENT
    assert (
        " FAILED  Salesforce: Claim__c in Salesforce is not as the sync needs it, 2 problem(s):" in said.out
    )
    assert "  - MR_Number__c: it does not exist, or the integration user may not see it" in said.out
    assert "  - Paid_Amount__c: the integration user may not create and edit it" in said.out


def test_a_field_of_ours_that_is_hidden_is_a_warning(town: Town) -> None:
    with access(town, "Source_Status__c", FieldAccess.HIDDEN):
        said = check(town)
    assert said.code == Exit.ALL_ARRIVED
    assert "warning  Claim__c: Source_Status__c: it does not exist, or" in said.out


def test_a_wrong_collaboratemd_password_is_told_and_salesforce_is_checked_all_the_same(town: Town) -> None:
    said = check(town, COLLABORATEMD_PASSWORD="wrong")
    assert said.code == Exit.PERMANENT
    assert "     ok  Claim__c: " in said.out
    assert (
        f" FAILED  customer {FIRST}, recent report: CollaborateMD refused the API user (HTTP 401" in said.out
    )
    assert "wrong" not in said.out.replace("wrongly", "")


def test_a_service_that_does_not_answer_now_is_6(town: Town) -> None:
    town.sandbox.salesforce_wire.faults.add(Fault(path="/oauth2/token", times=9, status=503))
    said = check(town)
    assert said.code == Exit.TRANSIENT
    assert " FAILED  Salesforce: " in said.out


def test_a_renamed_column_is_named_with_what_the_report_has(town: Town) -> None:
    town.put(report(row("1"), labels=["Claim Nr", *CLAIM_LABELS[1:]]))
    said = check(town)
    assert said.code == Exit.PERMANENT
    assert "The report has no column for claim_id (known as ClaimID, Claim ID, Charge Claim ID)" in said.out
    assert "It has: Claim Nr, PateintNameID" in said.out
    assert "COLLABORATEMD_COLUMNS" in said.out


def test_unknown_columns_are_named_and_left_out(town: Town) -> None:
    town.put(report([*row("1"), "x"], labels=[*CLAIM_LABELS, "Shoe Size"]))
    said = check(town)
    assert said.code == Exit.ALL_ARRIVED
    assert "columns that we do not know, and leave out: Shoe Size" in said.out


def test_a_charge_report_on_a_filter_that_is_not_claim_complete_is_a_matter_of_settings(town: Town) -> None:
    config = Path(town.environment["CLAIMS_CONFIG"])
    config.write_text(config.read_text().replace("claim_complete = true", "claim_complete = false"))
    town.put(report(line("1", "1"), labels=CHARGE_LABELS))
    said = check(town)
    assert said.code == Exit.SETTINGS
    assert "has a row a charge line, and the filter 20020 is not declared claim_complete" in said.out
    assert "has a row a charge line, and the filter 20021 is not declared claim_complete" in said.out


def test_a_charge_report_that_repeats_its_lines_a_payment_is_told(town: Town) -> None:
    twice = (
        line("1", "1", ClaimAmountPaid="10.00"),
        line("1", "1", ClaimAmountPaid="30.00", PaymentCheck="E2"),
    )
    town.put(report(*twice, line("2", "9"), labels=CHARGE_LABELS))
    said = check(town)
    assert said.code == Exit.PERMANENT
    assert "1 charge lines stand there once a payment" in said.out
    assert "Take the payment columns that vary out of the report, or sum them a line" in said.out


def test_wrong_settings_are_3_and_nothing_is_asked(town: Town) -> None:
    said = claims_pipeline({**town.environment, "SALESFORCE_DOMAIN": "acme"}, "check")
    assert said.code == Exit.SETTINGS
    assert "SALESFORCE_DOMAIN lacks the `.my`" in said.err
    assert town.sandbox.salesforce_wire.log == []


# Changes to the org that cannot be taken back: towns of their own


def test_an_org_without_the_mapping_table_is_a_warning(town: Town, tmp_path: Path) -> None:
    from claims_pipeline_tests.town import towns

    with towns(tmp_path / "bare") as build:
        bare = build(COLLABORATEMD_POLL_SECONDS="0.01")
        bare.put(report(row("1")))
        bare.put(report(row("2")), SECOND)
        bare.sandbox.org.drop_object("Claim_Payor_Mapping__c")
        said = check(bare)
        assert said.code == Exit.ALL_ARRIVED
        assert "warning  Claim_Payor_Mapping__c: the org has no mapping table" in said.out
