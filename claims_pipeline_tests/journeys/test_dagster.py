"""The assets: the whole through Dagster, reruns of one asset, checks that stop a write, and clear failures."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from claims_pipeline.definitions import build_definitions
from claims_pipeline.sandbox.generator import ReportPlan, report_bytes
from claims_pipeline.sandbox.salesforce.people import FieldAccess
from claims_pipeline.sandbox.salesforce.settings import INTEGRATION_USERNAME
from claims_pipeline.settings import Settings
from claims_pipeline.storage.frames import Storage
from claims_pipeline.sync import connections
from claims_pipeline.sync import transform as steps
from claims_pipeline_tests.journeys.conftest import FIRST, Town
from claims_pipeline_tests.payor_table import open_issues

ASSETS = {
    "raw_collaboratemd_claims",
    "payor_mapping",
    "transformed_claims",
    "rejected_claims",
    "salesforce_synced_claims",
    "unmapped_payors",
    "sync_report",
}


@pytest.fixture
def dagster_town(town: Town, monkeypatch: pytest.MonkeyPatch) -> Town:
    """A town whose settings are this process's environment, as they are in a Dagster run."""
    for name, value in town.environment.items():
        monkeypatch.setenv(name, value)
    town.put(b"".join(report_bytes(ReportPlan(claims=120, faults=0.05))))
    return town


def open_claims(town: Town) -> list[str]:
    """Issues of the org that name a claim."""
    return [key for key in open_issues(town) if "|" in key]


def run(town: Town, *, only: Sequence[str] | None = None) -> dg.ExecuteInProcessResult:
    """The job for one customer, or some of its assets."""
    definitions = build_definitions(town.environment)
    job = definitions.resolve_job_def("sync_claims")
    return job.execute_in_process(
        partition_key=FIRST,
        asset_selection=[dg.AssetKey(name) for name in only] if only else None,
        raise_on_error=False,
    )


def materialised(result: dg.ExecuteInProcessResult) -> set[str]:
    return {
        event.asset_key.to_user_string()
        for event in result.get_asset_materialization_events()
        if event.asset_key
    }


def failure(result: dg.ExecuteInProcessResult) -> str:
    (event,) = [each for each in result.all_events if each.is_step_failure]
    error = event.step_failure_data.error
    assert error is not None
    return event.step_failure_data.error_display_string


def test_definitions_load_with_an_empty_environment_and_hold_the_seven_assets() -> None:
    definitions = build_definitions({})
    dg.Definitions.validate_loadable(definitions)
    assert {key.to_user_string() for key in definitions.resolve_asset_graph().get_all_asset_keys()} == {
        *ASSETS,
        "collaboratemd_report",
    }


@pytest.mark.journey
def test_the_job_materialises_all_seven_assets_and_every_check_passes(dagster_town: Town) -> None:
    result = run(dagster_town)
    assert result.success
    assert materialised(result) == ASSETS
    checks = {each.check_name: each.passed for each in result.get_asset_check_evaluations()}
    assert checks == dict.fromkeys(
        ["rows_balance", "claim_ids_are_unique", "dollars_balance", "claims_balance"], True
    )
    (synced,) = result.asset_materializations_for_node("salesforce_synced_claims")
    assert synced.metadata["created"].value == len(dagster_town.claims()) > 100
    assert str(synced.metadata["records"].value).endswith("/lightning/o/Claim__c/list")
    (told,) = result.asset_materializations_for_node("sync_report")
    page = Path(str(told.metadata["report"].value))
    assert page.name == f"{FIRST}.html"
    assert page.read_text().startswith("<!DOCTYPE html>")
    assert told.metadata["stuck_claims"].value == len(open_claims(dagster_town)) > 0
    (answer,) = [e for e in result.get_asset_check_evaluations() if e.check_name == "claims_balance"]
    command = f"`claims-pipeline why CLAIM --customer {FIRST}`"
    assert command == answer.metadata["one_claim"].value == told.metadata["one_claim"].value
    (transformed,) = [
        each for each in result.asset_materializations_for_node("transform") if "report_rows" in each.metadata
    ]
    columns = transformed.metadata["dagster/column_schema"].value.columns  # type: ignore[union-attr]  # a TableSchema
    assert {"claim_key", "Charged_Amount__c", "Source_Payor_Key__c"} <= {column.name for column in columns}


@pytest.mark.journey
def test_a_run_reads_its_settings_once(dagster_town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every resource holds them, and each of its copies: six times a run, and the secret was asked for as often."""
    read, reads = connections.load_settings, []

    def counting(*given: Any, **named: Any) -> Settings:
        reads.append(given)
        return read(*given, **named)

    monkeypatch.setattr(connections, "load_settings", counting)
    assert run(dagster_town).success
    assert len(reads) == 1
    assert run(dagster_town).success
    assert len(reads) == 2


@pytest.mark.journey
def test_a_rerun_of_the_sync_alone_uses_what_is_stored_and_sends_nothing(dagster_town: Town) -> None:
    run(dagster_town)
    dagster_town.sandbox.collaboratemd_wire.clear_log()
    dagster_town.sandbox.salesforce_wire.clear_log()
    result = run(dagster_town, only=["salesforce_synced_claims"])
    assert result.success
    assert materialised(result) == {"salesforce_synced_claims"}
    assert dagster_town.sandbox.collaboratemd_wire.log == []
    assert dagster_town.writes() == []


@pytest.mark.journey
@pytest.mark.parametrize("alone", ["transformed_claims", "rejected_claims"])
def test_either_output_of_the_transform_may_be_made_alone(dagster_town: Town, alone: str) -> None:
    run(dagster_town)
    result = run(dagster_town, only=[alone])
    assert result.success
    assert materialised(result) == {alone}


@pytest.mark.journey
def test_a_failure_in_salesforce_is_mended_by_rerunning_from_there(dagster_town: Town) -> None:
    org = dagster_town.sandbox.org
    user = org.user(INTEGRATION_USERNAME)
    assert user is not None
    run(
        dagster_town,
        only=["raw_collaboratemd_claims", "payor_mapping", "transformed_claims", "rejected_claims"],
    )
    org.set_access(user, "Claim__c", "Paid_Amount__c", FieldAccess.READ_ONLY)
    org.set_access(user, "Claim__c", "MR_Number__c", FieldAccess.HIDDEN)
    failed = run(dagster_town, only=["salesforce_synced_claims"])
    assert not failed.success
    assert "Paid_Amount__c" in failure(failed)
    assert "MR_Number__c" in failure(failed)
    assert dagster_town.claims() == {}
    org.set_access(user, "Claim__c", "Paid_Amount__c", FieldAccess.EDIT)
    org.set_access(user, "Claim__c", "MR_Number__c", FieldAccess.EDIT)
    assert run(dagster_town, only=["salesforce_synced_claims"]).success
    assert len(dagster_town.claims()) > 100


@pytest.mark.journey
def test_a_balance_that_fails_is_a_failed_check_and_nothing_is_stored(
    dagster_town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = steps.clean_rows
    monkeypatch.setattr(steps, "clean_rows", lambda rows, rules: honest(rows.head(rows.height - 1), rules))
    result = run(dagster_town)
    assert not result.success
    assert {each.check_name for each in result.get_asset_check_evaluations() if not each.passed} == {
        "rows_balance"
    }
    assert "transformed_claims" not in materialised(result)
    assert dagster_town.claims() == {}
    folder = Storage(dagster_town.environment["CLAIMS_STORAGE"]).location
    assert "came to nothing" in failure(result)
    assert folder in dagster_town.environment["CLAIMS_STORAGE"]


@pytest.mark.journey
def test_missing_settings_fail_the_run_with_one_message_and_no_retry(
    dagster_town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("COLLABORATEMD_PASSWORD")
    monkeypatch.setenv("SALESFORCE_DOMAIN", "https://acme.lightning.force.com")
    result = run(dagster_town, only=["raw_collaboratemd_claims"])
    assert not result.success
    assert "COLLABORATEMD_PASSWORD" in failure(result)
    assert "SALESFORCE_DOMAIN" in failure(result)
    assert not [event for event in result.all_events if event.is_step_up_for_retry]


@pytest.mark.journey
def test_an_older_fetch_rerun_after_a_newer_sync_is_stopped_and_says_why(dagster_town: Town) -> None:
    run(
        dagster_town,
        only=["raw_collaboratemd_claims", "payor_mapping", "transformed_claims", "rejected_claims"],
    )
    old = Storage(dagster_town.environment["CLAIMS_STORAGE"])
    claims, rejected = (old.read(f"{name}/{FIRST}") for name in ("transformed_claims", "rejected_claims"))
    stale = [(frame.stamp, frame.frame.collect()) for frame in (claims, rejected)]
    assert run(dagster_town).success
    for name, (stamp, frame) in zip(("transformed_claims", "rejected_claims"), stale, strict=True):
        old.write(f"{name}/{FIRST}", type(claims)(frame.lazy(), stamp))
    dagster_town.sandbox.salesforce_wire.clear_log()
    result = run(dagster_town, only=["salesforce_synced_claims"])
    assert not result.success
    assert "Sending them would bring old amounts back" in failure(result)
    assert dagster_town.writes() == []


@pytest.mark.journey
def test_claims_beside_the_rejected_rows_of_another_fetch_are_not_synced(dagster_town: Town) -> None:
    run(dagster_town)
    run(dagster_town, only=["raw_collaboratemd_claims", "transformed_claims"])
    dagster_town.sandbox.salesforce_wire.clear_log()
    result = run(dagster_town, only=["salesforce_synced_claims"])
    assert not result.success
    assert "the stored rejected rows of fetch 1" in failure(result)
    assert dagster_town.writes() == []
    assert run(dagster_town, only=["rejected_claims", "salesforce_synced_claims"]).success
