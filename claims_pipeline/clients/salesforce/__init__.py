"""Salesforce: signing in, reading and writing one org, over simple-salesforce with its gaps closed."""

from claims_pipeline.clients.salesforce.bulk_job import JobEvent, JobListener
from claims_pipeline.clients.salesforce.client import SalesforceClient
from claims_pipeline.clients.salesforce.describe import FieldDescription, ObjectDescription
from claims_pipeline.clients.salesforce.foresight import Foresight
from claims_pipeline.clients.salesforce.identity import OrgIdentity
from claims_pipeline.clients.salesforce.outcomes import OUTCOME_SCHEMA, Outcome
from claims_pipeline.clients.salesforce.patience import Patience
from claims_pipeline.clients.salesforce.preflight import CLAIM_FIELDS, ClaimShape, Holds, WantedField
from claims_pipeline.clients.salesforce.reading import soql_text
from claims_pipeline.clients.salesforce.refusals import (
    PASSING_CODES,
    AddressRefused,
    AnotherOrgAnswers,
    NotTrusted,
    ObjectMissing,
    OrgNotReady,
    QuotaSpent,
    RequestRefused,
    SalesforceUnavailable,
    SignInRefused,
    UnexpectedAnswer,
)
from claims_pipeline.clients.salesforce.session import ApiUsage, Timing
from claims_pipeline.clients.salesforce.sign_in import SalesforceLogin, Way
from claims_pipeline.clients.salesforce.writing import BulkSizes

__all__ = [
    "CLAIM_FIELDS",
    "OUTCOME_SCHEMA",
    "PASSING_CODES",
    "AddressRefused",
    "AnotherOrgAnswers",
    "ApiUsage",
    "BulkSizes",
    "ClaimShape",
    "FieldDescription",
    "Foresight",
    "Holds",
    "JobEvent",
    "JobListener",
    "NotTrusted",
    "ObjectDescription",
    "ObjectMissing",
    "OrgIdentity",
    "OrgNotReady",
    "Outcome",
    "Patience",
    "QuotaSpent",
    "RequestRefused",
    "SalesforceClient",
    "SalesforceLogin",
    "SalesforceUnavailable",
    "SignInRefused",
    "Timing",
    "UnexpectedAnswer",
    "WantedField",
    "Way",
    "soql_text",
]
