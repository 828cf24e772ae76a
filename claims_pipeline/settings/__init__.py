"""Every setting once: its name, default, meaning and shape; read from the environment, `claims.toml` and one secret.

What belongs here: what people may set, how it must look, and the frozen facts that the rest of the pipeline reads.
Not here: what a setting does (that is in the room that uses it), nor any client of an outside system but the one
that reads the secret. Names of report columns and of Salesforce fields come in as parameters: they stand in `claims`.

A name set in the environment wins over the same name in the secret; a blank value counts as not set.
"""

from claims_pipeline.settings.declared import SettingDescription, describe_settings
from claims_pipeline.settings.facts import (
    AlertRules,
    AlertsAlone,
    CollaborateMD,
    Customer,
    DueRules,
    Filter,
    FilterKind,
    Salesforce,
    SalesforceAlone,
    ScheduleTimes,
    Settings,
    SignIn,
    State,
    StorageLocation,
    Thresholds,
    TimeLimits,
)
from claims_pipeline.settings.load import (
    customer_numbers,
    load_alerts,
    load_salesforce,
    load_settings,
    times_of_schedules,
)
from claims_pipeline.settings.secret import SecretForAWhile, SecretReader, read_aws_secret

__all__ = [
    "AlertRules",
    "AlertsAlone",
    "CollaborateMD",
    "Customer",
    "DueRules",
    "Filter",
    "FilterKind",
    "Salesforce",
    "SalesforceAlone",
    "ScheduleTimes",
    "SecretForAWhile",
    "SecretReader",
    "SettingDescription",
    "Settings",
    "SignIn",
    "State",
    "StorageLocation",
    "Thresholds",
    "TimeLimits",
    "customer_numbers",
    "describe_settings",
    "load_alerts",
    "load_salesforce",
    "load_settings",
    "read_aws_secret",
    "times_of_schedules",
]
