"""Whole syncs, months apart: old reports go, and nothing that a sync may start from."""

import uuid
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from claims_pipeline.errors import PermanentError
from claims_pipeline.sandbox.faults import Fault
from claims_pipeline.sandbox.salesforce.rows import RowError
from claims_pipeline.sandbox.salesforce.scripts import Refusal
from claims_pipeline.storage.bucket_failures import BucketRefused
from claims_pipeline.storage.frames import Storage
from claims_pipeline.sync.connections import connect, read_settings, utc_now
from claims_pipeline.sync.options import SyncOptions
from claims_pipeline.sync.replay import replay
from claims_pipeline.sync.whole import sync_customer
from claims_pipeline_tests.given_report import report, row
from claims_pipeline_tests.journeys.conftest import FIRST, Town

pytestmark = pytest.mark.journey
REFUSED = "RA2"


def sync_after(town: Town, days: int, **options: bool) -> list[str]:
    """One sync so many days from now; what it said."""
    said: list[str] = []
    with connect(read_settings(town.environment), uuid.uuid4().hex) as made:
        later = replace(made, now=lambda: utc_now() + timedelta(days=days))
        sync_customer(made.settings.customer(FIRST), SyncOptions(**options), later, said.append)
    return [line for line in said if "older than" in line]


def kept(town: Town) -> set[str]:
    """What is kept of reports and dry runs, by fetch."""
    storage = Path(town.environment["CLAIMS_STORAGE"])
    return {
        str(path.relative_to(storage).parent)
        for folder in ("reports", "dry_run")
        for path in (storage / folder).rglob("*")
        if path.is_file()
    }


def of(*sequences: int) -> set[str]:
    return {f"reports/{FIRST}/{sequence:012d}" for sequence in sequences}


@pytest.fixture
def lived_in(town: Town) -> Town:
    """A claim is refused in the first sync; the second fetch was never committed."""
    town.put(report(row("RA1"), row(REFUSED), row("RA3", ClaimTotalAmount="x")))
    refusal = RowError("FIELD_CUSTOM_VALIDATION_EXCEPTION", "no")
    town.sandbox.org.scripts.refusals.append(Refusal("Claim__c", REFUSED, refusal))
    assert sync_after(town, 0) == []
    town.put(report(row("RA1", ClaimAmountPaid="50.00"), row(REFUSED), row("RA3", ClaimTotalAmount="x")))
    fault = Fault(path="/composite/sobjects", times=99, status=403, body=b"[]")
    town.sandbox.salesforce_wire.faults.add(fault)
    with pytest.raises(PermanentError):
        sync_after(town, 0)
    town.sandbox.salesforce_wire.faults.clear()
    assert kept(town) == of(1, 2)
    return town


def test_the_last_committed_fetch_and_one_that_was_not_committed_stay_whatever_their_age(
    lived_in: Town,
) -> None:
    assert sync_after(lived_in, 400) == []
    assert kept(lived_in) == of(1, 2, 3)


def test_once_a_later_one_is_committed_they_go_and_what_a_sync_starts_from_stays(lived_in: Town) -> None:
    sync_after(lived_in, 0)
    sync_after(lived_in, 0, dry_run=True)
    before = {path.name for path in Path(lived_in.environment["CLAIMS_STORAGE"]).glob("*/*.parquet")}
    assert sync_after(lived_in, 29) == []
    (told,) = sync_after(lived_in, 31)
    assert told.startswith("removed what is older than 30 days: the reports of 3 fetch(es), ")
    assert kept(lived_in) == of(4, 5)
    storage = Path(lived_in.environment["CLAIMS_STORAGE"])
    assert (storage / "refused_claims" / f"{FIRST}.parquet").exists()
    assert {path.name for path in storage.glob("*/*.parquet")} >= before
    lived_in.sandbox.org.scripts.clear()
    assert REFUSED not in lived_in.claims()
    sync_after(lived_in, 400)
    assert REFUSED in lived_in.claims(), "a refused claim outlives the report that it came with"


def test_the_setting_says_how_long(lived_in: Town) -> None:
    town = replace(lived_in, environment={**lived_in.environment, "CLAIMS_KEEP_DAYS": "400"})
    sync_after(town, 0)
    assert sync_after(town, 399) == []
    (told,) = sync_after(town, 401)
    assert "older than 400 days" in told


def test_a_dry_run_removes_nothing(lived_in: Town) -> None:
    sync_after(lived_in, 0)
    assert sync_after(lived_in, 400, dry_run=True) == []
    assert kept(lived_in) >= of(1, 2, 3)


def test_a_fetch_that_is_gone_is_named_when_it_is_wanted_again(lived_in: Town) -> None:
    sync_after(lived_in, 0)
    sync_after(lived_in, 31)
    with connect(read_settings(lived_in.environment), "a-run") as made:
        with pytest.raises(PermanentError):
            replay(made.settings.customer(FIRST), 1, SyncOptions(), made, lambda _: None)
        again = replay(made.settings.customer(FIRST), None, SyncOptions(), made, lambda _: None)
    assert again.synced.counts["created"] == 0


@pytest.mark.parametrize("failure", [BucketRefused("no"), PermissionError(13, "no")], ids=["S3", "a folder"])
def test_a_storage_that_removes_nothing_is_told_and_holds_nobody_up(
    lived_in: Town, monkeypatch: pytest.MonkeyPatch, failure: Exception
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise failure

    monkeypatch.setattr(Storage, "remove_old", refuse)
    (told,) = sync_after(lived_in, 31)
    assert "could not be removed" in told
    assert "CLAIMS_KEEP_DAYS" in told
