"""What became of each record of an upsert, in one shape whichever way it went.

What belongs here: the outcome frame and its words. Not here: how it was found out (`collections_way`, `bulk_results`).
"""

from collections.abc import Iterable
from enum import StrEnum
from typing import NamedTuple

import polars as pl

OUTCOME_SCHEMA: dict[str, type[pl.String]] = {
    "key": pl.String,
    "salesforce_id": pl.String,
    "outcome": pl.String,
    "code": pl.String,
    "fields": pl.String,
}


class Outcome(StrEnum):
    """What became of a record. `unprocessed`: surely not written. `unknown`: perhaps written, no answer came."""

    CREATED = "created"
    UPDATED = "updated"
    REFUSED = "refused"
    UNPROCESSED = "unprocessed"
    UNKNOWN = "unknown"


class RowOutcome(NamedTuple):
    """One record's outcome; the columns of the outcome frame.

    `salesforce_id` stands beside `created` and `updated` alone: of a refused record only Bulk would tell it.
    """

    key: str
    salesforce_id: str | None
    outcome: Outcome
    code: str | None = None
    fields: str | None = None


def outcome_frame(rows: Iterable[RowOutcome]) -> pl.DataFrame:
    """Outcomes as a frame of text columns."""
    return pl.DataFrame([tuple(row) for row in rows], schema=OUTCOME_SCHEMA, orient="row")
