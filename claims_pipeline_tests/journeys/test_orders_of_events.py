"""Orders of events in which a claim could be lost, an old amount come back, or a person's work be undone."""

import uuid
from datetime import UTC, datetime
from pathlib import Path

import pytest

from claims_pipeline.clients.sync_state import StateTableMissing, SyncRequest
from claims_pipeline.errors import LeaseLost, OlderThanCommitted
from claims_pipeline.sandbox.salesforce.scripts import Refusal
from claims_pipeline.settings import DueRules
from claims_pipeline.storage.frames import StampedFrame
from claims_pipeline.sync.attempts import attempt_told
from claims_pipeline.sync.connections import Connections, connect, read_settings
from claims_pipeline.sync.due import Standing, judge
from claims_pipeline.sync.fetching.fetch import fetch
from claims_pipeline.sync.fetching.guards import ReportDoubted
from claims_pipeline.sync.options import SyncOptions
from claims_pipeline.sync.replay import replay
from claims_pipeline.sync.settling import bring
from claims_pipeline.sync.settling.bring import StoredClaims
from claims_pipeline.sync.settling.settle import settle
from claims_pipeline.sync.whole import bring_over, sync_customer
from claims_pipeline_tests.journeys.conftest import FIRST, Town
from claims_pipeline_tests.journeys.test_guards import book, state_of, with_thresholds
from claims_pipeline_tests.journeys.test_people import report, row
from claims_pipeline_tests.journeys.test_refused_claims import (
    KEY,
    LASTING,
    PASSING,
    days_later,
    refused_first,
)

pytestmark = pytest.mark.journey


def opened(town: Town, run: str = "") -> Connections:
    return town.runs.enter_context(connect(read_settings(town.environment), run or uuid.uuid4().hex))


def silent(_: str) -> None:
    """Progress that nobody reads."""


def fetched(run: Connections, work: Path) -> StampedFrame:
    """A fetch, and nothing after it yet."""
    work.mkdir()
    return fetch(run.settings.customer(FIRST), SyncOptions(), run, work, silent)


def brought_over(raw: StampedFrame, run: Connections, work: Path) -> None:
    work.mkdir()
    bring_over(raw, SyncOptions(), run, work, silent)


def killed_before_the_commit(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sync that has sent its claims, and dies."""

    def die(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(bring, "keep_refused", die)
        with pytest.raises(KeyboardInterrupt):
            town.sync()


def stored_claims(run: Connections) -> StoredClaims:
    names = (f"transformed_claims/{FIRST}", f"rejected_claims/{FIRST}", "payor_mapping")
    return StoredClaims(*(run.storage.read(name) for name in names))


def second_full_filter(town: Town) -> None:
    config = Path(town.environment["CLAIMS_CONFIG"])
    full = '  { id = "20021", kind = "full", claim_complete = true },\n'
    config.write_text(config.read_text().replace(full, full + full.replace("20021", "20022")))


def put_halves(town: Town, rows: int) -> None:
    """Both full filters, with so many rows each."""
    for filter_id, first in (("20021", 0), ("20022", 500)):
        part = report(*(row(f"5{number:08d}") for number in range(first, first + rows)))
        town.sandbox.put_report(FIRST, part, filter_id)


def marked(town: Town) -> list[object]:
    return [claim for claim in town.claims().values() if claim["Source_Missing_Since__c"]]


@pytest.mark.parametrize("full", [report(row("500000001"), row("")), report()], ids=["an id unread", "empty"])
def test_a_full_fetch_that_proves_nothing_lets_no_kept_claim_go(town: Town, full: bytes) -> None:
    refused_first(town, PASSING, then=full)
    town.full()
    town.put(report(row("500000001")))
    town.sync()
    assert "500000002" in town.claims()


def test_claims_of_a_fetch_that_was_never_committed_arrive_though_the_window_moved_on(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    town.sandbox.org.scripts.refusals.append(Refusal("Claim__c", "500000002", PASSING))
    town.put(report(row("500000001"), row("500000002", paid="7.00")))
    killed_before_the_commit(town, monkeypatch)
    town.sandbox.org.scripts.clear()
    town.put(report(row("500000001")))
    done = town.sync()
    assert town.claims()["500000002"]["Paid_Amount__c"] == 7.0
    assert (done.synced.tried_again, done.synced.counts["unchanged"]) == (1, 1)
    assert town.sync().synced.tried_again == 0


def test_a_newer_report_wins_over_claims_that_were_never_committed(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    town.put(report(row("500000001", paid="1.00"), row("500000002")))
    killed_before_the_commit(town, monkeypatch)
    town.put(report(row("500000001", paid="2.00")))
    assert town.sync().synced.tried_again == 1
    assert town.claims()["500000001"]["Paid_Amount__c"] == 2.0


def test_an_older_fetch_is_not_sent_over_a_newer_one_that_was_sent_in_part(
    town: Town, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    town.put(report(row("500000001", paid="1.00")))
    sleeper = opened(town)
    raw = fetched(sleeper, tmp_path / "fetch")
    town.put(report(row("500000001", paid="2.00")))
    killed_before_the_commit(town, monkeypatch)
    with pytest.raises(OlderThanCommitted):
        brought_over(raw, sleeper, tmp_path / "over")
    run = opened(town)
    with pytest.raises(OlderThanCommitted):
        replay(run.settings.customer(FIRST), 1, SyncOptions(), run, silent)
    assert town.claims()["500000001"]["Paid_Amount__c"] == 2.0


def test_an_older_run_that_wakes_does_not_stop_a_healthy_customer(town: Town, tmp_path: Path) -> None:
    town.put(book(2))
    sleeper = opened(town)
    with pytest.raises(OlderThanCommitted), attempt_told(sleeper.state, FIRST):
        raw = fetched(sleeper, tmp_path / "fetch")
        town.sync()
        brought_over(raw, sleeper, tmp_path / "over")
    assert judge(state_of(town).read(FIRST), datetime.now(UTC), DueRules()).standing is Standing.FRESH


def test_a_pause_lets_the_run_that_is_under_way_go_on(town: Town, tmp_path: Path) -> None:
    town.put(book(2))
    run = opened(town)
    raw = fetched(run, tmp_path / "fetch")
    state_of(town).pause(FIRST, reason="the practice moves house", by="ada")
    brought_over(raw, run, tmp_path / "over")
    assert len(town.claims()) == 2
    state_of(town).resume(FIRST, by="ada")
    assert judge(state_of(town).read(FIRST), datetime.now(UTC), DueRules()).standing is Standing.DUE


def test_a_restored_older_table_does_not_let_an_older_fetch_through(town: Town) -> None:
    for paid in ("1.00", "2.00"):
        town.put(report(row("500000001", paid=paid)))
        town.sync()
    run = opened(town)
    table = run.state._table
    old = table._client.get_item(TableName=table.name, Key={"sync_id": {"S": FIRST}})["Item"]
    for paid in ("3.00", "4.00"):
        town.put(report(row("500000001", paid=paid)))
        town.sync()
    table._client.put_item(TableName=table.name, Item=old)
    for sequence in (2, 3):
        with pytest.raises(OlderThanCommitted, match="fetch 4 is already"):
            replay(run.settings.customer(FIRST), sequence, SyncOptions(), run, silent)
    assert town.claims()["500000001"]["Paid_Amount__c"] == 4.0


@pytest.mark.parametrize("ignored", [False, True], ids=["mapped anew", "ignored"])
def test_a_rerun_from_stored_claims_goes_by_the_mapping_of_now(
    town: Town, tmp_path: Path, ignored: bool
) -> None:
    first, second = list(town.payors().values())[:2]
    town.map(KEY, first)
    town.put(report(row("500000001")))
    town.sync()
    now = None if ignored else second
    town.map(KEY, now, ignored=ignored)
    town.edit("500000001", Claim_Payor__c=now)
    run = opened(town)
    settle(stored_claims(run), SyncOptions(), run, tmp_path, silent)
    assert town.claims()["500000001"]["Claim_Payor__c"] == now


def test_a_sync_holds_its_customer_from_the_first_step_to_the_last(town: Town) -> None:
    town.put(report(row("500000001")))
    run, holders = opened(town, "run-1"), list[str | None]()

    def look(_: str) -> None:
        holder = state_of(town).read(FIRST).holder
        holders.append(None if holder is None else holder.run)

    sync_customer(run.settings.customer(FIRST), SyncOptions(), run, look)
    assert len(holders) > 4
    assert set(holders) == {"run-1"}
    assert state_of(town).read(FIRST).holder is None


def test_a_sync_whose_customer_is_freed_while_it_transforms_sends_nothing(town: Town) -> None:
    town.put(report(row("500000001")))
    run = opened(town)

    def free(words: str) -> None:
        if words == "transforming":
            state_of(town).release(FIRST, by="a person", free_lease=True)

    with pytest.raises(LeaseLost):
        sync_customer(run.settings.customer(FIRST), SyncOptions(), run, free)
    assert town.claims() == {}
    assert state_of(town).read(FIRST).committed_sequence == 0


def test_a_wish_is_not_served_by_a_report_that_is_older_than_it(town: Town, tmp_path: Path) -> None:
    town.put(book(2))
    killed = opened(town, "run-1")
    killed.storage.write(f"raw_collaboratemd_claims/{FIRST}", fetched(killed, tmp_path / "fetch"))
    state_of(town).ask_for_sync(FIRST, SyncRequest("import-done"))
    again = opened(town, "run-2")
    replay(again.settings.customer(FIRST), None, SyncOptions(), again, silent)
    assert state_of(town).read(FIRST).request == SyncRequest("import-done")
    town.sync()
    assert state_of(town).read(FIRST).request is None


def test_a_replay_does_not_hide_that_a_customer_is_due(town: Town) -> None:
    town.put(book(2))
    town.sync()
    before = state_of(town).read(FIRST).last_success_at
    run = opened(town)
    replay(run.settings.customer(FIRST), None, SyncOptions(), run, silent)
    assert state_of(town).read(FIRST).last_success_at == before


def test_two_doubted_filters_are_confirmed_one_after_the_other(town: Town) -> None:
    second_full_filter(town)
    put_halves(town, 10)
    town.full()
    put_halves(town, 3)
    for filter_id in ("20021", "20022"):
        with pytest.raises(ReportDoubted, match=f"filter {filter_id} returned 3 rows"):
            town.full()
        state_of(town).believe_report(FIRST, by="ada")
    town.full()
    assert len(marked(town)) == 14
    assert state_of(town).read(FIRST).believed == ()


def test_an_empty_part_of_the_book_is_doubted_though_an_empty_window_is_normal(town: Town) -> None:
    with_thresholds(town, "empty_report_is_normal = true")
    second_full_filter(town)
    put_halves(town, 10)
    town.full()
    town.sandbox.put_report(FIRST, report(), "20022")
    with pytest.raises(ReportDoubted, match="filter 20022 returned no rows"):
        town.full()
    assert marked(town) == []


def test_a_belief_in_an_empty_window_is_none_in_an_empty_book(town: Town) -> None:
    town.put(book(10))
    town.sync()
    town.put(report())
    with pytest.raises(ReportDoubted):
        town.sync()
    state_of(town).believe_report(FIRST, by="ada")
    town.full()
    assert marked(town) == []


def test_a_kept_claim_clears_no_field_that_its_report_did_not_carry(town: Town) -> None:
    carried = report(row("500000001"), row("500000002"))
    town.put(carried)
    town.sync()
    config = Path(town.environment["CLAIMS_CONFIG"])
    settings = config.read_text()
    config.write_text(settings.replace("\nreport =", '\nabsent_columns = ["check_reference"]\nreport ='))
    town.sandbox.org.scripts.refusals.append(Refusal("Claim__c", "500000002", PASSING))
    without = report(row("500000001"), row("500000002", paid="5.00")).replace(b",PaymentCheck", b"")
    town.put(without.replace(b"EFT1,", b""))
    assert town.sync().synced.counts["refused"] == 1
    config.write_text(settings)
    town.sandbox.org.scripts.clear()
    town.put(report(row("500000001")))
    for _ in range(2):
        assert town.sync().synced.waiting == 1
    assert town.claims()["500000002"]["EFT_or_Paper_Check__c"] == "EFT1"


def test_a_clock_that_was_a_year_ahead_does_not_put_a_refused_claim_off(town: Town) -> None:
    refused_first(town, LASTING, then=report(row("500000001"), row("500000002", paid="5.00")))
    town.sandbox.org.scripts.refusals.append(Refusal("Claim__c", "500000002", LASTING, times=1))
    days_later(town, 400)
    assert days_later(town, 30).synced.counts["created"] == 1


def test_a_dry_run_makes_no_table(town: Town) -> None:
    town.put(book(1))
    assert town.sync(dry_run=True).synced.counts["created"] == 1
    with pytest.raises(StateTableMissing):
        state_of(town).read(FIRST)
