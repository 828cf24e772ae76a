"""A signed-in line to one org: simple-salesforce over our session, with exactly one new sign-in when a session is lost.

What belongs here: lending out the signed-in client, uploading and downloading by it, and turning refusals into our
errors. Not here: what is asked (`reading`, `describe`, `writing`).
"""

import logging
from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

import requests
import simplejson
from simple_salesforce.api import Salesforce
from simple_salesforce.exceptions import SalesforceError
from simple_salesforce.util import exception_handler

from claims_pipeline.clients.salesforce.identity import OrgIdentity
from claims_pipeline.clients.salesforce.refusals import (
    AnotherOrgAnswers,
    SignInRefused,
    UnexpectedAnswer,
    error_of,
    read_errors,
)
from claims_pipeline.clients.salesforce.session import BeforeRepeat, SalesforceSession, TimedFile
from claims_pipeline.clients.salesforce.sign_in import SalesforceLogin, SignedIn, sign_in, warnings_of

logger = logging.getLogger(__name__)

Answer = TypeVar("Answer")

_TRANSFER_SECONDS = 3600


class Connection:
    """One org, one user, one session at a time. Nothing is sent before the first call. Not for several threads."""

    def __init__(
        self, login: SalesforceLogin, session: SalesforceSession, *, now: Callable[[], datetime]
    ) -> None:
        self.session = session
        self.login = login
        self._now = now
        self._signed_in: SignedIn | None = None
        self._organization_id: str | None = None
        self._salesforce: Salesforce | None = None
        self._renewed = False  # since a call last succeeded

    @property
    def identity(self) -> OrgIdentity:
        """Who we are; signs in if need be."""
        return self._open().identity

    def ask(
        self, what: str, act: Callable[[Salesforce], Answer], *, before_repeat: BeforeRepeat | None = None
    ) -> Answer:
        """What `act` brings home; `what` completes "Salesforce refused to ...".

        A session that is lost is renewed once and `act` repeated once. A session that no call has accepted since it
        was renewed is never renewed again: sign-in after sign-in would lock the user out.
        """
        while True:
            try:
                answer = act(self._client())
            except SalesforceError as refused:
                status, content = refused.status, refused.content
            except (ValueError, TypeError, KeyError):
                raise UnexpectedAnswer(f"Salesforce's answer cannot be read (asked to {what}).") from None
            else:
                self._renewed = False
                return answer
            if status != 401:
                raise error_of(what, status, content)
            self._renew(what, content)
            if before_repeat is not None:
                before_repeat()

    def call(
        self,
        what: str,
        method: str,
        path: str,
        *,
        body: object = None,
        before_repeat: BeforeRepeat | None = None,
        **kwargs: Any,
    ) -> Any:
        """One REST call below `/services/data/vXX.X/`, JSON both ways; Decimals are written and read exactly.

        `before_repeat` is asked before each repeat, be it for a failure that passes or for a lost session.
        """
        data = None if body is None else simplejson.dumps(body, use_decimal=True, ensure_ascii=False).encode()

        def act(salesforce: Salesforce) -> Any:
            return salesforce.restful(path, method=method, data=data, before_repeat=before_repeat, **kwargs)

        return self.ask(what, act, before_repeat=before_repeat)

    def download(
        self, what: str, path: str, to: Path, *, params: Mapping[str, str] | None = None
    ) -> Mapping[str, str]:
        """Streams a CSV answer to disk as it came, and returns the answer's headers."""

        def act(salesforce: Salesforce) -> Mapping[str, str]:
            response = self.session.request(
                "GET",
                salesforce.base_url + path,
                params=params,
                headers={"Authorization": f"Bearer {salesforce.session_id}", "Accept": "text/csv"},
                to_file=to,
                call_seconds=_TRANSFER_SECONDS,
            )
            return _good(response).headers

        return self.ask(what, act)

    def upload(self, what: str, path: str, file: Path, *, before_repeat: BeforeRepeat | None = None) -> None:
        """Streams a CSV file from disk by PUT. Not repeated but for a lost session: a part may have arrived."""

        def act(salesforce: Salesforce) -> None:
            deadline = self.session.clock() + _TRANSFER_SECONDS
            with file.open("rb") as opened:
                response = self.session.request(
                    "PUT",
                    salesforce.base_url + path,
                    data=TimedFile(opened, file.stat().st_size, deadline=deadline, clock=self.session.clock),
                    headers={
                        "Authorization": f"Bearer {salesforce.session_id}",
                        "Content-Type": "text/csv; charset=UTF-8",
                    },
                    call_seconds=_TRANSFER_SECONDS,
                )
            _good(response)

        self.ask(what, act, before_repeat=before_repeat)

    def close(self) -> None:
        """Drops the session's connections."""
        self.session.close()

    def _client(self) -> Salesforce:
        signed_in = self._open()
        if self._salesforce is None:
            self._salesforce = Salesforce(
                session_id=signed_in.session_id,
                instance_url=signed_in.identity.instance_url,
                session=self.session,
                version=self.login.version,
                parse_float=Decimal,
                object_pairs_hook=None,
            )
            self._salesforce.headers.pop("X-PrettyPrint", None)  # it only makes answers larger
        return self._salesforce

    def _open(self) -> SignedIn:
        if self._signed_in is None:
            for warning in warnings_of(self.login):
                logger.warning("%s", warning)
            found = sign_in(self.login, self.session, now=self._now)
            self._stay_with(found.identity.organization_id)
            self._signed_in = found
        return self._signed_in

    def _stay_with(self, organization_id: str) -> None:
        """What was found out about one org must never be written into another that took its place."""
        known, self._organization_id = self._organization_id, self._organization_id or organization_id
        if known not in (None, organization_id):
            raise AnotherOrgAnswers(known, organization_id)

    def _renew(self, what: str, content: object) -> None:
        if self._renewed or not any(error.is_dead_session for error in read_errors(content)):
            raise SignInRefused(
                f"Salesforce does not accept the session (HTTP 401, asked to {what}), freshly signed in as it is. "
                "Check that the user has API Enabled, and the org's session settings (lock to IP, opaque tokens)."
            )
        logger.info("the Salesforce session was lost; signing in again, once")
        self._renewed = True
        self._salesforce = None
        self._signed_in = None
        self._open()


def _good(response: requests.Response) -> requests.Response:
    if response.status_code >= 300:
        exception_handler(response)
    return response
