"""Who is signed in: sessions with a lifetime, as SOAP login and the OAuth flows hand them out.

What belongs here: making, finding and ending sessions. Not here: how a user proves who he is (`sign_in`).
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from claims_pipeline.sandbox.salesforce.people import User

_JWT = "eyJ"
FIRST_VERSION_WITH_JWT_IN_SOAP = 68


@dataclass(frozen=True)
class Session:
    """One signed-in user, until `expires_at`."""

    token: str
    user: User
    expires_at: datetime
    only_to_set_password: bool = False

    @property
    def is_jwt(self) -> bool:
        """Whether the token is a JWT: good for REST, and for SOAP in late versions alone."""
        return self.token.startswith(_JWT)


class Sessions:
    """The sessions of one org. A token looks as Salesforce's do: `00D...!AQ...`."""

    def __init__(
        self,
        organization_id: str,
        *,
        clock: Callable[[], datetime],
        lifetime_seconds: int,
        new_secret: Callable[[], str],
    ) -> None:
        self._prefix = f"{organization_id[:15]}!AQ"
        self._clock, self._new_secret = clock, new_secret
        self.lifetime_seconds = lifetime_seconds
        self.jwt_tokens = False  # an option of the app: access tokens are JWTs
        self._sessions: dict[str, Session] = {}
        self._lock = threading.Lock()

    def open(self, user: User, *, only_to_set_password: bool = False, by_oauth: bool = False) -> Session:
        """Sign a user in."""
        prefix = f"{_JWT}0eXAiOiJKV1Qi." if by_oauth and self.jwt_tokens else self._prefix
        session = Session(
            token=prefix + self._new_secret(),
            user=user,
            expires_at=self._clock() + timedelta(seconds=self.lifetime_seconds),
            only_to_set_password=only_to_set_password,
        )
        with self._lock:
            self._sessions[session.token] = session
        return session

    def find(self, token: str) -> Session | None:
        """The session of a token, if it is still good. Use does not prolong it: clients must bear its end."""
        with self._lock:
            session = self._sessions.get(token)
            if session is None:
                return None
            if session.expires_at <= self._clock():
                del self._sessions[token]
                return None
            return session

    def close(self, token: str) -> bool:
        """End one session; whether there was one."""
        with self._lock:
            return self._sessions.pop(token, None) is not None

    def expire_all(self) -> int:
        """End every session, as an admin or the night does; how many there were."""
        with self._lock:
            ended = len(self._sessions)
            self._sessions.clear()
            return ended
