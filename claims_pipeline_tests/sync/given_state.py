"""States of a customer, as Hypothesis and the tables of `test_due` make them.

What belongs here: states that the sync state can hold. Not here: what is judged of them.
"""

from datetime import UTC, datetime, timedelta

from hypothesis import strategies as st

from claims_pipeline.clients.sync_state import (
    Attempts,
    CustomerState,
    Doubt,
    Failure,
    Holder,
    Passes,
    Paused,
    SyncRequest,
)

CUSTOMER = "10001001"
NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
PAUSED = Paused("the practice moves house", NOW, "ada")
DOUBT = Doubt("4001", "5001", 3, 100, NOW)


def ago(**span: float) -> datetime:
    """An instant before NOW."""
    return NOW - timedelta(**span)


def failed(
    count: int, *, at: datetime = NOW, error: str | None = "ReportTimedOut", passes: bool = True
) -> Attempts:
    """So many failed attempts; without an error the last one was killed."""
    kind = Passes.BY_ITSELF if passes else Passes.NOT
    return Attempts(count, at, "run-1", None, None if error is None else Failure(error, kind, at))


_INSTANTS = st.timedeltas(timedelta(days=-400), timedelta(minutes=20)).map(lambda span: NOW + span)
_FAILURES = st.builds(Failure, st.just("ReportTimedOut"), st.sampled_from(Passes), _INSTANTS)
_ATTEMPTS = st.builds(
    Attempts,
    count=st.integers(0, 40),
    last_at=_INSTANTS,
    last_run=st.just("run-1"),
    failure=st.none() | _FAILURES,
)
STATES = st.builds(
    CustomerState,
    customer=st.just(CUSTOMER),
    last_success_at=st.none() | _INSTANTS,
    attempts=st.just(Attempts()) | _ATTEMPTS,
    request=st.none() | st.builds(SyncRequest, st.just("wish-1"), st.sampled_from([None, "recent", "full"])),
    holder=st.none() | st.builds(Holder, st.just("run-9"), st.none() | _INSTANTS, st.floats(0, 3600)),
    paused=st.none() | st.just(PAUSED),
    doubt=st.none() | st.just(DOUBT),
)
