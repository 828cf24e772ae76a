"""What stops a sync before anything is changed, who lets it go on, and what is said of much change at once."""

import uuid
from pathlib import Path

import pytest

from claims_pipeline.clients.sync_state import OtherOrganization, SyncState
from claims_pipeline.sync.connections import connect, read_settings
from claims_pipeline.sync.fetching.guards import ReportDoubted
from claims_pipeline.sync.ready import CustomerPaused
from claims_pipeline_tests.journeys.conftest import FIRST, SECOND, Town
from claims_pipeline_tests.journeys.test_people import report, row


def state_of(town: Town) -> SyncState:
    """The sync state, as a person works on it."""
    return town.runs.enter_context(connect(read_settings(town.environment), uuid.uuid4().hex)).state


def book(claims: int, **cells: str) -> bytes:
    return report(*(row(f"5{number:08d}", **cells) for number in range(claims)))


def with_thresholds(town: Town, toml: str) -> None:
    """Thresholds for every customer of claims.toml."""
    config = Path(town.environment["CLAIMS_CONFIG"])
    config.write_text(config.read_text().replace("\nreport =", f"\nthresholds = {{ {toml} }}\nreport ="))


@pytest.mark.journey
def test_a_report_that_shrank_below_half_stops_that_customer_alone(town: Town) -> None:
    for customer in (FIRST, SECOND):
        town.put(book(10, payor=customer).replace(b"\n5", b"\n" + customer[3:6].encode()), customer)
        town.sync(customer)
    held = len(town.claims())
    town.put(book(4).replace(b"\n5", b"\n" + FIRST[3:6].encode()))
    with pytest.raises(
        ReportDoubted, match=r"returned 4 rows, and 10 the last time.*confirm report 10001001"
    ):
        town.full() if town.sync(SECOND) is None else town.sync()
    assert len(town.claims()) == held
    doubt = state_of(town).read(FIRST).doubt
    assert doubt is not None
    assert (doubt.rows, doubt.rows_before) == (4, 10)
    assert state_of(town).read(FIRST).committed_sequence == 1


@pytest.mark.journey
def test_half_the_rows_is_no_doubt_and_the_next_normal_report_goes_on_by_itself(town: Town) -> None:
    town.put(book(10))
    town.sync()
    town.put(book(4))
    with pytest.raises(ReportDoubted):
        town.sync()
    town.put(book(5))
    town.sync()
    state = state_of(town).read(FIRST)
    assert (state.committed_sequence, state.doubt) == (3, None)


@pytest.mark.journey
def test_a_report_that_a_person_believes_is_synced_and_becomes_the_measure(town: Town) -> None:
    town.put(book(10))
    town.sync()
    town.put(book(4))
    with pytest.raises(ReportDoubted):
        town.sync()
    state_of(town).believe_report(FIRST, by="ada")
    town.put(book(1))
    with pytest.raises(ReportDoubted, match="returned 1 rows"):
        town.sync()  # far less than what was believed
    state_of(town).believe_report(FIRST, by="ada")
    town.sync()
    town.put(book(2))
    town.sync()
    kept = state_of(town).read(FIRST).decisions
    assert [(each.what, each.by) for each in kept] == [("report_believed", "ada")] * 2
    assert kept[0].about == "report 10010, filter 20020: 1 rows, 10 before"


@pytest.mark.journey
def test_the_measure_is_the_last_committed_report_of_the_same_filter(town: Town) -> None:
    town.put(book(10))
    town.full()
    town.put(book(2))
    town.sync()  # the recent filter was never committed: nothing to compare with
    town.put(book(1))
    town.sync()
    with pytest.raises(ReportDoubted, match="filter 20021 returned 1 rows, and 10 the last time"):
        town.full()


@pytest.mark.journey
def test_a_doubted_full_fetch_marks_nothing_missing(town: Town) -> None:
    town.put(book(10))
    town.full()
    town.put(book(1))
    with pytest.raises(ReportDoubted):
        town.full()
    assert not [claim for claim in town.claims().values() if claim["Source_Missing_Since__c"]]


@pytest.mark.journey
def test_thresholds_are_settings(town: Town) -> None:
    with_thresholds(town, "least_share_of_last_report = 0.1, empty_report_is_normal = true")
    for rows in (20, 2, 0):
        town.put(book(rows))
        town.sync()
    town.put(book(20))
    town.sync()
    town.put(book(1))
    with pytest.raises(ReportDoubted):
        town.sync()


@pytest.mark.journey
def test_who_accepts_a_doubted_report_by_option_is_kept(town: Town) -> None:
    town.put(book(10))
    town.sync()
    town.put(report())
    town.sync(accept_empty=True)
    (kept,) = state_of(town).read(FIRST).decisions
    assert kept.what == "report_believed"


@pytest.mark.journey
def test_a_paused_customer_is_left_alone_until_it_is_resumed(town: Town) -> None:
    town.put(book(1))
    state_of(town).ensure_table()
    state_of(town).pause(FIRST, reason="the practice moves house", by="ada")
    for kind in (town.sync, town.full):
        with pytest.raises(
            CustomerPaused, match=r"by ada \(the practice moves house\).*claims-pipeline resume"
        ):
            kind()
    assert town.sandbox.collaboratemd_wire.log == []
    assert state_of(town).read(FIRST).attempts.count == 0
    assert town.sync(dry_run=True).synced.counts["created"] == 1, "a dry run changes nothing"
    state_of(town).resume(FIRST, by="bob")
    assert town.sync().synced.counts["created"] == 1


@pytest.mark.journey
def test_another_org_stops_everything_before_a_report_is_asked_for(town: Town) -> None:
    town.put(book(1))
    town.sync()
    state = state_of(town)
    ours = town.sandbox.org.settings.organization_id
    state.accept_org("00D000000000002AAA", instead_of=ours, by="test")  # as if the sandbox had been refreshed
    town.put(book(2))
    town.sandbox.collaboratemd_wire.clear_log()
    for again in (town.sync, town.full, lambda: town.sync(dry_run=True)):
        with pytest.raises(OtherOrganization, match=f"claims-pipeline confirm org {ours}"):
            again()
    assert town.sandbox.collaboratemd_wire.log == []
    assert len(town.claims()) == 1
    state.accept_org(ours, instead_of="00D000000000002AAA", by="ada")
    town.sync()
    assert len(town.claims()) == 2


@pytest.mark.journey
def test_much_change_at_once_is_said(town: Town) -> None:
    with_thresholds(town, "most_share_changed = 0.5, most_share_of_charged_lost = 0.1")
    town.put(book(10))
    town.full()
    six = report(*(row(f"5{number:08d}", paid="7.00" if number < 6 else "0.00") for number in range(10)))
    town.put(six)
    told = town.full().synced.warnings
    assert [line for line in told if line.startswith("6 of 10 claims changed at once, more than 50%")]
    assert not [line for line in town.full().synced.warnings if "changed at once" in line]
    town.put(six.replace(b"01/07/2026,100.00", b"01/07/2026,80.00"))
    fell = [line for line in town.full().synced.warnings if "fell from 1,000.00 to 800.00 dollars" in line]
    assert len(fell) == 1


@pytest.mark.journey
def test_a_recent_reports_changes_are_held_against_the_whole_book(town: Town) -> None:
    town.put(book(10))
    town.full()
    town.put(book(4, paid="7.00"))
    assert not [line for line in town.sync().synced.warnings if "changed at once" in line]
