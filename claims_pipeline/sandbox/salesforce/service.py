"""The REST API of one org, behind any web framework: version, session, quota, then the resource.

What belongs here: what every REST call goes through. Not here: any one resource, nor sockets and headers (`app`).
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import BinaryIO

from claims_pipeline.sandbox.salesforce import (
    collections,
    composite,
    queries,
    records,
    rest,
    versions,
)
from claims_pipeline.sandbox.salesforce.bulk_api import BulkApi
from claims_pipeline.sandbox.salesforce.calls import Answer, ApiError, Call, Endpoints, not_found
from claims_pipeline.sandbox.salesforce.org import Org
from claims_pipeline.sandbox.salesforce.people import User
from claims_pipeline.sandbox.salesforce.soql_errors import SoqlError

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class RestRequest:
    """A request below `/services/data/v`. `path` is what follows the version, still percent-encoded."""

    method: str
    version: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    upload: BinaryIO
    base_url: str


class RestService:
    """Answers REST requests; every answer tells the use of the day's quota, as `Sforce-Limit-Info`."""

    def __init__(self, org: Org, bulk: BulkApi) -> None:
        self._org = org
        others = [
            *rest.endpoints(),
            *records.endpoints(),
            *queries.endpoints(),
            *collections.endpoints(),
        ]
        self._table = Endpoints([*others, *composite.endpoints(others), *bulk.endpoints()])

    def answer(self, request: RestRequest) -> Answer:
        """One request's answer; nothing is raised."""
        try:
            answer = self._act(request)
        except ApiError as refused:
            answer = refused.answer()
        except SoqlError as refused:
            answer = ApiError(400, refused.code, refused.message).answer()
        except Exception:  # the last resort of a server: told in the log, and to the client
            logger.exception("The sandbox's Salesforce failed at %s %s", request.method, request.path)
            answer = ApiError(500, "UNKNOWN_EXCEPTION", "An unexpected error occurred.").answer()
        used = f"api-usage={self._org.api_requests_used}/{self._org.daily_api_requests}"
        return Answer(
            answer.status,
            answer.body,
            {"Sforce-Limit-Info": used, **answer.headers},
            answer.content,
            answer.media_type,
        )

    def _act(self, request: RestRequest) -> Answer:
        _refuse_version(request.version)
        user = self._signed_in(request.headers.get("authorization", ""))
        self._count()
        method = (
            request.query.get("_HttpMethod", request.method) if request.method == "POST" else request.method
        )
        handler, path = self._table.find(method.upper(), request.path)
        return handler(
            Call(
                org=self._org,
                user=user,
                version=request.version,
                method=method.upper(),
                path=path,
                query=request.query,
                headers=request.headers,
                upload=request.upload,
                base_url=request.base_url,
            )
        )

    def _signed_in(self, authorization: str) -> User:
        scheme, _, token = authorization.partition(" ")
        session = self._org.sessions.find(token.strip()) if scheme.lower() in ("bearer", "oauth") else None
        if session is None:
            raise ApiError(401, "INVALID_SESSION_ID", "Session expired or invalid")
        if session.only_to_set_password:
            message = (
                "The users password has expired, you must call SetPassword before attempting any other API "
                "operations"
            )
            raise ApiError(403, "INVALID_OPERATION_WITH_EXPIRED_PASSWORD", message)
        return session.user

    def _count(self) -> None:
        with self._org.lock:
            if self._org.api_requests_used >= self._org.daily_api_requests:
                raise ApiError(403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.")
            self._org.api_requests_used += 1


def _refuse_version(version: str) -> None:
    number = versions.number_of(version)
    if number is not None and 0 < number <= versions.LAST_RETIRED:
        message = f"The requested resource has been deprecated or removed: API version {version}"
        raise ApiError(410, "UNSUPPORTED_API_VERSION", message)
    if number is None or not versions.OLDEST <= number <= versions.NEWEST:
        raise not_found()
