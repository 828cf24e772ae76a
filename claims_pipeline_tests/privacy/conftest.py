"""What the privacy tests share: a town, and a Dagster instance that has no runs yet."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from claims_pipeline_tests.paths import REPOSITORY
from claims_pipeline_tests.privacy.stage import Stage, staged
from claims_pipeline_tests.town import towns


@pytest.fixture(scope="session")
def fresh_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Dagster instance on disk with our dagster.yaml, made once and copied: making one takes a second."""
    home = tmp_path_factory.mktemp("dagster")
    shutil.copy(REPOSITORY / "dagster.yaml", home)
    with dg.DagsterInstance.from_config(str(home)) as instance:
        assert instance.get_runs_count() == 0
    return home


@pytest.fixture
def stage(tmp_path: Path, fresh_home: Path) -> Iterator[Stage]:
    """A town with nothing in it yet, everything of it below one folder."""
    with towns(tmp_path) as build, staged(build(), tmp_path, fresh_home) as made:
        yield made
