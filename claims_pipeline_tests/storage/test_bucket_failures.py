"""What S3 says, or does not say, becomes an error of ours: what passes, or what a person must mend."""

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import boto3
import pytest
from botocore.awsrequest import AWSResponse
from botocore.exceptions import ConnectTimeoutError
from moto import mock_aws

from claims_pipeline.storage.bucket_failures import BucketRefused, BucketUnavailable
from claims_pipeline.storage.place import BucketPlace

WHERE = "s3://claims/prefix"


class Body:
    def __init__(self, content: bytes) -> None:
        self._content = content

    def stream(self, *_: object) -> list[bytes]:
        return [self._content]


@pytest.fixture
def place(monkeypatch: pytest.MonkeyPatch) -> Iterator[BucketPlace]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setattr("botocore.endpoint.time", SimpleNamespace(sleep=lambda _: None))
    with mock_aws():
        boto3.client("s3").create_bucket(Bucket="claims")
        yield BucketPlace(WHERE)


def answering(place: BucketPlace, status: int, code: str) -> None:
    """Let S3 answer everything so."""
    body = Body(f"<Error><Code>{code}</Code><Message>DOE, JAN</Message></Error>".encode())

    def answer(**_: object) -> AWSResponse:
        return AWSResponse("https://s3", status, {}, body)

    place._client.meta.events.register("before-send.s3.*", answer)


def file(folder: Path) -> Path:
    path = folder / "local"
    path.write_bytes(b"claims")
    return path


@pytest.mark.parametrize(
    ("status", "code", "error"),
    [
        (503, "SlowDown", BucketUnavailable),
        (500, "InternalError", BucketUnavailable),
        (403, "AccessDenied", BucketRefused),
        (404, "NoSuchBucket", BucketRefused),
        (400, "DOE, JAN", BucketRefused),
    ],
)
def test_what_s3_refuses_is_told_apart_without_its_text(
    place: BucketPlace, tmp_path: Path, status: int, code: str, error: type[Exception]
) -> None:
    answering(place, status, code)
    local = file(tmp_path)
    with pytest.raises(error, match=WHERE) as told:
        place.publish(local, "a/b")
    assert "DOE" not in str(told.value)
    assert local.exists(), "what was not stored is not thrown away"


def test_reading_is_told_alike(place: BucketPlace, tmp_path: Path) -> None:
    assert place.fetch("a/b", tmp_path) is None
    answering(place, 403, "AccessDenied")
    with pytest.raises(BucketRefused, match="read a file"):
        place.fetch("a/b", tmp_path)


def test_a_lost_connection_passes(place: BucketPlace, tmp_path: Path) -> None:
    def no_connection(**_: object) -> None:
        raise ConnectTimeoutError(endpoint_url="https://s3")

    place._client.meta.events.register("before-send.s3.*", no_connection)
    with pytest.raises(BucketUnavailable, match="Run again later"):
        place.publish(file(tmp_path), "a/b")
    with pytest.raises(BucketUnavailable, match="Run again later"):
        place.fetch("a/b", tmp_path)
