"""What is old and needed by nobody goes; whatever a sync may start from stays, in a folder and in a bucket."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import boto3
import polars as pl
import pytest
from moto import mock_aws

from claims_pipeline.storage.frames import Stamp, StampedFrame, Storage
from claims_pipeline.storage.retention import Removed

CUSTOMER, OTHER = "10001001", "10002002"
LATER = datetime.now(UTC) + timedelta(days=31)
MONTH = timedelta(days=30)
BUCKET = "claims-storage-of-the-tests"


@pytest.fixture(params=["folder", "bucket", "bucket with a prefix"])
def storage(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Storage]:
    if request.param == "folder":
        yield Storage(str(tmp_path / "storage"))
        return
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "nobody")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with mock_aws():
        boto3.client("s3").create_bucket(Bucket=BUCKET)
        prefix = "/of/claims" if "prefix" in request.param else ""
        yield Storage(f"s3://{BUCKET}{prefix}", work_parent=tmp_path / "work")


@pytest.fixture
def filled(storage: Storage, tmp_path: Path) -> Storage:
    """Five fetches of one customer, one of another, a dry run, and every stored frame."""

    def keep(customer: str, sequence: int | None, name: str) -> None:
        local = tmp_path / "local"
        local.write_text("PATIENT")
        storage.keep_report(local, customer, sequence, name)

    for sequence in range(1, 6):
        keep(CUSTOMER, sequence, "20020.zip")
        keep(CUSTOMER, sequence, "fetch.json")
    keep(OTHER, 1, "20020.zip")
    keep(CUSTOMER, None, "20020.zip")
    for asset in ("raw_collaboratemd_claims", "transformed_claims", "rejected_claims", "refused_claims"):
        for sequence in (3, None):
            stamp = Stamp(CUSTOMER, sequence, datetime(2026, 2, 15, tzinfo=UTC))
            storage.write(f"{asset}/{CUSTOMER}", StampedFrame(pl.LazyFrame({"a": [1]}), stamp))
    return storage


def names(storage: Storage) -> set[str]:
    folders = ("reports", "dry_run", "refused_claims", "raw_collaboratemd_claims", "transformed_claims")
    place = storage._place
    return {file.name for folder in (*folders, "rejected_claims") for file in place.files(folder)}


def test_old_fetches_that_nobody_needs_and_old_dry_runs_go_and_nothing_else(filled: Storage) -> None:
    before = names(filled)
    removed = filled.remove_old(CUSTOMER, spared=lambda sequence: sequence >= 3, before=LATER - MONTH)
    assert removed == Removed(fetches=2, dry_run_files=5)
    gone = before - names(filled)
    assert {name for name in gone if not name.startswith("dry_run/")} == {
        f"reports/{CUSTOMER}/{sequence:012d}/{name}"
        for sequence in (1, 2)
        for name in ("20020.zip", "fetch.json")
    }
    left = names(filled)
    assert f"refused_claims/{CUSTOMER}.parquet" in left
    assert f"raw_collaboratemd_claims/{CUSTOMER}.parquet" in left
    assert f"reports/{OTHER}/{1:012d}/20020.zip" in left
    assert filled.kept_report(CUSTOMER, 1, "fetch.json") is None
    assert filled.kept_report(CUSTOMER, 3, "20020.zip") is not None
    filled.close()


def test_what_is_young_stays(filled: Storage) -> None:
    before = names(filled)
    assert filled.remove_old(CUSTOMER, spared=lambda _: False, before=LATER - 2 * MONTH) == Removed()
    assert names(filled) == before


def test_again_there_is_nothing_to_remove(filled: Storage) -> None:
    assert filled.remove_old(CUSTOMER, spared=lambda _: False, before=LATER).fetches == 5
    assert filled.remove_old(CUSTOMER, spared=lambda _: False, before=LATER) == Removed()


def test_no_empty_folder_of_a_fetch_is_left(tmp_path: Path) -> None:
    storage = Storage(str(tmp_path))
    (tmp_path / "local").touch()
    storage.keep_report(tmp_path / "local", CUSTOMER, 1, "20020.zip")
    storage.remove_old(CUSTOMER, spared=lambda _: False, before=LATER)
    assert list((tmp_path / "reports" / CUSTOMER).iterdir()) == []


def test_a_file_without_its_name_yet_and_strangers_are_left(tmp_path: Path) -> None:
    folder = tmp_path / "reports" / CUSTOMER / f"{1:012d}"
    strangers = [
        folder / f".20020.zip.{'0' * 32}",
        folder.parent / "notes.txt",
        folder.parent / "7" / "20020.zip",
    ]
    for path in strangers:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    assert Storage(str(tmp_path)).remove_old(CUSTOMER, spared=lambda _: False, before=LATER) == Removed()
    assert all(path.exists() for path in strangers)


def test_every_file_and_folder_is_its_owners_alone(tmp_path: Path) -> None:
    """Whatever the umask says."""
    storage = Storage(str(tmp_path / "a" / "storage"))
    local = tmp_path / "local"
    local.touch(mode=0o666)
    storage.keep_report(local, CUSTOMER, 1, "20020.zip")
    storage.write(
        f"refused_claims/{CUSTOMER}", StampedFrame(pl.LazyFrame({"a": [1]}), Stamp(CUSTOMER, 1, LATER))
    )
    with storage.work_folder("step") as work:
        paths = list((tmp_path / "a").rglob("*"))
        assert work in paths
        assert {oct(path.stat().st_mode & 0o777) for path in paths if path.is_dir()} == {"0o700"}
        stored = [path for path in paths if path.is_file()]
        assert len(stored) >= 3
        assert {oct(path.stat().st_mode & 0o777) for path in stored} == {"0o600"}
