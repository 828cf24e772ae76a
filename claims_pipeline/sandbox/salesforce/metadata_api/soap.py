"""The Metadata API's door: an envelope in, an envelope out.

What belongs here: who may call, and what each call is given. Clients write it in their own ways (booleans as `True`,
options in any order, words that are no options): names are read, order and all else are not. Not here: what a
deployment does (`deployments`).
"""

import base64
import binascii
from collections.abc import Iterator

from claims_pipeline.sandbox.salesforce import versions
from claims_pipeline.sandbox.salesforce.metadata_api import answers
from claims_pipeline.sandbox.salesforce.metadata_api.deployments import Deployments, Options, TestLevel
from claims_pipeline.sandbox.salesforce.metadata_api.package import Leniency, PackageRefused
from claims_pipeline.sandbox.salesforce.metadata_api.placed import NotWellFormed, Placed, children, parse
from claims_pipeline.sandbox.salesforce.people import User
from claims_pipeline.sandbox.salesforce.record_ids import full_id
from claims_pipeline.sandbox.salesforce.sessions import FIRST_VERSION_WITH_JWT_IN_SOAP
from claims_pipeline.sandbox.salesforce.sign_in import SoapAnswer

LARGEST_REQUEST = 52_428_800  # bytes of the envelope: 39 MB of zip, written as base64
_MOST_QUERIES = 3
_FILES = {"CustomObject": "objects/{}.object", "CustomField": "objects/{}.object"}


class Fault(Exception):
    """A call that is refused."""

    def __init__(self, code: str, words: str) -> None:
        super().__init__(code)
        self.code, self.words = code, words


def answer(deployments: Deployments, version: str, body: bytes) -> SoapAnswer:
    """What the org answers to a metadata envelope posted to this version's address."""
    try:
        return _answer(deployments, version, body)
    except Fault as refused:
        return answers.fault(refused.code, refused.words)
    except PackageRefused as refused:
        return answers.fault(refused.code, refused.words)


def _answer(deployments: Deployments, version: str, body: bytes) -> SoapAnswer:
    number = versions.number_of(version)
    if number is None or not versions.OLDEST <= number <= versions.NEWEST:
        raise Fault("UNSUPPORTED_API_VERSION", "Invalid Api version specified on URL")
    if len(body) > LARGEST_REQUEST:
        words = f"Maximum size of request reached. Maximum size of request is {LARGEST_REQUEST} bytes"
        raise Fault("LIMIT_EXCEEDED", words)
    try:
        envelope = parse(body)
    except NotWellFormed as error:
        raise Fault("UNKNOWN_EXCEPTION", f"The request is no well-formed envelope: {error.problem}") from None
    operation = next(iter(children(_need(envelope, "Body"))), None)
    user = _caller(deployments, envelope, number)
    match operation.name if operation is not None else "":
        case "deploy":
            assert operation is not None
            zipped = _zip(operation)
            return answers.started(deployments.start(user, zipped, _options(operation)))
        case "checkDeployStatus":
            assert operation is not None
            return _status(deployments, operation)
        case "cancelDeploy":
            assert operation is not None
            found = deployments.cancel(_deployment_id(operation, "String", "asyncProcessId"), user)
            if found is None:
                raise Fault("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id")
            return answers.canceled(found)
        case "listMetadata":
            assert operation is not None
            now = deployments.org.now()
            return answers.listed(_listed(deployments, operation), user, now)
        case other:
            raise Fault("INVALID_OPERATION", f"The operation {other} is not offered by the sandbox")


def _caller(deployments: Deployments, envelope: Placed, version: int) -> User:
    """Whose session it is; a JWT is no session here before API 68."""
    org = deployments.org
    token = next((found.text or "" for found in _every(envelope) if found.name == "sessionId"), "")
    session = org.sessions.find(token.strip())
    if session is None or (session.is_jwt and version < FIRST_VERSION_WITH_JWT_IN_SOAP):
        raise Fault(
            "INVALID_SESSION_ID",
            "Invalid Session ID found in SessionHeader: Illegal Session. Session not found",
        )
    if session.only_to_set_password:
        words = "The users password has expired, you must call SetPassword before attempting any other API operations"
        raise Fault("INVALID_OPERATION_WITH_EXPIRED_PASSWORD", words)
    with org.lock:
        if org.api_requests_used >= org.daily_api_requests:
            raise Fault("REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.")
        org.api_requests_used += 1
    if not session.user.modifies_all_data:
        words = "use of the Metadata API requires a user with the ModifyAllData or ModifyMetadata permissions"
        raise Fault("INSUFFICIENT_ACCESS", words)
    return session.user


def _zip(operation: Placed) -> bytes:
    text = "".join((_need(operation, "ZipFile").text or "").split())
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise Fault("UNKNOWN_EXCEPTION", "ZipFile is no base64") from None


def _options(operation: Placed) -> Options:
    given = _need(operation, "DeployOptions")

    def flag(name: str) -> bool:
        return given.said(name).lower() in ("true", "1")

    try:
        level = TestLevel(given.said("testLevel") or TestLevel.NONE)
    except ValueError:
        raise Fault("UNKNOWN_EXCEPTION", "testLevel is no level of tests") from None
    tests = [(found.text or "").strip() for found in children(given) if found.name == "runTests"]
    return Options(
        check_only=flag("checkOnly"),
        rollback_on_error=flag("rollbackOnError"),
        ignore_warnings=flag("ignoreWarnings"),
        test_level=level,
        tests=tuple(found for found in tests if found),
        leniency=Leniency(flag("allowMissingFiles"), flag("autoUpdatePackage")),
    )


def _status(deployments: Deployments, operation: Placed) -> SoapAnswer:
    found = deployments.ask(_deployment_id(operation, "asyncProcessId"))
    if found is None:
        raise Fault("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id")
    with_details = operation.said("includeDetails").lower() in ("true", "1")
    return answers.status(found, with_details=with_details)


def _deployment_id(operation: Placed, *names: str) -> str:
    given = next((said for name in names if (said := operation.said(name))), "")
    found = full_id(given)
    if found is None:
        raise Fault("INVALID_ID_FIELD", f"Invalid deployment id: {given}")
    return found


def _listed(deployments: Deployments, operation: Placed) -> list[tuple[str, str, str]]:
    """What stands in the org of the types asked for: whatever anybody may see of it."""
    queries = [found for found in children(operation) if found.name == "queries"]
    if len(queries) > _MOST_QUERIES:
        raise Fault("EXCEEDED_MAX_TYPES_LIMIT", f"The maximum number of types is {_MOST_QUERIES}")
    org, found = deployments.org, []
    for query in queries:
        type_name = query.said("type")
        match type_name:
            case "CustomObject":
                names = sorted(org.schema.objects)
            case "CustomField":
                names = [
                    f"{schema.name}.{field.name}"
                    for schema in org.schema.objects.values()
                    for field in schema.fields.values()
                    if field.custom
                ]
            case _:
                names = org.components.names(type_name)
        template = _FILES.get(type_name, type_name + "/{}")
        found += [(type_name, name, template.format(name.partition(".")[0])) for name in names]
    return found


def _need(node: Placed, name: str) -> Placed:
    found = node.child(name)
    if found is None:
        raise Fault("UNKNOWN_EXCEPTION", f"The envelope has no {name}")
    return found


def _every(node: Placed) -> Iterator[Placed]:
    for found in node.iter():
        assert isinstance(found, Placed)
        yield found
