"""Whether a user name, password and security token open the org, and the lock that wrong ones lead to.

What belongs here: judging a sign-in by password. Not here: the words of SOAP (`sign_in`), nor OAuth (`oauth`).
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum, auto

from claims_pipeline.sandbox.salesforce.people import User

ATTEMPTS_BEFORE_LOCK = 10
LOCKED_MINUTES = 15


class Verdict(Enum):
    """How a sign-in by password ends. A locked user hears the same as one with a wrong password."""

    OPEN = auto()
    OPEN_BUT_EXPIRED = auto()
    NEEDS_TOKEN = auto()
    REFUSED = auto()


@dataclass
class Doorkeeper:
    """Counts wrong passwords by user, and locks as Salesforce's default policy does."""

    clock: Callable[[], datetime]
    trusted_network: bool = False  # the caller's address is one that needs no security token
    restricted: bool = False  # the profile's login IP ranges leave the caller's address out
    _wrong: dict[str, int] = field(default_factory=dict)
    _locked_until: dict[str, datetime] = field(default_factory=dict)

    def judge(self, user: User | None, password: str) -> Verdict:
        """One attempt; `password` holds the security token at its end, where one is needed."""
        if self.restricted or user is None or not user.active or self._is_locked(user):
            return Verdict.REFUSED
        if password == user.password + user.security_token or (
            self.trusted_network and password == user.password
        ):
            self._wrong.pop(user.id, None)
            return Verdict.OPEN_BUT_EXPIRED if user.password_expired else Verdict.OPEN
        if password == user.password:
            return Verdict.NEEDS_TOKEN
        self._count_wrong(user)
        return Verdict.REFUSED

    def unlock(self) -> None:
        """Forget every wrong attempt."""
        self._wrong.clear()
        self._locked_until.clear()

    def _is_locked(self, user: User) -> bool:
        until = self._locked_until.get(user.id)
        return until is not None and until > self.clock()

    def _count_wrong(self, user: User) -> None:
        self._wrong[user.id] = self._wrong.get(user.id, 0) + 1
        if self._wrong[user.id] >= ATTEMPTS_BEFORE_LOCK:
            self._wrong[user.id] = 0
            self._locked_until[user.id] = self.clock() + timedelta(minutes=LOCKED_MINUTES)
