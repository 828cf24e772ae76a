"""The docs list what the code knows, and every direct dependency says why it is there."""

import configparser
import re

import pytest

from claims_pipeline_tests.doc_tables import TABLES, rendered
from claims_pipeline_tests.paths import REPOSITORY


@pytest.mark.parametrize("name", TABLES)
def test_tables_are_as_the_code_has_them(name: str) -> None:
    path = REPOSITORY / name
    assert path.read_text() == rendered(path, name), "run: python -m claims_pipeline_tests.doc_tables"


def test_every_direct_dependency_has_its_reason() -> None:
    setup = configparser.ConfigParser()
    setup.read(REPOSITORY / "setup.cfg")
    extras = setup["options.extras_require"]
    listed = "\n".join([setup["options"]["install_requires"], *extras.values()])
    wanted = set(re.findall(r"^([a-z][\w-]*)", listed, re.MULTILINE))
    reasons = (REPOSITORY / "docs/decisions/dependencies.md").read_text()
    assert wanted == set(re.findall(r"^- `([^`]+)`: \S", reasons, re.MULTILINE))


def test_constraints_pin_every_package_and_hold_no_address() -> None:
    lines = (REPOSITORY / "constraints.txt").read_text().splitlines()
    assert [line for line in lines if not re.fullmatch(r"[\w.-]+==[\w.+!]+", line)] == []
