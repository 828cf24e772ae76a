"""Workers on one table, each with clocks of its own, and the wire between them and DynamoDB."""

import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.compat import HTTPHeaders
from botocore.exceptions import ConnectionClosedError
from botocore.httpsession import URLLib3Session

from claims_pipeline.clients.sync_state import Commit, FilterCommit, SyncState, connect
from claims_pipeline.sandbox.dynamodb import REGION, LocalDynamoDB
from claims_pipeline_tests.dynamodb_local import DynamoDBLocal

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

ORG = "00D5g000004Jq7XEAS"
NORTH, SOUTH, WEST = "10001001", "10001002", "10001003"
TERM = 100.0
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)

Server = LocalDynamoDB | DynamoDBLocal
Handler = Callable[[AWSPreparedRequest], AWSResponse | None]


class Wire:
    """boto3's requests on their way out: counted, and spoiled by script."""

    def __init__(self, client: "DynamoDBClient") -> None:
        self.client = client
        self.sent: list[str] = []
        self.asked: dict[str, list[dict[str, Any]]] = {}
        """What was sent, by operation."""
        self._script: dict[str, list[Handler]] = {}
        on_request: Any = self._on_request  # boto3-stubs know no handler that answers in the server's place
        client.meta.events.register("before-send.dynamodb.*", on_request)

    def lose_answer(self, operation: str, times: int = 1) -> None:
        """DynamoDB acts, and the connection breaks before we hear of it."""

        def act_and_break(request: AWSPreparedRequest) -> AWSResponse | None:
            session = URLLib3Session()
            session.send(request)
            session.close()
            raise ConnectionClosedError(endpoint_url=request.url)

        self._add(operation, act_and_break, times)

    def refuse(self, operation: str, code: str, times: int = 1, status: int = 400, **more: object) -> None:
        """DynamoDB does not act, and says why."""
        body = {"__type": f"com.amazonaws.dynamodb.v20120810#{code}", "message": "no", **more}
        self._add(operation, lambda request: answer(request, status, body), times)

    def tell(self, operation: str, body: object, times: int = 1) -> None:
        """Something else answers in DynamoDB's place."""
        self._add(operation, lambda request: answer(request, 200, body), times)

    def before(self, operation: str, act: Callable[[], object], times: int = 1) -> None:
        """Something happens between our decision and our write."""

        def act_first(request: AWSPreparedRequest) -> None:
            act()

        self._add(operation, act_first, times)

    def forget(self) -> None:
        """What was scripted and has not happened yet does not happen."""
        self._script.clear()

    def has_happened(self) -> bool:
        """All that was scripted."""
        return not any(self._script.values())

    def count(self, operation: str) -> int:
        return self.sent.count(operation)

    def _add(self, operation: str, handler: Handler, times: int) -> None:
        self._script.setdefault(operation, []).extend([handler] * times)

    def _on_request(self, request: AWSPreparedRequest, event_name: str, **_: object) -> AWSResponse | None:
        operation = event_name.rpartition(".")[2]
        self.sent.append(operation)
        self.asked.setdefault(operation, []).append(json.loads(request.body or b"{}"))
        script = self._script.get(operation)
        return script.pop(0)(request) if script else None


class _Body:
    def __init__(self, content: bytes) -> None:
        self._content = content

    def stream(self, *_: object, **__: object) -> list[bytes]:
        return [self._content]


def answer(request: AWSPreparedRequest, status: int, body: object) -> AWSResponse:
    return AWSResponse(request.url, status, HTTPHeaders(), _Body(json.dumps(body).encode()))


@dataclass
class Worker:
    """A run in a process of its own: its monotonic clock starts anywhere, its wall clock may be wrong."""

    table: "Table"
    owner: str
    monotonic_now: float = 0.0
    wall_is_off: timedelta = timedelta()
    lease_term_seconds: float = TERM
    beats_by_timer: bool = False
    slept: list[float] = field(default_factory=list)
    meanwhile: list[Callable[[], object]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.state = SyncState(
            self.table.name,
            client=self.table.wire.client,
            owner=self.owner,
            clock=self.clock,
            monotonic=lambda: self.monotonic_now,
            sleep=self.sleep,
            lease_term_seconds=self.lease_term_seconds,
            jitter=lambda: 0.5,
            beats_by_timer=self.beats_by_timer,
        )

    def clock(self) -> datetime:
        return NOON + self.wall_is_off + timedelta(seconds=self.monotonic_now)

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.monotonic_now += seconds
        if self.meanwhile:
            self.meanwhile.pop(0)()

    def while_it_sleeps(self, *acts: Callable[[], object]) -> None:
        """What others do while this one sleeps, one act a sleep."""
        self.meanwhile.extend(acts)

    def sync(self, customer: str, outcome: Commit, sequence: int | None = None) -> int:
        """A whole sync: sequence, lease, commit."""
        taken = self.state.next_sequence(customer) if sequence is None else sequence
        with self.state.lease(customer) as lease:
            self.state.commit(lease, taken, outcome)
        return taken


@dataclass
class Table:
    name: str
    wire: Wire
    url: str

    @classmethod
    def created(cls, url: str) -> "Table":
        table = cls(f"state-{uuid.uuid4().hex}", Wire(connect(REGION, url)), url)
        first = table.worker("first-run").state
        first.ensure_table()
        first.confirm_org(ORG)
        table.wire.sent.clear()
        return table

    def worker(self, owner: str, **more: Any) -> Worker:
        return Worker(self, owner, **more)

    def item(self, sync_id: str) -> dict[str, Any]:
        """As the operators' `aws dynamodb get-item` prints it."""
        found = self.wire.client.get_item(TableName=self.name, Key={"sync_id": {"S": sync_id}})
        return dict(found.get("Item", {}))


def outcome(records: int = 10, successes: int = 8, failures: int = 2, **more: Any) -> Commit:
    filters = more.pop("filters", (FilterCommit("4001", "5001", records, "ab" * 32),))
    return Commit(more.pop("organization_id", ORG), records, successes, failures, filters, **more)


DOLLARS = {"charged": Decimal("1234567.89"), "paid": Decimal("-0.10")}
