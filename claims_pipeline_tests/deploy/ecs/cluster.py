"""ECS in an emulator, and an agent that runs what its tasks are: the command of each new task, in a process here.

What belongs here: task definitions of the template as ECS's API takes them, the metadata that a task finds, starting
and ending processes for tasks. Not here: what a run does. No container is made: the image's packages are this Python's.
"""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import boto3
from moto.ecs.models import ecs_backends
from moto.moto_api import state_manager

from claims_pipeline.sandbox.dynamodb import REGION
from claims_pipeline_tests.deploy.stacks import resources
from claims_pipeline_tests.paths import REPOSITORY
from deploy.checks.templates import ACCOUNT, Variant

CLUSTER = "dagster"
_DATA = {"Options"}
"""Whose keys are data, not names of the API."""
_NEVER_BY_ITSELF = {"progression": "manual", "times": 10**9}
_KILLED = 137


def as_api(part: Any) -> Any:
    """What CloudFormation calls `ContainerDefinitions` is `containerDefinitions` to ECS."""
    if isinstance(part, list):
        return [as_api(each) for each in part]
    if isinstance(part, dict):
        return {
            name[0].lower() + name[1:]: each if name in _DATA else as_api(each) for name, each in part.items()
        }
    return part


@dataclass(frozen=True)
class Wiring:
    """What the stack would put in for other resources of the template, by logical id and attribute."""

    values: Mapping[str, str]

    def put_in(self, part: Any) -> Any:
        """The part with references replaced."""
        match part:
            case {"Fn::GetAtt": [str() as name, str() as attribute]}:
                return self.values[f"{name}.{attribute}"]
            case {"Ref": str() as name}:
                return self.values[name]
            case {"Fn::Sub": str() as text}:
                for name, value in self.values.items():
                    text = text.replace(f"${{{name}}}", value)
                assert "${" not in text, text
                return text
            case dict():
                return {name: self.put_in(each) for name, each in part.items()}
            case list():
                return [self.put_in(each) for each in part]
        return part


@dataclass
class EmulatedEcs:
    """A cluster at `url`; what runs in its tasks has `outside` beside what its definition says."""

    url: str
    variant: Variant
    wiring: Wiring
    secrets: Mapping[str, str]
    outside: Mapping[str, str]
    logs: Path
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    killed: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.client: Any = self._client("ecs")
        self.client.create_cluster(clusterName=CLUSTER)
        self._ended = threading.Event()

    def _client(self, service: str) -> Any:
        nobody = {"aws_access_key_id": "sandbox", "aws_secret_access_key": "sandbox"}
        return boto3.client(service, endpoint_url=self.url, region_name=REGION, **nobody)  # type: ignore[call-overload]

    def register(self, name: str) -> str:
        """A task definition of the template; its ARN."""
        held = self.wiring.put_in(resources(self.variant)[name]["Properties"])
        answer = self.client.register_task_definition(**as_api(held))
        return str(answer["taskDefinition"]["taskDefinitionArn"])

    def start(self, definition: str) -> str:
        """A task in the account's default network, as the service would start it; its ARN."""
        ec2 = self._client("ec2")
        subnet = ec2.describe_subnets()["Subnets"][0]
        group = ec2.describe_security_groups(Filters=[{"Name": "vpc-id", "Values": [subnet["VpcId"]]}])
        network = {"subnets": [subnet["SubnetId"]], "securityGroups": [group["SecurityGroups"][0]["GroupId"]]}
        answer = self.client.run_task(
            cluster=CLUSTER,
            taskDefinition=definition,
            launchType="FARGATE",
            networkConfiguration={"awsvpcConfiguration": network},
        )
        return str(answer["tasks"][0]["taskArn"])

    def definition(self, arn: str) -> dict[str, Any]:
        """A task definition as ECS has it."""
        found: dict[str, Any] = self.client.describe_task_definition(taskDefinition=arn)["taskDefinition"]
        return found

    def environment(self, definition: str) -> dict[str, str]:
        """What a container of this definition finds in its environment."""
        (container,) = self.definition(definition)["containerDefinitions"]
        said = {each["name"]: each["value"] for each in container["environment"]}
        secret = {each["name"]: self.secrets[each["name"]] for each in container["secrets"]}
        return {**said, **secret, **self.outside}

    def tasks(self, definition: str) -> list[dict[str, Any]]:
        """All tasks of this definition, dead ones too."""
        found = [
            task
            for status in ("RUNNING", "STOPPED")
            for arn in self.client.list_tasks(cluster=CLUSTER, desiredStatus=status)["taskArns"]
            for task in self.client.describe_tasks(cluster=CLUSTER, tasks=[arn])["tasks"]
        ]
        return [task for task in found if task["taskDefinitionArn"] == definition]

    def kill(self, task: str) -> None:
        """As when a host is lost: the process, its children, and nobody is told but ECS."""
        self.killed.add(task)
        os.killpg(self.processes[task].pid, signal.SIGKILL)

    @contextmanager
    def agent(self, definition: str) -> Iterator[None]:
        """Inside, each new task of this definition runs, and ECS learns how it ended."""
        state_manager.set_transition("ecs::task", _NEVER_BY_ITSELF)
        self._ended.clear()
        thread = threading.Thread(target=self._attend, args=(definition,))
        thread.start()
        try:
            yield
        finally:
            self._ended.set()
            thread.join()
            state_manager.unset_transition("ecs::task")
            for process in self.processes.values():
                if process.poll() is None:
                    os.killpg(process.pid, signal.SIGKILL)
                    process.wait()

    def _attend(self, definition: str) -> None:
        while not self._ended.wait(0.2):
            for task in self.tasks(definition):
                arn = task["taskArn"]
                if arn not in self.processes:
                    self.processes[arn] = self._started(definition, task)
                code = self.processes[arn].poll()
                if code is not None and task["lastStatus"] == "RUNNING":
                    self._tell(arn, _KILLED if code < 0 else code)

    def _started(self, definition: str, task: Mapping[str, Any]) -> "subprocess.Popen[bytes]":
        (override,) = task["overrides"]["containerOverrides"]
        beside = {each["name"]: each["value"] for each in override.get("environment", ())}
        with (self.logs / f"{task['taskArn'].rpartition('/')[2]}.log").open("wb") as log:
            return subprocess.Popen(
                override["command"],
                env={**self.environment(definition), **beside},
                cwd=REPOSITORY,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def _tell(self, arn: str, code: int) -> None:
        for tasks in ecs_backends[ACCOUNT][REGION].tasks.values():
            for known, task in tasks.items():
                if known == arn or task.task_arn == arn:
                    task.containers[0].exitCode = code
        self.client.stop_task(cluster=CLUSTER, task=arn, reason="Essential container in task exited")


@contextmanager
def metadata_of(task: str) -> Iterator[str]:
    """The address at which a process finds which task it is (`ECS_CONTAINER_METADATA_URI_V4`)."""

    class Metadata(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps({"Cluster": CLUSTER, "TaskARN": task}).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name in the standard library
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Metadata)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


PROGRAMS = str(Path(sys.executable).parent)
"""Where `dagster` stands, as in the image's PATH."""
