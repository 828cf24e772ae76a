"""Which records did a call create whose answer was lost?

What belongs here: that one question. A repeated upsert says `updated` of what its lost first try had created.
"""

import logging
from collections.abc import Sequence
from datetime import datetime
from email.utils import parsedate_to_datetime

from claims_pipeline.clients.salesforce.connection import Connection
from claims_pipeline.clients.salesforce.describe import ObjectDescription
from claims_pipeline.clients.salesforce.reading import read_by_keys
from claims_pipeline.errors import ClaimsPipelineError

logger = logging.getLogger(__name__)


def created_since(
    connection: Connection, description: ObjectDescription, ids: Sequence[str], date: str | None
) -> frozenset[str]:
    """Those of `ids` that our own user created at or after Salesforce's own `date` (an HTTP Date header).

    Empty where Salesforce cannot say: the records stand either way, only the word for them is in doubt.
    """
    if not ids or date is None:
        return frozenset()
    try:
        since = parsedate_to_datetime(date)
        found = read_by_keys(
            connection, description, key="Id", keys=ids, fields=("Id", "CreatedDate", "CreatedById")
        )
    except (ClaimsPipelineError, ValueError) as error:
        logger.warning("cannot tell created from updated after a lost answer (%s)", type(error).__name__)
        return frozenset()
    return frozenset(
        record_id
        for record_id, created_at, created_by in found.iter_rows()
        if created_by == connection.identity.user_id and datetime.fromisoformat(created_at) >= since
    )
