"""One command over several customers: what concerns all the org's claims is done once, not once a customer."""

from collections.abc import Iterator

import pytest

from claims_pipeline.cli.exits import Exit
from claims_pipeline.sync.payors.groups import Group
from claims_pipeline.sync.settling import beyond
from claims_pipeline_tests.command_line import Said, claims_pipeline
from claims_pipeline_tests.given_report import report, row
from claims_pipeline_tests.journeys.conftest import FIRST, SECOND, Town
from claims_pipeline_tests.payor_table import decide, lookups, mapping_rows, new_payor, sums_asked_for

KEY = "nobody knows health|nkh1"

pytestmark = pytest.mark.journey


def sync_all(town: Town, *options: str) -> Said:
    town.sandbox.salesforce_wire.clear_log()
    return claims_pipeline(town.environment, "sync", *options)


def mapped_after_a_sync(town: Town) -> str:
    """A claim of each customer in the org, and then a person's mapping of their payor: the record mapped to."""
    town.put(report(row("1")))
    town.put(report(row("2")), SECOND)
    sync_all(town)
    payor = new_payor(town, "Quite Another Name")
    decide(town, KEY, "map", payor)
    return payor


def test_a_mapping_reaches_every_customers_claims_and_what_waits_is_counted_at_the_end(town: Town) -> None:
    town.put(report(row("1")))
    town.put(report(row("2"), row("3")), SECOND)
    assert sync_all(town).code == Exit.ALL_ARRIVED
    waiting = mapping_rows(town)[KEY]
    assert (waiting["Claim_Count__c"], waiting["Charged_Amount__c"]) == (3.0, 300.0)
    payor = new_payor(town, "Quite Another Name")
    decide(town, KEY, "map", payor)
    said = sync_all(town)
    assert said.code == Exit.ALL_ARRIVED
    assert lookups(town) == {"1": payor, "2": payor, "3": payor}
    told = mapping_rows(town)[KEY]
    assert (told["Claim_Count__c"], told["Linked_Payor__c"]) == (0.0, payor)


def test_on_an_unchanged_day_the_org_adds_up_its_claims_for_the_first_customer_and_at_the_end(
    town: Town,
) -> None:
    town.put(report(row("1")))
    town.put(report(row("2")), SECOND)
    sync_all(town)
    said = sync_all(town)
    assert sums_asked_for(town) == 2
    assert "Nobody Knows Health (NKH1)" in said.out
    assert town.writes() == []


def test_a_mapping_that_is_made_while_the_command_runs_is_followed_at_once(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    town.put(report(row("1"), row("2")))
    town.put(report(row("3")), SECOND)
    sync_all(town)
    payor = new_payor(town, "Quite Another Name")
    read = beyond.payor_groups

    def read_and_decide(*asked: object) -> Iterator[Group]:
        groups = list(read(*asked))  # type: ignore[arg-type]  # as it was called
        if mapping_rows(town)[KEY]["Claim_Payor__c"] is None:
            decide(town, KEY, "map", payor)  # after the first customer's relinking has begun
        return iter(groups)

    monkeypatch.setattr(beyond, "payor_groups", read_and_decide)
    sync_all(town)
    assert lookups(town) == {"1": payor, "2": payor, "3": payor}
    assert mapping_rows(town)[KEY]["Linked_Payor__c"] == payor


def test_where_the_first_customer_fails_the_next_one_relinks(town: Town) -> None:
    payor = mapped_after_a_sync(town)
    town.put(report(row("1"))[:-20].replace(b'"DOE', b'"DO"E'))
    said = sync_all(town)
    assert said.code == Exit.PERMANENT
    assert f"Customer {FIRST} failed" in said.err
    assert lookups(town) == {"1": payor, "2": payor}


def test_where_the_last_customer_fails_what_waits_is_counted_all_the_same(town: Town) -> None:
    town.put(report(row("1"), row("2")))
    town.put(report(row("3"))[:-20].replace(b'"DOE', b'"DO"E'), SECOND)
    said = sync_all(town)
    assert f"Customer {SECOND} failed" in said.err
    assert mapping_rows(town)[KEY]["Claim_Count__c"] == 2.0
    assert "Nobody Knows Health (NKH1)" in said.out


def test_a_dry_run_tells_of_older_claims_once_and_counts_nothing(town: Town) -> None:
    mapped_after_a_sync(town)
    before = mapping_rows(town)
    town.put(report(row("9")), SECOND)
    said = sync_all(town, "--dry-run")
    assert said.out.count("older claims") == 1
    assert sums_asked_for(town) == 2  # the first customer's, and the list of payors to map
    assert mapping_rows(town) == before
    assert town.writes() == []
