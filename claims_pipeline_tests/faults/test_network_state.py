"""Two runs at once, a run that wakes past its lease, and a DynamoDB that throttles or collides, over whole runs.

What belongs here: the sync state under stress. Not here: its wire (`test_network_faults`), a lease by itself
(`clients/sync_state`).
"""

import asyncio
import json
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest

from claims_pipeline.cli.exits import Exit
from claims_pipeline.clients.sync_state.beating import Beat
from claims_pipeline.errors import LeaseLost
from claims_pipeline.sandbox.faults import Fault
from claims_pipeline.sync.connections import connect, read_settings
from claims_pipeline.sync.options import SyncOptions
from claims_pipeline.sync.whole import sync_customer
from claims_pipeline_tests.faults.network_table import FOR_EVER, PLACES, WAYS, Place
from claims_pipeline_tests.faults.network_town import FIRST, SECOND, Network, PassingTime, day, networks
from claims_pipeline_tests.faults.network_truths import (
    must_be_free,
    must_be_safe,
    must_come_right,
    must_have_arrived,
    must_have_nothing_left,
    must_pass_later,
)
from claims_pipeline_tests.journeys.canary import PATIENT

WRITES = [
    place
    for place in PLACES
    if place.system == "dynamodb" and ("Update" in place.path or "Transact" in place.path)
]
_DAYS = count(1)


def refusal(code: str, **more: object) -> Fault:
    kind = f"com.amazonaws.dynamodb.v20120810#{code}"
    body = json.dumps({"__type": kind, "message": f"not now, {PATIENT}", **more}).encode()
    return Fault(status=400, body=body, headers={"Content-Type": "application/x-amz-json-1.0"})


def refusals(place: Place) -> dict[str, Fault]:
    """How DynamoDB says at this write that it has too much to do."""
    if place.name == "DynamoDB commit":
        reasons = [{"Code": "None"}, {"Code": "TransactionConflict"}]
        throttled = [{"Code": "ThrottlingError"}, {"Code": "None"}]
        return {
            "conflict": refusal("TransactionCanceledException", CancellationReasons=reasons),
            "throttled": refusal("TransactionCanceledException", CancellationReasons=throttled),
        }
    return {
        "conflict": refusal("TransactionConflictException"),
        "throttled": refusal("ProvisionedThroughputExceededException"),
    }


@pytest.fixture(scope="module")
def wired(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Network]:
    with networks(tmp_path_factory.mktemp("wired")) as network:
        yield network


@pytest.mark.journey
@pytest.mark.parametrize("kind", ["conflict", "throttled"])
def test_writes_of_the_state_that_are_refused_for_now_are_written_again(
    wired: Network, tmp_path: Path, kind: str
) -> None:
    settings, options = WAYS["bulk"]
    network, today = wired.anew(tmp_path, **settings), day(next(_DAYS))
    network.town.put(today.report)
    for place in WRITES:
        fault = refusals(place)[kind]
        network.state.faults.add(Fault(**{**vars(fault), "path": place.path, "times": 3}))
    ran = network.run(*options)
    assert network.state.faults.waiting() == ()
    must_have_arrived(network, ran, today)


@pytest.mark.journey
@pytest.mark.parametrize("place", WRITES, ids=lambda place: place.name.replace(" ", "_"))
@pytest.mark.parametrize("kind", ["conflict", pytest.param("throttled", marks=pytest.mark.everywhere)])
def test_a_write_of_the_state_that_is_refused_for_ever_fails_the_run_in_words(
    wired: Network, tmp_path: Path, kind: str, place: Place
) -> None:
    settings, options = WAYS["bulk"]
    network, today = wired.anew(tmp_path, **settings), day(next(_DAYS))
    network.town.put(today.report)
    network.state.faults.add(Fault(**{**vars(refusals(place)[kind]), "path": place.path, "times": FOR_EVER}))
    ran = network.run(*options)
    must_pass_later(ran, "dynamodb")
    assert network.number(FIRST, "committed_sequence") == 0
    must_be_safe(network, ran, today)
    must_be_free(network)
    must_come_right(network, today, *options)


class Gate:
    """Holds a request at a server until it is opened."""

    def __init__(self) -> None:
        self.reached, self._open = threading.Event(), threading.Event()

    async def wait(self, _: float) -> None:
        self.reached.set()
        while not self._open.is_set():
            await asyncio.sleep(0.01)

    def open(self) -> None:
        self._open.set()


def held_at(network: Network, path: str, method: str = "*") -> Gate:
    """A gate at the org, for the first request of this kind."""
    gate = Gate()
    wire = network.wires["salesforce"]
    wire.sleep = gate.wait
    wire.faults.add(Fault(method, path, delay_seconds=1))
    return gate


class RealTime(PassingTime):
    """For runs that must see each other live."""

    def monotonic(self) -> float:
        """As it is."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Really."""
        time.sleep(seconds)


@pytest.fixture
def in_thread(wired: Network, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., "Future[bool]"]]:
    """A function that starts a whole sync beside the test's own; its future says whether all arrived."""
    for name, value in wired.town.sandbox.dynamodb.environment().items():
        if name.startswith("AWS_"):
            monkeypatch.setenv(name, value)

    def sync(network: Network, owner: str, customer: str) -> bool:
        with connect(read_settings(network.town.environment), owner) as connections:
            settings = connections.settings
            whole = sync_customer(settings.customer(customer), SyncOptions(), connections, lambda _: None)
            return whole.all_arrived

    with ThreadPoolExecutor() as threads:
        yield lambda network, owner, customer=FIRST: threads.submit(sync, network, owner, customer)


def until(happened: Callable[[], bool]) -> None:
    """Wait for another thread, at most as long as a hanging test may take."""
    for _ in range(3_000):
        if happened():
            return
        time.sleep(0.01)
    raise AssertionError("it never happened")


@pytest.mark.journey
def test_a_second_run_of_one_customer_says_who_is_at_work_and_touches_nothing(
    wired: Network, tmp_path: Path, in_thread: Callable[..., "Future[bool]"]
) -> None:
    network, today = wired.anew(tmp_path, CLAIMS_LEASE_SECONDS="5"), day(next(_DAYS))
    network.town.put(today.report)
    gate = held_at(network, "/composite$", "POST")
    first = in_thread(network, "run-of-the-morning")
    until(gate.reached.is_set)
    before = network.book()
    second = replace(network, time=RealTime()).run()
    assert second.code == Exit.BUSY, second.err
    assert f"Run run-of-the-morning is at work on customer {FIRST}" in second.err
    assert second.asked["collaboratemd"] == [], "it did not even take the report slot"
    assert network.book() == before
    gate.open()
    assert first.result(timeout=60)
    assert network.book() == today.book
    must_be_free(network)
    must_have_nothing_left(network, today)


@pytest.mark.journey
def test_two_customers_at_once_take_the_report_slot_one_after_the_other_and_both_arrive(
    wired: Network, tmp_path: Path, in_thread: Callable[..., "Future[bool]"]
) -> None:
    network = wired.anew(tmp_path, CLAIMS_LEASE_SECONDS="5")
    today, theirs = day(next(_DAYS)), day(next(_DAYS), first=100)
    network.town.put(today.report)
    network.town.put(theirs.report, SECOND)
    network.state.clear_log()
    gate, wire = Gate(), network.wires["collaboratemd"]
    wire.sleep = gate.wait
    wire.faults.add(Fault("POST", "/results/", delay_seconds=1))
    first = in_thread(network, "first", FIRST)
    until(gate.reached.is_set)
    second = in_thread(network, "second", SECOND)
    until(lambda: sum(each.path.startswith("/UpdateItem/report-slot:") for each in network.state.log) >= 3)
    assert [each.path for each in wire.log if SECOND in each.path] == [], "the slot is taken"
    gate.open()
    assert first.result(timeout=60)
    assert second.result(timeout=60)
    asked = [each.path.split("/")[3] for each in wire.log]
    assert asked == [FIRST, FIRST, SECOND, SECOND]
    assert (network.book(), network.book(SECOND)) == (today.book, theirs.book)
    must_be_free(network)


@pytest.mark.journey
@pytest.mark.parametrize("way", WAYS)
def test_a_run_that_wakes_past_its_lease_notices_before_it_writes_and_never_commits(
    wired: Network,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    in_thread: Callable[..., "Future[bool]"],
    way: str,
) -> None:
    """It stands still in the middle of its comparison; another takes over with a newer report, and is done."""
    network, today = wired.anew(tmp_path, **WAYS[way][0]), day(next(_DAYS))
    network.town.put(today.report)
    monkeypatch.setattr(Beat, "start", lambda _: None)  # a process that is stopped does not beat
    monkeypatch.setattr(Beat, "stop", lambda _: None)
    gate = held_at(network, "/composite$", "POST")
    sleeper = in_thread(network, "the-sleeper")
    until(gate.reached.is_set)
    newer = day(next(_DAYS))
    network.town.put(newer.report)
    taken_over = network.run()
    must_have_arrived(network, taken_over, newer)
    assert sum(taken_over.waited) >= 300, "it waited the whole term, by its own clock"
    network.wires["salesforce"].clear_log()
    gate.open()
    with pytest.raises(LeaseLost, match="Another run has taken customer 10001001 over from run the-sleeper"):
        sleeper.result(timeout=60)
    assert writes_to_claims(network) == []
    assert network.book() == newer.book
    assert network.number(FIRST, "committed_sequence") == 2
    must_be_free(network)
    must_have_nothing_left(network, newer)


def writes_to_claims(network: Network) -> list[str]:
    """What could have changed a claim: a Bulk job that was filled and then aborted could not."""
    log = network.wires["salesforce"].log
    aborted = sum(each.method == "PATCH" and "/jobs/ingest/" in each.path for each in log)
    assert aborted <= 1
    return [each.path for each in log if each.method == "PATCH" and "/composite/sobjects/" in each.path]
