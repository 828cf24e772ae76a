"""Keeping boto3 from taking for an answer of DynamoDB's what is none: a proxy's page, or an answer that was cut.

What belongs here: that one judgement. boto3 reads a body that is not JSON as an empty answer (there is no item, the
write was done), and breaks on JSON that is no object. Not here: what an error means (`table`).
"""

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

NOT_WHOLE = "RequestTimeout"
"""The code of an answer that is not whole, or of a good status without one: a code that boto3 repeats."""
NOT_DYNAMODB = "NotDynamoDB"
"""The code of a bad status that DynamoDB did not write."""
_REQUEST_ID = "x-amzn-requestid"  # stands in every answer of DynamoDB's


def take_whole_answers_alone(client: "DynamoDBClient") -> None:
    """Let the client repeat what is no answer of DynamoDB's, and tell it as an error in the end."""
    client.meta.events.register("before-parse.dynamodb.*", _judge)


def _judge(response_dict: dict[str, Any], **_: object) -> None:
    if _is_object(response_dict["body"]):
        return
    is_cut = response_dict["status_code"] < 300 or _REQUEST_ID in response_dict["headers"]
    response_dict["body"] = json.dumps({"__type": NOT_WHOLE if is_cut else NOT_DYNAMODB}).encode()
    if is_cut:
        response_dict["status_code"] = 503


def _is_object(body: bytes) -> bool:
    try:
        return isinstance(json.loads(body), dict)
    except ValueError:
        return False
