"""The Metadata API's answers as XML, with the elements that Salesforce's WSDL lists, in its order.

What belongs here: envelopes, results and faults. Not here: what they tell (`deployments`).
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from xml.sax.saxutils import escape

from claims_pipeline.sandbox.salesforce.metadata_api.deployments import (
    Deployment,
    State,
    TestLevel,
    TestResult,
)
from claims_pipeline.sandbox.salesforce.metadata_api.messages import Message
from claims_pipeline.sandbox.salesforce.metadata_api.placed import NAMESPACE
from claims_pipeline.sandbox.salesforce.people import User
from claims_pipeline.sandbox.salesforce.record_ids import new_id
from claims_pipeline.sandbox.salesforce.sign_in import SoapAnswer

_ENVELOPE = (
    '<?xml version="1.0" encoding="UTF-8"?><soapenv:Envelope '
    'xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" '
    'xmlns{prefix}="{namespace}" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">'
    "<soapenv:Body>{body}</soapenv:Body></soapenv:Envelope>"
)
_NO_ID = "000000000000000AAA"


def fault(code: str, words: str) -> SoapAnswer:
    """HTTP 500, the code with the prefix `sf:` that clients look for."""
    body = (
        f"<soapenv:Fault><faultcode>sf:{code}</faultcode><faultstring>{code}: {escape(words)}</faultstring>"
        "</soapenv:Fault>"
    )
    return SoapAnswer(500, _ENVELOPE.format(prefix=":sf", namespace=NAMESPACE, body=body))


def started(found: Deployment) -> SoapAnswer:
    """`deployResponse`: an AsyncResult."""
    return _response("deploy", _element("result", _texts({"done": False, "id": found.id, "state": "Queued"})))


def canceled(found: Deployment) -> SoapAnswer:
    """`cancelDeployResponse`."""
    return _response("cancelDeploy", _element("result", _texts({"done": found.state.is_end, "id": found.id})))


def listed(entries: Iterable[tuple[str, str, str]], user: User, now: datetime) -> SoapAnswer:
    """`listMetadataResponse`: FileProperties of (type, full name, file)."""
    results = "".join(
        _element(
            "result",
            _texts(
                {
                    "createdById": user.id,
                    "createdByName": user.name,
                    "createdDate": _instant(now),
                    "fileName": file,
                    "fullName": name,
                    "id": _NO_ID,
                    "lastModifiedById": user.id,
                    "lastModifiedByName": user.name,
                    "lastModifiedDate": _instant(now),
                    "manageableState": "unmanaged",
                    "type": type_name,
                }
            ),
        )
        for type_name, name, file in entries
    )
    return _response("listMetadata", results)


def status(found: Deployment, *, with_details: bool) -> SoapAnswer:
    """`checkDeployStatusResponse`: a DeployResult."""
    errors = [one for one in found.failures if one.is_error]
    ended = found.state.is_end
    canceled_by = found.canceled_by
    told = _texts(
        {
            "canceledBy": None if canceled_by is None else canceled_by.id,
            "canceledByName": None if canceled_by is None else canceled_by.name,
            "checkOnly": found.options.check_only,
            "completedDate": _maybe(found.completed_at),
            "createdBy": found.user.id,
            "createdByName": found.user.name,
            "createdDate": _instant(found.created_at),
        }
    )
    told += _details(found) if with_details and ended else "<details/>"
    told += _texts(
        {
            "done": ended,
            "id": found.id,
            "ignoreWarnings": found.options.ignore_warnings,
            "lastModifiedDate": _instant(found.completed_at or found.started_at or found.created_at),
            "numberComponentErrors": len(errors),
            "numberComponentsDeployed": len(found.successes) if ended else 0,
            "numberComponentsTotal": found.total,
            "numberTestErrors": len(found.failed_tests),
            "numberTestsCompleted": len(found.tests) - len(found.failed_tests),
            "numberTestsTotal": len(found.tests),
            "rollbackOnError": found.options.rollback_on_error,
            "runTestsEnabled": found.options.test_level is not TestLevel.NONE,
            "startDate": _maybe(found.started_at),
            "stateDetail": "Processing components" if found.state is State.IN_PROGRESS else None,
            "status": found.state.value,
            "success": found.state in (State.SUCCEEDED, State.SUCCEEDED_PARTIAL),
        }
    )
    return _response("checkDeployStatus", _element("result", told))


def _details(found: Deployment) -> str:
    when = _instant(found.completed_at or found.created_at)
    failures = "".join(_element("componentFailures", _message(one, when)) for one in found.failures)
    successes = "".join(_element("componentSuccesses", _message(one, when)) for one in found.successes)
    return _element("details", failures + successes + _tests(found))


def _message(one: Message, when: str) -> str:
    failed = bool(one.problem)
    return _texts(
        {
            "changed": one.changed,
            "columnNumber": one.column or None,
            "componentType": one.type,
            "created": one.created,
            "createdDate": when,
            "deleted": one.deleted,
            "fileName": one.file,
            "fullName": one.name,
            "lineNumber": one.line or None,
            "problem": one.problem if failed else None,
            "problemType": None if not failed else "Warning" if one.warning else "Error",
            "success": not one.is_error,
        }
    )


def _tests(found: Deployment) -> str:
    warnings = "".join(
        _element(
            "codeCoverageWarnings",
            _texts({"id": _NO_ID, "message": message})
            + _nillable("name", name)
            + _nillable("namespace", None),
        )
        for name, message in found.coverage_warnings
    )
    failed = found.failed_tests
    failures = "".join(_element("failures", _failure(one, place)) for place, one in enumerate(failed, 1))
    counts = _texts({"numFailures": len(failed), "numTestsRun": len(found.tests)})
    passed: Sequence[TestResult] = [one for one in found.tests if one.message is None]
    successes = "".join(_element("successes", _success(one, place)) for place, one in enumerate(passed, 1))
    return _element("runTestResult", warnings + failures + counts + successes + _texts({"totalTime": "0.0"}))


def _failure(one: TestResult, place: int) -> str:
    return (
        _texts({"id": new_id("01p", place), "message": one.message or "", "methodName": one.method})
        + _texts({"name": one.class_name})
        + _nillable("namespace", None)
        + _texts(
            {"packageName": one.class_name, "stackTrace": one.stack_trace, "time": "1.0", "type": "Class"}
        )
    )


def _success(one: TestResult, place: int) -> str:
    return (
        _texts({"id": new_id("01p", place), "methodName": one.method, "name": one.class_name})
        + _nillable("namespace", None)
        + _texts({"time": "1.0"})
    )


def _response(operation: str, body: str) -> SoapAnswer:
    whole = _element(f"{operation}Response", body)
    return SoapAnswer(200, _ENVELOPE.format(prefix="", namespace=NAMESPACE, body=whole))


def _element(name: str, body: str) -> str:
    return f"<{name}>{body}</{name}>"


def _texts(values: dict[str, object]) -> str:
    """Plain elements; None is left out."""
    return "".join(
        _element(name, escape(_text(value))) for name, value in values.items() if value is not None
    )


def _text(value: object) -> str:
    return ("true" if value else "false") if isinstance(value, bool) else str(value)


def _nillable(name: str, value: str | None) -> str:
    return f'<{name} xsi:nil="true"/>' if value is None else _texts({name: value})


def _maybe(when: datetime | None) -> str | None:
    return None if when is None else _instant(when)


def _instant(when: datetime) -> str:
    return when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
