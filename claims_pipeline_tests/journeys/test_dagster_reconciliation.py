"""The job `full_sync_claims` and its check `salesforce_equals_source`: green, red, and left out of the daily job."""

from collections.abc import Callable

import dagster as dg
import pytest

from claims_pipeline.checks import reconciliation
from claims_pipeline.definitions import build_definitions
from claims_pipeline.sync.reconciliation import reconcile as acting
from claims_pipeline.sync.settling.standing import standing
from claims_pipeline_tests.given_report import report, row
from claims_pipeline_tests.journeys.conftest import FIRST, SECOND, Town

NAME = "salesforce_equals_source"
CHECK_STEP = f"salesforce_synced_claims_{NAME}"


@pytest.fixture
def dagster_town(town: Town, monkeypatch: pytest.MonkeyPatch) -> Town:
    """A town whose settings are this process's environment. Only the first customer ever has a stored partition."""
    for name, value in town.environment.items():
        monkeypatch.setenv(name, value)
    town.put(report(row("1001"), row("1002"), row("1003")))
    return town


def run(town: Town, job: str, customer: str = FIRST) -> dg.ExecuteInProcessResult:
    definitions = build_definitions(town.environment)
    return definitions.resolve_job_def(job).execute_in_process(partition_key=customer, raise_on_error=False)


def check_alone(town: Town, customer: str = FIRST) -> dg.ExecuteInProcessResult:
    """The check by itself, as a person runs it in the UI."""
    definitions = build_definitions(town.environment)
    alone = dg.define_asset_job(
        "alone", selection=dg.AssetSelection.checks(reconciliation.KEY), executor_def=dg.in_process_executor
    )
    job = dg.Definitions.merge(definitions, dg.Definitions(jobs=[alone])).resolve_job_def("alone")
    return job.execute_in_process(tags={"dagster/partition": customer}, raise_on_error=False)


def evaluation(result: dg.ExecuteInProcessResult) -> dg.AssetCheckEvaluation:
    (found,) = [each for each in result.get_asset_check_evaluations() if each.check_name == NAME]
    return found


def number(found: dg.AssetCheckEvaluation, name: str) -> object:
    return found.metadata[name].value


def test_the_daily_job_leaves_the_check_out_and_the_full_job_fetches_all() -> None:
    definitions = build_definitions({"COLLABORATEMD_CUSTOMER": FIRST})
    daily, full = (definitions.resolve_job_def(name) for name in ("sync_claims", "full_sync_claims"))
    steps = {node.name for node in full.graph.nodes}
    assert {node.name for node in daily.graph.nodes} == steps - {CHECK_STEP}
    assert CHECK_STEP in steps
    config = full.get_run_config_for_partition_key(FIRST)["ops"]
    asked = {"filters": "full", "accept_empty": False, "dry_run": False}
    assert config == {"raw_collaboratemd_claims": {"config": asked}}


@pytest.mark.journey
def test_a_full_sync_is_proved_by_the_check_for_its_own_customer_alone(dagster_town: Town) -> None:
    dagster_town.put(report(row("2001"), row("2002")), SECOND)
    result = run(dagster_town, "full_sync_claims", SECOND)
    assert result.success
    found = evaluation(result)
    assert found.passed
    assert not found.blocking
    assert found.metadata["customer"].value == SECOND
    assert [number(found, name) for name in ("missing", "extra", "different", "explained")] == [0, 0, 0, 0]
    assert number(found, "claims_at_source") == number(found, "claims_in_salesforce") == 2
    assert number(found, "dollars_at_source_Charged_Amount__c") == 200.0
    assert number(found, "dollars_difference_Charged_Amount__c") == 0.0
    log = dagster_town.sandbox.collaboratemd_wire.log
    assert any("20021" in access.path for access in log)
    assert not any("20020" in access.path for access in log)


@pytest.mark.journey
def test_a_difference_fails_the_check_as_an_error_with_numbers_and_holds_nothing_up(
    dagster_town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    def meddled(*args: object, **named: object) -> object:
        dagster_town.edit("1001", Paid_Amount__c=40.01)
        dagster_town.edit("1002", Source_Customer__c=SECOND)
        return standing(*args, **named)  # type: ignore[arg-type]  # passed through

    monkeypatch.setattr(acting, "standing", meddled)
    result = run(dagster_town, "full_sync_claims")
    assert result.success
    found = evaluation(result)
    assert (found.passed, found.severity) == (False, dg.AssetCheckSeverity.ERROR)
    assert [number(found, name) for name in ("missing", "extra", "different")] == [1, 0, 1]
    assert number(found, "dollars_difference_Charged_Amount__c") == -100.0
    assert number(found, "dollars_difference_Paid_Amount__c") == -39.99
    assert found.description is not None
    assert "does NOT equal the source: 1 missing, 0 extra, 1 different" in found.description
    assert f"claims-pipeline sync --full --customer {FIRST}" in found.description


@pytest.mark.journey
def test_the_event_log_holds_no_claim_of_the_check(dagster_town: Town) -> None:
    run(dagster_town, "full_sync_claims")
    dagster_town.edit("1001", MR_Number__c="EDITED")
    result = check_alone(dagster_town)
    assert not evaluation(result).passed
    events = " ".join(str(event) for event in result.all_events)
    for words in ("1001 ", "'1001'", "EDITED", "MR-1", "DOE, JAN"):
        assert words not in events


@pytest.mark.journey
def test_after_a_recent_fetch_the_check_warns_that_nothing_was_compared(dagster_town: Town) -> None:
    assert run(dagster_town, "sync_claims").success
    result = check_alone(dagster_town)
    assert result.success
    found = evaluation(result)
    assert (found.passed, found.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert found.description is not None
    assert "Not compared." in found.description
    assert "the job full_sync_claims" in found.description


@pytest.mark.journey
def test_a_failure_within_is_told_in_our_words_and_only_what_passes_is_tried_again(
    dagster_town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(dagster_town, "full_sync_claims")
    unexpected: Callable[..., object] = lambda *_, **__: (_ for _ in ()).throw(ValueError("DOE, JAN"))  # noqa: E731
    monkeypatch.setattr(acting, "standing", unexpected)
    result = check_alone(dagster_town)
    assert not result.success
    (event,) = [each for each in result.all_events if each.is_step_failure]
    words = event.step_failure_data.error_display_string
    assert "Unexpected: ValueError in" in words
    assert "DOE, JAN" not in words
    assert not [each for each in result.all_events if each.is_step_up_for_retry]
