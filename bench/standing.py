"""A sandbox that stands in a process of its own, so that what is measured is the pipeline alone.

What belongs here: starting it, asking what it has seen, changing its reports. Run as a script it is a sandbox of many
customers: `python -m bench.standing CUSTOMERS CLAIMS_A_CUSTOMER FOLDER ENVIRONMENT_FILE`.
"""

import os
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import requests

REPORT, RECENT, FULL = "10010", "20020", "20021"
FIRST = "10001001"
AS_OF = date(2026, 2, 15)


_LOOK = re.compile(r"/jobs/(ingest|query)/\w+$")


def is_look(method: str, path: str) -> bool:
    """Whether a request asks only how a Bulk job stands."""
    return method == "GET" and _LOOK.search(path) is not None


@dataclass(frozen=True)
class ApiCalls:
    """Requests to the data API. `looks` of them asked only how a job stands: the longer it takes, the more."""

    all: int
    looks: int


@dataclass
class RunningSandbox:
    """A sandbox in a process of its own. `environment` leads to it."""

    process: subprocess.Popen[str]
    environment: dict[str, str]

    @classmethod
    def start(cls, folder: Path, report: Path) -> "RunningSandbox":
        """Start one that serves this report, by the recent filter and the full one."""
        told = folder / "environment"
        options = ["--folder", str(folder / "sandbox"), "--report", str(report)]
        command = ["-m", "claims_pipeline.cli", "sandbox", *options, "--write-environment", str(told)]
        return cls._started(command, told)

    @classmethod
    def start_many(cls, folder: Path, customers: int, claims: int) -> "RunningSandbox":
        """Start one with so many customers of so many claims each."""
        told = folder / "environment"
        command = ["-m", "bench.standing", str(customers), str(claims), str(folder / "sandbox"), str(told)]
        return cls._started(command, told)

    @classmethod
    def _started(cls, command: Sequence[str], told: Path) -> "RunningSandbox":
        process = subprocess.Popen([sys.executable, *command], stdout=subprocess.DEVNULL, text=True)
        while not told.exists() or not told.read_text().endswith("\n"):
            if process.poll() is not None:
                raise SystemExit("the sandbox did not start")
            time.sleep(0.1)
        exports = dict(shlex.split(line)[1].split("=", 1) for line in told.read_text().splitlines())
        return cls(process, {**os.environ, **exports})

    def api_calls(self) -> "ApiCalls":
        """Requests that Salesforce has had since the last time (signing in is none of the org's API calls)."""
        url = f"{self.environment['SALESFORCE_DOMAIN']}/sandbox/log"
        with self._http() as session:
            log = session.get(url, timeout=60).json()
            session.delete(url, timeout=60)
        calls = [access for access in log if "/services/data/" in access["path"]]
        looks = [access for access in calls if is_look(access["method"], access["path"])]
        return ApiCalls(len(calls), len(looks))

    def put(self, report: Path, filter_id: str = RECENT) -> None:
        """Replace the report of one filter."""
        url = f"{self.environment['COLLABORATEMD_API_BASE_URL']}/sandbox/reports/{FIRST}/{REPORT}/{filter_id}"
        with self._http() as session, report.open("rb") as stream:
            session.put(url, data=stream, timeout=600).raise_for_status()

    def _http(self) -> requests.Session:
        session = requests.Session()
        session.trust_env = False
        session.verify = self.environment["CLAIMS_CA_BUNDLE"]
        return session

    def stop(self) -> None:
        """Stop it."""
        self.process.terminate()
        self.process.wait()


@contextmanager
def standing(folder: Path, report: Path) -> Iterator[RunningSandbox]:
    """A sandbox with an empty org and this report, while it is needed."""
    folder.mkdir(parents=True)
    sandbox = RunningSandbox.start(folder, report)
    try:
        yield sandbox
    finally:
        sandbox.stop()


def serve_many(customers: int, claims: int, folder: Path, told: Path) -> None:
    """A sandbox of many customers, each with claims of its own, until it is stopped."""
    from claims_pipeline.cli.local import wait_for_stop
    from claims_pipeline.sandbox.generator import ReportPlan, write_report
    from claims_pipeline.sandbox.systems import Sandbox, SandboxCustomer, as_exports

    named = tuple(
        SandboxCustomer(str(10_000_000 + number), f"Practice {number}") for number in range(customers)
    )
    with Sandbox(folder, customers=named) as sandbox:
        for number, customer in enumerate(named):
            report = folder / f"{customer.number}.csv"
            plan = ReportPlan(claims, first=number * claims, repeated=0, oddities=0, as_of=AS_OF)
            write_report(plan, report)
            sandbox.put_report(customer.number, report, RECENT)
        beside = told.with_name(".environment")
        beside.write_text(as_exports(sandbox.environment()) + "\n")
        beside.replace(told)
        wait_for_stop()


if __name__ == "__main__":
    serve_many(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]), Path(sys.argv[4]))
