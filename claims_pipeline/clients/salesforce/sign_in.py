"""Signing in to Salesforce: JWT bearer, client credentials, or user name, password and security token.

What belongs here: the three ways, where to knock, and who we are once in. Not here: when a lost session is renewed
(`connection`). simple-salesforce signs in at `*.salesforce.com` alone, without timeouts, so this is our own.
"""

import logging
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import jwt
import requests
from pydantic import SecretStr

from claims_pipeline.clients.salesforce.identity import OrgIdentity, long_id
from claims_pipeline.clients.salesforce.refusals import SignInRefused, UnexpectedAnswer
from claims_pipeline.clients.salesforce.session import SalesforceSession
from claims_pipeline.clients.salesforce.soap import soap_sign_in
from claims_pipeline.settings.facts import Salesforce, SignIn

logger = logging.getLogger(__name__)

LAST_SOAP_VERSION = 64.0
_LIFETIME_SECONDS = 180
_VERSION = re.compile(r"\d{2,3}\.0")
_DOMAIN = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?")
_OAUTH_ERROR = re.compile(r"[a-z_]{3,60}")
_SIGN_IN_ATTEMPTS = 3


class Way(StrEnum):
    """How we sign in."""

    JWT_BEARER = "JWT bearer"
    CLIENT_CREDENTIALS = "client credentials"
    PASSWORD = "user name and password"  # noqa: S105 # the name of a way


@dataclass(frozen=True)
class SalesforceLogin:
    """Where to sign in and as whom. `domain`: `login`, `test`, a My Domain (`acme.my`), or a full https address."""

    domain: str = "login"
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    security_token: str | None = field(default=None, repr=False)
    consumer_key: str | None = field(default=None, repr=False)
    private_key: str | None = field(default=None, repr=False)
    consumer_secret: str | None = field(default=None, repr=False)
    api_version: str = "59.0"
    ca_bundle: Path | None = None
    batch_size: int = 200
    bulk_threshold: int = 2_000
    jobs_at_once: int = 3
    poll_seconds: float = 30
    job_seconds: float = 6 * 3600

    @classmethod
    def from_settings(cls, settings: Salesforce, *, ca_bundle: str | None = None) -> "SalesforceLogin":
        """What the settings say, with the secrets of the way that they chose."""
        by_password = settings.sign_in is SignIn.PASSWORD
        by_jwt = settings.sign_in is SignIn.JWT_BEARER
        return cls(
            domain=settings.domain,
            username=settings.username,
            password=_told(settings.password) if by_password else None,
            security_token=_told(settings.security_token) if by_password else None,
            consumer_key=None if by_password else settings.consumer_key,
            private_key=_told(settings.private_key) if by_jwt else None,
            consumer_secret=None if by_jwt or by_password else _told(settings.consumer_secret),
            api_version=settings.api_version,
            ca_bundle=Path(ca_bundle) if ca_bundle is not None else None,
            batch_size=settings.batch_size,
            bulk_threshold=settings.bulk_from_rows,
            jobs_at_once=settings.jobs_at_once,
            poll_seconds=settings.poll_seconds,
            job_seconds=settings.deadline_seconds,
        )

    @property
    def way(self) -> Way:
        """The best way that these settings allow; raises SignInRefused where they allow none."""
        if self.consumer_key and self.private_key and self.username:
            return Way.JWT_BEARER
        if self.consumer_key and self.consumer_secret:
            return Way.CLIENT_CREDENTIALS
        if self.username and self.password:
            return Way.PASSWORD
        raise SignInRefused(
            "The settings name no way to sign in to Salesforce. Give SALESFORCE_CONSUMER_KEY with "
            "SALESFORCE_PRIVATE_KEY and SALESFORCE_USERNAME, or with SALESFORCE_CONSUMER_SECRET, or "
            "SALESFORCE_USERNAME with SALESFORCE_PASSWORD and SALESFORCE_SECURITY_TOKEN."
        )

    @property
    def version(self) -> str:
        """The API version to speak: on the password way never above the last that has SOAP login."""
        if not _VERSION.fullmatch(self.api_version):
            raise SignInRefused("SALESFORCE_API_VERSION must look like 59.0.")
        pinned = self.way is Way.PASSWORD and float(self.api_version) > LAST_SOAP_VERSION
        return f"{LAST_SOAP_VERSION}" if pinned else self.api_version

    @property
    def login_url(self) -> str:
        """`https://host[:port]` to sign in at."""
        if "://" in self.domain:
            parts = urlsplit(self.domain)
            if parts.scheme != "https" or not parts.hostname or "@" in parts.netloc:
                raise SignInRefused(
                    "SALESFORCE_DOMAIN, given as an address, must begin with https:// and a host."
                )
            return f"https://{parts.netloc}"
        name = self.domain.removesuffix(".salesforce.com")
        if not _DOMAIN.fullmatch(name):
            raise SignInRefused(
                "SALESFORCE_DOMAIN must be login, test, a My Domain such as acme.my, or an address."
            )
        return f"https://{name}.salesforce.com"

    @property
    def audience(self) -> str:
        """Whom a JWT is for: production or sandbox, whatever host it is sent to."""
        host = urlsplit(self.login_url).hostname or ""
        is_sandbox = host == "test.salesforce.com" or ".sandbox." in host or "--" in host
        return "https://test.salesforce.com" if is_sandbox else "https://login.salesforce.com"


@dataclass(frozen=True)
class SignedIn:
    """An open session and whose it is."""

    session_id: str = field(repr=False)
    identity: OrgIdentity


def sign_in(login: SalesforceLogin, session: SalesforceSession, *, now: Callable[[], datetime]) -> SignedIn:
    """Signs in once, by the way that the settings allow. Raises SignInRefused with what to do about it."""
    way = login.way
    logger.info("signing in to Salesforce by %s", way.value)
    if way is Way.PASSWORD:
        session_id, identity = soap_sign_in(
            session,
            login_url=login.login_url,
            version=login.version,
            username=login.username or "",
            secret=(login.password or "") + (login.security_token or ""),
        )
        return SignedIn(session_id, identity)
    form = _jwt_form(login, now()) if way is Way.JWT_BEARER else _credentials_form(login)
    return _token_sign_in(login, session, form)


def warnings_of(login: SalesforceLogin) -> tuple[str, ...]:
    """What an operator should know about this way of signing in."""
    if login.way is not Way.PASSWORD:
        return ()
    said = [
        "Signing in to Salesforce with a password ends in Summer '27: set up an External Client App "
        "(SALESFORCE_CONSUMER_KEY with SALESFORCE_PRIVATE_KEY) before."
    ]
    if login.version != login.api_version:
        said.append(f"API version {login.version} is spoken: later ones have no sign-in by password.")
    return tuple(said)


def _told(secret: SecretStr | None) -> str | None:
    return secret.get_secret_value() if secret is not None else None


def _jwt_form(login: SalesforceLogin, now: datetime) -> dict[str, str]:
    claims = {
        "iss": login.consumer_key,
        "sub": login.username,
        "aud": login.audience,
        "exp": int(now.timestamp()) + _LIFETIME_SECONDS,
    }
    try:
        assertion = jwt.encode(claims, login.private_key or "", algorithm="RS256")
    except (ValueError, TypeError, jwt.PyJWTError):
        raise SignInRefused(
            "SALESFORCE_PRIVATE_KEY is not a private RSA key in PEM form (it begins with -----BEGIN PRIVATE KEY-----)."
        ) from None
    return {"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion": assertion}


def _credentials_form(login: SalesforceLogin) -> dict[str, str]:
    host = urlsplit(login.login_url).hostname
    if host in ("login.salesforce.com", "test.salesforce.com"):
        raise SignInRefused(
            "Client credentials work at the org's own address alone: set SALESFORCE_DOMAIN to its My Domain "
            "(such as acme.my), not to login or test."
        )
    return {
        "grant_type": "client_credentials",
        "client_id": login.consumer_key or "",
        "client_secret": login.consumer_secret or "",
    }


def _token_sign_in(login: SalesforceLogin, session: SalesforceSession, form: dict[str, str]) -> SignedIn:
    response = session.request(
        "POST",
        f"{login.login_url}/services/oauth2/token",
        data=form,
        headers={"Accept": "application/json"},
        repeatable=True,
        attempts=_SIGN_IN_ATTEMPTS,
    )
    answer = _json_object(response)
    if response.status_code != 200:
        raise _oauth_refusal(login, response.status_code, answer)
    token, instance = answer.get("access_token"), answer.get("instance_url")
    if not isinstance(token, str) or not isinstance(instance, str) or urlsplit(instance).scheme != "https":
        raise UnexpectedAnswer(
            "Salesforce's answer to the sign-in holds no access token, or no https address."
        )
    return SignedIn(token, _identity(login, session, instance.rstrip("/"), token, answer.get("id")))


def _identity(
    login: SalesforceLogin, session: SalesforceSession, instance_url: str, token: str, identity_url: object
) -> OrgIdentity:
    """Who we are, from userinfo; where the app may not ask it, from the address in the token's answer."""
    response = session.request(
        "GET",
        f"{instance_url}/services/oauth2/userinfo",
        headers={"Authorization": f"Bearer {token}", "Accept": "application/json"},
    )
    told = _json_object(response) if response.status_code == 200 else {}
    parts = urlsplit(identity_url).path.split("/") if isinstance(identity_url, str) else []
    organization = told.get("organization_id") or (parts[-2] if len(parts) > 2 else None)
    user = told.get("user_id") or (parts[-1] if len(parts) > 2 else None)
    if not isinstance(organization, str) or not isinstance(user, str):
        raise UnexpectedAnswer("Salesforce does not say which org and user this session belongs to.")
    username = told.get("preferred_username") or login.username or ""
    return OrgIdentity(long_id(organization), long_id(user), str(username), instance_url)


def _json_object(response: requests.Response) -> dict[str, Any]:
    try:
        answer = response.json()
    except ValueError:
        answer = None
    if isinstance(answer, dict):
        return answer
    if response.status_code == 200:
        raise UnexpectedAnswer("Salesforce's answer to the sign-in is not JSON: check SALESFORCE_DOMAIN.")
    return {}


_ADVICE: tuple[tuple[str, str], ...] = (
    (
        "approved this consumer",
        "pre-authorise the user for the app (its policies: admin approved, permission set)",
    ),
    ("admin approved", "assign the app's permission set to the user"),
    ("audience", "sandboxes sign in at test, production at login: check SALESFORCE_DOMAIN"),
    ("not supported on this domain", "set SALESFORCE_DOMAIN to the org's My Domain, such as acme.my"),
    ("no client credentials user", "choose the app's run-as user (Client Credentials Flow)"),
    ("client identifier", "check SALESFORCE_CONSUMER_KEY"),
    ("client credentials", "check SALESFORCE_CONSUMER_KEY and SALESFORCE_CONSUMER_SECRET"),
    ("assertion", "the app's certificate must be the one of SALESFORCE_PRIVATE_KEY, and the clock right"),
)


def _oauth_refusal(login: SalesforceLogin, status: int, answer: dict[str, Any]) -> SignInRefused:
    said = answer.get("error")
    error = said if isinstance(said, str) and _OAUTH_ERROR.fullmatch(said) else "no reason that we know"
    description = str(answer.get("error_description", "")).lower()
    advice = next((advice for words, advice in _ADVICE if words in description), None)
    return SignInRefused(
        f"Salesforce refused the sign-in by {login.way.value} (HTTP {status}, {error}): "
        + (
            advice
            or "check the user (active, not locked, IP range), the app's policies and its certificate or secret"
        )
        + "."
    )
