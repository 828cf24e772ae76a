"""The Metadata API: a zip is sent, and waited for, in version 66.0 whatever version data is spoken in.

What belongs here: deploying, asking after it, and what stands in the org. Not here: the XML (`envelopes`, `status`),
the zip (`package`), data (`assigning`).
"""

import random
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, NoReturn
from xml.etree import ElementTree

from simple_salesforce.api import Salesforce
from simple_salesforce.exceptions import SalesforceExpiredSession

from claims_pipeline.clients.salesforce.connection import Connection
from claims_pipeline.clients.salesforce.describe import ObjectDescription, describe
from claims_pipeline.clients.salesforce.identity import OrgIdentity
from claims_pipeline.clients.salesforce.metadata.assigning import PermissionSets
from claims_pipeline.clients.salesforce.metadata.envelopes import (
    DeployOptions,
    Fault,
    deploy_body,
    envelope,
    list_body,
    read_answer,
    status_body,
    text_of,
)
from claims_pipeline.clients.salesforce.metadata.package import API_VERSION
from claims_pipeline.clients.salesforce.metadata.scope import THE_PREDECESSORS, Standing
from claims_pipeline.clients.salesforce.metadata.status import DeployStatus, read_status
from claims_pipeline.clients.salesforce.patience import Patience, Waiting
from claims_pipeline.clients.salesforce.refusals import (
    LATER,
    ObjectMissing,
    RequestRefused,
    SalesforceUnavailable,
    UnexpectedAnswer,
    error_of,
)
from claims_pipeline.clients.salesforce.session import SalesforceSession, Timing
from claims_pipeline.clients.salesforce.sign_in import SalesforceLogin, warnings_of
from claims_pipeline.errors import PermanentError, TransientError

DEPLOY_PATIENCE = Patience(first_poll_seconds=1, longest_poll_seconds=15, job_seconds=3600)
_LOST_IN_A_ROW = 3

Told = Callable[[DeployStatus], None]


class MayNotDeploy(PermanentError):
    """The user who signed in may not change the org's metadata."""


class DeployedElsewhere(TransientError):
    """Whether the deployment began, or how it ended, could not be learnt: the org knows."""


class MetadataClient:
    """One org, one user. Nothing is sent before the first use. Not for several threads."""

    def __init__(
        self,
        login: SalesforceLogin,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        jitter: Callable[[], float] = random.random,
        timing: Timing | None = None,
        patience: Patience = DEPLOY_PATIENCE,
    ) -> None:
        self._login = login
        self._session = SalesforceSession(
            ca_bundle=login.ca_bundle, timing=timing, clock=clock, sleep=sleep, jitter=jitter
        )
        self._connection = Connection(login, self._session, now=now)
        self._patience = patience

    def sign_in(self) -> OrgIdentity:
        """Signs in (once) and says who we are."""
        return self._connection.identity

    @property
    def warnings(self) -> tuple[str, ...]:
        """What a person should know about how we sign in."""
        return warnings_of(self._login)

    @property
    def permission_sets(self) -> PermissionSets:
        """The org's permission sets and their assignments."""
        return PermissionSets(self._connection)

    def close(self) -> None:
        """Drops the connections."""
        self._connection.close()

    def describe(self, sobject: str) -> ObjectDescription | None:
        """The object as this user sees it; None where there is none for him."""
        try:
            return describe(self._connection, sobject)
        except ObjectMissing:
            return None

    def standing(self) -> Standing:
        """What the org has of the predecessor's, found among its metadata too: describe leaves out what is hidden."""
        seen = {name: self.describe(name) for name in THE_PREDECESSORS}
        listed = self.listed("CustomObject", "CustomField")
        there = {name for name, found in seen.items() if found is not None}
        there |= listed["CustomObject"] & set(THE_PREDECESSORS)
        described = [
            (f"{name}.{field.name}", field)
            for name, found in seen.items()
            for field in (() if found is None else found.fields.values())
        ]
        return Standing(
            objects=frozenset(there),
            fixed_fields=frozenset(name for name, field in described if not field.permissionable),
            fields=frozenset({name for name, _ in described} | listed["CustomField"]),
        )

    def listed(self, *types: str) -> dict[str, set[str]]:
        """The full names of everything of these types that the org has, whoever may see it."""
        results = self._call("listMetadata", list_body(types, API_VERSION), repeatable=True)
        found: dict[str, set[str]] = {name: set() for name in types}
        for result in results:
            found.setdefault(text_of(result, "type"), set()).add(text_of(result, "fullName"))
        return found

    def deploy(self, zipped: bytes, options: DeployOptions, *, tell: Told) -> DeployStatus:
        """Sends a zip and waits for its end; `tell` hears of every change. Raises DeployedElsewhere, MayNotDeploy."""
        return self._wait(self._start(zipped, options), tell)

    def _start(self, zipped: bytes, options: DeployOptions) -> str:
        try:
            results = self._call("deploy", deploy_body(zipped, options), repeatable=False)
        except (SalesforceUnavailable, UnexpectedAnswer):
            raise DeployedElsewhere(
                "No answer came to the package, so it may have been taken, or not. Look in Setup, Deployment Status; "
                "if it is not there, run the command again (deploying twice does no harm)."
            ) from None
        deployment_id = text_of(results[0], "id") if results else ""
        if not deployment_id:
            raise UnexpectedAnswer("Salesforce's answer to the package names no deployment.")
        return deployment_id

    def _wait(self, deployment_id: str, tell: Told) -> DeployStatus:
        """Asks, with growing waits, until it has ended."""
        waiting = Waiting(self._patience, self._session)
        lost, last = 0, None
        while True:
            try:
                status = self.status(deployment_id)
                lost = 0
            except (SalesforceUnavailable, UnexpectedAnswer):
                status, lost = None, lost + 1
                if lost >= _LOST_IN_A_ROW:
                    self._give_up(deployment_id, "is not told any more")
            if status is not None and status != last:
                tell(status)
                last = status
            if status is not None and status.done:
                return status
            if waiting.is_over:
                self._give_up(deployment_id, "takes longer than it was given")
            waiting.sleep()

    def _give_up(self, deployment_id: str, why: str) -> NoReturn:
        raise DeployedElsewhere(
            f"How deployment {deployment_id} ends {why}; it goes on in the org. Look in Setup, Deployment Status. "
            f"{LATER}"
        )

    def status(self, deployment_id: str) -> DeployStatus:
        """How a deployment stands now."""
        body = status_body(deployment_id, with_details=True)
        results = self._call("checkDeployStatus", body, repeatable=True)
        if not results:
            raise UnexpectedAnswer("Salesforce's answer about the deployment is empty.")
        return read_status(results[0])

    def _call(self, operation: str, body: str, *, repeatable: bool) -> list[ElementTree.Element]:
        """One call; a session that is lost is renewed once, as everywhere."""

        def act(salesforce: Salesforce) -> list[ElementTree.Element] | Fault:
            url = f"https://{salesforce.sf_instance}/services/Soap/m/{API_VERSION}"
            response = self._session.request(
                "POST",
                url,
                data=envelope(operation, body, salesforce.session_id),
                headers={"Content-Type": "text/xml; charset=UTF-8", "SOAPAction": operation},
                repeatable=repeatable,
            )
            answer = read_answer(response, operation)
            if isinstance(answer, Fault) and answer.code == "INVALID_SESSION_ID":
                told: Any = [{"errorCode": answer.code}]  # in the form of REST's, which `ask` knows
                raise SalesforceExpiredSession(url, 401, operation, told)
            return answer

        answer = self._connection.ask(operation, act)
        if isinstance(answer, Fault):
            self._refuse(operation, answer)
        return answer

    def _refuse(self, operation: str, fault: Fault) -> NoReturn:
        username = self._connection.identity.username
        if fault.code in ("INSUFFICIENT_ACCESS", "INSUFFICIENT_ACCESS_OR_READONLY"):
            raise MayNotDeploy(
                f"{username} may not change this org's metadata ({fault.code}). Deploying needs an admin: a user with "
                "Modify Metadata Through Metadata API Functions, Customize Application and Author Apex. Name one with "
                "--username; the integration user should not have these rights."
            )
        if fault.code in ("UNSUPPORTED_API_VERSION", "UNSUPPORTED_CLIENT"):
            raise RequestRefused(
                f"{operation} in API version {API_VERSION}: the org is of an older release", 500, ()
            )
        if fault.code == "LIMIT_EXCEEDED":
            raise RequestRefused(f"{operation}: the package is larger than an org takes", 500, ())
        raise error_of(operation, 400, [{"errorCode": fault.code, "message": fault.words}])
