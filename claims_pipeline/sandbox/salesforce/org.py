"""The org: one Salesforce organisation in SQLite, with its users, its rules and its records.

What belongs here: the one object that every surface (REST, SOAP, SOQL, Bulk) stands on. Not here: HTTP, nor the rules
of one value (`validation`), nor how rows are written (`writing`).

How records are kept. One table an object, named as it is, one column a stored field (formulas are worked out when
read): text, ids, picklists, dates (`2026-01-05`) and instants (`2026-01-05T17:04:00.000Z`) as TEXT, numbers as REAL,
checkboxes as 0 and 1; no value is NULL, text is never empty. Text compares as Salesforce compares it, without regard to
case, through the SQL function `fold(text)`; every external id, unique and name field has an index on `fold("Field")`,
lookups on the column itself. Deleted records stay, with `"IsDeleted" = 1`.
"""

import sqlite3
import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path

from claims_pipeline.sandbox.salesforce.people import User
from claims_pipeline.sandbox.salesforce.rows import RowResult, Wire
from claims_pipeline.sandbox.salesforce.schema import ObjectSchema, OrgSchema

Row = Mapping[str, object]
"""Field name (in any case) -> value as it came. A field that is not in the row stays as it is; None clears it."""


class Org:
    """One organisation. All reading and writing goes through `connection`, held under `lock`."""

    schema: OrgSchema
    connection: sqlite3.Connection
    lock: threading.RLock

    def __init__(
        self, schema: OrgSchema, *, clock: Callable[[], datetime], database: Path | None = None
    ) -> None:
        raise NotImplementedError

    def now(self) -> datetime:
        """The org's clock, in UTC."""
        raise NotImplementedError

    def seen_by(self, user: User, object_name: str) -> ObjectSchema | None:
        """The object as this user sees it (hidden fields are missing); None if there is no such object for him."""
        raise NotImplementedError

    def insert(
        self,
        user: User,
        object_name: str,
        rows: Sequence[Row],
        *,
        wire: Wire = Wire.JSON,
        all_or_none: bool = False,
    ) -> list[RowResult]:
        """Create records in one transaction (at most ROWS_A_TRANSACTION rows); one result a row, in order."""
        raise NotImplementedError

    def update(
        self,
        user: User,
        object_name: str,
        rows: Sequence[Row],
        *,
        wire: Wire = Wire.JSON,
        all_or_none: bool = False,
    ) -> list[RowResult]:
        """Change records by their `Id` (15 or 18 characters), in one transaction."""
        raise NotImplementedError

    def upsert(
        self,
        user: User,
        object_name: str,
        key_field: str,
        rows: Sequence[Row],
        *,
        wire: Wire = Wire.JSON,
        all_or_none: bool = False,
    ) -> list[RowResult]:
        """Create or change records by an external id (or `Id`), in one transaction.

        The same key twice among the rows fails every row that has it; rows without a key get MISSING_ARGUMENT.
        Bulk hands over 200 rows at a time: empty cells left out, `#N/A` as None.
        """
        raise NotImplementedError

    def delete(
        self, user: User, object_name: str, record_ids: Sequence[str], *, all_or_none: bool = False
    ) -> list[RowResult]:
        """Send records to the bin, in one transaction."""
        raise NotImplementedError
