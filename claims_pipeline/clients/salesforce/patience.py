"""Patience: how a Bulk job is waited for.

What belongs here: when to look at a job again, and when to give it up. Not here: looking (`bulk_job`, `bulk_query`).
"""

from collections.abc import Callable
from dataclasses import dataclass

from claims_pipeline.clients.salesforce.session import SalesforceSession

_GROWTH = 1.25
_SHARE_OF_THE_WAIT = 1 / 11
_AT_LEAST_WAITED = 1.0
"""Seconds: a wait of less counts as so much, or the shortest settings would add looks without end."""


@dataclass(frozen=True)
class Patience:
    """The wait between two looks grows from `first_poll_seconds` to `longest_poll_seconds`.

    It is never less than an eleventh of the time waited so far: each look is a call of the org's daily quota, and a job
    of three hours is looked at some hundred times, whatever the settings say. A job that tells how far it is, is looked
    at when its pace says that it ends, where that is sooner.
    """

    first_poll_seconds: float = 1
    longest_poll_seconds: float = 30
    job_seconds: float = 6 * 3600


class Waiting:
    """One job that is waited for, since the moment (of the session's clock) at which it could begin."""

    def __init__(self, patience: Patience, session: SalesforceSession, since: float | None = None) -> None:
        self._patience, self._sleep = patience, session.sleep
        self._clock: Callable[[], float] = session.clock
        self._since = session.clock() if since is None else since
        self._interval = max(0.0, patience.first_poll_seconds - self._waited())
        self._seen: tuple[float, int] | None = None
        self._end: float | None = None

    def sleep(self) -> None:
        """Until the next look. A job that had its time already, while others were waited for, is looked at at once."""
        patience = self._patience
        left = self._interval if self._end is None else self._end - self._clock()
        self._sleep(min(self._interval, max(left, patience.first_poll_seconds)))
        self._end = None
        grown = max(self._interval, patience.first_poll_seconds) * _GROWTH
        share = max(self._waited(), _AT_LEAST_WAITED) * _SHARE_OF_THE_WAIT
        self._interval = max(min(grown, patience.longest_poll_seconds), share)

    def is_at(self, processed: int, rows: int) -> None:
        """How far the job was at the look just made. Its pace is that since the look before."""
        now = self._clock()
        if self._seen is not None and self._seen[1] < processed < rows:
            at, before = self._seen
            self._end = now + (now - at) / (processed - before) * (rows - processed)
        self._seen = (now, processed)

    @property
    def is_over(self) -> bool:
        """Whether the job had all the time that it may take."""
        return self._waited() > self._patience.job_seconds

    def _waited(self) -> float:
        return self._clock() - self._since
