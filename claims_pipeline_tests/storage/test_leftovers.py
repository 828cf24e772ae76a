"""What killed runs leave: removed by the next one, and nothing of a living process, whoever that is."""

import errno
import fcntl
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from claims_pipeline.errors import DiskFailed
from claims_pipeline.storage.frames import Stamp, StampedFrame, Storage

FRAME = StampedFrame(pl.LazyFrame({"a": [1]}), Stamp("10001001", 7, datetime(2026, 2, 15, tzinfo=UTC)))
AT_WORK = """
import sys
from claims_pipeline.storage.frames import Storage

storage = Storage(sys.argv[1])
storage.read("a")
with storage.work_folder("step") as work:
    (work / "below").mkdir()
    (work / "below" / "claims.csv").write_text("DOE, JAN")
    print(work, flush=True)
    sys.stdin.read()
storage.close()
"""
UNFINISHED = f".a.parquet.{'0' * 32}"


class Other:
    """Another process, at work in the same storage, with a folder to read from too."""

    def __init__(self, root: Path) -> None:
        Storage(str(root)).write("a", FRAME)
        command = [sys.executable, "-c", AT_WORK, str(root)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        self.work = Path(self._process.stdout.readline().strip())

    def kill(self) -> None:
        self._process.kill()
        self._process.communicate()

    def finish(self) -> int:
        self._process.communicate()
        return self._process.returncode


@pytest.fixture
def other(tmp_path: Path) -> Iterator[Other]:
    process = Other(tmp_path)
    yield process
    process.kill()


def begin(root: Path, clock: Callable[[], float] = lambda: 0.0) -> None:
    """Another run works in the storage."""
    storage = Storage(str(root), clock=clock)
    with storage.work_folder("sync"):
        pass
    storage.close()


def everything_below(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def test_the_folders_of_a_killed_run_are_gone_once_the_next_begins(tmp_path: Path, other: Other) -> None:
    assert (other.work / "below" / "claims.csv").exists()
    other.kill()
    assert (
        len(list((tmp_path / "work").iterdir())) == 4
    )  # what it worked in and what it read, and their marks
    begin(tmp_path)
    assert everything_below(tmp_path) == ["a.parquet", "work"]


def test_the_folders_of_a_living_process_are_left_alone(tmp_path: Path, other: Other) -> None:
    before = everything_below(tmp_path)
    begin(tmp_path)
    assert everything_below(tmp_path) == before
    assert other.finish() == 0
    assert everything_below(tmp_path) == ["a.parquet", "work"]


def test_so_are_those_of_another_storage_of_this_process(tmp_path: Path) -> None:
    storage = Storage(str(tmp_path))
    storage.write("a", FRAME)
    with storage.work_folder("step") as work:
        (work / "claims.csv").write_text("DOE, JAN")
        kept = storage.read("a")
        begin(tmp_path)
        assert (work / "claims.csv").read_text() == "DOE, JAN"
        assert kept.rows == 1
    storage.close()
    assert list((tmp_path / "work").iterdir()) == []


def test_what_no_run_left_stays_where_it_is(tmp_path: Path) -> None:
    ours = ["a.parquet", "work/notes/claims.csv", "work/notes.lock", "work/step-abcdefgh/x", ".hidden"]
    ours += [f".{'0' * 32}", f"a.{'0' * 32}", f".a.{'0' * 31}", f"work/{UNFINISHED}"]
    for name in ours:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / f".link.{'0' * 32}").symlink_to("a.parquet")
    before = everything_below(tmp_path)
    begin(tmp_path, clock=lambda: 1e12)
    assert everything_below(tmp_path) == before


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS])
def test_where_the_file_system_knows_no_locks_nothing_is_taken_for_a_leftover(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def refused(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", refused)
    with Storage(str(tmp_path)).work_folder("step") as work:
        (work / "claims.csv").touch()
        begin(tmp_path)
        assert everything_below(tmp_path / "work") == [work.name, f"{work.name}/claims.csv"]
    assert list((tmp_path / "work").iterdir()) == []


def test_a_folder_that_another_run_removes_before_it_is_locked_is_made_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between its making and its lock a folder looks as a dead one's does."""
    flock = fcntl.flock

    def after_another_run(handle: int, how: int) -> None:
        monkeypatch.setattr(fcntl, "flock", flock)
        begin(tmp_path)
        flock(handle, how)

    storage = Storage(str(tmp_path))
    monkeypatch.setattr(fcntl, "flock", after_another_run)
    with storage.work_folder("step") as work:
        assert everything_below(tmp_path / "work") == [work.name, f"{work.name}.lock"]
        begin(tmp_path)
        assert work.is_dir()
    assert list((tmp_path / "work").iterdir()) == []


@pytest.mark.parametrize("folder", [".", "transformed_claims", "dry_run/a", "reports/10001001/000000000012"])
def test_a_file_that_never_got_its_name_is_removed_after_an_hour(tmp_path: Path, folder: str) -> None:
    left = tmp_path / folder / UNFINISHED
    left.parent.mkdir(parents=True, exist_ok=True)
    left.write_text("DOE, JAN")
    at = left.stat().st_ctime
    begin(tmp_path, clock=lambda: at + 3599)
    assert left.exists()
    begin(tmp_path, clock=lambda: at + 3600)
    assert not left.exists()


def test_of_many_kept_reports_the_newest_are_looked_through(tmp_path: Path) -> None:
    for sequence in range(40):
        (tmp_path / f"reports/10001001/{sequence:012d}").mkdir(parents=True)
    left = tmp_path / "reports/10001001/000000000024" / UNFINISHED
    left.touch()
    begin(tmp_path, clock=lambda: left.stat().st_ctime + 3600)
    assert not left.exists()


def test_what_cannot_be_removed_is_told_and_stops_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    left = tmp_path / UNFINISHED
    left.touch()
    at = left.stat().st_ctime

    def refused(*_: object, **__: object) -> None:
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))

    with monkeypatch.context() as patched:
        patched.setattr(Path, "unlink", refused)
        Storage(str(tmp_path), clock=lambda: at + 3600)._hold_folder("step")
    assert f"{left} may be left by a killed run" in caplog.text
    assert left.exists()


def test_a_folder_that_cannot_be_marked_is_not_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    storage = Storage(str(tmp_path))
    monkeypatch.setattr(os, "open", full)
    with pytest.raises(DiskFailed, match="is full"), storage.work_folder("step"):
        pass
    monkeypatch.undo()
    assert list((tmp_path / "work").iterdir()) == []
