"""Reading the one secret in AWS Secrets Manager that may hold settings.

What belongs here: asking for it and taking it apart. Not here: which names it may hold (`load`).
"""

import json
from collections.abc import Callable

from claims_pipeline.errors import PermanentError, TransientError

SecretReader = Callable[[str, str | None], str]
"""(id of the secret, AWS region or None) -> its text. Raises SecretUnreadable, or TransientError when AWS fails."""


class SecretUnreadable(PermanentError):
    """The secret is not there, may not be read, or is no JSON object of texts. Holds no part of it."""


def read_aws_secret(secret_id: str, region: str | None) -> str:
    """The secret's text, from AWS Secrets Manager through boto3, with boto3's own retries."""
    # boto3 costs 100 ms to import, and only a deployment with a secret needs it here
    import boto3
    from botocore import exceptions as aws
    from botocore.config import Config

    patience = Config(
        connect_timeout=5, read_timeout=10, retries={"mode": "standard", "total_max_attempts": 4}
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
