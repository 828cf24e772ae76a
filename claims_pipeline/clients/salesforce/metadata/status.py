"""What `checkDeployStatus` answers, read whole: simple-salesforce drops lines, columns, warnings and coverage.

What belongs here: a DeployResult's XML as facts. Not here: asking for it (`client`). The texts are of metadata and Apex
alone, so they may be shown.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from xml.etree import ElementTree

from claims_pipeline.clients.salesforce.refusals import UnexpectedAnswer

_NAMESPACE = "{http://soap.sforce.com/2006/04/metadata}"


class DeployState(StrEnum):
    """Where a deployment stands."""

    PENDING = "Pending"
    IN_PROGRESS = "InProgress"
    FINALIZING = "FinalizingDeploy"
    SUCCEEDED = "Succeeded"
    SUCCEEDED_PARTIAL = "SucceededPartial"
    FAILED = "Failed"
    CANCELING = "Canceling"
    CANCELED = "Canceled"


@dataclass(frozen=True)
class ComponentProblem:
    """Why one component was not taken, or what is odd about it. `line` and `column` begin at 1; None: not told."""

    type: str
    name: str
    file: str
    problem: str
    line: int | None
    column: int | None
    is_warning: bool


@dataclass(frozen=True)
class TestFailure:
    """A test method that failed."""

    __test__ = False  # pytest's: this is no test

    class_name: str
    method: str
    message: str
    stack_trace: str


@dataclass(frozen=True)
class DeployStatus:
    """One answer. `done` alone says that nothing more happens."""

    id: str
    state: DeployState | str
    done: bool
    success: bool
    detail: str
    error: str
    components: tuple[int, int]
    """Done and all."""
    component_errors: int
    tests: tuple[int, int]
    test_errors: int
    problems: tuple[ComponentProblem, ...]
    test_failures: tuple[TestFailure, ...]
    coverage_warnings: tuple[str, ...]
    deployed: tuple[str, ...]
    """`Type Name` of each component that was taken."""


def read_status(result: ElementTree.Element) -> DeployStatus:
    """The facts of a `<result>`. Raises UnexpectedAnswer for what is none."""
    status, done = _text(result, "status"), _text(result, "done")
    if not status or done not in ("true", "false"):
        raise UnexpectedAnswer("Salesforce's answer about the deployment says no state.")
    state = DeployState(status) if status in set(DeployState) else status
    details = _find(result, "details")
    ran = None if details is None else _find(details, "runTestResult")
    return DeployStatus(
        id=_text(result, "id"),
        state=state,
        done=done == "true",
        success=_text(result, "success") == "true",
        detail=_text(result, "stateDetail"),
        error=": ".join(filter(None, (_text(result, "errorStatusCode"), _text(result, "errorMessage")))),
        components=(_number(result, "numberComponentsDeployed"), _number(result, "numberComponentsTotal")),
        component_errors=_number(result, "numberComponentErrors"),
        tests=(_number(result, "numberTestsCompleted"), _number(result, "numberTestsTotal")),
        test_errors=_number(result, "numberTestErrors"),
        problems=tuple(_problem(one) for one in _all(details, "componentFailures")),
        test_failures=tuple(_failure(one) for one in _all(ran, "failures")),
        coverage_warnings=tuple(
            ": ".join(filter(None, (_text(one, "name"), _text(one, "message"))))
            for one in _all(ran, "codeCoverageWarnings")
        ),
        deployed=tuple(
            f"{_text(one, 'componentType')} {_text(one, 'fullName')}"
            for one in _all(details, "componentSuccesses")
            if _text(one, "componentType")
        ),
    )


def _problem(one: ElementTree.Element) -> ComponentProblem:
    return ComponentProblem(
        type=_text(one, "componentType"),
        name=_text(one, "fullName"),
        file=_text(one, "fileName"),
        problem=_text(one, "problem") or "no reason given",
        line=_number(one, "lineNumber") or None,
        column=_number(one, "columnNumber") or None,
        is_warning=_text(one, "problemType") == "Warning",
    )


def _failure(one: ElementTree.Element) -> TestFailure:
    return TestFailure(
        class_name=_text(one, "name"),
        method=_text(one, "methodName"),
        message=_text(one, "message"),
        stack_trace=_text(one, "stackTrace"),
    )


def _find(node: ElementTree.Element, name: str) -> ElementTree.Element | None:
    return node.find(_NAMESPACE + name)


def _all(node: ElementTree.Element | None, name: str) -> Iterator[ElementTree.Element]:
    if node is not None:
        yield from node.iterfind(_NAMESPACE + name)


def _text(node: ElementTree.Element, name: str) -> str:
    return (node.findtext(_NAMESPACE + name) or "").strip()


def _number(node: ElementTree.Element, name: str) -> int:
    text = _text(node, name)
    return int(text) if text.isascii() and text.isdigit() else 0
