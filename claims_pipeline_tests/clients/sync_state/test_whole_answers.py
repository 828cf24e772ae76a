"""What is no answer of DynamoDB's is never taken for one: neither for an empty item nor for a write that was done."""

from types import SimpleNamespace

import pytest
from botocore.awsrequest import AWSResponse, HeadersDict

from claims_pipeline.clients.sync_state import StateAccessDenied, StateTableWrong, StateUnavailable, connect
from claims_pipeline.clients.sync_state.table import StateTable

PAGE = b"<html>DOE, JAN is in maintenance</html>"


class Body:
    def __init__(self, content: bytes) -> None:
        self._content = content

    def stream(self) -> list[bytes]:
        return [self._content]


@pytest.fixture(autouse=True)
def nobody_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setattr("botocore.endpoint.time", SimpleNamespace(sleep=lambda _: None))


def table(*answers: tuple[int, bytes], **headers: str) -> tuple[StateTable, list[int]]:
    """A table whose calls get these answers, the last one for ever; and the statuses given."""
    client = connect("us-east-1", "http://127.0.0.1:9")
    left, given = list(answers), []
    named = {name.replace("_", "-"): value for name, value in headers.items()}

    def answer(**_: object) -> AWSResponse:
        status, content = left.pop(0) if len(left) > 1 else left[0]
        given.append(status)
        return AWSResponse("http://127.0.0.1:9", status, HeadersDict(named), Body(content))

    client.meta.events.register("before-send.dynamodb.*", answer)
    return StateTable("state", client=client, sleep=lambda _: None), given


@pytest.mark.parametrize("body", [PAGE, b"", b'{"Item": {"sync', b"[1]", b"null"])
def test_a_good_status_without_a_whole_answer_is_asked_again_and_then_fails(body: bytes) -> None:
    asked, given = table((200, body), (200, b'{"Item": {"sync_id": {"S": "1"}}}'))
    assert asked.get("1") == {"sync_id": {"S": "1"}}
    assert given == [200, 200]
    asked, given = table((200, body))
    with pytest.raises(StateUnavailable, match="run again later") as told:
        asked.get("1")
    assert len(given) == 5
    assert "DOE" not in str(told.value)


@pytest.mark.parametrize("status", [500, 503])
@pytest.mark.parametrize("body", [PAGE, b"", b"[1]"])
def test_a_bad_status_of_somebody_else_passes(status: int, body: bytes) -> None:
    asked, given = table((status, body))
    with pytest.raises(StateUnavailable, match="run again later"):
        asked.get("1")
    assert len(given) == 5


def test_a_refusal_of_dynamodbs_own_that_was_cut_is_asked_again_and_passes() -> None:
    """It may have been a condition that does not hold: what it was, nobody knows."""
    asked, given = table((400, b'{"__type": "com.am'), x_amzn_RequestId="1")
    with pytest.raises(StateUnavailable, match="run again later"):
        asked.get("1")
    assert len(given) == 5


def test_too_many_requests_pass() -> None:
    with pytest.raises(StateUnavailable, match="run again later"):
        table((429, PAGE))[0].get("1")


def test_a_proxys_refusal_is_told_as_what_it_is() -> None:
    with pytest.raises(
        StateAccessDenied, match=r"Something else than DynamoDB answers to get_item .*HTTP 403"
    ):
        table((403, PAGE))[0].get("1")


def test_a_code_that_is_none_is_not_quoted() -> None:
    with pytest.raises(StateTableWrong) as told:
        table((400, b'{"__type": "DOE, JAN"}'))[0].get("1")
    assert "DOE" not in str(told.value)
