"""CollaborateMD's report API: run a saved report, wait for it, bring its ZIP to disk.

What belongs here: everything about the wire. Not here: what is in the report (`storage.report_zip`, `claims.reading`).
"""

from claims_pipeline.clients.collaboratemd.answers import Status
from claims_pipeline.clients.collaboratemd.client import CollaborateMDClient, OnWaiting, Waiting
from claims_pipeline.clients.collaboratemd.refusals import (
    AnswerUnreadable,
    CredentialsRefused,
    ReportDeadline,
    ReportFailed,
    ReportNotFound,
    ReportTimedOut,
    ServiceRefused,
    ServiceUnavailable,
    SlotTaken,
    UnknownStatus,
)

__all__ = [
    "AnswerUnreadable",
    "CollaborateMDClient",
    "CredentialsRefused",
    "OnWaiting",
    "ReportDeadline",
    "ReportFailed",
    "ReportNotFound",
    "ReportTimedOut",
    "ServiceRefused",
    "ServiceUnavailable",
    "SlotTaken",
    "Status",
    "UnknownStatus",
    "Waiting",
]
