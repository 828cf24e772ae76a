"""Behind Dagster's own webserver, daemon and code server: processes of their own, and what they answer over GraphQL."""

import os
from pathlib import Path

import pytest
import requests

from claims_pipeline_tests.journeys.canary import as_csv, good_rows
from claims_pipeline_tests.journeys.canary_scene import planted_report
from claims_pipeline_tests.journeys.test_dagster_served import Served, failures, served
from claims_pipeline_tests.privacy.failures import BROKEN_REPORTS, FAILURES
from claims_pipeline_tests.privacy.sinks import GRAPHQL, SINKS, leaks, told
from claims_pipeline_tests.privacy.stage import Stage
from claims_pipeline_tests.town import FIRST, Town

pytestmark = pytest.mark.privacy
__all__ = ["served"]
_FAILING = ("Salesforce fails at a describe", "Salesforce fails at a query")


@pytest.fixture
def town(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> Town:
    """The stage's, for the servers: their environment is this process's own, and its storage."""
    monkeypatch.setitem(os.environ, "TMPDIR", str(stage.temporary))
    return stage.town


def test_nothing_leaks_behind_dagsters_own_servers(
    stage: Stage, town: Town, served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage.shelve(planted_report())
    (refused,) = [each for each in FAILURES if each.name == "claims that Salesforce refuses"]
    refused.arrange(stage, monkeypatch, 0)
    assert served.ended(served.launch("sync_claims", FIRST))["status"] == "SUCCESS"
    for failure in [each for each in FAILURES if each.name in _FAILING]:
        stage.shelve(as_csv(good_rows(500)))
        failure.arrange(stage, monkeypatch, 500)
        ended = served.ended(served.launch("sync_claims", FIRST))
        assert ended["status"] == "FAILURE", failures(ended)
        town.sandbox.salesforce_wire.faults.clear()
    stage.shelve(BROKEN_REPORTS["an unclosed quote"])
    assert served.ended(served.launch("sync_claims", FIRST))["status"] == "FAILURE"
    answer = requests.post(f"{served.url}/graphql", json={"query": GRAPHQL}, timeout=120)
    assert "FAILURE" in answer.text
    stage.graphql.append(answer.text)
    stage.home = tmp_path / "home"
    assert told(leaks(stage, SINKS)) == ""
