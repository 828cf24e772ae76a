"""`claims-pipeline` as a person runs it: in this process (cheap), or in one of its own.

What belongs here: running it and keeping what it said. Not here: what it must say.
"""

import io
import os
import subprocess
import sys
from collections.abc import Mapping
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from unittest import mock

from claims_pipeline import cli
from claims_pipeline_tests.paths import REPOSITORY

PLAIN = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ}
"""What any process needs of its environment: nothing of ours."""
LONGEST_SECONDS = 120


@dataclass(frozen=True)
class Said:
    """How a command ended, and every word of it."""

    code: int
    out: str
    err: str

    @property
    def words(self) -> str:
        """Both streams."""
        return self.out + self.err


def claims_pipeline(environment: Mapping[str, str], *arguments: str) -> Said:
    """Run the command line in this process, with exactly this environment. It always ends by exiting."""
    out, err = io.StringIO(), io.StringIO()
    with (
        mock.patch.dict(os.environ, {**PLAIN, **environment}, clear=True),
        mock.patch.object(sys, "argv", ["claims-pipeline", *arguments]),
        redirect_stdout(out),
        redirect_stderr(err),
    ):
        try:
            cli.main()
        except SystemExit as end:
            code = end.code
    assert isinstance(code, int)
    return Said(code, out.getvalue(), err.getvalue())


def claims_pipeline_process(environment: Mapping[str, str], *arguments: str) -> Said:
    """The same in a process of its own."""
    return python_process(environment, "-m", "claims_pipeline.cli", *arguments)


def python_process(environment: Mapping[str, str], *arguments: str) -> Said:
    """This Python, with these arguments and exactly this environment, started in the repository."""
    done = subprocess.run(
        [sys.executable, *arguments],
        env={**PLAIN, **environment},
        cwd=REPOSITORY,
        capture_output=True,
        timeout=LONGEST_SECONDS,
        check=False,
    )
    return Said(done.returncode, done.stdout.decode(), done.stderr.decode())
