"""What did not arrive stands in Salesforce as an issue, says why in plain words, and closes by itself."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from claims_pipeline.claims.issues import WHAT_IT_SAYS, claim_issue_key, filter_issue_key
from claims_pipeline.sandbox.faults import Fault
from claims_pipeline.sandbox.salesforce.rows import RowError
from claims_pipeline.sandbox.salesforce.scripts import Refusal, Rewrite, Trigger
from claims_pipeline.sandbox.salesforce.settings import INTEGRATION_USERNAME
from claims_pipeline.sandbox.systems import RECENT_FILTER_ID
from claims_pipeline.sync.settling import settle
from claims_pipeline_tests.given_report import report, row
from claims_pipeline_tests.journeys.conftest import FIRST, SECOND, Town
from claims_pipeline_tests.payor_table import ISSUE, issues, open_issues

BY_COLLECTIONS, BY_BULK = {"SALESFORCE_BULK_FROM_ROWS": "1000000"}, {"SALESFORCE_BULK_FROM_ROWS": "1"}
REFUSAL = RowError("FIELD_CUSTOM_VALIDATION_EXCEPTION", "the rule quotes DOE, JAN", ("MR_Number__c",))
NAMELESS = filter_issue_key(FIRST, RECENT_FILTER_ID)
BAD = {"ClaimTotalAmount": "12.3.4"}

pytestmark = pytest.mark.journey


def key(claim: str, customer: str = FIRST) -> str:
    return claim_issue_key(customer, claim)


def refuse(town: Town, claim: str) -> None:
    town.sandbox.org.scripts.refusals.append(Refusal("Claim__c", claim, REFUSAL))


def date(town: Town, issue: str, **days: str | None) -> None:
    """Set dates of an issue back, as if it had come up earlier."""
    user = town.sandbox.org.user(INTEGRATION_USERNAME)
    assert user is not None
    (done,) = town.sandbox.org.update(user, ISSUE, [{"Id": issues(town)[issue]["Id"], **days}])
    assert done.success, done.errors


def say(found: dict[str, Any]) -> dict[str, Any]:
    return {name: found[name] for name in WHAT_IT_SAYS if name != "Plain_Words__c"}


@pytest.mark.parametrize("way", [BY_COLLECTIONS, BY_BULK], ids=["collections", "bulk"])
def test_rejected_refused_and_held_claims_are_one_issue_each_without_patient_data(
    build_town: Callable[..., Town], way: dict[str, str]
) -> None:
    town = build_town(**way)
    town.put(report(row("4")), SECOND)
    town.sync(SECOND)
    refuse(town, "3")
    bad = [row("Bad-2", **BAD), row("bad-2"), row(""), row("")]
    town.put(report(row("1"), row("3"), row("4", ClaimAmountPaid="50.00"), *bad))
    assert town.sync().synced.warnings == ()
    found = issues(town)
    assert set(found) == {key("bad-2"), key("3"), key("4"), NAMELESS}
    assert say(found[key("bad-2")]) == {
        "Customer__c": FIRST,
        "Claim_Number__c": "Bad-2",
        "Filter__c": None,
        "Kind__c": "Rejected",
        "Code__c": "BAD_MONEY",
        "Field__c": "ClaimTotalAmount",
        "Row_Count__c": 2.0,
    }
    assert say(found[key("3")]) == {
        "Customer__c": FIRST,
        "Claim_Number__c": "3",
        "Filter__c": None,
        "Kind__c": "Refused",
        "Code__c": "FIELD_CUSTOM_VALIDATION_EXCEPTION",
        "Field__c": "MR_Number__c",
        "Row_Count__c": 1.0,
    }
    assert (found[key("4")]["Kind__c"], found[key("4")]["Code__c"]) == ("Held", "OTHER_CUSTOMER")
    nameless = found[NAMELESS]
    assert (nameless["Claim_Number__c"], nameless["Filter__c"]) == (None, RECENT_FILTER_ID)
    assert (nameless["Code__c"], nameless["Row_Count__c"]) == ("MISSING_CLAIM_ID", 2.0)
    assert len({each["First_Seen_On__c"] for each in found.values()}) == 1
    told = json.dumps(list(found.values()))
    assert not [value for value in ("DOE", "MR-1", "AU1", "EFT1", "12.3.4") if value in told]


def test_an_issue_closes_by_itself_when_its_claim_arrives(town: Town) -> None:
    town.put(report(row("1"), row("2", **BAD), row("3")))
    refuse(town, "3")
    town.sync()
    assert open_issues(town) == {key("2"): "BAD_MONEY", key("3"): "FIELD_CUSTOM_VALIDATION_EXCEPTION"}
    date(town, key("2"), First_Seen_On__c="2026-01-02", Last_Seen_On__c="2026-01-03")
    town.sandbox.org.scripts.clear()
    town.put(report(row("1"), row("2"), row("3", ClaimAmountPaid="41.00")))
    town.sync()
    assert open_issues(town) == {}
    closed = issues(town)[key("2")]
    assert (closed["Resolution__c"], closed["First_Seen_On__c"]) == ("Arrived", "2026-01-02")
    assert closed["Last_Seen_On__c"] == "2026-01-03"
    assert closed["Resolved_On__c"] is not None


def test_a_refused_claim_that_comes_by_itself_later_closes_its_issue(town: Town) -> None:
    """No report holds it any more: it is tried again from what was kept."""
    refused = RowError("UNABLE_TO_LOCK_ROW", "locked")
    town.sandbox.org.scripts.refusals.append(Refusal("Claim__c", "1", refused))
    town.put(report(row("1"), row("2")))
    town.sync()
    assert open_issues(town) == {key("1"): "UNABLE_TO_LOCK_ROW"}
    town.put(report(row("2"), row("3")))
    town.sync()
    assert open_issues(town) == {key("1"): "UNABLE_TO_LOCK_ROW"}
    town.sandbox.org.scripts.clear()
    town.sync()
    assert open_issues(town) == {}
    assert issues(town)[key("1")]["Resolution__c"] == "Arrived"


def test_a_recent_fetch_leaves_open_what_it_does_not_hold_and_a_full_one_closes_it_as_gone(
    town: Town,
) -> None:
    town.put(report(row("1"), row("2", **BAD)))
    town.full()
    town.put(report(row("1")))
    town.sync()
    assert open_issues(town) == {key("2"): "BAD_MONEY"}
    town.full()
    assert open_issues(town) == {}
    assert issues(town)[key("2")]["Resolution__c"] == "Gone"


def test_a_full_fetch_with_a_row_that_names_no_claim_calls_nothing_gone(town: Town) -> None:
    town.put(report(row("1"), row("2", **BAD)))
    town.full()
    town.put(report(row("1"), row("")))
    town.full()
    assert key("2") in open_issues(town)


def test_an_issue_that_comes_again_is_reopened_and_keeps_its_first_day(town: Town) -> None:
    town.put(report(row("1"), row("2", **BAD)))
    town.sync()
    date(town, key("2"), First_Seen_On__c="2026-01-02")
    town.put(report(row("1"), row("2")))
    town.sync()
    town.put(report(row("1"), row("2", StatementCoversFromDate="13/45/2026")))
    town.sync()
    again = issues(town)[key("2")]
    assert (again["Code__c"], again["Resolved_On__c"], again["Resolution__c"]) == ("BAD_DATE", None, None)
    assert again["First_Seen_On__c"] == "2026-01-02"


def test_last_seen_moves_with_each_day_that_holds_the_claim(town: Town) -> None:
    town.put(report(row("1"), row("2", **BAD)))
    town.sync()
    today = issues(town)[key("2")]["Last_Seen_On__c"]
    date(town, key("2"), First_Seen_On__c="2026-01-02", Last_Seen_On__c="2026-01-03")
    town.sync()
    seen = issues(town)[key("2")]
    assert (seen["First_Seen_On__c"], seen["Last_Seen_On__c"]) == ("2026-01-02", today)


def test_rows_without_a_claim_id_close_with_the_next_fetch_of_that_filter_that_has_none(town: Town) -> None:
    town.put(report(row("1"), row("")))
    town.sync()
    town.full()
    assert len(open_issues(town)) == 2
    town.put(report(row("1"), row("2")))
    town.full()
    assert open_issues(town) == {NAMELESS: "MISSING_CLAIM_ID"}
    town.sync()
    assert open_issues(town) == {}
    assert issues(town)[NAMELESS]["Resolution__c"] == "Gone"


def test_an_issue_of_a_filter_that_is_no_longer_used_is_closed(town: Town) -> None:
    user = town.sandbox.org.user(INTEGRATION_USERNAME)
    assert user is not None
    old = {
        "Issue_Key__c": filter_issue_key(FIRST, "777"),
        "Customer__c": FIRST,
        "Filter__c": "777",
        "Kind__c": "Rejected",
        "First_Seen_On__c": "2026-01-02",
    }
    town.sandbox.org.insert(user, ISSUE, [old])
    town.put(report(row("1")))
    town.sync()
    assert open_issues(town) == {}


def test_an_issue_of_another_customer_is_left_alone(town: Town) -> None:
    town.put(report(row("1"), row("2", **BAD)), SECOND)
    town.sync(SECOND)
    town.put(report(row("2"), row("3")))
    town.full()
    assert open_issues(town) == {key("2", SECOND): "BAD_MONEY"}


def test_what_the_org_rewrites_is_held_and_said_so(town: Town) -> None:
    town.sandbox.org.scripts.triggers.append(Trigger("Claim__c", "MR_Number__c", Rewrite.SET, "REWRITTEN"))
    town.put(report(row("1")))
    for _ in range(3):
        town.sync()
    assert open_issues(town) == {key("1"): "REWRITTEN_BY_ORG"}
    assert "trigger or flow" in issues(town)[key("1")]["Plain_Words__c"]


def test_an_unchanged_day_writes_no_issue(town: Town) -> None:
    town.put(report(row("1"), row("2", **BAD), row("")))
    town.sync()
    before = issues(town)
    town.sandbox.salesforce_wire.clear_log()
    town.sync()
    assert [
        each for each in town.sandbox.salesforce_wire.log if ISSUE in each.path and each.method != "GET"
    ] == []
    assert issues(town) == before


def test_a_claim_id_of_any_length_has_one_issue(town: Town) -> None:
    long = "X" * 200
    town.put(report(row("1"), row(long), row(long + "Y")))
    town.sync()
    assert sorted(open_issues(town).values()) == ["CLAIM_ID_TOO_LONG"] * 2
    assert {found["Claim_Number__c"] for found in issues(town).values()} == {"X" * 50}
    before = issues(town)
    town.sync()
    assert issues(town) == before


def test_a_death_before_the_commit_leaves_nothing_doubled(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    town.put(report(row("1"), row("2", **BAD)))

    def dies(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(settle, "_commit_of", dies)
        with pytest.raises(KeyboardInterrupt):
            town.sync()
    before = issues(town)
    assert set(before) == {key("2")}
    written = town.sandbox.org.written = []
    town.sync()
    assert issues(town) == before
    assert [each for each in written if each.object_name == ISSUE] == []


def test_issues_that_cannot_be_written_stop_no_commit_and_come_with_the_next_sync(town: Town) -> None:
    path = f"/composite/sobjects/{ISSUE}/"
    town.sandbox.salesforce_wire.faults.add(Fault("PATCH", path, times=100, status=403, body=b"[]"))
    town.put(report(row("1"), row("2", **BAD)))
    whole = town.sync()
    (warning,) = whole.synced.warnings
    assert ISSUE in warning
    assert set(town.claims()) == {"1"}
    town.sandbox.salesforce_wire.faults.clear()
    assert town.sync().synced.warnings == ()
    assert open_issues(town) == {key("2"): "BAD_MONEY"}


def test_a_refused_issue_is_told_with_its_code(town: Town) -> None:
    error = RowError("FIELD_CUSTOM_VALIDATION_EXCEPTION", "no")
    town.sandbox.org.scripts.refusals.append(Refusal(ISSUE, key("2"), error))
    town.put(report(row("1"), row("2", **BAD), row("3", **BAD)))
    whole = town.sync()
    assert whole.synced.warnings == (
        f"1 row(s) of {ISSUE} were not written: FIELD_CUSTOM_VALIDATION_EXCEPTION (1)",
    )
    assert set(open_issues(town)) == {key("3")}


def test_without_the_object_the_sync_works_with_one_warning(town: Town) -> None:
    town.sandbox.org.drop_object(ISSUE)
    town.put(report(row("1"), row("2", **BAD)))
    (warning,) = town.sync().synced.warnings
    assert ISSUE in warning
    assert set(town.claims()) == {"1"}


@pytest.mark.parametrize(
    "field", ["Plain_Words__c", "Row_Count__c", "Claim_Number__c", "Filter__c", "Resolved_On__c"]
)
def test_without_a_field_the_sync_works_with_one_warning(town: Town, field: str) -> None:
    town.sandbox.org.drop_field(ISSUE, field)
    town.put(report(row("1"), row("2", **BAD), row("")))
    for _ in range(2):
        (warning,) = town.sync().synced.warnings
        assert field in warning
    assert set(issues(town)) == (set() if field == "Resolved_On__c" else {key("2"), NAMELESS})


def test_a_dry_run_writes_no_issue(town: Town) -> None:
    town.put(report(row("1"), row("2", **BAD)))
    town.sync(dry_run=True)
    assert issues(town) == {}


def test_thousands_of_issues_cost_bounded_calls(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond what is read by one query, all come by one download; and close together."""
    monkeypatch.setattr("claims_pipeline.sync.settling.issues.KEYS_READ_ONE_BY_ONE", 300)
    bad = [row(f"{place}", **BAD) for place in range(1, 2_500)]
    town.put(report(row("0"), *bad))
    assert town.sync().synced.api_calls < 60
    assert len(open_issues(town)) == 2_499
    before = issues(town)
    assert town.sync().synced.api_calls < 30
    assert issues(town) == before
    town.put(report(*(row(f"{place}") for place in range(2_500))))
    town.sync()
    assert open_issues(town) == {}


def test_the_clock_of_an_issue_is_the_reports(town: Town) -> None:
    town.put(report(row("1"), row("2", **BAD)))
    whole = town.sync()
    on = whole.synced.outcomes.stamp.fetched_at.date()
    assert issues(town)[key("2")]["First_Seen_On__c"] == on.isoformat()
