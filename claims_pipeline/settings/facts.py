"""The settings as the rest of the pipeline reads them: frozen, checked, with secrets that do not print.

What belongs here: the shapes. Not here: how they are read or checked.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from pathlib import Path

from pydantic import SecretStr

from claims_pipeline.errors import SettingsError


class FilterKind(StrEnum):
    """What a saved filter returns: a window of recent activity, or (all full filters together) the whole book."""

    RECENT = "recent"
    FULL = "full"


@dataclass(frozen=True)
class Filter:
    """A saved filter of a customer's report."""

    id: str
    kind: FilterKind
    claim_complete: bool = False
    """Whether it returns every line of each claim that it returns: without it no charge report is taken."""


@dataclass(frozen=True)
class Thresholds:
    """What of a report makes us suspicious: against the last one of the same filter, and against the org."""

    least_share_of_last_report: float = 0.5
    empty_report_is_normal: bool = False
    most_share_changed: float = 0.5
    most_share_of_charged_lost: float = 0.1


@dataclass(frozen=True)
class Customer:
    """A CollaborateMD customer number, and what is fetched for it."""

    number: str
    name: str
    report_id: str
    filters: tuple[Filter, ...]
    columns: Mapping[str, str | None] = field(default_factory=dict)
    """Report field -> a label beside those we know; None: the report has no such column, its field is the org's."""
    thresholds: Thresholds = Thresholds()

    def filters_of(self, kind: FilterKind) -> tuple[Filter, ...]:
        """The filters declared `kind`, in the order of the settings."""
        return tuple(each for each in self.filters if each.kind is kind)


@dataclass(frozen=True)
class CollaborateMD:
    """How to reach CollaborateMD, and how patiently."""

    base_url: str
    username: str
    password: SecretStr
    poll_seconds: float
    deadline_seconds: float


class SignIn(StrEnum):
    """The ways of signing in to Salesforce."""

    JWT_BEARER = "jwt-bearer"
    CLIENT_CREDENTIALS = "client-credentials"
    PASSWORD = "password"  # noqa: S105 - the name of a way, not a password


@dataclass(frozen=True)
class Salesforce:
    """How to sign in to Salesforce and how to send. What the way of signing in does not need is None."""

    sign_in: SignIn
    domain: str
    """`login`, `test`, a My Domain such as `acme.my`, or a whole login URL without a slash at its end."""
    api_version: str
    username: str | None
    password: SecretStr | None
    security_token: SecretStr | None
    """Empty where the org trusts our address and asks for none."""
    consumer_key: str | None
    private_key: SecretStr | None
    consumer_secret: SecretStr | None
    batch_size: int
    bulk_from_rows: int
    jobs_at_once: int
    fields_left_alone: frozenset[str]
    poll_seconds: float
    deadline_seconds: float

    @property
    def login_url(self) -> str:
        """Where to sign in, without a slash at its end."""
        return self.domain if "://" in self.domain else f"https://{self.domain}.salesforce.com"

    @property
    def audience(self) -> str:
        """The `aud` of a JWT: production's or the sandboxes' login host, whatever host we ask."""
        host = self.login_url.partition("://")[2]
        is_sandbox = host.startswith("test.") or ".sandbox." in host
        return f"https://{'test' if is_sandbox else 'login'}.salesforce.com"


@dataclass(frozen=True)
class State:
    """Where the sync state stands in DynamoDB. Region and endpoint None: as boto3 finds them."""

    table_name: str
    region: str | None
    endpoint_url: str | None
    lease_term_seconds: float


@dataclass(frozen=True)
class DueRules:
    """When a customer is due, and how patiently a failed one is tried again."""

    due_after: timedelta = timedelta(hours=26)
    """Since the last success: more than a day, so that on a good day the schedule alone runs."""
    most_attempts: int = 6
    first_wait: timedelta = timedelta(minutes=15)
    """After the first failed attempt; it doubles with each further one."""
    longest_wait: timedelta = timedelta(hours=4)


@dataclass(frozen=True)
class AlertRules:
    """Whom alerts go to, and from when on something is worth one."""

    to: tuple[SecretStr, ...] = ()
    refused_above: int = 10
    rejected_above: int = 25
    payor_dollars_above: float = 10_000.0
    again_after: timedelta = timedelta(hours=24)
    dagster_url: str | None = None
    docs_url: str | None = None


@dataclass(frozen=True)
class LambdaRules:
    """How one invocation of the Lambda function ends, and how often the next may go on where it stopped."""

    stop_before_seconds: float = 90.0
    most_continuations: int = 12
    """Below the 16 calls of itself at which AWS takes a function for an endless loop."""


@dataclass(frozen=True)
class ScheduleTimes:
    """When the schedules fire, by the clocks of one time zone."""

    daily_cron: str = "0 2 * * *"
    full_cron: str = "0 4 * * 0"
    timezone: str = "America/New_York"


@dataclass(frozen=True)
class StorageLocation:
    """The private work folder: either `folder`, or `bucket` and `prefix` (without slashes at its ends)."""

    folder: Path | None
    bucket: str | None = None
    prefix: str = ""

    def __str__(self) -> str:
        """As it was set."""
        return str(self.folder) if self.bucket is None else f"s3://{self.bucket}/{self.prefix}".rstrip("/")


@dataclass(frozen=True)
class TimeLimits:
    """Of one HTTP request to CollaborateMD or Salesforce."""

    connect_seconds: float
    read_seconds: float


@dataclass(frozen=True)
class SalesforceAlone:
    """What is needed to sign in to Salesforce, without the rest of the pipeline."""

    salesforce: Salesforce
    time_limits: TimeLimits
    ca_bundle: Path | None


@dataclass(frozen=True)
class AlertsAlone:
    """What is needed to tell people that a run failed, when it failed over the rest of the settings."""

    alerts: AlertRules
    state: State


@dataclass(frozen=True)
class Settings:
    """All settings of a deployment, checked together."""

    customers: tuple[Customer, ...]
    collaboratemd: CollaborateMD
    salesforce: Salesforce
    state: State
    due: DueRules
    times: ScheduleTimes
    on_lambda: LambdaRules
    alerts: AlertRules
    storage: StorageLocation
    keep: timedelta
    """How long what no sync needs any more is kept in the storage."""
    time_limits: TimeLimits
    ca_bundle: Path | None
    log_level: str
    reports: StorageLocation | None = None
    """Where the billing lead's reports go; None: below the storage."""

    def customer(self, number: str) -> Customer:
        """The customer of this number; SettingsError when there is none."""
        for each in self.customers:
            if each.number == number:
                return each
        known = ", ".join(each.number for each in self.customers)
        raise SettingsError([f"customer {number} is not set up; the settings know {known}"])
