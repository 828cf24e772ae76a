"""The docs list what the code knows, and every direct dependency says why it is there."""

import configparser
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from claims_pipeline.cli import salesforce
from claims_pipeline.clients.salesforce.metadata import Kind
from claims_pipeline.sandbox.salesforce.bulk_api import BulkApi
from claims_pipeline.sandbox.salesforce.control import Control
from claims_pipeline.sandbox.salesforce.metadata import bare_schema
from claims_pipeline.sandbox.salesforce.metadata_api.deployments import Deployments
from claims_pipeline.sandbox.salesforce.org import Org
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


def test_the_controls_in_the_docs_are_those_of_the_sandbox(tmp_path: Path) -> None:
    org = Org(bare_schema(), clock=lambda: datetime.now(UTC))
    bulk = BulkApi(org, folder=tmp_path)
    acts = Control(org, bulk, Deployments(org)).acts()
    bulk.shut_down()
    org.close()
    text = (REPOSITORY / "docs/sandbox.md").read_text()
    named = set(re.findall(r"/sandbox/([a-z-]+(?:/[a-z]+)?)\b", text)) - {
        "faults",
        "log",
        "payor-mapping",
        "reports",
        "scripts",
    }
    assert named - {"records/Claim", "records"} <= set(acts)
    assert {"addresses", "deployments", "tokens"} <= named


def test_the_admins_page_names_the_options_and_sections_that_there_are() -> None:
    text = (REPOSITORY / "docs/salesforce-admin.md").read_text()
    for heading in (
        "Install in five minutes",
        "When the org refuses the address",
        "Integration user (licence, profile)",
        "External Client App for JWT step by step (what can be deployed, what must be clicked)",
        "What differs: `salesforce diff`",
        "Going back (uninstall)",
        "What was not tested against a live org",
    ):
        assert f"\n## {heading}\n" in text
    commands = salesforce.command.commands  # type: ignore[attr-defined]
    known = {option for each in commands.values() for parameter in each.params for option in parameter.opts}
    written = set(re.findall(r"salesforce (?:deploy|diff)[^\n`]*", text))
    named = {option for line in written for option in re.findall(r"(?<![\w-])--[a-z-]+", line)}
    assert named
    assert named <= known
    section = text.partition("## What differs")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| ([a-z][a-z -]*) \|", section, re.MULTILINE)
    assert set(rows) - {"it says"} == {kind.value for kind in Kind}
