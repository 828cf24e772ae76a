"""Lightning's addresses in the sandbox: every list view of our metadata, records, and what is not there."""

from collections.abc import Callable

import pytest
import requests

from claims_pipeline.sandbox.salesforce import metadata
from claims_pipeline.sandbox.salesforce.org import Org
from claims_pipeline.sandbox.salesforce.people import User

VIEWS = sorted(
    (path.parent.parent.name, path.name.split(".")[0])
    for path in metadata.OBJECTS_FOLDER.glob("*/listViews/*.xml")
)


Get = Callable[[str], requests.Response]


@pytest.fixture
def get(http: requests.Session, url: str) -> Get:
    return lambda path: http.get(url + path, timeout=10, allow_redirects=False)


def insert(org: Org, admin: User, object_name: str, **fields: object) -> str:
    (result,) = org.insert(admin, object_name, [fields])
    assert result.success and result.id, result.errors
    return result.id


@pytest.mark.parametrize(("object_name", "view"), VIEWS)
def test_every_list_view_of_ours_can_be_opened(get: Get, object_name: str, view: str) -> None:
    answer = get(f"/lightning/o/{object_name}/list?filterName={view}")
    assert answer.status_code == 200
    assert "<p>0 records</p>" in answer.text


def test_a_list_view_shows_what_its_filters_let_through(org: Org, admin: User, get: Get) -> None:
    for number, missing in (("1", "2026-01-05"), ("2", None)):
        insert(
            org,
            admin,
            "Claim__c",
            Name=number,
            Claim_Number__c=f"C-{number}",
            Source_Missing_Since__c=missing,
        )
    shown = get("/lightning/o/Claim__c/list?filterName=Missing_at_the_Source").text
    assert ("C-1" in shown, "C-2" in shown) == (True, False)
    everything = get("/lightning/o/Claim__c/list?filterName=Somebodys_Own").text
    assert "<p>2 records</p>" in everything


def test_a_record_is_shown_as_text_alone(org: Org, admin: User, get: Get) -> None:
    record_id = insert(
        org, admin, "Claim__c", Name="<b>DOE</b>", Claim_Number__c="C-1", Charged_Amount__c=12.5
    )
    shown = get(f"/lightning/r/Claim__c/{record_id}/view").text
    assert "&lt;b&gt;DOE&lt;/b&gt;" in shown
    assert "<b>DOE</b>" not in shown
    assert "12.5" in shown


@pytest.mark.parametrize(
    "path",
    [
        "/lightning/r/Claim__c/a04000000000009AAA/view",
        "/lightning/r/Claim__c/' OR Name != '/view",
        "/lightning/r/Nothing__c/a04000000000009AAA/view",
        "/lightning/o/Nothing__c/list",
    ],
)
def test_what_is_not_there_is_said_to_be_missing(get: Get, path: str) -> None:
    answer = get(path)
    assert answer.status_code == 404
    assert "not in the org" in answer.text


def test_the_mapping_tab_is_the_mapping_page(get: Get) -> None:
    answer = get("/lightning/n/ClaimPayorMapping")
    assert (answer.status_code, answer.headers["location"]) == (307, "/sandbox/payor-mapping")
