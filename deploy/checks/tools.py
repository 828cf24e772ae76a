"""Running the tools: each over files, its answer as findings. A tool that did not really look raises.

What belongs here: command lines and answers of cfn-lint, checkov and cdk-nag. Not here: what may be found (`findings`).
"""

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from deploy.checks.findings import AS_WRITTEN, Finding
from deploy.checks.templates import Variant

_BIN = Path(sys.executable).parent
_LONGEST_SECONDS = 600
_CFN_LINT_FOUND = range(16)
"""Its exit code is a sum of what it found; 32 and more is a failure of its own."""


def cfn_lint(files: Mapping[Path, str]) -> list[Finding]:
    """cfn-lint over templates as they are written. `files`: path -> the template's name."""
    done = _run([str(_BIN / "cfn-lint"), "--format", "json", "--", *map(str, files)])
    if done.returncode not in _CFN_LINT_FOUND:
        raise RuntimeError(f"cfn-lint ended with {done.returncode}: {done.stderr}")
    return [
        Finding(
            files[Path(each["Filename"])],
            AS_WRITTEN,
            f"cfn-lint {each['Rule']['Id']}",
            _resource_of(each["Location"].get("Path") or []),
            each["Message"],
        )
        for each in json.loads(done.stdout or "[]")
    ]


def _resource_of(path: list[Any]) -> str:
    return str(path[1]) if len(path) > 1 and path[0] in ("Resources", "Parameters", "Outputs") else "template"


def checkov(files: Mapping[Path, Variant]) -> list[Finding]:
    """checkov's CloudFormation checks over decided templates, without asking anybody."""
    arguments = ["--skip-download", "--framework", "cloudformation", "--output", "json", "--soft-fail"]
    for path in files:
        arguments += ["--file", str(path)]
    done = _run([str(_BIN / "checkov"), *arguments])
    if done.returncode != 0:
        raise RuntimeError(f"checkov ended with {done.returncode}: {done.stderr}")
    answer = json.loads(done.stdout)
    summary = answer["summary"]
    results = answer["results"]
    seen = {Path(each["file_abs_path"]) for each in (*results["passed_checks"], *results["failed_checks"])}
    if summary["parsing_errors"] or seen != set(files):
        raise RuntimeError(f"checkov did not look at {sorted(map(str, set(files) - seen))}: {summary}")
    return [
        Finding(
            files[Path(each["file_abs_path"])].template,
            files[Path(each["file_abs_path"])].name,
            f"checkov {each['check_id']}",
            each["resource"].split(".")[-1],
            each["check_name"],
        )
        for each in results["failed_checks"]
    ]


def cdk_nag(path: Path, variant: Variant, modules: Path) -> list[Finding]:
    """cdk-nag's HIPAA pack over one decided template; `modules`: the folder in which npm installed it."""
    script = modules / "nag.mjs"
    script.write_bytes((Path(__file__).parent / "nag.mjs").read_bytes())
    done = _run(["node", str(script), str(path)])
    if done.returncode != 0:
        raise RuntimeError(f"cdk-nag ended with {done.returncode} on {variant.title}: {done.stderr}")
    return [
        Finding(
            variant.template,
            variant.name,
            f"cdk-nag {each['rule']}",
            each["path"].split("/")[-1],
            each["message"],
        )
        for each in json.loads(done.stdout)
    ]


def _run(command: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, timeout=_LONGEST_SECONDS)
