"""The whole pipeline over Amazon's own DynamoDB Local: what moto forgives is found here."""

from dataclasses import replace

import boto3
import pytest

from claims_pipeline.sandbox.dynamodb import REGION
from claims_pipeline.sandbox.generator import ReportPlan, report_bytes
from claims_pipeline.sync.connections import connect, read_settings
from claims_pipeline_tests.dynamodb_local import DynamoDBLocal
from claims_pipeline_tests.journeys.conftest import FIRST, SECOND, Town


@pytest.mark.journey
@pytest.mark.parametrize("from_rows", ["1", "1000000"], ids=["bulk", "collections"])
def test_two_customers_synced_twice_send_nothing_the_second_time(
    town: Town, dynamodb_local: DynamoDBLocal, from_rows: str
) -> None:
    settings = {**dynamodb_local.environment(), "SALESFORCE_BULK_FROM_ROWS": from_rows}
    over_amazons = replace(town, environment={**town.environment, **settings})
    for customer, seed in ((FIRST, 7), (SECOND, 8)):
        over_amazons.put(b"".join(report_bytes(ReportPlan(claims=60, seed=seed, faults=0.02))), customer)
    firsts = [over_amazons.sync(customer) for customer in (FIRST, SECOND)]
    assert sum(first.synced.counts["created"] for first in firsts) == len(town.claims()) > 60
    town.sandbox.salesforce_wire.clear_log()
    assert [over_amazons.sync(customer).synced.sent for customer in (FIRST, SECOND)] == [0, 0]
    assert over_amazons.full().synced.sent == 0
    assert town.writes() == []

    name = town.environment["DYNAMODB_TABLE_NAME"]
    client = boto3.client("dynamodb", region_name=REGION, endpoint_url=dynamodb_local.url)
    roll_up = client.get_item(TableName=name, Key={"sync_id": {"S": "default"}})["Item"]
    with connect(read_settings(over_amazons.environment), "test") as connections:
        states = [connections.state.read(customer) for customer in (FIRST, SECOND)]
    assert [(state.sequence, state.committed_sequence, len(state.history)) for state in states] == [
        (3, 3, 3),
        (2, 2, 2),
    ]
    assert [(state.pending_request, state.bulk_jobs) for state in states] == [(None, ())] * 2
    assert int(roll_up["records_processed"]["N"]) == sum(state.records_processed for state in states) > 0
    for customer in (FIRST, SECOND):
        item = client.get_item(TableName=name, Key={"sync_id": {"S": customer}})["Item"]
        assert not {"lease_owner", "lease_token"} & set(item)
