"""Whole runs on a full disk, and with stored files that were cut: told in words, nothing lost, nothing taken for empty.

What belongs here: the disk at each kind of write and read of a run. Not here: the network.
"""

import errno
import os
import re
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import polars as pl
import pytest

from claims_pipeline.cli.exits import Exit
from claims_pipeline.storage.place import FolderPlace
from claims_pipeline_tests.faults.network_table import BULK, COLLECTIONS, WAYS
from claims_pipeline_tests.faults.network_town import FIRST, Day, Network, day, networks
from claims_pipeline_tests.faults.network_truths import (
    must_be_free,
    must_be_safe,
    must_come_right,
    must_have_arrived,
    must_have_nothing_left,
)

FULL_DISK = "/dev/full"
"""Every write to it fails as on a disk that is full."""
_DAYS = count(1)
Patch = Callable[[pytest.MonkeyPatch], None]


@pytest.fixture(scope="module")
def wired(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Network]:
    with networks(tmp_path_factory.mktemp("wired")) as network:
        yield network


def opened(wired: Network, folder: Path, way: str) -> tuple[Network, Day, tuple[str, ...]]:
    settings, options = WAYS[way]
    network, today = wired.anew(folder, **settings), day(next(_DAYS))
    network.town.put(today.report)
    return network, today, options


def the_reports_zip(patched: pytest.MonkeyPatch) -> None:
    def on_a_full_disk(path: Path, flags: int, mode: int) -> int:
        return os.open(FULL_DISK, os.O_WRONLY)

    opening = SimpleNamespace(**{**vars(os), "open": on_a_full_disk})
    patched.setattr("claims_pipeline.clients.collaboratemd.payload.os", opening)


def a_part(patched: pytest.MonkeyPatch) -> None:
    write = pl.DataFrame.write_parquet
    patched.setattr(pl.DataFrame, "write_parquet", lambda frame, _, **more: write(frame, FULL_DISK, **more))


def a_stored_frame(patched: pytest.MonkeyPatch) -> None:
    sink = pl.LazyFrame.sink_parquet
    patched.setattr(pl.LazyFrame, "sink_parquet", lambda frame, _, **how: sink(frame, FULL_DISK, **how))


def a_file_named(pattern: str) -> Patch:
    def patch(patched: pytest.MonkeyPatch) -> None:
        opening: Any = Path.open

        def on_a_full_disk(path: Path, mode: str = "r", *args: Any, **how: Any) -> Any:
            is_meant = "w" in mode and re.search(pattern, path.name)
            return opening(Path(FULL_DISK) if is_meant else path, mode, *args, **how)

        patched.setattr(Path, "open", on_a_full_disk)

    return patch


def refused(act: str, number: int = errno.ENOSPC) -> Patch:
    def fails(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    return lambda patched: patched.setattr(act, fails)


def renaming(patched: pytest.MonkeyPatch) -> None:
    replace = Path.replace

    def fails(path: Path, target: Path) -> Path:
        if "storage" in path.parts:  # the sandbox renames too
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return replace(path, target)

    patched.setattr(Path, "replace", fails)


WRITES: dict[str, tuple[str, Patch]] = {
    "the report's ZIP": (COLLECTIONS, the_reports_zip),
    "a part": (COLLECTIONS, a_part),
    "a stored frame": (COLLECTIONS, a_stored_frame),
    "moving into the storage": (COLLECTIONS, refused("claims_pipeline.storage.place.shutil.move")),
    "flushing": (COLLECTIONS, refused("claims_pipeline.storage.place.os.fsync", errno.EIO)),
    "renaming": (COLLECTIONS, renaming),
    "a folder": (COLLECTIONS, refused("claims_pipeline.storage.frames.tempfile.mkdtemp", errno.EACCES)),
    "a Bulk job's file": (BULK, a_file_named(r"^upsert_\d+\.csv$")),
    "a Bulk job's results": (BULK, a_file_named(r"_successfulResults\.csv$")),
    "a Bulk query's page": (BULK, a_file_named(r"^part_\d+\.csv$")),
}


@pytest.mark.journey
@pytest.mark.parametrize(("way", "patch"), WRITES.values(), ids=WRITES)
def test_a_full_disk_stops_the_run_in_words_and_the_next_one_is_right(
    wired: Network, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str, patch: Patch
) -> None:
    network, today, options = opened(wired, tmp_path, way)
    with monkeypatch.context() as patched:
        patch(patched)
        ran = network.run(*options)
    assert ran.code == Exit.PERMANENT, ran.err
    assert re.search(
        r"The disk below \S+ (is full|may not be used|cannot be read or written).* run again", ran.err
    )
    assert network.number(FIRST, "committed_sequence") == 0
    assert left_behind(network) == []
    must_be_safe(network, ran, today)
    must_be_free(network)
    must_come_right(network, today, *options)


def left_behind(network: Network) -> list[str]:
    """Files that no step will look for: halves, temporary names, work of a run that ended."""
    storage = Path(network.town.environment["CLAIMS_STORAGE"])
    found = [path.relative_to(storage) for path in storage.rglob("*") if path.is_file()]
    return [str(path) for path in found if path.parts[0] == "work" or path.name.startswith(".")]


STORED = (
    f"raw_collaboratemd_claims/{FIRST}",
    f"transformed_claims/{FIRST}",
    f"rejected_claims/{FIRST}",
    f"salesforce_synced_claims/{FIRST}",
)


@pytest.mark.journey
@pytest.mark.parametrize("name", STORED)
def test_a_stored_file_that_is_cut_within_the_run_is_named(
    wired: Network, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    network, today, options = opened(wired, tmp_path, COLLECTIONS)
    publish = FolderPlace.publish

    def loses_its_end(place: FolderPlace, local: Path, file: str) -> None:
        publish(place, local, file)
        if file == f"{name}.parquet":
            cut(place.root / file)

    with monkeypatch.context() as patched:
        patched.setattr(FolderPlace, "publish", loses_its_end)
        must_name_the_file(network, today, name)
    remove(network, name)
    must_come_right(network, today, *options)
    must_have_nothing_left(network, today)


@pytest.mark.journey
def test_kept_claims_that_are_cut_are_named_and_not_taken_for_none(wired: Network, tmp_path: Path) -> None:
    name = f"refused_claims/{FIRST}"
    network, today, _ = opened(wired, tmp_path, COLLECTIONS)
    refused_number = next(iter(today.book))
    network.town.sandbox.org.scripts.lock("Claim__c", refused_number, 1_000)
    assert network.run().code == Exit.NOT_ALL_ARRIVED
    network.town.sandbox.org.scripts.clear()
    stored = Path(network.town.environment["CLAIMS_STORAGE"]) / f"{name}.parquet"
    cut(stored)
    must_name_the_file(network, today, name, committed=1)
    remove(network, name)
    must_have_arrived(network, network.run("--full"), today)
    must_have_nothing_left(network, today)


@pytest.mark.journey
def test_a_kept_report_that_is_cut_is_no_empty_report(
    wired: Network, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    network, today, options = opened(wired, tmp_path, COLLECTIONS)
    publish = FolderPlace.publish

    def loses_its_end(place: FolderPlace, local: Path, file: str) -> None:
        publish(place, local, file)
        if file.startswith("reports/"):
            cut(place.root / file)

    with monkeypatch.context() as patched:
        patched.setattr(FolderPlace, "publish", loses_its_end)
        ran = network.run()
    assert ran.code == Exit.PERMANENT, ran.err
    assert "ZIP cannot be read" in ran.err
    assert network.town.writes() == []
    must_be_safe(network, ran, today)
    must_be_free(network)
    must_come_right(network, today, *options)


def cut(path: Path) -> None:
    with path.open("r+b") as stream:
        stream.truncate(path.stat().st_size // 2)


def remove(network: Network, name: str) -> None:
    """What the words say that a person does."""
    (Path(network.town.environment["CLAIMS_STORAGE"]) / f"{name}.parquet").unlink()


def must_name_the_file(network: Network, today: Day, name: str, *, committed: int = 0) -> None:
    ran = network.run()
    assert ran.code == Exit.PERMANENT, ran.err
    assert re.search(rf"The stored {name} is damaged: \S+{name}\.parquet is cut.* run a full sync", ran.err)
    assert network.number(FIRST, "committed_sequence") == committed
    must_be_free(network)
    assert not set(today.book) & set(ran.words.split())
