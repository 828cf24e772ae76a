"""The mapping page in a real browser: what an admin decides there reaches exactly the claims that it concerns."""

from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from claims_pipeline.sandbox.payor_page.web import ADDRESS
from claims_pipeline.sandbox.salesforce.settings import ADMIN_USERNAME, INTEGRATION_USERNAME
from claims_pipeline_tests.accessibility import faults, in_dark
from claims_pipeline_tests.browser import PICTURES, Browser, Keys, browsing
from claims_pipeline_tests.given_report import report, row
from claims_pipeline_tests.journeys.conftest import Town
from claims_pipeline_tests.payor_table import MAPPING, lookups, mapping_rows

UNMAPPED = (
    ("Medicaid of Kansas", "KSMCD"),
    ("Humana Gold Choise", "HUM61"),
    ("CIGNA Health Care", "CIG23"),
    ("BCBS Colorado Anthem", "BCCO1"),
    ("Aetna Choice Plan", "AETN6"),
    ("Molina Complete Care Virginia", "MOLVA"),
    ("Medicaid of New Jersey", "NJMCD"),
    ("BCBS Georgia - Anthem", "BCGA1"),
    ("Sunrise Community Care", "SUN77"),
    ("Workers Compensation Fund", "WCF01"),
    ("CareSource Medicaid Ohio", "CSOH2"),
    ("Self Pay", ""),
)
MATCHED = 28
PICTURE = "payor-mapping.png"

pytestmark = pytest.mark.journey


@pytest.fixture
def browser(town: Town, tmp_path: Path) -> Iterator[Browser]:
    with browsing(tmp_path, town.sandbox.folder / "certificates" / "server.pem") as opened:
        yield opened


def test_three_payors_mapped_in_a_browser_reach_exactly_their_claims_at_the_next_sync(
    town: Town, browser: Browser, tmp_path: Path
) -> None:
    town.put(report(*_book(town)))
    first = town.sync()
    assert first.synced.warnings == ()
    statuses = Counter(
        "Automatic" if found["Automatic_Match__c"] else "Unmapped" for found in mapping_rows(town).values()
    )
    assert statuses == {"Automatic": MATCHED, "Unmapped": len(UNMAPPED)}

    browser.open(town.sandbox.salesforce.url + ADDRESS)
    browser.one("#caption", f"{len(UNMAPPED)} payors")
    _rows_are_those_of_the_org(town, browser)
    drawn = browser.picture(PICTURE, tmp_path)
    mapped = dict(_map_three(town, browser))
    browser.one("#caption", f"{len(UNMAPPED) - 3} payors")
    assert browser.complaints() == []
    admin = town.sandbox.org.user(ADMIN_USERNAME)
    assert admin is not None
    for key, payor in mapped.items():
        found = mapping_rows(town)[key]
        assert (found["Claim_Payor__c"], found["Decided_By__c"]) == (payor, admin.id)
        assert found["Decided_At__c"] is not None

    before = lookups(town)
    concerned = {n for n, claim in town.claims().items() if claim["Source_Payor_Key__c"] in mapped}
    assert len(concerned) > 3
    new = [row(f"9{place:05}", ClaimPrimaryPayerName="Self Pay", PayerID="") for place in range(80)]
    town.put(report(*new))
    town.sandbox.salesforce_wire.clear_log()
    written = town.sandbox.org.written = []
    town.sync()

    claims = town.claims()
    assert {n: claims[n]["Claim_Payor__c"] for n in concerned} == {
        n: mapped[str(claims[n]["Source_Payor_Key__c"])] for n in concerned
    }
    assert {n: payor for n, payor in lookups(town).items() if n not in concerned} == {
        **{n: payor for n, payor in before.items() if n not in concerned},
        **{each[0]: None for each in new},
    }
    integration = town.sandbox.org.user(INTEGRATION_USERNAME)
    assert integration is not None
    numbers = {str(claim["Id"]): number for number, claim in claims.items()}
    updated = [each for each in written if each.object_name == "Claim__c" and not each.created]
    assert Counter(numbers[each.record_id] for each in updated) == Counter(concerned)
    assert {frozenset(each.values) - {"Claim_Number__c"} for each in updated} == {
        frozenset({"Claim_Payor__c"})
    }
    assert {each.user_id for each in written} == {integration.id}
    batches = [each for each in town.writes() if "/Claim__c/" in each]
    assert len(batches) == 2  # the report's own claims, and those that were linked
    assert drawn.read_bytes().startswith(b"\x89PNG")


def _book(town: Town) -> list[list[str]]:
    """Claims of 40 payors: those of `UNMAPPED`, and so many that the org has once, under their own name and id."""
    records = town.sandbox.org.records("Claim_Payor__c")
    ids = Counter(str(each["Payor_ID__c"]) for each in records)
    matched = [
        (str(each["Name"]), str(each["Payor_ID__c"]))
        for each in records
        if each["Payor_ID__c"] and ids[str(each["Payor_ID__c"])] == 1 and "(" not in str(each["Name"])
    ][:MATCHED]
    rows = []
    for place, (name, payor_id) in enumerate((*UNMAPPED, *matched)):
        for number in range(14 - place if place < len(UNMAPPED) else 2):
            charged = f"{Decimal(181_337 + 911 * place - 1_003 * number) / 100:.2f}"
            cells = {"ClaimPrimaryPayerName": name, "PayerID": payor_id, "ClaimTotalAmount": charged}
            rows.append(row(f"5{place:02}{number:03}", **cells))
    return rows


def _rows_are_those_of_the_org(town: Town, browser: Browser) -> None:
    """Unmapped first, most dollars first, with what the org itself holds."""
    standing = [each for each in mapping_rows(town).values() if not each["Automatic_Match__c"]]
    ordered = sorted(standing, key=lambda each: -each["Charged_Amount__c"])
    shown = [each.text for each in browser.all("#rows tr .name")]
    assert shown == [each["Source_Payor_Name__c"] for each in ordered]
    dollars = [each.text for each in browser.all("#rows tr td:nth-child(4)")]
    assert dollars == [f"${each['Charged_Amount__c']:,.2f}" for each in ordered]
    claims = Counter(str(claim["Source_Payor_Key__c"]) for claim in town.claims().values())
    counts = [each.text for each in browser.all("#rows tr td:nth-child(3)")]
    assert counts == [str(claims[each["Payor_Key__c"]]) for each in ordered]


def _map_three(town: Town, browser: Browser) -> Iterator[tuple[str, str]]:
    """By a suggestion with the mouse; by searching, with the keyboard alone; to a payor that is made for it."""
    payors = town.payors()
    browser.one('tr[data-key^="medicaid of kansas"] .chip', "Medicaid Kansas").click()
    browser.one("#preview", "The next sync changes 14 claims")
    browser.one("#save").click()
    browser.one("#said", "Medicaid of Kansas: mapped to Medicaid Kansas.")
    yield "medicaid of kansas|ksmcd", payors["Medicaid Kansas"]

    browser.labelled("Map CIGNA Health Care").send_keys(Keys.ENTER)
    browser.until(lambda _: browser.focused.accessible_name == "Search name or id", "the focus in the search")
    browser.press("healthcare")
    browser.one("#offers label", "CIGNA HealthCare")
    browser.until(lambda _: len(browser.all("#offers label")) < 20, "the search's own offers")
    wanted = [each.text.split("\n")[0] for each in browser.all("#offers label")].index("CIGNA HealthCare")
    browser.press(Keys.ENTER)
    for _ in range(wanted):
        browser.press(Keys.ARROW_DOWN)
    if wanted == 0:
        browser.press(Keys.SPACE)
    browser.one("#preview", "The next sync changes 12 claims")
    browser.press(Keys.ENTER)
    browser.one("#said", "CIGNA Health Care: mapped to CIGNA HealthCare.")
    yield "cigna health care|cig23", payors["CIGNA HealthCare"]

    browser.labelled("Map Sunrise Community Care").click()
    browser.one("#new summary").click()
    name, payor_id = browser.labelled("Name"), browser.labelled("Payor id")
    assert (name.get_property("value"), payor_id.get_property("value")) == ("Sunrise Community Care", "SUN77")
    browser.labelled("Create and choose").click()
    browser.one("#preview", "The next sync changes 6 claims")
    browser.one("#save").click()
    browser.one("#said", "Sunrise Community Care: mapped to Sunrise Community Care.")
    yield "sunrise community care|sun77", town.payors()["Sunrise Community Care"]


def test_the_page_searches_chooses_many_undoes_and_shows_names_as_text_alone(
    town: Town, browser: Browser
) -> None:
    admin = town.sandbox.org.user(ADMIN_USERNAME)
    assert admin is not None
    hostile = '<img src=x onerror="document.title=1">'
    names = (hostile, "100% Care", *(f"Plan {place:03}" for place in range(60)))
    rows = [
        {"Payor_Key__c": f"key{place}|", "Source_Payor_Name__c": name, "Charged_Amount__c": 1_000 - place}
        for place, name in enumerate(names)
    ]
    town.sandbox.org.insert(admin, MAPPING, rows)
    browser.open(town.sandbox.salesforce.url + ADDRESS)
    browser.one("#caption", "62 payors")
    assert browser.one("#rows .name").text == hostile
    assert browser.all("#rows img") == []
    assert browser.driven.title == "Claim Payor Mapping (sandbox)"
    assert len(browser.all("#rows tr")) == 50
    browser.one("#more").click()
    browser.until(lambda _: len(browser.all("#rows tr")) == 62, "all rows")
    assert not browser.all("#more")[0].is_displayed()

    browser.labelled("Search payor name or id").send_keys("0% c", Keys.ENTER)
    browser.one("#caption", "1 payor that match")
    browser.labelled("Search payor name or id").clear()
    browser.labelled("Search payor name or id").send_keys("plan 00", Keys.ENTER)
    browser.one("#caption", "10 payors that match")
    browser.labelled("Choose all payors shown").click()
    browser.one("#chosen", "10 payors are chosen")
    browser.one("#bulk-ignore").click()
    browser.one("#dialog-title", "Ignore 10 payors")
    browser.press(Keys.ESCAPE)
    browser.until(lambda _: not browser.all("dialog[open]"), "a closed dialog")
    assert not any(each["Ignored__c"] for each in mapping_rows(town).values())
    browser.one("#bulk-ignore").click()
    browser.one("#save").click()
    browser.one("#said", "10 payors: ignored.")
    assert sum(each["Ignored__c"] for each in mapping_rows(town).values()) == 10
    browser.one("#undo").click()
    browser.one("#said", "Undone.")
    assert not any(each["Ignored__c"] for each in mapping_rows(town).values())

    browser.labelled("Ignore Plan 001").click()
    town.map("key3|", None, ignored=True)  # someone else decides meanwhile
    browser.one("#save").click()
    browser.one("#problem, #said", "Someone decided on this payor after your list was loaded")
    assert browser.complaints() == []


def test_every_control_has_a_name_and_messages_are_announced(town: Town, browser: Browser) -> None:
    town.put(report(*_book(town)))
    town.sync()
    browser.open(town.sandbox.salesforce.url + ADDRESS)
    browser.one("#rows tr")
    names = [each.accessible_name for each in browser.all("button, input, summary") if each.is_displayed()]
    assert len(names) > 40
    assert all(names)
    repeated = {name for name, count in Counter(names).items() if count > 1}
    assert repeated == set()
    assert browser.all("html[lang=en]")
    for css, live in (("#said", "polite"), ("#preview", "polite")):
        assert browser.all(css)[0].get_dom_attribute("aria-live") == live
    assert browser.all("#problem")[0].get_dom_attribute("role") == "alert"
    assert [each.get_dom_attribute("scope") for each in browser.all("thead th")] == ["col"] * 6


@pytest.mark.parametrize("dark", [False, True])
def test_axe_finds_nothing_wrong_with_the_list_nor_with_the_dialog(
    town: Town, browser: Browser, dark: bool
) -> None:
    town.put(report(*_book(town)))
    town.sync()
    in_dark(browser, dark=dark)
    browser.open(town.sandbox.salesforce.url + ADDRESS)
    browser.one("#rows tr")
    assert faults(browser) == []
    browser.labelled("Map Sunrise Community Care").click()
    browser.one("#offers label")
    assert faults(browser) == []


def test_axe_sees_what_is_wrong(browser: Browser, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    page.write_text("<html><body><img src='x.png'><input></body></html>")
    browser.open(page.as_uri())
    rules = {each.partition(":")[0] for each in faults(browser)}
    assert {"image-alt", "label", "html-has-lang", "document-title"} <= rules


def test_the_docs_have_the_pages_picture() -> None:
    assert (PICTURES / PICTURE).read_bytes().startswith(b"\x89PNG")
