"""Who carries the claims: how each is started, and where what it told is found.

What belongs here: commands, settings, and reading what was printed or left behind. Not here: the judgment (`told`).
All look at a job every `POLL_SECONDS`: the shortest that drt, whose interval is in whole seconds, takes.
"""

import json
import math
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from bench.beside.book import KEY, Book
from bench.beside.environment import THEIRS
from bench.beside.org import REFUSAL
from bench.beside.told import Told
from bench.measuring import Cost

POLL_SECONDS = 1
ROWS_ONE_A_CALL = 2_000
_CONCURRENCY = 4
_LARGEST_BATCH = 50_000


@dataclass(frozen=True)
class Stage:
    """One run's surroundings."""

    book: Book
    rows: int
    """How many of the book's first claims are carried."""
    folder: Path
    """An empty folder of the contender's own."""
    environment: Mapping[str, str]
    """The sandbox's settings, and this process's."""
    theirs: Path
    """The interpreter that has the contenders' packages."""


@dataclass(frozen=True)
class Run:
    """One run, over; `jobs` are all that the org was given."""

    stage: Stage
    cost: Cost
    refused: Sequence[str]
    jobs: Sequence[str]


@dataclass(frozen=True)
class Contender:
    """One way to carry the claims."""

    name: str
    how: str
    """What it was given beside the claims."""
    start: Callable[[Stage], tuple[list[str], dict[str, str]]]
    """Its command and environment."""
    told: Callable[[Run], Told]
    at_most: int | None = None
    """So many rows are carried, and time and calls are scaled to the book."""


def _ours(stage: Stage) -> tuple[list[str], dict[str, str]]:
    environment = {**stage.environment, "SALESFORCE_POLL_SECONDS": str(POLL_SECONDS)}
    return [sys.executable, "-m", "claims_pipeline.cli", "sync"], environment


def _told_by_us(run: Run) -> Told:
    kept = Path(run.stage.environment["CLAIMS_STORAGE"]) / "refused_claims"
    frames = [pl.read_parquet(path) for path in sorted(kept.rglob("*.parquet"))]
    rows = {key: code for frame in frames for key, code in frame.select(KEY, "refused_code").iter_rows()}
    if run.cost.exit_code and not rows:
        return Told(broke_off=_last_line(run.cost.told))
    printed = "printed by code with the first claim ids" if REFUSAL in run.cost.told else "not printed"
    return Told(len(rows), rows, by=f"{printed}; all kept, and tried again later")


def _script(name: str, *arguments: str) -> Callable[[Stage], tuple[list[str], dict[str, str]]]:
    def start(stage: Stage) -> tuple[list[str], dict[str, str]]:
        given = [argument.format(stage=stage, batch_size=_batch_size(stage.rows)) for argument in arguments]
        command = [str(stage.theirs), str(THEIRS / name), str(stage.book.records), *given]
        return command, _without_ours(stage.environment)

    return start


def _last_line(text: str) -> str:
    """The last line that says anything."""
    return next((line for line in reversed(text.splitlines()) if line.strip()), "(nothing)")


def _batch_size(rows: int) -> int:
    return min(math.ceil(rows / _CONCURRENCY), _LARGEST_BATCH)


def _without_ours(environment: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environment.items() if name != "PYTHONPATH"}


def _told_in_json(by: str) -> Callable[[Run], Told]:
    def told(run: Run) -> Told:
        if run.cost.exit_code:
            return Told(broke_off=_last_line(run.cost.told))
        back = json.loads(_last_line(run.cost.told))
        return Told(back["counted"], back["rows"], jobs=tuple(back.get("jobs", ())), by=by)

    return told


def _drt(stage: Stage) -> tuple[list[str], dict[str, str]]:
    """Its project as `drt init` would leave it: a profile that reads SQLite, one sync, dead letters kept."""
    destination = {
        "type": "salesforce_bulk",
        "instance_url_env": "SALESFORCE_DOMAIN",
        "object_name": "Claim__c",
        "operation": "upsert",
        "external_id_field": KEY,
        "poll_interval_seconds": POLL_SECONDS,
        **{f"{name}_env": "UNUSED" for name in ("client_id", "client_secret", "username", "password")},
    }
    sync = {"mode": "full", "batch_size": 10_000, "on_error": "skip", "dlq": {"enabled": True}}
    claims = {"name": "claims", "model": "SELECT * FROM claims", "destination": destination, "sync": sync}
    profile = {"beside": {"type": "sqlite", "database": str(stage.book.database)}}
    _write(stage.folder / "drt_project.yml", {"name": "beside", "profile": "beside"})
    _write(stage.folder / "syncs" / "claims.yml", claims)
    _write(stage.folder / "home" / ".drt" / "profiles.yml", profile)
    environment = _without_ours(stage.environment) | {
        "HOME": str(stage.folder / "home"),
        "SSL_CERT_FILE": stage.environment["CLAIMS_CA_BUNDLE"],
        "UNUSED": "unused",
        "DO_NOT_TRACK": "1",
        "COLUMNS": "300",
    }
    in_its_folder = f'cd "{stage.folder}" && exec "$@"'
    command = [str(stage.theirs), str(THEIRS / "drt_signed_in.py"), "run", "--verbose"]
    return ["sh", "-c", in_its_folder, "sh", *command], environment


def _write(path: Path, facts: Mapping[str, object]) -> None:
    """As JSON, which is YAML."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(facts))


def _told_by_drt(run: Run) -> Told:
    """Counts from the file it leaves for machines; names from all that it printed or left."""
    texts = [run.cost.told, *_texts(run.stage.folder)]
    results = run.stage.folder / "target" / "drt" / "run_results.json"
    (sync,) = json.loads(results.read_text())["results"]
    if not (sync["rows_synced"] or sync["rows_failed"]):
        return Told(broke_off=_error_line(run.cost.told))
    return Told(
        counted=sync["rows_failed"],
        nameless=run.cost.told.count(REFUSAL),
        named_beside=len(_found(run.refused, texts)),
        jobs=tuple(_found(run.jobs, texts)),
        by="`drt run --verbose`, run_results.json and the dead letters, which were switched on",
    )


def _error_line(text: str) -> str:
    """The first line with an error, without the box around it."""
    lines = (line.strip(" │") for line in text.splitlines())
    return next((line for line in lines if "Error" in line), "(nothing)")


def _texts(folder: Path) -> Iterator[str]:
    return (path.read_text(errors="replace") for path in sorted(folder.rglob("*")) if path.is_file())


def _found(words: Iterable[str], texts: Sequence[str]) -> list[str]:
    return [word for word in words if any(word in text for text in texts)]


CONTENDERS = (
    Contender("ours", "`claims-pipeline sync`, from the report on", _ours, _told_by_us),
    Contender(
        "one upsert a row",
        "the predecessor's way: simple-salesforce, the ready records",
        _script("row_a_call.py", "{stage.rows}"),
        _told_in_json("an exception a row, for who catches it"),
        at_most=ROWS_ONE_A_CALL,
    ),
    Contender(
        "simple-salesforce bulk2",
        "as it comes: upsert(csv_file), the ready CSV",
        _script("bulk2.py", str(POLL_SECONDS)),
        _told_in_json("what upsert returned"),
    ),
    Contender(
        "simple-salesforce bulk2, tuned",
        f"the ready CSV; {_CONCURRENCY} jobs at once, a quarter of the rows each, at most {_LARGEST_BATCH:,}; failed "
        "records asked for",
        _script("bulk2.py", str(POLL_SECONDS), "{batch_size}", str(_CONCURRENCY)),
        _told_in_json("get_failed_records, called for each job"),
    ),
    Contender(
        "drt salesforce_bulk",
        "the ready records in SQLite; its sign-in replaced, as new orgs refuse the one that it has",
        _drt,
        _told_by_drt,
    ),
)
