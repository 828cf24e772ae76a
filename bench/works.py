"""The works: each is done once, whole, and gives its figures.

What belongs here: which commands are run on which reports, in which order, and what is compared. Not here: measuring
(`measuring`), the sandbox (`standing`), what is allowed (`bounds`).
"""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from statistics import fmean, median

from bench import bounds
from bench.bounds import Figure
from bench.measuring import Cost, measured
from bench.reports import write_book, write_changed, write_head
from bench.standing import FIRST, FULL, RECENT, ApiCalls, RunningSandbox, standing

SYNC = (sys.executable, "-m", "claims_pipeline.cli", "sync")
FLOOR = (sys.executable, "-m", "bench.floor")
READING = (sys.executable, "-m", "bench.reading")
DAGSTER = (sys.executable, "-m", "dagster")
JOB = (*DAGSTER, "job", "execute", "-m", "claims_pipeline.definitions", "-j", "sync_claims")
INSTANCE = Path(__file__).parents[1] / "dagster.yaml"
CLAIMS_A_CUSTOMER = 700
DAILY_CLAIMS = 2_000
LOADS, DAYS, SHARES = 3, 15, 5
"""How often works are measured whose time is compared: what else a shared machine does moves one by up to a third."""
LOOKS = "of these, looks at jobs"


class WorkFailed(Exception):
    """A work did not do what it is measured for."""


@dataclass
class Book:
    """A report on disk, written once for all the works that need it."""

    folder: Path
    claims: int
    charges: bool = False
    rows: int = field(init=False)

    def __post_init__(self) -> None:
        self.folder.mkdir()
        self.path = self.folder / "report.csv"
        self.rows = write_book(self.claims, self.path, charges=self.charges)

    @property
    def name(self) -> str:
        """For people."""
        return f"{self.rows:,} charge lines" if self.charges else f"{self.claims:,} claims"


def done(command: tuple[str, ...], sandbox: RunningSandbox, **more: str) -> tuple[Cost, ApiCalls]:
    """Run a command against a sandbox; its cost, and the API calls that it made."""
    sandbox.api_calls()
    cost = measured(command, {**sandbox.environment, **more})
    calls = sandbox.api_calls()
    if cost.exit_code != 0:
        raise WorkFailed(f"{' '.join(command)} ended with {cost.exit_code}:\n{cost.told[-3000:]}")
    return cost, calls


def count_of(told: str, words: str) -> int:
    """The number that a summary says before these words; 0 where it does not say them."""
    found = re.search(rf"([\d,]+)\s+{words}", told)
    return int(found[1].replace(",", "")) if found else 0


@dataclass
class Load:
    """What one first load cost, for the works that are compared with it."""

    cost: Cost
    calls: ApiCalls


def command_line(
    book: Book, folder: Path, *, most_mib: float | None, floor: bool, days: int = DAYS
) -> Iterator[Figure | Load]:
    """First load, a full fetch of which 1 % differ, and an unchanged day, one after the other in one org."""
    loads, floors = _loads_between_floors(book, folder) if floor else ([], [])
    with standing(folder / "line", book.path) as sandbox:
        loads.append(_first_load(book, sandbox))
        floors += [_floor(book, folder / "floor-last")] if floor else []
        yield loads[-1]
        yield from _of_first_loads(book, loads, floors, most_mib)
        yield from _one_percent(book, sandbox, folder, SYNC, most_mib)
        if not book.charges:
            yield from _unchanged_day(book, sandbox, folder, days)


def _loads_between_floors(book: Book, folder: Path) -> tuple[list[Load], list[Cost]]:
    """All loads but the last, each into an empty org, and the floors beside them: one more than there are loads.

    What else the machine does meanwhile changes each by a tenth, and now and then by a third.
    """
    loads, floors = [], [_floor(book, folder / "floor-0")]
    for number in range(1, LOADS):
        loads.append(_loaded(book, folder / f"load-{number}"))
        floors.append(_floor(book, folder / f"floor-{number}"))
    return loads, floors


def _of_first_loads(
    book: Book, loads: list[Load], floors: list[Cost], most_mib: float | None
) -> Iterator[Figure]:
    """The greatest memory and the most calls of all; of the times, and of their ratios, the one in the middle."""
    work = f"first load, {book.name}"
    yield Figure(work, "memory, command line", max(each.cost.peak_mib for each in loads), "MiB", most_mib)
    yield Figure(work, "time", median(each.cost.seconds for each in loads), "s")
    if not book.charges:
        yield Figure(work, "API calls", max(each.calls.all for each in loads), "", bounds.FIRST_LOAD_CALLS)
        yield Figure(work, LOOKS, max(each.calls.looks for each in loads), "")
    if floors:
        beside = _before_and_after(floors)
        yield Figure(work, "the floor's time, before and after", median(beside), "s")
        ratio = _ratio_in_the_middle([each.cost for each in loads], beside)
        yield Figure(work, "time / the floor's", ratio, "", bounds.FIRST_LOAD_TO_FLOOR)


def _before_and_after(costs: list[Cost]) -> list[float]:
    """Of what is done between each two of these: the mean of their seconds."""
    return [fmean((one.seconds, next_one.seconds)) for one, next_one in pairwise(costs)]


def _ratio_in_the_middle(costs: list[Cost], beside: list[float]) -> float:
    return median(each.seconds / seconds for each, seconds in zip(costs, beside, strict=True))


def _floor(book: Book, folder: Path) -> Cost:
    """Nearly all of its rows must be taken: a floor whose rows the org refuses would be too easy."""
    with standing(folder, book.path) as sandbox:
        cost = done(FLOOR, sandbox)[0]
        taken = count_of(cost.told, "rows taken")
        if taken < 0.99 * book.claims:
            raise WorkFailed(f"the floor: {taken:,} rows were taken of {book.claims:,}")
        return cost


def _one_percent(
    book: Book, sandbox: RunningSandbox, folder: Path, sync: tuple[str, ...], most_mib: float | None
) -> Iterator[Figure]:
    work = f"full fetch, 1 % differ, {book.name}"
    changed = folder / "changed.csv"
    differ = write_changed(book.path, changed, every=100)
    sandbox.put(changed, FULL)
    cost, calls = done((*sync, "--full"), sandbox)
    sent = count_of(cost.told, "updated")
    if not book.charges:
        _require(sent, differ, work)
    yield Figure(work, "claims sent", sent, "")
    yield Figure(work, "memory, command line", cost.peak_mib, "MiB", most_mib)
    yield Figure(work, "time", cost.seconds, "s")
    yield Figure(work, "API calls", calls.all, "")
    yield Figure(work, LOOKS, calls.looks, "")


def _unchanged_day(book: Book, sandbox: RunningSandbox, folder: Path, days: int) -> Iterator[Figure]:
    """An unchanged day between two readings, again and again; of the times and the ratios, the one in the middle."""
    work = f"unchanged day, {DAILY_CLAIMS:,} of {book.name}"
    changed, daily = folder / "changed.csv", folder / "daily.csv"
    write_head(changed, daily, DAILY_CLAIMS)
    sandbox.put(daily, RECENT)
    done((*SYNC, "--accept-empty"), sandbox)  # a person's word that so much smaller a report is right
    sent, calls, syncs, readings = [], [], list[Cost](), [done(READING, sandbox)[0]]
    for _ in range(days):
        cost, made = done(SYNC, sandbox)
        _require(count_of(cost.told, "already as they should be"), DAILY_CLAIMS, work)
        sent.append(count_of(cost.told, "created in Salesforce") + count_of(cost.told, "updated"))
        calls.append(made.all)
        syncs.append(cost)
        readings.append(done(READING, sandbox)[0])
    beside = _before_and_after(readings)
    yield Figure(work, "claims sent", max(sent), "", 0)
    yield Figure(work, "API calls", max(calls), "", bounds.UNCHANGED_CALLS)
    yield Figure(work, "time", median(each.seconds for each in syncs), "s")
    yield Figure(work, "reading's time, before and after", median(beside), "s")
    ratio = _ratio_in_the_middle(syncs, beside)
    yield Figure(work, "time / reading them", ratio, "", bounds.UNCHANGED_TO_READING)


def dagster(book: Book, folder: Path) -> Iterator[Figure]:
    """By Dagster's job: first load and a full fetch of which 1 % differ."""
    with standing(folder / "assets", book.path) as sandbox:
        job = _Job(folder / "dagster")
        first = job.done(sandbox)
        work = f"first load, {book.name}"
        yield Figure(work, "memory, Dagster job", first.peak_mib, "MiB", bounds.DAGSTER_MIB)
        yield Figure(work, "time, Dagster job", first.seconds, "s")
        changed = folder / "changed-dagster.csv"
        write_changed(book.path, changed, every=100)
        sandbox.put(changed, FULL)
        full = job.done(sandbox, {"ops": {"raw_collaboratemd_claims": {"config": {"filters": "full"}}}})
        work = f"full fetch, 1 % differ, {book.name}"
        yield Figure(work, "memory, Dagster job", full.peak_mib, "MiB", bounds.DAGSTER_MIB)
        yield Figure(work, "time, Dagster job", full.seconds, "s")


def dagsters_share(book: Book, folder: Path) -> Iterator[Figure]:
    """First loads by the command line and by Dagster's job, in turn; of the differences, the one in the middle.

    Of a book that takes seconds: a load of a minute is moved by more than Dagster takes.
    """
    differences = []
    for number in range(SHARES):
        with standing(folder / f"line-{number}", book.path) as sandbox:
            line = done(SYNC, sandbox)[0]
        with standing(folder / f"job-{number}", book.path) as sandbox:
            job = _Job(folder / f"dagster-{number}").done(sandbox)
        differences.append(job.seconds - line.seconds)
    work = f"first load, {book.name}"
    yield Figure(work, "Dagster's own share", median(differences), "s", bounds.DAGSTER_SHARE_SECONDS)


@dataclass(frozen=True)
class _Job:
    """Dagster's job of one customer, with an instance of its own, which stands as a daily one does: tables and all."""

    home: Path

    def __post_init__(self) -> None:
        self.home.mkdir()
        shutil.copy(INSTANCE, self.home)
        subprocess.run(
            (*DAGSTER, "instance", "migrate"),
            env={**os.environ, "DAGSTER_HOME": str(self.home)},
            check=True,
            capture_output=True,
        )

    def done(self, sandbox: RunningSandbox, config: dict[str, object] | None = None) -> Cost:
        asked = self.home / "config.json"
        asked.write_text(json.dumps(config or {}))
        tags = json.dumps({"dagster/partition": FIRST})
        return done((*JOB, "--tags", tags, "-c", str(asked)), sandbox, DAGSTER_HOME=str(self.home))[0]


def load(book: Book, folder: Path) -> Iterator[Figure]:
    """A first load, for what grows with the book."""
    yield from _told(book, _loaded(book, folder))


def _loaded(book: Book, folder: Path) -> Load:
    with standing(folder, book.path) as sandbox:
        return _first_load(book, sandbox)


def _first_load(book: Book, sandbox: RunningSandbox) -> Load:
    cost, calls = done(SYNC, sandbox)
    _require(count_of(cost.told, "created in Salesforce"), book.claims, f"first load, {book.name}")
    return Load(cost, calls)


def _told(book: Book, loaded: Load) -> Iterator[Figure]:
    work = f"first load, {book.name}"
    yield Figure(work, "memory, command line", loaded.cost.peak_mib, "MiB")
    yield Figure(work, "time", loaded.cost.seconds, "s")
    yield Figure(work, "API calls", loaded.calls.all, "")


def twice_the_claims(half: Book, once: Cost, folder: Path) -> Iterator[Figure]:
    """A first load of twice as many claims, between the load of `half` that cost `once` and another one of it."""
    folder.mkdir()
    book = Book(folder / "book", 2 * half.claims)
    double = _loaded(book, folder / "double")
    again = _loaded(half, folder / "half").cost
    yield from _told(book, double)
    work = f"first load, {book.name}"
    memory = double.cost.peak_mib / fmean((once.peak_mib, again.peak_mib))
    seconds = double.cost.seconds / fmean((once.seconds, again.seconds))
    yield Figure(work, "memory / half as many", memory, "", bounds.TWICE_THE_CLAIMS_MEMORY)
    yield Figure(work, "time / half as many", seconds, "", bounds.TWICE_THE_CLAIMS_TIME)


def many_customers(customers: int, folder: Path) -> Iterator[Figure]:
    """All customers by one command: a quarter of them, and then all, each time into an empty org."""
    folder.mkdir()
    costs = []
    for count in (customers // 4, customers):
        place = folder / str(count)
        place.mkdir()
        sandbox = RunningSandbox.start_many(place, count, CLAIMS_A_CUSTOMER)
        try:
            cost, calls = done(SYNC, sandbox)
        finally:
            sandbox.stop()
        costs.append(cost)
        work = f"{count:,} customers of {CLAIMS_A_CUSTOMER} claims"
        yield Figure(work, "time", cost.seconds, "s")
        yield Figure(work, "time a customer", cost.seconds / count, "s")
        yield Figure(work, "memory, command line", cost.peak_mib, "MiB")
        yield Figure(work, "API calls a customer", calls.all / count, "")
    memory = costs[1].peak_mib / costs[0].peak_mib
    yield Figure(f"{customers:,} customers", "memory / a quarter's", memory, "", bounds.CUSTOMERS_GROWTH)
    growth = costs[1].seconds / costs[0].seconds / 4
    yield Figure(
        f"{customers:,} customers", "time a claim / a quarter's", growth, "", bounds.CUSTOMERS_GROWTH
    )


def _require(found: int, wanted: int, work: str) -> None:
    if found != wanted:
        raise WorkFailed(f"{work}: {found:,} claims, and {wanted:,} were expected")
