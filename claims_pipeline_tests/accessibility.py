"""Accessibility of our own pages, by axe: what keeps a person from using the page that a browser shows.

What belongs here: asking axe, with one rule set for all pages. Not here: which pages, and in which state. `axe-core`
comes with what checks Salesforce's side (`make salesforce-check` and `make test` fetch it).
"""

from typing import Any

from claims_pipeline_tests.browser import Browser
from claims_pipeline_tests.paths import REPOSITORY

AXE = REPOSITORY / "salesforce" / "checks" / "node_modules" / "axe-core" / "axe.min.js"
_RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
_ASK = """
const [rules, done] = arguments;
axe.run(document, {runOnly: {type: "tag", values: rules}, resultTypes: ["violations"]}).then(
  (found) => done({
    passed: found.passes.length,
    faults: found.violations.flatMap((rule) =>
      rule.nodes.map((node) => `${rule.id}: ${node.target.join(" ")} (${rule.help})`)),
  }),
  (error) => done({passed: 0, faults: [String(error)]}),
);
"""


def faults(browser: Browser) -> list[str]:
    """What axe finds wrong with the page as it stands: rule, element, and what the rule asks for."""
    assert AXE.exists(), "axe-core is not there: npm ci in salesforce/checks fetches it (make does)"
    browser.driven.execute_script(AXE.read_text(encoding="utf-8"))
    told: Any = browser.driven.execute_async_script(_ASK, _RULES)
    assert told["passed"] or told["faults"], "axe looked at nothing"
    return list(told["faults"])


def in_dark(browser: Browser, *, dark: bool) -> None:
    """Shows the page as a person sees it who asked for dark (or light) colours."""
    scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
    browser.driven.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})
