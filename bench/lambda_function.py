"""What the Lambda function costs: its package and cold start, an invocation with nothing to do, and the largest book.

The built package runs as on Lambda: unpacked, nothing else on the path but the runtime's boto3. Beside each figure
stands the predecessor's published one. Memory is the process's greatest resident memory; disk the greatest size of its
temporary folder. The sandbox runs in a process of its own and is not counted. Run by `make bench`.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil

from bench.measuring import MIB
from bench.reports import write_book
from bench.standing import RunningSandbox
from claims_pipeline.packaging.building import build
from claims_pipeline.packaging.contents import Target
from claims_pipeline.packaging.importing import runtime_folder

PREDECESSOR = {"start": "667 ms", "zip": "29 MB", "memory": "107 MB"}
MEMORY_OF_THE_FUNCTION = 512
SAMPLE_SECONDS = 0.05
STARTS = 5
_IMPORT = "import time; began = time.perf_counter(); import {modules}; print(time.perf_counter() - began)"
_RUN = """
import json, sys, time
import lambda_handler
from claims_pipeline.sync.time_left import TimeLeft

seconds_left, last, longest = TimeLeft.seconds.fget, [time.monotonic()], [0.0]

def asked(time_left):
    now = time.monotonic()
    longest[0], last[0] = max(longest[0], now - last[0]), now
    return seconds_left(time_left)

TimeLeft.seconds = property(asked)

class Context:
    aws_request_id = sys.argv[1]
    invoked_function_arn = "arn:aws:lambda:us-east-1:123456789012:function:collaboratemd-salesforce-sync"
    def get_remaining_time_in_millis(self):
        return 1000 * int(sys.argv[2])

print("ANSWER", json.dumps(lambda_handler.lambda_handler({"customers": ["10001001"]}, Context())))
print("LONGEST", max(longest[0], time.monotonic() - last[0]))
"""
_PATH = (
    "import sys; sys.path[:0] = [sys.argv.pop(1)]; sys.path.append(sys.argv.pop(1)); exec(sys.argv.pop(1))"
)


@dataclass(frozen=True)
class Room:
    """An unpacked package, the runtime beside it, and the folder that plays /tmp."""

    package: Path
    runtime: Path
    temporary: Path

    def command(self, code: str, *arguments: str) -> list[str]:
        """A Python that sees the package and the runtime alone."""
        clean = [sys.executable, "-I", "-S", "-B", "-c", _PATH]
        return [*clean, str(self.package), str(self.runtime), code, *arguments]

    def import_seconds(self, modules: str) -> float:
        """The middle of a few cold processes, each with warm files."""
        told = [
            subprocess.run(
                self.command(_IMPORT.format(modules=modules)), capture_output=True, text=True, check=True
            ).stdout
            for _ in range(STARTS)
        ]
        return statistics.median(float(each) for each in told)


@dataclass(frozen=True)
class Cost:
    """One invocation's. Memory and disk at their greatest."""

    seconds: float
    memory_mib: float
    disk_mib: float
    longest_step_seconds: float
    """In which the function did not ask how much time is left: LAMBDA_STOP_BEFORE_SECONDS must be longer."""
    answer: Mapping[str, dict[str, dict[str, int]]]


def invoked(room: Room, environment: Mapping[str, str], request_id: str, seconds: int) -> Cost:
    """One invocation in a new process."""
    began = time.monotonic()
    process = subprocess.Popen(
        room.command(_RUN, request_id, str(seconds)),
        env={**environment, "TMPDIR": str(room.temporary)},
        cwd=room.package,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    peaks = [0, 0]
    sampler = threading.Thread(target=_sample, args=(process.pid, room.temporary, peaks), daemon=True)
    sampler.start()
    told, _ = process.communicate()
    took = time.monotonic() - began
    sampler.join(1)
    answers = [line.removeprefix("ANSWER ") for line in told.splitlines() if line.startswith("ANSWER ")]
    if not answers:
        raise SystemExit(f"The invocation failed:\n{told[-4000:]}")
    (longest,) = [line.removeprefix("LONGEST ") for line in told.splitlines() if line.startswith("LONGEST ")]
    return Cost(took, peaks[0] / MIB, peaks[1] / MIB, float(longest), json.loads(answers[0]))


def _sample(pid: int, temporary: Path, peaks: list[int]) -> None:
    while True:
        try:
            peaks[0] = max(peaks[0], psutil.Process(pid).memory_info().rss)
        except psutil.Error:
            return
        peaks[1] = max(peaks[1], _size(temporary))
        time.sleep(SAMPLE_SECONDS)


def _size(folder: Path) -> int:
    """Of its files; one that has just gone counts as nothing."""
    total = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            try:
                total += (Path(parent) / name).lstat().st_size
            except OSError:
                continue
    return total


def main() -> int:
    """Print one line a figure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--claims", type=int, default=70_000)
    claims = parser.parse_args().claims
    with tempfile.TemporaryDirectory(prefix="claims-bench-lambda-") as name, runtime_folder() as runtime:
        folder = Path(name)
        target = Target(f"{sys.version_info.major}.{sys.version_info.minor}", "x86_64")
        built = build(target, folder)
        room = Room(folder / "package", runtime, folder / "tmp")
        room.temporary.mkdir()
        with zipfile.ZipFile(built.path) as zipped:
            zipped.extractall(room.package)
        print(f"Lambda package for Python {target.python}; {os.cpu_count()} cores")
        _tell("zip", f"{built.zipped_bytes / MIB:.0f} MiB, unzipped {built.unzipped_bytes / MIB:.0f}", "zip")
        _tell_start(room)
        _tell_invocations(room, folder, claims)
    return 0


def _tell_start(room: Room) -> None:
    room.import_seconds("lambda_handler")  # reads the files once
    ours, theirs = room.import_seconds("lambda_handler"), room.import_seconds("simple_salesforce, boto3")
    words = f"{ours * 1000:.0f} ms to import, {ours / theirs:.2f} times simple-salesforce and boto3 alone"
    _tell("cold start", words, "start")


def _tell_invocations(room: Room, folder: Path, claims: int) -> None:
    report = folder / "report.csv"
    write_book(claims, report)
    sandbox = RunningSandbox.start(folder, report)
    try:
        url = sandbox.environment["DYNAMODB_ENDPOINT_URL"]
        bucket = {"CLAIMS_STORAGE": "s3://claims-bench/lambda", "AWS_ENDPOINT_URL_S3": url}
        os.environ |= {**bucket, **{name: sandbox.environment[name] for name in _OF_AWS}}
        import boto3

        boto3.client("s3").create_bucket(Bucket="claims-bench")
        environment = {**sandbox.environment, **bucket}
        for work, request_id in (("first load", "request-1"), ("the same again", "request-2")):
            cost = invoked(room, environment, request_id, 86_400)
            arrived = cost.answer["totals"]
            words = f"{cost.memory_mib:.0f} of {MEMORY_OF_THE_FUNCTION} MiB, disk {cost.disk_mib:.0f} MiB"
            step = f"longest step without a look at the time {cost.longest_step_seconds:.1f} s"
            _tell(work, f"{words}, {cost.seconds:.1f} s, {arrived['created']:,} created; {step}")  # type: ignore[str-format]
        again = invoked(room, environment, "request-2", 900)
        _tell("nothing to do", f"{again.memory_mib:.0f} MiB, {again.seconds:.1f} s with its start", "memory")
    finally:
        sandbox.stop()


_OF_AWS = ("AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")


def _tell(what: str, words: str, beside: str | None = None) -> None:
    predecessor = f"  (the predecessor: {PREDECESSOR[beside]})" if beside else ""
    print(f"{what:<16} {words}{predecessor}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
