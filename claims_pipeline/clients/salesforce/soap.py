"""SOAP `login()`: user name, password and security token, the predecessor's way.

What belongs here: that one call's XML, written and read. Salesforce ends it in Summer '27; then this file goes.
"""

import re
import xml.etree.ElementTree as ElementTree
from urllib.parse import urlsplit
from xml.sax.saxutils import escape

import requests

from claims_pipeline.clients.salesforce.identity import OrgIdentity, long_id
from claims_pipeline.clients.salesforce.refusals import AddressRefused, SignInRefused, UnexpectedAnswer
from claims_pipeline.clients.salesforce.session import SalesforceSession

_ENVELOPE = (
    '<?xml version="1.0" encoding="utf-8"?>'
    '<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" '
    'xmlns:urn="urn:partner.soap.sforce.com"><soapenv:Body><urn:login>'
    "<urn:username>{username}</urn:username><urn:password>{secret}</urn:password>"
    "</urn:login></soapenv:Body></soapenv:Envelope>"
)
_LARGEST_ANSWER_BYTES = 1_000_000
_CODE = re.compile(r"[A-Z][A-Z0-9_]{2,79}")
_SIGN_IN_ATTEMPTS = 3


def soap_sign_in(
    session: SalesforceSession, *, login_url: str, version: str, username: str, secret: str
) -> tuple[str, OrgIdentity]:
    """Session id and identity; `secret` is the password with the token behind it."""
    response = session.request(
        "POST",
        f"{login_url}/services/Soap/u/{version}",
        data=_ENVELOPE.format(username=escape(username), secret=escape(secret)).encode(),
        headers={"Content-Type": "text/xml; charset=UTF-8", "SOAPAction": "login"},
        repeatable=True,
        attempts=_SIGN_IN_ATTEMPTS,
    )
    told = _texts(response)
    if response.status_code != 200 or "sessionId" not in told:
        raise _refusal(told.get("exceptionCode") or told.get("faultcode", ""), response.status_code)
    if told.get("passwordExpired") == "true":
        raise SignInRefused(
            "The Salesforce password has expired: sign in as this user in a browser, choose a new one, and put it "
            "(and the new security token that is mailed) into SALESFORCE_PASSWORD and SALESFORCE_SECURITY_TOKEN."
        )
    server = urlsplit(told.get("serverUrl", ""))
    if server.scheme != "https" or not told.get("userId") or not told.get("organizationId"):
        raise UnexpectedAnswer("Salesforce's answer to the sign-in lacks its address, the org or the user.")
    return told["sessionId"], OrgIdentity(
        organization_id=long_id(told["organizationId"]),
        user_id=long_id(told["userId"]),
        username=told.get("userName") or username,
        instance_url=f"https://{server.netloc.replace('-api.', '.', 1)}",
    )


def _texts(response: requests.Response) -> dict[str, str]:
    """The text of each element by its plain name, the first of each."""
    body = response.content
    if len(body) > _LARGEST_ANSWER_BYTES or b"<!DOCTYPE" in body or b"<!ENTITY" in body:
        raise UnexpectedAnswer("Salesforce's answer to the sign-in is not one that it gives.")
    try:
        root = ElementTree.fromstring(body)  # noqa: S314 # small, and without a document type: see above
    except ElementTree.ParseError:
        raise UnexpectedAnswer(
            f"Salesforce's answer to the sign-in (HTTP {response.status_code}) is not XML: check SALESFORCE_DOMAIN."
        ) from None
    texts: dict[str, str] = {}
    for element in root.iter():
        texts.setdefault(element.tag.rpartition("}")[2], (element.text or "").strip())
    return texts


_ADVICE = {
    "INVALID_OPERATION": "signing in by password is switched off in this org, or gone from this API version; set up "
    "an External Client App (SALESFORCE_CONSUMER_KEY, SALESFORCE_PRIVATE_KEY), or have an admin allow SOAP login",
    "UNSUPPORTED_API_VERSION": "SALESFORCE_API_VERSION is too old or too new for signing in by password",
    "API_DISABLED_FOR_ORG": "this edition of Salesforce has no API, or the user lacks API Enabled",
}

_MAY_BE_THE_ADDRESS = ("INVALID_LOGIN", "LOGIN_MUST_USE_SECURITY_TOKEN")


def _refusal(code: str, status: int) -> SignInRefused:
    plain = code.rpartition(":")[2]
    named = plain if _CODE.fullmatch(plain) else "no reason that we know"
    advice = _ADVICE.get(
        named,
        "the user name, the password or the security token is wrong, or the user is locked or inactive, or signing "
        "in from this address or at this hour is not allowed. Salesforce does not tell these apart: check them in "
        "that order (Setup, Users, Login History says more), and mind that more tries can lock the user",
    )
    kind = AddressRefused if named in _MAY_BE_THE_ADDRESS else SignInRefused
    return kind(f"Salesforce refused the sign-in (HTTP {status}, {named}): {advice}.")
