"""The data engineer in Dagster's own UI: finds the failed customer, reads why, reruns that one asset, sees it green.

The pages are Dagster's: what is read on them is ours, and the docs show them as this journey saw them.
"""

import json
from pathlib import Path

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement

from claims_pipeline.sandbox.faults import Fault
from claims_pipeline_tests.browser import PICTURES, Browser, browsing
from claims_pipeline_tests.given_report import report, row
from claims_pipeline_tests.journeys.conftest import FIRST, SECOND, Town
from claims_pipeline_tests.journeys.test_dagster_served import Served, serving

ASSET = "salesforce_synced_claims"
ITS_CHECK = f"{ASSET}_salesforce_equals_source"
REFUSAL = json.dumps([{"errorCode": "MALFORMED_QUERY", "message": "DOE, JAN"}]).encode()
PICTURES_DRAWN = ("engineer-failed-run.png", "engineer-why.png", "engineer-rerun.png", "engineer-green.png")
FAILED, WHY, RERUN, GREEN = PICTURES_DRAWN


NEWEST = """query { runsOrError(limit: 1) { ... on Runs { results { runId } } } }"""


def newest_run(dagster: Served, *, beside: str) -> str | None:
    """The run that was started last, unless it is this one."""
    (run,) = dagster.ask(NEWEST)["results"]
    return None if run["runId"] == beside else str(run["runId"])


NO_PATHS = """
const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (texts.nextNode()) {
  const text = texts.currentNode;
  const without = text.nodeValue.replace(/(?<![\\w:\\/])\\/(?:[\\w.-]+\\/){2,}/g, "\u2026/");
  if (without !== text.nodeValue) text.nodeValue = without;
}
"""


def draw(browser: Browser, name: str, folder: Path) -> None:
    """A picture of the page; where this machine keeps its files is no part of it."""
    browser.driven.execute_script(NO_PATHS)
    browser.picture(name, folder)


def page_says(browser: Browser, *words: str) -> str:
    """The page's text, once it holds all of these words."""

    def text(_: object) -> str | None:
        (body,) = browser.all("body")
        said: str = body.text
        return said if all(word in said for word in words) else None

    found: str = browser.until(text, " and ".join(map(repr, words)))
    return found


@pytest.mark.journey
def test_the_engineer_finds_the_failed_customer_reads_why_reruns_one_asset_and_sees_it_green(
    town: Town, tmp_path: Path
) -> None:
    town.put(report(row("1"), row("2")), FIRST)
    town.put(report(row("3")), SECOND)
    certificate = town.sandbox.folder / "certificates" / "server.pem"
    with serving(town, tmp_path) as dagster:
        assert dagster.ended(dagster.launch("sync_claims", SECOND))["status"] == "SUCCESS"
        fault = Fault(path="/composite", times=99, status=400, body=REFUSAL)
        town.sandbox.salesforce_wire.faults.add(fault)
        failed = dagster.launch("sync_claims", FIRST)
        assert dagster.ended(failed)["status"] == "FAILURE"
        with browsing(tmp_path, certificate) as browser:
            browser.open(f"{dagster.url}/runs")
            runs = page_says(browser, f"partition: {FIRST}", f"partition: {SECOND}", "Failure", "Success")
            assert runs.count("Failure") == 1
            draw(browser, FAILED, tmp_path)
            _read_why(browser, tmp_path)
            town.sandbox.salesforce_wire.faults.clear()  # what the message asks for was done
            town.sandbox.collaboratemd_wire.clear_log()
            asset = f"{dagster.url}/assets/{ASSET}?view=partitions&partition={FIRST}"
            browser.open(asset)
            _rerun_that_one_asset(browser, tmp_path)
            again = browser.until(lambda _: newest_run(dagster, beside=failed), "a new run")
            run = dagster.ended(again)
            assert run["status"] == "SUCCESS"
            assert set(run["stepKeysToExecute"]) == {ASSET, ITS_CHECK}
            browser.open(asset)
            page_says(browser, "Failed (0)", "Materialized (2)", "created")
            draw(browser, GREEN, tmp_path)
    assert set(town.claims()) == {"1", "2", "3"}
    assert town.sandbox.collaboratemd_wire.log == [], "that one asset alone: the report was not fetched again"


def _read_why(browser: Browser, tmp_path: Path) -> None:
    """From the failed run's line to the step that failed, and its words."""
    browser.until(lambda _: _run_of_the_failed_customer(browser), "the failed customer's run").click()
    page_says(browser, "Errored (1)", "STEP_FAILURE")
    run = browser.driven.current_url.partition("?")[0]
    browser.open(f"{run}?logs=step%3A{ASSET}&selection={ASSET}")
    told = page_says(
        browser, "STEP_FAILURE", "Salesforce refused to read by keys (HTTP 400: MALFORMED_QUERY)"
    )
    assert "Check the integration user's permissions and the fields, then run again." in told
    assert "DOE" not in told
    draw(browser, WHY, tmp_path)


def _run_of_the_failed_customer(browser: Browser) -> WebElement | None:
    """The link to the run in the line that names this customer and no other."""
    line = f"ancestor::*[contains(., 'partition: {FIRST}') and not(contains(., 'partition: {SECOND}'))]"
    links = browser.driven.find_elements(By.XPATH, f"//a[contains(@href, '/runs/') and {line}]")
    return next((each for each in links if each.is_displayed()), None)


def _rerun_that_one_asset(browser: Browser, tmp_path: Path) -> None:
    """The button, with the customer chosen already; its step alone is run."""
    page_says(browser, "Failed (1)", "failed, and did not materialize this asset")
    browser.one("button", "Materialize").click()
    dialog = browser.one("[role=dialog]", f"Launch runs to materialize {ASSET}")
    browser.until(
        lambda _: "1 partition" in dialog.text and FIRST in dialog.text, "the failed customer alone"
    )
    draw(browser, RERUN, tmp_path)
    browser.one("[role=dialog] button", "Launch 1 run").click()
    browser.until(lambda _: not browser.all("[role=dialog]"), "a closed dialog")


def test_the_docs_have_the_pictures_of_it() -> None:
    for name in PICTURES_DRAWN:
        assert (PICTURES / name).read_bytes().startswith(b"\x89PNG")
