"""A claim that Salesforce refused is kept, and tried again though no report holds it any more."""

import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from claims_pipeline.sandbox.salesforce.rows import RowError
from claims_pipeline.sandbox.salesforce.scripts import Refusal
from claims_pipeline.sync.connections import connect, read_settings
from claims_pipeline.sync.options import SyncOptions
from claims_pipeline.sync.summary import summary
from claims_pipeline.sync.whole import WholeSync, sync_customer
from claims_pipeline_tests.journeys.conftest import FIRST, Town
from claims_pipeline_tests.journeys.test_people import report, row

KEY = "nobody knows health|nkh1"
LASTING = RowError("FIELD_CUSTOM_VALIDATION_EXCEPTION", "no", ("MR_Number__c",))
PASSING = RowError("SERVER_UNAVAILABLE", "later")


def refused_first(town: Town, error: RowError, *, then: bytes, paid: str = "5.00") -> None:
    """A first sync in which claim 500000002 is refused; afterwards the org would take it."""
    refusal = Refusal("Claim__c", "500000002", error)
    town.sandbox.org.scripts.refusals.append(refusal)
    town.put(report(row("500000001"), row("500000002", paid=paid)))
    assert dict(town.sync().synced.refused_by_code) == {error.code: 1}
    town.sandbox.org.scripts.clear()
    town.put(then)


def days_later(town: Town, days: int) -> WholeSync:
    """A sync by a clock that is ahead."""
    run = connect(read_settings(town.environment), uuid.uuid4().hex)
    later = replace(town.runs.enter_context(run), now=lambda: datetime.now(UTC) + timedelta(days=days))
    return sync_customer(later.settings.customer(FIRST), SyncOptions(), later, lambda _: None)


@pytest.mark.journey
def test_what_passes_by_itself_is_tried_on_the_next_sync(town: Town) -> None:
    refused_first(town, PASSING, then=report(row("500000001")))
    planned = town.sync(dry_run=True)
    assert (planned.synced.counts["created"], planned.synced.tried_again) == (1, 1)
    again = town.sync()
    assert (again.synced.counts["created"], again.synced.tried_again) == (1, 1)
    assert town.claims()["500000002"]["Paid_Amount__c"] == 5.0
    assert town.sync().synced.tried_again == 0


@pytest.mark.journey
def test_what_lasts_is_tried_once_a_week_and_by_resend_at_once(town: Town) -> None:
    refused_first(town, LASTING, then=report(row("500000001")))
    town.sandbox.org.scripts.refusals.append(Refusal("Claim__c", "500000002", LASTING, times=1))
    assert town.sync().synced.tried_again == 0
    assert days_later(town, 6).synced.tried_again == 0
    assert dict(days_later(town, 8).synced.refused_by_code) == {LASTING.code: 1}
    assert days_later(town, 9).synced.tried_again == 0
    assert town.sync(resend=True).synced.counts["created"] == 1
    assert "500000002" in town.claims()


@pytest.mark.journey
def test_a_newer_version_from_the_source_takes_the_kept_ones_place(town: Town) -> None:
    refused_first(town, PASSING, then=report(row("500000002", paid="9.00")))
    newer = town.sync()
    assert (newer.synced.tried_again, newer.synced.counts["created"]) == (0, 1)
    assert town.claims()["500000002"]["Paid_Amount__c"] == 9.0
    town.put(report(row("500000001")))
    assert town.sync().synced.tried_again == 0


@pytest.mark.journey
def test_a_kept_claim_waits_while_its_newer_rows_are_rejected(town: Town) -> None:
    refused_first(town, PASSING, then=report(row("500000001"), row("500000002").replace("100.00", "1e5")))
    assert town.sync().synced.tried_again == 0
    assert town.full().synced.tried_again == 0
    assert "500000002" not in town.claims()
    town.put(report(row("500000001")))
    assert town.sync().synced.tried_again == 1


@pytest.mark.journey
def test_a_full_fetch_that_lacks_a_kept_claim_lets_it_go(town: Town) -> None:
    refused_first(town, PASSING, then=report(row("500000001")))
    assert town.full().synced.tried_again == 0
    assert town.sync().synced.tried_again == 0
    assert "500000002" not in town.claims()


def of_claims(town: Town) -> list[str]:
    """Writes to claims: an issue about one is seen each day, and says so."""
    return [each for each in town.writes() if "/Claim_Sync_Issue__c/" not in each]


@pytest.mark.journey
def test_a_lasting_refusal_of_a_claim_that_every_report_holds_is_tried_once_a_week(town: Town) -> None:
    same = report(row("500000001"), row("500000002", paid="5.00"))
    refused_first(town, LASTING, then=same)
    town.sandbox.org.scripts.refusals.append(Refusal("Claim__c", "500000002", LASTING, times=1))
    town.sandbox.salesforce_wire.clear_log()
    for days in (0, 6):
        waits = days_later(town, days).synced
        assert (dict(waits.refused_by_code), waits.counts["unchanged"]) == ({LASTING.code: 1}, 1)
    assert of_claims(town) == [], "nothing about it changed"
    assert dict(days_later(town, 8).synced.refused_by_code) == {LASTING.code: 1}
    assert len(of_claims(town)) == 1
    assert days_later(town, 14).synced.refused_by_code == {LASTING.code: 1}, "six days after the last try"
    assert days_later(town, 16).synced.counts["created"] == 1


@pytest.mark.journey
@pytest.mark.parametrize("change", ["amount", "mapping"])
def test_a_lasting_refusal_is_tried_at_once_when_something_about_the_claim_changed(
    town: Town, change: str
) -> None:
    paid = "9.00" if change == "amount" else "5.00"
    refused_first(town, LASTING, then=report(row("500000001"), row("500000002", paid=paid)))
    if change == "mapping":
        town.map(KEY, next(iter(town.payors().values())))
    assert town.sync().synced.counts["created"] == 1


@pytest.mark.journey
def test_claims_that_wait_are_told(town: Town) -> None:
    refused_first(town, LASTING, then=report(row("500000001")))
    whole = town.sync()
    assert whole.synced.waiting == 1
    assert any("wait to be tried again" in line for line in summary(whole.synced, whole.rejected))
