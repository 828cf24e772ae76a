"""A town behind wires that can be harmed: whole runs of the command line, in time that passes as soon as someone waits.

What belongs here: running, what a run asked of whom, and what stands in the org and in the state after it. Not here:
which faults there are (`network_table`), nor what must be true after them (`network_truths`).
"""

import asyncio
import io
import json
import logging
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from unittest import mock

import boto3
import requests

from claims_pipeline.sandbox.faults import Access, FaultsAndLog
from claims_pipeline.sandbox.salesforce.settings import ADMIN_USERNAME
from claims_pipeline.sandbox.serving import serve
from claims_pipeline.sync.connections import Clocks, connect
from claims_pipeline_tests.command_line import claims_pipeline
from claims_pipeline_tests.faults.network_dynamodb import DynamoDBWire
from claims_pipeline_tests.given_report import report
from claims_pipeline_tests.journeys import canary
from claims_pipeline_tests.town import FIRST, SECOND, Town, towns

MONEY = ("Charged_Amount__c", "Paid_Amount__c", "Total_BDP__c")
PLAIN_SCRIPT = {
    "polls_before_done": 1,
    "fail_after_rows": None,
    "abort_after_rows": None,
    "jobs_stopped": None,
    "fail_queries": False,
    "lose_results": False,
    "hold": False,
}
Book = dict[str, tuple[Decimal, Decimal, Decimal]]


class PassingTime:
    """Seconds that pass at once when somebody waits for them; `waited` lists the waits."""

    def __init__(self) -> None:
        self.waited: list[float] = []
        self._ahead = 0.0
        self._lock = threading.Lock()

    def monotonic(self) -> float:
        """Real seconds, and those that were waited for."""
        return time.monotonic() + self._ahead

    def sleep(self, seconds: float) -> None:
        """Let them pass."""
        with self._lock:
            self.waited.append(seconds)
            self._ahead += seconds

    async def delay(self, seconds: float) -> None:
        """The same for a server: the client's time passes."""
        with self._lock:
            self._ahead += seconds
        await asyncio.sleep(0)  # others' turn: the client may have hung up


@dataclass(frozen=True)
class Ran:
    """One run of the command line: how it ended, what it said and logged, what it asked of each system."""

    code: int
    out: str
    err: str
    logged: str
    asked: dict[str, list[Access]]
    waited: tuple[float, ...]

    @property
    def words(self) -> str:
        """All that people and logs get to see."""
        return self.out + self.err + self.logged

    @property
    def calls(self) -> int:
        """How many requests went out."""
        return sum(map(len, self.asked.values()))

    def count(self, system: str, *, method: str = "", path: str = "") -> int:
        """How many requests there were of this kind."""
        return sum(each.method.startswith(method) and path in each.path for each in self.asked[system])

    @property
    def sign_ins(self) -> int:
        """How often it signed in to Salesforce, or tried."""
        return self.count("salesforce", path="/oauth2/token")


@dataclass(frozen=True)
class Network:
    """A town, the wires to its three systems, and the time of its runs."""

    town: Town
    state: FaultsAndLog
    time: PassingTime

    @property
    def wires(self) -> dict[str, FaultsAndLog]:
        """Each system's faults and log."""
        sandbox = self.town.sandbox
        return {
            "collaboratemd": sandbox.collaboratemd_wire,
            "salesforce": sandbox.salesforce_wire,
            "dynamodb": self.state,
        }

    def anew(self, folder: Path, **settings: str) -> "Network":
        """The same systems without faults; a storage and a sync state of their own, and a time that begins."""
        self.clear_faults()
        self.bulk(**PLAIN_SCRIPT)
        passing = PassingTime()
        for wire in self.wires.values():
            wire.sleep = passing.delay
        return replace(self, town=self.town.anew(folder, **settings), time=passing)

    def clear_faults(self) -> None:
        """Mend every wire."""
        for wire in self.wires.values():
            wire.faults.clear()

    def bulk(self, **script: object) -> None:
        """Say how Bulk jobs go from now on."""
        answer = requests.post(
            f"{self.town.sandbox.salesforce.url}/sandbox/bulk",
            json=script,
            verify=self.town.environment["CLAIMS_CA_BUNDLE"],
            timeout=10,
        )
        assert answer.status_code == 200, answer.text

    def run(self, *options: str, customer: str = FIRST) -> Ran:
        """`claims-pipeline sync`, whole, for one customer."""
        for wire in self.wires.values():
            wire.clear_log()
        waits = len(self.time.waited)
        clocks = Clocks(monotonic=self.time.monotonic, sleep=self.time.sleep)
        with ExitStack() as patched:
            logged = patched.enter_context(_logged())
            patched.enter_context(
                mock.patch("claims_pipeline.cli.sync.connect", partial(connect, clocks=clocks))
            )
            patched.enter_context(
                mock.patch("botocore.endpoint.time", SimpleNamespace(sleep=self.time.sleep))
            )
            said = claims_pipeline(self.town.environment, "sync", "--customer", customer, *options)
        asked = {name: wire.log for name, wire in self.wires.items()}
        return Ran(said.code, said.out, said.err, logged.getvalue(), asked, tuple(self.time.waited[waits:]))

    def items(self) -> dict[str, dict[str, object]]:
        """The sync state's items by `sync_id`, as DynamoDB's JSON; none before the table is there."""
        at = {name.lower(): value for name, value in self.town.sandbox.dynamodb.environment().items()}
        client = boto3.client(
            "dynamodb",
            endpoint_url=self.town.sandbox.dynamodb.url,
            region_name=at["aws_region"],
            aws_access_key_id=at["aws_access_key_id"],
            aws_secret_access_key=at["aws_secret_access_key"],
        )
        table = self.town.environment["DYNAMODB_TABLE_NAME"]
        try:
            found = client.scan(TableName=table)["Items"]
        except client.exceptions.ResourceNotFoundException:
            return {}
        finally:
            client.close()
        return {item["sync_id"]["S"]: dict(item) for item in found}

    def number(self, customer: str, name: str) -> int:
        """A number of the customer's item; 0 where there is none."""
        held = self.items().get(customer, {}).get(name, {"N": "0"})
        assert isinstance(held, dict)
        return int(held["N"])

    def leased(self) -> list[str]:
        """The items that somebody holds."""
        return [sync_id for sync_id, item in self.items().items() if "lease_owner" in item]

    def book(self, customer: str = FIRST) -> Book:
        """The org's claims of a customer: claim number -> charged, paid, balance, to the cent."""
        return {
            number: tuple(Decimal(str(claim[name])).quantize(Decimal("0.01")) for name in MONEY)  # type: ignore[misc]
            for number, claim in self.town.claims().items()
            if claim["Source_Customer__c"] == customer and not claim["IsDeleted"]
        }


@dataclass(frozen=True)
class Day:
    """What a report of some day holds: claims with their amounts, in the report and as they must stand in the org."""

    report: bytes
    book: Book


def day(number: int, *, first: int = 0, claims: int = 5) -> Day:
    """The same claims every day, with amounts of the day; each cell of a patient can be found again."""
    paid = [Decimal(number) + Decimal(place) / 100 for place in range(claims)]
    rows = [
        canary.row(
            first + place, ClaimTotalAmount="900.00", ClaimAmountPaid=f"{each:.2f}", ClaimBalance="7.77"
        )
        for place, each in enumerate(paid)
    ]
    book = {
        f"{canary.CLAIM}{first + place}": (Decimal("900.00"), each.quantize(Decimal("0.01")), Decimal("7.77"))
        for place, each in enumerate(paid)
    }
    return Day(report(*rows, labels=canary.LABELS), book)


def delete(network: Network, number: str) -> None:
    """A person deletes a claim, if it stands there."""
    admin = network.town.sandbox.org.user(ADMIN_USERNAME)
    assert admin is not None
    found = network.town.claims().get(number)
    if found is not None and not found["IsDeleted"]:
        assert network.town.sandbox.org.delete(admin, "Claim__c", [str(found["Id"])])[0].success


@contextmanager
def networks(folder: Path, **settings: str) -> Iterator[Network]:
    """A town behind wires."""
    with towns(folder) as build:
        town = build(**settings)
        state = DynamoDBWire(town.sandbox.dynamodb.url)
        with serve(state, certificate=None) as served:
            environment = {**town.environment, "DYNAMODB_ENDPOINT_URL": served.url}
            yield Network(replace(town, environment=environment), state.wire, PassingTime())


@contextmanager
def _logged() -> Iterator[io.StringIO]:
    """All that the pipeline and its libraries log, from the least level on."""
    said = io.StringIO()
    handler = logging.StreamHandler(said)
    pipeline = logging.getLogger("claims_pipeline")
    before = pipeline.level
    pipeline.addHandler(handler)
    pipeline.setLevel(logging.DEBUG)
    try:
        yield said
    finally:
        pipeline.removeHandler(handler)
        pipeline.setLevel(before)


def error_body(code: str, message: str) -> bytes:
    """An error as Salesforce writes it."""
    return json.dumps([{"errorCode": code, "message": message}]).encode()


__all__ = ["FIRST", "SECOND", "Day", "Network", "Ran", "day", "delete", "error_body", "networks"]
