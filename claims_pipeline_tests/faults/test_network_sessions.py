"""Sessions that end in the middle of a run, and that Salesforce never accepts: one new sign-in each, never two.

What belongs here: 401 at every step. Not here: signing in itself (the table of `test_network_faults` harms it).
"""

from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from claims_pipeline.cli.exits import Exit
from claims_pipeline.sandbox.faults import Fault
from claims_pipeline.sandbox.salesforce.bulk_jobs import JobState
from claims_pipeline_tests.faults.network_table import FOR_EVER, PLACES, WAYS, Place
from claims_pipeline_tests.faults.network_town import FIRST, Network, day, error_body, networks
from claims_pipeline_tests.faults.network_truths import (
    must_be_free,
    must_be_safe,
    must_come_right,
    must_have_arrived,
)
from claims_pipeline_tests.journeys.canary import PATIENT

STEPS = [
    place for place in PLACES if place.system == "salesforce" and place.name not in ("sign-in", "who we are")
]
MUST_TRY = ("describe", "Collections", "Bulk UploadComplete", "Bulk poll", "Bulk successfulResults")
"""Where `make test` tries a session that is never accepted; the sweep tries all."""
_DAYS = count(1)
_NOT_VALID = Fault(
    status=401,
    body=error_body("INVALID_SESSION_ID", f"Session expired or invalid: {PATIENT}"),
    headers={"Content-Type": "application/json"},
)


@pytest.fixture(scope="module")
def wired(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Network]:
    with networks(tmp_path_factory.mktemp("wired")) as network:
        yield network


def named(place: Place) -> str:
    return place.name.replace(" ", "_")


def claim_jobs(network: Network) -> list[JobState]:
    """How the Bulk jobs of claims stand; the mapping table's rows go by jobs of their own."""
    return [job.state for job in network.town.sandbox.bulk.ingest.all() if job.object_name == "Claim__c"]


@pytest.mark.everywhere
@pytest.mark.journey
@pytest.mark.parametrize("place", STEPS, ids=named)
def test_a_session_that_ends_before_a_step_costs_one_sign_in_and_the_job_goes_on(
    wired: Network, tmp_path: Path, place: Place
) -> None:
    settings, options = WAYS[place.way or "collections"]
    network, today = wired.anew(tmp_path, **settings), day(next(_DAYS))
    network.town.put(today.report)
    salesforce, before = network.wires["salesforce"], claim_jobs(network)

    async def every_session_ends(_: float) -> None:
        assert network.town.sandbox.org.sessions.expire_all() == 1

    salesforce.sleep = every_session_ends
    salesforce.faults.add(Fault(place.method, place.path, delay_seconds=1))
    ran = network.run(*options)
    assert salesforce.faults.waiting() == ()
    must_have_arrived(network, ran, today)
    assert ran.sign_ins == 2
    jobs = claim_jobs(network)[len(before) :]
    if place.name == "Bulk upload":  # refused while the file streams: that job is lost, and another made
        jobs = [state for state in jobs if state is not JobState.ABORTED]
    assert jobs == [JobState.JOB_COMPLETE] * (place.way == "bulk")


@pytest.mark.journey
@pytest.mark.parametrize("way", WAYS)
def test_a_session_that_ends_before_every_step_costs_one_sign_in_each(
    wired: Network, tmp_path: Path, way: str
) -> None:
    settings, options = WAYS[way]
    network, today = wired.anew(tmp_path, **settings), day(next(_DAYS))
    network.town.put(today.report)
    salesforce = network.wires["salesforce"]

    async def every_session_ends(_: float) -> None:
        network.town.sandbox.org.sessions.expire_all()

    salesforce.sleep = every_session_ends
    steps = [place for place in STEPS if place.way in (None, way)]
    for place in steps:
        salesforce.faults.add(Fault(place.method, place.path, delay_seconds=1))
    ran = network.run(*options)
    assert salesforce.faults.waiting() == ()
    assert ran.sign_ins == 1 + len(steps)
    assert ran.code == Exit.ALL_ARRIVED, ran.err
    assert network.book() == today.book
    must_be_free(network)


@pytest.mark.journey
@pytest.mark.parametrize(
    "place",
    [pytest.param(place, marks=[] if place.name in MUST_TRY else pytest.mark.everywhere) for place in STEPS],
    ids=named,
)
def test_a_session_that_is_never_accepted_is_renewed_once_and_no_more(
    wired: Network, tmp_path: Path, place: Place
) -> None:
    settings, options = WAYS[place.way or "collections"]
    network, today = wired.anew(tmp_path, **settings), day(next(_DAYS))
    network.town.put(today.report)
    harm = Fault(**{**vars(_NOT_VALID), "method": place.method, "path": place.path, "times": FOR_EVER})
    network.wires["salesforce"].faults.add(harm)
    ran = network.run(*options)
    assert ran.sign_ins == 2, "a third would be on the way to locking the user out"
    assert ran.code == Exit.PERMANENT, ran.err
    assert "Salesforce does not accept the session (HTTP 401, asked to " in ran.err
    assert "API Enabled" in ran.err
    assert network.number(FIRST, "committed_sequence") == 0
    must_be_safe(network, ran, today)
    must_be_free(network)
    must_come_right(network, today, *options)
