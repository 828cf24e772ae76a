"""Whole runs under every network fault at every place: absorbed by bounded repeats, or the next run is right.

What belongs here: the table of `network_table`, run. All faults at once for `make test`, each alone in the sweep.
"""

from collections.abc import Iterator
from itertools import count, product
from pathlib import Path

import pytest

from claims_pipeline.cli.exits import Exit
from claims_pipeline_tests.faults.network_table import (
    COLLECTIONS,
    FOR_EVER,
    KINDS,
    PLACES,
    WAYS,
    Kind,
    Place,
    at_once,
    lasting,
)
from claims_pipeline_tests.faults.network_town import Day, Network, Ran, day, delete, networks
from claims_pipeline_tests.faults.network_truths import (
    MOST_REPEATS,
    must_be_free,
    must_be_safe,
    must_come_right,
    must_have_arrived,
    must_have_nothing_left,
    must_pass_later,
)

PLAIN_CALLS = 65
_DAYS = count(1)


@pytest.fixture(scope="module")
def wired(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Network]:
    """Its first run is behind it: that one makes the state's table and every claim, calls that no other run makes."""
    with networks(tmp_path_factory.mktemp("wired")) as network:
        first, _, options = opened(network, tmp_path_factory.mktemp("first"), COLLECTIONS, next(iter(KINDS)))
        assert first.run(*options).code == Exit.ALL_ARRIVED
        yield network


def named(case: Place | Kind) -> str:
    return case.name.replace(" ", "_")


def everywhere(way: str, kind: Kind) -> object:
    """A case of the whole table at once; the ones that are most like others are left to the sweep."""
    alike = "first byte" in kind.name or "after it acted" in kind.name
    marks = [pytest.mark.everywhere] if alike and way == COLLECTIONS else []
    return pytest.param(way, kind, marks=marks, id=f"{way}-{named(kind)}")


def opened(wired: Network, folder: Path, way: str, kind: Kind) -> tuple[Network, Day, tuple[str, ...]]:
    """A day on which every claim has changed and one is new, on this way."""
    settings, options = WAYS[way]
    network = wired.anew(folder, CLAIMS_READ_SECONDS="1" if kind.is_silent else "10", **settings)
    today = day(next(_DAYS))
    network.town.put(today.report)
    delete(network, next(iter(today.book)))
    return network, today, options


def harm(network: Network, place: Place, kind: Kind, *, times: int = 1) -> None:
    network.wires[place.system].faults.add(kind.at(place, times=times))


def waiting(network: Network) -> int:
    """Faults that nothing met."""
    return sum(len(wire.faults.waiting()) for wire in network.wires.values())


@pytest.mark.journey
@pytest.mark.parametrize(("way", "kind"), [everywhere(way, kind) for way, kind in product(WAYS, KINDS)])
def test_a_fault_once_at_every_place_of_a_run_is_absorbed(
    wired: Network, tmp_path: Path, way: str, kind: Kind
) -> None:
    network, today, options = opened(wired, tmp_path, way, kind)
    places = list(at_once(kind, way))
    for place in places:
        harm(network, place, kind)
    ran = network.run(*options)
    assert waiting(network) == 0, ran.err
    must_have_arrived(network, ran, today)
    assert ran.calls <= PLAIN_CALLS + 3 * len(places)


@pytest.mark.journey
@pytest.mark.parametrize(("place", "kind"), list(lasting()), ids=named)
def test_a_fault_that_lasts_fails_the_run_in_words_and_the_next_one_is_right(
    wired: Network, tmp_path: Path, place: Place, kind: Kind
) -> None:
    fails_and_comes_right(wired, tmp_path, place, kind)


@pytest.mark.everywhere
@pytest.mark.journey
@pytest.mark.parametrize(("place", "kind"), list(product(PLACES, KINDS)), ids=named)
def test_each_fault_that_lasts_at_each_place(
    wired: Network, tmp_path: Path, place: Place, kind: Kind
) -> None:
    fails_and_comes_right(wired, tmp_path, place, kind)


@pytest.mark.everywhere
@pytest.mark.journey
@pytest.mark.parametrize(("place", "kind"), list(product(PLACES, KINDS)), ids=named)
def test_each_fault_once_at_each_place(wired: Network, tmp_path: Path, place: Place, kind: Kind) -> None:
    network, today, options = opened(wired, tmp_path, place.way or COLLECTIONS, kind)
    harm(network, place, kind)
    ran = network.run(*options)
    assert waiting(network) == 0
    if place.system in kind.fatal_to and not kind.is_harmless(place):
        must_fail(network, ran, today, place)
        must_come_right(network, today, *options)
    else:
        must_have_arrived(network, ran, today)
    must_have_nothing_left(network, today, *options)


def fails_and_comes_right(wired: Network, folder: Path, place: Place, kind: Kind) -> None:
    network, today, options = opened(wired, folder, place.way or COLLECTIONS, kind)
    harm(network, place, kind, times=FOR_EVER)
    ran = network.run(*options)
    if kind.is_harmless(place):
        must_have_arrived(network, ran, today)
    else:
        must_fail(network, ran, today, place)
    must_come_right(network, today, *options)


def must_fail(network: Network, ran: Ran, today: Day, place: Place) -> None:
    """In the right class, with words, after a bounded number of requests, and so that nobody has to wait."""
    must_pass_later(ran, place.system)
    must_be_safe(network, ran, today)
    must_be_free(network)
    assert ran.calls <= PLAIN_CALLS + MOST_REPEATS
    assert ran.code != Exit.ALL_ARRIVED
