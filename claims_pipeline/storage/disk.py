"""What goes wrong with the disk below the storage, told as what it is: by Python or by polars, which has no errno.

What belongs here: that translation. Not here: which files there are (`frames`, `buckets`).
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import polars as pl

from claims_pipeline.errors import DiskFailed

_OS_ERROR = re.compile(r"\(os error (\d+)\)")


@contextmanager
def disk_failures_told(folder: Path | str) -> Iterator[None]:
    """Raise DiskFailed for what is the disk's fault, in place of whatever tells of it; all else passes."""
    try:
        yield
    except OSError as error:
        if not DiskFailed.is_told_by(error.errno):
            raise
        raise DiskFailed(str(folder), error.errno) from None
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        found = _OS_ERROR.search(str(error))
        number = int(found[1]) if found else None
        if not DiskFailed.is_told_by(number):
            raise
        raise DiskFailed(str(folder), number) from None
