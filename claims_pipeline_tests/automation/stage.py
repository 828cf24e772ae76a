"""A stage for the sensor and the schedules: the real Definitions over a real table, and a clock that tests move.

What belongs here: settings of so many customers, ticks, and what Dagster's daemon does with run requests. Not here:
what must be true of them.
"""

import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path

import dagster as dg
from dagster._core.definitions.sensor_definition import SensorExecutionData
from dagster._core.execution.resources_init import get_transitive_required_resource_keys
from dagster._core.remote_origin import GrpcServerCodeLocationOrigin, RemoteJobOrigin, RemoteRepositoryOrigin

from claims_pipeline.clients.sync_state import CustomerState
from claims_pipeline.definitions import build_definitions
from claims_pipeline.sandbox.dynamodb import REGION
from claims_pipeline_tests.clients.sync_state.workers import Table, outcome
from claims_pipeline_tests.test_settings import PASSWORD_WAY, SHARED

NORTH, SOUTH, WEST = "10001001", "10001002", "10001003"
Status = dg.DagsterRunStatus
_REPOSITORY = RemoteRepositoryOrigin(
    GrpcServerCodeLocationOrigin(host="localhost", port=1, location_name="claims_pipeline"), "__repository__"
)


def claims_toml(customers: Sequence[str], without_full: Sequence[str] = ()) -> str:
    """Settings of these customers, each with a recent and (but for some) a full filter."""
    recent, full = '{ id = "5001", kind = "recent" }', '{ id = "5002", kind = "full" }'
    return "\n".join(
        f'[customers."{each}"]\nname = "Clinic"\nreport = "4001"\n'
        f"filters = [{recent if each in without_full else f'{recent}, {full}'}]\n"
        for each in customers
    )


@dataclass
class Stage:
    """Definitions over customers, whose state stands in `table`."""

    table: Table
    environment: dict[str, str]
    customers: tuple[str, ...]
    instance: dg.DagsterInstance
    ahead: timedelta = field(default_factory=timedelta)
    """How far our clock is ahead of the instance's own."""

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead

    def pass_time(self, **span: float) -> None:
        """Let so much time pass, for the sensor and for every worker."""
        self.ahead += timedelta(**span)

    @cached_property
    def definitions(self) -> dg.Definitions:
        """As a code server loaded them, once."""
        return build_definitions(self.environment, self.now)

    def tick(self) -> SensorExecutionData:
        """One evaluation of the sensor."""
        return evaluate(self.definitions, self.instance)

    def tick_and_launch(self, becomes: dg.DagsterRunStatus = Status.STARTED) -> list[dg.DagsterRun]:
        """One evaluation, and what the daemon makes of it: a run a key that it has not seen."""
        requests = self.tick().run_requests or ()
        return [self.launch(request, becomes) for request in requests if not self._known(request)]

    def launch(self, request: dg.RunRequest, becomes: dg.DagsterRunStatus) -> dg.DagsterRun:
        """A run as the daemon creates it for a request."""
        assert request.job_name is not None
        assert request.run_key is not None
        tags = {**request.tags, "dagster/run_key": request.run_key}
        return self._created(request.job_name, tags, becomes)

    def started(self, customer: str, job: str, status: dg.DagsterRunStatus = Status.STARTED) -> dg.DagsterRun:
        """A run that somebody else started."""
        return self._created(job, {"dagster/partition": customer}, status)

    def _created(self, job: str, tags: Mapping[str, str], status: dg.DagsterRunStatus) -> dg.DagsterRun:
        """A run's record, created by the clock that tests move."""
        run = dg.DagsterRun(
            job_name=job,
            run_id=str(uuid.uuid4()),
            tags=tags,
            status=status,
            remote_job_origin=RemoteJobOrigin(_REPOSITORY, job),
        )
        self.instance.run_storage.add_historical_run(run, self.now().replace(tzinfo=None))
        if status is Status.STARTED:
            self.begins(run)
        return run

    def begins(self, run: dg.DagsterRun) -> None:
        """The run begins, for Dagster, by the clock that tests move."""
        begun = dg.DagsterEvent(event_type_value=dg.DagsterEventType.RUN_START.value, job_name=run.job_name)
        self.instance.run_storage.handle_run_event(run.run_id, begun, self.now())

    def ends(self, run: dg.DagsterRun, succeeded: bool = False) -> None:
        """The run ends, for Dagster."""
        event = dg.DagsterEventType.RUN_SUCCESS if succeeded else dg.DagsterEventType.RUN_FAILURE
        self.instance.handle_new_event(_event(run, event))

    def attempt(self, customer: str, run_id: str, error: str | None, *, passes: bool = True) -> None:
        """A run's attempt, as the state keeps it; without an error it was killed."""
        worker = self.table.worker(run_id, wall_is_off=self.now() - self.table.worker("x").clock())
        with worker.state.lease(customer) as lease:
            worker.state.begin_attempt(lease, filters="recent")
        if error is not None:
            worker.state.record_failure(customer, error, passes=passes)

    def sync(self, customer: str, run_id: str, filters: str = "recent") -> None:
        """A run that succeeds."""
        worker = self.table.worker(run_id, wall_is_off=self.now() - self.table.worker("x").clock())
        with worker.state.lease(customer) as lease:
            worker.state.begin_attempt(lease, filters=filters)
            worker.state.commit(lease, worker.state.next_sequence(customer), outcome())

    def sync_all(self) -> None:
        """Everybody is fresh."""
        for each in self.customers:
            self.sync(each, f"before-{each}")

    def state(self, customer: str) -> CustomerState:
        return self.table.worker("looking").state.read(customer)

    def _known(self, request: dg.RunRequest) -> bool:
        assert request.run_key is not None
        return bool(self.instance.get_runs(dg.RunsFilter(tags={"dagster/run_key": request.run_key})))


def _event(run: dg.DagsterRun, kind: dg.DagsterEventType) -> dg.EventLogEntry:
    event = dg.DagsterEvent(event_type_value=kind.value, job_name=run.job_name)
    return dg.EventLogEntry(
        error_info=None,
        level="debug",
        user_message="",
        run_id=run.run_id,
        timestamp=datetime.now(UTC).timestamp(),
        dagster_event=event,
    )


def environment(
    table: Table, folder: Path, customers: Sequence[str], without_full: Sequence[str] = ()
) -> dict[str, str]:
    """Settings that are all right, of these customers and this table."""
    config = folder / "claims.toml"
    config.write_text(claims_toml(customers, without_full))
    return {
        **SHARED,
        **PASSWORD_WAY,
        "CLAIMS_CONFIG": str(config),
        "DYNAMODB_TABLE_NAME": table.name,
        "DYNAMODB_ENDPOINT_URL": table.url,
        "AWS_REGION": REGION,
    }


def resources(definitions: dg.Definitions, needed: set[str]) -> Mapping[str, dg.ResourceDefinition]:
    """The Definitions' own resources, as Dagster hands them to a sensor or a schedule."""
    held = definitions.get_repository_def().get_top_level_resources()
    keys = get_transitive_required_resource_keys(needed, held)
    return {key: each for key, each in held.items() if key in keys}


def evaluate(definitions: dg.Definitions, instance: dg.DagsterInstance) -> SensorExecutionData:
    """One evaluation of the sensor of these Definitions."""
    sensor = definitions.resolve_sensor_def("claims_sync_sensor")
    needed = resources(definitions, sensor.required_resource_keys)
    context = dg.build_sensor_context(instance=instance, definitions=definitions, resources=needed)
    with context:
        return sensor.evaluate_tick(context)


def names(execution: SensorExecutionData) -> list[str]:
    """Whom a tick asks for."""
    return [str(request.partition_key) for request in execution.run_requests or ()]


def told(execution: SensorExecutionData) -> str:
    """Why a tick asks for nobody."""
    assert not execution.run_requests, json.dumps([each.run_key for each in execution.run_requests])
    return str(execution.skip_message)
