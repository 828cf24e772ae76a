"""The sweep: one run that records its boundaries, then one death after another, each followed by a rerun.

What belongs here: the order of things. Not here: the world (`stage`), the process (`runner`), the verdict (`judging`).
"""

import re
import shutil
import signal
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

from claims_pipeline.cli.exits import Exit
from claims_pipeline_tests.faults import judging
from claims_pipeline_tests.faults.boundaries import Boundary, Point, Side, points_of
from claims_pipeline_tests.faults.days import Day, Scenario
from claims_pipeline_tests.faults.doors import Door
from claims_pipeline_tests.faults.hooks import read_tape
from claims_pipeline_tests.faults.orders import Order
from claims_pipeline_tests.faults.stage import Stage, staged
from claims_pipeline_tests.faults.workshop import Ended, Workshop

CLOSE_A_JOB = "PATCH /jobs/ingest/{id}"
BATCHES = ("PATCH /composite/sobjects/", CLOSE_A_JOB)
"""The calls by which claims are written: a batch by Collections, and the word that lets a Bulk job run."""
LOOKS = frozenset({"GET /jobs/ingest/{id}", "GET /jobs/query/{id}"})


@dataclass(frozen=True)
class Found:
    """What one death and its rerun showed to be wrong."""

    point: Point
    faults: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.point}: " + "; ".join(self.faults)


@dataclass(frozen=True)
class Recording:
    """The boundaries of one undisturbed run, in order, and what others saw of it."""

    boundaries: tuple[Boundary, ...]
    seen_by_others: dict[str, int]
    faults: tuple[str, ...]

    @property
    def points(self) -> list[Point]:
        """Both sides of every boundary."""
        return points_of(self.boundaries)

    def require_seen(self) -> None:
        """Each boundary was seen by someone else too, and what the undisturbed run left is right."""
        assert self.faults == ()
        assert len(self.boundaries) == sum(self.seen_by_others.values()), self.told()
        assert len(set(self.boundaries)) == len(self.boundaries)

    def told(self) -> str:
        """The numbers, for people."""
        parts = " + ".join(f"{count} {name}" for name, count in self.seen_by_others.items())
        return f"{len(self.boundaries)} boundaries = {parts}"

    def checks_before_batches(self) -> list[Boundary]:
        """The call right before each write to the org: there the run asks whether the customer is still its own."""
        pairs = pairwise(self.boundaries)
        return [check for check, batch in pairs if batch.kind.startswith(BATCHES)]


class Sweep:
    """One scenario by one door, on one stage."""

    def __init__(self, scenario: Scenario, door: Door, stage: Stage, workshop: Workshop) -> None:
        self.scenario, self.door, self.stage, self.workshop = scenario, door, stage, workshop
        if scenario.before is not None:
            stage.dawn(scenario.before)
            ended = workshop.run(self.order())
            assert door.succeeded(ended), ended.words
            stage.release_jobs()
        self._kept = stage.keep()

    def order(self, *, stop_at: Point | None = None, bug: str | None = None, signal_number: int = 9) -> Order:
        """A process on this stage."""
        return Order(
            command=self.door.command(self.scenario, self.stage),
            environment=self.door.environment(self.stage),
            tape=self._file("tape"),
            out=self._file("out"),
            conditions=self.scenario.conditions,
            stop_at=stop_at,
            signal_number=signal_number,
            bug=bug,
        )

    def set_the_stage(self, day: Day) -> None:
        """The morning of this day, with everything before it carried over."""
        self.stage.start_anew(self._kept)
        self.stage.dawn(day)
        self.stage.forget()

    def record(self, bug: str | None = None) -> Recording:
        """An undisturbed run as a cold process under strace: its boundaries, and what others saw of them."""
        assert shutil.which("strace"), "strace is not there: make test-faults installs it"
        self.set_the_stage(self.scenario.today)
        order, trace = self.order(bug=bug), self._file("strace")
        watch = ["strace", "-f", "-s", "4096", "-e", "trace=rename,renameat,renameat2", "-o", str(trace)]
        ended = self.workshop.run(order, under=watch)
        sandbox = self.stage.town.sandbox
        writes = sum(each.is_write for each in sandbox.dynamodb.log)
        seen = {
            "CollaborateMD requests": len(sandbox.collaboratemd_wire.log),
            "Salesforce requests": len(sandbox.salesforce_wire.log),
            "state writes": writes,
            "state reads": len(sandbox.dynamodb.log) - writes,
            "renames": renames_under(self.stage.storage, trace),
        }
        faults = self._not_done("the recording run", ended)
        undisturbed = replace(self.scenario, after=self.scenario.today)
        faults += judging.after_rerun(undisturbed, self.stage, self._kept)
        return Recording(tuple(read_tape(order.tape)), seen, tuple(faults))

    def crossed(self, under: Sequence[str] | None = None) -> list[Boundary]:
        """The boundaries of an undisturbed run, looks apart: by a warm process, or a cold one (`under` nothing)."""
        self.set_the_stage(self.scenario.today)
        order = self.order()
        ended = self.workshop.run(order, under)
        assert self.door.succeeded(ended), ended.words
        return [each for each in read_tape(order.tape) if each.kind not in LOOKS]

    def kill_at(self, point: Point, bug: str | None = None) -> Found:
        """Set the stage, kill a run at this point, judge; run again, judge again."""
        self.set_the_stage(self.scenario.today)
        before = self.stage.state().committed_sequence
        if point.boundary.kind == CLOSE_A_JOB and point.side is Side.AFTER:
            self.stage.hold_jobs_from(point.boundary.nth)  # closed, and Salesforce has not come to it yet
        killed = self.workshop.run(self.order(stop_at=point, bug=bug))
        self.stage.work_on_jobs()
        if not killed.was_killed:
            return self._never_came(point, killed)
        faults = list(judging.at_death(self.scenario, self.stage, before))
        asked_for = self.stage.state().pending_request
        self.stage.town.put(self.scenario.after.report)
        if (
            asked_for is not None
        ):  # the report of today was asked for, and is the rerun's: the next run sees the source
            faults += self._rerun(replace(self.scenario, after=self.scenario.today), "the rerun", bug)
            faults += self._rerun(self.scenario, "the run after the rerun", bug)
        else:
            faults += self._rerun(self.scenario, "the rerun", bug)
        return Found(point, tuple(faults))

    def _never_came(self, point: Point, ended: Ended) -> Found:
        """How often a job is looked at is the clock's: a look that was not needed is no fault, if all else is right."""
        if point.boundary.kind not in LOOKS:
            return Found(point, (f"the run ended with {ended.code} and never came there: {ended.words}",))
        undisturbed = replace(self.scenario, after=self.scenario.today)
        faults = self._not_done("the run", ended)
        return Found(point, (*faults, *judging.after_rerun(undisturbed, self.stage, self._kept)))

    def _rerun(self, scenario: Scenario, who: str, bug: str | None) -> list[str]:
        """Run again, and judge what stands then."""
        faults = self._not_done(who, self.workshop.run(self.order(bug=bug)))
        return [*faults, *judging.after_rerun(scenario, self.stage, self._kept)]

    def stop_at(self, point: Point, bug: str | None = None) -> Found:
        """Stop a run at this point until another, with the report of the day after, has committed; then let it go on.

        The one that wakes must write nothing and end as a run that lost its lease.
        """
        self.set_the_stage(self.scenario.today)
        sleeper = self.workshop.start(self.order(stop_at=point, bug=bug, signal_number=signal.SIGSTOP))
        ended = sleeper.stop_or_end()
        if ended is not None:
            return Found(point, (f"the run ended with {ended.code} and never came there: {ended.words}",))
        self.stage.dawn(self.scenario.after)
        faults = self._not_done("the other run", self.workshop.run(self.order(bug=bug)))
        written = len(self.stage.written)
        sleeper.go_on()
        woken = sleeper.end()
        if woken.code != Exit.BUSY:
            faults.append(f"the run that woke ended with {woken.code}: {woken.words}")
        if len(self.stage.written) > written:
            faults.append(f"it wrote {len(self.stage.written) - written} record(s) after it was taken over")
        faults += judging.after_rerun(self.scenario, self.stage, self._kept)
        return Found(point, tuple(faults))

    def kill_at_each(self, points: Sequence[Point], bug: str | None = None) -> list[Found]:
        """One death after another; those that showed something wrong."""
        return [found for point in points if (found := self.kill_at(point, bug)).faults]

    def _not_done(self, who: str, ended: Ended) -> list[str]:
        return [] if self.door.succeeded(ended) else [f"{who} ended with {ended.code}: {ended.words}"]

    def _file(self, kind: str) -> Path:
        return self.stage.folder / f"{kind}-{uuid.uuid4().hex}"


@contextmanager
def sweeping(scenario: Scenario, door: Door, folder: Path) -> Iterator[Sweep]:
    """A sweep on a stage of its own, its sandbox running."""
    with staged(folder, scenario.settings) as stage, Workshop(door.name) as workshop:
        yield Sweep(scenario, door, stage, workshop)


def renames_under(storage: Path, trace: Path) -> int:
    """How many renames onto a name under the storage strace saw. A call that strace split is counted at its start."""
    onto = re.compile(rf'\brename(?:at2?)?\(.*"{re.escape(str(storage))}/[^"]*"(?:, \w+)?(?:\)| <unfinished)')
    return sum(onto.search(line) is not None for line in trace.read_text().splitlines())
