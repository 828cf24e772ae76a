"""What is said to be in the package is what the handler needs: no more, no less, every wheel by its hash."""

import ast
import json
import platform
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pydantic_core
import pytest

import claims_pipeline
from claims_pipeline.packaging.binaries import read_binary
from claims_pipeline.packaging.checking import NotAPackage, Verdict, check, target_of
from claims_pipeline.packaging.contents import DIRECT, IN_THE_RUNTIME, LEFT_OUT, OURS, TARGETS, Target
from claims_pipeline_tests.command_line import claims_pipeline as command
from claims_pipeline_tests.paths import REPOSITORY

ROOT = Path(claims_pipeline.__file__).parent
MODULES_OF = {
    "aws-lambda-powertools": "aws_lambda_powertools",
    "aws-xray-sdk": "aws_xray_sdk",
    "pyjwt": "jwt",
    "simple-salesforce": "simple_salesforce",
}
INDIRECT = {"cryptography", "urllib3", "aws_xray_sdk"}
"""Imported by us and brought by others (pyjwt[crypto], requests), or used by powertools alone."""


def files() -> list[Path]:
    found = [ROOT / name for name in OURS if name.endswith(".py")]
    return found + [path for name in OURS if (ROOT / name).is_dir() for path in (ROOT / name).rglob("*.py")]


def imported() -> set[str]:
    """Top-level packages that the packed modules import, and rooms of ours with their name."""
    found: set[str] = set()
    for path in files():
        tree = ast.parse(path.read_text())
        typing_only = {
            id(each)
            for node in ast.walk(tree)
            if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
            for each in ast.walk(node)
        }
        for node in ast.walk(tree):
            if id(node) in typing_only:
                continue
            if isinstance(node, ast.Import):
                found |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module is not None:
                found.add(node.module)
    return found


def test_every_room_that_is_packed_is_needed_and_every_room_that_is_needed_is_packed() -> None:
    told = "import sys, claims_pipeline.lambda_handler; print(*(n for n in sys.modules if n.startswith('claims_')))"
    done = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True)
    loaded = {name.split(".")[1] for name in done.stdout.split() if "." in name}
    packed = {name.removesuffix(".py") for name in OURS} - {"__init__", "py.typed"}
    assert loaded == packed
    inside = {name.split(".")[1] for name in imported() if name.startswith("claims_pipeline.")}
    assert inside <= packed


def test_every_import_has_its_wheel_and_every_direct_wheel_its_import() -> None:
    outside = {name.split(".")[0] for name in imported()} - set(sys.stdlib_module_names) - {"claims_pipeline"}
    direct = {MODULES_OF.get(name, name) for name in (each.partition("[")[0] for each in DIRECT)}
    assert outside - INDIRECT - set(IN_THE_RUNTIME) - set(LEFT_OUT) == direct - INDIRECT


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: f"{target.python}-{target.arch}")
def test_locks_hold_names_versions_and_hashes_of_the_versions_that_are_tested(target: Target) -> None:
    lines = [line for line in target.lock.read_text().splitlines() if not line.startswith("#")]
    shapes = [re.fullmatch(r"([a-z0-9-]+)==([\w.]+) --hash=sha256:[0-9a-f]{64}", line) for line in lines]
    assert all(shapes)
    pinned = (line.partition("==") for line in (REPOSITORY / "constraints.txt").read_text().splitlines())
    tested = {name.lower().replace("_", "-"): version for name, _, version in pinned}
    assert {shape[1]: shape[2] for shape in shapes if shape} == {
        shape[1]: tested[shape[1]] for shape in shapes if shape
    }
    names = {shape[1] for shape in shapes if shape}
    assert {each.partition("[")[0] for each in DIRECT} <= names
    assert not names & {*IN_THE_RUNTIME, "dagster", "moto", "pytest"}


def zipped(path: Path, **files: bytes) -> Path:
    with zipfile.ZipFile(path, "w") as made:
        for name, content in files.items():
            made.writestr(name.replace("__", "/").replace("_dot_", "."), content)
    return path


def failed(path: Path) -> dict[str, str]:
    return {each.of: each.words for each in check(path, TARGETS[-1]) if each.verdict is Verdict.FAILED}


def test_what_has_no_business_in_a_package_is_named(tmp_path: Path) -> None:
    path = zipped(
        tmp_path / "p.zip",
        lambda_handler_dot_py=b"",
        dagster_aws__ecs_dot_py=b"",
        claims_pipeline_tests__x_dot_py=b"",
        claims_pipeline__sandbox__x_dot_py=b"",
        simplejson__tests__x_dot_py=b"",
    )
    assert failed(path) == {
        "contents": "it holds claims_pipeline/sandbox, claims_pipeline_tests, dagster, simplejson/tests"
    }


def test_a_package_without_a_handler_or_beyond_the_limit_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "p.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr("large", bytes(251 * 1024 * 1024))
    assert failed(path) == {
        "size unzipped": "251 MiB, and Lambda takes 250",
        "handler": "there is no lambda_handler.py at the root",
    }


def test_a_broken_binary_is_named(tmp_path: Path) -> None:
    path = zipped(tmp_path / "p.zip", lambda_handler_dot_py=b"", x_dot_so=b"\x7fELF and nothing more")
    assert failed(path) == {"architecture": "x.so"}


def test_a_binary_is_read_as_the_system_loads_it() -> None:
    """One of this interpreter's own extensions."""
    path = Path(pydantic_core._pydantic_core.__file__)
    binary = read_binary(path.name, path.read_bytes())
    assert (binary.machine, binary.python) == (platform.machine(), f"3.{sys.version_info.minor}")
    assert (2, 2, 5) < binary.glibc <= (2, 17)
    assert "libc.so.6" in binary.needs


def test_a_zip_that_does_not_say_its_runtime_is_asked_for_it(tmp_path: Path) -> None:
    path = zipped(tmp_path / "p.zip", lambda_handler_dot_py=b"")
    with pytest.raises(NotAPackage, match=r"--python 3\.13 --arch x86_64"):
        target_of(path, None, None)
    assert target_of(path, "3.11", "arm64") == Target("3.11", "arm64")
    label = json.dumps({"python": "3.12", "arch": "arm64"}).encode()
    said = zipped(tmp_path / "q.zip", claims_pipeline__lambda_package_dot_json=label)
    assert target_of(said, None, None) == Target("3.12", "arm64")
    (tmp_path / "r.zip").write_bytes(b"no zip")
    with pytest.raises(NotAPackage, match="no zip"):
        target_of(tmp_path / "r.zip", None, None)


def test_check_ends_with_a_code_that_a_script_can_tell(tmp_path: Path) -> None:
    path = zipped(tmp_path / "p.zip", lambda_handler_dot_py=b"def lambda_handler(event, context): ...\n")
    said = command({}, "lambda", "check", str(path))
    assert (said.code, "does not say for which runtime" in said.err) == (5, True)
