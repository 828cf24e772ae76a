"""The built package under AWS's own runtime client, from its unpacked zip: days of the deployed function."""

import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import boto3
import pytest

from claims_pipeline.sandbox.faults import Fault
from claims_pipeline.sync.connections import open_state, read_settings
from claims_pipeline_tests.journeys.test_people import report, row
from claims_pipeline_tests.packaging.runtime import Delivered, Ended, Lambda
from claims_pipeline_tests.town import FIRST, SECOND, Town

EVENT = {"full_sync": False}
FEW_SECONDS = 16.0
NOT_YET = Fault(path="/results/", times=9999, status=200, body=b'{"Status": "REPORT RUNNING"}')
_SECRET_NAMES = ("COLLABORATEMD_USERNAME", "COLLABORATEMD_PASSWORD", "SALESFORCE_PRIVATE_KEY")


@pytest.fixture
def town(build_town: Callable[..., Town]) -> Town:
    town = build_town(
        CLAIMS_STORAGE="s3://claims/lambda",
        SALESFORCE_BULK_FROM_ROWS="3",
        CLAIMS_LEASE_SECONDS="10",
        LAMBDA_STOP_BEFORE_SECONDS="4",
    )
    town.put(report(*(row(f"50000000{number}") for number in range(4))), FIRST)
    town.put(report(row("600000001")), SECOND)
    return town


@pytest.fixture
def function(town: Town, package: Path, tmp_path: Path) -> Iterator[Lambda]:
    """The function; its passwords and key stand in Secrets Manager, its files in S3."""
    url = town.sandbox.dynamodb.url
    boto3.client("s3", endpoint_url=url, region_name="us-east-1").create_bucket(Bucket="claims")
    settings = dict(town.environment)
    held = {name: settings.pop(name) for name in _SECRET_NAMES}
    held["SALESFORCE_PRIVATE_KEY"] = Path(held["SALESFORCE_PRIVATE_KEY"]).read_text()
    secrets = boto3.client("secretsmanager", endpoint_url=url, region_name="us-east-1")
    made = secrets.create_secret(Name=tmp_path.name, SecretString=json.dumps(held))
    (tmp_path / "function").mkdir()
    where = {
        "AWS_ENDPOINT_URL_S3": url,
        "AWS_ENDPOINT_URL_SECRETS_MANAGER": url,
        "CLAIMS_SECRET_ID": made["ARN"],
    }
    function = Lambda(package, tmp_path / "function", {**settings, **where})
    yield function
    function.close()


def outcomes(ended: Ended) -> dict[str, str]:
    """Customer -> what became of it."""
    assert ended.answer is not None, ended
    return {number: each["outcome"] for number, each in ended.answer["customers"].items()}


def state_of(town: Town, customer: str = FIRST):  # type: ignore[no-untyped-def]  # CustomerState, for the reader
    return open_state(read_settings(town.environment), "a-test").read(customer)


@pytest.mark.journey
def test_a_day_of_cold_start_sync_second_deliveries_and_an_error(town: Town, function: Lambda) -> None:
    first = Delivered(EVENT)
    ended = function.invoke(first)
    assert outcomes(ended) == {FIRST: "synced", SECOND: "synced"}
    assert len(town.claims()) == 5
    assert function.starts == 1
    town.sandbox.collaboratemd_wire.clear_log()
    assert outcomes(function.invoke(first)) == {FIRST: "served before", SECOND: "served before"}
    assert town.sandbox.collaboratemd_wire.log == []
    assert function.starts == 1, "a warm start"

    both: list[Ended] = []
    town.sandbox.collaboratemd_wire.faults.add(
        Fault(path="/results/", times=30, status=200, body=NOT_YET.body)
    )
    at_once = Delivered({"customers": [FIRST]})
    threads = [threading.Thread(target=lambda: both.append(function.invoke(at_once))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert "synced" in (found := [outcomes(each)[FIRST] for each in both])
    assert set(found) - {"synced"} <= {"served before", "at work in another delivery of this event"}
    assert len(found) == 2
    assert found.count("synced") == 1
    runs = [each for each in town.sandbox.collaboratemd_wire.log if each.path.endswith("/run")]
    assert len(runs) == 1

    town.put(b"Nothing,We,Know\r\n1,2,3\r\n", SECOND)
    failed = function.invoke_as_scheduled(Delivered(EVENT))
    assert [each.error["errorType"] for each in failed if each.error] == ["CustomersFailed"] * 3
    assert all(each.error and SECOND in each.error["errorMessage"] for each in failed)
    assert function.invoke(Delivered({"full-sync": True})).error["errorType"] == "EventRefused"  # type: ignore[index]

    lines = [json.loads(line) for line in function.log().splitlines() if line.startswith('{"level"')]
    assert {first.request_id, at_once.request_id} <= {line["request_id"] for line in lines}
    assert '"Namespace":"ClaimsPipeline"' in function.log()
    assert list((function.said.parent / "tmp" / "claims_pipeline_work").iterdir()) == []
    assert "DOE" not in function.log()


@pytest.mark.journey
def test_a_report_that_outlasts_the_function_is_taken_up_by_its_continuation(
    town: Town, function: Lambda
) -> None:
    town.sandbox.collaboratemd_wire.faults.add(NOT_YET)
    event = Delivered({"customers": [FIRST]})
    assert outcomes(function.invoke(event, seconds=FEW_SECONDS)) == {FIRST: "continued"}
    continuation = function.next_asked()
    assert continuation.event["continuation"] == {"count": 1, "of": event.request_id, "customers": [FIRST]}
    assert state_of(town).pending_request is not None
    town.sandbox.collaboratemd_wire.faults.clear()
    assert outcomes(function.invoke(continuation)) == {FIRST: "synced"}
    assert len(town.claims()) == 4
    assert outcomes(function.invoke(event)) == {FIRST: "served before"}
    runs = [each for each in town.sandbox.collaboratemd_wire.log if each.path.endswith("/run")]
    assert len(runs) == 1


@pytest.mark.journey
def test_a_bulk_job_that_outlasts_the_function_is_taken_up_by_its_continuation(
    town: Town, function: Lambda
) -> None:
    bulk = town.sandbox.bulk
    bulk.script.hold = True
    ended = function.invoke(Delivered({"customers": [FIRST]}), seconds=FEW_SECONDS)
    assert outcomes(ended) == {FIRST: "continued"}
    assert len(state_of(town).bulk_jobs) == 1
    assert town.claims() == {}
    bulk.release()
    ended = function.invoke(function.next_asked())
    assert outcomes(ended) == {FIRST: "synced"}
    assert len(town.claims()) == 4
    assert state_of(town).bulk_jobs == ()
    jobs = [each for each in town.sandbox.salesforce_wire.log if each.path.endswith("/jobs/ingest")]
    assert len(jobs) == 1


@pytest.mark.journey
def test_a_function_that_is_killed_at_its_time_out_is_taken_up_by_awss_retry(
    town: Town, function: Lambda
) -> None:
    """A step that cannot stop midway outlasts the margin: nothing is handed on, and nothing is lost."""
    hung = Fault(path="/services/data/.*/(query|composite)", times=1, delay_seconds=120.0)
    town.sandbox.salesforce_wire.faults.add(hung)
    event = Delivered({"customers": [FIRST]})
    killed = function.invoke(event, seconds=8.0)
    assert killed.was_killed
    assert function.asked.empty()
    assert outcomes(function.invoke(event)) == {FIRST: "synced"}
    assert len(town.claims()) == 4
    assert function.starts == 2
