"""OAuth 2.0 at the org: the token endpoint's two flows, who a token belongs to, and giving it back.

What belongs here: JWT bearer, client credentials, userinfo, identity, revoke. Not here: sessions themselves
(`sessions`), SOAP (`sign_in`). The user name-password flow is refused, as new orgs do.
"""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from cryptography.x509 import load_pem_x509_certificate

from claims_pipeline.sandbox.salesforce.org import Org
from claims_pipeline.sandbox.salesforce.people import User
from claims_pipeline.sandbox.salesforce.settings import OrgSettings

JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
LONGEST_ASSERTION_SECONDS = 300
_SHARED_HOSTS = ("login.salesforce.com", "test.salesforce.com")


class OAuthRefused(Exception):
    """`{"error", "error_description"}` with HTTP 400."""

    def __init__(self, error: str, description: str) -> None:
        super().__init__(error)
        self.error, self.description = error, description


@dataclass(frozen=True)
class TokenRequest:
    """What was posted to the token endpoint. `host` is the one that the client asked."""

    form: Mapping[str, str]
    authorization: str
    host: str
    base_url: str


def token(org: Org, request: TokenRequest) -> dict[str, str]:
    """A new session for whoever proves who he is. Raises OAuthRefused."""
    if org.doorkeeper.restricted:
        raise OAuthRefused("invalid_grant", "ip restricted")
    match request.form.get("grant_type", ""):
        case grant if grant == JWT_BEARER:
            user = _by_jwt(org, request.form.get("assertion", ""))
        case "client_credentials":
            user = _by_client_credentials(org, request)
        case "password":
            raise OAuthRefused("invalid_grant", "authentication failure")
        case _:
            raise OAuthRefused("unsupported_grant_type", "grant type not supported")
    session = org.sessions.open(user, by_oauth=True)
    return {
        "access_token": session.token,
        "signature": base64.b64encode(session.token.encode()[-32:]).decode(),
        "scope": "api id",
        "instance_url": request.base_url,
        "id": identity_url(org, user, request.base_url),
        "token_type": "Bearer",
        "issued_at": str(int(org.now().timestamp() * 1000)),
    }


def _by_jwt(org: Org, assertion: str) -> User:
    """The user whom a signed assertion speaks of. `exp` may be a string, and `iat` is not asked for."""
    settings = org.settings
    if settings.certificate is None:
        raise OAuthRefused("invalid_grant", "no certificate is configured for this consumer")
    claims = _verified(assertion, settings.certificate)
    if claims.get("iss") != settings.consumer_key:
        raise OAuthRefused("invalid_client_id", "client identifier invalid")
    if claims.get("aud") != settings.audience:
        raise OAuthRefused("invalid_grant", "audience is invalid")
    left = _number(claims.get("exp")) - org.now().timestamp()
    if not 0 < left <= LONGEST_ASSERTION_SECONDS:
        raise OAuthRefused("invalid_grant", "invalid assertion")
    return _approved(org, org.user(str(claims.get("sub", ""))))


def _verified(assertion: str, pem: str) -> Mapping[str, object]:
    try:
        claims: Mapping[str, object] = jwt.decode(
            assertion,
            _public_key(pem),
            algorithms=["RS256"],
            options={
                "verify_aud": False,
                "verify_exp": False,
                "verify_iat": False,
                "verify_nbf": False,
                "verify_sub": False,
            },
        )
    except jwt.PyJWTError:
        raise OAuthRefused("invalid_grant", "invalid assertion") from None
    return claims


def _public_key(pem: str) -> RSAPublicKey:
    raw = pem.encode()
    key = load_pem_x509_certificate(raw).public_key() if b"CERTIFICATE" in raw else load_pem_public_key(raw)
    assert isinstance(key, RSAPublicKey)
    return key


def _number(value: object) -> float:
    try:
        return float(str(value))
    except ValueError:
        return float("-inf")


def _approved(org: Org, user: User | None) -> User:
    if user is None or not user.active:
        raise OAuthRefused("invalid_grant", "authentication failure")
    if user.username not in org.settings.approved_usernames:
        raise OAuthRefused("invalid_grant", "user hasn't approved this consumer")
    return user


def _by_client_credentials(org: Org, request: TokenRequest) -> User:
    """The app's run-as user; only at the org's own domain, and with the app's key and secret."""
    settings = org.settings
    if request.host.partition(":")[0].lower() in _SHARED_HOSTS:
        raise OAuthRefused("invalid_grant", "request not supported on this domain")
    key, secret = _client(request)
    if key != settings.consumer_key:
        raise OAuthRefused("invalid_client_id", "client identifier invalid")
    if secret != settings.consumer_secret:
        raise OAuthRefused("invalid_client", "invalid client credentials")
    return _run_as(org, settings)


def _run_as(org: Org, settings: OrgSettings) -> User:
    user = org.user(settings.client_credentials_username or "")
    if user is None:
        raise OAuthRefused("invalid_grant", "no client credentials user enabled")
    return user


def _client(request: TokenRequest) -> tuple[str, str]:
    """Key and secret, from a Basic header or from the form."""
    scheme, _, encoded = request.authorization.partition(" ")
    if scheme.lower() == "basic":
        try:
            key, _, secret = base64.b64decode(encoded, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            raise OAuthRefused("invalid_client", "invalid client credentials") from None
        return key, secret
    return request.form.get("client_id", ""), request.form.get("client_secret", "")


def identity_url(org: Org, user: User, base_url: str) -> str:
    """Where a user's identity stands; clients read the org's and the user's ids from its end."""
    return f"{base_url}/id/{org.settings.organization_id}/{user.id}"


def _urls(base_url: str) -> dict[str, str]:
    rest = f"{base_url}/services/data/v{{version}}/"
    return {
        "enterprise": f"{base_url}/services/Soap/c/{{version}}/00D",
        "metadata": f"{base_url}/services/Soap/m/{{version}}/00D",
        "partner": f"{base_url}/services/Soap/u/{{version}}/00D",
        "rest": rest,
        "sobjects": f"{rest}sobjects/",
        "query": f"{rest}query/",
        "recent": f"{rest}recent/",
        "profile": f"{base_url}/{{user_id}}",
        "custom_domain": base_url,
    }


def userinfo(org: Org, user: User, base_url: str) -> dict[str, object]:
    """OpenID Connect's words about the user of a token."""
    identity = identity_url(org, user, base_url)
    return {
        "sub": identity,
        "user_id": user.id,
        "organization_id": org.settings.organization_id,
        "preferred_username": user.username,
        "nickname": user.username.partition("@")[0],
        "name": user.name,
        "email": user.email,
        "email_verified": True,
        "given_name": user.first_name,
        "family_name": user.last_name,
        "zoneinfo": org.settings.time_zone,
        "language": "en_US",
        "locale": "en_US",
        "user_type": "STANDARD",
        "active": user.active,
        "is_app_installed": True,
        "urls": _urls(base_url),
    }


def identity(org: Org, user: User, base_url: str) -> dict[str, object]:
    """Salesforce's own words about the user of a token."""
    return {
        "id": identity_url(org, user, base_url),
        "asserted_user": True,
        "user_id": user.id,
        "organization_id": org.settings.organization_id,
        "username": user.username,
        "nick_name": user.username.partition("@")[0],
        "display_name": user.name,
        "email": user.email,
        "email_verified": True,
        "first_name": user.first_name,
        "last_name": user.last_name,
        "timezone": org.settings.time_zone,
        "active": user.active,
        "user_type": "STANDARD",
        "language": "en_US",
        "locale": "en_US",
        "utcOffset": -18_000_000,
        "is_app_installed": True,
        "urls": _urls(base_url),
    }
