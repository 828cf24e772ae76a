"""Days on which the wire, the report or the org's records are at their worst, and every claim must still be right."""

import csv
from collections.abc import Callable
from decimal import Decimal

import pytest

from claims_pipeline.cli.exits import Exit
from claims_pipeline.errors import ClaimsPipelineError, LeaseHeld, SettingsError
from claims_pipeline.sandbox.collaboratemd import Report, Script, csv_entry, json_entry
from claims_pipeline.sandbox.faults import Fault
from claims_pipeline.sandbox.salesforce.rows import RowError
from claims_pipeline.sandbox.salesforce.scripts import Refusal
from claims_pipeline.sandbox.salesforce.settings import ADMIN_USERNAME
from claims_pipeline.sandbox.systems import FULL_FILTER_ID, RECENT_FILTER_ID, REPORT_ID
from claims_pipeline.sync.connections import connect, read_settings
from claims_pipeline.sync.fetching.guards import ReportDoubted
from claims_pipeline_tests.command_line import claims_pipeline
from claims_pipeline_tests.journeys.conftest import FIRST, SECOND, Town
from claims_pipeline_tests.journeys.test_people import HEADER, report, row

Build = Callable[..., Town]
BY_COLLECTIONS, BY_BULK = {"SALESFORCE_BULK_FROM_ROWS": "1000000"}, {"SALESFORCE_BULK_FROM_ROWS": "1"}
both_ways = pytest.mark.parametrize("way", [BY_COLLECTIONS, BY_BULK], ids=["collections", "bulk"])
KEY = "nobody knows health|nkh1"


def again_nothing(town: Town) -> None:
    town.sandbox.salesforce_wire.clear_log()
    whole = town.sync()
    assert whole.synced.counts["unchanged"] == whole.synced.outcomes.rows, dict(whole.synced.counts)
    assert town.writes() == []


@pytest.mark.journey
@both_ways
def test_blank_and_odd_values_are_settled_at_once(build_town: Build, way: dict[str, str]) -> None:
    town = build_town(**way)
    town.put(
        report(
            row("500000001").replace('"DOE, JAN (1)"', ""),
            row("500000002", payor="#N/A", payor_id=""),
            row("Ärger-ß-1", payor="Ünïcode Health 😀"),
            row("500000004", payor='"Quote "" and | pipe"', payor_id="007"),
            row("a5"),
            row("500000006", payor="#N/A", payor_id="#N/A"),
            row("500000007").replace("EFT1", "'=1+1"),
            row("500000008").replace("AU1", "0 0"),
        )
    )
    whole = town.sync()
    assert whole.synced.counts["created"] == 8, dict(whole.synced.refused_by_code)
    again_nothing(town)
    assert town.full().synced.counts["unchanged"] == 8


@pytest.mark.journey
@both_ways
def test_an_id_spelled_anew_is_one_update(build_town: Build, way: dict[str, str]) -> None:
    town = build_town(**way)
    town.put(report(row("abc-1")))
    town.sync()
    town.put(report(row("ABC-1")))
    assert town.sync().synced.counts["updated"] == 1
    again_nothing(town)


@pytest.mark.journey
def test_json_and_csv_entries_of_one_zip_are_one_report(town: Town) -> None:
    names = HEADER.split(",")
    record = next(csv.reader([row("J1")]))
    entries = (
        csv_entry("a.csv", [names, record]),
        json_entry("b.json", [names, ["J2", *record[1:]]]),
    )
    town.sandbox.reports.put(FIRST, REPORT_ID, RECENT_FILTER_ID, Report(entries))
    assert town.sync().synced.counts["created"] == 2
    again_nothing(town)


@pytest.mark.journey
@both_ways
def test_lost_answers_cost_no_claim(build_town: Build, way: dict[str, str]) -> None:
    town = build_town(**way)
    town.put(report(*(row(f"5000{place:05d}") for place in range(250))))
    for path in ("composite/sobjects", "jobs/ingest"):
        town.sandbox.salesforce_wire.faults.add(Fault("*", path, times=1, status=500, before=False))
    whole = town.sync()
    assert whole.synced.counts["created"] == 250, dict(whole.synced.counts)
    again_nothing(town)


@pytest.mark.journey
@both_ways
def test_a_session_that_expires_in_the_middle_costs_nothing(build_town: Build, way: dict[str, str]) -> None:
    town = build_town(**way)
    town.put(report(*(row(f"5000{place:05d}") for place in range(250))))
    body = b'[{"message":"Session expired or invalid","errorCode":"INVALID_SESSION_ID"}]'
    headers = {"Content-Type": "application/json"}
    town.sandbox.salesforce_wire.faults.add(
        Fault("PATCH", "composite/sobjects|jobs/ingest", after=1, status=401, body=body, headers=headers)
    )
    town.sandbox.salesforce_wire.faults.add(
        Fault("GET", "Results", after=0, status=401, body=body, headers=headers)
    )
    assert town.sync().synced.counts["created"] == 250
    again_nothing(town)


@pytest.mark.journey
@both_ways
def test_a_proxy_that_answers_in_salesforces_place_refuses_no_claim_and_the_next_run_settles(
    build_town: Build, way: dict[str, str]
) -> None:
    town = build_town(**way)
    town.put(report(*(row(f"5000{place:05d}") for place in range(450))))
    town.sandbox.salesforce_wire.faults.add(
        Fault("*", "composite/sobjects|jobs/ingest", after=1, times=1000, status=400, body=b"<html>")
    )
    with pytest.raises(ClaimsPipelineError):
        town.sync()
    town.sandbox.salesforce_wire.faults.clear()
    whole = town.sync()
    assert whole.synced.sent + whole.synced.counts["unchanged"] == 450
    again_nothing(town)


@pytest.mark.journey
@both_ways
def test_locked_records_pass_and_refused_ones_are_told(build_town: Build, way: dict[str, str]) -> None:
    town = build_town(**way)
    town.put(report(row("500000001"), row("500000002"), row("500000003")))
    town.sandbox.org.scripts.lock("Claim__c", "500000001", 2)
    refusal = RowError("FIELD_CUSTOM_VALIDATION_EXCEPTION", "no: 500000002", ("MR_Number__c",))
    town.sandbox.org.scripts.refusals.append(Refusal("Claim__c", "500000002", refusal))
    whole = town.full()
    assert whole.synced.counts["created"] == 2
    assert dict(whole.synced.refused_by_code) == {"FIELD_CUSTOM_VALIDATION_EXCEPTION": 1}
    sums = whole.synced.org_sums
    assert sums is not None
    assert sums.beside["refused"].source["Charged_Amount__c"] == Decimal("100.00")
    town.sandbox.org.scripts.clear()
    town.sandbox.salesforce_wire.clear_log()
    waits = town.sync()
    assert dict(waits.synced.refused_by_code) == {"FIELD_CUSTOM_VALIDATION_EXCEPTION": 1}
    assert town.writes() == [], "a lasting refusal of an unchanged claim is tried once a week"
    assert town.sync(resend=True).synced.counts["created"] == 1


@pytest.mark.journey
def test_an_empty_report_after_a_full_one_stops_and_an_accepted_one_changes_nothing(town: Town) -> None:
    town.put(report(row("500000001")))
    town.sync()
    for script in (Script.without_rows(), Script()):
        town.put(report())
        town.sandbox.reports.script(FIRST, REPORT_ID, RECENT_FILTER_ID, script)
        with pytest.raises(ReportDoubted, match="returned no rows"):
            town.sync()
        done = town.sync(accept_empty=True)
        assert done.synced.outcomes.rows == 0
        town.sandbox.reports.script(FIRST, REPORT_ID, RECENT_FILTER_ID, Script())
        town.put(report(row("500000001")))
        town.sync()


@pytest.mark.journey
def test_two_filters_of_one_fetch_take_each_claim_whole_from_the_later(build_town: Build) -> None:
    town = build_town()
    config = town.sandbox.folder / "claims.toml"
    config.write_text(
        config.read_text().replace('id = "20020", kind = "recent"', 'id = "20020", kind = "full"')
    )
    town.sandbox.put_report(FIRST, report(row("500000001", paid="1.00"), row("500000002")), RECENT_FILTER_ID)
    town.sandbox.put_report(FIRST, report(row("500000001", paid="2.00"), row("500000003")), FULL_FILTER_ID)
    whole = town.full()
    assert whole.synced.counts["created"] == 3
    assert town.claims()["500000001"]["Paid_Amount__c"] == 2.0


@pytest.mark.journey
def test_a_mapping_made_changed_and_taken_back(town: Town) -> None:
    town.put(report(row("500000001"), row("500000002")))
    town.sync()
    one, two = list(town.payors().values())[:2]
    town.map(KEY, one)
    town.sync()
    town.map(KEY, two)
    town.put(report(row("500000002")))
    assert town.sync().synced.relinked == {"updated": 1}
    assert {claim["Claim_Payor__c"] for claim in town.claims().values()} == {two}
    admin = town.sandbox.org.user(ADMIN_USERNAME)
    assert admin is not None
    link = {"Payor_Key__c": KEY, "Linked_Payor__c": two, "Claim_Payor__c": None}
    assert town.sandbox.org.upsert(admin, "Claim_Payor_Mapping__c", "Payor_Key__c", [link])[0].success
    town.edit("500000001", Claim_Payor__c=one)
    assert town.sync().synced.relinked == {"updated": 1}
    claims = town.claims()
    assert [claims[number]["Claim_Payor__c"] for number in ("500000001", "500000002")] == [one, None]
    assert town.sync().synced.relinked == {}


@pytest.mark.journey
def test_more_payor_groups_than_a_page(town: Town) -> None:
    names = [f"Payor {chr(65 + place % 26)}{place:04d}{'é' if place % 3 else '~'}" for place in range(2300)]
    town.put(report(*(row(f"5000{place:05d}", payor=name) for place, name in enumerate(names))))
    town.sync()
    payor = next(iter(town.payors().values()))
    for name in names[::200]:
        town.map(f"{name.casefold()}|nkh1", payor)
    town.put(report(row("500099999")))
    assert town.sync(accept_empty=True).synced.relinked == {"updated": 12}


@pytest.mark.journey
def test_a_second_run_while_one_is_at_work_is_busy_and_writes_nothing(build_town: Build) -> None:
    town = build_town(CLAIMS_LEASE_SECONDS="0.5")  # a run is seen to live once it moves its lease
    town.put(report(row("500000001")))
    with connect(read_settings(town.environment), "other") as other:
        other.state.ensure_table()
        with other.state.lease(FIRST), pytest.raises(LeaseHeld, match="Run other is at work"):
            town.sync()
    assert town.writes() == []
    assert town.sync().synced.counts["created"] == 1


@pytest.mark.journey
def test_a_charge_report_on_a_partial_filter_is_refused(build_town: Build) -> None:
    town = build_town()
    config = town.sandbox.folder / "claims.toml"
    config.write_text(config.read_text().replace("claim_complete = true", "claim_complete = false"))
    town.put((HEADER + ",Charge ID\r\n" + row("500000001") + ",1").encode())
    with pytest.raises(SettingsError, match="claim_complete"):
        town.sync()


@pytest.mark.journey
def test_one_customers_fault_neither_holds_the_others_nor_hides_behind_them(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    town.put(report(row("500000001")), FIRST)
    town.put(report(row("500000002"), row("")), SECOND)

    def breaks(*_: object) -> None:
        monkeypatch.undo()
        raise ValueError("DOE, JAN")  # an unexpected error's own text may quote a claim

    environment = dict(town.environment)
    monkeypatch.setattr("claims_pipeline.sync.whole.transform", breaks)
    said = claims_pipeline(environment, "sync")
    assert set(town.claims()) == {"500000002"}
    assert said.code == Exit.UNEXPECTED
    assert f"Customer {FIRST} failed: Unexpected: ValueError" in said.err
    assert "DOE" not in said.words
    assert "row 3" in said.out


@pytest.mark.journey
def test_claims_that_arrived_are_told_though_the_list_of_payors_fails(town: Town) -> None:
    town.put(report(row("500000001")), FIRST)
    town.put(
        b"no,report\r\nof,claims\r\n", SECOND
    )  # at work after the first, so the org is asked for its sums again
    by_payor = Fault("GET", r"GROUP(\+|%20)BY", after=1, times=9, status=400, body=b"[]")
    town.sandbox.salesforce_wire.faults.add(by_payor)
    said = claims_pipeline(town.environment, "sync")
    assert "created in Salesforce" in said.out
    assert said.code == Exit.PERMANENT
    assert "The payors to map could not be told: " in said.err
    assert "refused to query" in said.err
