"""Continuing: an invocation that must stop asks for the next one at once, which goes on with what is left.

What belongs here: that one call. Not here: when (`invocation`), nor how often (`settings`). It is asynchronous: AWS
keeps the event until the function is free (it may run one at a time alone), and repeats it where it fails.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any

import boto3
from botocore import exceptions as aws
from botocore.config import Config

from claims_pipeline.errors import PermanentError, TransientError

Continue = Callable[[Mapping[str, Any]], None]
"""Takes the event of the next invocation; returns once AWS has accepted it."""
_ACCEPTED = 202
_CONFIG = Config(connect_timeout=5, read_timeout=10, retries={"mode": "standard", "total_max_attempts": 4})


class NotContinued(TransientError):
    """AWS did not accept the continuation."""


class NoLeaveToContinue(PermanentError):
    """The function may not invoke itself."""


class TooManyContinuations(PermanentError):
    """The work did not come to its end in so many invocations."""

    def __init__(self, most: int) -> None:
        super().__init__(
            f"The work was not done after {most} continuation(s), so it stops here: what has arrived stays, and the "
            "next run goes on comparing. If this is a first load, run it by the command line or raise "
            "LAMBDA_MOST_CONTINUATIONS; else see what keeps it waiting: the report slot, a slow report, a Bulk job."
        )


def invoke_itself(function: str, region: str | None) -> Continue:
    """A call of `function` (its ARN as it was invoked, with version or alias)."""

    def invoke(event: Mapping[str, Any]) -> None:
        payload = json.dumps(event).encode()
        try:
            client = boto3.client("lambda", region_name=region, config=_CONFIG)
            answer = client.invoke(FunctionName=function, InvocationType="Event", Payload=payload)
        except aws.ClientError as error:
            code = error.response.get("Error", {}).get("Code", "")
            if code in ("AccessDeniedException", "AccessDenied"):
                raise NoLeaveToContinue(
                    "The function may not invoke itself: its role needs lambda:InvokeFunction on its own ARN. What "
                    "is left waits for the next run."
                ) from None
            status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
            raise NotContinued(
                f"AWS Lambda did not accept the continuation (HTTP {status}); run again."
            ) from None
        except aws.BotoCoreError as error:
            raise NotContinued(
                f"AWS Lambda could not be asked to continue ({type(error).__name__})."
            ) from None
        if answer["StatusCode"] != _ACCEPTED:
            raise NotContinued(f"AWS Lambda did not accept the continuation (HTTP {answer['StatusCode']}).")

    return invoke
