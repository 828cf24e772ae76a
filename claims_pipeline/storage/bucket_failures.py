"""What goes wrong between us and the S3 bucket of the storage, told apart: what passes, and what a person must mend.

What belongs here: that translation. Not here: files and names (`place`). No text of S3's is passed on.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from boto3.exceptions import RetriesExceededError, S3UploadFailedError
from botocore import exceptions as aws

from claims_pipeline.errors import ClaimsPipelineError, PermanentError, TransientError

_CODE = re.compile(r"[A-Za-z]{3,60}|[0-9]{3}")


class BucketUnavailable(TransientError):
    """S3 does not answer, or not now."""


class BucketRefused(PermanentError):
    """S3 does not let us do what the storage needs."""


@contextmanager
def bucket_failures_told(act: str, location: str) -> Iterator[None]:
    """Raise our own errors in place of boto3's; `act` completes "S3 would not ..."."""
    try:
        yield
    except S3UploadFailedError as failed:
        cause = failed.__context__
        response = cause.response if isinstance(cause, aws.ClientError) else {}
        raise _refusal(act, location, response) from None
    except aws.ClientError as error:
        raise _refusal(act, location, error.response) from None
    except (aws.HTTPClientError, aws.ConnectionError, aws.IncompleteReadError, RetriesExceededError) as error:
        raise BucketUnavailable(
            f"S3 gave no whole answer when asked to {act} in {location} ({type(error).__name__}). Run again later."
        ) from None
    except aws.BotoCoreError as error:
        raise BucketRefused(
            f"boto3 has no way to {location} ({type(error).__name__}): give this process a role, or mend AWS's own "
            "settings (region, profile, keys)."
        ) from None


def _refusal(act: str, location: str, response: object) -> ClaimsPipelineError:
    told = response if isinstance(response, dict) else {}
    status = int(told.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    found = str(told.get("Error", {}).get("Code", ""))
    code = found if _CODE.fullmatch(found) else "no code that we know"
    if status >= 500 or status == 429 or code in ("RequestTimeout", "SlowDown") or not told:
        return BucketUnavailable(f"S3 cannot {act} in {location} now ({code}). Run again later.")
    return BucketRefused(
        f"S3 would not {act} in {location} ({code}): check that CLAIMS_STORAGE names a bucket that is there, and that "
        "the role may get and put objects in it, and use its key."
    )
