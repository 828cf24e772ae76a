"""Every metadata file holds only what its type in the Metadata API has, with values that it takes."""

from pathlib import Path

import pytest

from claims_pipeline_tests.salesforce.metadata_shapes import MetadataShapes
from claims_pipeline_tests.salesforce.project import FORCE_APP, SALESFORCE, Project

FILES = sorted((SALESFORCE / FORCE_APP).rglob("*-meta.xml"))
PAGE = "pages/ClaimPayorMapping.page-meta.xml"
VIEW = "objects/Claim_Sync_Issue__c/listViews/Open_Issues_by_Days.listView-meta.xml"


@pytest.fixture(scope="module")
def shapes() -> MetadataShapes:
    return MetadataShapes()


def test_every_file_has_the_shape_of_its_type(shapes: MetadataShapes) -> None:
    """Unknown, repeated and missing elements, and values of closed lists."""
    assert len(FILES) > 100
    assert {str(path): shapes.problems(path) for path in FILES if shapes.problems(path)} == {}


@pytest.mark.parametrize(
    ("file", "before", "after", "found"),
    [
        (PAGE, "<label>", "<lable>", "there is no lable in ApexPage"),
        (PAGE, "<availableInTouch>true", "<availableInTouch>yes", "'yes' is none of boolean"),
        (PAGE, "<apiVersion>66.0", "<apiVersion>newest", "'newest' is no number"),
        (PAGE, "    <label>Map Payors</label>\n", "", "label is missing"),
        (VIEW, "<operation>equals<", "<operation>equal<", "'equal' is none of FilterOperation"),
        (VIEW, "<label>", "<label>Twice</label><label>", "label stands twice"),
    ],
)
def test_a_wrong_shape_is_found(
    file: str, before: str, after: str, found: str, shapes: MetadataShapes, tmp_path: Path
) -> None:
    """Planted in a copy: the message says where, and what."""
    project = Project.copied_to(tmp_path / "salesforce")
    if after.startswith("<lable>"):
        project.plant(file, "Map Payors</label>", "Map Payors</lable>")
    project.plant(file, before, after)
    problems = shapes.problems(project.folder / FORCE_APP / file)
    assert any(found in problem for problem in problems), problems
