"""Locking: every wheel of the package pinned by version and hash: `make lambda-locks` writes the lists anew.

What belongs here: asking pip which wheels it would take, under the versions of `constraints.txt`, with which the tests
run. Not here: fetching them (`wheels`). A list holds names, versions and hashes, and no address.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from claims_pipeline.packaging.contents import DIRECT, IN_THE_RUNTIME, TARGETS, Target
from claims_pipeline.packaging.interpreters import find_interpreter
from claims_pipeline.packaging.wheels import pip_options

_HEAD = (
    "# Every wheel of the Lambda package for Python {python} on {arch}, by hash. Written by `make lambda-locks`.\n"
    "# boto3 and botocore are not here: the runtime brings them.\n"
)


def lock_text(target: Target, constraints: Path) -> str:
    """The list for one target. pip judges conditions on the version by its own: that version's pip is asked."""
    pip = [str(find_interpreter(target.python) or sys.executable), "-m", "pip"]
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        asked = ["install", "--quiet", "--dry-run", "--ignore-installed", "--report", str(report)]
        where = ["--target", folder, "--constraint", str(constraints)]
        command = [*pip, *asked, *where, *pip_options(target), *DIRECT]
        subprocess.run(command, check=True)  # noqa: S603 - pip, with arguments of our own
        found = json.loads(report.read_text(encoding="utf-8"))["install"]
    lines = sorted(_line(each) for each in found if each["metadata"]["name"] not in IN_THE_RUNTIME)
    return _HEAD.format(python=target.python, arch=target.arch) + "\n".join(lines) + "\n"


def _line(each: dict[str, dict[str, dict[str, dict[str, str]]]]) -> str:
    name = str(each["metadata"]["name"]).lower().replace("_", "-")
    digest = each["download_info"]["archive_info"]["hashes"]["sha256"]
    return f"{name}=={each['metadata']['version']} --hash=sha256:{digest}"


def main() -> None:
    """Write the lists of all targets."""
    for target in TARGETS:
        target.lock.parent.mkdir(exist_ok=True)
        target.lock.write_text(lock_text(target, Path("constraints.txt")), encoding="utf-8")


if __name__ == "__main__":
    main()
