"""The SOAP partner API's `login` and `logout`, as clients that are older than OAuth use them.

What belongs here: reading the envelope, and answering it. Not here: judging the password (`passwords`), OAuth
(`oauth`).
"""

from dataclasses import dataclass
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from claims_pipeline.sandbox.salesforce import versions
from claims_pipeline.sandbox.salesforce.org import Org
from claims_pipeline.sandbox.salesforce.passwords import Verdict
from claims_pipeline.sandbox.salesforce.people import User
from claims_pipeline.sandbox.salesforce.sessions import Session

_INVALID_LOGIN = "Invalid username, password, security token; or user locked out."
_NEEDS_TOKEN = (
    f"{_INVALID_LOGIN} Are you at a new location? When accessing Salesforce--either via a desktop client or the "
    "API--from outside of your company's trusted networks, you must add a security token to your password to log in. "
    "To get your new security token, log in to Salesforce and click Reset Security Token in your personal settings."
)
_SWITCHED_OFF = (
    "SOAP API login() is disabled by default in this org. An administrator can enable it in Setup, or the client can "
    "sign in with OAuth."
)
_ENVELOPE = (
    '<?xml version="1.0" encoding="UTF-8"?><soapenv:Envelope '
    'xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" {namespaces}>'
    "<soapenv:Body>{body}</soapenv:Body></soapenv:Envelope>"
)
_PARTNER = 'xmlns="urn:partner.soap.sforce.com" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
_FAULTS = 'xmlns:sf="urn:fault.partner.soap.sforce.com" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'


@dataclass(frozen=True)
class SoapAnswer:
    """An envelope and its HTTP status: a fault is a 500."""

    status: int
    xml: str


def answer(org: Org, version: str, body: bytes, base_url: str) -> SoapAnswer:
    """What the org answers to a partner envelope posted to this version's address."""
    number = versions.number_of(version)
    if number is None or not versions.OLDEST <= number <= versions.NEWEST:
        return fault("UNSUPPORTED_API_VERSION", "Invalid Api version specified on URL")
    operation = _operation(body)
    if operation is None:
        return fault(
            "UNKNOWN_EXCEPTION", "The request is not a well-formed SOAP envelope", kind="UnexpectedErrorFault"
        )
    match _local(operation):
        case "login":
            return _login(org, version, number, operation, base_url)
        case "logout":
            return _logout(org, body)
        case other:
            message = f"The operation {other} is not offered by the sandbox"
            return fault("INVALID_OPERATION", message, kind="UnexpectedErrorFault")


def fault(code: str, message: str, *, kind: str = "LoginFault") -> SoapAnswer:
    """A SOAP fault, with the prefix `sf:` that clients look for."""
    text = escape(message)
    body = (
        f"<soapenv:Fault><faultcode>{code}</faultcode><faultstring>{code}: {text}</faultstring><detail>"
        f'<sf:{kind} xsi:type="sf:{kind}"><sf:exceptionCode>{code}</sf:exceptionCode>'
        f"<sf:exceptionMessage>{text}</sf:exceptionMessage></sf:{kind}></detail></soapenv:Fault>"
    )
    return SoapAnswer(500, _ENVELOPE.format(namespaces=_FAULTS, body=body))


def _login(org: Org, version: str, number: int, operation: ElementTree.Element, base_url: str) -> SoapAnswer:
    if number > versions.LAST_WITH_SOAP_LOGIN:
        message = (
            f"The SOAP Login operation is not available in the API version specified ({version}). "
            f"Use API version {versions.LAST_WITH_SOAP_LOGIN}.0 or earlier, or sign in with OAuth."
        )
        return fault("INVALID_OPERATION", message)
    if not org.settings.soap_login_enabled:
        return fault("INVALID_OPERATION", _SWITCHED_OFF)
    given = {_local(found): found.text or "" for found in operation}
    user = org.user(given.get("username", ""))
    verdict = org.doorkeeper.judge(user, given.get("password", ""))
    if verdict is Verdict.NEEDS_TOKEN:
        return fault("LOGIN_MUST_USE_SECURITY_TOKEN", _NEEDS_TOKEN)
    if user is None or verdict is Verdict.REFUSED:
        return fault("INVALID_LOGIN", _INVALID_LOGIN)
    session = org.sessions.open(user, only_to_set_password=verdict is Verdict.OPEN_BUT_EXPIRED)
    return SoapAnswer(200, _welcome(org, version, session, base_url))


def _welcome(org: Org, version: str, session: Session, base_url: str) -> str:
    settings, user = org.settings, session.user
    short = settings.organization_id[:15]
    result = _elements(
        {
            "metadataServerUrl": f"{base_url}/services/Soap/m/{version}/{short}",
            "passwordExpired": _word(session.only_to_set_password),
            "sandbox": _word(settings.is_sandbox),
            "serverUrl": f"{base_url}/services/Soap/u/{version}/{short}",
            "sessionId": session.token,
            "userId": user.id,
        }
    )
    told = result + f"<userInfo>{_user_info(org, user)}</userInfo>"
    body = f"<loginResponse><result>{told}</result></loginResponse>"
    return _ENVELOPE.format(namespaces=_PARTNER, body=body)


def _user_info(org: Org, user: User) -> str:
    settings = org.settings
    first = {
        "accessibilityMode": "false",
        "currencySymbol": "$",
        "orgAttachmentFileSizeLimit": "26214400",
        "orgDefaultCurrencyIsoCode": "USD",
        "orgDisallowHtmlAttachments": "false",
        "orgHasPersonAccounts": "false",
        "organizationId": settings.organization_id,
        "organizationMultiCurrency": "false",
        "organizationName": settings.name,
        "profileId": user.profile_id,
    }
    last = {
        "sessionSecondsValid": str(org.sessions.lifetime_seconds),
        "userDefaultCurrencyIsoCode": None,
        "userEmail": user.email,
        "userFullName": user.name,
        "userId": user.id,
        "userLanguage": "en_US",
        "userLocale": "en_US",
        "userName": user.username,
        "userTimeZone": settings.time_zone,
        "userType": "Standard",
        "userUiSkin": "Theme3",
    }
    return _elements(first | {"roleId": None} | last)


def _elements(values: dict[str, str | None]) -> str:
    """Plain elements, without prefix or attributes: clients find them by searching the text."""
    return "".join(
        f'<{name} xsi:nil="true"/>' if value is None else f"<{name}>{escape(value)}</{name}>"
        for name, value in values.items()
    )


def _word(flag: bool) -> str:
    return "true" if flag else "false"


def _logout(org: Org, body: bytes) -> SoapAnswer:
    token = next((found.text for found in _parsed(body) or () if _local(found) == "sessionId"), None)
    if token is None or not org.sessions.close(token.strip()):
        message = "Invalid Session ID found in SessionHeader: Illegal Session"
        return fault("INVALID_SESSION_ID", message, kind="UnexpectedErrorFault")
    return SoapAnswer(200, _ENVELOPE.format(namespaces=_PARTNER, body="<logoutResponse/>"))


def _operation(body: bytes) -> ElementTree.Element | None:
    """The element that the envelope's body holds."""
    for found in _parsed(body) or ():
        if _local(found) == "Body":
            return next(iter(found), None)
    return None


def _parsed(body: bytes) -> list[ElementTree.Element] | None:
    """Every element of the envelope. A document type is refused: SOAP forbids it, and bombs are made of it."""
    if b"<!DOCTYPE" in body.upper():
        return None
    try:
        return list(ElementTree.fromstring(body).iter())  # noqa: S314 - no document type, so no entities
    except ElementTree.ParseError:
        return None


def _local(node: ElementTree.Element) -> str:
    return node.tag.rpartition("}")[2]
