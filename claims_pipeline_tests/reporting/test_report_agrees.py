"""The report agrees with `Claim_Sync_Issue__c` and with the balance, claim by claim, on every kind of day."""

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest

from claims_pipeline.claims.issues import claim_issue_key, filter_issue_key
from claims_pipeline.claims.outcomes import Rejection
from claims_pipeline.sandbox.generator import ReportPlan, report_bytes
from claims_pipeline.sandbox.salesforce.rows import RowError
from claims_pipeline.sandbox.salesforce.scripts import Refusal
from claims_pipeline.sync.whole import WholeSync
from claims_pipeline_tests.given_report import report, row
from claims_pipeline_tests.payor_table import issues
from claims_pipeline_tests.reporting.given import list_of, published, words_of_page
from claims_pipeline_tests.town import FIRST, SECOND, Town

REFUSAL = RowError("FIELD_CUSTOM_VALIDATION_EXCEPTION", "the rule quotes DOE, JAN", ("MR_Number__c",))
BAD = {"ClaimTotalAmount": "12.3.4"}

pytestmark = pytest.mark.journey


def refuse(town: Town, claim: str) -> None:
    town.sandbox.org.scripts.refusals.append(Refusal("Claim__c", claim, REFUSAL))


def key_of(line: dict[str, str]) -> str:
    if line["filter"]:
        return filter_issue_key(line["customer"], line["filter"])
    return claim_issue_key(line["customer"], line["claim_id"].casefold())


def require_agreement(town: Town) -> list[dict[str, str]]:
    """The list over all customers is exactly the org's open issues; each customer's list its part of it."""
    pages, over_all = published(town)
    lines = list_of(over_all)
    found = {
        key_of(line): (
            line["kind"],
            line["code"],
            line["field"] or None,
            float(line["report_rows"]),
            line["waiting_since"],
        )
        for line in lines
    }
    in_org = {
        key: (
            each["Kind__c"],
            each["Code__c"],
            each["Field__c"],
            each["Row_Count__c"],
            each["First_Seen_On__c"],
        )
        for key, each in issues(town).items()
        if each["Resolved_On__c"] is None
    }
    assert found == in_org
    assert len(found) == len(lines)
    assert sorted(map(str, lines)) == sorted(str(line) for page in pages.values() for line in list_of(page))
    assert over_all.stuck_claims == sum(1 for line in lines if line["claim_id"])
    return lines


def require_balance(lines: list[dict[str, str]], whole: WholeSync, customer: str) -> None:
    """What this sync itself refused, held and rejected is in the list, with the balance's dollars."""
    of_customer = [line for line in lines if line["customer"] == customer]
    counts, dollars = whole.synced.counts, whole.synced.dollars
    for kind, outcome in (("Held", "held"), ("Refused", "refused")):
        some = [line for line in of_customer if line["kind"] == kind]
        assert len(some) == counts[outcome] + (whole.synced.waiting if outcome == "refused" else 0)
        if outcome in dollars and not whole.synced.waiting:
            assert sum(Decimal(line["charged"]) for line in some) == dollars[outcome]["Charged_Amount__c"]
    rejected = whole.rejected.frame.collect()
    some = [line for line in of_customer if line["code"] in set(Rejection)]
    assert sum(int(line["report_rows"]) for line in some) == rejected.height
    assert sum(Decimal(line["charged"]) for line in some) == rejected.get_column("charged").sum()
    assert sum(int(line["unknown_amounts"]) for line in some) == rejected.get_column("charged").null_count()


def test_days_of_every_kind_agree_with_the_org_claim_by_claim(build_town: Callable[..., Town]) -> None:
    town = build_town()
    town.put(report(row("4"), row("6", ClaimTotalAmount="70.25")), SECOND)
    town.sync(SECOND)
    refuse(town, "3")
    bad = [row("Bad-2", **BAD), row("bad-2"), row(""), row("")]
    town.put(report(row("1"), row("3"), row("4", ClaimAmountPaid="50.00"), *bad))
    whole = town.sync()
    lines = require_agreement(town)
    assert len(lines) == 4
    require_balance(lines, whole, FIRST)
    # another day: the recent filter holds none of the stuck claims, and they stay; one new one comes
    town.put(report(row("1"), row("7", ClaimTotalAmount="(1.00)", StatementCoversFromDate="13/45/2026")))
    town.sync(accept_empty=True)
    lines = require_agreement(town)
    assert {line["claim_id"] for line in lines} == {"3", "4", "Bad-2", "7"}
    waits = next(line for line in lines if line["claim_id"] == "3")
    assert (waits["kind"], waits["charged"], waits["where"]) == ("Refused", "100.00", "Salesforce")
    assert next(line for line in lines if line["claim_id"] == "7")["charged"] == "-1.00"
    # mended, and the whole book: what arrived and what is gone leaves the list
    town.sandbox.org.scripts.refusals.clear()
    town.put(report(row("1"), row("3", ClaimTotalAmount="200.00"), row("7")))
    town.full()
    assert require_agreement(town) == []


def test_a_book_of_odd_claims_agrees_with_the_org(build_town: Callable[..., Town]) -> None:
    town = build_town()
    town.put(b"".join(report_bytes(ReportPlan(claims=300, seed=7, faults=0.1))))
    whole = town.sync()
    lines = require_agreement(town)
    assert len(lines) > 10
    require_balance(lines, whole, FIRST)
    town.put(b"".join(report_bytes(ReportPlan(claims=300, seed=7, faults=0.0))))
    town.full()
    require_agreement(town)


def test_days_waiting_go_on_where_the_storage_was_lost(
    build_town: Callable[..., Town], tmp_path: Path
) -> None:
    town = build_town()
    refuse(town, "3")
    town.put(report(row("3")))
    town.sync()
    anew = town.anew(tmp_path / "anew")
    refuse(anew, "3")
    anew.sync()
    (line,) = require_agreement(anew)
    assert (line["claim_id"], line["charged"]) == ("3", "100.00")


def test_dollars_of_a_claim_that_only_the_org_knows_are_unknown_not_nothing(
    build_town: Callable[..., Town], tmp_path: Path
) -> None:
    town = build_town()
    town.put(report(row("1"), row("3", **BAD | {"ClaimAmountPaid": "x"})))
    town.sync()
    anew = town.anew(tmp_path / "anew")
    anew.put(report(row("1")))
    anew.sync()
    (line,) = require_agreement(anew)
    assert (line["claim_id"], line["charged"], line["unknown_amounts"]) == ("3", "0.00", "1")


def test_an_org_without_the_issues_is_told_of_all_the_same(build_town: Callable[..., Town]) -> None:
    town = build_town()
    town.sandbox.org.drop_object("Claim_Sync_Issue__c")
    refuse(town, "3")
    town.put(report(row("1"), row("3"), row("8", **BAD)))
    town.sync()
    town.put(report(row("1")))
    town.sync(accept_empty=True)
    lines = list_of(published(town)[1])
    assert {(line["claim_id"], line["code"]) for line in lines} == {
        ("3", REFUSAL.code),
        ("8", "BAD_MONEY"),
    }


def test_the_page_says_what_is_stuck_why_and_what_to_do_first(build_town: Callable[..., Town]) -> None:
    town = build_town()
    refuse(town, "3")
    town.put(report(row("1"), row("3", ClaimTotalAmount="1,234.50"), row("8", **BAD), row("")))
    town.sync()
    pages, over_all = published(town, days_later=9)
    words = words_of_page(pages[FIRST])
    assert "2 claims are stuck, and 1 report row without a claim id waits." in words
    assert "$1,334.50 charged is held up, and 1 amount is unknown." in words
    assert "Of 2 claims in this sync, 1 ($100.00 charged) stand in Salesforce as they should." in words
    first = words.partition("What to do first ")[2]
    assert first.startswith(
        "Ask the Salesforce administrator which rule it breaks, and mend the claim or the rule. This frees 1 claim, "
        "$1,234.50 charged: a validation rule of the org refuses the claim. Begin with claim 3 (waits 9 days)."
    )
    assert "Map 1 payor on the mapping page." in first
    assert f"Customer {SECOND} was never synced" in words_of_page(over_all)
    source = Path(pages[FIRST].address).read_text()
    assert f'href="{town.environment["SALESFORCE_DOMAIN"]}/lightning/o/Claim_Sync_Issue__c/list' in source
    assert "<script" not in source
    for value in ("DOE", "MR-1", "AU1", "01/20/2026", "the rule quotes"):
        assert value not in source


def test_nothing_stuck_says_so(build_town: Callable[..., Town]) -> None:
    town = build_town()
    town.put(report(row("1")))
    town.sync()
    town.sync()
    pages, _ = published(town)
    assert "Nothing is stuck" in words_of_page(pages[FIRST])
    assert "<svg" in Path(pages[FIRST].address).read_text()
    assert list_of(pages[FIRST]) == []


def test_a_claim_id_is_neither_markup_nor_a_formula(build_town: Callable[..., Town]) -> None:
    town = build_town()
    evil = "=1+1<b>&amp;"
    town.put(report(row("1"), row(evil, **BAD)))
    town.sync()
    pages, _ = published(town)
    assert list_of(pages[FIRST])[0]["claim_id"] == f"'{evil}"
    source = Path(pages[FIRST].address).read_text()
    assert "<b>" not in source
    assert "=1+1&lt;b&gt;&amp;amp;" in source
