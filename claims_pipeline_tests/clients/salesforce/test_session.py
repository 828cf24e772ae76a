"""The session: bounded in time and repeats, whatever the other side does."""

import socket

import pytest

from claims_pipeline.clients.salesforce import (
    AnotherOrgAnswers,
    NotTrusted,
    QuotaSpent,
    RequestRefused,
    SalesforceClient,
    SalesforceLogin,
    SalesforceUnavailable,
    SignInRefused,
    Timing,
    UnexpectedAnswer,
)
from claims_pipeline.errors import DeadlineExceeded
from claims_pipeline_tests.clients.salesforce.conftest import ClientMaker, FakeTime
from claims_pipeline_tests.clients.salesforce.scripted_org import (
    DATA,
    USER_ID,
    ScriptedOrg,
    Told,
    error,
    told,
)

ONE = told({"totalSize": 1, "done": True, "records": [{"Id": "a01"}]}, Sforce_Limit_Info="api-usage=18/15000")
HTML = Told(200, b"<html>Down for maintenance, says Jane Doe</html>", {"Content-Type": "text/html"})


def ask(client: SalesforceClient) -> list[dict[str, object]]:
    return list(client.query("SELECT Id FROM Claim__c"))


def test_nothing_is_sent_before_the_first_use(org: ScriptedOrg, client: SalesforceClient) -> None:
    assert org.asked == []
    assert client.api_usage is None


def test_the_usage_that_salesforce_tells_is_kept(org: ScriptedOrg, client: SalesforceClient) -> None:
    org.on("GET", "/query/", ONE)
    assert ask(client) == [{"Id": "a01"}]
    assert client.api_usage is not None
    assert (client.api_usage.used, client.api_usage.allowed) == (18, 15000)
    assert client.api_calls == len(org.asked) == 3


@pytest.mark.parametrize(
    "passing",
    [
        error("SERVER_UNAVAILABLE", 503),
        error("UNABLE_TO_LOCK_ROW", 400),
        error("REQUEST_LIMIT_EXCEEDED", 403, "ConcurrentPerOrgLongTxn Limit exceeded."),
        Told(429, b""),
        Told(500, b"oops"),
        HTML,
        Told(200, b'{"records": []}', cut_after=5),
    ],
    ids=["503", "lock", "concurrent", "429", "500", "html", "cut"],
)
def test_what_passes_is_asked_again(
    org: ScriptedOrg, client: SalesforceClient, fake_time: FakeTime, passing: Told
) -> None:
    org.on("GET", "/query/", passing, passing, ONE)
    assert ask(client) == [{"Id": "a01"}]
    assert fake_time.slept == [1, 2]


def test_retry_after_is_honoured(org: ScriptedOrg, client: SalesforceClient, fake_time: FakeTime) -> None:
    org.on("GET", "/query/", Told(429, b"", {"Retry-After": "37"}), ONE)
    ask(client)
    assert fake_time.slept == [37]


def test_retry_after_as_a_date_is_read_against_the_servers_own_clock(
    org: ScriptedOrg, client: SalesforceClient, fake_time: FakeTime
) -> None:
    headers = {"Retry-After": "Mon, 05 Jan 2026 12:00:30 GMT", "Date": "Mon, 05 Jan 2026 12:00:00 GMT"}
    org.on("GET", "/query/", Told(503, b"", headers), ONE)
    ask(client)
    assert fake_time.slept == [30]


def test_a_wait_beyond_the_deadline_is_not_begun(
    org: ScriptedOrg, client: SalesforceClient, fake_time: FakeTime
) -> None:
    org.on("GET", "/query/", Told(429, b"", {"Retry-After": "86400"}))
    with pytest.raises(SalesforceUnavailable):
        ask(client)
    assert fake_time.slept == []


def test_repeats_end(org: ScriptedOrg, client: SalesforceClient) -> None:
    org.on("GET", "/query/", Told(503, b"Jane Doe"))
    with pytest.raises(SalesforceUnavailable, match="503") as raised:
        ask(client)
    assert len(org.asked_of("GET", "/query/")) == 5
    assert "Jane" not in str(raised.value)


def test_a_web_page_is_never_taken_for_an_answer(org: ScriptedOrg, client: SalesforceClient) -> None:
    org.on("GET", "/query/", HTML)
    with pytest.raises(UnexpectedAnswer, match="maintenance") as raised:
        ask(client)
    assert "Jane" not in str(raised.value)


def test_a_page_without_records_is_never_taken_for_an_empty_one(
    org: ScriptedOrg, client: SalesforceClient
) -> None:
    org.on("GET", "/query/", told({}), told({"totalSize": 0, "done": True}), Told(200, b"not json"))
    for _ in range(3):
        with pytest.raises(UnexpectedAnswer):
            ask(client)


def test_the_spent_quota_is_said_at_once(org: ScriptedOrg, client: SalesforceClient) -> None:
    org.on("GET", "/query/", error("REQUEST_LIMIT_EXCEEDED", 403, "TotalRequests Limit exceeded."))
    with pytest.raises(QuotaSpent, match="24 hours"):
        ask(client)
    assert len(org.asked_of("GET", "/query/")) == 1


def test_a_refusal_tells_code_and_fields_and_never_its_text(
    org: ScriptedOrg, client: SalesforceClient
) -> None:
    org.on("GET", "/query/", error("INVALID_FIELD", 400, "No such column Jane Doe", ["DOS__c", "Jane Doe"]))
    with pytest.raises(RequestRefused, match=r"INVALID_FIELD \[DOS__c\]") as raised:
        ask(client)
    assert "Jane" not in str(raised.value)
    assert len(org.asked_of("GET", "/query/")) == 1


def test_a_redirect_is_not_followed(org: ScriptedOrg, client: SalesforceClient) -> None:
    org.on("GET", "/query/", Told(302, b"", {"Location": "https://elsewhere.example/"}))
    with pytest.raises(RequestRefused, match="SALESFORCE_DOMAIN"):
        ask(client)
    assert len(org.asked_of("GET", "/query/")) == 1


def test_a_body_that_drips_for_ever_is_left_at_the_deadline(
    org: ScriptedOrg, client: SalesforceClient, fake_time: FakeTime
) -> None:
    client.sign_in()
    org.on("GET", "/query/", Told(drips=True))
    fake_time.tick = 30
    with pytest.raises(DeadlineExceeded, match="took longer"):
        ask(client)


def test_a_server_that_says_nothing_is_left_after_the_read_timeout(
    org: ScriptedOrg, make_client: ClientMaker
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"https://127.0.0.1:{silent.getsockname()[1]}"
        client = make_client(
            domain=address,
            consumer_key="key",
            consumer_secret="secret",
            timing=Timing(connect_seconds=0.01, read_seconds=0.01),
        )
        with pytest.raises(SalesforceUnavailable):
            client.sign_in()


def test_a_certificate_of_nobody_is_not_trusted(org: ScriptedOrg, fake_time: FakeTime) -> None:
    login = SalesforceLogin(domain=org.url, consumer_key="key", consumer_secret="secret")
    client = SalesforceClient(login, sleep=fake_time.sleep)
    with pytest.raises(NotTrusted, match=r"127\.0\.0\.1"):
        client.sign_in()
    client.close()
    assert fake_time.slept == []


def test_the_environment_cannot_change_whom_we_trust(
    org: ScriptedOrg, client: SalesforceClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nonexistent.pem")
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    assert client.sign_in().username == "integration@acme.example"


DEAD = error("INVALID_SESSION_ID", 401, "Session expired or invalid")


def test_a_lost_session_is_renewed_once_and_the_call_repeated(
    org: ScriptedOrg, client: SalesforceClient
) -> None:
    org.on("GET", "/query/", DEAD, ONE)
    assert ask(client) == [{"Id": "a01"}]
    tokens = [asked.headers["Authorization"] for asked in org.asked_of("GET", "/query/")]
    assert [token[-6:] for token in tokens] == ["token1", "token2"]


def test_a_session_may_be_lost_again_later(org: ScriptedOrg, client: SalesforceClient) -> None:
    org.on("GET", "/query/", DEAD, ONE, DEAD, ONE)
    ask(client)
    ask(client)
    assert len(org.asked_of("POST", "/token")) == 3


def test_a_session_is_never_renewed_into_another_org(org: ScriptedOrg, client: SalesforceClient) -> None:
    """A sandbox that is refreshed while a run is on its way: the run asks and writes nothing in the new one."""
    org.on("GET", "/query/", ONE, DEAD, ONE)
    ask(client)
    org.on("GET", "/userinfo", told({"organization_id": "00D000000000002AAA", "user_id": USER_ID}))
    for _ in range(2):
        with pytest.raises(
            AnotherOrgAnswers, match=r"00D000000000001AAA was lost, .* led to org 00D000000000002AAA"
        ):
            ask(client)
    assert len(org.asked_of("GET", "/query/")) == 2


def test_a_lasting_401_costs_exactly_one_new_sign_in(org: ScriptedOrg, client: SalesforceClient) -> None:
    org.on("GET", DATA, DEAD)
    for _ in range(3):
        with pytest.raises(SignInRefused, match="401"):
            ask(client)
    assert len(org.asked_of("POST", "/token")) == 2


@pytest.mark.parametrize(
    "refusal",
    [
        error("INVALID_AUTH_HEADER", 401),
        error("INVALID_SESSION_ID", 401, "This session is not valid for use with the REST API"),
        Told(401, b"<html>", {"Content-Type": "text/html"}),
        told({"error": "no"}, 401),
    ],
    ids=["other code", "not for REST", "html", "object"],
)
def test_a_401_that_a_new_session_cannot_cure_costs_no_sign_in(
    org: ScriptedOrg, client: SalesforceClient, refusal: Told
) -> None:
    org.on("GET", "/query/", refusal)
    with pytest.raises(SignInRefused):
        ask(client)
    assert len(org.asked_of("POST", "/token")) == 1


def test_one_connection_serves_all_calls(org: ScriptedOrg, client: SalesforceClient) -> None:
    org.on("GET", "/query/", ONE, DEAD, ONE)
    for _ in range(3):
        ask(client)
    assert org.connections == 1
