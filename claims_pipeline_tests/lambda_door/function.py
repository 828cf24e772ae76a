"""The function in this process: invoked as AWS would, against a town, with time that a test moves.

What belongs here: invoking, and keeping what was said and asked for. Not here: the built package under AWS's runtime
client (`packaging`), nor what must be true.
"""

import json
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from claims_pipeline.lambda_door.event import read_event
from claims_pipeline.lambda_door.invocation import Asked, invoke
from claims_pipeline.lambda_door.logs import Logs
from claims_pipeline.lambda_door.outcomes import Answer
from claims_pipeline.sync.connections import Clocks, open_state, read_settings
from claims_pipeline_tests.town import Town

LONG = 900.0
EVENT = {"full_sync": False}


@dataclass
class FakeTime:
    """A clock that only sleeping moves; something may happen at each sleep."""

    seconds: float = 0.0
    meanwhile: Callable[[], object] = lambda: None

    def monotonic(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        self.seconds += seconds
        self.meanwhile()


@dataclass
class Function:
    """The function over a town. `continuations`: the events that it asked AWS to invoke it with."""

    town: Town
    continuations: list[dict[str, Any]] = field(default_factory=list)
    refuse_continuation: Exception | None = None

    def invoke(
        self,
        event: Mapping[str, Any] = EVENT,
        request_id: str | None = None,
        *,
        seconds: float = LONG,
        clocks: Clocks | None = None,
    ) -> Answer:
        """One invocation. Only sleeping takes time, unless a test brings clocks."""
        time = FakeTime()
        request = request_id or str(uuid.uuid4())
        asked = Asked(read_event(json.loads(json.dumps(event))), request, seconds)
        settings = read_settings(self.town.environment)
        fake = Clocks(monotonic=time.monotonic, sleep=time.sleep)
        return invoke(asked, settings, self._proceed, Logs(request), clocks or fake)

    def go_on(self, **more: Any) -> Answer:
        """The oldest continuation that waits is delivered."""
        return self.invoke(self.continuations.pop(0), **more)

    def _proceed(self, event: Mapping[str, Any]) -> None:
        if self.refuse_continuation is not None:
            raise self.refuse_continuation
        self.continuations.append(dict(event))

    def state(self, customer: str) -> Any:
        return open_state(read_settings(self.town.environment), "a-test").read(customer)


def became(answer: Answer) -> dict[str, str]:
    """Customer -> what became of it."""
    return {each.customer: each.became.value for each in answer.outcomes}


@contextmanager
def held_jobs(town: Town) -> Iterator[None]:
    """The org lets Bulk jobs wait; afterwards it runs them to their end."""
    bulk = town.sandbox.bulk
    bulk.script.hold = True
    try:
        yield
    finally:
        bulk.release()
        for job in bulk.ingest.all():
            bulk.ingest.settle(job)
