"""A small org at a fixed hour, and its Bulk API called without HTTP.

What belongs here: what the tests of SOQL and Bulk start from. Not here: the app over TLS.
"""

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from claims_pipeline.sandbox.salesforce.bulk_api import BulkApi
from claims_pipeline.sandbox.salesforce.calls import Answer, ApiError, Call, Endpoint, Endpoints
from claims_pipeline.sandbox.salesforce.metadata import read_schema
from claims_pipeline.sandbox.salesforce.org import Org
from claims_pipeline.sandbox.salesforce.people import User
from claims_pipeline.sandbox.salesforce.soql import execute
from claims_pipeline.sandbox.salesforce.soql_errors import SoqlError

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)  # a Monday


def org_at_noon() -> Org:
    """An org with our objects and no records but its users'."""
    return Org(read_schema(), clock=lambda: NOW)


def integration(org: Org) -> User:
    """The user whom we are in the org."""
    return org.settings.users[0]


def insert(org: Org, object_name: str, *rows: Mapping[str, object]) -> list[str]:
    """Records made by the integration user; their ids."""
    results = org.insert(integration(org), object_name, rows)
    assert all(result.success for result in results), results
    return [str(result.id) for result in results]


def ask(org: Org, soql: str, **options: Any) -> list[dict[str, Any]]:
    """The records that a query finds, without their attributes."""
    records: list[dict[str, Any]] = list(execute(org, integration(org), soql, **options).records)
    return [_bare(record) for record in records]


def _bare(record: dict[str, Any]) -> dict[str, Any]:
    return {
        name: _bare(value) if isinstance(value, dict) and "attributes" in value else value
        for name, value in record.items()
        if name != "attributes"
    }


def refusal(org: Org, soql: str) -> SoqlError:
    """How the org refuses a query."""
    try:
        execute(org, integration(org), soql)
    except SoqlError as refused:
        return refused
    raise AssertionError(f"not refused: {soql}")


@dataclass
class Bulk:
    """The Bulk API, called as the app calls it."""

    org: Org
    api: BulkApi
    version: str = "59.0"

    def __post_init__(self) -> None:
        self.only(self.api.endpoints())

    def only(self, endpoints: Sequence[Endpoint]) -> None:
        """Have these endpoints and no others."""
        self._table = Endpoints(endpoints)

    def call(self, method: str, path: str, body: object = b"", **query: str) -> Answer:
        """One call; an ApiError comes back as the answer that it makes."""
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        try:
            handler, found = self._table.find(method, path)
            return handler(
                Call(
                    org=self.org,
                    user=integration(self.org),
                    version=self.version,
                    method=method,
                    path=found,
                    query=query,
                    headers={},
                    upload=io.BytesIO(raw),
                    base_url="https://localhost",
                )
            )
        except ApiError as refused:
            return refused.answer()

    def get(self, path: str, **query: str) -> dict[str, Any]:
        """A JSON answer."""
        body = self.call("GET", path, **query).body
        assert isinstance(body, dict), body
        return body

    def create(self, operation: str = "upsert", object_name: str = "Claim__c", **options: str) -> str:
        """An open ingest job's id."""
        if operation == "upsert":
            options.setdefault("externalIdFieldName", "Claim_Number__c")
        answer = self.call("POST", "jobs/ingest", {"object": object_name, "operation": operation, **options})
        assert answer.status == 200, answer.body
        assert isinstance(answer.body, dict)
        return str(answer.body["id"])

    def ingest(self, content: str | bytes, operation: str = "upsert", **options: str) -> str:
        """A job that was given this CSV and closed."""
        job = self.create(operation, **options)
        raw = content.encode() if isinstance(content, str) else content
        assert self.call("PUT", f"jobs/ingest/{job}/batches", raw).status == 201
        assert self.call("PATCH", f"jobs/ingest/{job}", {"state": "UploadComplete"}).status == 200
        return job

    def done(self, job: str, kind: str = "ingest") -> dict[str, Any]:
        """The job's info once it is finished."""
        while True:
            info = self.get(f"jobs/{kind}/{job}")
            if info["state"] in ("JobComplete", "Failed", "Aborted"):
                return info

    def text(self, job: str, results: str) -> str:
        """One of the results, as text."""
        return content_of(self.call("GET", f"jobs/ingest/{job}/{results}")).decode()

    def rows(self, job: str, results: str, *, delimiter: str = ",") -> list[dict[str, str]]:
        """One of the results, by header names."""
        return list(csv.DictReader(io.StringIO(self.text(job, results), newline=""), delimiter=delimiter))


def bulk_of(org: Org, folder: Path) -> Iterator[Bulk]:
    """The org's Bulk API, shut down at the end."""
    api = BulkApi(org, folder=folder)
    yield Bulk(org, api)
    api.shut_down()


def content_of(answer: Answer) -> bytes:
    """The bytes of an answer that is not JSON."""
    assert answer.content is not None, answer
    return answer.content if isinstance(answer.content, bytes) else b"".join(answer.content)
