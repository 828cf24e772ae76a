"""Making boto3's client of DynamoDB, with bounds on its patience.

What belongs here: time-outs, retries, what the client may take for an answer. Not here: the calls (`table`).
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import boto3
from botocore import exceptions as aws
from botocore.config import Config

from claims_pipeline.clients.sync_state.table import StateAccessDenied
from claims_pipeline.clients.sync_state.whole_answers import take_whole_answers_alone

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


@dataclass(frozen=True)
class Patience:
    """With one call to DynamoDB: boto3 tries again, with jitter, so many times in all.

    It answers in milliseconds: a longer silence is a lost call.
    """

    connect_seconds: float = 5
    read_seconds: float = 10
    attempts: int = 5

    def within(self, connect_seconds: float, read_seconds: float) -> "Patience":
        """No more than this, and no more than the given seconds."""
        return Patience(
            min(self.connect_seconds, connect_seconds), min(self.read_seconds, read_seconds), self.attempts
        )


def connect(
    region: str | None, endpoint_url: str | None, patience: Patience = Patience()
) -> "DynamoDBClient":
    """A DynamoDB client with time-outs and boto3's bounded retries. Asks nobody."""
    config = Config(
        connect_timeout=patience.connect_seconds,
        read_timeout=patience.read_seconds,
        retries={"mode": "standard", "total_max_attempts": patience.attempts},
    )
    try:
        client = boto3.client("dynamodb", region_name=region, endpoint_url=endpoint_url, config=config)
    except aws.BotoCoreError as error:
        raise StateAccessDenied(
            f"boto3 cannot be set up for DynamoDB ({type(error).__name__}): set AWS_REGION, or mend AWS's own settings."
        ) from None
    take_whole_answers_alone(client)
    return client
