"""A Bulk job that Salesforce keeps for three hours: how often it is looked at, each look a call of the org's quota.

What belongs here: such a job in the sandbox, and a clock that only our waiting moves. Not here: when to look, which is
the client's own (`clients/salesforce/patience.py`).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from bench import bounds
from bench.bounds import Figure
from bench.standing import FIRST, is_look
from claims_pipeline.sandbox.systems import Sandbox, SandboxCustomer
from claims_pipeline.sync.connections import Clocks, open_salesforce, read_settings

CLAIMS, KEY = "Claim__c", "Claim_Number__c"
HOURS = 3
ROWS = 20_000


@dataclass
class _HeldFor:
    """Seconds that only waiting moves; when they are over, the sandbox has run the jobs that it held."""

    sandbox: Sandbox
    seconds: float
    waited: float = 0.0

    def clock(self) -> float:
        return self.waited

    def sleep(self, seconds: float) -> None:
        self.waited += seconds
        if self.waited >= self.seconds:
            self.sandbox.bulk.release()
            for job in self.sandbox.bulk.ingest.all():
                self.sandbox.bulk.ingest.settle(job)


def long_job(folder: Path) -> Iterator[Figure]:
    """The looks at one job of claims that is three hours in Salesforce's queue."""
    folder.mkdir()
    work = f"a Bulk job of {HOURS} hours"
    with Sandbox(folder / "sandbox", customers=(SandboxCustomer(FIRST, "Practice"),)) as sandbox:
        sandbox.bulk.set_script({"hold": True, "polls_before_done": 0})
        held = _HeldFor(sandbox, HOURS * 3600)
        salesforce = open_salesforce(
            read_settings(sandbox.environment()), Clocks(monotonic=held.clock, sleep=held.sleep)
        )
        claims = pl.DataFrame({KEY: [f"{FIRST}|{number}" for number in range(ROWS)]})
        outcomes = pl.concat(salesforce.upsert(CLAIMS, KEY, [claims], work_folder=folder))
        salesforce.close()
        looks = [each for each in sandbox.salesforce_wire.log if is_look(each.method, each.path)]
    yield Figure(work, "its rows that have an outcome", outcomes.height, "")
    yield Figure(work, "hours waited", held.waited / 3600, "")
    yield Figure(work, "looks at it", len(looks), "", bounds.LOOKS_AT_A_LONG_JOB)
