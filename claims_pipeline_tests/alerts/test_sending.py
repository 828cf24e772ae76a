"""A message reaches SNS, Slack, Teams, any webhook and e-mail; an address is never printed."""

import email
import email.policy
import json
import logging

import boto3
import pytest
from pydantic import SecretStr

from claims_pipeline.alerts.messages import Message
from claims_pipeline.alerts.sending import Destination, NotSent, destinations_of, send
from claims_pipeline.sandbox.dynamodb import REGION
from claims_pipeline_tests.alerts.given_mailbox import Mailbox, lead_to, post_office
from claims_pipeline_tests.clients.sync_state.workers import Server

SLACK = "https://hooks.slack.com/services/T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ"
TEAMS = (
    "https://prod-1.westus.logic.azure.com:443/workflows/643e69f83c8944438d68119179a10a64/triggers/manual/paths/invoke"
    "?api-version=2016-06-01&sp=%2Ftriggers%2Fmanual%2Frun&sv=1.0&sig=KODuebWbDGYFr0z0eu"
)
MESSAGE = Message("Claims of customer 10001001: stopped", ("6 attempts failed.", "Run: https://here/runs/1"))


def to(address: str) -> Destination:
    return destinations_of([SecretStr(address)])[0]


def test_slack_gets_its_own_shape(mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch) -> None:
    lead_to(mailbox, monkeypatch)
    send(to(SLACK), MESSAGE)
    ((path, body),) = mailbox.posts
    assert path == "/hooks.slack.com/services/T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ"
    (attachment,) = body["attachments"]
    assert attachment["title"] == MESSAGE.title
    assert attachment["text"] == "6 attempts failed.\n\nRun: https://here/runs/1"


def test_teams_gets_an_adaptive_card(mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch) -> None:
    lead_to(mailbox, monkeypatch)
    send(to(TEAMS), MESSAGE)
    ((path, body),) = mailbox.posts
    assert path.startswith(
        "/prod-1.westus.logic.azure.com:443/workflows/643e69f83c8944438d68119179a10a64/triggers"
    )
    (card,) = body["attachments"]
    assert card["contentType"] == "application/vnd.microsoft.card.adaptive"
    assert card["content"]["body"][0]["text"] == MESSAGE.title
    assert "https://here/runs/1" in card["content"]["body"][1]["text"]


def test_any_other_webhook_gets_plain_json(mailbox: Mailbox) -> None:
    send(to(mailbox.address), MESSAGE)
    ((path, body),) = mailbox.posts
    assert path == "/hook/secret-token"
    assert (body["title"], body["message"]) == (MESSAGE.title, MESSAGE.text)


def test_e_mail_is_a_mail_of_that_subject() -> None:
    with post_office() as (port, mails):
        send(
            to(f"mailto://127.0.0.1:{port}?from=claims@here.example&to=on-call@here.example&mode=insecure"),
            MESSAGE,
        )
    (found,) = mails
    mail = email.message_from_string(found, policy=email.policy.default)
    assert mail["Subject"] == MESSAGE.title
    assert "on-call@here.example" in mail["To"]
    body = mail.get_body(("plain",))  # type: ignore[attr-defined]  # EmailMessage, by its policy
    assert "https://here/runs/1" in body.get_content()


def test_a_topic_of_sns_gets_it_by_the_process_own_role(
    moto: Server, aws: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    for service in ("SNS", "SQS"):
        monkeypatch.setenv(f"AWS_ENDPOINT_URL_{service}", moto.url)
    sns, sqs = (boto3.client(each, region_name=REGION) for each in ("sns", "sqs"))
    topic = sns.create_topic(Name="claims-alerts")["TopicArn"]
    queue = sqs.create_queue(QueueName="reader")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    send(to(topic), MESSAGE)
    (found,) = sqs.receive_message(QueueUrl=queue)["Messages"]
    body = json.loads(found["Body"])
    assert (body["Subject"], body["Message"]) == (MESSAGE.title, f"{MESSAGE.title}\n\n{MESSAGE.text}")
    with pytest.raises(NotSent, match=r"address 1 .*an SNS topic.*SNS refuses it \(NotFound"):
        send(to(f"{topic}-gone"), MESSAGE)


@pytest.mark.parametrize(
    "address", ["CLOSED", "nonsense://secret-token@host", "https://hooks.slack.com/secret-token"]
)
def test_what_is_not_taken_is_told_without_the_address(
    mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, address: str
) -> None:
    lead_to(mailbox, monkeypatch)
    mailbox.is_closed = True
    with caplog.at_level(logging.DEBUG), pytest.raises(NotSent) as raised:
        send(to(mailbox.address if address == "CLOSED" else address), MESSAGE)
    assert "address 1 of CLAIMS_ALERTS_TO" in str(raised.value)
    told = str(raised.value) + "".join(
        each.getMessage() for each in caplog.records if each.name != "urllib3.connectionpool"
    )
    assert "secret-token" not in told
