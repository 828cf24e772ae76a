"""Deployments on their way: queued, at work, and how each ended.

What belongs here: the options, the states, tests that are told to fail, and asking after a deployment. A deployment
moves on when it is asked after: Pending, InProgress, then its end; so nothing here depends on how fast anything runs.
Not here: XML (`answers`), the judgement (`judging`).
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from claims_pipeline.sandbox.salesforce.metadata_api import applying
from claims_pipeline.sandbox.salesforce.metadata_api.future import Future, future_of
from claims_pipeline.sandbox.salesforce.metadata_api.judging import problems_of
from claims_pipeline.sandbox.salesforce.metadata_api.messages import PACKAGE_FILE, Message
from claims_pipeline.sandbox.salesforce.metadata_api.package import (
    Leniency,
    Package,
    PackageRefused,
    read_package,
)
from claims_pipeline.sandbox.salesforce.org import Org
from claims_pipeline.sandbox.salesforce.people import User
from claims_pipeline.sandbox.salesforce.record_ids import new_id

_TEST_METHOD = re.compile(
    rb"@istest\b[^;{}]*?\bvoid\s+(\w+)\s*\(|\btestmethod\b[^;{}]*?\bvoid\s+(\w+)\s*\(", re.I
)
_COMMENT = re.compile(rb"//[^\n]*|/\*.*?\*/", re.DOTALL)


class State(StrEnum):
    """The `status` of a deployment."""

    PENDING = "Pending"
    IN_PROGRESS = "InProgress"
    SUCCEEDED = "Succeeded"
    SUCCEEDED_PARTIAL = "SucceededPartial"
    FAILED = "Failed"
    CANCELING = "Canceling"
    CANCELED = "Canceled"

    @property
    def is_end(self) -> bool:
        """Whether nothing more happens."""
        return self not in (State.PENDING, State.IN_PROGRESS, State.CANCELING)


class TestLevel(StrEnum):
    """Which Apex tests a deployment runs."""

    __test__ = False  # pytest's: this is no test

    NONE = "NoTestRun"
    SPECIFIED = "RunSpecifiedTests"
    LOCAL = "RunLocalTests"
    ALL = "RunAllTestsInOrg"


@dataclass(frozen=True)
class Options:
    """A deployment's options."""

    check_only: bool = False
    rollback_on_error: bool = False
    ignore_warnings: bool = False
    test_level: TestLevel = TestLevel.NONE
    tests: tuple[str, ...] = ()
    leniency: Leniency = field(default_factory=Leniency)


@dataclass(frozen=True)
class TestResult:
    """One test method that ran, and why it failed, if it did."""

    __test__ = False  # pytest's: this is no test

    class_name: str
    method: str
    message: str | None = None
    stack_trace: str = ""


@dataclass
class Script:
    """What the org is told to do with deployments, since it can run no Apex."""

    failing_tests: list[TestResult] = field(default_factory=list)
    failing_components: list[Message] = field(default_factory=list)
    coverage_warnings: list[tuple[str | None, str]] = field(default_factory=list)
    polls: int = 2  # questions that a deployment is Pending or InProgress for
    cancel: bool = False  # somebody cancels each deployment in Setup


@dataclass
class Deployment:
    """One deployment, and what has become of it."""

    id: str
    user: User
    options: Options
    package: Package
    created_at: datetime
    state: State = State.PENDING
    asked: int = 0
    total: int = 0
    failures: list[Message] = field(default_factory=list)
    successes: list[Message] = field(default_factory=list)
    tests: list[TestResult] = field(default_factory=list)
    coverage_warnings: list[tuple[str | None, str]] = field(default_factory=list)
    started_at: datetime | None = None
    completed_at: datetime | None = None
    canceled_by: User | None = None

    @property
    def failed_tests(self) -> list[TestResult]:
        """The tests that did not pass."""
        return [found for found in self.tests if found.message is not None]


class Deployments:
    """Every deployment of one org."""

    def __init__(self, org: Org) -> None:
        self.org = org
        self.script = Script()
        self._all: dict[str, Deployment] = {}

    def start(self, user: User, content: bytes, options: Options) -> Deployment:
        """Queue a deployment. Raises PackageRefused for a zip that cannot be taken at all."""
        if options.test_level is TestLevel.SPECIFIED and not options.tests:
            words = "runTests must name a test class when testLevel is RunSpecifiedTests"
            raise PackageRefused("INVALID_OPERATION", words)
        if options.tests and options.test_level is not TestLevel.SPECIFIED:
            words = "runTests can be used only with a testLevel of RunSpecifiedTests"
            raise PackageRefused("INVALID_OPERATION", words)
        package = read_package(content, options.leniency)
        with self.org.lock:
            found = Deployment(new_id("0Af", len(self._all) + 1), user, options, package, self.org.now())
            found.total = len(package.wanted)
            self._all[found.id] = found
        return found

    def ask(self, deployment_id: str) -> Deployment | None:
        """The deployment, which moves on by being asked after."""
        with self.org.lock:
            found = self._all.get(deployment_id)
            if found is not None and not found.state.is_end:
                self._move_on(found)
            return found

    def cancel(self, deployment_id: str, user: User) -> Deployment | None:
        """Stop a deployment that has not ended."""
        with self.org.lock:
            found = self._all.get(deployment_id)
            if found is not None and not found.state.is_end:
                found.state, found.canceled_by = State.CANCELING, user
            return found

    def all(self) -> Sequence[Deployment]:
        """Every deployment so far."""
        return list(self._all.values())

    def _move_on(self, found: Deployment) -> None:
        found.asked += 1
        if self.script.cancel and found.canceled_by is None:
            found.state, found.canceled_by = State.CANCELING, found.user
        elif found.state is State.CANCELING:
            found.state, found.completed_at = State.CANCELED, self.org.now()
        elif found.asked > self.script.polls:
            self._finish(found)
        elif found.asked > 1 or self.script.polls == 1:
            found.started_at = found.started_at or self.org.now()
            found.state = State.IN_PROGRESS

    def _finish(self, found: Deployment) -> None:
        """Judge the package, run its tests as told, and change the org if all is well."""
        future = future_of(self.org, found.package)
        found.failures = [*found.package.problems, *future.problems]
        for component in found.package.components:
            found.failures += problems_of(future, component)
        found.failures += self._told_to_fail(future)
        found.failures += _missing_tests(found, future)
        failed = {(one.type, one.name) for one in found.failures if one.is_error}
        found.successes = applying.successes(future, failed)
        errors = any(one.is_error for one in found.failures)
        if not errors:
            found.tests = self._run_tests(found)
            found.coverage_warnings = list(self.script.coverage_warnings) if found.tests else []
        found.state = self._end_of(found, errors)
        if found.state in (State.SUCCEEDED, State.SUCCEEDED_PARTIAL) and not found.options.check_only:
            applying.apply(future, failed, found.user)
        found.started_at = found.started_at or self.org.now()
        found.completed_at = self.org.now()

    def _end_of(self, found: Deployment, errors: bool) -> State:
        if found.failed_tests or found.coverage_warnings:
            return State.FAILED
        errors = errors or (any(one.warning for one in found.failures) and not found.options.ignore_warnings)
        if not errors:
            return State.SUCCEEDED
        rolled_back = found.options.rollback_on_error or not self.org.settings.is_sandbox
        fatal = any(one.file == PACKAGE_FILE and one.is_error for one in found.failures)
        return State.FAILED if rolled_back or fatal or not found.successes else State.SUCCEEDED_PARTIAL

    def _told_to_fail(self, future: Future) -> list[Message]:
        """The scripted failures of components that the package holds."""
        told = []
        for component in future.package.components:
            for one in component.listed:
                told += [
                    Message(one.type, one.file, one.name, found.problem, found.line, found.column)
                    for found in self.script.failing_components
                    if found.name == one.name
                ]
        return told

    def _run_tests(self, found: Deployment) -> list[TestResult]:
        """Every test method of the classes that are to run; each passes unless a script fails it."""
        classes = {one.name: one.content for one in found.package.components if one.type == "ApexClass"}
        if found.options.test_level is TestLevel.SPECIFIED:
            classes = {name: classes.get(name, b"") for name in found.options.tests}
        elif found.options.test_level is TestLevel.NONE and (self.org.settings.is_sandbox or not classes):
            return []
        results = []
        for name, content in classes.items():
            results += [self._result(name, method) for method in test_methods(content)]
        known = {(one.class_name, one.method) for one in results}
        return results + [
            one
            for one in self.script.failing_tests
            if one.class_name in classes and (one.class_name, one.method) not in known
        ]

    def _result(self, class_name: str, method: str) -> TestResult:
        wanted = class_name, method
        return next(
            (one for one in self.script.failing_tests if (one.class_name, one.method) == wanted),
            TestResult(class_name, method),
        )


def test_methods(content: bytes) -> list[str]:
    """The names of the test methods in an Apex class, comments left out."""
    found = _TEST_METHOD.findall(_COMMENT.sub(b"", content))
    return [(new or old).decode("utf-8", "replace") for new, old in found]


test_methods.__test__ = False  # type: ignore[attr-defined]  # pytest's: this is no test


def _missing_tests(found: Deployment, future: Future) -> list[Message]:
    """Test classes that are to run and that neither the package nor the org has."""
    return [
        Message("", PACKAGE_FILE, name, f"The test class {name} named in runTests was not found")
        for name in found.options.tests
        if not future.has("ApexClass", name)
    ]


def script_of(given: Mapping[str, object]) -> Script:
    """What `POST /sandbox/deployments` says. Raises ValueError, TypeError or KeyError for what is no script."""
    script = Script()
    for entry in _entries(given, "fail_tests"):
        script.failing_tests.append(
            TestResult(
                str(entry["class"]),
                str(entry["method"]),
                str(entry.get("message", "System.AssertException: Assertion Failed")),
                str(entry.get("stack_trace", f"Class.{entry['class']}.{entry['method']}: line 1, column 1")),
            )
        )
    for entry in _entries(given, "fail_components"):
        script.failing_components.append(
            Message(
                "",
                "",
                str(entry["name"]),
                str(entry.get("problem", "Failed as told.")),
                int(str(entry.get("line", 1))),
                int(str(entry.get("column", 1))),
            )
        )
    for entry in _entries(given, "coverage_warnings"):
        name = entry.get("name")
        script.coverage_warnings.append((None if name is None else str(name), str(entry["message"])))
    script.polls = int(str(given.get("polls", script.polls)))
    script.cancel = given.get("cancel") is True
    return script


def _entries(given: Mapping[str, object], name: str) -> list[dict[str, object]]:
    found = given.get(name, [])
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise ValueError(f"`{name}` must be a list of objects.")
    return found
