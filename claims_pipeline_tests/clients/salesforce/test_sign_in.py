"""Each way of signing in: the bytes that are sent, who we are told to be, and what a refusal says."""

import logging
from urllib.parse import parse_qs

import jwt
import pytest
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from claims_pipeline.clients.salesforce import (
    OrgIdentity,
    SalesforceClient,
    SalesforceLogin,
    SignInRefused,
    UnexpectedAnswer,
    Way,
)
from claims_pipeline.clients.salesforce.identity import long_id
from claims_pipeline_tests.clients.salesforce.conftest import NOW, ClientMaker
from claims_pipeline_tests.clients.salesforce.scripted_org import ORG_ID, USER_ID, ScriptedOrg, Told, told

PASSWORD = {"username": "me@acme.example", "password": "p&<w>d", "security_token": "t<k>n"}


def soap_answer(org: ScriptedOrg, *, expired: str = "false", user_id: str = USER_ID) -> Told:
    return Told(
        200,
        f'<?xml version="1.0" encoding="UTF-8"?><soapenv:Envelope '
        'xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" xmlns="urn:partner.soap.sforce.com">'
        f"<soapenv:Body><loginResponse><result><passwordExpired>{expired}</passwordExpired>"
        f"<serverUrl>{org.url}/services/Soap/u/59.0/00D</serverUrl><sessionId>{ORG_ID}!a&amp;b</sessionId>"
        f"<userId>{user_id}</userId><userInfo><organizationId>{ORG_ID}</organizationId>"
        "<userName>me@acme.example</userName></userInfo></result></loginResponse></soapenv:Body>"
        "</soapenv:Envelope>".encode(),
        {"Content-Type": "text/xml; charset=utf-8"},
    )


def soap_fault(code: str, text: str = "words that quote p&w") -> Told:
    return Told(
        500,
        '<?xml version="1.0" encoding="UTF-8"?><soapenv:Envelope '
        'xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" xmlns:sf="urn:fault.partner.soap.sforce.com">'
        f"<soapenv:Body><soapenv:Fault><faultcode>sf:{code}</faultcode><faultstring>{code}: {text}</faultstring>"
        f"<detail><sf:LoginFault><sf:exceptionCode>{code}</sf:exceptionCode></sf:LoginFault></detail>"
        "</soapenv:Fault></soapenv:Body></soapenv:Envelope>".replace("p&w", "").encode(),
        {"Content-Type": "text/xml; charset=utf-8"},
    )


def identity(org: ScriptedOrg, username: str) -> OrgIdentity:
    return OrgIdentity(ORG_ID, USER_ID, username, org.url)


def test_a_jwt_is_signed_for_the_login_host_whatever_host_it_is_sent_to(
    org: ScriptedOrg, make_client: ClientMaker, private_key: str
) -> None:
    client = make_client(username="me@acme.example", consumer_key="KEY", private_key=private_key)
    assert client.sign_in() == identity(org, "integration@acme.example")
    sent = parse_qs(org.asked_of("POST", "/token")[0].body.decode())
    assert sent["grant_type"] == ["urn:ietf:params:oauth:grant-type:jwt-bearer"]
    public = load_pem_private_key(private_key.encode(), None).public_key()
    assert jwt.decode(
        sent["assertion"][0],
        public,  # type: ignore[arg-type] # an RSA key, as the fixture makes it
        algorithms=["RS256"],
        audience="https://login.salesforce.com",
        options={"verify_exp": False},
    ) == {
        "iss": "KEY",
        "sub": "me@acme.example",
        "aud": "https://login.salesforce.com",
        "exp": int(NOW.timestamp()) + 180,
    }


def test_client_credentials_go_in_the_body(org: ScriptedOrg, make_client: ClientMaker) -> None:
    client = make_client(consumer_key="K&y", consumer_secret="s=cret")
    assert client.sign_in() == identity(org, "integration@acme.example")
    assert client.warnings == ()
    assert parse_qs(org.asked_of("POST", "/token")[0].body.decode()) == {
        "grant_type": ["client_credentials"],
        "client_id": ["K&y"],
        "client_secret": ["s=cret"],
    }


def test_who_we_are_comes_from_the_tokens_answer_where_userinfo_is_refused(
    org: ScriptedOrg, make_client: ClientMaker, private_key: str
) -> None:
    org.on("GET", "/userinfo$", told({"error": "denied"}, 403))
    client = make_client(username="me@acme.example", consumer_key="KEY", private_key=private_key)
    assert client.sign_in() == identity(org, "me@acme.example")


@pytest.mark.parametrize("host", ["login", "test"])
def test_client_credentials_are_never_sent_to_a_host_that_refuses_them(host: str) -> None:
    client = SalesforceClient(SalesforceLogin(domain=host, consumer_key="k", consumer_secret="s"))
    with pytest.raises(SignInRefused, match="My Domain"):
        client.sign_in()
    assert client.api_calls == 0


def test_a_password_is_sent_with_its_token_escaped(org: ScriptedOrg, make_client: ClientMaker) -> None:
    org.on("POST", "/services/Soap/u/59.0$", soap_answer(org))
    org.on("GET", "/query/", told({"done": True, "records": []}))
    client = make_client(**PASSWORD)
    assert client.sign_in() == identity(org, "me@acme.example")
    asked = org.asked_of("POST", "/Soap/")[0]
    assert b"<urn:username>me@acme.example</urn:username>" in asked.body
    assert b"<urn:password>p&amp;&lt;w&gt;dt&lt;k&gt;n</urn:password>" in asked.body
    assert asked.headers["SOAPAction"] == "login"
    list(client.query("SELECT Id FROM Claim__c"))
    assert org.asked_of("GET", "/query/")[0].headers["Authorization"] == f"Bearer {ORG_ID}!a&b"


def test_a_password_pins_the_version_and_warns(
    org: ScriptedOrg, make_client: ClientMaker, caplog: pytest.LogCaptureFixture
) -> None:
    org.on("POST", "/services/Soap/u/64.0$", soap_answer(org))
    org.on("GET", "/services/data/v64.0/query/", told({"done": True, "records": []}))
    client = make_client(**PASSWORD, api_version="68.0")
    with caplog.at_level(logging.WARNING):
        assert list(client.query("SELECT Id FROM Claim__c")) == []
    assert "Summer '27" in caplog.text
    assert len(client.warnings) == 2


def test_other_ways_speak_the_version_that_was_asked_for(org: ScriptedOrg, make_client: ClientMaker) -> None:
    org.on("GET", "/services/data/v68.0/query/", told({"done": True, "records": []}))
    client = make_client(consumer_key="k", consumer_secret="s", api_version="68.0")
    assert list(client.query("SELECT Id FROM Claim__c")) == []


@pytest.mark.parametrize("code", ["INVALID_LOGIN", "LOGIN_MUST_USE_SECURITY_TOKEN"])
def test_one_message_names_all_that_a_refused_password_can_mean(
    org: ScriptedOrg, make_client: ClientMaker, code: str
) -> None:
    org.on("POST", "/services/Soap/", soap_fault(code))
    with pytest.raises(SignInRefused, match=code) as raised:
        make_client(**PASSWORD).sign_in()
    said = str(raised.value)
    assert all(word in said for word in ("password", "token", "locked", "address"))
    assert len(org.asked) == 1, "a wrong password tried again can lock the user"
    assert "p&" not in said


def test_soap_login_switched_off_is_said_as_that(org: ScriptedOrg, make_client: ClientMaker) -> None:
    org.on("POST", "/services/Soap/", soap_fault("INVALID_OPERATION"))
    with pytest.raises(SignInRefused, match="External Client App"):
        make_client(**PASSWORD).sign_in()


def test_an_expired_password_is_a_refusal_although_it_answers_200(
    org: ScriptedOrg, make_client: ClientMaker
) -> None:
    org.on("POST", "/services/Soap/", soap_answer(org, expired="true"))
    with pytest.raises(SignInRefused, match="expired"):
        make_client(**PASSWORD).sign_in()


@pytest.mark.parametrize(
    "body", [b"<html>no</html", b'<!DOCTYPE x [<!ENTITY a "b">]><x>&a;</x>', b"x" * 1_000_001]
)
def test_an_answer_that_is_not_soap_is_no_sign_in(
    org: ScriptedOrg, make_client: ClientMaker, body: bytes
) -> None:
    org.on("POST", "/services/Soap/", Told(200, body, {"Content-Type": "text/xml"}))
    with pytest.raises(UnexpectedAnswer):
        make_client(**PASSWORD).sign_in()


@pytest.mark.parametrize(
    ("error", "description", "advice"),
    [
        ("invalid_grant", "user hasn't approved this consumer", "pre-authorise"),
        ("invalid_grant", "audience is invalid", "SALESFORCE_DOMAIN"),
        ("invalid_grant", "request not supported on this domain", "My Domain"),
        ("invalid_grant", "no client credentials user enabled", "run-as user"),
        ("invalid_grant", "invalid assertion", "certificate"),
        ("invalid_client_id", "client identifier invalid", "SALESFORCE_CONSUMER_KEY"),
        ("invalid_client", "invalid client credentials", "SALESFORCE_CONSUMER_SECRET"),
        ("invalid_app_access", "user is not admin approved to access this app", "permission set"),
        ("invalid_grant", "authentication failure of secret", "locked"),
    ],
)
def test_a_refused_token_says_what_to_do(
    org: ScriptedOrg, make_client: ClientMaker, private_key: str, error: str, description: str, advice: str
) -> None:
    org.on("POST", "/token$", told({"error": error, "error_description": description}, 400))
    client = make_client(username="me@acme.example", consumer_key="KEY", private_key=private_key)
    with pytest.raises(SignInRefused, match=advice) as raised:
        client.sign_in()
    assert error in str(raised.value)
    assert description not in str(raised.value)
    assert len(org.asked) == 1


def test_a_key_that_is_none_is_said_without_showing_it(make_client: ClientMaker) -> None:
    client = make_client(username="me@acme.example", consumer_key="KEY", private_key="not a key")
    with pytest.raises(SignInRefused, match="PEM") as raised:
        client.sign_in()
    assert "not a key" not in str(raised.value)


@pytest.mark.parametrize(
    ("domain", "url", "audience"),
    [
        ("login", "https://login.salesforce.com", "https://login.salesforce.com"),
        ("test", "https://test.salesforce.com", "https://test.salesforce.com"),
        ("acme.my", "https://acme.my.salesforce.com", "https://login.salesforce.com"),
        ("acme.my.salesforce.com", "https://acme.my.salesforce.com", "https://login.salesforce.com"),
        (
            "acme--dev.sandbox.my",
            "https://acme--dev.sandbox.my.salesforce.com",
            "https://test.salesforce.com",
        ),
        ("https://localhost:8443/", "https://localhost:8443", "https://login.salesforce.com"),
    ],
)
def test_where_to_sign_in(domain: str, url: str, audience: str) -> None:
    login = SalesforceLogin(domain=domain)
    assert (login.login_url, login.audience) == (url, audience)


@pytest.mark.parametrize("domain", ["http://localhost", "https://user@host", "a/b", "", "evil.example/x?"])
def test_a_domain_that_is_none_is_refused(domain: str) -> None:
    with pytest.raises(SignInRefused, match="SALESFORCE_DOMAIN"):
        _ = SalesforceLogin(domain=domain).login_url


def test_the_way_follows_from_what_is_given() -> None:
    assert SalesforceLogin(username="u", consumer_key="k", private_key="p").way is Way.JWT_BEARER
    assert SalesforceLogin(consumer_key="k", consumer_secret="s").way is Way.CLIENT_CREDENTIALS
    assert SalesforceLogin(username="u", password="p").way is Way.PASSWORD
    with pytest.raises(SignInRefused, match="no way"):
        _ = SalesforceLogin(username="u").way


def test_secrets_do_not_print() -> None:
    login = SalesforceLogin(
        username="u",
        password="s3cret",
        security_token="s3cret",
        private_key="s3cret",
        consumer_secret="s3cret",
    )
    assert "s3cret" not in repr(login)


def test_a_short_record_id_gets_its_three_check_letters() -> None:
    assert long_id("00D58000000xBgA") == "00D58000000xBgAEAU"
    assert long_id("00D58000000xBgAEAU") == "00D58000000xBgAEAU"
