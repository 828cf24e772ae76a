"""Stored frames: one parquet file an asset and customer, stamped with the fetch that it comes from.

What belongs here: naming, stamping, writing whole or not at all, reading back lazily, and the work folder of a run.
Not here: what the columns mean (`claims`), nor who writes when (`sync`).
"""

import json
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl

from claims_pipeline.errors import PermanentError
from claims_pipeline.storage.disk import disk_failures_told
from claims_pipeline.storage.leftovers import HeldFolder, remove_dead_folders, remove_unfinished_files
from claims_pipeline.storage.names import DRY_RUN_PREFIX, report_name
from claims_pipeline.storage.place import FolderPlace, Place, make_private_folder, open_place
from claims_pipeline.storage.retention import Removed, remove_old_files

STAMP_KEY = "claims_pipeline"
SLICE_ROWS = 50_000
_MAGIC = b"PAR1"
_QUICK = 1
"""Of zstd: a quarter less time than its default, at the same size."""


@dataclass(frozen=True)
class Stamp:
    """Which fetch a file leads back to. `sequence` is None in a dry run; `facts` holds codes, labels, counts."""

    customer: str
    sequence: int | None
    fetched_at: datetime
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def dry_run(self) -> bool:
        """A dry run takes no sequence, and its files can never be synced."""
        return self.sequence is None

    def to_text(self) -> str:
        """The stamp as it stands in the parquet file's metadata."""
        return json.dumps({**asdict(self), "fetched_at": self.fetched_at.isoformat()}, sort_keys=True)

    @classmethod
    def from_text(cls, text: str) -> "Stamp":
        values = json.loads(text)
        return cls(**{**values, "fetched_at": datetime.fromisoformat(values["fetched_at"])})


@dataclass(frozen=True)
class StampedFrame:
    """A frame over stored parquet, and the fetch that it comes from."""

    frame: pl.LazyFrame
    stamp: Stamp

    def slices(self, columns: Sequence[str] | None = None) -> Iterator[pl.DataFrame]:
        """The frame (or these columns of it) in its stored order, some rows at a time. An empty frame is one slice."""
        frame = self.frame if columns is None else self.frame.select(columns)
        offset, height = 0, SLICE_ROWS
        while height == SLICE_ROWS:
            part = frame.slice(offset, SLICE_ROWS).collect()
            offset, height = offset + SLICE_ROWS, part.height
            if height or offset == SLICE_ROWS:
                yield part

    @property
    def rows(self) -> int:
        """How many rows the frame has."""
        return int(self.frame.select(pl.len()).collect().item())


class NotStored(PermanentError):
    """A step was asked for whose input was never made."""


class StoredFrameDamaged(PermanentError):
    """A stored file is there and cannot be read: it must never pass for one that is not there."""

    def __init__(self, name: str, address: str, what: str) -> None:
        super().__init__(
            f"The stored {name} is damaged: {address} {what}. Nothing of it was used. Move that file away and run a "
            "full sync, which makes every stored file anew."
        )


class Storage:
    """The pipeline's private storage at `location` (a folder, or `s3://bucket/prefix`)."""

    def __init__(
        self, location: str, *, work_parent: Path | None = None, clock: Callable[[], float] = time.time
    ) -> None:
        self.location = location
        self._place: Place = open_place(location)
        self._work_parent = work_parent or _default_work_parent(self._place)
        self._clock = clock
        self._kept_to_read: list[HeldFolder] = []
        self._at_work: set[HeldFolder] = set()
        self._is_tidied = False

    def write(self, name: str, stamped: StampedFrame) -> str:
        """Store a frame under `asset/customer` (or `asset`); returns where it stands."""
        with self.work_folder("write") as work:
            local = work / "frame.parquet"
            stamped.frame.sink_parquet(
                local,
                compression_level=_QUICK,
                metadata={STAMP_KEY: stamped.stamp.to_text()},
                row_group_size=SLICE_ROWS,
            )
            file = self._file(name, dry_run=stamped.stamp.dry_run)
            with disk_failures_told(self.location):
                self._place.publish(local, file)
        return self._place.address(file)

    def read(self, name: str, *, dry_run: bool = False) -> StampedFrame:
        """The stored frame, lazily, as it stands now: a later write does not reach it. Raises NotStored."""
        file = self._file(name, dry_run=dry_run)
        path = self._fetch(file)
        if path is None:
            raise NotStored(
                f"There is no stored {name} in {self.location}. Run the step that makes it first "
                f"(the asset {name.split('/')[0]}, or a whole sync)."
            )
        try:
            text = _metadata(path).get(STAMP_KEY)
        except (pl.exceptions.PolarsError, pl.exceptions.PanicException):
            raise StoredFrameDamaged(name, self._place.address(file), "is cut, or no parquet file") from None
        if text is None:
            what = "carries no stamp of this pipeline"
            raise StoredFrameDamaged(name, self._place.address(file), what)
        return StampedFrame(pl.scan_parquet(path), Stamp.from_text(text))

    def keep_report(self, local: Path, customer: str, sequence: int | None, file_name: str) -> str:
        """Keep a report's ZIP under its sequence, as evidence and for replay; returns its name in the storage.

        A dry run's (no sequence) lies apart, and the next one replaces it.
        """
        name = report_name(customer, sequence, file_name)
        with disk_failures_told(self.location):
            self._place.publish(local, name)
        return name

    def report(self, name: str) -> Path:
        """The kept report ZIP, as a local file."""
        path = self._fetch(name)
        if path is None:
            raise NotStored(f"The report {name} is no longer in {self.location}. Fetch it again.")
        return path

    def kept_report(self, customer: str, sequence: int, file_name: str) -> Path | None:
        """What was kept under a fetch's sequence by this name, as a local file; None where nothing was."""
        return self._fetch(report_name(customer, sequence, file_name))

    def remove_old(self, customer: str, *, spared: Callable[[int], bool], before: datetime) -> Removed:
        """Remove what is older than `before`: reports of fetches that are not `spared`, and every dry run's files.

        Nothing else in the storage goes by its age.
        """
        return remove_old_files(self._place, customer, spared=spared, before=before)

    def address(self, name: str) -> str:
        """Where a person finds the stored frame."""
        return self._place.address(self._file(name, dry_run=False))

    @contextmanager
    def work_folder(self, purpose: str) -> Iterator[Path]:
        """A private folder for a step's intermediate files; gone afterwards, or at the latest when this is closed."""
        with disk_failures_told(self._work_parent):
            held = self._hold_folder(purpose)
            self._at_work.add(held)
            try:
                yield held.path
            finally:
                self._at_work.discard(held)
                held.remove()

    def close(self) -> None:
        """Give up what was kept to be read, and the work of whoever was left halfway."""
        for held in (*self._kept_to_read, *self._at_work):
            held.remove()
        self._kept_to_read.clear()
        self._at_work.clear()

    def _fetch(self, file: str) -> Path | None:
        with disk_failures_told(self._work_parent):
            held = self._hold_folder("read")
            self._kept_to_read.append(held)
            return self._place.fetch(file, held.path)

    def _hold_folder(self, purpose: str) -> HeldFolder:
        """A new folder to work in; before the first one, what killed runs left is removed."""
        make_private_folder(self._work_parent)
        if not self._is_tidied:
            self._is_tidied = True
            remove_dead_folders(self._work_parent)
            if isinstance(self._place, FolderPlace):
                remove_unfinished_files(self._place.root, work=self._work_parent, now=self._clock())
        return HeldFolder(self._work_parent, purpose)

    @staticmethod
    def _file(name: str, *, dry_run: bool) -> str:
        return f"{DRY_RUN_PREFIX}/{name}.parquet" if dry_run else f"{name}.parquet"


def _metadata(path: Path) -> dict[str, str]:
    """The file's own metadata. polars reads them from the end of a file: one that lost its beginning is told here."""
    with path.open("rb") as stream:
        if stream.read(len(_MAGIC)) != _MAGIC:
            raise pl.exceptions.ComputeError("the file does not begin as parquet does")
    return pl.read_parquet_metadata(path)


def _default_work_parent(place: Place) -> Path:
    if isinstance(place, FolderPlace):
        return place.root / "work"
    return Path(tempfile.gettempdir()) / "claims_pipeline_work"
