"""A glance at a file of the report: its labels, and the shapes of what stands below them. For whoever sets one up.

What belongs here: looking at the first rows, whatever their columns. Not here: reading the file (`report`), nor what a
shape is (`cell_shapes`). Holds labels and shapes, never cells.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Literal

from claims_pipeline.claims.cell_shapes import shape_of
from claims_pipeline.claims.header import clean_label
from claims_pipeline.claims.reading.csv_records import CsvRecords
from claims_pipeline.claims.reading.encodings import Opener, detect_encoding
from claims_pipeline.claims.reading.json_records import JsonRecords
from claims_pipeline.claims.reading.refusals import EmptyFile

ROWS_LOOKED_AT = 1_000
MOST_SHAPES = 3


@dataclass(frozen=True)
class Glance:
    """`labels` as they stand in the file; `shapes`: column by column the most common ones, the commonest first."""

    labels: tuple[str, ...]
    shapes: tuple[tuple[str, ...], ...]


def glance_at(opener: Opener, kind: Literal["csv", "json"], file: int) -> Glance:
    """Looks at the first rows. Raises ReportError where they cannot be parted into cells."""
    with detect_encoding(opener).open(opener) as text:
        if kind == "csv":
            records: Iterator[list[str]] = iter(CsvRecords(text, file))
            labels = next((cells for cells in records if any(map(clean_label, cells))), None)
            if labels is None:
                raise EmptyFile(file)
            return _glance(labels, islice(records, ROWS_LOOKED_AT))
        objects = list(islice(JsonRecords(text, file), ROWS_LOOKED_AT))
    keys = list(dict.fromkeys(key for record in objects for key, _ in record))
    return _glance(keys, ([_text(dict(record).get(key)) for key in keys] for record in objects))


def _glance(labels: Sequence[str], rows: Iterable[Sequence[str]]) -> Glance:
    seen = [Counter[str]() for _ in labels]
    for row in rows:
        for cell, shapes in zip(row, seen, strict=False):  # a ragged row is told by the reading
            shapes[shape_of(cell)] += 1
    common = (tuple(shape for shape, _ in shapes.most_common(MOST_SHAPES)) for shapes in seen)
    return Glance(tuple(labels), tuple(common))


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
