"""The declared settings: each name with its default, meaning and shape, in the order in which the docs list them.

What belongs here: one field a setting, and the list of them for people. Not here: how values are found and checked
against each other (`load`), nor what stands in `claims.toml` (`customers`).
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, cast

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr

from claims_pipeline.settings import shapes, times
from claims_pipeline.settings.facts import AlertRules, DueRules, LambdaRules, ScheduleTimes, StorageLocation


def setting(
    name: str, meaning: str, shape: str, *, default: object = None, also: tuple[str, ...] = ()
) -> Any:
    """A field that is set by `name` (or an older name in `also`): what it means and how it must look."""
    return Field(
        default=default,
        description=meaning,
        json_schema_extra={"name": name, "shape": shape, "also": list(also)},
    )


def _id(text: str) -> str:
    return shapes.matching(r"\d{1,18}")(text)


Text = Annotated[str, AfterValidator(shapes.matching(r"[^\x00-\x1f\x7f]+"))]
DigitsOnly = Annotated[str, AfterValidator(_id)]
Seconds = Annotated[float, Field(gt=0, le=86_400, allow_inf_nan=False)]
Minutes = Annotated[float, Field(gt=0, le=10_080, allow_inf_nan=False)]
Hours = Annotated[float, Field(gt=0, le=744, allow_inf_nan=False)]
Cron = Annotated[str, AfterValidator(times.cron)]
ServiceUrl = Annotated[str, AfterValidator(shapes.service_url)]
EIGHT_DIGITS = r"\d{8}"
_SECONDS = "a number of seconds above 0"
_MINUTES = "a number of minutes above 0, at most 10080 (a week)"
_FROM_THE_ENVIRONMENT = "Read from the environment alone."
_YES_OR_NO = "true or false"


class DeclaredSettings(BaseModel):
    """What the environment and the secret hold, each value checked by itself. None: not set."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    config: Annotated[Path, BeforeValidator(shapes.existing_file)] | None = setting(
        "CLAIMS_CONFIG",
        "Several customers: the path of `claims.toml`, with a table for each. Takes the place of the settings of "
        "one customer. Not read from the secret.",
        "the path of a file such as claims.toml",
    )
    secret_id: Text | None = setting(
        "CLAIMS_SECRET_ID",
        "A secret in AWS Secrets Manager: JSON with names of this list and their values. What is set in the "
        "environment wins over it.",
        "the name or ARN of a secret",
    )
    storage: Annotated[StorageLocation, BeforeValidator(shapes.storage_location)] | None = setting(
        "CLAIMS_STORAGE",
        "The private work folder: reports, working files, claims. It holds PHI. Required.",
        "the whole path of a folder, or s3://bucket/prefix",
    )
    reports: Annotated[StorageLocation, BeforeValidator(shapes.storage_location)] | None = setting(
        "CLAIMS_REPORTS",
        "Where the reports for the billing lead go: web pages and lists of claim ids, without patients' data. Without "
        "it they lie in `sync_reports` below CLAIMS_STORAGE.",
        "the whole path of a folder, or s3://bucket/prefix",
    )
    keep_days: Annotated[int, Field(ge=1, le=3650)] = setting(
        "CLAIMS_KEEP_DAYS",
        "How long the reports of committed fetches, and the files of dry runs, are kept in the storage. What a later "
        "sync starts from, and fetches that were never committed, are kept whatever their age.",
        "a whole number of days from 1 to 3650",
        default=30,
    )
    log_level: Annotated[
        str, BeforeValidator(str.upper), AfterValidator(shapes.matching("DEBUG|INFO|WARNING|ERROR|CRITICAL"))
    ] = setting("LOG_LEVEL", "How much is logged.", "DEBUG, INFO, WARNING, ERROR or CRITICAL", default="INFO")
    ca_bundle: Annotated[Path, BeforeValidator(shapes.existing_file)] | None = setting(
        "CLAIMS_CA_BUNDLE",
        "Certificates (PEM) that HTTPS to CollaborateMD and Salesforce is checked against, in place of the usual "
        "ones: for the sandbox, or a company proxy that signs anew.",
        "the path of a PEM file",
    )
    connect_seconds: Seconds = setting(
        "CLAIMS_CONNECT_SECONDS", "How long connecting to a service may take.", _SECONDS, default=10.0
    )
    read_seconds: Seconds = setting(
        "CLAIMS_READ_SECONDS",
        "How long a service may stay silent within an answer. (A whole step has a deadline of its own.)",
        _SECONDS,
        default=120.0,
    )

    base_url: ServiceUrl = setting(
        "COLLABORATEMD_API_BASE_URL",
        "Where CollaborateMD's Web API answers.",
        "https://host, without a path (http for this machine's own sandbox only)",
        default="https://webapi.collaboratemd.com",
    )
    collaboratemd_username: Text | None = setting(
        "COLLABORATEMD_USERNAME", "The Web API's user name. Required.", "the Web API's user name"
    )
    collaboratemd_password: SecretStr | None = setting(
        "COLLABORATEMD_PASSWORD", "The Web API's password. Required.", "the Web API's password"
    )
    customer: Annotated[str, AfterValidator(shapes.matching(EIGHT_DIGITS))] | None = setting(
        "COLLABORATEMD_CUSTOMER",
        "One customer: its number in CollaborateMD. Dagster's partitions are read from the environment alone, so "
        "set it there.",
        "8 digits",
    )
    report_id: DigitsOnly | None = setting(
        "COLLABORATEMD_REPORT_ID",
        "One customer: the id of its saved report.",
        "digits only, another number than the filter's",
    )
    filter_id: DigitsOnly | None = setting(
        "COLLABORATEMD_FILTER_ID",
        "One customer: the id of the report's saved filter of recent claims (by last activity), fetched daily.",
        "digits only, another number than the report's",
    )
    filter_claim_complete: bool = setting(
        "COLLABORATEMD_FILTER_CLAIM_COMPLETE",
        "One customer: whether that filter returns every line of each claim that it returns. A charge report is "
        "taken from no other filter.",
        _YES_OR_NO,
        default=False,
    )
    full_filter_id: DigitsOnly | None = setting(
        "COLLABORATEMD_FULL_FILTER_ID",
        "One customer: the id of the saved filter that returns every claim, for the weekly full fetch.",
        "digits only, another number than the report's and than the other filter's",
    )
    full_filter_claim_complete: bool = setting(
        "COLLABORATEMD_FULL_FILTER_CLAIM_COMPLETE",
        "One customer: the same of the full filter.",
        _YES_OR_NO,
        default=False,
    )
    columns: Annotated[dict[str, str | None], BeforeValidator(shapes.column_labels)] | None = setting(
        "COLLABORATEMD_COLUMNS",
        "One customer: labels of the report beside those that we know, by field; null for a column that the report "
        "does not have, whose Salesforce field is then left alone.",
        'JSON such as {"paid": "Insurance Paid", "authorization": null}, with fields of docs/fields.md',
    )
    poll_seconds: Seconds = setting(
        "COLLABORATEMD_POLL_SECONDS",
        "How long to wait between two questions for a report.",
        _SECONDS,
        default=10.0,
    )
    collaboratemd_deadline_seconds: Seconds = setting(
        "COLLABORATEMD_DEADLINE_SECONDS",
        "How long fetching one report may take in all, waiting for the slot included.",
        _SECONDS,
        default=3600.0,
    )

    domain: Annotated[str, BeforeValidator(shapes.salesforce_domain)] | None = setting(
        "SALESFORCE_DOMAIN",
        "Where to sign in. Required, so that nothing is written to production by default.",
        "login (production), test (sandboxes), a My Domain such as acme.my or acme--dev.sandbox.my, or a login URL "
        "with https",
    )
    api_version: Annotated[str, AfterValidator(shapes.api_version)] = setting(
        "SALESFORCE_API_VERSION",
        "Version of Salesforce's API. Signing in by password ends with 64.0.",
        "a version such as 59.0, at least 47.0",
        default="59.0",
    )
    salesforce_username: Text | None = setting(
        "SALESFORCE_USERNAME",
        "The integration user. For signing in by JWT and by password.",
        "the user name of the integration user",
    )
    consumer_key: Text | None = setting(
        "SALESFORCE_CONSUMER_KEY",
        "Consumer key of the External Client App. For signing in by JWT and by client credentials.",
        "the consumer key of the External Client App",
    )
    private_key: SecretStr | None = setting(
        "SALESFORCE_PRIVATE_KEY",
        "The private key whose certificate the External Client App holds. For signing in by JWT (recommended).",
        "an RSA private key in PEM without a passphrase, or the path of its file",
    )
    consumer_secret: SecretStr | None = setting(
        "SALESFORCE_CONSUMER_SECRET",
        "Consumer secret of the External Client App. For signing in by client credentials, which needs a My Domain.",
        "the consumer secret of the External Client App",
    )
    salesforce_password: SecretStr | None = setting(
        "SALESFORCE_PASSWORD",
        "The user's password. For signing in by password, which Salesforce ends in summer 2027.",
        "the integration user's password, without the token",
    )
    security_token: SecretStr | None = setting(
        "SALESFORCE_SECURITY_TOKEN",
        "The user's security token. For signing in by password.",
        "the token that Salesforce mailed, or none where the org trusts this address",
    )
    batch_size: Annotated[int, Field(ge=1, le=200)] = setting(
        "BATCH_SIZE", "Rows in one Collections call.", "a number from 1 to 200", default=200
    )
    bulk_from_rows: Annotated[int, Field(ge=1)] = setting(
        "SALESFORCE_BULK_FROM_ROWS",
        "From how many changed rows on they go by Bulk API 2.0.",
        "a number of at least 1",
        default=2000,
    )
    jobs_at_once: Annotated[int, Field(ge=1, le=10)] = setting(
        "SALESFORCE_JOBS_AT_ONCE",
        "How many Bulk jobs of one sync may run at the same time.",
        "a number from 1 to 10",
        default=3,
    )
    fields_left_alone: Annotated[frozenset[str], BeforeValidator(shapes.field_names)] = setting(
        "SALESFORCE_FIELDS_LEFT_ALONE",
        "Fields of Claim__c that people own in this org: never sent, never healed.",
        "API names of fields that we write, separated by commas, such as Name,Payer__c",
        default=frozenset(),
    )
    salesforce_poll_seconds: Seconds = setting(
        "SALESFORCE_POLL_SECONDS",
        "The longest wait between two looks at a Bulk job; a long job is looked at less often.",
        _SECONDS,
        default=5.0,
    )
    salesforce_deadline_seconds: Seconds = setting(
        "SALESFORCE_DEADLINE_SECONDS", "How long one Bulk job may take in all.", _SECONDS, default=21600.0
    )

    table_name: Annotated[str, AfterValidator(shapes.matching(r"[A-Za-z0-9_.-]{3,255}"))] = setting(
        "DYNAMODB_TABLE_NAME",
        "The table of the sync state.",
        "3 to 255 letters, digits, points, dashes or underscores",
        default="collaboratemd-state",
    )
    endpoint_url: ServiceUrl | None = setting(
        "DYNAMODB_ENDPOINT_URL",
        "Where DynamoDB answers, when not at AWS.",
        "https://host (http for this machine's own sandbox only)",
        also=("AWS_ENDPOINT_URL_DYNAMODB",),
    )
    region: Annotated[str, AfterValidator(shapes.matching(r"[a-z]{2,4}(-[a-z]+)+-\d"))] | None = setting(
        "AWS_REGION",
        "The AWS region. Lambda sets it; without it boto3's own configuration counts.",
        "a region such as us-east-1",
        also=("AWS_DEFAULT_REGION",),
    )
    lease_term_seconds: Seconds = setting(
        "CLAIMS_LEASE_SECONDS",
        "How long a run must stand still before another may take its customer over.",
        _SECONDS,
        default=300.0,
    )

    daily_cron: Cron = setting(
        "CLAIMS_DAILY_CRON",
        f"When the daily sync of each customer's recent claims starts. {_FROM_THE_ENVIRONMENT}",
        "a cron of five fields, such as 30 1 * * mon-fri",
        default=ScheduleTimes.daily_cron,
    )
    full_cron: Cron = setting(
        "CLAIMS_FULL_CRON",
        f"When the full fetch with reconciliation starts, for customers with a full filter. {_FROM_THE_ENVIRONMENT}",
        "a cron of five fields, such as 0 4 * * 0",
        default=ScheduleTimes.full_cron,
    )
    timezone: Annotated[str, AfterValidator(times.time_zone)] = setting(
        "CLAIMS_TIMEZONE",
        f"The time zone of both. {_FROM_THE_ENVIRONMENT}",
        "a time zone such as America/New_York",
        default=ScheduleTimes.timezone,
    )
    due_after_hours: Hours = setting(
        "CLAIMS_DUE_AFTER_HOURS",
        "After how many hours without a success a customer is due, whatever the schedules do.",
        "a number of hours above 0, at most 744 (a month)",
        default=DueRules.due_after.total_seconds() / 3600,
    )
    most_attempts: Annotated[int, Field(ge=1, le=100)] = setting(
        "CLAIMS_MOST_ATTEMPTS",
        "After how many failed attempts in a row a customer waits for a person.",
        "a number from 1 to 100",
        default=DueRules.most_attempts,
    )
    first_wait_minutes: Minutes = setting(
        "CLAIMS_FIRST_WAIT_MINUTES",
        "How long to wait after the first failed attempt. It doubles with each further one.",
        _MINUTES,
        default=DueRules.first_wait.total_seconds() / 60,
    )
    longest_wait_minutes: Minutes = setting(
        "CLAIMS_LONGEST_WAIT_MINUTES",
        "The longest wait between two attempts.",
        f"{_MINUTES}, and no shorter than CLAIMS_FIRST_WAIT_MINUTES",
        default=DueRules.longest_wait.total_seconds() / 60,
    )
    alerts_to: SecretStr | None = setting(
        "CLAIMS_ALERTS_TO",
        "Whom alerts go to: addresses with white space between. Topics of SNS by their ARN; webhooks of Slack and of "
        "Teams (a workflow) as they were copied there; e-mail as mailtos://user:password@host?to=someone@example.com; "
        "any other that the library Apprise knows. None: nobody is told.",
        "ARNs of SNS topics, https webhooks or Apprise addresses, with white space between",
    )
    alert_refused_above: Annotated[int, Field(ge=0)] = setting(
        "CLAIMS_ALERT_REFUSED_ABOVE",
        "Alert when Salesforce refuses more claims of a customer than this.",
        "a number of at least 0",
        default=AlertRules.refused_above,
    )
    alert_rejected_above: Annotated[int, Field(ge=0)] = setting(
        "CLAIMS_ALERT_REJECTED_ABOVE",
        "Alert when more rows of a customer's report than this are rejected.",
        "a number of at least 0",
        default=AlertRules.rejected_above,
    )
    alert_payor_dollars_above: Annotated[float, Field(ge=0, allow_inf_nan=False)] = setting(
        "CLAIMS_ALERT_PAYOR_DOLLARS_ABOVE",
        "Alert when a payor that is not mapped has more charged US dollars in Salesforce than this.",
        "US dollars, at least 0",
        default=AlertRules.payor_dollars_above,
    )
    alert_again_hours: Hours = setting(
        "CLAIMS_ALERT_AGAIN_HOURS",
        "What still stands is told again after so many hours, and not before.",
        "a number of hours above 0, at most 744 (a month)",
        default=AlertRules.again_after.total_seconds() / 3600,
    )
    dagster_url: ServiceUrl | None = setting(
        "CLAIMS_DAGSTER_URL",
        "Where people open the Dagster UI: alerts link to the run there.",
        "https://host, without a path (http for this machine's own sandbox only)",
    )
    docs_url: Annotated[str, AfterValidator(shapes.matching(r"https://[^\s\x00-\x1f\x7f]+"))] | None = (
        setting(
            "CLAIMS_DOCS_URL",
            "Where people read these docs: alerts and failed steps link to the page there.",
            "https://host/path, the folder that holds operations.md",
        )
    )
    stop_before_seconds: Seconds = setting(
        "LAMBDA_STOP_BEFORE_SECONDS",
        "Lambda: how long before its time-out an invocation stops and lets a continuation go on; at most a quarter "
        "of the time-out. Longer than the longest step that cannot stop midway.",
        _SECONDS,
        default=LambdaRules.stop_before_seconds,
    )
    most_continuations: Annotated[int, Field(ge=0, le=500)] = setting(
        "LAMBDA_MOST_CONTINUATIONS",
        "Lambda: how many times in a row an invocation may let a continuation go on, before it fails. AWS itself "
        "stops a function that calls itself more than 16 times, unless its RecursiveLoop is set to Allow.",
        "a number from 0 to 500",
        default=LambdaRules.most_continuations,
    )


@dataclass(frozen=True)
class SettingDescription:
    """A setting as the docs list it. `default` is empty where there is none."""

    name: str
    also: tuple[str, ...]
    default: str
    meaning: str
    shape: str
    is_secret: bool


def describe_settings() -> list[SettingDescription]:
    """All settings that the environment may hold, in the order in which people should read them."""
    return [describe(field) for field in DeclaredSettings.model_fields]


def describe(field: str) -> SettingDescription:
    """The description of one field of DeclaredSettings."""
    info = DeclaredSettings.model_fields[field]
    extra = cast("dict[str, Any]", info.json_schema_extra)
    return SettingDescription(
        name=extra["name"],
        also=tuple(extra["also"]),
        default=_shown(info.default),
        meaning=info.description or "",
        shape=extra["shape"],
        is_secret=SecretStr in getattr(info.annotation, "__args__", ()),
    )


def name_of(field: str) -> str:
    """The environment name of a field of DeclaredSettings."""
    return describe(field).name


def _shown(default: object) -> str:
    if default is None or default == frozenset():
        return ""
    if isinstance(default, bool):
        return str(default).lower()
    return f"{default:g}" if isinstance(default, float) else str(default)
