"""Starting `claims-pipeline sandbox` and `demo` as a person does: they say where things are, and stop cleanly."""

import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from claims_pipeline.cli.exits import Exit
from claims_pipeline_tests.command_line import PLAIN, claims_pipeline, claims_pipeline_process
from claims_pipeline_tests.given_report import report, row
from claims_pipeline_tests.paths import REPOSITORY

pytestmark = pytest.mark.journey
_LONGEST_SECONDS = 60


@contextmanager
def sandbox(temporary: Path, *options: str) -> Iterator[subprocess.Popen[str]]:
    """A sandbox that is up: it has said how it is stopped."""
    run = [sys.executable, "-m", "claims_pipeline.cli", "sandbox", *options]
    environment = {**PLAIN, "TMPDIR": str(temporary), "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        run, env=environment, cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def words_until_up(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    words = []
    for line in process.stdout:
        words.append(line)
        if "Ctrl-C stops it" in line:
            return "".join(words)
    raise AssertionError(process.stderr.read() if process.stderr else "")


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
def test_a_sandbox_writes_its_environment_serves_another_process_and_stops_cleanly(
    tmp_path: Path, stop: signal.Signals
) -> None:
    settings, temporary = tmp_path / "sandbox.env", tmp_path / "tmp"
    temporary.mkdir()
    with sandbox(temporary, "--claims", "30", "--write-environment", str(settings)) as process:
        said = words_until_up(process)
        assert settings.read_text().strip() in said
        assert settings.stat().st_mode & 0o777 == 0o600
        exports = shlex.split(settings.read_text().replace("export ", ""))
        environment = dict(each.split("=", 1) for each in exports)
        synced = claims_pipeline(environment, "sync")
        assert synced.code in {Exit.ALL_ARRIVED, Exit.NOT_ALL_ARRIVED}, synced.words
        assert "created in Salesforce" in synced.out
        process.send_signal(stop)
        assert process.wait(_LONGEST_SECONDS) == 0
        assert process.stderr is not None
        assert process.stderr.read() == ""
    assert list(temporary.iterdir()) == []


def test_a_demo_on_a_report_of_ones_own_tells_what_a_billing_lead_wants_to_know(tmp_path: Path) -> None:
    mine, folder = tmp_path / "mine.csv", tmp_path / "demo"
    mine.write_bytes(report(row("1"), row("2"), row("3", ClaimBalance="n/a"), row("", PatientReference="x")))
    said = claims_pipeline_process({}, "demo", "--report", str(mine), "--folder", str(folder))
    assert said.code == Exit.ALL_ARRIVED, said.words
    for line in (
        "4  rows in the report",
        "2  claims: $200.00 charged, $80.00 paid, $120.00 balance",
        "2      created in Salesforce",
        "2  rows rejected",
        "an amount cannot be read as dollars and cents [BAD_MONEY]: row 4 (claim 3)",
        "the row has no claim id [MISSING_CLAIM_ID]: row 5",
        "2  claims stand in Salesforce: $200.00 charged, $80.00 paid, $120.00 balance",
        "1  payors to map in Salesforce: 2 claims, $200.00 charged",
        f"The billing lead's report, for a browser: {folder}/storage/sync_reports/index.html",
    ):
        assert line in said.out
    page = (folder / "storage" / "sync_reports" / "index.html").read_text()
    assert "1 claim is stuck, and 1 report row without a claim id waits." in page
    assert "Traceback" not in said.words
    assert folder.stat().st_mode & 0o077 == 0
    assert (folder / "storage").stat().st_mode & 0o077 == 0
    stored = [path for path in (folder / "storage").rglob("*") if path.is_file()]
    assert [path for path in stored if path.stat().st_mode & 0o077] == []
    assert {path.name for path in stored} >= {"10001001.parquet", "payor_mapping.parquet"}
