"""Invocation: one call of the function, from its settings to its answer.

What belongs here: the order: all customers are tried, what is left when the time is over is handed on, then all is
told, and only then raised. Not here: the steps of a sync, nor how each of these is done.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

import polars as pl

from claims_pipeline.alerts.payors import note_payors
from claims_pipeline.errors import ClaimsPipelineError, OutOfTime, TransientError, words_of
from claims_pipeline.lambda_door import metrics
from claims_pipeline.lambda_door.alerting import tell_alerts
from claims_pipeline.lambda_door.continuing import Continue, TooManyContinuations
from claims_pipeline.lambda_door.event import Event
from claims_pipeline.lambda_door.logs import Logs
from claims_pipeline.lambda_door.outcomes import Answer, Became, CustomerOutcome
from claims_pipeline.lambda_door.tracing import segment_of
from claims_pipeline.lambda_door.turns import Delivery, Turns
from claims_pipeline.settings import Customer, FilterKind, Settings
from claims_pipeline.sync.attempts import attempt_told
from claims_pipeline.sync.connections import REAL_TIME, Clocks, Connections, connect
from claims_pipeline.sync.going_on import go_on, was_committed
from claims_pipeline.sync.options import SyncOptions
from claims_pipeline.sync.payors.counting import count_waiting
from claims_pipeline.sync.payors.mapping import matcher_of, read_payor_mapping
from claims_pipeline.sync.payors.unmapped import unmapped_payors
from claims_pipeline.sync.ready import CustomerPaused
from claims_pipeline.sync.time_left import TimeLeft

_LARGEST_SHARE = 4


@dataclass(frozen=True)
class Asked:
    """An event on its way through one invocation: which request it came with, and how long that may last."""

    event: Event
    request_id: str
    seconds_left: float

    @property
    def delivery(self) -> Delivery:
        """Which event this is, whoever delivers it."""
        return Delivery.of_event(self.event, self.request_id)


def invoke(
    asked: Asked, settings: Settings, proceed: Continue, logs: Logs, clocks: Clocks = REAL_TIME
) -> Answer:
    """Deal with the event. Returns what became of each customer; raises for none of them."""
    margin = min(settings.on_lambda.stop_before_seconds, asked.seconds_left / _LARGEST_SHARE)
    time_left = TimeLeft(clocks.monotonic() + asked.seconds_left - margin, clocks.monotonic)
    watched = replace(clocks, sleep=time_left.waiting(clocks.sleep))
    with connect(settings, asked.delivery.run_of("all"), watched) as made:
        connections = replace(made, require_time=time_left.require)
        if not asked.event.dry_run:
            connections.state.ensure_table()
        work = _Work(asked, connections, time_left, Turns.begun(connections.state, asked.delivery), logs)
        answer = work.handed_on(work.tried(), proceed)
        if not asked.event.dry_run:
            work.measure(answer)
            work.alert(answer)
        return answer


@dataclass
class _Work:
    asked: Asked
    connections: Connections
    time_left: TimeLeft
    turns: Turns
    logs: Logs
    left: list[str] = field(default_factory=list)
    """Customers that are not done, since the time is over."""
    follows: bool = False
    """Whether a customer of this invocation is done, and with it what concerns all the org's claims."""

    def tried(self) -> list[CustomerOutcome]:
        """All customers, one after another; a failure does not hold the others."""
        outcomes = []
        for number in self._customers():
            outcome = None
            if not self.left and self.time_left.seconds > 0:
                outcome = self._one(number)
            if outcome is None:
                self.left.append(number)
            else:
                outcomes.append(outcome)
        return outcomes

    def _customers(self) -> tuple[str, ...]:
        event = self.asked.event
        if event.continuation is not None:
            return event.continuation.customers
        return event.customers or tuple(each.number for each in self.connections.settings.customers)

    def _one(self, number: str) -> CustomerOutcome | None:
        """None: its time was over. What fails is told here, and leaves by its name."""
        with self.logs.about(number), segment_of(number):
            try:
                outcome = self._in_turn(number)
            except OutOfTime as over:
                self.logs.say(str(over))
                return None
            except CustomerPaused as paused:
                self.logs.say(str(paused))
                return CustomerOutcome(number, Became.PAUSED)
            except (Exception, pl.exceptions.PanicException) as error:  # noqa: BLE001 - the other customers' turn comes
                self.logs.fail(words_of(error), error=type(error).__name__)
                return CustomerOutcome.failed(number, error)
            self.logs.say("done", result=outcome.as_facts())
            return outcome

    def _in_turn(self, number: str) -> CustomerOutcome:
        customer = self.connections.settings.customer(number)
        event = self.asked.event
        if not event.customers and event.full_sync and not customer.filters_of(FilterKind.FULL):
            return CustomerOutcome(number, Became.LEFT_OUT)
        if event.dry_run:
            return self._synced(customer)
        return self.turns.take(number, lambda: self._synced(customer))

    def _synced(self, customer: Customer) -> CustomerOutcome:
        event, number = self.asked.event, customer.number
        options = SyncOptions(event.kind, event.dry_run, goes_on=True, follows=self.follows)
        mine = self._as_run(number)
        if was_committed(customer, options, mine):
            return CustomerOutcome(number, Became.SERVED)
        if event.dry_run:
            return CustomerOutcome.synced(number, go_on(customer, options, mine, self.logs.say))
        with attempt_told(mine.state, number):
            whole = go_on(customer, options, mine, self.logs.say)
        self.follows = self.follows or whole.synced.payor_groups is not None
        return CustomerOutcome.synced(number, whole)

    def _as_run(self, number: str) -> Connections:
        """The same connections, for the run that brings this customer over in one or several invocations."""
        run = self.asked.delivery.run_of(number)
        return replace(self.connections, state=self.connections.state.owned_by(run), run=run)

    def handed_on(self, outcomes: list[CustomerOutcome], proceed: Continue) -> Answer:
        """Let the next invocation go on with what is left, or tell why none does."""
        asked, event = self.asked, self.asked.event
        count = None
        if self.left:
            try:
                count = self._continue(proceed)
                outcomes += [CustomerOutcome(each, Became.CONTINUED) for each in self.left]
            except ClaimsPipelineError as error:
                self.logs.fail(words_of(error), error=type(error).__name__, customers=self.left)
                outcomes += [self._not_continued(each, error) for each in self.left]
        return Answer(asked.request_id, event.full_sync, event.dry_run, tuple(outcomes), count)

    def _continue(self, proceed: Continue) -> int:
        """AWS first accepts the continuation; then this event is noted as dealt with. The other way round, what is
        left would be forgotten if we died between the two.
        """
        if self.asked.event.dry_run:
            raise OutOfTime(
                "A dry run leaves nothing behind that could be continued: ask for fewer customers."
            )
        most = self.connections.settings.on_lambda.most_continuations
        before = self.asked.delivery.count
        if before >= most:
            raise TooManyContinuations(most)
        proceed(self.asked.event.continued(self.asked.request_id, tuple(self.left)))
        for number in self.left:
            self.turns.note(number)
        self.logs.say("a continuation goes on", continuation=before + 1, customers=self.left)
        return before + 1

    def _not_continued(self, number: str, error: ClaimsPipelineError) -> CustomerOutcome:
        if not self.asked.event.dry_run:
            passes = isinstance(error, TransientError)
            self._quietly(
                "keep the failure",
                lambda: self._as_run(number).state.record_failure(
                    number, type(error).__name__, passes=passes
                ),
            )
        return CustomerOutcome.failed(number, error)

    def measure(self, answer: Answer) -> None:
        """Metrics, whatever failed before; that they cannot be told is told, and fails nothing."""
        numbers = [each.number for each in self.connections.settings.customers]
        unmapped: list[int | None] = [None]
        if any(each.became is Became.SYNCED for each in answer.outcomes):
            self._quietly("count the payors to map", lambda: unmapped.append(self._unmapped_payors()))
        self._quietly(
            "tell the metrics",
            lambda: metrics.emit(answer, unmapped[-1], self._last_success(numbers), self.connections.now()),
        )

    def _unmapped_payors(self) -> int | None:
        salesforce, now = self.connections.salesforce, self.connections.now()
        payors = read_payor_mapping(salesforce, now, self.connections.state.owner)
        counts = self.follows and not self.left  # what is left, the continuation does and counts
        groups = count_waiting(payors, self.connections).groups if counts else None
        found = unmapped_payors(salesforce, matcher_of(payors), now, groups)
        note_payors(self.connections.state, found, self.connections.settings.alerts)
        return found.rows if found.stamp.facts["listable"] else None

    def alert(self, answer: Answer) -> None:
        """Tell people what needs them; what cannot be told is logged, and tried again by the next invocation."""
        if self.connections.settings.alerts.to:
            self._quietly("tell the alerts", lambda: tell_alerts(answer, self.connections))

    def _last_success(self, numbers: list[str]) -> Mapping[str, datetime | None]:
        states = self.connections.state.read_many(numbers)
        return {number: states[number].last_success_at for number in numbers}

    def _quietly(self, what: str, act: Callable[[], object]) -> None:
        try:
            act()
        except (Exception, pl.exceptions.PanicException) as error:  # noqa: BLE001 - the sync itself is done
            self.logs.warn(f"Could not {what}: {words_of(error)}")
