"""Help answers at once, says what a script and a person need, and loads nothing that it does not need."""

from importlib.metadata import version

import pytest

from claims_pipeline.cli.exits import Exit, meaning_of
from claims_pipeline_tests.command_line import claims_pipeline, claims_pipeline_process, python_process

HEAVY = (
    "polars",
    "dagster",
    "pydantic",
    "requests",
    "boto3",
    "simple_salesforce",
    "starlette",
    "moto",
    "rich",
)
_HELP_AND_LIST = (
    "import sys; from claims_pipeline import cli; sys.argv = ['claims-pipeline', *sys.argv[1:], '--help']\n"
    "try: cli.main()\n"
    "finally: print(*sys.modules, file=sys.stderr)"
)


def test_help_lists_the_commands_and_every_exit_code() -> None:
    said = claims_pipeline({}, "--help")
    assert said.code == Exit.ALL_ARRIVED
    for command in (
        "sync",
        "status",
        "ask",
        "pause",
        "resume",
        "release",
        "confirm",
        "check",
        "reconcile",
        "replay",
        "report",
        "why",
        "salesforce",
        "sandbox",
        "demo",
    ):
        assert f"  {command} " in said.out
    for code in Exit:
        assert f"  {code.value}  {meaning_of(code)}" in said.out


@pytest.mark.parametrize(
    "command",
    [
        [],
        ["status"],
        ["ask"],
        ["pause"],
        ["release"],
        ["confirm", "report"],
        ["confirm", "org"],
        ["salesforce", "deploy"],
        ["salesforce", "diff"],
    ],
)
def test_help_imports_nothing_heavy(command: list[str]) -> None:
    said = python_process({}, "-c", _HELP_AND_LIST, *command)
    assert "Usage: claims-pipeline" in said.out
    loaded = {name.partition(".")[0] for name in said.err.split()}
    assert "claims_pipeline" in loaded
    assert loaded.isdisjoint(HEAVY)


def test_the_version_is_the_package_s() -> None:
    said = claims_pipeline({}, "--version")
    assert (said.code, said.out.strip()) == (0, f"claims-pipeline, version {version('claims-pipeline')}")


@pytest.mark.parametrize(
    ("command", "options"),
    [
        ("sync", ["--customer", "--full", "--dry-run", "--resend", "--accept-empty"]),
        ("status", ["--json"]),
        ("ask", ["CUSTOMER", "--full"]),
        ("pause", ["CUSTOMER", "--reason", "--by", "patient's data"]),
        ("resume", ["CUSTOMER", "--by"]),
        ("release", ["CUSTOMER...", "--free-lease", "--by"]),
        ("confirm", ["report", "org"]),
        ("check", []),
        (
            "onboard",
            ["--customer", "--report", "--recent-filter", "--full-filter", "--label", "--replace", "--yes"],
        ),
        ("reconcile", ["--customer", "--json"]),
        ("report", ["--customer", "CLAIMS_REPORTS"]),
        ("why", ["CLAIM", "--customer", "--show-values"]),
        ("salesforce", ["deploy", "diff"]),
        (
            "sandbox",
            ["--folder", "--report", "--claims", "--charges", "--seed", "--org", "--write-environment"],
        ),
        ("demo", ["--report", "--claims", "--charges", "--seed", "--folder", "--ui", "--port"]),
    ],
)
def test_each_command_says_what_it_takes(command: str, options: list[str]) -> None:
    said = claims_pipeline({}, command, "--help")
    assert said.code == 0
    assert [option for option in options if option not in said.out] == []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["snyc"], "No such command 'snyc'"),
        (["sync", "--everything"], "No such option '--everything'"),
        (["sync", "--customer"], "Option '--customer' requires an argument"),
        (["demo", "--report", "/nowhere/report.csv"], "File '/nowhere/report.csv' does not exist"),
        (["sandbox", "--claims", "many"], "'many' is not a valid integer"),
    ],
)
def test_wrong_options_are_told_and_end_with_2(arguments: list[str], words: str) -> None:
    said = claims_pipeline({}, *arguments)
    assert said.code == Exit.USAGE
    assert words in said.err
    assert "Traceback" not in said.words


def test_it_runs_as_a_module_and_as_a_script() -> None:
    assert claims_pipeline_process({}, "--version").out.startswith("claims-pipeline, version")
    script = (
        "import sys; sys.argv[0] = 'claims-pipeline'; from importlib.metadata import entry_points as found\n"
    )
    script += "(entry,) = found(group='console_scripts', name='claims-pipeline'); entry.load()()"
    assert python_process({}, "-c", script, "--version").out.startswith("claims-pipeline, version")
