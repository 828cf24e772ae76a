"""The table of network faults: where a run can be hit, and by what.

What belongs here: places and faults, with what each is expected to come to. Not here: running them.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Literal

from claims_pipeline.sandbox.broken_wires import Wire
from claims_pipeline.sandbox.faults import Fault
from claims_pipeline_tests.faults.network_town import error_body
from claims_pipeline_tests.journeys.canary import PATIENT

System = Literal["collaboratemd", "salesforce", "dynamodb"]
COLLECTIONS, BULK = "collections", "bulk"
WAYS: dict[str, tuple[dict[str, str], tuple[str, ...]]] = {
    COLLECTIONS: ({"SALESFORCE_BULK_FROM_ROWS": "1000000"}, ()),
    BULK: ({"SALESFORCE_BULK_FROM_ROWS": "1"}, ("--full",)),
}
"""How a run goes: its settings and options. A full one reads the claims back by a Bulk query."""
NAMES = {"collaboratemd": "CollaborateMD", "salesforce": "Salesforce", "dynamodb": "DynamoDB"}
FOR_EVER = 1_000_000


@dataclass(frozen=True)
class Place:
    """A request of a run, by the way on which it is made."""

    name: str
    system: System
    method: str
    path: str
    way: str | None = None
    """The one way on which there is such a request; None: on each."""


_JOB = r"jobs/ingest/\w+"
_QUERY_JOB = r"jobs/query/\w+"
PLACES = (
    Place("CollaborateMD run", "collaboratemd", "POST", "/run$"),
    Place("CollaborateMD results", "collaboratemd", "POST", "/results/"),
    Place("sign-in", "salesforce", "POST", "/oauth2/token$"),
    Place("who we are", "salesforce", "GET", "/oauth2/userinfo$"),
    Place("describe", "salesforce", "GET", "/describe$"),
    Place("SOQL query", "salesforce", "GET", r"/query/?\?"),
    Place("composite read", "salesforce", "POST", "/composite$"),
    Place("Collections", "salesforce", "PATCH", "/composite/sobjects/", COLLECTIONS),
    Place("Bulk create", "salesforce", "POST", "/jobs/ingest$", BULK),
    Place("Bulk upload", "salesforce", "PUT", f"/{_JOB}/batches$", BULK),
    Place("Bulk UploadComplete", "salesforce", "PATCH", f"/{_JOB}$", BULK),
    Place("Bulk poll", "salesforce", "GET", f"/{_JOB}$", BULK),
    Place("Bulk successfulResults", "salesforce", "GET", f"/{_JOB}/successfulResults", BULK),
    Place("Bulk query create", "salesforce", "POST", "/jobs/query$", BULK),
    Place("Bulk query poll", "salesforce", "GET", f"/{_QUERY_JOB}$", BULK),
    Place("Bulk query results", "salesforce", "GET", f"/{_QUERY_JOB}/results", BULK),
    Place("DynamoDB describe", "dynamodb", "POST", "/DescribeTable"),
    Place("DynamoDB get", "dynamodb", "POST", "/GetItem"),
    Place("DynamoDB lease", "dynamodb", "POST", "/UpdateItem/10001001/lease_owner"),
    Place("DynamoDB sequence", "dynamodb", "POST", "/UpdateItem/10001001/sequence"),
    Place("DynamoDB report slot", "dynamodb", "POST", "/UpdateItem/report-slot:[^/]+/lease_owner"),
    Place("DynamoDB organization", "dynamodb", "POST", "/UpdateItem/default/organization_id"),
    Place("DynamoDB Bulk job", "dynamodb", "POST", "/UpdateItem/10001001/bulk_jobs", BULK),
    Place("DynamoDB commit", "dynamodb", "POST", "/TransactWriteItems"),
)

_PAGE = f"<html><body>{PATIENT} we are in maintenance</body></html>".encode()
_HTML = {"Content-Type": "text/html; charset=UTF-8"}
_BUSY = error_body("REQUEST_LIMIT_EXCEEDED", f"ConcurrentRequests {PATIENT}")
_BROKEN = error_body("UNKNOWN_EXCEPTION", f"{PATIENT} broke it")


@dataclass(frozen=True)
class Kind:
    """A fault without its place. `fatal_to`: systems for which one is too much for a run already."""

    name: str
    fault: Fault
    harmless: bool = False
    """Whether it may last for ever, wherever it is, and a run still succeeds."""
    fatal_to: frozenset[System] = field(default_factory=frozenset)

    @property
    def is_silent(self) -> bool:
        """Whether each one costs real seconds: the client's patience with a silent server."""
        return self.fault.wire is Wire.SILENT

    def is_harmless(self, place: Place) -> bool:
        """Whether a run succeeds though it lasts: at that place nothing is lost by it."""
        if place.name == "Bulk upload":  # its answer has no body
            return self.harmless or self.is_of_the_body
        if place.name == "Bulk UploadComplete":  # the job itself says whether it was told
            return self.harmless or not self.fault.before or self.fault.cut_after_bytes is not None
        return self.harmless or (place.system == "dynamodb" and bool(self.fault.drip_seconds))

    @property
    def is_of_the_body(self) -> bool:
        """Whether it harms what comes after an answer's head alone."""
        return bool(self.fault.drip_seconds) or self.fault.cut_after_bytes is not None

    def at(self, place: Place, *, times: int = 1, after: int = 0) -> Fault:
        """The fault at that place."""
        return replace(self.fault, method=place.method, path=place.path, times=times, after=after)


_DRIP_SECONDS = 60.0
KINDS = (
    Kind("latency", Fault(delay_seconds=20), harmless=True),
    Kind("reset", Fault(wire=Wire.RESET)),
    Kind("reset after it acted", Fault(wire=Wire.RESET, before=False)),
    Kind("cut", Fault(cut_after_bytes=10)),
    Kind("cut before the first byte", Fault(cut_after_bytes=0)),
    Kind("cut without length", Fault(cut_after_bytes=10, wire=Wire.NO_LENGTH)),
    Kind("empty without length", Fault(cut_after_bytes=0, wire=Wire.NO_LENGTH)),
    Kind("drip", Fault(drip_seconds=_DRIP_SECONDS), fatal_to=frozenset({"collaboratemd", "salesforce"})),
    Kind("silence", Fault(wire=Wire.SILENT)),
    Kind("silence after it acted", Fault(wire=Wire.SILENT, before=False)),
    Kind("429", Fault(status=429, headers={"Retry-After": "7"}, body=_BUSY)),
    Kind("500", Fault(status=500, body=_BROKEN)),
    Kind("500 after it acted", Fault(status=500, body=_BROKEN, before=False)),
    Kind("503", Fault(status=503, body=_PAGE, headers=_HTML)),
    Kind("a page", Fault(status=200, body=_PAGE, headers=_HTML)),
    Kind("a page after it acted", Fault(status=200, body=_PAGE, headers=_HTML, before=False)),
)


def at_once(kind: Kind, way: str) -> Iterator[Place]:
    """The places of this way that a run can meet one each of this fault at; of a silent one, a few that differ."""
    for place in PLACES:
        on_the_way = place.way in (None, way)
        if on_the_way and place.system not in kind.fatal_to and (place.name in _SILENT or not kind.is_silent):
            yield place


_SILENT = frozenset(
    {"CollaborateMD run", "sign-in", "Collections", "Bulk upload", "Bulk UploadComplete", "DynamoDB commit"}
)


def lasting() -> Iterator[tuple[Place, Kind]]:
    """Each place with one of the faults, each fault somewhere: what `make test` tries of the lasting ones."""
    usable = [kind for kind in KINDS if not kind.harmless and not kind.is_silent]
    for number, place in enumerate(PLACES):
        yield place, usable[number * 5 % len(usable)]
    silent = [kind for kind in KINDS if kind.is_silent]
    for place in PLACES:
        if place.name in ("Collections", "DynamoDB lease"):
            yield place, silent[0]
