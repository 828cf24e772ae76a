"""A stored report runs again without CollaborateMD, and may only converge."""

import re
from pathlib import Path

import pytest

from claims_pipeline.cli.exits import Exit
from claims_pipeline_tests.command_line import Said, claims_pipeline
from claims_pipeline_tests.journeys.conftest import FIRST, Town
from claims_pipeline_tests.journeys.test_people import report, row


def replay(town: Town, *options: str) -> Said:
    town.sandbox.collaboratemd_wire.clear_log()
    town.sandbox.salesforce_wire.clear_log()
    said = claims_pipeline(town.environment, "replay", FIRST, *options)
    assert town.sandbox.collaboratemd_wire.log == []
    return said


@pytest.mark.journey
def test_a_replay_of_what_stands_writes_nothing(town: Town) -> None:
    town.put(report(row("500000001"), row("500000002")))
    town.sync()
    said = replay(town)
    assert said.code == Exit.ALL_ARRIVED, said.words
    assert re.search(r"2 +already as they should be", said.out)
    assert town.writes() == []


@pytest.mark.journey
def test_a_replay_brings_back_what_the_org_lost(town: Town) -> None:
    town.put(report(row("500000001", paid="5.00")))
    town.sync()
    town.edit("500000001", Paid_Amount__c=9.0)
    assert replay(town).code == Exit.ALL_ARRIVED
    assert town.claims()["500000001"]["Paid_Amount__c"] == 5.0


@pytest.mark.journey
def test_a_replay_needs_none_of_the_frames(town: Town) -> None:
    """A frame that was cut or lost is made anew from the ZIP."""
    town.put(report(row("500000001")))
    town.sync()
    storage = Path(town.environment["CLAIMS_STORAGE"])
    for name in ("raw_collaboratemd_claims", "transformed_claims", "rejected_claims"):
        (storage / name / f"{FIRST}.parquet").unlink()
    assert replay(town).code == Exit.ALL_ARRIVED
    assert (storage / "transformed_claims" / f"{FIRST}.parquet").exists()


@pytest.mark.journey
def test_an_older_fetch_is_stopped_and_changes_nothing(town: Town) -> None:
    for paid in ("1.00", "2.00"):
        town.put(report(row("500000001", paid=paid)))
        town.sync()
    said = replay(town, "--sequence", "1")
    assert said.code == Exit.PERMANENT
    assert "would bring old amounts back" in said.err
    assert town.writes() == []
    assert replay(town).code == Exit.ALL_ARRIVED
    assert town.claims()["500000001"]["Paid_Amount__c"] == 2.0


@pytest.mark.journey
def test_a_fetch_that_was_never_finished_and_a_zip_that_changed_are_told(town: Town) -> None:
    town.put(report(row("500000001")))
    town.sync()
    said = replay(town, "--sequence", "7")
    assert said.code == Exit.PERMANENT
    assert "nothing is kept of fetch 7" in said.err
    (kept,) = Path(town.environment["CLAIMS_STORAGE"]).glob(f"reports/{FIRST}/*/20020.zip")
    kept.write_bytes(kept.read_bytes() + b"x")
    said = replay(town)
    assert said.code == Exit.PERMANENT
    assert "is not the one that was fetched" in said.err
