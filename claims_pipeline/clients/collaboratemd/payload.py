"""The report's ZIP, from base64 text to a file, piece by piece; proved whole before it takes its name.

What belongs here: base64, the bound on the size, and the proof that no end is missing. Not here: what is in the ZIP
(`storage.report_zip` opens it, bounds it, and checks the CRC of what it reads).
"""

import binascii
import os
import struct
import zipfile
from pathlib import Path
from typing import BinaryIO

from claims_pipeline.clients.collaboratemd.answers import MalformedAnswer

_BLANK = b" \t\r\n"


class ReportDownload:
    """A report on its way to disk: readable by its owner alone, under a temporary name until it is proved whole."""

    def __init__(self, to: Path, most_bytes: int) -> None:
        self._to = to
        self._part = to.with_name(to.name + ".part")
        self._most_bytes = most_bytes
        self._file: BinaryIO | None = None
        self._left_over = b""
        self._padded = False
        self.bytes_written = 0

    def write(self, text: bytes) -> None:
        """Take a piece of base64 text."""
        text = self._left_over + text.translate(None, _BLANK)
        whole = len(text) // 4 * 4
        self._left_over = text[whole:]
        if not whole:
            return
        if self._padded:
            raise MalformedAnswer("its Data goes on after the end of the base64 text")
        try:
            data = binascii.a2b_base64(text[:whole], strict_mode=True)
        except binascii.Error:
            raise MalformedAnswer("its Data is no base64 text") from None
        self._padded = text[whole - 1 : whole] == b"="
        self.bytes_written += len(data)
        if self.bytes_written > self._most_bytes:
            raise MalformedAnswer(
                f"its Data is larger than {self._most_bytes:,} bytes, the most that we take"
            )
        self._open().write(data)

    def finish(self) -> bool:
        """Prove the ZIP whole and give it its name. False: there was no data at all, and there is no file."""
        if self._left_over:
            raise MalformedAnswer("its Data ends in the middle of the base64 text")
        if self._file is None:
            return False
        self._file.close()
        _require_whole_zip(self._part)
        self._part.replace(self._to)
        return True

    def discard(self) -> None:
        """Leave nothing behind under the temporary name. Harmless after `finish`."""
        if self._file is not None:
            self._file.close()
        self._part.unlink(missing_ok=True)

    def _open(self) -> BinaryIO:
        if self._file is None:
            self._part.unlink(missing_ok=True)
            descriptor = os.open(self._part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            self._file = os.fdopen(descriptor, "wb")
        return self._file


def _require_whole_zip(path: Path) -> None:
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
            directory_at = archive.start_dir
    except (zipfile.BadZipFile, struct.error, ValueError, OSError, NotImplementedError, OverflowError):
        raise MalformedAnswer("its Data is no whole ZIP file") from None
    if any(entry.header_offset + entry.compress_size > directory_at for entry in entries):
        raise MalformedAnswer("its Data is a ZIP file with a part missing")
