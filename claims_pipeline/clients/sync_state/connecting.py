"""Making boto3's client of DynamoDB, with bounds on its patience.

What belongs here: time-outs, retries, what the client may take for an answer. Not here: the calls (`table`).
"""

from typing import TYPE_CHECKING

import boto3
from botocore import exceptions as aws
from botocore.config import Config

from claims_pipeline.clients.sync_state.table import StateAccessDenied
from claims_pipeline.clients.sync_state.whole_answers import take_whole_answers_alone

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_LONGEST_CONNECT_SECONDS = 5.0
_LONGEST_READ_SECONDS = 10.0  # it answers in milliseconds: a longer silence is a lost call


def connect(
    region: str | None,
    endpoint_url: str | None,
    *,
    connect_seconds: float = _LONGEST_CONNECT_SECONDS,
    read_seconds: float = _LONGEST_READ_SECONDS,
) -> "DynamoDBClient":
    """A DynamoDB client with time-outs and boto3's bounded, jittered retries. Asks nobody."""
    patience = Config(
        connect_timeout=min(connect_seconds, _LONGEST_CONNECT_SECONDS),
        read_timeout=min(read_seconds, _LONGEST_READ_SECONDS),
        retries={"mode": "standard", "total_max_attempts": 5},
    )
    try:
        client = boto3.client("dynamodb", region_name=region, endpoint_url=endpoint_url, config=patience)
    except aws.BotoCoreError as error:
        raise StateAccessDenied(
            f"boto3 cannot be set up for DynamoDB ({type(error).__name__}): set AWS_REGION, or mend AWS's own settings."
        ) from None
    take_whole_answers_alone(client)
    return client
