"""What holds for every test: where CLAIMS_NO_SKIPS is set, a skipped test fails the run."""

import os

import pytest


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say which tests were skipped where none may be."""
    skipped = terminalreporter.stats.get("skipped", [])
    if skipped and os.environ.get("CLAIMS_NO_SKIPS"):
        terminalreporter.write_line(f"{len(skipped)} test(s) were skipped, and none may be here.", red=True)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail where a test was skipped and none may be."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if os.environ.get("CLAIMS_NO_SKIPS") and reporter is not None and reporter.stats.get("skipped"):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
