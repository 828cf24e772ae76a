"""The Lambda template: what was recommended for the predecessor and not done stands in it, and stays there."""

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from claims_pipeline.settings import describe_settings
from claims_pipeline.storage.frames import Storage
from claims_pipeline_tests.deploy.stacks import (
    ADOPTED,
    LAMBDA,
    NETWORKED,
    NEW_ACCOUNT,
    properties,
    resources,
    statements,
)
from deploy.checks.templates import DEPLOY, Variant, read_template

LAMBDA_VARIANTS = (NEW_ACCOUNT, NETWORKED, ADOPTED)
each_variant = pytest.mark.parametrize("variant", LAMBDA_VARIANTS, ids=lambda each: each.name)


@pytest.fixture
def function() -> dict[str, Any]:
    """The function in a new account."""
    return properties(NEW_ACCOUNT, "Function")


def test_the_predecessors_names_hold(function: dict[str, Any]) -> None:
    assert function["FunctionName"] == "collaboratemd-salesforce-sync"
    assert function["Handler"] == "lambda_handler.lambda_handler"
    assert properties(NEW_ACCOUNT, "Role")["RoleName"] == "CollaborateMD-Lambda-Role"
    assert properties(NEW_ACCOUNT, "Table")["TableName"] == "collaboratemd-state"
    assert properties(NEW_ACCOUNT, "Secret")["Name"] == "collaboratemd/credentials"
    assert properties(NEW_ACCOUNT, "LogGroup")["LogGroupName"] == "/aws/lambda/collaboratemd-salesforce-sync"


def test_the_function_has_the_memory_time_and_disk_of_a_large_book(function: dict[str, Any]) -> None:
    assert function["MemorySize"] == 512
    assert function["Timeout"] == 900
    assert function["EphemeralStorage"]["Size"] >= 1024
    assert function["Tracing"] == "Active"


def test_a_package_runs_where_it_was_built_for(function: dict[str, Any]) -> None:
    """What kept the predecessor from ever running: binaries of another system than the runtime's."""
    built = re.fullmatch(
        r"\.\./build/lambda/collaboratemd-salesforce-sync-(3\.\d+)-(\w+)\.zip", function["CodeUri"]
    )
    assert built is not None
    assert (f"python{built[1]}", [built[2]]) == (function["Runtime"], function["Architectures"])
    assert not re.search(
        r"CodeUri|Runtime|Architecture", json.dumps(list(read_template(LAMBDA)["Parameters"]))
    )


def test_one_run_at_a_time_unless_the_account_is_too_small(function: dict[str, Any]) -> None:
    assert function["ReservedConcurrentExecutions"] == "1"
    assert "ReservedConcurrentExecutions" not in properties(ADOPTED, "Function")


@each_variant
def test_its_environment_holds_settings_that_we_know_and_no_secret(variant: Variant) -> None:
    names = set(properties(variant, "Function")["Environment"]["Variables"])
    known = {each.name: each.is_secret for each in describe_settings()}
    assert {name for name in names if not name.startswith("POWERTOOLS_")} <= set(known)
    assert not any(known.get(name) for name in names)
    assert "AWS_REGION" not in names, "Lambda sets it, and refuses a function that does"


def test_several_customers_stand_in_the_package() -> None:
    variables = properties(NETWORKED, "Function")["Environment"]["Variables"]
    assert variables["CLAIMS_CONFIG"] == "/var/task/claims.toml"
    assert "CLAIMS_CONFIG" not in properties(NEW_ACCOUNT, "Function")["Environment"]["Variables"]


def test_no_parameter_could_carry_a_secret() -> None:
    secret = {each.name for each in describe_settings() if each.is_secret}
    parameters = "|".join(read_template(LAMBDA)["Parameters"]).lower().replace("_", "")
    for name in secret:
        assert name.lower().replace("_", "") not in parameters
    assert not re.search("password|privatekey|securitytoken", parameters)
    assert "SecretString" not in json.dumps(resources(NEW_ACCOUNT)["Secret"])


@each_variant
def test_the_schedules_carry_the_predecessors_event(variant: Variant) -> None:
    daily, full = properties(variant, "DailySync"), properties(variant, "WeeklyFullSync")
    assert daily["ScheduleExpression"] == "rate(1 day)"
    assert json.loads(daily["Target"]["Input"]) == {"full_sync": False}
    assert json.loads(full["Target"]["Input"]) == {"full_sync": True}
    for each in (daily, full):
        assert each["Target"]["Arn"] == {"Fn::GetAtt": ["Function", "Arn"]}
        assert each["Target"]["DeadLetterConfig"]["Arn"] == {"Fn::GetAtt": ["Failures", "Arn"]}


def test_nothing_runs_before_a_person_has_filled_the_secret() -> None:
    assert properties(NEW_ACCOUNT, "DailySync")["State"] == "DISABLED"
    assert properties(NETWORKED, "DailySync")["State"] == "ENABLED"


def kept(resource: dict[str, Any]) -> bool:
    """Whether it stays when the stack goes; a first deployment that fails must leave nothing in the next one's way."""
    policies = (resource.get("DeletionPolicy"), resource.get("UpdateReplacePolicy"))
    return policies == ("RetainExceptOnCreate", "Retain")


def test_what_holds_data_or_opens_it_stays_when_the_stack_goes() -> None:
    names = {name for name, resource in resources(NEW_ACCOUNT).items() if kept(resource)}
    assert names == {"Table", "Secret", "Bucket", "AccessLogs", "Key", "LogGroup"}


def test_the_table_is_on_demand_encrypted_recoverable_and_guarded() -> None:
    table = resources(NEW_ACCOUNT)["Table"]
    assert kept(table)
    held = table["Properties"]
    assert held["BillingMode"] == "PAY_PER_REQUEST"
    assert held["SSESpecification"] == {"SSEEnabled": True}
    assert held["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
    assert held["DeletionProtectionEnabled"] is True
    assert held["KeySchema"] == [{"AttributeName": "sync_id", "KeyType": "HASH"}]


def test_claims_storage_is_private_encrypted_under_our_key_and_versioned() -> None:
    bucket = resources(NEW_ACCOUNT)["Bucket"]
    assert kept(bucket)
    held = bucket["Properties"]
    assert set(held["PublicAccessBlockConfiguration"].values()) == {True}
    (rule,) = held["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert rule["ServerSideEncryptionByDefault"]["SSEAlgorithm"] == "aws:kms"
    assert rule["ServerSideEncryptionByDefault"]["KMSMasterKeyID"] == {"Fn::GetAtt": ["Key", "Arn"]}
    assert held["OwnershipControls"]["Rules"] == [{"ObjectOwnership": "BucketOwnerEnforced"}]
    assert held["VersioningConfiguration"] == {"Status": "Enabled"}


@pytest.mark.parametrize("name", ["BucketPolicy", "AccessLogsPolicy", "FailuresPolicy", "AlarmsPolicy"])
def test_nothing_is_reached_without_tls(name: str) -> None:
    denied = [
        each
        for each in properties(NEW_ACCOUNT, name)["PolicyDocument"]["Statement"]
        if each["Effect"] == "Deny"
        and each["Condition"].get("Bool") == {"aws:SecureTransport": "false"}
        and each["Principal"] == "*"
    ]
    assert len(denied) == 1


def test_nothing_but_dry_runs_ever_expires_by_its_age(tmp_path: Path) -> None:
    """S3 knows how old a file is, and not whether a sync may start from it."""
    rules = properties(NEW_ACCOUNT, "Bucket")["LifecycleConfiguration"]["Rules"]
    expiring = {each["Prefix"] for each in rules if "ExpirationInDays" in each or "ExpirationDate" in each}
    (tmp_path / "zip").write_bytes(b"zip")
    name = Storage(str(tmp_path)).keep_report(tmp_path / "zip", "10001001", None, "20020.zip")
    assert expiring == {f"{name.split('/')[0]}/"}
    for each in rules:
        assert each["Status"] == "Enabled"
        assert not {"Transitions", "ExpiredObjectDeleteMarker"} & set(each)


def test_the_function_may_delete_old_reports_and_dry_runs_alone() -> None:
    (deleting,) = [each for each in statements(NEW_ACCOUNT, "Role") if "s3:DeleteObject" in each.actions]
    assert deleting.actions == ("s3:DeleteObject",)
    paths = {json.loads(each)["Fn::Sub"][0].partition("${Name}")[2] for each in deleting.resources}
    assert paths == {"/reports/*", "/dry_run/*"}


def test_how_long_reports_are_kept_is_the_functions_setting(function: dict[str, Any]) -> None:
    kept = read_template("template.yaml")["Parameters"]["ReportRetentionDays"]["Default"]
    (declared,) = [each.default for each in describe_settings() if each.name == "CLAIMS_KEEP_DAYS"]
    assert function["Environment"]["Variables"]["CLAIMS_KEEP_DAYS"] == kept == int(str(declared))


def test_the_storage_is_the_buckets_root_since_the_lifecycle_counts_from_there(
    function: dict[str, Any],
) -> None:
    assert function["Environment"]["Variables"]["CLAIMS_STORAGE"] == {
        "Fn::Sub": ["s3://${Name}", {"Name": {"Ref": "Bucket"}}]
    }
    assert properties(ADOPTED, "Function")["Environment"]["Variables"]["CLAIMS_STORAGE"] == (
        "s3://claims-storage"
    )


@each_variant
def test_what_is_adopted_is_not_made_anew(variant: Variant) -> None:
    made = {"Table", "Secret", "LogGroup", "Bucket", "AccessLogs", "Key"}
    assert made & set(resources(variant)) == (set() if variant is ADOPTED else made)


def test_an_import_of_the_table_changes_nothing_else() -> None:
    """CloudFormation takes a resource in only where the rest of the template stays as it stands."""
    without, held = resources(replace(NEW_ACCOUNT, parameters={"CreateTable": "no"})), resources(NEW_ACCOUNT)
    assert {name: each for name, each in held.items() if name != "Table"} == without


@each_variant
def test_every_reference_leads_to_something_that_is_made(variant: Variant) -> None:
    held = resources(variant)
    text = json.dumps(held)
    named = set(re.findall(r'"Ref": "(\w+)"', text)) | set(re.findall(r'"Fn::GetAtt": \["(\w+)"', text))
    named |= {name for name in re.findall(r"\$\{(\w+)[}.]", text) if name != "Name"}
    assert named <= set(held)


def test_the_log_is_encrypted_and_ends_some_day() -> None:
    group = properties(NEW_ACCOUNT, "LogGroup")
    assert group["KmsKeyId"] == {"Fn::GetAtt": ["Key", "Arn"]}
    assert group["RetentionInDays"] == 365


def test_an_event_that_fails_for_good_is_kept(function: dict[str, Any]) -> None:
    told = function["EventInvokeConfig"]
    assert told["MaximumRetryAttempts"] == 2
    assert told["DestinationConfig"]["OnFailure"]["Destination"] == {"Fn::GetAtt": ["Failures", "Arn"]}
    queue = properties(NEW_ACCOUNT, "Failures")
    assert queue["KmsMasterKeyId"] == {"Fn::GetAtt": ["Key", "Arn"]}
    assert queue["MessageRetentionPeriod"] == 14 * 24 * 3600


def alarms(variant: Variant) -> dict[str, dict[str, Any]]:
    """The alarms by the end of their name."""
    return {
        each["Properties"]["AlarmName"].removeprefix("collaboratemd-salesforce-sync-"): each["Properties"]
        for each in resources(variant).values()
        if each["Type"] == "AWS::CloudWatch::Alarm"
    }


@each_variant
def test_each_alarm_tells_the_topic(variant: Variant) -> None:
    found = alarms(variant)
    assert set(found) == {
        *("errors", "duration", "throttles", "failed-events", "refused-claims", "no-success"),
    }
    for each in found.values():
        assert each["AlarmActions"] == [{"Ref": "Alarms"}]
        assert each["AlarmDescription"]


def test_the_duration_alarm_comes_before_the_time_out(function: dict[str, Any]) -> None:
    assert alarms(NEW_ACCOUNT)["duration"]["Threshold"] == 0.9 * 1000 * function["Timeout"]


def test_silence_for_26_hours_is_an_alarm_also_where_nothing_runs() -> None:
    alarm = alarms(NEW_ACCOUNT)["no-success"]
    assert alarm["Period"] * alarm["EvaluationPeriods"] == 26 * 3600
    assert alarm["DatapointsToAlarm"] == alarm["EvaluationPeriods"]
    assert alarm["Threshold"] == 26 * 60
    assert alarm["ComparisonOperator"] == "GreaterThanThreshold"
    assert alarm["TreatMissingData"] == "breaching"
    assert alarm["Statistic"] == "Maximum", "the customer that is worst off"


def test_silence_elsewhere_is_no_alarm() -> None:
    others = {name: each for name, each in alarms(NEW_ACCOUNT).items() if name != "no-success"}
    assert {each["TreatMissingData"] for each in others.values()} == {"notBreaching"}


@each_variant
def test_every_resource_of_a_statement_is_our_own_but_where_aws_knows_none(variant: Variant) -> None:
    held = [each for role in ("Role", "SchedulerRole") for each in statements(variant, role)]
    for each in held:
        assert not [action for action in each.actions if "*" in action], each
        if each.resources == ("*",):
            assert {action.split(":")[0] for action in each.actions} in ({"xray"}, {"ec2"}), each
    assert {each.sid for each in held if each.effect == "Deny"} <= {"ButNotTheCode"}


def test_roles_have_no_inline_policies_and_trust_one_service_each() -> None:
    for name, service in (("Role", "lambda"), ("SchedulerRole", "scheduler")):
        role = properties(NEW_ACCOUNT, name)
        assert "Policies" not in role
        (trust,) = role["AssumeRolePolicyDocument"]["Statement"]
        assert trust["Principal"] == {"Service": f"{service}.amazonaws.com"}


def test_network_rights_are_there_in_a_network_alone() -> None:
    assert "ec2:" not in json.dumps(resources(NEW_ACCOUNT))
    assert "ec2:CreateNetworkInterface" in json.dumps(resources(NETWORKED)["NetworkPolicy"])
    assert properties(NETWORKED, "Function")["VpcConfig"] == {
        "SubnetIds": ["subnet-1", "subnet-2"],
        "SecurityGroupIds": ["sg-1"],
    }


def test_the_network_lets_nothing_in_and_https_out() -> None:
    network = Variant("network.yaml", "new network", {})
    group = properties(network, "HttpsOut")
    assert "SecurityGroupIngress" not in group
    assert [(each["FromPort"], each["ToPort"]) for each in group["SecurityGroupEgress"]] == [(443, 443)]
    services = {
        str(each["Properties"]["ServiceName"]).rpartition(".")[2]
        for each in resources(network).values()
        if each["Type"] == "AWS::EC2::VPCEndpoint"
    }
    assert services == {"s3", "dynamodb", "secretsmanager", "lambda"}


def test_no_template_names_an_account_or_a_credential() -> None:
    for path in sorted(DEPLOY.rglob("*.yaml")):
        assert not re.search(r"\b\d{12}\b|AKIA[0-9A-Z]{16}", path.read_text()), path
