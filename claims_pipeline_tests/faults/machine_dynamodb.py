"""One DynamoDB table in memory, behind the methods of boto3's client that the sync state uses.

What belongs here: items, conditional writes and transactions as DynamoDB answers them. moto does the same a hundred
times slower; `test_state_machine_parts` proves that both answer alike. A method that is not here raises.
"""

from collections.abc import Callable, Mapping
from copy import deepcopy
from typing import Any

from botocore.exceptions import ClientError

from claims_pipeline_tests.faults.machine_expressions import Expression, Item

Effect = Callable[[str, Callable[[], Any]], Any]
"""Does what acts on the world, or not: the wire's way to crash before and after."""


class Table:
    """The items by key, and the transactions that were done."""

    def __init__(self) -> None:
        self.items: dict[str, Item] = {}
        self._done: set[str] = set()

    def get_item(self, **asked: Any) -> dict[str, Any]:
        """The item, or some of its attributes."""
        found = self._item(asked)
        if found is None:
            return {}
        names = asked.get("ExpressionAttributeNames", {})
        wanted = asked.get("ProjectionExpression")
        if wanted is not None:
            kept = [names[part.strip()] for part in wanted.split(",")]
            found = {name: found[name] for name in kept if name in found}
        return {"Item": deepcopy(found)}

    def batch_get_item(self, **asked: Any) -> dict[str, Any]:
        """The items of several keys."""
        responses = {
            table: [
                answer["Item"] for key in told["Keys"] if (answer := self.get_item(**{**told, "Key": key}))
            ]
            for table, told in asked["RequestItems"].items()
        }
        return {"Responses": responses, "UnprocessedKeys": {}}

    def put_item(self, **asked: Any) -> dict[str, Any]:
        """A whole item in the place of what stands there."""
        item = asked["Item"]
        self._require(asked, {"Key": {"sync_id": item["sync_id"]}})
        self.items[item["sync_id"]["S"]] = deepcopy(item)
        return {}

    def update_item(self, **asked: Any) -> dict[str, Any]:
        """A conditional change; what it wrote, where that is asked for."""
        self._require(asked, asked)
        written = self._update(asked)
        after = self.items[asked["Key"]["sync_id"]["S"]]
        if asked.get("ReturnValues", "NONE") == "NONE":
            return {}
        told = after if asked["ReturnValues"] == "ALL_NEW" else {n: after[n] for n in written if n in after}
        return {"Attributes": deepcopy(told)}

    def transact_write_items(self, **asked: Any) -> dict[str, Any]:
        """All changes or none; a token that was done before is an answer alone."""
        token = asked.get("ClientRequestToken")
        if token in self._done:
            return {}
        changes = [change for each in asked["TransactItems"] for change in each.values()]
        if any(set(each) != {"Update"} for each in asked["TransactItems"]):
            raise NotImplementedError("a transaction of other things than updates")
        reasons = [self._refusal(change, change) for change in changes]
        if any(reason is not None for reason in reasons):
            told = [
                {"Code": "None"} if reason is None else {"Code": "ConditionalCheckFailed", **reason}
                for reason in reasons
            ]
            raise ClientError(
                {"Error": {"Code": "TransactionCanceledException"}, "CancellationReasons": told},  # type: ignore[typeddict-unknown-key]  # as boto3 has it
                "TransactWriteItems",
            )
        for change in changes:
            self._update(change)
        self._done.add(token)
        return {}

    def describe_table(self, **_: Any) -> dict[str, Any]:
        """The table, which is there."""
        return {
            "Table": {
                "TableStatus": "ACTIVE",
                "KeySchema": [{"AttributeName": "sync_id", "KeyType": "HASH"}],
                "AttributeDefinitions": [{"AttributeName": "sync_id", "AttributeType": "S"}],
            }
        }

    def _item(self, asked: Mapping[str, Any]) -> Item | None:
        return self.items.get(asked["Key"]["sync_id"]["S"])

    def _require(self, asked: Mapping[str, Any], keyed: Mapping[str, Any]) -> None:
        refusal = self._refusal(asked, keyed)
        if refusal is not None:
            raise ClientError({"Error": {"Code": "ConditionalCheckFailedException"}, **refusal}, "Update")  # type: ignore[typeddict-item]  # as boto3 has it

    def _refusal(self, asked: Mapping[str, Any], keyed: Mapping[str, Any]) -> dict[str, Any] | None:
        """None where the condition holds; else the item as it stands, where that is asked for."""
        standing = self._item(keyed)
        condition = asked.get("ConditionExpression")
        if condition is None or self._read(condition, asked, standing or {}).holds():
            return None
        wants_old = asked.get("ReturnValuesOnConditionCheckFailure") == "ALL_OLD"
        return {"Item": deepcopy(standing)} if wants_old and standing is not None else {}

    def _update(self, change: Mapping[str, Any]) -> set[str]:
        key = change["Key"]
        before = self._item(change) or deepcopy(key)
        after, written = self._read(change["UpdateExpression"], change, before).updated()
        self.items[key["sync_id"]["S"]] = after
        return written

    @staticmethod
    def _read(text: str, asked: Mapping[str, Any], item: Item) -> Expression:
        names = asked.get("ExpressionAttributeNames", {})
        return Expression(text, names, asked.get("ExpressionAttributeValues", {}), item)


class Client:
    """A worker's client of the table: each call passes the wire."""

    def __init__(self, table: Table, effect: Effect) -> None:
        self._table, self._effect = table, effect

    def __getattr__(self, operation: str) -> Callable[..., Any]:
        act = getattr(self._table, operation)
        return lambda **asked: self._effect(operation, lambda: act(**asked))
