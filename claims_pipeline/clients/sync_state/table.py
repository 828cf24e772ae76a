"""The table itself: one call to it, with its errors told apart.

What belongs here: calls, retries, and the words for what went wrong. Not here: what stands in an item, nor making the
client (`connecting`) and the table (`creating`).
"""

import random
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from botocore import exceptions as aws

from claims_pipeline.clients.sync_state.items import to_wire
from claims_pipeline.clients.sync_state.whole_answers import NOT_DYNAMODB, NOT_WHOLE
from claims_pipeline.errors import PermanentError, TransientError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

KEY: Final = "sync_id"
_CONFLICTS = ("TransactionConflictException", "TransactionInProgressException")
_CONFLICT_REASONS = frozenset({"TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"})
_NO_RIGHTS = ("AccessDeniedException", "NotAuthorized")
_BAD_CREDENTIALS = (
    "ExpiredTokenException",
    "IncompleteSignature",
    "InvalidSignatureException",
    "MissingAuthenticationTokenException",
    "UnrecognizedClientException",
)
_PASSING = (
    "InternalServerError",
    "LimitExceededException",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    NOT_WHOLE,
    "ResourceInUseException",
    "ServiceUnavailable",
    "ThrottlingException",
)
_CODE = re.compile(r"[A-Za-z]{3,60}|[0-9]{3}")
_CONFLICT_ATTEMPTS = 10
_KEYS_A_CALL = 100


class StateUnavailable(TransientError):
    """DynamoDB does not answer, or not now."""


class StateAccessDenied(PermanentError):
    """The credentials may not do what the sync state needs."""


class StateTableMissing(PermanentError):
    """There is no such table."""


class StateTableWrong(PermanentError):
    """A table of this name is there and is another's."""


class ConditionFailed(Exception):
    """A conditional write was refused: an answer, and caught within this room.

    `items`: what stood there, by place in the transaction, in DynamoDB's JSON (empty: no item).
    """

    def __init__(self, items: Mapping[int, Mapping[str, Any]]) -> None:
        super().__init__("a condition of a write to the sync state does not hold")
        self.items = items

    @property
    def item(self) -> Mapping[str, Any]:
        """Of a write to one item."""
        return self.items.get(0, {})


@dataclass(frozen=True)
class Change:
    """A conditional update of one item.

    In the expressions `#name` is the attribute of that name (or of `names`), and `:value` stands in `values`.
    """

    sync_id: str
    update: str
    condition: str
    values: Mapping[str, object]
    names: Mapping[str, str] = field(default_factory=dict)

    def parameters(self, table: str) -> dict[str, Any]:
        """As boto3 takes them, for an update alone or within a transaction."""
        return {
            "TableName": table,
            "Key": key(self.sync_id),
            "UpdateExpression": self.update,
            "ConditionExpression": self.condition,
            "ExpressionAttributeNames": _names(f"{self.update} {self.condition}") | dict(self.names),
            "ExpressionAttributeValues": {f":{name}": to_wire(value) for name, value in self.values.items()},
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }


class StateTable:
    """Calls to one table. Throttling and lost connections are boto3's to retry, conflicting transactions ours."""

    def __init__(
        self,
        name: str,
        *,
        client: "DynamoDBClient",
        sleep: Callable[[float], None],
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self.name = name
        self._client = client
        self.sleep = sleep
        self._jitter = jitter

    def get(self, sync_id: str, *attributes: str) -> Mapping[str, Any]:
        """An item as it stands now (empty: none), or some of its attributes."""
        some: dict[str, Any] = {}
        if attributes:
            wanted = ", ".join(f"#{name}" for name in attributes)
            some = {"ProjectionExpression": wanted, "ExpressionAttributeNames": _names(wanted)}
        answer = self.call("get_item", TableName=self.name, Key=key(sync_id), ConsistentRead=True, **some)
        item: Mapping[str, Any] = answer.get("Item", {})
        return item

    def get_many(self, sync_ids: Sequence[str], attributes: Sequence[str]) -> dict[str, Mapping[str, Any]]:
        """Some attributes of several items as they stand now, by their keys; an item that is not there is left out."""
        found: dict[str, Mapping[str, Any]] = {}
        wanted = ", ".join(f"#{name}" for name in (KEY, *attributes))
        for first in range(0, len(sync_ids), _KEYS_A_CALL):
            request: dict[str, Any] = {
                self.name: {
                    "Keys": [key(sync_id) for sync_id in sync_ids[first : first + _KEYS_A_CALL]],
                    "ProjectionExpression": wanted,
                    "ExpressionAttributeNames": _names(wanted),
                    "ConsistentRead": True,
                }
            }
            for attempt in range(_CONFLICT_ATTEMPTS):
                answer = self.call("batch_get_item", RequestItems=request)
                found |= {item[KEY]["S"]: item for item in answer["Responses"].get(self.name, ())}
                request = answer.get("UnprocessedKeys", {})
                if not request:
                    break
                self.sleep(self._pause_seconds(attempt))
            else:
                raise StateUnavailable(
                    f"DynamoDB kept leaving items of the table {self.name} unread; run again later."
                )
        return found

    def update(self, change: "Change") -> None:
        """A conditional update. ConditionFailed holds the item as it stood."""
        self.call("update_item", **change.parameters(self.name))

    def update_and_read(self, change: "Change") -> Mapping[str, Any]:
        """The same, and the item after it."""
        answer = self.call("update_item", ReturnValues="ALL_NEW", **change.parameters(self.name))
        item: Mapping[str, Any] = answer.get("Attributes", {})
        return item

    def update_together(self, changes: tuple["Change", ...], token: str) -> None:
        """All the changes or none. `token`: the same for a repetition of the same changes."""
        items = [{"Update": change.parameters(self.name)} for change in changes]
        self.call("transact_write_items", TransactItems=items, ClientRequestToken=token)

    def call(self, operation: str, **parameters: Any) -> dict[str, Any]:
        """One operation of boto3's client, with conflicts retried and every error translated."""
        for attempt in range(_CONFLICT_ATTEMPTS):
            try:
                answer: dict[str, Any] = getattr(self._client, operation)(**parameters)
            except aws.ClientError as error:
                if not _is_conflict(error.response):
                    raise self._translated(operation, error.response) from None
                self.sleep(self._pause_seconds(attempt))
            except (aws.HTTPClientError, aws.ConnectionError) as error:
                raise StateUnavailable(
                    f"DynamoDB (table {self.name}) gave no answer to {operation} ({type(error).__name__}): run "
                    "again later."
                ) from None
            except aws.BotoCoreError as error:
                raise StateAccessDenied(
                    f"boto3 has no way to the DynamoDB table {self.name} ({type(error).__name__}): give this process a "
                    "role, or mend AWS's own settings (region, profile, keys)."
                ) from None
            else:
                if "Error" in answer:
                    raise self._translated(operation, answer)
                return answer
        raise StateUnavailable(
            f"Other writes kept colliding with {operation} on the DynamoDB table {self.name}; run again later."
        )

    def _pause_seconds(self, attempt: int) -> float:
        return float(min(0.02 * 2**attempt, 1.0) * (0.5 + self._jitter() / 2))

    def _translated(self, operation: str, response: Mapping[str, Any]) -> Exception:
        code = _code_of(response)
        if code in ("ConditionalCheckFailedException", "TransactionCanceledException"):
            return _failed_condition(response)
        if code == "ResourceNotFoundException":
            return StateTableMissing(
                f"The DynamoDB table {self.name} does not exist (in this account and region): a first run by a person "
                "with the right dynamodb:CreateTable creates it, or check DYNAMODB_TABLE_NAME and AWS_REGION."
            )
        if code in _NO_RIGHTS:
            return StateAccessDenied(
                f"AWS refuses {operation} on the DynamoDB table {self.name}: the role needs dynamodb:GetItem, "
                "BatchGetItem, PutItem, UpdateItem and DescribeTable on it."
            )
        if code in _BAD_CREDENTIALS:
            return StateAccessDenied(
                f"AWS does not accept the credentials ({code}) for the DynamoDB table {self.name}: renew them."
            )
        status = response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        if code in _PASSING or status >= 500 or status == 429:
            return StateUnavailable(
                f"DynamoDB cannot do {operation} on {self.name} now ({code}); run again later."
            )
        if code == NOT_DYNAMODB:
            return StateAccessDenied(
                f"Something else than DynamoDB answers to {operation} on {self.name} (HTTP {status}): check "
                "DYNAMODB_ENDPOINT_URL, AWS_REGION, and any proxy on the way."
            )
        return StateTableWrong(
            f"DynamoDB refuses {operation} on the table {self.name} ({code}): it should have the partition key "
            f"{KEY} (String) and no sort key, and hold nothing but the sync state."
        )


def _code_of(response: Mapping[str, Any]) -> str:
    """The error's code, if it looks like one: never a text of somebody else's."""
    code = response.get("Error", {}).get("Code")
    return code if isinstance(code, str) and _CODE.fullmatch(code) else "no code that we know"


def key(sync_id: str) -> dict[str, Any]:
    """The key of an item."""
    return {KEY: {"S": sync_id}}


def _names(expression: str) -> dict[str, str]:
    return {placeholder: placeholder[1:] for placeholder in re.findall(r"#\w+", expression)}


def _is_conflict(response: Mapping[str, Any]) -> bool:
    if response.get("Error", {}).get("Code") in _CONFLICTS:
        return True
    codes = {reason.get("Code") for reason in response.get("CancellationReasons", ())}
    return bool(codes & _CONFLICT_REASONS) and "ConditionalCheckFailed" not in codes


def _failed_condition(response: Mapping[str, Any]) -> Exception:
    reasons = response.get("CancellationReasons")
    if reasons is None:
        return ConditionFailed({0: response.get("Item", {})})
    failed = {
        place: reason.get("Item", {})
        for place, reason in enumerate(reasons)
        if reason.get("Code") == "ConditionalCheckFailed"
    }
    if failed:
        return ConditionFailed(failed)
    codes = ", ".join(sorted({str(reason.get("Code")) for reason in reasons} - {"None"}))
    return StateTableWrong(f"DynamoDB cancelled a transaction for another reason than ours ({codes}).")
