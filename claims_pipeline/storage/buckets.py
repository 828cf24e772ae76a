"""Hash buckets and slices on disk: how a book of claims is worked through without being held.

What belongs here: cutting frames into files and handing them back a bucket at a time. Not here: what is done to a
bucket. The hash is polars' own: it is not promised to be stable over versions, so buckets live within one step.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

import polars as pl

ROWS_A_BUCKET = 25_000

_NUMBER = "bucket_number"


def bucket_count(rows: int) -> int:
    """How many buckets keep each at about `ROWS_A_BUCKET` rows."""
    return rows // ROWS_A_BUCKET + 1


class PartWriter:
    """Frames written as numbered parquet parts of one folder, scanned together afterwards.

    Not packed: parts are read once and thrown away. (Arrow's own form is no faster to write and read, and is mapped
    into memory: up to 170 MiB more.)
    """

    def __init__(self, folder: Path, schema: pl.Schema | None = None) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._folder = folder
        self._schema = schema
        self.rows = 0
        self.parts: list[Path] = []

    def write(self, frame: pl.DataFrame) -> None:
        """Add one part; of an empty frame only the schema is kept."""
        self._schema = self._schema or frame.schema
        if frame.is_empty():
            return
        path = self._folder / f"{len(self.parts):06d}.parquet"
        frame.write_parquet(path, compression="uncompressed", statistics=False)
        self.parts.append(path)
        self.rows += frame.height

    def scan(self) -> pl.LazyFrame:
        """All parts as one lazy frame, in the order written."""
        if not self.parts:
            return pl.LazyFrame(schema=self._schema or {})
        return pl.scan_parquet(self.parts)

    def slices(self) -> Iterator[pl.DataFrame]:
        """The parts, one at a time."""
        for path in self.parts:
            yield pl.read_parquet(path)


class Buckets:
    """Rows cut by the hash of `key`: all rows of one key stand in one bucket. A null key is a key like another."""

    def __init__(self, folder: Path, key: str, count: int, schema: pl.Schema | None = None) -> None:
        self._key = key
        self.count = count
        self._writers = [PartWriter(folder / f"bucket-{number:04d}", schema) for number in range(count)]

    def fill(self, slices: Iterable[pl.DataFrame]) -> None:
        """Cut each slice into the buckets."""
        for frame in slices:
            self.add(frame)

    def add(self, frame: pl.DataFrame) -> None:
        """Cut one slice and write its rows into their buckets."""
        if self.count == 1:
            self._writers[0].write(frame)
            return
        numbers = (frame.get_column(self._key).hash(seed=0) % self.count).alias(_NUMBER)
        parts = frame.with_columns(numbers).partition_by(
            _NUMBER, as_dict=True, include_key=False, maintain_order=True
        )
        for number, writer in enumerate(self._writers):
            writer.write(parts.get((number,), frame.clear()))

    def put(self, number: int, frame: pl.DataFrame) -> None:
        """Add to one bucket rows that belong there: those of a bucket that was cut by the same key."""
        self._writers[number].write(frame)

    def read(self, number: int) -> pl.DataFrame:
        """One bucket, whole, in memory."""
        return self._writers[number].scan().collect()

    def scan(self) -> pl.LazyFrame:
        """All buckets as one lazy frame."""
        return pl.concat([writer.scan() for writer in self._writers])

    def __iter__(self) -> Iterator[pl.DataFrame]:
        return (self.read(number) for number in range(self.count))
