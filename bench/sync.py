"""What a sync costs: rows a second, API calls and peak memory of the whole process tree, against the sandbox.

The sandbox runs in a process of its own and is not counted. Works: the first load, the same report again, and the same
report with some claims paid since. Run by `make bench`.
"""

import argparse
import os
import shlex
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import psutil
import requests

from claims_pipeline.sandbox.generator import ReportPlan, write_report

SAMPLE_SECONDS = 0.05
MIB = 1024 * 1024
FILTER = "10010/20020"


@dataclass(frozen=True)
class Cost:
    """One run's cost. Memory: the greatest sum of resident memory over the process tree."""

    seconds: float
    peak_mib: float
    exit_code: int
    told: str


def measured(command: list[str], environment: dict[str, str]) -> Cost:
    """Run a command and sample the memory of its process tree."""
    began = time.monotonic()
    process = subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    peak = [0]
    sampler = threading.Thread(target=_sample, args=(process.pid, peak), daemon=True)
    sampler.start()
    told, _ = process.communicate()
    seconds = time.monotonic() - began
    sampler.join(1)
    return Cost(seconds, peak[0] / MIB, process.returncode, told)


def _sample(pid: int, peak: list[int]) -> None:
    while True:
        try:
            root = psutil.Process(pid)
            tree = [root, *root.children(recursive=True)]
            peak[0] = max(peak[0], sum(each.memory_info().rss for each in tree))
        except psutil.Error:
            return
        time.sleep(SAMPLE_SECONDS)


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


def main() -> int:
    """Print one line a work."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--claims", type=int, default=70_000)
    claims = parser.parse_args().claims
    with tempfile.TemporaryDirectory(prefix="claims-bench-") as name:
        folder = Path(name)
        report, paid_since = folder / "report.csv", folder / "paid_since.csv"
        plan = ReportPlan(claims, extra_columns=False, as_of=date(2026, 2, 15))
        size = write_report(plan, report)
        write_report(ReportPlan(claims, as_of=date(2026, 2, 22)), paid_since)
        print(
            f"{claims:,} claims, {size / MIB:.0f} MiB of CSV; {os.cpu_count()} cores, Python {sys.version.split()[0]}"
        )
        sandbox = RunningSandbox.start(folder, report)
        try:
            sync = [sys.executable, "-m", "claims_pipeline.cli", "sync"]
            for work, change in (
                ("first load", None),
                ("the same again", None),
                ("a week later", paid_since),
            ):
                if change is not None:
                    sandbox.put(change)
                sandbox.api_calls()
                cost = measured(sync, sandbox.environment)
                _tell(work, claims, cost, sandbox.api_calls())
        finally:
            sandbox.stop()
    return 0


def _tell(work: str, claims: int, cost: Cost, calls: int) -> None:
    if cost.exit_code not in (0, 4):
        raise SystemExit(f"{work} failed with exit code {cost.exit_code}:\n{cost.told}")
    rate = claims / cost.seconds
    print(
        f"{work:<16} {cost.seconds:>7.1f} s  {rate:>8,.0f} claims/s  {cost.peak_mib:>6.0f} MiB  {calls:>5} API calls"
    )


if __name__ == "__main__":
    sys.exit(main())
