"""How a run that fails says so in the sync state, whichever door it came through.

What belongs here: which failures are told, and as what. Not here: counting attempts (`clients.sync_state`), nor what
follows from a failure (`due`).
"""

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager

import polars as pl

from claims_pipeline.clients.sync_state import SyncState
from claims_pipeline.errors import LeaseHeld, OlderThanCommitted, OutOfTime, TransientError
from claims_pipeline.sync.ready import CustomerPaused

_LOG = logging.getLogger(__name__)
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}", re.ASCII)


@contextmanager
def attempt_told(state: SyncState, customer: str) -> Iterator[None]:
    """What fails inside is kept by the name of its error, and raised on.

    Only a TransientError passes by itself; one that is none of ours does not. A run that found the customer held or
    paused, or a newer fetch committed, has failed at nothing that a person could mend; nor has one that goes on in
    another process, since its time is over. An interrupted run tells nothing, like a killed one.
    """
    try:
        yield
    except (LeaseHeld, CustomerPaused, OlderThanCommitted, OutOfTime):
        raise
    except (Exception, pl.exceptions.PanicException) as error:
        _tell(state, customer, error)
        raise


def _tell(state: SyncState, customer: str, error: BaseException) -> None:
    """Never raises: the run's own error is what people must see."""
    name = _NAME.search(type(error).__name__)
    try:
        state.record_failure(
            customer, name[0] if name else "Unexpected", passes=isinstance(error, TransientError)
        )
    except Exception as untold:  # noqa: BLE001 - whatever keeps us from telling must not hide what failed
        _LOG.warning(
            "How the run for customer %s failed could not be kept in the sync state (%s).",
            customer,
            type(untold).__name__,
        )
