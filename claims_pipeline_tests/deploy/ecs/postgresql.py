"""PostgreSQL for real, as Debian packages it: a cluster of its own on a free port, by TLS as RDS has it.

What belongs here: making, starting and stopping it. Not here: what Dagster keeps in it. PostgreSQL refuses to run as
root, so where the tests do, it runs as the package's own user.
"""

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import trustme

USER, PASSWORD, DATABASE = "dagster", "of-the-tests", "dagster"
_AS = "postgres"
_LONGEST_SECONDS = 120


@dataclass(frozen=True)
class PostgreSQL:
    """A server that answers at this address."""

    host: str
    port: int


def _programs() -> Path:
    """Debian keeps them out of everybody's way, by version."""
    for initdb in (
        *sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), reverse=True),
        shutil.which("initdb"),
    ):
        if initdb is not None:
            return Path(initdb).parent
    raise AssertionError(
        "PostgreSQL is not here: run `make test-faults`, or on Debian: apt-get install postgresql"
    )


def _run(program: str, *arguments: str) -> None:
    done = subprocess.run(
        [str(_programs() / program), *arguments],
        cwd="/",
        user=_AS if os.geteuid() == 0 else None,
        capture_output=True,
        text=True,
        timeout=_LONGEST_SECONDS,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@contextmanager
def postgresql() -> Iterator[PostgreSQL]:
    """A new cluster with one user and one database; gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="claims-postgresql-"))
    data = folder / "data"
    try:
        (folder / "password").write_text(PASSWORD)
        if os.geteuid() == 0:
            shutil.chown(folder, _AS, _AS)
            shutil.chown(folder / "password", _AS, _AS)
        _run(
            "initdb",
            *("--pgdata", str(data), "--username", USER, "--pwfile", str(folder / "password")),
            *("--auth", "scram-sha-256", "--encoding", "UTF8", "--locale", "C", "--no-sync"),
        )
        _by_tls_alone(data)
        port = _free_port()
        options = (
            f"-c port={port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={folder} -c ssl=on"
        )
        _run(
            "pg_ctl",
            "--pgdata",
            str(data),
            "--options",
            f"{options} -c fsync=off",
            "--wait",
            "-l",
            str(folder / "log"),
            "start",
        )
        try:
            yield _with_database(PostgreSQL("127.0.0.1", port))
        finally:
            _run("pg_ctl", "--pgdata", str(data), "--mode", "immediate", "--wait", "stop")
    finally:
        shutil.rmtree(folder)


def _by_tls_alone(data: Path) -> None:
    certificate = trustme.CA().issue_cert("127.0.0.1")
    certificate.private_key_pem.write_to_path(data / "server.key")
    (data / "server.crt").write_bytes(b"".join(each.bytes() for each in certificate.cert_chain_pems))
    (data / "pg_hba.conf").write_text("hostssl all all 127.0.0.1/32 scram-sha-256\n")
    for name in ("server.key", "server.crt"):
        (data / name).chmod(0o600)
        if os.geteuid() == 0:
            shutil.chown(data / name, _AS, _AS)


def _with_database(server: PostgreSQL) -> PostgreSQL:
    import psycopg2

    connection = psycopg2.connect(
        host=server.host, port=server.port, user=USER, password=PASSWORD, dbname="postgres", sslmode="require"
    )
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE DATABASE {DATABASE}")
    connection.close()
    return server


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
