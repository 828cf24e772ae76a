"""A town for each module of the command line's tests; each test works on it from a state of its own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from claims_pipeline_tests.town import Town, towns


@pytest.fixture(scope="module")
def town_of_module(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    with towns(tmp_path_factory.mktemp("cli")) as build:
        yield build(COLLABORATEMD_POLL_SECONDS="0.01", SALESFORCE_POLL_SECONDS="0.01")


@pytest.fixture
def town(town_of_module: Town, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Town:
    """The module's town; the claims of earlier tests stand in its org, so each test has claims of its own."""
    for name, value in town_of_module.sandbox.dynamodb.environment().items():
        monkeypatch.setenv(name, value)
    return town_of_module.anew(tmp_path)
