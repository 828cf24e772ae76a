"""The docs hold together: each page stands in their list, each link leads somewhere, each command is one."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from claims_pipeline_tests.command_line import claims_pipeline
from claims_pipeline_tests.paths import REPOSITORY

DOCS = REPOSITORY / "docs"
PAGES = sorted([REPOSITORY / "README.md", *DOCS.rglob("*.md")])
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_COMMAND = re.compile(r"^ {4}claims-pipeline ([a-z]+)((?: [a-z]+)?)([^\n#]*)", re.MULTILINE)
_OPTION = re.compile(r"(?<![\w-])--[a-z-]+")
_GROUPS = ("salesforce", "lambda", "confirm")


def links(page: Path) -> Iterator[str]:
    """Links to files of ours; what stands elsewhere is not asked for."""
    for found in _LINK.findall(page.read_text()):
        if "://" not in found and not found.startswith("mailto:"):
            yield found


def anchors(page: Path) -> set[str]:
    """The headings of a page as GitHub links to them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", each.lower()).strip().replace(" ", "-") for each in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(REPOSITORY)))
def test_every_link_leads_to_a_page_and_a_heading(page: Path) -> None:
    broken = []
    for link in links(page):
        path, _, heading = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (heading and heading not in anchors(target)):
            broken.append(link)
    assert broken == []


def test_the_docs_list_every_page_once() -> None:
    listed = [(DOCS / path.partition("#")[0]).resolve() for path in links(DOCS / "README.md")]
    assert sorted(listed) == sorted(set(DOCS.rglob("*.md")) - {DOCS / "README.md"})


def test_the_quickstart_comes_first_and_the_front_page_leads_to_the_list() -> None:
    assert next(links(DOCS / "README.md")) == "quickstart.md"
    assert "docs/README.md" in set(links(REPOSITORY / "README.md"))


@pytest.mark.parametrize("page", ["docs/quickstart.md", "docs/operations.md", "README.md"])
def test_commands_and_their_options_are_those_that_there_are(page: str) -> None:
    written = _COMMAND.findall((REPOSITORY / page).read_text())
    assert written
    for command, inner, rest in written:
        asked = (command, inner.strip()) if command in _GROUPS and inner else (command,)
        said = claims_pipeline({}, *asked, "--help")
        assert said.code == 0, f"{page}: claims-pipeline {' '.join(asked)}"
        known = set(_OPTION.findall(said.out))
        assert set(_OPTION.findall(rest)) <= known, f"{page}: claims-pipeline {' '.join(asked)}"
