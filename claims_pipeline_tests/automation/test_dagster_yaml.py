"""Our `dagster.yaml` gives no run its slots for good, also where nobody can tell whether its process lives."""

import logging
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import dagster as dg
import pytest
from dagster._daemon.monitoring.run_monitoring import execute_run_monitoring_iteration

from claims_pipeline_tests.paths import REPOSITORY


@pytest.fixture
def ours(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    """An instance by our `dagster.yaml`."""
    shutil.copy(REPOSITORY / "dagster.yaml", tmp_path)
    with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
        yield instance


def began(instance: dg.DagsterInstance, hours_ago: float) -> str:
    """A run that began so long ago, and whose host is gone."""
    run = dg.DagsterRun(job_name="sync_claims", status=dg.DagsterRunStatus.STARTING)
    at = datetime.now(UTC) - timedelta(hours=hours_ago)
    instance.run_storage.add_historical_run(run, at.replace(tzinfo=None))
    start = dg.DagsterEvent(event_type_value=dg.DagsterEventType.RUN_START.value, job_name=run.job_name)
    instance.run_storage.handle_run_event(run.run_id, start, at)
    return run.run_id


def look_as_the_daemon(instance: dg.DagsterInstance) -> None:
    context: Any = SimpleNamespace(instance=instance, create_request_context=lambda: None)
    failed = list(execute_run_monitoring_iteration(context, logging.getLogger("monitoring")))
    assert failed == [None] * len(failed)


def test_a_run_whose_host_is_gone_is_ended_after_twelve_hours(ours: dg.DagsterInstance) -> None:
    lost, slow = began(ours, 12.1), began(ours, 11.9)
    assert not ours.run_launcher.supports_check_run_worker_health, "the one other thing that would end it"
    look_as_the_daemon(ours)
    statuses = [ours.get_run_by_id(each) for each in (lost, slow)]
    assert [each and each.status for each in statuses] == [
        dg.DagsterRunStatus.FAILURE,
        dg.DagsterRunStatus.STARTED,
    ]
