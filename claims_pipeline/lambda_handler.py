"""The Lambda function `collaboratemd-salesforce-sync`: the handler that AWS calls.

What belongs here: AWS's event and context in, the answer out, and that no text but ours ever leaves in an error. Not
here: what is done (`lambda_door`). The zip has a module of the same name at its root, for the predecessor's handler
string `lambda_handler.lambda_handler`.
"""

from typing import Any, Protocol

from claims_pipeline.process_memory import importing, keep_it_small

keep_it_small()  # before anything imports polars

with importing():
    from claims_pipeline.errors import ClaimsPipelineError, words_of
    from claims_pipeline.lambda_door.continuing import invoke_itself
    from claims_pipeline.lambda_door.event import read_event
    from claims_pipeline.lambda_door.invocation import Asked, invoke
    from claims_pipeline.lambda_door.logs import Logs
    from claims_pipeline.lambda_door.outcomes import CustomersFailed
    from claims_pipeline.sync.connections import read_settings


class Context(Protocol):
    """What we use of AWS's context."""

    aws_request_id: str
    invoked_function_arn: str

    def get_remaining_time_in_millis(self) -> int:
        """Until AWS stops the function."""


class HandlerFailed(ClaimsPipelineError):
    """A fault of the pipeline itself, told by its place alone."""


def lambda_handler(event: object, context: Context) -> dict[str, Any]:
    """Sync the customers that the event names. Raises when any failed, after all were tried."""
    logs = Logs(context.aws_request_id)
    try:
        return _handled(event, context, logs)
    except ClaimsPipelineError:
        raise
    except BaseException as error:  # noqa: BLE001 - AWS logs what we raise, and its text may quote a claim
        told = words_of(error)
    raise HandlerFailed(told)


def _handled(event: object, context: Context, logs: Logs) -> dict[str, Any]:
    seconds_left = context.get_remaining_time_in_millis() / 1000
    asked = Asked(read_event(event), context.aws_request_id, seconds_left)
    settings = read_settings()
    logs.set_level(settings.log_level)
    proceed = invoke_itself(context.invoked_function_arn, settings.state.region)
    answer = invoke(asked, settings, proceed, logs)
    facts = answer.as_facts()
    logs.say("answer", answer=facts)
    if answer.failed:
        raise CustomersFailed(answer.failed, len(answer.outcomes))
    return facts
