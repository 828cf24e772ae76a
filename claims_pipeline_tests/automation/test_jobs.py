"""The two jobs fetch what their names say."""

import dagster as dg
import pytest

from claims_pipeline.definitions import build_definitions
from claims_pipeline.sandbox.systems import FULL_FILTER_ID, RECENT_FILTER_ID
from claims_pipeline_tests.given_report import report, row
from claims_pipeline_tests.town import FIRST, Town


@pytest.mark.journey
@pytest.mark.parametrize(
    ("job", "filter_id"), [("sync_claims", RECENT_FILTER_ID), ("full_sync_claims", FULL_FILTER_ID)]
)
def test_each_job_fetches_by_its_filters(
    town: Town, monkeypatch: pytest.MonkeyPatch, job: str, filter_id: str
) -> None:
    for name, value in town.environment.items():
        monkeypatch.setenv(name, value)
    town.sandbox.put_report(FIRST, report(row("1")), filter_id)
    result = (
        build_definitions(town.environment)
        .resolve_job_def(job)
        .execute_in_process(partition_key=FIRST, asset_selection=[dg.AssetKey("raw_collaboratemd_claims")])
    )
    (raw,) = result.asset_materializations_for_node("raw_collaboratemd_claims")
    assert raw.partition == FIRST
    asked = [access.path for access in town.sandbox.collaboratemd_wire.log if "/filter/" in access.path]
    assert asked
    assert all(f"/{filter_id}/" in path for path in asked), asked
