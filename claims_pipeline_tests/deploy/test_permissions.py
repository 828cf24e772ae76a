"""Least privilege, both ways: what the pipeline calls is granted, what is granted is called or has its reason."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import boto3
import pytest
import yaml
from botocore.exceptions import ConnectionClosedError

from claims_pipeline.cli.exits import Exit
from claims_pipeline.sandbox.dynamodb import REGION
from claims_pipeline.storage.bucket_failures import BucketUnavailable
from claims_pipeline.storage.frames import Storage
from claims_pipeline.storage.place import open_place
from claims_pipeline.sync.connections import open_state, read_settings
from claims_pipeline_tests.command_line import claims_pipeline
from claims_pipeline_tests.deploy.aws_calls import actions_of, recorded
from claims_pipeline_tests.deploy.stacks import ADOPTED, NETWORKED, NEW_ACCOUNT, statements
from claims_pipeline_tests.given_report import report, row
from claims_pipeline_tests.town import FIRST, SECOND, Town
from deploy.checks.templates import DEPLOY

BUCKET, SECRET = "claims-storage-of-the-tests", "collaboratemd/credentials"
IN_SECRET = (
    "COLLABORATEMD_USERNAME",
    "COLLABORATEMD_PASSWORD",
    "SALESFORCE_USERNAME",
    "SALESFORCE_CONSUMER_KEY",
)
LARGE_BYTES = 9 * 1024 * 1024
"""More than boto3 sends in one piece."""


def reasons(section: str) -> dict[str, str]:
    """A part of `deploy/permissions.yaml`."""
    found: dict[str, str] = yaml.safe_load((DEPLOY / "permissions.yaml").read_text())[section]
    return found


def granted(*variants: object) -> set[str]:
    """Every action that the function's policy allows in any of these variants."""
    return {
        action
        for variant in variants
        for each in statements(variant, "Role")  # type: ignore[arg-type]  # a test names variants
        if each.effect == "Allow"
        for action in each.actions
    }


@pytest.fixture
def cloud(town: Town) -> Iterator[Town]:
    """The town as in AWS: storage in a bucket, passwords in a secret, and the table there before anyone comes."""
    url = town.sandbox.dynamodb.url
    places = {"AWS_ENDPOINT_URL_S3": url, "AWS_ENDPOINT_URL_SECRETS_MANAGER": url}
    nobody = {"aws_access_key_id": "sandbox", "aws_secret_access_key": "sandbox", "region_name": REGION}
    boto3.Session(**nobody).client("s3", endpoint_url=url).create_bucket(Bucket=BUCKET)
    secrets = boto3.Session(**nobody).client("secretsmanager", endpoint_url=url)
    held = {name: town.environment[name] for name in IN_SECRET}
    secrets.create_secret(Name=SECRET, SecretString=json.dumps(held))
    open_state(read_settings(town.environment), "the-template").ensure_table()
    left = {name: value for name, value in town.environment.items() if name not in held}
    here = {"CLAIMS_STORAGE": f"s3://{BUCKET}", "CLAIMS_SECRET_ID": SECRET}
    yield replace(town, environment={**left, **places, **here})
    secrets.delete_secret(SecretId=SECRET, ForceDeleteWithoutRecovery=True)
    boto3.Session(**nobody).resource("s3", endpoint_url=url).Bucket(BUCKET).objects.all().delete()
    boto3.Session(**nobody).client("s3", endpoint_url=url).delete_bucket(Bucket=BUCKET)


def work_through(cloud: Town) -> None:
    """Syncs of every kind and every command that a person has."""
    cloud.put(report(row("RA1"), row("RA2"), row("RA3", ClaimTotalAmount="x")))
    cloud.put(report(row("RB1")), SECOND)
    by_bulk = {"SALESFORCE_BULK_FROM_ROWS": "1"}
    for arguments, settings in (
        (("check",), {}),
        (("sync", "--dry-run"), {}),
        (("sync",), {}),
        (("sync", "--full"), by_bulk),
        (("sync", "--resend", "--customer", SECOND), {}),
        (("reconcile", "--customer", FIRST), {}),
        (("replay", FIRST), {}),
        (("status",), {}),
        (("pause", FIRST, "--reason", "the practice moves house", "--by", "ada"), {}),
        (("resume", FIRST, "--by", "ada"), {}),
        (("ask", FIRST), {}),
        (("release", FIRST, "--free-lease", "--by", "ada"), {}),
    ):
        said = claims_pipeline({**cloud.environment, **settings}, *arguments)
        assert said.code in (Exit.ALL_ARRIVED, Exit.NOT_ALL_ARRIVED), (arguments, said.words)


def publish_a_large_file(work: Path, *, cut: bool) -> None:
    """A stored file that goes up in parts; `cut`: the way there breaks at the second."""
    large = work / "large.parquet"
    large.write_bytes(bytes(LARGE_BYTES))
    place = open_place(f"s3://{BUCKET}")

    def break_off(params: dict[str, object], **_: object) -> None:
        if params.get("PartNumber") == 2:
            raise ConnectionClosedError(endpoint_url="s3")

    if cut:
        place._client.meta.events.register("provide-client-params.s3.UploadPart", break_off)  # type: ignore[attr-defined]
    place.publish(large, "raw_collaboratemd_claims/large.parquet")


def remove_old_reports() -> None:
    """As a fetch does a year later."""
    later = datetime.now(UTC) + timedelta(days=365)
    removed = Storage(f"s3://{BUCKET}").remove_old(FIRST, spared=lambda _: False, before=later)
    assert removed.fetches > 0
    assert removed.dry_run_files > 0


@pytest.fixture
def called(cloud: Town, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Every action that all of it needed."""
    for name, value in cloud.environment.items():
        monkeypatch.setenv(name, value)
    with recorded() as actions:
        work_through(cloud)
        remove_old_reports()
        publish_a_large_file(tmp_path, cut=False)
        with pytest.raises(BucketUnavailable):
            publish_a_large_file(tmp_path, cut=True)
    return actions


@pytest.mark.journey
def test_what_is_called_is_granted_and_what_is_granted_is_called_or_has_its_reason(called: set[str]) -> None:
    unreasoned = granted(NEW_ACCOUNT, NETWORKED, ADOPTED) - set(reasons("granted_without_a_call"))
    assert called == unreasoned


def test_the_function_may_do_without_a_network_or_traces_what_it_calls() -> None:
    beyond = granted(NETWORKED) - granted(ADOPTED)
    assert {action.split(":")[0] for action in beyond} == {"ec2", "xray"}


def test_no_reason_is_left_for_what_is_granted_no_more() -> None:
    assert set(reasons("granted_without_a_call")) <= granted(NEW_ACCOUNT, NETWORKED, ADOPTED)


def test_each_wildcard_has_its_reason() -> None:
    with_one = {
        each.sid
        for variant in (NEW_ACCOUNT, NETWORKED, ADOPTED)
        for each in statements(variant, "Role")
        if any("*" in resource or "??" in resource for resource in each.resources)
    }
    assert with_one == set(reasons("wildcards_in_resources"))


def test_the_role_may_neither_make_nor_empty_the_table() -> None:
    held = granted(NEW_ACCOUNT, NETWORKED, ADOPTED)
    assert not {
        each for each in held if each.startswith(("dynamodb:Create", "dynamodb:Delete", "dynamodb:Scan"))
    }


@pytest.mark.parametrize(
    ("call", "actions"),
    [
        (("s3", "UploadPart", {}), {"s3:PutObject"}),
        (("secrets-manager", "GetSecretValue", {}), {"secretsmanager:GetSecretValue"}),
        (("dynamodb", "TransactWriteItems", {"TransactItems": [{"Update": {}}, {"Put": {}}]}), None),
    ],
)
def test_calls_are_judged_as_iam_does(
    call: tuple[str, str, dict[str, object]], actions: set[str] | None
) -> None:
    assert actions_of(*call) == (actions or {"dynamodb:UpdateItem", "dynamodb:PutItem"})
