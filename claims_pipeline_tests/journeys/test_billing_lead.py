"""The billing lead with the Monday report in a real browser: finds the oldest refused claim, and follows its link."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium.webdriver.common.by import By

from claims_pipeline.reporting.publish import Published
from claims_pipeline.sandbox.salesforce.rows import RowError
from claims_pipeline.sandbox.salesforce.scripts import Refusal
from claims_pipeline_tests.accessibility import faults, in_dark
from claims_pipeline_tests.browser import PICTURES, Browser, browsing
from claims_pipeline_tests.given_report import report, row
from claims_pipeline_tests.journeys.conftest import FIRST, SECOND, Town
from claims_pipeline_tests.journeys.test_refused_claims import days_later
from claims_pipeline_tests.reporting.given import published

OLDEST, REFUSED_LATER = "5000003", "5000007"
PICTURE = "billing-lead-report.png"
REFUSAL = RowError("FIELD_CUSTOM_VALIDATION_EXCEPTION", "the rule quotes DOE, JAN", ("MR_Number__c",))

pytestmark = pytest.mark.journey


@pytest.fixture
def browser(town: Town, tmp_path: Path) -> Iterator[Browser]:
    with browsing(tmp_path, town.sandbox.folder / "certificates" / "server.pem") as opened:
        yield opened


def book(*more: list[str], **paid: str) -> bytes:
    """Nine claims, 100 dollars each, and what is said to be paid of each."""
    claims = (f"500000{number}" for number in range(1, 10))
    return report(*(row(each, ClaimAmountPaid=paid.get(each, "0.00")) for each in claims), *more)


def refused(town: Town, claim: str) -> None:
    town.sandbox.org.scripts.refusals.append(Refusal("Claim__c", claim, REFUSAL))


def nine_days(town: Town) -> tuple[dict[str, Published], Published]:
    """All arrive; then one claim's change is refused, days later another's, and a row comes that is no claim."""
    town.put(report(row("6000001")), SECOND)
    town.sync(SECOND)
    town.put(book())
    town.sync()
    refused(town, OLDEST)
    town.put(book(**{OLDEST: "40.00"}))
    days_later(town, 1)
    refused(town, REFUSED_LATER)
    unreadable = row("5000099", ClaimTotalAmount="12.3.4")
    town.put(book(unreadable, **{OLDEST: "40.00", REFUSED_LATER: "25.00"}))
    days_later(town, 6)
    return published(town, days_later=9)


def test_the_oldest_refused_claim_is_found_and_its_link_leads_to_it(
    town: Town, browser: Browser, tmp_path: Path
) -> None:
    pages, over_all = nine_days(town)
    browser.open(Path(over_all.address).as_uri())
    assert "3 claims are stuck." in browser.text_of(".summary")
    assert "The longest wait is 8 days: claim 5000003." in browser.text_of(".summary")
    browser.driven.find_element(By.LINK_TEXT, "Riverside").click()
    assert browser.driven.current_url == Path(pages[FIRST].address).as_uri()
    browser.picture(PICTURE, tmp_path)
    lines = [each.text for each in browser.all("table tbody tr") if "5000" in each.text]
    assert [line.split()[0] for line in lines] == [OLDEST, REFUSED_LATER, "5000099"]
    assert " 8 $100.00 " in lines[0]
    assert browser.complaints() == []

    browser.driven.find_element(By.XPATH, f"//tbody//a[. = '{OLDEST}']").click()
    shown = browser.one("main", f"Claim {town.claims()[OLDEST]['Name']}").text
    assert town.sandbox.salesforce.url in browser.driven.current_url
    assert f"Claim Number {OLDEST}" in shown
    assert "Paid Amount 0.0" in shown, "what Salesforce holds, since it refused the change"


def test_the_links_of_the_report_lead_to_the_open_issues_and_to_the_mapping_page(
    town: Town, browser: Browser
) -> None:
    _, over_all = nine_days(town)
    browser.open(Path(over_all.address).as_uri())
    browser.driven.find_element(By.LINK_TEXT, "open issues").click()
    shown = browser.one("main", "1 Open issues, by days").text
    assert [claim in shown for claim in (OLDEST, REFUSED_LATER, "5000099", "5000001")] == [True] * 3 + [False]
    browser.driven.back()
    browser.driven.find_element(By.LINK_TEXT, "mapping page").click()
    browser.one("#caption", "1 payor")


@pytest.mark.parametrize("dark", [False, True])
def test_axe_finds_nothing_wrong_with_the_report(town: Town, browser: Browser, dark: bool) -> None:
    pages, over_all = nine_days(town)
    in_dark(browser, dark=dark)
    for page in (over_all, pages[FIRST], pages[SECOND]):
        browser.open(Path(page.address).as_uri())
        assert faults(browser) == [], page.address


def test_the_docs_have_the_reports_picture() -> None:
    assert (PICTURES / PICTURE).read_bytes().startswith(b"\x89PNG")
