"""REST resources that tell about the org: the version's root, the objects, their descriptions, the limits.

What belongs here: what is only read, apart from records and queries (`records`, `queries`).
"""

from datetime import UTC, datetime, timedelta

from claims_pipeline.sandbox.salesforce import describe
from claims_pipeline.sandbox.salesforce.calls import Answer, ApiError, Call, Endpoint
from claims_pipeline.sandbox.salesforce.records import object_of
from claims_pipeline.sandbox.salesforce.soql import execute

_LARGEST_COLLECTION = 200


def endpoints() -> list[Endpoint]:
    """The paths of these resources."""
    return [
        Endpoint("GET", "", root),
        Endpoint("GET", "limits", limits),
        Endpoint("GET", "sobjects", objects),
        Endpoint("GET", "sobjects/{object}", basic_information),
        Endpoint("GET", "sobjects/{object}/describe", description),
        Endpoint("GET", "sobjects/{object}/updated", updated),
        Endpoint("GET", "sobjects/{object}/deleted", deleted),
    ]


def root(call: Call) -> Answer:
    """What there is under a version."""
    names = ("composite", "jobs", "limits", "query", "queryAll", "sobjects")
    identity = f"{call.base_url}/id/{call.org.settings.organization_id}/{call.user.id}"
    return Answer(200, {name: f"{call.root}/{name}" for name in names} | {"identity": identity})


def limits(call: Call) -> Answer:
    """The org's limits; only the API requests are counted down here."""
    org = call.org
    left = max(org.daily_api_requests - org.api_requests_used, 0)
    fixed = {
        "ConcurrentAsyncGetReportInstances": 200,
        "DailyBulkApiBatches": 15_000,
        "DailyBulkV2QueryFileStorageMB": 976_562,
        "DailyBulkV2QueryJobs": 10_000,
        "DataStorageMB": 10_240,
        "FileStorageMB": 10_240,
    }
    return Answer(
        200,
        {"DailyApiRequests": {"Max": org.daily_api_requests, "Remaining": left}}
        | {name: {"Max": most, "Remaining": most} for name, most in fixed.items()}
        | {
            "DailyBulkV2QueryJobs": {"Max": 10_000, "Remaining": 10_000},
            "PermissionSets": {
                "Max": 1_500,
                "Remaining": 1_498,
                "CreateCustom": {"Max": 1_000, "Remaining": 998},
            },
        },
    )


def objects(call: Call) -> Answer:
    """Every object that the caller sees, in short."""
    seen = [call.org.seen_by(call.user, name) for name in sorted(call.org.schema.objects)]
    listed = [describe.summary(found, call.root) for found in seen if found is not None]
    return Answer(200, {"encoding": "UTF-8", "maxBatchSize": _LARGEST_COLLECTION, "sobjects": listed})


def basic_information(call: Call) -> Answer:
    """One object in short; nobody has looked at any record lately."""
    return Answer(200, {"objectDescribe": describe.summary(object_of(call), call.root), "recentItems": []})


def description(call: Call) -> Answer:
    """One object with every field that the caller sees."""
    return Answer(200, describe.full(object_of(call), call.org.schema, call.root))


def updated(call: Call) -> Answer:
    """The ids of the records that were written between two instants."""
    schema = object_of(call)
    start, end = _span(call)
    found = execute(
        call.org,
        call.user,
        f"SELECT Id FROM {schema.name} WHERE SystemModstamp >= {start} AND SystemModstamp < {end}",
        version=call.version,
    )
    ids = [record["Id"] for record in found.records]
    return Answer(200, {"ids": ids, "latestDateCovered": _as_rest(end)})


def deleted(call: Call) -> Answer:
    """The records that were deleted between two instants."""
    schema = object_of(call)
    start, end = _span(call)
    found = execute(
        call.org,
        call.user,
        f"SELECT Id, SystemModstamp FROM {schema.name} WHERE IsDeleted = true AND SystemModstamp >= {start} "
        f"AND SystemModstamp < {end}",
        include_deleted=True,
        version=call.version,
    )
    gone = [{"id": record["Id"], "deletedDate": record["SystemModstamp"]} for record in found.records]
    since = (call.org.now() - timedelta(days=15)).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    covered = {"earliestDateAvailable": _as_rest(since), "latestDateCovered": _as_rest(end)}
    return Answer(200, {"deletedRecords": gone, **covered})


def _span(call: Call) -> tuple[str, str]:
    """`start` and `end` as SOQL writes instants. A plus that came unquoted arrives as a space."""
    try:
        start, end = (
            datetime.fromisoformat(call.query[name].replace(" ", "+").replace("Z", "+00:00")).astimezone(UTC)
            for name in ("start", "end")
        )
    except (KeyError, ValueError):
        raise ApiError(400, "INVALID_REPLICATION_DATE", "start and end must be given as ISO 8601") from None
    if start >= end:
        raise ApiError(400, "INVALID_REPLICATION_DATE", "startDate before org replication enabled date")
    return f"{start:%Y-%m-%dT%H:%M:%SZ}", f"{end:%Y-%m-%dT%H:%M:%SZ}"


def _as_rest(instant: str) -> str:
    return instant.replace("Z", ".000+0000")
