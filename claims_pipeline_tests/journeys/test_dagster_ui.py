"""What the UI shows without a manual: grain, key, source, columns and where they come from, numbers, words, links."""

from typing import Any

import dagster as dg
import pytest

from claims_pipeline.claims.columns import COLUMNS
from claims_pipeline.definitions import build_definitions
from claims_pipeline_tests.given_report import CLAIM_LABELS, report, row
from claims_pipeline_tests.journeys.conftest import FIRST, Town

pytestmark = pytest.mark.journey


@pytest.fixture
def result(town: Town, monkeypatch: pytest.MonkeyPatch) -> dg.ExecuteInProcessResult:
    for name, value in {**town.environment, "CLAIMS_DOCS_URL": "https://docs.example.com/claims"}.items():
        monkeypatch.setenv(name, value)
    town.put(report(row("1"), row("2"), row("3", ClaimTotalAmount="1e5")))
    job = build_definitions(town.environment).resolve_job_def("sync_claims")
    return job.execute_in_process(partition_key=FIRST)


def metadata(result: dg.ExecuteInProcessResult) -> dict[str, dict[str, Any]]:
    """Asset -> what its materialization shows."""
    return {
        event.asset_key.to_user_string(): {
            name: each.value for name, each in event.materialization.metadata.items()
        }
        for event in result.get_asset_materialization_events()
        if event.asset_key
    }


def test_each_asset_says_its_grain_key_and_source_and_when_it_is_stale() -> None:
    graph = build_definitions({}).resolve_asset_graph()
    for key in graph.materializable_asset_keys:
        node = graph.get(key)
        for word in ("Grain:", "Key:", "Source:"):
            assert word in (node.description or ""), key
        assert node.owners, key
        assert node.kinds, key
        assert node.group_name, key
        policy = node.freshness_policy
        assert isinstance(policy, dg.FreshnessPolicy), key


def test_every_column_has_a_description(result: dg.ExecuteInProcessResult) -> None:
    found = metadata(result)
    graph = build_definitions({}).resolve_asset_graph()
    for asset in graph.materializable_asset_keys:
        shown = {**graph.get(asset).metadata, **found[asset.to_user_string()]}
        schema = shown["dagster/column_schema"]
        assert schema.columns, asset
        undescribed = [each.name for each in schema.columns if not each.description]
        assert undescribed == [], asset.to_user_string()


def test_a_field_of_salesforce_leads_back_to_the_label_in_the_report(
    result: dg.ExecuteInProcessResult,
) -> None:
    found = metadata(result)

    def of(asset: str, column: str) -> list[tuple[str, str]]:
        deps = found[asset]["dagster/column_lineage"].deps_by_column[column]
        return [(each.asset_key.to_user_string(), each.column_name) for each in deps]

    for column in COLUMNS:
        if column.salesforce is None:
            continue
        assert of("transformed_claims", column.salesforce) == [("raw_collaboratemd_claims", column.field)]
        ((asset, label),) = of("raw_collaboratemd_claims", column.field)
        assert asset == "collaboratemd_report"
        assert label in CLAIM_LABELS
    assert of("salesforce_synced_claims", "claim_number") == [("transformed_claims", "Claim_Number__c")]


def test_numbers_plot_customers_have_names_and_links_lead_on(result: dg.ExecuteInProcessResult) -> None:
    found = metadata(result)
    for shown in found.values():
        assert isinstance(shown["seconds"], float)
        assert shown["docs"] == "https://docs.example.com/claims/engineer.md"
    synced = found["salesforce_synced_claims"]
    assert synced["customer"] == f"Riverside ({FIRST})"
    assert synced["api_calls_left"] > 1000
    assert (synced["created"], synced["dollars_created_Charged_Amount__c"]) == (2, 200.0)
    assert "/lightning/o/Claim_Sync_Issue__c/list?" in synced["issues"]
    assert found["unmapped_payors"]["mapping_page"].endswith("/lightning/n/ClaimPayorMapping")


def test_checks_say_in_words_what_they_found(result: dg.ExecuteInProcessResult) -> None:
    words = {each.check_name: each.description or "" for each in result.get_asset_check_evaluations()}
    assert words["rows_balance"].startswith("Of 3 rows 2 stand behind 2 claims, and 1 are rejected")
    assert words["claims_balance"] == "Every claim has one outcome, and the dollars agree: 2 created."
    assert all(words.values())


def test_a_run_carries_its_customers_name(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in town.environment.items():
        monkeypatch.setenv(name, value)
    town.put(report(row("1")))
    job = build_definitions(town.environment).resolve_job_def("sync_claims")
    with dg.DagsterInstance.ephemeral() as instance:
        result = job.execute_in_process(
            partition_key=FIRST, instance=instance, asset_selection=[dg.AssetKey("raw_collaboratemd_claims")]
        )
        run = instance.get_run_by_id(result.run_id)
        assert run is not None
        assert run.tags["claims/customer"] == "Riverside"


def test_a_failed_step_leads_to_the_page_that_says_what_to_do(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {**town.environment, "CLAIMS_DOCS_URL": "https://docs.example.com/claims/"}.items():
        monkeypatch.setenv(name, value)
    town.put(b"ClaimID,Another\n1,2\n")
    job = build_definitions(town.environment).resolve_job_def("sync_claims")
    result = job.execute_in_process(partition_key=FIRST, raise_on_error=False)
    (event,) = [each for each in result.all_events if each.is_step_failure]
    shown = event.step_failure_data.user_failure_data
    assert shown is not None
    assert shown.metadata["error"].value == "ReportColumnsChanged"
    assert shown.metadata["docs"].value == (
        "https://docs.example.com/claims/operations.md#what-a-failure-looks-like"
    )
