"""Stored frames: whole or not at all, stamped, private."""

import errno
import stat
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import boto3
import polars as pl
import pytest
from moto import mock_aws

from claims_pipeline.errors import DiskFailed
from claims_pipeline.storage import frames
from claims_pipeline.storage.frames import NotStored, Stamp, StampedFrame, Storage, StoredFrameDamaged

AT = datetime(2026, 2, 15, 2, 0, tzinfo=UTC)


def stamped(rows: int, sequence: int | None = 7) -> StampedFrame:
    return StampedFrame(
        pl.LazyFrame({"a": range(rows)}, schema={"a": pl.Int64}), Stamp("10001001", sequence, AT, {"k": [1]})
    )


def test_a_frame_comes_back_with_its_stamp(tmp_path: Path) -> None:
    storage = Storage(str(tmp_path))
    address = storage.write("transformed_claims/10001001", stamped(3))
    assert address == str(tmp_path / "transformed_claims/10001001.parquet")
    back = storage.read("transformed_claims/10001001")
    assert back.stamp == stamped(3).stamp
    assert back.frame.collect().to_dict(as_series=False) == {"a": [0, 1, 2]}


def test_an_empty_frame_keeps_its_columns_and_is_one_empty_slice(tmp_path: Path) -> None:
    storage = Storage(str(tmp_path))
    storage.write("a", stamped(0))
    assert [part.schema for part in storage.read("a").slices()] == [pl.Schema({"a": pl.Int64})]


def test_what_was_read_stays_as_it_was_when_another_run_stores_the_same_name(tmp_path: Path) -> None:
    storage = Storage(str(tmp_path))
    storage.write("a", stamped(3, sequence=1))
    before = storage.read("a")
    Storage(str(tmp_path)).write("a", stamped(5, sequence=2))
    assert (before.stamp.sequence, before.rows) == (1, 3)
    assert (storage.read("a").stamp.sequence, storage.read("a").rows) == (2, 5)
    storage.close()
    assert list((tmp_path / "work").iterdir()) == []


def test_slices_hold_every_row_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frames, "SLICE_ROWS", 4)
    storage = Storage(str(tmp_path))
    storage.write("a", stamped(10))
    for columns in (None, ["a"]):
        parts = [part["a"].to_list() for part in storage.read("a").slices(columns)]
        assert parts == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]


def test_files_are_for_their_owner_alone_and_the_work_folder_is_left_empty(tmp_path: Path) -> None:
    storage = Storage(str(tmp_path / "private"))
    storage.write("a/b", stamped(1))
    assert stat.S_IMODE((tmp_path / "private/a/b.parquet").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "private").stat().st_mode) == 0o700
    assert list((tmp_path / "private/work").iterdir()) == []


def test_a_failing_write_leaves_what_stood(tmp_path: Path) -> None:
    storage = Storage(str(tmp_path))
    storage.write("a", stamped(2))
    broken = StampedFrame(pl.LazyFrame({"a": ["x"]}).select(pl.col("a").cast(pl.Int64)), stamped(1).stamp)
    with pytest.raises(pl.exceptions.InvalidOperationError):
        storage.write("a", broken)
    assert storage.read("a").rows == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.parquet", "work"]


def test_a_dry_runs_files_lie_apart(tmp_path: Path) -> None:
    storage = Storage(str(tmp_path))
    storage.write("a", stamped(2))
    storage.write("a", stamped(5, sequence=None))
    assert storage.read("a").rows == 2
    assert storage.read("a", dry_run=True).stamp.dry_run


def test_what_was_never_made_is_said_with_the_step_to_run(tmp_path: Path) -> None:
    with pytest.raises(NotStored, match=r"no stored transformed_claims/1.*Run the step that makes it"):
        Storage(str(tmp_path)).read("transformed_claims/1")


def test_a_parquet_file_of_someone_else_is_refused(tmp_path: Path) -> None:
    pl.DataFrame({"a": [1]}).write_parquet(tmp_path / "a.parquet")
    with pytest.raises(StoredFrameDamaged, match="no stamp"):
        Storage(str(tmp_path)).read("a")


def test_a_kept_report_is_found_again(tmp_path: Path) -> None:
    storage = Storage(str(tmp_path))
    (tmp_path / "in.zip").write_bytes(b"zip")
    name = storage.keep_report(tmp_path / "in.zip", "10001001", 12, "20002.zip")
    assert name == "reports/10001001/000000000012/20002.zip"
    assert storage.report(name).read_bytes() == b"zip"
    with pytest.raises(NotStored, match="no longer"):
        storage.report("reports/10001001/000000000013/20002.zip")


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    return "claims-private"


def test_a_bucket_keeps_frames_and_reports_as_a_folder_does(bucket: str, tmp_path: Path) -> None:
    with mock_aws():
        client = boto3.client("s3")
        client.create_bucket(Bucket=bucket)
        storage = Storage(f"s3://{bucket}/claims", work_parent=tmp_path)
        address = storage.write("transformed_claims/10001001", stamped(3))
        assert address == f"s3://{bucket}/claims/transformed_claims/10001001.parquet"
        assert storage.read("transformed_claims/10001001").frame.collect().height == 3
        with pytest.raises(NotStored):
            storage.read("transformed_claims/2")
        storage.close()
        assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "rule",
    [
        {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": "arn:aws:kms:us-east-1:123456789012:key/of-the-bucket"},
        {"SSEAlgorithm": "AES256"},
    ],
    ids=lambda rule: rule["SSEAlgorithm"],
)
def test_the_bucket_says_how_a_file_is_encrypted_and_under_which_key(
    rule: dict[str, str], bucket: str, tmp_path: Path
) -> None:
    with mock_aws():
        client = boto3.client("s3")
        client.create_bucket(Bucket=bucket)
        client.put_bucket_encryption(
            Bucket=bucket,
            ServerSideEncryptionConfiguration={"Rules": [{"ApplyServerSideEncryptionByDefault": rule}]},
        )
        Storage(f"s3://{bucket}", work_parent=tmp_path).write("payor_mapping", stamped(3))
        head = client.head_object(Bucket=bucket, Key="payor_mapping.parquet")
        assert head["ServerSideEncryption"] == rule["SSEAlgorithm"]
        assert head.get("SSEKMSKeyId") == rule.get("KMSMasterKeyID")


@pytest.mark.parametrize(
    "damage",
    [
        lambda whole: b"",
        lambda whole: whole[:3],
        lambda whole: whole[: len(whole) // 2],
        lambda whole: whole[:-1],
        lambda whole: whole[len(whole) // 2 :],
        lambda whole: b"an editor's file",
    ],
    ids=["empty", "three bytes", "half", "one short", "without its beginning", "something else"],
)
def test_a_damaged_file_is_named_and_never_taken_for_one_that_is_not_there(
    tmp_path: Path, damage: Callable[[bytes], bytes]
) -> None:
    storage = Storage(str(tmp_path))
    stored = Path(storage.write("refused_claims/10001001", stamped(3)))
    stored.write_bytes(damage(stored.read_bytes()))
    with pytest.raises(StoredFrameDamaged, match="run a full sync") as told:
        storage.read("refused_claims/10001001")
    assert str(stored) in str(told.value)
    assert not isinstance(told.value, NotStored)


@pytest.mark.parametrize("act", ["os.fsync", "pathlib.Path.replace", "pathlib.Path.chmod"])
def test_a_disk_that_fails_while_a_file_is_stored_leaves_the_old_one_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, act: str
) -> None:
    storage = Storage(str(tmp_path))
    storage.write("a/b", stamped(3, sequence=1))

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", "DOE, JAN")

    with monkeypatch.context() as patched:
        patched.setattr(act, full)
        with pytest.raises(DiskFailed, match=r"is full \(ENOSPC\)") as told:
            storage.write("a/b", stamped(5, sequence=2))
    assert "DOE" not in str(told.value)
    assert storage.read("a/b").stamp.sequence == 1
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["b.parquet"]


def test_polars_own_words_for_a_full_disk_are_told_as_the_disks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage = Storage(str(tmp_path))
    sink = pl.LazyFrame.sink_parquet
    monkeypatch.setattr(pl.LazyFrame, "sink_parquet", lambda frame, _, **how: sink(frame, "/dev/full", **how))
    with pytest.raises(DiskFailed, match=r"is full \(ENOSPC\)"):
        storage.write("a", stamped(3))


def test_what_is_not_the_disks_fault_stays_what_it_is(tmp_path: Path) -> None:
    storage = Storage(str(tmp_path))
    with pytest.raises(FileNotFoundError), storage.work_folder("test") as work:
        (work / "nothing").read_bytes()
    with pytest.raises(pl.exceptions.ColumnNotFoundError), storage.work_folder("test"):
        pl.DataFrame({"a": [1]}).select("b")
