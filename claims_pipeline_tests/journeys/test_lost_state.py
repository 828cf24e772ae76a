"""A sync state that was lost is rebuilt by the next sync: nothing is sent again, nothing older can come after it."""

import shutil
import uuid
from pathlib import Path

import pytest

from claims_pipeline.errors import OlderThanCommitted
from claims_pipeline.storage.frames import StampedFrame, Storage
from claims_pipeline.sync.connections import Connections, connect, read_settings
from claims_pipeline.sync.options import SyncOptions
from claims_pipeline.sync.settling.bring import StoredClaims
from claims_pipeline.sync.settling.settle import settle
from claims_pipeline_tests.journeys.conftest import FIRST, Town
from claims_pipeline_tests.journeys.test_people import report, row


def lose_state(town: Town) -> None:
    """The pipeline finds another, empty table."""
    town.environment["DYNAMODB_TABLE_NAME"] = f"state-{uuid.uuid4().hex}"


def connections(town: Town) -> Connections:
    return town.runs.enter_context(connect(read_settings(town.environment), uuid.uuid4().hex))


def synced_thrice(town: Town) -> None:
    for paid in ("1.00", "2.00", "3.00"):
        town.put(report(row("500000001", paid=paid), row("500000002")))
        town.sync()


@pytest.mark.journey
def test_the_book_is_not_sent_again_and_sequences_go_on_above_the_files(town: Town) -> None:
    synced_thrice(town)
    lose_state(town)
    town.sandbox.salesforce_wire.clear_log()
    done = town.sync()
    assert town.writes() == []
    assert done.synced.outcomes.stamp.sequence == 4
    state = connections(town).state.read(FIRST)
    assert (state.sequence, state.committed_sequence) == (4, 4)


@pytest.mark.journey
def test_without_files_too_they_go_on_above_what_the_org_knows(town: Town) -> None:
    synced_thrice(town)
    (status,) = town.sandbox.org.records("Claim_Sync_Status__c")
    assert (status["Customer__c"], status["Sequence__c"]) == (FIRST, 3)
    lose_state(town)
    shutil.rmtree(town.environment["CLAIMS_STORAGE"])
    town.sandbox.salesforce_wire.clear_log()
    assert town.sync().synced.outcomes.stamp.sequence == 4
    assert town.writes() == []


@pytest.mark.journey
def test_older_files_cannot_be_settled_into_a_new_table(town: Town, tmp_path: Path) -> None:
    town.put(report(row("500000001", paid="1.00")))
    town.sync()
    old = tmp_path / "old"
    shutil.copytree(town.environment["CLAIMS_STORAGE"], old, ignore=shutil.ignore_patterns("work"))
    town.put(report(row("500000001", paid="2.00")))
    town.sync()
    lose_state(town)
    storage = Storage(str(old))
    frames: list[StampedFrame] = [
        storage.read(f"{name}/{FIRST}") for name in ("transformed_claims", "rejected_claims")
    ]
    stored = StoredClaims(*frames, storage.read("payor_mapping"))
    run = connections(town)
    run.state.ensure_table()
    with pytest.raises(OlderThanCommitted, match="fetch 1, and fetch 2 is already in Salesforce"):
        settle(stored, SyncOptions(), run, tmp_path, lambda _: None)
    assert town.claims()["500000001"]["Paid_Amount__c"] == 2.0


@pytest.mark.journey
def test_the_volume_guard_is_helped_by_the_stored_outcomes(town: Town) -> None:
    town.put(report(*(row(f"5{number:08d}") for number in range(10))))
    town.sync()
    lose_state(town)
    town.put(report(row("500000001")))
    with pytest.raises(Exception, match="returned 1 rows, and 10 the last time"):
        town.sync()


@pytest.mark.journey
def test_a_damaged_file_of_the_last_fetch_does_not_stop_the_next(town: Town) -> None:
    town.put(report(row("500000001")))
    town.sync()
    raw = Path(town.environment["CLAIMS_STORAGE"]) / "raw_collaboratemd_claims" / f"{FIRST}.parquet"
    raw.write_bytes(raw.read_bytes()[:100])
    town.put(report(row("500000001"), row("500000002")))
    assert town.sync().synced.outcomes.stamp.sequence == 2
    assert len(town.claims()) == 2


@pytest.mark.journey
def test_an_org_without_the_status_object_is_synced_with_a_warning(town: Town) -> None:
    town.sandbox.org.drop_object("Claim_Sync_Status__c")
    town.put(report(row("500000001")))
    told = town.sync().synced.warnings
    assert [line for line in told if "Claim_Sync_Status__c" in line]
    assert list(town.claims()) == ["500000001"]
