"""The template of Dagster on ECS, and its instance: nobody unknown comes in, no claim comes out, one daemon alone."""

import json
import logging
import re
from typing import Any

import pytest
import yaml
from dagster._core.definitions.instigation_logger import InstigationLogger

from claims_pipeline.automation.sensors import SENSOR_NAME
from claims_pipeline_tests.deploy.stacks import NEW_ACCOUNT, properties, resources, statements
from claims_pipeline_tests.paths import REPOSITORY
from deploy.checks.templates import DEPLOY, Variant, read_template
from deploy.checks.variants import VARIANTS

BY_COGNITO, BY_OIDC = (each for each in VARIANTS if each.template == "dagster/ecs.yaml")
TASKS = ("RunTask", "DaemonTask", "WebserverTask")
either = pytest.mark.parametrize("variant", [BY_COGNITO, BY_OIDC], ids=lambda each: each.name)


def container(name: str) -> dict[str, Any]:
    """The one container of a task definition."""
    (found,) = properties(BY_COGNITO, name)["ContainerDefinitions"]
    return dict(found)


def instance() -> dict[str, Any]:
    """The production instance's configuration."""
    found: dict[str, Any] = yaml.safe_load((DEPLOY / "dagster/dagster.yaml").read_text())
    return found


@either
def test_nobody_comes_to_the_page_who_has_not_signed_in(variant: Variant) -> None:
    listener = properties(variant, "HttpsListener")
    first, second = listener["DefaultActions"]
    assert first["Type"] in ("authenticate-cognito", "authenticate-oidc")
    (config,) = (value for name, value in first.items() if name.startswith("Authenticate"))
    assert config["OnUnauthenticatedRequest"] == "authenticate"
    assert (second["Type"], first["Order"] < second["Order"]) == ("forward", True)
    rules = [each for each in resources(variant).values() if each["Type"].endswith("ListenerRule")]
    assert rules == [], "a rule could lead past the sign-in"
    (plain,) = properties(variant, "HttpListener")["DefaultActions"]
    assert plain["Type"] == "redirect"


def test_the_template_is_refused_without_a_way_to_sign_in() -> None:
    assert "SomebodySaysWhoMayOpenThePage" in read_template("dagster/ecs.yaml")["Rules"]


def test_the_client_secret_is_read_from_its_own_place() -> None:
    (action, _) = properties(BY_OIDC, "HttpsListener")["DefaultActions"]
    assert action["AuthenticateOidcConfig"]["ClientSecret"].startswith("{{resolve:secretsmanager:")


@pytest.mark.parametrize("name", TASKS)
def test_each_task_runs_as_nobody_on_a_read_only_system_and_keeps_exceptions_texts(name: str) -> None:
    found = container(name)
    assert found["User"] == "10001:10001"
    assert found["ReadonlyRootFilesystem"] is True
    assert found["Memory"] == int(properties(BY_COGNITO, name)["Memory"])
    environment = {each["Name"]: each["Value"] for each in found["Environment"]}
    assert environment["DAGSTER_REDACT_USER_CODE_ERRORS"] == "1"
    assert not re.search("PASSWORD|TOKEN|PRIVATE_KEY", " ".join(environment))
    assert {each["Name"] for each in found["Secrets"]} == {"DAGSTER_PG_USERNAME", "DAGSTER_PG_PASSWORD"}


def test_every_name_that_the_instance_reads_is_set_where_it_is_read() -> None:
    wanted = set(re.findall(r"env: (\w+)", (DEPLOY / "dagster/dagster.yaml").read_text()))
    for name in ("DaemonTask", "WebserverTask"):
        found = container(name)
        held = {each["Name"] for each in (*found["Environment"], *found["Secrets"])}
        assert wanted <= held
    found = container("RunTask")
    held = {each["Name"] for each in (*found["Environment"], *found["Secrets"])}
    assert wanted - held == {"DAGSTER_RUN_TASK_DEFINITION"}, "a run starts no run"


def test_never_two_daemons() -> None:
    daemon = properties(BY_COGNITO, "Daemon")
    assert daemon["DesiredCount"] == 1
    assert daemon["DeploymentConfiguration"]["MaximumPercent"] == 100


def test_only_a_run_can_reach_claims_and_it_may_what_the_function_may() -> None:
    def actions(variant: Variant, role: str) -> set[str]:
        return {action for each in statements(variant, role) for action in each.actions}

    ours = {"dynamodb", "s3", "secretsmanager", "kms"}
    of_function = {each for each in actions(NEW_ACCOUNT, "Role") if each.split(":")[0] in ours}
    assert actions(BY_COGNITO, "RunRole") == of_function
    for role in ("DaemonRole", "WebserverRole", "ExecutionRole"):
        assert not [each for each in actions(BY_COGNITO, role) if each.startswith("s3:")]
    assert not {each.split(":")[0] for each in actions(BY_COGNITO, "WebserverRole")} & ours


def test_a_dead_tasks_last_words_stay_in_its_log() -> None:
    """Dagster would copy them into the event log: the daemon may not read them."""
    for role in ("DaemonRole", "WebserverRole", "RunRole"):
        for each in statements(BY_COGNITO, role):
            assert not [action for action in each.actions if action.startswith("logs:")]


def test_statements_on_everything_are_those_that_aws_knows_no_resource_for() -> None:
    on_everything = {
        action
        for role in ("ExecutionRole", "RunRole", "DaemonRole", "WebserverRole")
        for each in statements(BY_COGNITO, role)
        if "*" in each.resources
        for action in each.actions
    }
    assert on_everything == {
        *("ecr:GetAuthorizationToken", "ec2:DescribeNetworkInterfaces", "ecs:DescribeTaskDefinition"),
    }


def test_the_database_is_private_encrypted_by_tls_alone_and_kept() -> None:
    database = resources(BY_COGNITO)["Database"]
    held = database["Properties"]
    assert database["DeletionPolicy"] == "Snapshot"
    assert (held["StorageEncrypted"], held["PubliclyAccessible"], held["DeletionProtection"]) == (
        True,
        False,
        True,
    )
    assert properties(BY_COGNITO, "DatabaseParameters")["Parameters"]["rds.force_ssl"] == "1"
    assert instance()["storage"]["postgres"]["postgres_db"]["params"]["sslmode"] == "require"


def test_the_instance_keeps_what_the_one_for_a_single_machine_keeps() -> None:
    ours = yaml.safe_load((REPOSITORY / "dagster.yaml").read_text())
    here = instance()
    for part in ("telemetry", "nux", "compute_logs", "run_retries"):
        assert here[part] == ours[part], part
    for part in ("pools",):
        assert here["concurrency"][part] == ours["concurrency"][part]
    limits = "tag_concurrency_limits"
    assert here["concurrency"]["runs"][limits] == ours["concurrency"]["runs"][limits]
    monitoring = "free_slots_after_run_end_seconds"
    assert here["run_monitoring"][monitoring] == ours["run_monitoring"][monitoring]
    assert here["run_monitoring"]["max_resume_run_attempts"] == 0
    assert here["retention"]["sensor"]["purge_after_days"]["skipped"] <= 7


def test_the_alarm_about_stopped_customers_hears_what_the_sensor_says(
    capsys: pytest.CaptureFixture[str],
) -> None:
    pattern = properties(BY_COGNITO, "StoppedCustomers")["FilterPattern"]
    words = re.findall(r'"([^"]+)"', pattern)
    assert " ".join(f'"{word}"' for word in words) == pattern
    with InstigationLogger(repository_name="claims", instigator_name=SENSOR_NAME) as log:
        log.error("Customer 10001001 is stopped: ReportDoubted.")
    (line,) = [line for line in capsys.readouterr().err.splitlines() if "10001001" in line]
    assert all(word in line for word in words), line
    assert logging.getLevelName(logging.ERROR) in words


def test_no_exception_text_of_a_statement_reaches_the_databases_log() -> None:
    held = properties(BY_COGNITO, "DatabaseParameters")["Parameters"]
    assert (held["log_statement"], held["log_parameter_max_length_on_error"]) == ("none", "0")


def test_every_reference_leads_to_something_that_is_made() -> None:
    held = resources(BY_COGNITO)
    text = json.dumps(held)
    named = set(re.findall(r'"Ref": "(\w+)"', text)) | set(re.findall(r'"Fn::GetAtt": \["(\w+)"', text))
    named |= set(re.findall(r"\$\{(\w+)[}.]", text))
    assert named <= set(held)
