"""Whatever happens to a customer, in any order: nobody is asked for twice at once, nor passed over in silence."""

from collections.abc import Callable
from random import Random

import dagster as dg
import pytest

from claims_pipeline.clients.sync_state import SyncRequest
from claims_pipeline_tests.automation.stage import NORTH, Stage, Status

_STEPS = 25


class Life:
    """One customer's runs and the people around it, by chance."""

    def __init__(self, stage: Stage, chance: Random) -> None:
        self.stage = stage
        self.chance = chance
        self.number = 0
        self.begun: dg.DagsterRun | None = None
        self.seen: set[str] = set()

    def step(self) -> None:
        """The run under way comes to some end, or somebody does something; then time passes."""
        if self.begun is not None:
            ends = (self.never_started, self.failed, self.killed, self.stopped, self.succeeded)
            (end,) = self.chance.choices(ends, weights=(6, 2, 1, 1, 2))
            end(self.begun)
            self.begun = None
        else:
            acts = (self.asked, self.released, self.deleted, self.by_another_door)
            (act,) = self.chance.choices(acts, weights=(1, 1, 4, 1))
            act()
        self.stage.pass_time(minutes=self.chance.choice((1, 20, 70, 300, 300, 1700)))

    def look(self) -> None:
        """One tick: a key that was asked for is new to Dagster; two ticks in a row never ask twice."""
        requests = self.stage.tick().run_requests or ()
        for request in requests:
            assert request.run_key is not None
            assert request.run_key not in self.seen, "Dagster would pass this one over for good"
            self.seen.add(request.run_key)
            self.begun = self.stage.launch(request, Status.STARTED)
        assert not self.stage.tick().run_requests, "its run is under way, or nothing is due"

    def never_started(self, run: dg.DagsterRun) -> None:
        self.stage.ends(run)

    def failed(self, run: dg.DagsterRun) -> None:
        self.stage.attempt(NORTH, run.run_id, "ReportTimedOut")
        self.stage.ends(run)

    def killed(self, run: dg.DagsterRun) -> None:
        self.stage.attempt(NORTH, run.run_id, None)
        self.stage.ends(run)

    def stopped(self, run: dg.DagsterRun) -> None:
        self.stage.attempt(NORTH, run.run_id, "ReportNotFound", passes=False)
        self.stage.ends(run)

    def succeeded(self, run: dg.DagsterRun) -> None:
        filters = "full" if run.job_name == "full_sync_claims" else "recent"
        self.stage.sync(NORTH, run.run_id, filters)
        self.stage.ends(run, succeeded=True)

    def by_another_door(self) -> None:
        self.number += 1
        self.stage.attempt(NORTH, f"cli-{self.number}", "ReportTimedOut")

    def asked(self) -> None:
        self.number += 1
        wish = SyncRequest(f"wish-{self.number}", self.chance.choice((None, "recent", "full")))
        self.stage.table.worker("other-system").state.ask_for_sync(NORTH, wish)

    def released(self) -> None:
        self.stage.table.worker(
            "person", wall_is_off=self.stage.now() - self.stage.table.worker("x").clock()
        ).state.release(NORTH, by="ada")

    def deleted(self) -> None:
        """A person tidies up in Dagster: some run is gone, and its key with it."""
        runs = self.stage.instance.get_runs()
        if runs:
            gone = self.chance.choice(list(runs))
            self.stage.instance.delete_run(gone.run_id)
            self.seen.discard(gone.tags["dagster/run_key"])


@pytest.mark.parametrize("seed", [1, 4])
def test_nobody_is_asked_for_twice_nor_passed_over(build_stage: Callable[..., Stage], seed: int) -> None:
    stage = build_stage(NORTH)
    life = Life(stage, Random(seed))
    for _ in range(_STEPS):
        life.look()
        life.step()
    stage.pass_time(days=2)
    if life.begun is None:
        life.look()
    if life.begun is None:
        assert f"{NORTH} stopped" in str(stage.tick().skip_message), "who is not asked for is told"
        life.released()
        life.look()
    assert life.begun is not None
