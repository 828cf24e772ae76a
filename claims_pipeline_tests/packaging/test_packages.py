"""Every package that can be built: checked as it is, the same to the byte, and one built the naive way refused."""

import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from claims_pipeline.packaging.building import build, sha256_of
from claims_pipeline.packaging.checking import Verdict, check
from claims_pipeline.packaging.contents import TARGETS, Target
from claims_pipeline.packaging.interpreters import find_interpreter
from claims_pipeline_tests.command_line import PLAIN, claims_pipeline_process
from claims_pipeline_tests.packaging.packages import built_once

pytestmark = pytest.mark.package
HERE = "x86_64"
NAIVE = ("cryptography", "pydantic", "requests")
"""Enough of what the function needs to fail on as the predecessor did."""


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: f"{target.python}-{target.arch}")
def test_a_built_package_is_found_well_and_what_was_not_tried_is_said(target: Target, shared: Path) -> None:
    """Binaries are read for all; imports are tried where this machine has the processor and the Python."""
    path = built_once(target, shared)
    said = claims_pipeline_process({}, "lambda", "check", str(path))
    assert said.code == 0, said.words
    of_imports = [line for line in said.out.splitlines() if "imports on" in line]
    if target.arch == HERE:
        assert find_interpreter(target.python) is not None
        assert of_imports[0].lstrip().startswith(f"ok  imports on {target.python}, {HERE}: every module")
    else:
        assert of_imports[0].lstrip().startswith(f"not tried  imports on {target.python}, arm64")
        assert "the binaries were read, nothing was run" in of_imports[0]
    shutil.rmtree(path.with_suffix(""), ignore_errors=True)


def test_two_builds_in_two_folders_under_other_umask_clock_and_cache_are_one_to_the_byte(
    shared: Path, tmp_path: Path
) -> None:
    target = Target("3.13", HERE)
    first = sha256_of(built_once(target, shared))
    other = tmp_path / "elsewhere" / "packages"
    clock = "import time; time.time = lambda: 2_000_000_000.0; from claims_pipeline.cli import main; main()"
    environment = {
        **PLAIN,
        "PIP_CACHE_DIR": str(tmp_path / "cache"),
        "TMPDIR": str(tmp_path),
        "PYTHONHASHSEED": "7",
        "TZ": "Pacific/Auckland",
        "PYTHONPATH": os.environ.get("PYTHONPATH", ""),
    }
    command = [sys.executable, "-c", clock, "lambda", "build", "--python", "3.13", "--folder", str(other)]
    done = subprocess.run(command, env=environment, umask=0o077, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert sha256_of(other / target.zip_name) == first
    assert f"sha256  {first}" in done.stdout


def test_a_package_built_the_naive_way_is_refused_as_the_predecessors_was_not(tmp_path: Path) -> None:
    """A plain pip install on a new machine, zipped: cryptography's wheel asks for a newer C library than 3.11 has."""
    interpreter = find_interpreter("3.11")
    assert interpreter is not None
    folder = tmp_path / "package"
    install = [str(interpreter), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*install, "--target", str(folder), *NAIVE], check=True, capture_output=True, timeout=300)
    (folder / "lambda_handler.py").write_text(
        "import cryptography\n\n\ndef lambda_handler(event, context): ...\n"
    )
    path = Path(shutil.make_archive(str(tmp_path / "naive"), "zip", folder))
    said = claims_pipeline_process({}, "lambda", "check", str(path), "--python", "3.11", "--arch", HERE)
    assert said.code == 5, said.words
    (line,) = [line for line in said.out.splitlines() if " GLIBC:" in line]
    assert re.search(
        r"failed  GLIBC: .*cryptography/.*\.so needs GLIBC_2\.(2[7-9]|3\d).*Amazon Linux 2 has 2\.26", line
    )


def test_a_package_for_another_runtime_is_refused_by_its_binaries(shared: Path) -> None:
    path = built_once(Target("3.13", HERE), shared)
    failed = {each.of for each in check(path, Target("3.12", HERE)) if each.verdict is Verdict.FAILED}
    assert failed == {"Python of binaries", "imports on 3.12, x86_64"}
    failed = {each.of for each in check(path, Target("3.13", "arm64")) if each.verdict is Verdict.FAILED}
    assert failed == {"architecture"}


UNCHECKED_HASH = 1
"""The flags of byte code that is trusted as it is, by PEP 552."""


def byte_code_flags(zipped: zipfile.ZipFile) -> set[int]:
    """How the package's byte code is to be trusted."""
    names = [name for name in zipped.namelist() if name.endswith(".pyc")]
    assert len(names) > 500
    return {int.from_bytes(zipped.read(name)[4:8], "little") for name in names}


def test_a_package_holds_nothing_that_tells_of_the_machine_that_built_it(shared: Path) -> None:
    with zipfile.ZipFile(built_once(Target("3.13", HERE), shared)) as zipped:
        names = zipped.namelist()
        assert names == sorted(names)
        assert {info.date_time for info in zipped.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert {info.external_attr >> 16 for info in zipped.infolist()} == {0o100644}
        label = json.loads(zipped.read("claims_pipeline/lambda_package.json"))
        assert (label["python"], label["arch"]) == ("3.13", HERE)
        assert label["compiled_by"].startswith("3.13.")
        assert byte_code_flags(zipped) == {UNCHECKED_HASH}, "a time in it would make each build another"
    leavings = re.compile(r"/(RECORD|INSTALLER|direct_url\.json|REQUESTED)$|^bin/")
    assert [name for name in names if leavings.search(name)] == []


def test_a_config_of_several_customers_goes_to_the_root(shared: Path, tmp_path: Path) -> None:
    config = tmp_path / "ours.toml"
    config.write_text('[customers."10001001"]\n')
    built = build(Target("3.11", "arm64"), tmp_path, config)
    with zipfile.ZipFile(built.path) as zipped:
        assert zipped.read("claims.toml") == config.read_bytes()
