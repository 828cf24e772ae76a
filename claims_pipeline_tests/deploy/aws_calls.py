"""Every call to AWS that boto3 makes in this process, as the actions that IAM would judge it by.

What belongs here: recording, and which actions a call needs. Not here: what may be called (`deploy/template.yaml`).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

import boto3

_AS_ACTIONS = {
    "s3:CompleteMultipartUpload": "s3:PutObject",
    "s3:CreateMultipartUpload": "s3:PutObject",
    "s3:HeadObject": "s3:GetObject",
    "s3:ListObjectsV2": "s3:ListBucket",
    "s3:UploadPart": "s3:PutObject",
    "lambda:Invoke": "lambda:InvokeFunction",
}
"""Where IAM's word is another than the operation's. A transaction is judged by what is in it."""
_IN_A_TRANSACTION = {
    "Update": "dynamodb:UpdateItem",
    "Put": "dynamodb:PutItem",
    "Delete": "dynamodb:DeleteItem",
}
_SERVICES = {"secrets-manager": "secretsmanager"}


def actions_of(service: str, operation: str, parameters: dict[str, Any]) -> set[str]:
    """IAM's actions for one call."""
    name = f"{_SERVICES.get(service, service)}:{operation}"
    if name == "dynamodb:TransactWriteItems":
        kinds = {kind for item in parameters["TransactItems"] for kind in item}
        return {_IN_A_TRANSACTION.get(kind, f"dynamodb:{kind}Item") for kind in kinds}
    return {_AS_ACTIONS.get(name, name)}


@contextmanager
def recorded() -> Iterator[set[str]]:
    """The actions of the calls made inside, by every client that `boto3.client` makes there."""
    actions: set[str] = set()

    def note(params: dict[str, Any], model: Any, **_: object) -> None:
        service = str(model.service_model.service_id.hyphenize())
        actions.update(actions_of(service, model.name, params))

    session = boto3.Session()
    session.events.register("provide-client-params.*.*", note)
    with mock.patch.object(boto3, "DEFAULT_SESSION", session):
        yield actions
