"""The image: what its Dockerfile says, and its steps run in an empty environment."""

import fnmatch
import json
import os
import shlex
import subprocess
from pathlib import Path

import pytest

from claims_pipeline_tests.deploy.ecs.image import build, instructions
from claims_pipeline_tests.deploy.stacks import properties
from claims_pipeline_tests.other_interpreters import find
from claims_pipeline_tests.paths import REPOSITORY
from claims_pipeline_tests.town import FIRST
from deploy.checks.templates import DEPLOY
from deploy.checks.variants import VARIANTS

DOCKERFILE = DEPLOY / "dagster/Dockerfile"


def test_it_runs_as_nobody_in_particular_and_says_no_text_of_exceptions() -> None:
    said = dict(instructions(DOCKERFILE))  # the last of each name: the final stage's
    assert said["USER"] == "10001:10001"
    assert "DAGSTER_REDACT_USER_CODE_ERRORS=1" in said["ENV"]
    assert "DAGSTER_HOME=/opt/dagster" in said["ENV"]


def test_where_a_task_may_write_is_a_volume_of_the_image() -> None:
    """On Fargate a volume that the image does not declare belongs to root."""
    declared = json.loads(dict(instructions(DOCKERFILE))["VOLUME"])
    ecs = next(each for each in VARIANTS if each.template == "dagster/ecs.yaml")
    for name in ("RunTask", "DaemonTask", "WebserverTask"):
        (container,) = properties(ecs, name)["ContainerDefinitions"]
        writable = [each["ContainerPath"] for each in container["MountPoints"] if not each["ReadOnly"]]
        assert writable == declared


def test_all_that_it_copies_goes_to_the_builder_and_little_else() -> None:
    lines = (DEPLOY / "dagster/Dockerfile.dockerignore").read_text().splitlines()
    allowed = {line.removeprefix("!") for line in lines if line.startswith("!")}
    copied = [shlex.split(rest)[:-1] for name, rest in instructions(DOCKERFILE) if name == "COPY"]
    wanted = {source for sources in copied for source in sources if not sources[0].startswith("--from=")}
    assert allowed == wanted
    assert "*" in lines
    assert not any(fnmatch.fnmatch(".env", pattern) for pattern in allowed)


@pytest.mark.sweep
def test_its_steps_give_a_dagster_that_loads_our_code_and_nothing_of_the_tests(tmp_path: Path) -> None:
    interpreter = find("3.13")
    assert interpreter is not None, "the image's Python 3.13 is not on this machine"
    image = build(DOCKERFILE, REPOSITORY, tmp_path, interpreter)
    assert image.base.startswith("python:3.13-")
    assert image.place("dagster.yaml").exists()
    path = image.here(image.environment["PATH"])
    environment = {"PATH": path, "HOME": str(tmp_path), "COLLABORATEMD_CUSTOMER": FIRST}

    elsewhere = tmp_path / "elsewhere"  # the instance beside the workspace wants its database
    elsewhere.mkdir()

    def run(*command: str) -> str:
        done = subprocess.run(
            command,
            env=environment,
            cwd=elsewhere,
            capture_output=True,
            text=True,
            timeout=300,
            executable=str(image.place(f"/opt/claims/bin/{command[0]}")),
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    assert run(*image.health)
    run("dagster", "definitions", "validate", "-w", str(image.place("workspace.yaml")))
    listed = run("python", "-m", "pip", "list", "--format", "freeze")
    assert "dagster-postgres==" in listed
    assert not [name for name in ("pytest", "moto", "mypy", "hypothesis") if f"{name}==" in listed]
    for program in (image.command[0], "dagster-daemon", "claims-pipeline"):
        assert os.access(image.place(f"/opt/claims/bin/{program}"), os.X_OK)
