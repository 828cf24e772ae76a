"""Compiling: every module's byte code beside it, so that no cold start compiles what it imports.

What belongs here: that one step. Lambda's disk can't be written below the package, so without it each new instance
would compile a thousand modules anew. Byte code is of one version of Python: where this machine has none of the
target's, the package goes without, and says so. It is trusted without a look at the source's time, which is no time in
a zip.
"""

import os
import subprocess
from pathlib import Path

from claims_pipeline.errors import PermanentError
from claims_pipeline.packaging.contents import Target
from claims_pipeline.packaging.interpreters import find_interpreter

_WHERE_IT_RUNS = "/var/task"
_ASK = "import platform; print(platform.python_version())"


class NotCompiled(PermanentError):
    """A module of a wheel cannot be compiled by the Python that it is for."""


def compile_modules(root: Path, target: Target) -> str | None:
    """The version of the Python that compiled them; None where there is none of the target's here.

    The same Python makes the same bytes: order, paths and hashes of strings are fixed.
    """
    interpreter = find_interpreter(target.python)
    if interpreter is None:
        return None
    how = ["-q", "--invalidation-mode", "unchecked-hash", "-s", str(root), "-p", _WHERE_IT_RUNS]
    command = [str(interpreter), "-S", "-s", "-m", "compileall", *how, str(root)]
    environment = {"PATH": os.environ.get("PATH", ""), "PYTHONHASHSEED": "0"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        raise NotCompiled(
            f"Python {target.python} could not compile the package: {done.stdout.strip()[:500]}"
        )
    asked = subprocess.run([str(interpreter), "-c", _ASK], capture_output=True, text=True, check=True)  # noqa: S603
    return asked.stdout.strip()
