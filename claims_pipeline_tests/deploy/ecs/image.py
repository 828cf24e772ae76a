"""A Dockerfile's steps without Docker: each stage is a folder, and its absolute paths lie below it.

What belongs here: reading a Dockerfile, and running COPY, ENV, WORKDIR and RUN as a builder does, in an environment
that holds nothing else. Not here: what must come of it. The base image is an interpreter of this machine: no system
package.
"""

import json
import re
import shlex
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

_LONGEST_SECONDS = 1800
_ROOTS = ("opt", "src")
"""The folders at the image's root that the steps write to."""


@dataclass
class Stage:
    """One stage as it was built."""

    base: str
    root: Path
    environment: dict[str, str] = field(default_factory=dict)
    folder: str = "/"
    user: str = "root"
    command: list[str] = field(default_factory=list)
    health: list[str] = field(default_factory=list)

    def place(self, path: str) -> Path:
        """Where an absolute or relative path of the image lies here."""
        return self.root / str(Path(self.folder) / path).lstrip("/")

    def here(self, text: str) -> str:
        """The text with the image's own folders as they are called here."""
        return re.sub(rf"(?<![\w.])/({'|'.join(_ROOTS)})(?=[/:\s'\"]|$)", rf"{self.root}/\1", text)


def instructions(path: Path) -> list[tuple[str, str]]:
    """The Dockerfile's instructions in order, comments left out and continued lines joined."""
    lines = [line for line in path.read_text().splitlines() if not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n\s*", " ", "\n".join(lines))
    return [(line.split(None, 1)[0], line.split(None, 1)[1]) for line in joined.splitlines() if line.strip()]


def build(dockerfile: Path, context: Path, into: Path, interpreter: Path) -> Stage:
    """Run every step; the last stage. `interpreter` is what the base image has as `python`."""
    stages: dict[str, Stage] = {}
    stage = Stage("", into)
    for name, rest in instructions(dockerfile):
        if name == "FROM":
            base, _, alias = rest.partition(" AS ")
            stage = Stage(base, into / f"stage-{len(stages)}")
            stage.root.mkdir(parents=True)
            stages[alias or "last"] = stage
        elif name == "COPY":
            _copy(rest, stage, stages, context)
        elif name == "RUN":
            _run(rest, stage, interpreter)
        else:
            _note(name, rest, stage)
    return stage


def _note(name: str, rest: str, stage: Stage) -> None:
    if name == "ENV":
        stage.environment |= dict(each.split("=", 1) for each in shlex.split(rest))
    elif name == "WORKDIR":
        stage.folder = rest
        stage.place(".").mkdir(parents=True, exist_ok=True)
    elif name == "USER":
        stage.user = rest
    elif name == "CMD":
        stage.command = json.loads(rest)
    elif name == "HEALTHCHECK":
        stage.health = json.loads(rest.partition("CMD")[2])
    else:
        assert name in ("EXPOSE", "VOLUME"), f"{name} is no instruction that is known here"


def _copy(rest: str, stage: Stage, stages: dict[str, Stage], context: Path) -> None:
    *sources, target = shlex.split(rest)
    origin = context
    if sources[0].startswith("--from="):
        other = stages[sources.pop(0).removeprefix("--from=")]
        for source in sources:
            # what was installed there names its own place: it is the same folder, under this stage's root
            stage.place(target).parent.mkdir(parents=True, exist_ok=True)
            stage.place(target).symlink_to(other.place(source))
        return
    place = stage.place(target)
    for source in sources:
        if (origin / source).is_dir():
            shutil.copytree(origin / source, place, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            folder = place if target.endswith("/") else place.parent
            folder.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(origin / source, folder / Path(source).name)


def _run(rest: str, stage: Stage, interpreter: Path) -> None:
    programs = stage.root / ".base"
    programs.mkdir(exist_ok=True)
    if not (programs / "python").exists():
        (programs / "python").symlink_to(interpreter)
    done = subprocess.run(
        ["/bin/sh", "-e", "-c", stage.here(rest)],
        cwd=stage.place("."),
        env={"PATH": f"{programs}:/usr/bin:/bin", "HOME": str(stage.root)},
        capture_output=True,
        text=True,
        timeout=_LONGEST_SECONDS,
    )
    assert done.returncode == 0, f"{rest}: {done.stdout}{done.stderr}"
