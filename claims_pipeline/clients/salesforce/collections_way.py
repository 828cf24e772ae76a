"""Small changes: upserts by sObject Collections, at most 200 records a call.

What belongs here: batches, results by position, and repeating what passes. An upsert by external id of the same
values may be repeated after a lost answer: it leaves the same org. Not here: when this way is taken (`writing`).
"""

import logging
from collections.abc import Callable, Sequence
from typing import Any

import polars as pl

from claims_pipeline.clients.salesforce.connection import Connection
from claims_pipeline.clients.salesforce.creation import created_since
from claims_pipeline.clients.salesforce.describe import ObjectDescription
from claims_pipeline.clients.salesforce.outcomes import Outcome, RowOutcome, outcome_frame
from claims_pipeline.clients.salesforce.payload import fold_key, one_line, records_of, refuse_duplicates
from claims_pipeline.clients.salesforce.refusals import (
    PASSING_CODES,
    UNREADABLE,
    RequestRefused,
    SalesforceUnavailable,
    UnexpectedAnswer,
    row_error_of_collections,
)
from claims_pipeline.errors import DeadlineExceeded

logger = logging.getLogger(__name__)

MOST_RECORDS = 200
_ROUNDS = 4
_OF_THE_WHOLE_CALL = frozenset({"INVALID_FIELD", "INVALID_FIELD_FOR_INSERT_UPDATE", "INVALID_TYPE"})
"""Codes of a refused call that are true of every record in it; others are one record's, found by halving."""

Record = dict[str, Any]


class CollectionsWay:
    """Upserts records of one object by one external id. Once an answer is lost for good, nothing more is sent.

    `before_batch` is asked before each call and each repeat of one: while we waited, another may have taken over.
    """

    def __init__(
        self,
        connection: Connection,
        description: ObjectDescription,
        key: str,
        *,
        batch_size: int = MOST_RECORDS,
        before_batch: Callable[[], None] | None = None,
    ) -> None:
        self._connection = connection
        self._description = description
        self._key = key
        self._batch_size = max(1, min(batch_size, MOST_RECORDS))
        self._before_batch = before_batch or (lambda: None)
        self._is_lost = False

    def send(self, payload: pl.DataFrame) -> pl.DataFrame:
        """One outcome a row, in the rows' order."""
        rows = one_line(payload)
        refuse_duplicates(rows.select(folded=fold_key(pl.col(self._key))))
        outcomes: list[RowOutcome] = []
        for batch in rows.iter_slices(self._batch_size):
            records = records_of(batch, self._description)
            outcomes += self._unsent(records) if self._is_lost else self._settle(records)
        return outcome_frame(outcomes)

    def _settle(self, records: Sequence[Record]) -> list[RowOutcome]:
        """Sends a batch, and what passes of it again, a few times, a little later each time."""
        settled = self._send(records)
        for attempt in range(1, _ROUNDS):
            again = [place for place, row in enumerate(settled) if row.code in PASSING_CODES]
            if not again or self._is_lost:
                break
            session = self._connection.session
            session.sleep(session.timing.wait_seconds(attempt, session.jitter()))
            for place, row in zip(again, self._send([records[place] for place in again]), strict=True):
                settled[place] = row
        return settled

    def _send(self, records: Sequence[Record]) -> list[RowOutcome]:
        self._before_batch()
        session = self._connection.session
        lost, date = session.answers_lost, session.server_date
        try:
            told = self._call(records)
        except (SalesforceUnavailable, UnexpectedAnswer, DeadlineExceeded) as error:
            logger.warning("%d record(s) have no answer: %s", len(records), error)
            self._is_lost = True
            return [RowOutcome(record[self._key], None, Outcome.UNKNOWN) for record in records]
        except RequestRefused as refused:
            return self._after_refusal(records, refused)
        outcomes = [self._outcome(record, row) for record, row in zip(records, told, strict=True)]
        if session.answers_lost > lost:
            return self._with_creations(outcomes, date)
        return outcomes

    def _call(self, records: Sequence[Record]) -> list[Any]:
        name = self._description.name
        told = self._connection.call(
            f"upsert {name}",
            "PATCH",
            f"composite/sobjects/{name}/{self._key}",
            body={"allOrNone": False, "records": list(records)},
            repeatable=True,
            before_repeat=self._before_batch,
        )
        if not isinstance(told, list) or len(told) != len(records):
            raise UnexpectedAnswer(f"Salesforce did not answer for each of the {len(records)} records sent.")
        return told

    def _after_refusal(self, records: Sequence[Record], refused: RequestRefused) -> list[RowOutcome]:
        """A whole call is refused for one record in it: halve, until it stands alone.

        An answer that is none of Salesforce's (a proxy's page) says nothing of any record.
        """
        if refused.status != 400 or not refused.errors or refused.errors[0].code == UNREADABLE:
            raise refused
        error = refused.errors[0]
        if len(records) == 1 or error.code in _OF_THE_WHOLE_CALL:
            fields = ",".join(error.fields) or None
            return [
                RowOutcome(record[self._key], None, Outcome.REFUSED, error.code, fields) for record in records
            ]
        middle = len(records) // 2
        first = self._send(records[:middle])
        rest = records[middle:]
        return first + (self._unsent(rest) if self._is_lost else self._send(rest))

    def _outcome(self, record: Record, told: Any) -> RowOutcome:
        key, row = record[self._key], told if isinstance(told, dict) else {}
        record_id = row.get("id") if isinstance(row.get("id"), str) else None
        if row.get("success") is True and record_id:
            return RowOutcome(key, record_id, Outcome.CREATED if row.get("created") else Outcome.UPDATED)
        error = row_error_of_collections(row.get("errors"), sent=record, key=self._key)
        return RowOutcome(key, None, Outcome.REFUSED, error.code, error.fields)

    def _unsent(self, records: Sequence[Record]) -> list[RowOutcome]:
        return [RowOutcome(record[self._key], None, Outcome.UNPROCESSED) for record in records]

    def _with_creations(self, outcomes: list[RowOutcome], date: str | None) -> list[RowOutcome]:
        """After a lost answer: what the repeat only updated, but the lost call had created, was created."""
        updated = [
            row.salesforce_id for row in outcomes if row.outcome is Outcome.UPDATED and row.salesforce_id
        ]
        created = created_since(self._connection, self._description, updated, date)
        return [
            row._replace(outcome=Outcome.CREATED) if row.salesforce_id in created else row for row in outcomes
        ]
