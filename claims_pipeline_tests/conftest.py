"""What holds for every test: a skipped test fails the run where CLAIMS_NO_SKIPS is set. And towns to work in."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from claims_pipeline_tests.dynamodb_local import DynamoDBLocal
    from claims_pipeline_tests.town import Town

settings.register_profile("untimed", deadline=None)  # how busy the machine is decides no test
settings.load_profile("untimed")

TOLD = "told"
"""A test's property of this name is a line for people, said at the end whatever process the test ran in."""


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say what tests have to tell, and which were skipped where none may be."""
    for report in (*terminalreporter.stats.get("passed", []), *terminalreporter.stats.get("failed", [])):
        for name, line in report.user_properties:
            if name == TOLD:
                terminalreporter.write_line(str(line))
    skipped = terminalreporter.stats.get("skipped", [])
    if skipped and os.environ.get("CLAIMS_NO_SKIPS"):
        terminalreporter.write_line(f"{len(skipped)} test(s) were skipped, and none may be here.", red=True)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail where a test was skipped and none may be."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if os.environ.get("CLAIMS_NO_SKIPS") and reporter is not None and reporter.stats.get("skipped"):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.fixture(scope="session")
def dynamodb_local() -> "Iterator[DynamoDBLocal]":
    """Amazon's DynamoDB Local, one for all tests of this process: each works on a table of its own."""
    from claims_pipeline_tests.dynamodb_local import serve_dynamodb_local

    server = serve_dynamodb_local()
    yield server
    server.close()


@pytest.fixture
def build_town(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> "Iterator[Callable[..., Town]]":
    """Builds towns; all are closed at the end. What boto3 finds by itself leads to the sandbox."""
    from claims_pipeline_tests.town import towns  # the sandbox's packages: most tests do without

    with towns(tmp_path) as build:

        def build_and_point(**settings: str) -> "Town":
            town = build(**settings)
            for name, value in town.sandbox.dynamodb.environment().items():
                monkeypatch.setenv(name, value)
            return town

        yield build_and_point


@pytest.fixture
def town(build_town: "Callable[..., Town]") -> "Town":
    """A town with the default settings."""
    return build_town()
