"""Signing in: by SOAP and by OAuth, with every refusal that Salesforce documents; sessions end as they should."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import jwt
import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from requests.adapters import HTTPAdapter
from simple_salesforce.api import Salesforce
from simple_salesforce.exceptions import SalesforceAuthenticationFailed
from simple_salesforce.login import SalesforceLogin

from claims_pipeline.sandbox.salesforce.org import Org
from claims_pipeline.sandbox.salesforce.people import User
from claims_pipeline.sandbox.salesforce.settings import INTEGRATION_USERNAME
from claims_pipeline_tests.sandbox.salesforce.conftest import Api, Clock, Keys

PASSWORD, TOKEN = "sandbox-password", "sandboxTOKEN"


def changed(org: Org, **settings: Any) -> None:
    org.settings = replace(org.settings, **settings)


def change_user(org: Org, **facts: Any) -> None:
    first, *others = org.settings.users
    changed(org, users=(replace(first, **facts), *others))


def by_soap(url: str, http: requests.Session, **given: Any) -> tuple[str, str]:
    given = {"username": INTEGRATION_USERNAME, "password": PASSWORD, "security_token": TOKEN, **given}
    found: tuple[str, str] = SalesforceLogin(session=http, scratch_url=url, **given)
    return found


def refused(url: str, http: requests.Session, **given: Any) -> SalesforceAuthenticationFailed:
    with pytest.raises(SalesforceAuthenticationFailed) as told:
        by_soap(url, http, **given)
    return told.value


class TestSoap:
    def test_user_name_password_and_token_open_a_session(
        self, url: str, http: requests.Session, me: User
    ) -> None:
        session_id, instance = by_soap(url, http)
        assert session_id.startswith("00D")
        assert "!AQ" in session_id
        assert url == f"https://{instance}"
        sf = Salesforce(session_id=session_id, instance_url=url, session=http)
        assert sf.query("SELECT Id FROM User WHERE Username = 'integration@claims.example'")["totalSize"] == 1

    def test_the_answer_holds_plain_elements_for_clients_that_search_the_text(
        self, url: str, http: requests.Session, org: Org, me: User
    ) -> None:
        body = (
            '<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"><soapenv:Body>'
            f'<login xmlns="urn:partner.soap.sforce.com"><username>{INTEGRATION_USERNAME}</username>'
            f"<password>{PASSWORD}{TOKEN}</password></login></soapenv:Body></soapenv:Envelope>"
        )
        answer = http.post(
            f"{url}/services/Soap/u/59.0",
            data=iter([body.encode()]),
            headers={"SOAPAction": '""'},
            timeout=10,
        )
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/xml")
        for element in (
            f"<organizationId>{org.settings.organization_id}</organizationId>",
            f"<userId>{me.id}</userId>",
            "<passwordExpired>false</passwordExpired>",
            "<sessionSecondsValid>7200</sessionSecondsValid>",
            f"<serverUrl>{url}/services/Soap/u/59.0/{org.settings.organization_id[:15]}</serverUrl>",
        ):
            assert element in answer.text

    @pytest.mark.parametrize("version", ["65.0", "66.0", "68.0"])
    def test_it_is_gone_from_65_on(self, url: str, http: requests.Session, version: str) -> None:
        told = refused(url, http, sf_version=version)
        assert told.code == "INVALID_OPERATION"
        assert f"not available in the API version specified ({version})" in str(told)

    @pytest.mark.parametrize("version", ["64.0", "31.0"])
    def test_it_is_there_up_to_64(self, url: str, http: requests.Session, version: str) -> None:
        assert by_soap(url, http, sf_version=version)

    @pytest.mark.parametrize("version", ["30.0", "99.0", "nonsense"])
    def test_versions_that_are_none_are_refused(self, url: str, http: requests.Session, version: str) -> None:
        assert refused(url, http, sf_version=version).code == "UNSUPPORTED_API_VERSION"

    def test_an_org_may_have_it_switched_off(self, url: str, http: requests.Session, org: Org) -> None:
        changed(org, soap_login_enabled=False)
        told = refused(url, http)
        assert told.code == "INVALID_OPERATION"
        assert "SOAP API login() is disabled by default in this org" in str(told)

    @pytest.mark.parametrize(
        "given", [{"password": "wrong"}, {"username": "nobody@x.example"}, {"security_token": "wrong"}]
    )
    def test_what_is_wrong_is_not_told(self, url: str, http: requests.Session, given: dict[str, str]) -> None:
        told = refused(url, http, **given)
        assert told.code == "INVALID_LOGIN"
        assert "Invalid username, password, security token; or user locked out." in str(told)

    def test_the_password_alone_needs_a_trusted_network(
        self, url: str, http: requests.Session, org: Org
    ) -> None:
        assert refused(url, http, security_token="").code == "LOGIN_MUST_USE_SECURITY_TOKEN"
        org.doorkeeper.trusted_network = True
        assert by_soap(url, http, security_token=None, organizationId=org.settings.organization_id)

    def test_an_inactive_user_hears_the_same(self, url: str, http: requests.Session, org: Org) -> None:
        change_user(org, active=False)
        assert refused(url, http).code == "INVALID_LOGIN"

    def test_ten_wrong_passwords_lock_the_user_out_for_a_while(
        self, url: str, http: requests.Session, clock: Clock
    ) -> None:
        for _ in range(10):
            assert refused(url, http, password="wrong").code == "INVALID_LOGIN"
        assert refused(url, http).code == "INVALID_LOGIN", "even with the right one"
        clock.forward(15 * 60 + 1)
        assert by_soap(url, http)

    def test_an_expired_password_lets_in_only_to_set_a_new_one(
        self, url: str, http: requests.Session, org: Org
    ) -> None:
        change_user(org, password_expired=True)
        session_id, _ = by_soap(url, http)
        answer = Api(http, url, session_id).get("limits")
        assert (answer.status_code, answer.json()[0]["errorCode"]) == (
            403,
            "INVALID_OPERATION_WITH_EXPIRED_PASSWORD",
        )

    def test_names_with_marks_of_xml_are_read_and_written(
        self, url: str, http: requests.Session, org: Org
    ) -> None:
        change_user(org, password="a<b&c>\"d'", first_name="<Jane> & co")
        assert by_soap(url, http, password="a<b&c>\"d'")

    def test_what_is_no_envelope_is_a_fault(self, url: str, http: requests.Session) -> None:
        for body in (b"", b"<a", b'<!DOCTYPE x [<!ENTITY a "b">]><x/>', b"<x/>"):
            answer = http.post(f"{url}/services/Soap/u/59.0", data=body, timeout=10)
            assert answer.status_code == 500
            assert "<sf:exceptionCode>UNKNOWN_EXCEPTION</sf:exceptionCode>" in answer.text

    def test_logout_ends_the_session(self, url: str, http: requests.Session) -> None:
        session_id, _ = by_soap(url, http)
        body = (
            '<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/" xmlns:p="urn:partner.soap.sforce.com">'
            f"<e:Header><p:SessionHeader><p:sessionId>{session_id}</p:sessionId></p:SessionHeader></e:Header>"
            "<e:Body><p:logout/></e:Body></e:Envelope>"
        )
        answers = [http.post(f"{url}/services/Soap/u/59.0", data=body, timeout=10) for _ in range(2)]
        assert [answer.status_code for answer in answers] == [200, 500]
        assert "INVALID_SESSION_ID" in answers[1].text
        assert Api(http, url, session_id).get("limits").status_code == 401


def assertion(keys: Keys, clock: Clock, **claims: object) -> str:
    stated: dict[str, object] = {
        "iss": "sandbox-consumer-key",
        "sub": INTEGRATION_USERNAME,
        "aud": "https://login.salesforce.com",
        "exp": str(int(clock().timestamp()) + 180),
        **claims,
    }
    return jwt.encode(stated, keys.private, algorithm="RS256")


def ask_token(http: requests.Session, url: str, **form: str) -> requests.Response:
    return http.post(f"{url}/services/oauth2/token", data=form, timeout=10)


def by_jwt(http: requests.Session, url: str, signed: str) -> requests.Response:
    grant = "urn:ietf:params:oauth:grant-type:jwt-bearer"
    return ask_token(http, url, grant_type=grant, assertion=signed)


class TestJwtBearer:
    def test_a_signed_assertion_opens_a_session(
        self, url: str, http: requests.Session, keys: Keys, clock: Clock, org: Org, me: User
    ) -> None:
        answer = by_jwt(http, url, assertion(keys, clock))
        assert answer.status_code == 200
        told = answer.json()
        assert (told["token_type"], told["instance_url"]) == ("Bearer", url)
        assert "refresh_token" not in told
        assert told["id"].split("/")[-2:] == [org.settings.organization_id, me.id]
        assert Api(http, url, told["access_token"]).get("limits").status_code == 200

    @pytest.mark.parametrize("exp", [120, 300])
    def test_the_end_may_be_a_number_and_no_beginning_is_needed(
        self, url: str, http: requests.Session, keys: Keys, clock: Clock, exp: int
    ) -> None:
        signed = assertion(keys, clock, exp=int(clock().timestamp()) + exp)
        assert by_jwt(http, url, signed).status_code == 200

    @pytest.mark.parametrize(
        ("claims", "error", "says"),
        [
            ({"iss": "another"}, "invalid_client_id", "client identifier invalid"),
            ({"aud": "https://test.salesforce.com"}, "invalid_grant", "audience"),
            ({"aud": "https://acme.my.salesforce.com"}, "invalid_grant", "audience"),
            ({"sub": "nobody@x.example"}, "invalid_grant", "authentication failure"),
            ({"exp": "1"}, "invalid_grant", "invalid assertion"),
            ({"exp": "tomorrow"}, "invalid_grant", "invalid assertion"),
            ({"exp": "9999999999"}, "invalid_grant", "invalid assertion"),
        ],
    )
    def test_a_wrong_claim_is_told_by_its_error(
        self,
        url: str,
        http: requests.Session,
        keys: Keys,
        clock: Clock,
        claims: dict[str, object],
        error: str,
        says: str,
    ) -> None:
        answer = by_jwt(http, url, assertion(keys, clock, **claims))
        assert answer.status_code == 400
        assert answer.json()["error"] == error
        assert says in answer.json()["error_description"]

    def test_another_key_or_no_signature_is_refused(
        self, url: str, http: requests.Session, keys: Keys, clock: Clock
    ) -> None:
        head, body, _ = assertion(keys, clock).split(".")
        unsigned = jwt.encode({"iss": "sandbox-consumer-key"}, "", algorithm="none")
        for signed in (f"{head}.{body}.AAAA", unsigned, "nonsense", ""):
            answer = by_jwt(http, url, signed)
            assert answer.json() == {"error": "invalid_grant", "error_description": "invalid assertion"}

    def test_a_user_must_be_approved(
        self, url: str, http: requests.Session, keys: Keys, clock: Clock, org: Org
    ) -> None:
        changed(org, approved_usernames=frozenset())
        told = by_jwt(http, url, assertion(keys, clock)).json()
        assert told == {"error": "invalid_grant", "error_description": "user hasn't approved this consumer"}

    def test_a_sandbox_org_wants_the_test_audience(
        self, url: str, http: requests.Session, keys: Keys, clock: Clock, org: Org
    ) -> None:
        changed(org, is_sandbox=True)
        assert by_jwt(http, url, assertion(keys, clock)).status_code == 400
        assert by_jwt(http, url, assertion(keys, clock, aud="https://test.salesforce.com")).status_code == 200


class TestClientCredentials:
    def test_by_basic_header_and_in_the_form(self, url: str, http: requests.Session, me: User) -> None:
        header = http.post(
            f"{url}/services/oauth2/token",
            data={"grant_type": "client_credentials"},
            auth=("sandbox-consumer-key", "sandbox-consumer-secret"),
            timeout=10,
        )
        form = ask_token(
            http,
            url,
            grant_type="client_credentials",
            client_id="sandbox-consumer-key",
            client_secret="sandbox-consumer-secret",
        )
        for answer in (header, form):
            assert answer.status_code == 200
            assert answer.json()["id"].endswith(me.id)

    @pytest.mark.parametrize(
        ("key", "secret", "error"),
        [
            ("sandbox-consumer-key", "wrong", "invalid_client"),
            ("wrong", "sandbox-consumer-secret", "invalid_client_id"),
        ],
    )
    def test_wrong_ones_are_refused(
        self, url: str, http: requests.Session, key: str, secret: str, error: str
    ) -> None:
        answer = ask_token(http, url, grant_type="client_credentials", client_id=key, client_secret=secret)
        assert (answer.status_code, answer.json()["error"]) == (400, error)

    @pytest.mark.parametrize("host", ["login.salesforce.com", "test.salesforce.com"])
    def test_the_shared_hosts_do_not_offer_it(self, url: str, http: requests.Session, host: str) -> None:
        answer = http.post(
            f"{url}/services/oauth2/token",
            data={"grant_type": "client_credentials"},
            auth=("sandbox-consumer-key", "sandbox-consumer-secret"),
            headers={"Host": host},
            timeout=10,
        )
        told = {"error": "invalid_grant", "error_description": "request not supported on this domain"}
        assert (answer.status_code, answer.json()) == (400, told)

    def test_a_run_as_user_must_be_set(self, url: str, http: requests.Session, org: Org) -> None:
        changed(org, client_credentials_username=None)
        answer = ask_token(
            http,
            url,
            grant_type="client_credentials",
            client_id="sandbox-consumer-key",
            client_secret="sandbox-consumer-secret",
        )
        assert answer.json()["error_description"] == "no client credentials user enabled"

    @pytest.mark.parametrize(
        ("grant", "error"),
        [
            ("password", "invalid_grant"),
            ("refresh_token", "unsupported_grant_type"),
            ("", "unsupported_grant_type"),
        ],
    )
    def test_other_flows_are_not_offered(
        self, url: str, http: requests.Session, grant: str, error: str
    ) -> None:
        answer = ask_token(http, url, grant_type=grant, username=INTEGRATION_USERNAME, password=PASSWORD)
        assert (answer.status_code, answer.json()["error"]) == (400, error)


class ToSandbox(HTTPAdapter):
    """Takes what goes to salesforce.com to the sandbox: the client itself stays as it is."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self._netloc = urlsplit(url).netloc

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        parts = urlsplit(str(request.url))
        request.headers["Host"] = parts.netloc
        request.url = urlunsplit(parts._replace(netloc=self._netloc))
        return super().send(request, *args, **kwargs)


class TestSimpleSalesforceUnmodified:
    @pytest.fixture
    def routed(self, url: str, http: requests.Session) -> Iterator[requests.Session]:
        for host in ("login", "test", "acme.my"):
            http.mount(f"https://{host}.salesforce.com", ToSandbox(url))
        yield http

    def test_jwt_at_login(self, routed: requests.Session, keys: Keys, clock: Clock) -> None:
        clock.now = datetime.now(UTC)  # the client's own clock: it cannot be given another
        sf = Salesforce(
            username=INTEGRATION_USERNAME,
            consumer_key="sandbox-consumer-key",
            privatekey=keys.private,
            domain="login",
            session=routed,
        )
        assert sf.limits()["DailyApiRequests"]["Max"] == 15_000

    def test_jwt_at_a_my_domain(self, routed: requests.Session, keys: Keys, clock: Clock) -> None:
        clock.now = datetime.now(UTC)  # as above
        sf = Salesforce(
            username=INTEGRATION_USERNAME,
            consumer_key="sandbox-consumer-key",
            privatekey=keys.private,
            domain="login",
            instance_url="acme.my",
            session=routed,
        )
        assert sf.is_sandbox() is False

    def test_client_credentials_at_a_my_domain(self, routed: requests.Session) -> None:
        sf = Salesforce(
            consumer_key="sandbox-consumer-key",
            consumer_secret="sandbox-consumer-secret",
            domain="acme.my",
            session=routed,
        )
        assert sf.query("SELECT COUNT() FROM User")["totalSize"] == 2

    def test_soap_and_a_new_session_when_the_old_one_ends(self, routed: requests.Session, org: Org) -> None:
        sf = Salesforce(
            username=INTEGRATION_USERNAME,
            password=PASSWORD,
            security_token=TOKEN,
            domain="login",
            session=routed,
        )
        first = sf.session_id
        assert org.sessions.expire_all() == 1
        assert sf.limits()
        assert sf.session_id != first


class TestTokens:
    def test_userinfo_and_identity_say_who_it_is(self, api: Api, org: Org, me: User) -> None:
        for method in ("GET", "POST"):
            told = api.call(method, "/services/oauth2/userinfo").json()
            assert (told["user_id"], told["organization_id"]) == (me.id, org.settings.organization_id)
            assert (told["preferred_username"], told["email"]) == (me.username, me.email)
        identity = api.get(f"/id/{org.settings.organization_id}/{me.id}").json()
        assert (identity["username"], identity["display_name"]) == (me.username, "Claims Integration")
        assert identity["urls"]["rest"].endswith("/services/data/v{version}/")

    def test_identity_takes_the_token_from_the_query_and_tells_no_one_else(
        self, http: requests.Session, url: str, api: Api, org: Org, me: User, admin: User
    ) -> None:
        path = f"{url}/id/{org.settings.organization_id}/{me.id}"
        query = {"format": "json", "oauth_token": api.token}
        assert http.get(path, params=query, timeout=10).json()["user_id"] == me.id
        assert http.get(path, timeout=10).status_code == 403
        assert api.get(f"/id/{org.settings.organization_id}/{admin.id}").status_code == 404

    def test_revoking_ends_the_session(self, http: requests.Session, url: str, api: Api) -> None:
        answers = [
            http.post(f"{url}/services/oauth2/revoke", data={"token": api.token}, timeout=10)
            for _ in range(2)
        ]
        assert [answer.status_code for answer in answers] == [200, 400]
        assert answers[1].json()["error"] == "unsupported_token_type"
        assert api.get("limits").status_code == 401
        assert api.get("/services/oauth2/userinfo").status_code == 403

    def test_a_session_ends_after_its_time(self, api: Api, clock: Clock) -> None:
        clock.forward(7199)
        assert api.get("limits").status_code == 200
        clock.forward(2)
        answer = api.get("limits")
        assert answer.status_code == 401
        assert answer.json() == [{"message": "Session expired or invalid", "errorCode": "INVALID_SESSION_ID"}]

    @pytest.mark.parametrize("header", ["", "Bearer", "Bearer nonsense", "Basic abc", "OAuth nonsense"])
    def test_no_good_session_is_a_401_list(self, http: requests.Session, url: str, header: str) -> None:
        headers = {"Authorization": header}
        answer = http.get(f"{url}/services/data/v59.0/limits", headers=headers, timeout=10)
        assert (answer.status_code, answer.json()[0]["errorCode"]) == (401, "INVALID_SESSION_ID")

    def test_the_word_oauth_does_as_well_as_bearer(self, api: Api) -> None:
        assert api.get("limits", headers={"Authorization": f"OAuth {api.token}"}).status_code == 200


def self_signed(keys: Keys, clock: Clock) -> str:
    """A certificate of the app's key, as an admin uploads it."""
    key = serialization.load_pem_private_key(keys.private.encode(), None)
    assert isinstance(key, rsa.RSAPrivateKey)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "claims")])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = (
        builder.serial_number(1).not_valid_before(clock()).not_valid_after(clock() + timedelta(days=365))
    )
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()


def test_a_certificate_serves_as_well_as_a_public_key(
    url: str, http: requests.Session, keys: Keys, clock: Clock, org: Org
) -> None:
    changed(org, certificate=self_signed(keys, clock))
    assert by_jwt(http, url, assertion(keys, clock)).status_code == 200


def test_without_a_certificate_no_assertion_is_taken(
    url: str, http: requests.Session, keys: Keys, clock: Clock, org: Org
) -> None:
    changed(org, certificate=None)
    assert by_jwt(http, url, assertion(keys, clock)).json()["error"] == "invalid_grant"
