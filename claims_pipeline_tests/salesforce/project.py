"""A copy of `salesforce/` in which a test plants a mistake, and the checks that must find it.

What belongs here: copying, planting, running `salesforce/checks`. Not here: what is planted.
"""

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from claims_pipeline_tests.paths import REPOSITORY

SALESFORCE = REPOSITORY / "salesforce"
CHECKS = SALESFORCE / "checks"
FORCE_APP = Path("force-app") / "main" / "default"
_LONGEST_SECONDS = 300


@dataclass(frozen=True)
class Checked:
    """What the checks said: their exit code and their lines."""

    exit_code: int
    lines: tuple[str, ...]


@dataclass(frozen=True)
class Project:
    """A copy of `salesforce/` without its checks."""

    folder: Path

    @classmethod
    def copied_to(cls, folder: Path) -> "Project":
        """The project as it stands in the repository."""
        shutil.copytree(SALESFORCE, folder, ignore=shutil.ignore_patterns("checks"))
        return cls(folder)

    def plant(self, file: str, before: str, after: str) -> None:
        """Replace a text that stands exactly once in a file below `force-app/main/default`."""
        path = self.folder / FORCE_APP / file
        text = path.read_text(encoding="utf-8")
        assert text.count(before) == 1, f"{before!r} stands {text.count(before)} times in {file}"
        path.write_text(text.replace(before, after), encoding="utf-8")

    def check(self, *steps: str) -> Checked:
        """Run these steps of the checks; all where none is named."""
        assert (CHECKS / "node_modules").is_dir(), (
            "Salesforce's checks are not installed: run `make salesforce-check`"
        )
        command = ["node", str(CHECKS / "check.mjs"), str(self.folder)]
        if steps:
            command.append(f"--only={','.join(steps)}")
        done = subprocess.run(command, capture_output=True, text=True, timeout=_LONGEST_SECONDS)
        assert not done.stderr, done.stderr
        return Checked(done.returncode, tuple(done.stdout.splitlines()))
