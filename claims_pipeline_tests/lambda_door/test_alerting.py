"""The function tells people at the end of each invocation, through SNS, and fails over it never."""

import json
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import boto3
import pytest

from claims_pipeline.sandbox.dynamodb import REGION
from claims_pipeline.sandbox.faults import Fault
from claims_pipeline_tests.given_report import report, row
from claims_pipeline_tests.lambda_door.function import Function, became
from claims_pipeline_tests.town import FIRST, SECOND, Town

LOG_GROUP = "/aws/lambda/collaboratemd-salesforce-sync"
NO_ENTRY = Fault(path=f"/customer/{FIRST}/", times=99, status=403)


@dataclass
class Topic:
    """A topic of SNS, and a queue that reads it."""

    arn: str
    queue: str
    sqs: Any

    def taken(self) -> list[dict[str, str]]:
        """Subject and Message of each since the last look."""
        found = []
        while messages := self.sqs.receive_message(QueueUrl=self.queue).get("Messages"):
            for each in messages:
                found.append(json.loads(each["Body"]))
                self.sqs.delete_message(QueueUrl=self.queue, ReceiptHandle=each["ReceiptHandle"])
        return found


@pytest.fixture
def function(build_town: Callable[..., Town], monkeypatch: pytest.MonkeyPatch) -> Function:
    town = build_town()
    for service in ("SNS", "SQS"):
        monkeypatch.setenv(f"AWS_ENDPOINT_URL_{service}", town.sandbox.dynamodb.url)
    monkeypatch.setenv("AWS_LAMBDA_LOG_GROUP_NAME", LOG_GROUP)
    town.put(report(row("500000001")), FIRST)
    town.put(report(row("500000003")), SECOND)
    return Function(town)


@pytest.fixture
def topic(function: Function) -> Topic:
    sns, sqs = (boto3.client(each, region_name=REGION) for each in ("sns", "sqs"))
    arn = sns.create_topic(Name="function-alerts")["TopicArn"]
    queue = sqs.create_queue(QueueName="function-reader")["QueueUrl"]
    found = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    sns.subscribe(TopicArn=arn, Protocol="sqs", Endpoint=found)
    function.town.environment["CLAIMS_ALERTS_TO"] = arn
    return Topic(arn, queue, sqs)


def test_a_customer_that_failed_is_told_once_and_that_it_is_well_again(
    function: Function, topic: Topic
) -> None:
    function.town.sandbox.collaboratemd_wire.faults.add(NO_ENTRY)
    assert became(function.invoke()) == {FIRST: "failed", SECOND: "synced"}
    (message,) = topic.taken()
    assert message["Subject"].startswith(f"Claims of customer {FIRST} (Riverside): ")
    assert "logsV2:log-groups/log-group/$252Faws$252Flambda$252F" in message["Message"]
    function.invoke()
    assert topic.taken() == []
    function.town.sandbox.collaboratemd_wire.faults.clear()
    assert became(function.invoke()) == {FIRST: "synced", SECOND: "synced"}
    (message,) = topic.taken()
    assert message["Subject"] == f"Claims of customer {FIRST} (Riverside): well again"


def test_a_topic_that_refuses_fails_nothing(
    function: Function, topic: Topic, caplog: pytest.LogCaptureFixture
) -> None:
    function.town.environment["CLAIMS_ALERTS_TO"] = f"{topic.arn}-gone"
    function.town.sandbox.collaboratemd_wire.faults.add(NO_ENTRY)
    with caplog.at_level(logging.WARNING):
        assert became(function.invoke()) == {FIRST: "failed", SECOND: "synced"}
    assert "An alert was not sent, and is tried again with the next look: address 1" in caplog.text
    assert topic.arn not in caplog.text
