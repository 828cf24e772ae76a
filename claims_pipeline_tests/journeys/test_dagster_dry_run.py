"""A dry run through Dagster: asked for in the job's run config, told beside the asset, and nothing is materialised."""

from typing import Any

import dagster as dg
import pytest

from claims_pipeline.definitions import build_definitions
from claims_pipeline.sandbox.collaboratemd.shelf import Answer, Script
from claims_pipeline.sandbox.systems import RECENT_FILTER_ID, REPORT_ID
from claims_pipeline_tests.journeys.conftest import FIRST, Town
from claims_pipeline_tests.journeys.test_dry_run import a_morning, files, items

pytestmark = pytest.mark.journey


@pytest.fixture
def dagster_town(town: Town, monkeypatch: pytest.MonkeyPatch) -> Town:
    """A town on a morning with changes, whose settings are this process's environment."""
    for name, value in town.environment.items():
        monkeypatch.setenv(name, value)
    a_morning(town)
    return town


def rehearse(town: Town, job: str = "sync_claims", **config: Any) -> dg.ExecuteInProcessResult:
    """The job as a person starts it from the launchpad."""
    chosen = {"ops": {"raw_collaboratemd_claims": {"config": {"dry_run": True, **config}}}}
    return (
        build_definitions(town.environment)
        .resolve_job_def(job)
        .execute_in_process(partition_key=FIRST, run_config=chosen, raise_on_error=False)
    )


def observation(result: dg.ExecuteInProcessResult) -> dg.AssetObservation:
    (found,) = result.get_asset_observation_events()
    return found.asset_observation_data.asset_observation


def table(told: dg.AssetObservation, name: str) -> list[dict[str, Any]]:
    value = told.metadata[name]
    assert isinstance(value, dg.TableMetadataValue)
    return [dict(record.data) for record in value.records]


@pytest.mark.parametrize(("job", "config"), [("sync_claims", {}), ("full_sync_claims", {"filters": "full"})])
def test_it_materialises_nothing_and_leaves_state_files_and_org_alone(
    dagster_town: Town, job: str, config: dict[str, str]
) -> None:
    before = (items(dagster_town), files(dagster_town), dagster_town.claims())
    written = dagster_town.sandbox.org.written = []
    result = rehearse(dagster_town, job, **config)
    assert result.success
    assert result.get_asset_materialization_events() == []
    assert result.get_asset_check_evaluations() == []
    skipped = {each.step_key for each in result.all_events if each.is_step_skipped}
    assert {"transform", "salesforce_synced_claims", "unmapped_payors"} <= skipped
    assert (items(dagster_town), files(dagster_town), dagster_town.claims()) == before
    assert written == []


def test_it_tells_what_the_sync_then_does_as_tables(dagster_town: Town) -> None:
    told = observation(rehearse(dagster_town))
    assert told.asset_key == dg.AssetKey("salesforce_synced_claims")
    assert told.partition == FIRST
    foretold = {
        name.removeprefix("would_be_"): value.value
        for name, value in told.metadata.items()
        if name.startswith("would_be_")
    }
    refused = table(told, "refusals_foreseen")
    assert {(each["claim"], each["code"]) for each in refused} == {
        ("A4", "NUMBER_OUTSIDE_VALID_RANGE"),
        ("A5", "REQUIRED_FIELD_MISSING"),
        ("N2", "REQUIRED_FIELD_MISSING"),
    }
    assert all(each["what_is_wrong"] and each["what_to_do"] for each in refused)
    assert [each["payor"] for each in table(told, "new_payors")] == ["Brand New Health"]
    assert {each["field"] for each in table(told, "would_update_by_field")} >= {"Charged_Amount__c"}
    assert {each["amount"] for each in table(told, "would_move_dollars")} == {"charged", "paid", "balance"}
    assert dagster_town.sync().synced.counts == foretold


def test_no_patient_stands_in_what_it_tells(dagster_town: Town) -> None:
    words = str([str(value.value) for value in observation(rehearse(dagster_town)).metadata.values()])
    assert "A5" in words
    for cell in ("DOE", "MR-1", "AU1", "EFT1", "01/05/2026", "2026-01-05"):
        assert cell not in words


def test_one_that_fails_is_no_attempt_of_the_customer(dagster_town: Town) -> None:
    before = items(dagster_town)
    dagster_town.sandbox.reports.script(
        FIRST, REPORT_ID, RECENT_FILTER_ID, Script(polls=(Answer.INVALID_CRITERIA,))
    )
    result = rehearse(dagster_town)
    assert not result.success
    assert items(dagster_town) == before
