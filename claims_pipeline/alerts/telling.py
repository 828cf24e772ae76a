"""Telling: from what looks found to messages that have left.

What belongs here: the order: first it is written down that a message is about to leave, by one conditional write, so
that of two who look at once one tells; then it is sent; then what was reached is written down. Whoever dies between
the two leaves a message that is sent again ten minutes later. Nothing here fails a sync: what could not be sent is
logged, and tried again with the next look.
"""

import logging
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from claims_pipeline.alerts.choosing import News, Telling, choose
from claims_pipeline.alerts.finding import Look
from claims_pipeline.alerts.kinds import AlertKind
from claims_pipeline.alerts.messages import Links, Message, message_of, message_of_many, well_message
from claims_pipeline.alerts.sending import Destination, NotSent, Send, destinations_of, send
from claims_pipeline.clients.sync_state import SyncState, ToldAlert
from claims_pipeline.settings import AlertRules, Settings

_LOG = logging.getLogger(__name__)
_MOST_CUSTOMERS = 200
"""Told of in one look; whoever is left is told of by the next."""
_MANY = 10
"""More customers with one event at once are told of in one message."""
_LONGEST_SECONDS = 25.0


@dataclass(frozen=True)
class Told:
    """What became of one look's messages."""

    messages: int = 0
    unsent: tuple[str, ...] = ()
    """Why, a line a destination."""


@dataclass(frozen=True)
class _Letter:
    """A message, to whom it goes, and of what it tells."""

    message: Message
    to: frozenset[str]
    of: tuple[tuple[str | None, AlertKind], ...]


@dataclass
class Teller:
    """Who tells. `names`: customer number -> its name."""

    state: SyncState
    rules: AlertRules
    names: Mapping[str, str]
    now: Callable[[], datetime]
    links: Links
    send: Send = send
    monotonic: Callable[[], float] = time.monotonic
    _broken: dict[str, str] = field(default_factory=dict)
    """Destination -> why it takes nothing: it is not tried again in this look."""

    @classmethod
    def of(
        cls, settings: Settings, state: SyncState, now: Callable[[], datetime], send: Send = send
    ) -> "Teller":
        """From the settings."""
        names = {each.number: each.name for each in settings.customers}
        return cls(state, settings.alerts, names, now, Links.of(settings.alerts), send)

    def tell(self, looks: Sequence[Look]) -> Told:
        """Tell what is news in these looks. Raises only what the sync state does."""
        began = self.monotonic()
        destinations = {each.id: each for each in destinations_of(self.rules.to)}
        if not destinations:
            return Told()
        claimed: list[tuple[Look, list[Telling]]] = []
        for look in looks:
            if len(claimed) >= _MOST_CUSTOMERS or self.monotonic() - began > _LONGEST_SECONDS / 2:
                break
            tellings = choose(look, list(destinations), self.now(), self.rules.again_after)
            if tellings and self._claimed(look, tellings):
                claimed.append((look, tellings))
        letters = self._letters(claimed)
        left: dict[tuple[str | None, AlertKind], set[str]] = defaultdict(set)
        sent = 0
        for letter in letters:
            in_time = self.monotonic() - began <= _LONGEST_SECONDS
            missed = self._sent(letter, destinations) if in_time else letter.to
            sent += bool(letter.to - missed)
            for each in letter.of:
                left[each] |= missed
        for look, tellings in claimed:
            self._delivered(look, tellings, left)
        return Told(sent, tuple(self._broken.values()))

    def _claimed(self, look: Look, tellings: Sequence[Telling]) -> bool:
        alerts = self._after(look, tellings, {}, is_sending=True)
        return self.state.keep_alerts(look.customer, alerts, moved=look.moved)

    def _delivered(
        self,
        look: Look,
        tellings: Sequence[Telling],
        left: Mapping[tuple[str | None, AlertKind], set[str]],
    ) -> None:
        alerts = self._after(look, tellings, left, is_sending=False)
        if not self.state.keep_alerts(look.customer, alerts, moved=look.moved + 1):
            _LOG.warning(
                "What was told of %s could not be kept: it may be told twice.", look.customer or "the org"
            )

    def _after(
        self,
        look: Look,
        tellings: Sequence[Telling],
        left: Mapping[tuple[str | None, AlertKind], set[str]],
        *,
        is_sending: bool,
    ) -> dict[str, ToldAlert]:
        """The item's alerts once these are told; a kind that is well, and known to be, is forgotten."""
        alerts = dict(look.told)
        for each in tellings:
            is_well = each.news is News.WELL
            before = look.told.get(each.kind)
            missed = tuple(sorted(each.to if is_sending else left.get((look.customer, each.kind), ())))
            if is_well and not missed:
                alerts.pop(each.kind, None)
                continue
            again = (
                before is not None and before.left and not before.is_well and set(each.to) <= set(before.left)
            )
            at = before.at if again and before is not None and not is_sending else self.now()
            alerts[each.kind] = ToldAlert(
                each.kind.value, at, each.sequence, each.marks, missed, is_sending, is_well
            )
        return alerts

    def _letters(self, claimed: Sequence[tuple[Look, list[Telling]]]) -> list[_Letter]:
        """One message an event and customer; one over all where very many have the same at once."""
        groups: dict[tuple[AlertKind, News], list[tuple[str | None, Telling]]] = defaultdict(list)
        for look, tellings in claimed:
            for each in tellings:
                if each.to:
                    groups[each.kind, each.news].append((look.customer, each))
        letters: list[_Letter] = []
        well: dict[str | None, list[Telling]] = defaultdict(list)
        for (kind, news), group in groups.items():
            if len(group) > _MANY:
                customers = [str(customer) for customer, _ in group]
                to = frozenset(each for _, telling in group for each in telling.to)
                message = message_of_many(customers, kind, news, self.links)
                letters.append(_Letter(message, to, tuple((customer, kind) for customer, _ in group)))
                continue
            for customer, telling in group:
                if news is News.WELL:
                    well[customer].append(telling)
                    continue
                message = message_of(customer, self._name(customer), telling, self.links)
                letters.append(_Letter(message, frozenset(telling.to), ((customer, kind),)))
        for customer, all_well in well.items():
            kinds = [each.kind for each in all_well]
            to = frozenset(each for telling in all_well for each in telling.to)
            message = well_message(customer, self._name(customer), kinds)
            letters.append(_Letter(message, to, tuple((customer, kind) for kind in kinds)))
        return letters

    def _name(self, customer: str | None) -> str | None:
        return self.names.get(customer) if customer is not None else None

    def _sent(self, letter: _Letter, destinations: Mapping[str, Destination]) -> frozenset[str]:
        """Send it; the destinations that it did not reach."""
        missed = set()
        for each in sorted(letter.to):
            if each in self._broken:
                missed.add(each)
                continue
            try:
                self.send(destinations[each], letter.message)
            except NotSent as error:
                self._broken[each] = str(error)
                _LOG.warning("An alert was not sent, and is tried again with the next look: %s", error)
                missed.add(each)
        return frozenset(missed)
