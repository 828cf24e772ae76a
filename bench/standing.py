"""The sandbox that a bench works against, in a process of its own that is not measured.

What belongs here: starting and stopping it, its report, its count of API calls. Not here: what is run against it.
"""

import os
import shlex
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import requests

FILTER = "10010/20020"


@dataclass
class RunningSandbox:
    """A sandbox in a process of its own."""

    process: subprocess.Popen[str]
    environment: dict[str, str]

    @classmethod
    def start(cls, folder: Path, report: Path) -> "RunningSandbox":
        """Start one that serves this report."""
        told = folder / "environment"
        command = [
            sys.executable,
            "-m",
            "claims_pipeline.cli",
            "sandbox",
            "--folder",
            str(folder / "sandbox"),
        ]
        options = ["--report", str(report), "--write-environment", str(told)]
        process = subprocess.Popen([*command, *options], stdout=subprocess.DEVNULL, text=True)
        while not told.exists() or not told.read_text().endswith("\n"):
            if process.poll() is not None:
                raise SystemExit("the sandbox did not start")
            time.sleep(0.1)
        exports = dict(shlex.split(line)[1].split("=", 1) for line in told.read_text().splitlines())
        return cls(process, {**os.environ, **exports})

    def api_calls(self) -> int:
        """Requests that Salesforce has had since the last time."""
        url = f"{self.environment['SALESFORCE_DOMAIN']}/sandbox/log"
        with requests.Session() as session:
            session.trust_env = False
            session.verify = self.environment["CLAIMS_CA_BUNDLE"]
            log = session.get(url, timeout=60).json()
            session.delete(url, timeout=60)
        return sum("/services/data/" in access["path"] for access in log)

    def put(self, report: Path) -> None:
        """Replace the report."""
        url = f"{self.environment['COLLABORATEMD_API_BASE_URL']}/sandbox/reports/10001001/{FILTER}"
        with requests.Session() as session, report.open("rb") as stream:
            session.trust_env = False
            session.verify = self.environment["CLAIMS_CA_BUNDLE"]
            session.put(url, data=stream, timeout=600).raise_for_status()

    def stop(self) -> None:
        """Stop it."""
        self.process.terminate()
        self.process.wait()
