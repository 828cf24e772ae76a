"""Opening the report's ZIP on disk without trusting a word of it.

What belongs here: which entries there are, bounds on what they may unpack to, and streams that check what they give.
Not here: what stands in an entry (`claims.reading`), nor where the ZIP came from. Nothing is ever unpacked to a path.
Names of entries stay out of messages: an entry is known by its place in the ZIP and the ending of its name.
"""

import io
import struct
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO, Literal

from claims_pipeline.errors import ReportError

EntryKind = Literal["csv", "json"]

_BUFFER_BYTES = 256 * 1024
_LOCAL_HEADER_BYTES = 30
_ENCRYPTED = 0x1 | 0x40 | 0x2000
_KINDS: dict[str, EntryKind] = {".csv": "csv", ".json": "json"}
_DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    NotImplementedError,
    OverflowError,
    ValueError,
    RuntimeError,
    OSError,
)


@dataclass(frozen=True)
class ZipLimits:
    """What a report's ZIP may be at most. The ratio is judged only beyond `ratio_from_bytes` of unpacked size."""

    entries: int = 1000
    unpacked_bytes: int = 8 * 1024**3
    ratio: int = 200
    ratio_from_bytes: int = 64 * 1024**2


class ZipDamaged(ReportError):
    """The ZIP, or an entry of it, is not whole."""

    def __init__(self, what: str) -> None:
        super().__init__(
            f"The report's ZIP cannot be read: {what}. Nothing of it was used. Fetch the report again; if it stays, "
            "tell CollaborateMD's support."
        )


class ZipRefused(ReportError):
    """The ZIP holds what a report does not hold, or more than we unpack."""

    def __init__(self, problems: Sequence[str], advice: str) -> None:
        super().__init__(f"The report's ZIP was refused: {'; '.join(problems)}. {advice}")


@dataclass(frozen=True)
class ReportEntry:
    """One file of the report. `ordinal` counts from 0 over the files that are read; `name` is for nobody's log."""

    ordinal: int
    name: str
    kind: EntryKind
    unpacked_bytes: int
    _path: Path
    _position: int

    def open(self) -> BinaryIO:
        """The file's bytes from the start; may be opened as often as is needed.

        Size and CRC are proved by the end of the stream: who does not read to the end has proved nothing.
        """
        return io.BufferedReader(_ProvedStream(self), _BUFFER_BYTES)

    def __repr__(self) -> str:
        return f"ReportEntry({self.ordinal}, {self.kind}, {self.unpacked_bytes:,} bytes)"


def open_entries(path: Path, limits: ZipLimits | None = None) -> tuple[ReportEntry, ...]:
    """The `.csv` and `.json` files in the ZIP at `path`, in its order. Raises ReportError for all that is no report.

    Folders, empty or not, and what macOS adds for itself are passed over.
    """
    limits = limits or ZipLimits()
    try:
        with zipfile.ZipFile(path) as archive:
            every = archive.infolist()
            directory_at = archive.start_dir
    except FileNotFoundError:
        raise ZipDamaged("the file is not there") from None
    except _DAMAGE:
        raise ZipDamaged("it is no whole ZIP file") from None
    _require_few(every, limits)
    files = [(place, info) for place, info in enumerate(every) if not _is_by_the_way(info)]
    _refuse_strangers(files)
    _require_bounded(files, limits)
    _require_apart([info for _, info in files], directory_at)
    if not files:
        raise ZipDamaged("there is no file in it")
    return tuple(
        ReportEntry(ordinal, info.filename, _KINDS[_ending(info)], info.file_size, path, place)
        for ordinal, (place, info) in enumerate(files)
    )


class _ProvedStream(io.RawIOBase):
    """An entry's bytes; its declared size and CRC are checked at the end, and whatever breaks is a ZipDamaged."""

    def __init__(self, entry: ReportEntry) -> None:
        super().__init__()
        self._entry = entry
        self._what = f"entry {entry._position + 1}"
        self._start()

    def _start(self) -> None:
        entry = self._entry
        self._left = entry.unpacked_bytes
        try:
            with zipfile.ZipFile(entry._path) as archive:  # the stream keeps the file open, not the archive
                self._stream = archive.open(archive.infolist()[entry._position])
        except (IndexError, *_DAMAGE):
            raise ZipDamaged(f"{self._what} cannot be opened") from None

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._entry.unpacked_bytes - self._left

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Back to the start; nowhere else, since only what is read in order is proved."""
        if (offset, whence) != (0, io.SEEK_SET):
            raise io.UnsupportedOperation("an entry can be read from its start alone")
        self._stream.close()
        self._start()
        return 0

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override] # io hands a memoryview, typeshed says Buffer
        try:
            piece = self._stream.read(len(buffer))
        except _DAMAGE:
            raise ZipDamaged(f"{self._what} is damaged") from None
        self._left -= len(piece)
        if not piece and self._left:
            raise ZipDamaged(f"{self._what} ends before the size that it declares")
        buffer[: len(piece)] = piece
        return len(piece)

    def close(self) -> None:
        if not self.closed:
            stream = getattr(self, "_stream", None)
            if stream is not None:
                stream.close()
        super().close()


def _require_few(every: Sequence[zipfile.ZipInfo], limits: ZipLimits) -> None:
    if len(every) > limits.entries:
        raise ZipRefused(
            [f"it has {len(every):,} entries, and we read at most {limits.entries:,}"],
            "Run the saved report in CollaborateMD by hand and look at what it makes.",
        )


def _is_by_the_way(info: zipfile.ZipInfo) -> bool:
    path = PurePosixPath(info.filename.replace("\\", "/"))
    return (
        info.is_dir() or "__MACOSX" in path.parts or path.name in {".DS_Store"} or path.name.startswith("._")
    )


def _refuse_strangers(files: Sequence[tuple[int, zipfile.ZipInfo]]) -> None:
    problems = []
    for place, info in files:
        what = f"entry {place + 1}"
        if _ending(info) not in _KINDS:
            problems.append(f"{what} is a {_shown_ending(info)} file")
        if info.flag_bits & _ENCRYPTED:
            problems.append(f"{what} is encrypted")
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            problems.append(f"{what} is packed in a way that we do not read (method {info.compress_type})")
    if problems:
        advice = "A report is one or more .csv or .json files, stored or deflated. Check the saved report's format."
        raise ZipRefused(_first_few(problems), advice)


def _require_bounded(files: Sequence[tuple[int, zipfile.ZipInfo]], limits: ZipLimits) -> None:
    problems = []
    total = sum(info.file_size for _, info in files)
    if total > limits.unpacked_bytes:
        problems.append(f"it unpacks to {total:,} bytes, and we unpack at most {limits.unpacked_bytes:,}")
    for place, info in files:
        ratio = info.file_size / max(info.compress_size, 1)
        if info.file_size > limits.ratio_from_bytes and ratio > limits.ratio:
            problems.append(
                f"entry {place + 1} unpacks to {ratio:,.0f} times its size, and we take at most {limits.ratio}"
            )
    if problems:
        advice = "No report of claims is like that. Narrow the saved filter; if it stays, tell CollaborateMD's support."
        raise ZipRefused(_first_few(problems), advice)


def _require_apart(files: Sequence[zipfile.ZipInfo], directory_at: int) -> None:
    """Entries that share bytes unpack to far more than the file holds: the trick of a ZIP bomb."""
    ordered = sorted(files, key=lambda info: info.header_offset)
    ends = [info.header_offset + _LOCAL_HEADER_BYTES + info.compress_size for info in ordered]
    starts = [info.header_offset for info in ordered[1:]] + [directory_at]
    if any(end > start for end, start in zip(ends, starts, strict=False)):
        raise ZipDamaged("its entries overlap, or a part of it is missing")


def _ending(info: zipfile.ZipInfo) -> str:
    return PurePosixPath(info.filename.replace("\\", "/")).suffix.lower()


def _shown_ending(info: zipfile.ZipInfo) -> str:
    ending = _ending(info)
    return (
        ending if ending[1:].isascii() and ending[1:].isalnum() and len(ending) <= 8 else "nameless kind of"
    )


def _first_few(problems: Sequence[str], shown: int = 10) -> list[str]:
    more = [f"and {len(problems) - shown} more"] if len(problems) > shown else []
    return [*problems[:shown], *more]
