"""What a sync costs: rows a second, API calls and peak memory of the whole process tree, against the sandbox.

The sandbox runs in a process of its own and is not counted. Works: the first load, the same report again, and the same
report with some claims paid since. Run by `make bench`.
"""

import argparse
import os
import sys
import tempfile
from datetime import date
from pathlib import Path

from bench.measuring import MIB, Cost, measured
from bench.standing import RunningSandbox
from claims_pipeline.sandbox.generator import ReportPlan, write_report


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
