"""Making the table: a person's first run finds none, and creates it.

What belongs here: creating it as the sync state needs it, refusing a table that is another's. Not here: calls to it.
"""

from collections.abc import Mapping
from typing import Any

from claims_pipeline.clients.sync_state.table import (
    KEY,
    StateAccessDenied,
    StateTable,
    StateTableMissing,
    StateTableWrong,
    StateUnavailable,
)

_WAIT_FOR_TABLE_SECONDS = 2.0
_WAITS_FOR_TABLE = 60


def ensure_table(table: StateTable) -> bool:
    """Create the table when it is missing (on demand, encrypted, guarded against deletion); whether it was."""
    created = False
    for _ in range(_WAITS_FOR_TABLE):
        described = _description(table)
        if described is None:
            _create(table)
            created = True
            continue
        if described["TableStatus"] in ("ACTIVE", "UPDATING"):
            _check_key(table, described)
            return created
        table.sleep(_WAIT_FOR_TABLE_SECONDS)
    raise StateUnavailable(f"The DynamoDB table {table.name} is not ready yet; run again in a few minutes.")


def has_table(table: StateTable) -> bool:
    """Whether the table is there, ready or not."""
    return _description(table) is not None


def _description(table: StateTable) -> dict[str, Any] | None:
    try:
        described: dict[str, Any] = table.call("describe_table", TableName=table.name)["Table"]
    except StateTableMissing:
        return None
    return described


def _create(table: StateTable) -> None:
    try:
        table.call(
            "create_table",
            TableName=table.name,
            AttributeDefinitions=[{"AttributeName": KEY, "AttributeType": "S"}],
            KeySchema=[{"AttributeName": KEY, "KeyType": "HASH"}],
            BillingMode="PAY_PER_REQUEST",
            SSESpecification={"Enabled": True},
            DeletionProtectionEnabled=True,
        )
    except StateAccessDenied:
        raise StateAccessDenied(
            f"The DynamoDB table {table.name} does not exist and these credentials may not create it: they need "
            "dynamodb:CreateTable for this first run, or someone with the right runs `aws dynamodb create-table "
            f"--table-name {table.name} --attribute-definitions AttributeName={KEY},AttributeType=S "
            f"--key-schema AttributeName={KEY},KeyType=HASH --billing-mode PAY_PER_REQUEST "
            "--sse-specification Enabled=true --deletion-protection-enabled`."
        ) from None
    except StateUnavailable:
        table.sleep(_WAIT_FOR_TABLE_SECONDS)  # someone else is creating it, or AWS asks us to wait


def _check_key(table: StateTable, described: Mapping[str, Any]) -> None:
    keys = [(each["AttributeName"], each["KeyType"]) for each in described["KeySchema"]]
    kinds = {each["AttributeName"]: each["AttributeType"] for each in described["AttributeDefinitions"]}
    if keys != [(KEY, "HASH")] or kinds.get(KEY) != "S":
        raise StateTableWrong(
            f"The DynamoDB table {table.name} has another key than {KEY} (String): it is not the sync state's. "
            "Set DYNAMODB_TABLE_NAME to another name."
        )
