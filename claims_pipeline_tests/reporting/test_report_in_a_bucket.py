"""Reports in S3: by address, with the kind that a browser needs to show a page."""

from collections.abc import Callable

import boto3
import pytest

from claims_pipeline_tests.given_report import report, row
from claims_pipeline_tests.reporting.given import published
from claims_pipeline_tests.town import FIRST, Town

pytestmark = pytest.mark.journey


def test_pages_and_lists_go_to_a_bucket(
    build_town: Callable[..., Town], monkeypatch: pytest.MonkeyPatch
) -> None:
    town = build_town(CLAIMS_REPORTS="s3://claims-reports/monday")
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", town.environment["DYNAMODB_ENDPOINT_URL"])
    bucket = boto3.client("s3", region_name="us-east-1")
    bucket.create_bucket(Bucket="claims-reports")
    town.put(report(row("1"), row("2", ClaimTotalAmount="12.3.4")))
    town.sync()
    pages, over_all = published(town)
    assert over_all.address == "s3://claims-reports/monday/index.html"
    assert pages[FIRST].list_address == f"s3://claims-reports/monday/{FIRST}.csv"
    found = bucket.get_object(Bucket="claims-reports", Key=f"monday/{FIRST}.html")
    assert found["ContentType"] == "text/html; charset=utf-8"
    assert b"1 claim is stuck" in found["Body"].read()
