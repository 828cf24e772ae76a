"""The doors by which a process of the sweep enters: the command line's, and Dagster's.

What belongs here: what is typed, in which surroundings, and which ends are a success. Not here: the process (`runner`).
"""

import json
import shutil
import uuid
from typing import Protocol

from claims_pipeline.cli.exits import Exit
from claims_pipeline_tests.faults.days import Scenario
from claims_pipeline_tests.faults.stage import Stage
from claims_pipeline_tests.faults.workshop import Ended
from claims_pipeline_tests.paths import REPOSITORY
from claims_pipeline_tests.town import FIRST


class Door(Protocol):
    """A way into the pipeline; `name` is the first word of its command."""

    name: str

    def command(self, scenario: Scenario, stage: Stage) -> tuple[str, ...]:
        """What a person would type."""

    def environment(self, stage: Stage) -> dict[str, str]:
        """The surroundings of one process."""

    def succeeded(self, ended: Ended) -> bool:
        """Whether the sync was done."""


class CommandLine:
    """`claims-pipeline sync`."""

    name = "claims-pipeline"

    def command(self, scenario: Scenario, stage: Stage) -> tuple[str, ...]:
        return (self.name, "sync", "--customer", FIRST, *(["--full"] if scenario.full else []))

    def environment(self, stage: Stage) -> dict[str, str]:
        return stage.environment

    def succeeded(self, ended: Ended) -> bool:
        return ended.code in (Exit.ALL_ARRIVED, Exit.NOT_ALL_ARRIVED)


class DagsterJob:
    """`dagster job execute`, each process on an instance of its own: pools are the daemon's to free (`test_daemon`)."""

    name = "dagster"

    def command(self, scenario: Scenario, stage: Stage) -> tuple[str, ...]:
        config = stage.folder / "run.json"  # YAML too
        fetch = {"config": {"filters": "full" if scenario.full else "recent"}}
        config.write_text(json.dumps({"ops": {"raw_collaboratemd_claims": fetch}}))
        tags = json.dumps({"dagster/partition": FIRST})
        job = ("-m", "claims_pipeline.definitions", "-j", "sync_claims", "--tags", tags, "-c", str(config))
        return (self.name, "job", "execute", *job)

    def environment(self, stage: Stage) -> dict[str, str]:
        home = stage.folder / f"dagster-{uuid.uuid4().hex}"
        home.mkdir()
        shutil.copy(REPOSITORY / "dagster.yaml", home)
        return {**stage.environment, "DAGSTER_HOME": str(home)}

    def succeeded(self, ended: Ended) -> bool:
        return ended.code == 0
