"""The handler as AWS calls it: what it returns and raises, what its log and metrics hold, and what they never hold."""

import json
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from unittest import mock

import pytest

from claims_pipeline.lambda_door import tracing
from claims_pipeline.lambda_door.event import EventRefused
from claims_pipeline.lambda_door.outcomes import CustomersFailed
from claims_pipeline.lambda_handler import HandlerFailed, lambda_handler
from claims_pipeline.sandbox.salesforce.rows import RowError
from claims_pipeline.sandbox.salesforce.scripts import Refusal
from claims_pipeline_tests.journeys.canary import CLAIM, PATIENT, as_csv, faulty_rows, good_rows
from claims_pipeline_tests.town import FIRST, SECOND, Town

COUNTS = ("ClaimsCreated", "ClaimsUpdated", "ClaimsUnchanged", "ClaimsRefused", "ClaimsHeld", "RowsRejected")


@dataclass
class Context:
    """AWS's context, with time enough."""

    aws_request_id: str = "request-1"
    invoked_function_arn: str = "arn:aws:lambda:us-east-1:123456789012:function:collaboratemd-salesforce-sync"
    milliseconds: int = 900_000

    def get_remaining_time_in_millis(self) -> int:
        return self.milliseconds


@pytest.fixture(autouse=True)
def loggers_as_before() -> Iterator[None]:
    """The handler sets up logging for its whole process."""
    root, ours = logging.getLogger(), logging.getLogger("claims_pipeline")
    before = root.level, ours.level, [(each, each.formatter) for each in root.handlers]
    yield
    root.setLevel(before[0])
    ours.setLevel(before[1])
    for handler, formatter in before[2]:
        handler.setFormatter(formatter)


@pytest.fixture
def town(build_town: Callable[..., Town], monkeypatch: pytest.MonkeyPatch) -> Town:
    """The canary's patients; the handler reads its settings from the environment alone."""
    town = build_town()
    town.put(as_csv(good_rows() + faulty_rows()), FIRST)
    town.put(as_csv(good_rows(50, 2)), SECOND)
    for name, value in town.environment.items():
        monkeypatch.setenv(name, value)
    return town


def metrics_in(out: str) -> dict[str | None, dict[str, Any]]:
    """Customer (None: the function as a whole) -> metric -> value."""
    lines = [json.loads(line) for line in out.splitlines() if line.startswith('{"_aws"')]
    found = {}
    for line in lines:
        (declared,) = line["_aws"]["CloudWatchMetrics"]
        assert declared["Namespace"] == "ClaimsPipeline"
        (dimensions,) = declared["Dimensions"]
        assert set(dimensions) == {"service"} | ({"Customer"} if "Customer" in line else set())
        assert line["service"] == "collaboratemd-salesforce-sync"
        names = [each["Name"] for each in declared["Metrics"]]
        found[line.get("Customer")] = {name: line[name][0] for name in names}
    return found


def test_counts_come_back_and_are_measured(town: Town, capsys: pytest.CaptureFixture[str]) -> None:
    answer = lambda_handler({"full_sync": False}, Context())
    assert answer["statusCode"] == 200
    assert answer["request_id"] == "request-1"
    measured = metrics_in(capsys.readouterr().out)
    assert set(measured) == {None, FIRST, SECOND}
    for name in COUNTS:
        assert measured[None][name] == measured[FIRST][name] + measured[SECOND][name]
    assert measured[FIRST]["ClaimsCreated"] == answer["customers"][FIRST]["created"] > 0
    assert measured[FIRST]["RowsRejected"] == answer["customers"][FIRST]["rows_rejected"] > 0
    assert measured[None]["UnmappedPayors"] == 2
    assert "UnmappedPayors" not in measured[FIRST], "payors are the org's"
    assert [measured[each]["MinutesSinceLastSuccess"] for each in (None, FIRST, SECOND)] == [0, 0, 0]


def test_refused_claims_of_all_customers_are_summed(town: Town, capsys: pytest.CaptureFixture[str]) -> None:
    refuse(town, 0, 1, 50)
    lambda_handler({}, Context())
    measured = metrics_in(capsys.readouterr().out)
    assert [measured[each]["ClaimsRefused"] for each in (None, FIRST, SECOND)] == [3, 2, 1]


def refuse(town: Town, *numbers: int) -> None:
    """The org refuses these claims of the canary's."""
    error = RowError("FIELD_CUSTOM_VALIDATION_EXCEPTION", "no")
    town.sandbox.org.scripts.refusals += [Refusal("Claim__c", f"{CLAIM}{each}", error) for each in numbers]


def test_a_failure_raises_names_customers_and_kinds_and_tells_how_long_ago_the_last_success_was(
    town: Town, capsys: pytest.CaptureFixture[str]
) -> None:
    town.put(f"Nothing,{PATIENT}\r\n1,{PATIENT}\r\n".encode(), SECOND)
    with pytest.raises(CustomersFailed) as failed:
        lambda_handler({}, Context())
    assert str(failed.value).startswith(f"1 of 2 customer(s) failed: {SECOND} (ReportColumnsChanged).")
    measured = metrics_in(capsys.readouterr().out)
    assert measured[FIRST]["ClaimsCreated"] > 0, "what was done is measured all the same"
    assert SECOND not in measured, "there never was a success"


def test_lines_are_json_with_request_and_customer_and_nothing_of_a_claim(
    town: Town, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    lambda_handler({"customers": [FIRST]}, Context())
    lines = [json.loads(line) for line in caplog.text.splitlines() if line.startswith("{")]
    assert len(lines) > 5
    assert {line["request_id"] for line in lines} == {"request-1"}
    assert {line.get("customer") for line in lines} == {FIRST, None}
    assert lines[-1]["answer"]["customers"][FIRST]["created"] > 0
    everything = caplog.text + "".join(capfd.readouterr())
    assert PATIENT not in everything


def test_an_unexpected_error_leaves_without_its_text(town: Town) -> None:
    broken = ValueError(f"could not convert {PATIENT}NAME")
    with (
        mock.patch("claims_pipeline.lambda_handler.invoke", side_effect=broken),
        pytest.raises(HandlerFailed) as failed,
    ):
        lambda_handler({}, Context())
    assert PATIENT not in str(failed.value)
    assert "ValueError" in str(failed.value)
    assert (failed.value.__cause__, failed.value.__context__) == (None, None)


def test_a_customers_unexpected_error_is_told_by_its_place(
    town: Town, caplog: pytest.LogCaptureFixture
) -> None:
    broken = ValueError(f"could not convert {PATIENT}NAME")
    with (
        mock.patch("claims_pipeline.sync.whole.transform", side_effect=broken),
        pytest.raises(CustomersFailed, match=rf"{FIRST} \(ValueError\), {SECOND} \(ValueError\)"),
    ):
        lambda_handler({}, Context())
    assert PATIENT not in caplog.text
    assert "This is a fault of the pipeline" in caplog.text


def test_an_event_that_cannot_be_read_is_refused_before_anything_is_asked(town: Town) -> None:
    with pytest.raises(EventRefused, match="full-sync"):
        lambda_handler({"full-sync": True}, Context())
    assert town.sandbox.dynamodb.log == []


def test_a_segment_a_customer_is_traced_where_tracing_is_on(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The recorder's own emitter is watched: it must carry the customer's number and nothing of a claim."""
    trace = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1"
    monkeypatch.setenv("_X_AMZN_TRACE_ID", trace)
    monkeypatch.setenv("LAMBDA_TASK_ROOT", "/var/task")
    monkeypatch.setenv("AWS_XRAY_DAEMON_ADDRESS", "127.0.0.1:2000")
    sent: list[str] = []
    with mock.patch(
        "aws_xray_sdk.core.emitters.udp_emitter.UDPEmitter.send_entity",
        side_effect=lambda entity: sent.append(entity.serialize()),
    ):
        lambda_handler({}, Context())
    customers = [json.loads(each)["annotations"]["customer"] for each in sent if '"customer"' in each]
    assert customers == [FIRST, SECOND]
    assert not any(PATIENT in each for each in sent)


def test_tracing_costs_nothing_where_it_is_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("_X_AMZN_TRACE_ID", raising=False)
    assert not tracing.is_on()
    with mock.patch("builtins.__import__", side_effect=AssertionError), tracing.segment_of(FIRST):
        pass
