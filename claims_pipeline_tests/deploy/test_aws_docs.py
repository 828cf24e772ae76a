"""docs/aws.md says what the templates hold."""

import re

import pytest

from claims_pipeline.settings import describe_settings
from claims_pipeline_tests.deploy.stacks import NEW_ACCOUNT, resources
from claims_pipeline_tests.paths import REPOSITORY
from deploy.checks.templates import read_template

TEXT = (REPOSITORY / "docs/aws.md").read_text()
TEMPLATES = ("template.yaml", "network.yaml", "dagster/ecs.yaml")


def alarms() -> list[dict[str, object]]:
    return [
        each["Properties"]
        for each in resources(NEW_ACCOUNT).values()
        if each["Type"] == "AWS::CloudWatch::Alarm"
    ]


def test_every_parameter_that_a_command_sets_is_one() -> None:
    known = {name for template in TEMPLATES for name in read_template(template)["Parameters"]}
    set_there = {
        name
        for name in re.findall(r"\b([A-Z][A-Za-z]+)=", TEXT)
        if name not in ("Name", "Value", "Enabled", "ParameterKey", "UsePreviousValue", "ParameterValue")
        and name not in ("PointInTimeRecoveryEnabled", "SSEType")
    }
    assert set_there <= known, set_there - known


def test_every_alarm_is_told_and_every_metric_that_one_watches() -> None:
    for each in alarms():
        ending = str(each["AlarmName"]).removeprefix("collaboratemd-salesforce-sync")
        assert f"| `{ending}` |" in TEXT
        if each["Namespace"] == "ClaimsPipeline":
            assert f"`{each['MetricName']}`" in TEXT


def test_every_setting_of_the_secret_is_one() -> None:
    (block,) = re.findall(r"<<'JSON'\n(.*?)JSON\n", TEXT, re.DOTALL)
    assert set(re.findall(r'"([A-Z_]+)":', block)) <= {each.name for each in describe_settings()}


@pytest.mark.parametrize("name", ["deploy/template.yaml", "deploy/network.yaml", "deploy/dagster/ecs.yaml"])
def test_it_tells_of_every_template(name: str) -> None:
    assert name in TEXT


def test_every_page_that_it_leads_to_is_there() -> None:
    for target in re.findall(r"\]\(([\w/.-]+)(?:#[\w-]+)?\)", TEXT):
        assert (REPOSITORY / "docs" / target).exists(), target


def test_each_of_the_predecessors_commands_is_answered() -> None:
    for command in (
        *(
            "aws lambda invoke",
            "aws logs tail",
            "aws cloudwatch get-metric-statistics",
            "aws dynamodb get-item",
        ),
        *("aws lambda update-function-configuration", "aws iam get-role-policy", "aws events put-rule"),
    ):
        assert f"| `{command}" in TEXT
