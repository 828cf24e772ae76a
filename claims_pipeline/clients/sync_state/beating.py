"""Moving a lease's version by a timer, while its owner waits for a report or reads a long answer.

What belongs here: the beat. Not here: what a beat writes (`lease`). A process that is stopped or frozen stops beating
too, so it is taken over as it should be.
"""

import logging
from collections.abc import Callable
from threading import Event, Thread

from claims_pipeline.clients.sync_state.lease import Lease
from claims_pipeline.errors import ClaimsPipelineError, LeaseLost

_LOG = logging.getLogger(__name__)


class Beat:
    """A thread that keeps a lease moving, from `start` to `stop`."""

    def __init__(self, lease: Lease) -> None:
        self._stop = Event()
        self._thread = Thread(
            target=keep_moving, args=(lease, self._stop.wait), name="lease-beat", daemon=True
        )

    def start(self) -> None:
        """Begin to beat."""
        self._thread.start()

    def stop(self) -> None:
        """End it; a beat that is under way is not waited for (giving the lease back does that)."""
        self._stop.set()


def keep_moving(lease: Lease, wait: Callable[[float], bool]) -> None:
    """Renew the lease after every `wait` that answers False; ends when it answers True, or the lease is lost."""
    while not wait(lease.beat_seconds):
        try:
            lease.renew()
        except LeaseLost:
            return  # the owner finds out at its next check
        except ClaimsPipelineError as error:
            _LOG.warning("A lease could not be renewed, which is tried again: %s", error)
