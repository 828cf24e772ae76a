"""Messages: how an alert reads: what, what to do next, and where to look.

What belongs here: words. Not here: to whom it goes (`sending`).
"""

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from claims_pipeline.alerts.choosing import News, Telling
from claims_pipeline.alerts.kinds import WORDS, AlertKind
from claims_pipeline.settings import AlertRules

_DAGSTERS_RUN = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)
_PLAIN_RUN = re.compile(r"[A-Za-z0-9_.:+-]{1,100}", re.ASCII)
_NAMED = 20
_PRODUCT = "claims-pipeline"


@dataclass(frozen=True)
class Message:
    """A message: a title of one line, and a text of a few."""

    title: str
    lines: tuple[str, ...]
    is_well: bool = False

    @property
    def text(self) -> str:
        """Its lines, a paragraph each: Teams joins lines that stand closer."""
        return "\n\n".join(self.lines)


@dataclass(frozen=True)
class Links:
    """Where people look: the run, and the docs. What is not set is named without a link."""

    dagster_url: str | None
    docs_url: str | None
    log_url: str | None = None
    """Of a door that keeps one log for all its runs."""

    @classmethod
    def of(cls, rules: AlertRules, environ: Mapping[str, str] = os.environ) -> "Links":
        """From the settings, and from what AWS tells a function of its own log."""
        return cls(rules.dagster_url, rules.docs_url, _log_url(environ))

    def run(self, run: str) -> str:
        """A run by its id."""
        if not _PLAIN_RUN.fullmatch(run):
            return "a run whose id is no plain one"
        if self.dagster_url is not None and _DAGSTERS_RUN.fullmatch(run):
            return f"{self.dagster_url}/runs/{run}"
        if self.log_url is not None and run.startswith("lambda-"):
            return f"{run}, in {self.log_url}"
        return run

    def page(self, page: str) -> str:
        """A page of the docs."""
        return f"{self.docs_url}/{page}" if self.docs_url is not None else f"docs/{page}"


def _log_url(environ: Mapping[str, str]) -> str | None:
    group, region = environ.get("AWS_LAMBDA_LOG_GROUP_NAME"), environ.get("AWS_REGION")
    if not group or not region:
        return None
    there = quote(quote(group, safe=""), safe="").replace("%", "$")
    console = f"https://{region}.console.aws.amazon.com/cloudwatch/home?region={region}"
    return f"{console}#logsV2:log-groups/log-group/{there}"


def message_of(customer: str | None, name: str | None, telling: Telling, links: Links) -> Message:
    """One event of one customer, or of the org."""
    words, finding = WORDS[telling.kind], telling.finding
    assert finding is not None
    still = "still: " if telling.news is News.STILL else ""
    lines = [finding.words, f"What to do: {_for(customer, words.to_do)}"]
    if finding.run is not None:
        lines.append(f"Run: {links.run(finding.run)}")
    lines.append(f"More: {links.page(words.page)}")
    return Message(f"{_whose(customer, name)}: {still}{words.title}", tuple(lines))


def well_message(customer: str | None, name: str | None, kinds: Sequence[AlertKind]) -> Message:
    """That it is well again, whatever was told of it, in one word."""
    was = "; ".join(WORDS[each].title for each in kinds)
    lines = (f"This is over: {was}.", "Nothing is to be done.")
    return Message(f"{_whose(customer, name)}: well again", lines, is_well=True)


def message_of_many(customers: Sequence[str], kind: AlertKind, news: News, links: Links) -> Message:
    """One event of very many customers at once, in one message: one cause, most likely."""
    words = WORDS[kind]
    named = ", ".join(customers[:_NAMED])
    more = f" and {len(customers) - _NAMED:,} more" if len(customers) > _NAMED else ""
    what = f"over: {words.title}" if news is News.WELL else words.title
    to_do = "Nothing is to be done." if news is News.WELL else f"What to do: {words.to_do}"
    lines = (f"Customers: {named}{more}.", to_do, f"More: {links.page(words.page)}")
    return Message(f"Claims of {len(customers):,} customers: {what}", lines, is_well=news is News.WELL)


def a_test() -> Message:
    """What `claims-pipeline alert --test` sends."""
    lines = ("If you can read this, alerts reach you here.", "Nothing is to be done.")
    return Message("This is a test of the claims pipeline's alerts", lines, is_well=True)


def _whose(customer: str | None, name: str | None) -> str:
    if customer is None:
        return "Claims, all customers"
    return f"Claims of customer {customer}" + (f" ({name})" if name and name != customer else "")


def _for(customer: str | None, words: str) -> str:
    return words.replace("`", "").replace("CUSTOMER", customer or "CUSTOMER")
