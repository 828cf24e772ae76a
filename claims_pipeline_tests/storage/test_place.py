"""Files in a folder: still there after a power cut, name and all."""

import errno
import os
from pathlib import Path

import pytest

from claims_pipeline.storage.place import FolderPlace


class Disk:
    """Which folders below `root` were flushed, in order, with the names that they held then."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, root: Path, refusal: int | None = None) -> None:
        self._root = root
        self.flushed: list[tuple[Path, list[str]]] = []
        self._refusal = refusal
        self._fsync = os.fsync
        monkeypatch.setattr(os, "fsync", self._flush)

    def _flush(self, handle: int) -> None:
        flushed = os.fstat(handle)
        for path in (self._root, *self._root.rglob("*/")):
            if not path.is_dir() or not os.path.samestat(path.stat(), flushed):
                continue
            if self._refusal is not None:
                raise OSError(self._refusal, os.strerror(self._refusal))
            self.flushed.append((path, sorted(entry.name for entry in path.iterdir())))
        self._fsync(handle)


def finished(tmp_path: Path, text: str = "new") -> Path:
    local = tmp_path / "local"
    local.write_text(text)
    return local


def test_the_folder_is_flushed_after_the_file_got_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "storage"
    (root / "a").mkdir(parents=True)
    disk = Disk(monkeypatch, root)
    FolderPlace(root).publish(finished(tmp_path), "a/b.parquet")
    assert disk.flushed == [(root / "a", ["b.parquet"])]


def test_folders_made_for_it_are_flushed_into_their_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "storage"
    root.mkdir()
    disk = Disk(monkeypatch, root)
    FolderPlace(root).publish(finished(tmp_path), "reports/1/2.zip")
    assert disk.flushed == [(root, ["reports"]), (root / "reports", ["1"]), (root / "reports/1", ["2.zip"])]


@pytest.mark.parametrize("refusal", [errno.EINVAL, errno.EBADF, errno.ENOTSUP, errno.EACCES])
def test_a_file_system_that_flushes_no_folders_still_stores(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refusal: int
) -> None:
    Disk(monkeypatch, tmp_path, refusal)
    FolderPlace(tmp_path / "storage").publish(finished(tmp_path), "a/b")
    assert (tmp_path / "storage/a/b").read_text() == "new"


def test_a_disk_that_fails_to_keep_a_name_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "storage/a").mkdir(parents=True)
    Disk(monkeypatch, tmp_path, errno.EIO)
    with pytest.raises(OSError, match="error"):
        FolderPlace(tmp_path / "storage").publish(finished(tmp_path), "a/b")
    assert [path.name for path in (tmp_path / "storage/a").iterdir()] == ["b"]
