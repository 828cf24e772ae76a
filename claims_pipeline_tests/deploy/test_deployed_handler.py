"""The deployed stack and the handler: the schedule's payload, what the role must grant for it, and a continuation."""

import json
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from claims_pipeline.lambda_handler import lambda_handler
from claims_pipeline_tests.deploy.aws_calls import recorded
from claims_pipeline_tests.deploy.emulated import Deployed
from claims_pipeline_tests.deploy.stacks import NEW_ACCOUNT, statements
from claims_pipeline_tests.given_report import report, row
from claims_pipeline_tests.town import SECOND, Town

pytestmark = pytest.mark.journey
FUNCTION = "collaboratemd-salesforce-sync"


@dataclass(frozen=True)
class Context:
    """What AWS tells of an invocation."""

    aws_request_id: str
    invoked_function_arn: str
    milliseconds: int = 900_000

    def get_remaining_time_in_millis(self) -> int:
        """As long as the test gives it."""
        return self.milliseconds


@pytest.fixture
def function(town: Town, stack: Deployed, monkeypatch: pytest.MonkeyPatch) -> Iterator[Deployed]:
    """The stack, with this process's environment as the function would find it."""
    town.put(report(row("RA1"), row("RA2")))
    town.put(report(row("RB1")), SECOND)
    for name in town.environment:
        monkeypatch.delenv(name, raising=False)
    for name, value in stack.environment(town).items():
        monkeypatch.setenv(name, value)
    yield stack


def granted() -> set[str]:
    """What the function's role allows in a new account."""
    return {action for each in statements(NEW_ACCOUNT, "Role") for action in each.actions}


@pytest.mark.parametrize("schedule", ["daily", "weekly-full"])
def test_a_schedules_payload_is_synced_within_the_roles_rights_and_read_by_the_operators_command(
    schedule: str, function: Deployed
) -> None:
    payload = function.payload(f"{FUNCTION}-{schedule}")
    with recorded() as called:
        answer = lambda_handler(payload, Context("request-1", function.outputs["FunctionArn"]))
    json.dumps(answer)
    key = {"sync_id": {"S": "default"}}
    item = function.client("dynamodb").get_item(TableName="collaboratemd-state", Key=key)["Item"]
    assert (item["records_processed"], item["success_count"]) == ({"N": "3"}, {"N": "3"})
    assert called <= granted()


def test_what_the_time_ends_is_handed_on_by_a_call_that_the_role_grants(function: Deployed) -> None:
    with recorded() as called:
        lambda_handler({"full_sync": False}, Context("request-2", function.outputs["FunctionArn"], 1))
    assert "lambda:InvokeFunction" in called
    assert called <= granted()
