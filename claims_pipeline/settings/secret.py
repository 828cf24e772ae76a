"""Reading the one secret in AWS Secrets Manager that may hold settings.

What belongs here: asking for it and taking it apart. Not here: which names it may hold (`load`).
"""

import json
from collections.abc import Callable

from claims_pipeline.errors import PermanentError, TransientError

SecretReader = Callable[[str, str | None], str]
"""(id of the secret, AWS region or None) -> its text. Raises SecretUnreadable, or TransientError when AWS fails."""


class SecretForAWhile:
    """The secret as it was read lately: whoever looks every minute asks for it every so many seconds only."""

    def __init__(self, read: SecretReader, seconds: float, monotonic: Callable[[], float]) -> None:
        self._read = read
        self._seconds = seconds
        self._monotonic = monotonic
        self._kept: dict[tuple[str, str | None], tuple[float, str]] = {}

    def __call__(self, secret_id: str, region: str | None) -> str:
        """Its text. Raises as the reader does, and then keeps nothing."""
        now = self._monotonic()
        read_at, text = self._kept.get((secret_id, region), (None, ""))
        if read_at is None or now - read_at >= self._seconds:
            text = self._read(secret_id, region)
            self._kept[secret_id, region] = (now, text)
        return text


class SecretUnreadable(PermanentError):
    """The secret is not there, may not be read, or is no JSON object of texts. Holds no part of it."""


def read_aws_secret(secret_id: str, region: str | None, attempts: int = 4) -> str:
    """The secret's text, from AWS Secrets Manager through boto3, which tries so many times in all."""
    # boto3 costs 100 ms to import, and only a deployment with a secret needs it here
    import boto3
    from botocore import exceptions as aws
    from botocore.config import Config

    patience = Config(
        connect_timeout=5, read_timeout=10, retries={"mode": "standard", "total_max_attempts": attempts}
    )
    try:
        client = boto3.client("secretsmanager", region_name=region, config=patience)
        text: str | None = client.get_secret_value(SecretId=secret_id).get("SecretString")
    except aws.ClientError as error:
        code = error.response.get("Error", {}).get("Code", "unknown error")
        if error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 400) >= 500 or "Throttl" in code:
            raise TransientError(
                f"AWS Secrets Manager cannot answer now ({code}); run again later."
            ) from None
        raise SecretUnreadable(f"AWS Secrets Manager answers {code}") from None
    except aws.NoRegionError:
        raise SecretUnreadable("no AWS region is set (AWS_REGION)") from None
    except aws.NoCredentialsError:
        raise SecretUnreadable("there are no AWS credentials to read it with") from None
    except (aws.HTTPClientError, aws.ConnectionError) as error:
        raise TransientError(
            f"AWS Secrets Manager cannot be reached ({type(error).__name__}); run again later."
        ) from None
    except aws.BotoCoreError as error:
        raise SecretUnreadable(f"boto3 cannot ask for it ({type(error).__name__})") from None
    if text is None:
        raise SecretUnreadable("it holds bytes, not text")
    return text


def values_in(text: str) -> dict[str, str]:
    """Names and values of a secret: a JSON object of texts (values that are no texts are taken as their JSON)."""
    try:
        held = json.loads(text)
    except ValueError:
        raise SecretUnreadable("it is not JSON") from None
    if not isinstance(held, dict):
        raise SecretUnreadable("it is not a JSON object of names and values")
    return {
        name: value if isinstance(value, str) else json.dumps(value)
        for name, value in held.items()
        if value is not None
    }
