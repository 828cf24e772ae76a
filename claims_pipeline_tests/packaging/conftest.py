"""The package for this Python and this machine, unpacked, once for all processes of a run."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from claims_pipeline.packaging.contents import Target
from claims_pipeline_tests.packaging.packages import built_once, unpacked_once

THIS = Target(f"{sys.version_info.major}.{sys.version_info.minor}", "x86_64")


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """A folder of this run, of all its processes."""
    own = tmp_path_factory.getbasetemp()
    return (own if worker_id == "master" else own.parent) / "lambda-packages"


@pytest.fixture(scope="session")
def package(shared: Path) -> Iterator[Path]:
    """The unpacked package."""
    yield unpacked_once(built_once(THIS, shared))
