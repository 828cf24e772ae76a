"""The template deployed to an emulator: what it gives the function is enough to sync, and operators read the state."""

import pytest

from claims_pipeline.cli.exits import Exit
from claims_pipeline_tests.command_line import claims_pipeline
from claims_pipeline_tests.deploy.emulated import Deployed
from claims_pipeline_tests.given_report import report, row
from claims_pipeline_tests.town import SECOND, Town

pytestmark = pytest.mark.journey
FUNCTION = "collaboratemd-salesforce-sync"


def test_a_sync_with_the_functions_environment_is_read_by_the_operators_command(
    town: Town, stack: Deployed
) -> None:
    town.put(report(row("RA1"), row("RA2")))
    town.put(report(row("RB1")), SECOND)
    said = claims_pipeline(stack.environment(town), "sync")
    assert said.code == Exit.ALL_ARRIVED, said.words
    key = {"sync_id": {"S": "default"}}
    item = stack.client("dynamodb").get_item(TableName="collaboratemd-state", Key=key)["Item"]
    assert (item["records_processed"], item["success_count"]) == ({"N": "3"}, {"N": "3"})
    assert item["failure_count"] == {"N": "0"}
    assert item["last_sync_timestamp"]["S"]


def test_files_lie_in_the_stacks_bucket_under_its_key(town: Town, stack: Deployed) -> None:
    town.put(report(row("RA1")))
    town.put(report(row("RB1")), SECOND)
    claims_pipeline(stack.environment(town), "sync")
    s3, bucket = stack.client("s3"), stack.outputs["BucketName"]
    names = [each["Key"] for each in s3.list_objects_v2(Bucket=bucket)["Contents"]]
    assert {"reports", "salesforce_synced_claims"} <= {name.split("/")[0] for name in names}
    for name in names:
        head = s3.head_object(Bucket=bucket, Key=name)
        assert (head["ServerSideEncryption"], head["SSEKMSKeyId"]) == ("aws:kms", stack.outputs["KeyArn"])


def test_the_schedules_hand_the_function_their_payload(stack: Deployed) -> None:
    assert stack.payload(f"{FUNCTION}-daily") == {"full_sync": False}
    assert stack.payload(f"{FUNCTION}-weekly-full") == {"full_sync": True}
