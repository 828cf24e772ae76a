"""Sinks: every place in which a run may leave something, read to its last byte, and each with a way to plant there.

What belongs here: the closed list `SINKS`, and what may stand in each. Not here: what is searched for
(`journeys.canary`), in which forms (`codings`), nor what fills them (`failures`). A new place (a report, an alert) is
found without being named: every file below the stage is read but those of `PRIVATE`.
"""

import base64
import json
import logging
import re
import sqlite3
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
import dagster as dg
import polars as pl
import requests
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import EmptyWorkspaceTarget
from dagster_webserver.app import create_app_from_workspace_process_context

from claims_pipeline.sandbox.serving import serve
from claims_pipeline.storage.frames import Stamp, StampedFrame, Storage
from claims_pipeline_tests.journeys.canary import AMOUNTS, CLAIM, NOWHERE, PAYOR, Leak, leaks_in
from claims_pipeline_tests.journeys.canary_scene import leaks_in_words
from claims_pipeline_tests.privacy.codings import DEEPEST, without_schema
from claims_pipeline_tests.privacy.stage import Stage, as_the_runtime_tells
from claims_pipeline_tests.town import FIRST

PRIVATE = {
    "the report ZIPs": r"(.*/)?storage/(dry_run/)?reports/\d{8}/(\d{12}/)?\d+\.zip",
    "the claims' own frames": r"(.*/)?storage/(dry_run/)?(raw_collaboratemd_claims|transformed_claims|rejected_claims)"
    r"/\d{8}\.parquet",
    "refused claims' payloads": r"(.*/)?storage/refused_claims/\d{8}\.parquet",
    "CollaborateMD's own files (the sandbox's)": r"town-\d+/reports/.*",
    "Salesforce's own records (the sandbox's)": r"town-\d+/org\.sqlite.*",
}
"""Where claims may stand: files by what they are. (A run's working files are gone when it ends; that is tested.)"""
_ELSEWHERE = r"town-\d+/certificates/.*"
_OUTCOMES = re.compile(
    r"(.*/)?storage/(dry_run/)?((salesforce_synced_claims|unmapped_payors|payor_mapping|open_issues)(/\d{8})?"
    r"|outcome_history/\d{8}/(syncs|\d{12}))\.parquet"
)
_FOR_PEOPLE = (".html", ".csv", ".svg")
_SOUGHT = (*NOWHERE, CLAIM, PAYOR)
GRAPHQL = """{
  runsOrError { ... on Runs { results { runId status tags { key value }
    eventConnection { events { __typename ... on MessageEvent { message }
      ... on ExecutionStepFailureEvent { error { message stack causes { message stack } }
        failureMetadata { description metadataEntries { ...entry } } }
      ... on RunFailureEvent { error { message stack } }
      ... on MaterializationEvent { assetKey { path } metadataEntries { ...entry } }
      ... on AssetCheckEvaluationEvent { evaluation { description metadataEntries { ...entry } } } } } } } }
  assetsOrError { ... on AssetConnection { nodes { key { path }
    assetMaterializations { tags { key value } metadataEntries { ...entry } } } } }
}
fragment entry on MetadataEntry { __typename label description
  ... on TextMetadataEntry { text } ... on MarkdownMetadataEntry { mdStr } ... on JsonMetadataEntry { jsonString }
  ... on UrlMetadataEntry { url } ... on PathMetadataEntry { path }
  ... on TableMetadataEntry { table { records } } }"""


@dataclass(frozen=True)
class Piece:
    """Something that was left somewhere, and what of the sought may stand in it."""

    where: str
    content: bytes
    allowed: frozenset[str] = frozenset()
    depth: int = DEEPEST


@dataclass(frozen=True)
class Sink:
    """A place: how it is read, and how a text is put there on purpose."""

    name: str
    read: Callable[[Stage], Iterable[Piece]]
    plant: Callable[[Stage, bytes], None]
    leaks: Callable[[Stage], Iterable[Leak]] = field(default=lambda _: ())
    """What is judged otherwise than piece by piece."""


def leaks(stage: Stage, sinks: Iterable[Sink], sought: Collection[str] = _SOUGHT) -> list[Leak]:
    """Everything that stands in these sinks and may not."""
    found: list[Leak] = []
    for sink in sinks:
        for piece in sink.read(stage):
            tokens = [token for token in sought if token not in piece.allowed]
            told = leaks_in(f"{sink.name}: {piece.where}", piece.content, tokens, depth=piece.depth)
            found += told
        found += sink.leaks(stage)
    return found


def told(found: Iterable[Leak]) -> str:
    """Each leak on a line, for whoever must find where it comes from."""
    return "\n".join(f"{leak.token} in {leak.where}" for leak in found)


def as_text(content: bytes) -> str:
    """For a place that takes text alone: as it is, or in base64, as whoever writes bytes there does."""
    try:
        text = content.decode()
    except UnicodeDecodeError:
        return base64.b64encode(content).decode()
    return (
        text
        if text.isprintable() or text.replace("\n", "").isprintable()
        else base64.b64encode(content).decode()
    )


# Dagster's


@contextmanager
def _instance(stage: Stage) -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.from_config(str(stage.home)) as instance:
        yield instance


def _rows(stage: Stage) -> Iterator[Piece]:
    """Every row of every SQLite file; the file's raw bytes too, which hold what was deleted."""
    for path in sorted(stage.home.rglob("*.db")):
        yield Piece(str(path), path.read_bytes(), frozenset({PAYOR}), depth=0)
        with closing(sqlite3.connect(path)) as database:
            tables = [
                name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
            ]
            for table in tables:
                of_payors, others = list[bytes](), list[bytes]()
                for values in database.execute(f'SELECT * FROM "{table}"'):
                    cells = [value if isinstance(value, bytes) else str(value).encode() for value in values]
                    row = b"\n".join(cells)
                    (of_payors if b"unmapped_payors" in row else others).append(row)
                yield Piece(f"{path.name} {table}, of payors", b"\n".join(of_payors), frozenset({PAYOR}))
                yield Piece(f"{path.name} {table}", b"\n".join(others))


def _plant_event(stage: Stage, content: bytes) -> None:
    with _instance(stage) as instance:
        said = as_text(content)
        instance.report_runless_asset_event(dg.AssetObservation("planted", description=said))


def _tags(stage: Stage) -> Iterator[Piece]:
    with _instance(stage) as instance:
        for run in instance.get_runs():
            told = json.dumps({"tags": run.tags, "config": run.run_config}, default=str)
            yield Piece(f"run {run.run_id}", told.encode())


def _plant_tag(stage: Stage, content: bytes) -> None:
    with _instance(stage) as instance:
        instance.add_run(dg.DagsterRun(job_name="planted", tags={"note": as_text(content)}))


def _metadata(stage: Stage) -> Iterator[Piece]:
    with _instance(stage) as instance:
        for key in instance.get_asset_keys():
            records = instance.fetch_materializations(key, limit=1000).records
            for record in records:
                made = record.asset_materialization
                assert made is not None
                told = {name: repr(value) for name, value in made.metadata.items()}
                allowed = frozenset({PAYOR}) if key.path == ["unmapped_payors"] else frozenset[str]()
                yield Piece(key.to_user_string(), json.dumps(told).encode(), allowed)


def _plant_metadata(stage: Stage, content: bytes) -> None:
    with _instance(stage) as instance:
        made = dg.AssetMaterialization("planted", metadata={"note": as_text(content)})
        instance.report_runless_asset_event(made)


def _files_of_home(stage: Stage) -> Iterator[Piece]:
    for path in _files(stage.home):
        if path.suffix != ".db":
            yield Piece(str(path.relative_to(stage.home)), path.read_bytes())


def _plant_compute_log(stage: Stage, content: bytes) -> None:
    _write(stage.home / "storage" / "a-run" / "compute_logs" / "step.err", content)


def _graphql(stage: Stage) -> Iterator[Piece]:
    """What Dagster's own webserver answers; and what the served door was answered."""
    with (
        _instance(stage) as instance,
        WorkspaceProcessContext(instance, EmptyWorkspaceTarget()) as context,
        serve(create_app_from_workspace_process_context(context), certificate=None) as served,
    ):
        answer = requests.post(f"{served.url}/graphql", json={"query": GRAPHQL}, timeout=300).json()
    assert "errors" not in answer, answer
    for run in answer["data"]["runsOrError"]["results"]:
        for event in run.pop("eventConnection")["events"]:
            told = json.dumps(event)
            yield Piece(f"run {run['runId']}", told.encode(), _of_payors(told))
        yield Piece(f"run {run['runId']}", json.dumps(run).encode())
    for node in answer["data"]["assetsOrError"]["nodes"]:
        told = json.dumps(node)
        yield Piece(f"asset {node['key']['path']}", told.encode(), _of_payors(told))
    for told in stage.graphql:
        yield Piece("the served door", told.encode(), frozenset({PAYOR}))


def _of_payors(told: str) -> frozenset[str]:
    return frozenset({PAYOR}) if "unmapped_payors" in told else frozenset()


# What is said


def _streams(stage: Stage) -> Iterator[Piece]:
    for what, text in stage.streams:
        lines = "\n".join(line for line in text.splitlines() if not line.startswith('{"_aws"'))
        yield Piece(what, lines.encode(), frozenset({CLAIM, PAYOR}))


def _strict_in_streams(stage: Stage) -> Iterator[Leak]:
    """Claim ids and payor names stand in the command line's lists alone."""
    for said in stage.said:
        yield from leaks_in_words(said)
    for what, text in stage.streams:
        if "command line" not in what:
            yield from leaks_in(what, text.encode(), {CLAIM, PAYOR})


def _plant_on_a_stream(stage: Stage, content: bytes) -> None:
    with stage.heard("planted"):
        print(as_text(content))


def _metrics(stage: Stage) -> Iterator[Piece]:
    for what, text in stage.streams:
        lines = [line for line in text.splitlines() if line.startswith('{"_aws"')]
        yield Piece(what, "\n".join(lines).encode())


def _plant_metric(stage: Stage, content: bytes) -> None:
    with stage.heard("planted"):
        print(json.dumps({"_aws": {}, "Customer": as_text(content)}, separators=(",", ":")))


def _logs(stage: Stage) -> Iterator[Piece]:
    yield Piece("all lines", stage.log.getvalue().encode())


def _plant_in_the_log(_: Stage, content: bytes) -> None:
    logging.getLogger("claims_pipeline.planted").debug("found %s", as_text(content))


# AWS's


def _items(stage: Stage) -> Iterator[Piece]:
    for table, item in stage.items():
        yield from (Piece(table, value) for value in _binary(item))
        yield Piece(table, json.dumps(item, default=str).encode())


def _binary(value: object) -> Iterator[bytes]:
    if isinstance(value, bytes):
        yield value
    elif isinstance(value, dict | list):
        for each in value.values() if isinstance(value, dict) else value:
            yield from _binary(each)


def _plant_item(stage: Stage, content: bytes) -> None:
    client: Any = boto3.client("dynamodb", region_name="us-east-1", endpoint_url=stage.dynamodb_url)
    table = stage.tables[-1]
    if table not in client.list_tables()["TableNames"]:
        key = [{"AttributeName": "sync_id", "KeyType": "HASH"}]
        named = [{"AttributeName": "sync_id", "AttributeType": "S"}]
        client.create_table(
            TableName=table, KeySchema=key, AttributeDefinitions=named, BillingMode="PAY_PER_REQUEST"
        )
    planted = {"sync_id": {"S": f"planted-{hash(content)}"}, "note": {"M": {"in": {"L": [{"B": content}]}}}}
    client.put_item(TableName=table, Item=planted)


def _answers(stage: Stage) -> Iterator[Piece]:
    for number, answer in enumerate(stage.answers):
        yield Piece(f"answer {number}", answer.encode())


def _plant_answer(stage: Stage, content: bytes) -> None:
    stage.answers.append(as_the_runtime_tells(ValueError(as_text(content))))


# Files


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as stream:
        stream.write(b"\n" + content + b"\n")


def is_private(name: str) -> bool:
    """Whether a file, named from the stage's root, may hold claims."""
    return any(re.fullmatch(pattern, name) for pattern in PRIVATE.values())


def _open_files(stage: Stage) -> Iterator[tuple[str, Path]]:
    read_as_their_own = (stage.home, stage.temporary)
    for path in _files(stage.root):
        name = str(path.relative_to(stage.root))
        if any(path.is_relative_to(each) for each in read_as_their_own) or re.fullmatch(_ELSEWHERE, name):
            continue
        if not is_private(name):
            yield name, path


def _for_people(stage: Stage) -> Iterator[Piece]:
    for name, path in _open_files(stage):
        if name.endswith(_FOR_PEOPLE):
            yield Piece(name, path.read_bytes(), frozenset({CLAIM, PAYOR, *AMOUNTS}))


def _plant_report(stage: Stage, content: bytes) -> None:
    _write(stage.root / "runs" / "000" / "storage" / "sync_report" / f"{FIRST}.html", content)


def _other_files(stage: Stage) -> Iterator[Piece]:
    """Outcomes hold claim ids and dollars, payor lists hold payors; every other file holds none of it."""
    for name, path in _open_files(stage):
        if name.endswith(_FOR_PEOPLE):
            continue
        allowed = frozenset({CLAIM, PAYOR, *AMOUNTS}) if _OUTCOMES.fullmatch(name) else frozenset[str]()
        yield Piece(
            name, name.encode() + b"\n" + path.read_bytes() if allowed else path.read_bytes(), allowed
        )
        if allowed:
            yield Piece(name, path.read_bytes(), allowed)
        yield Piece(f"the name {name}", name.encode())


def _plant_file(stage: Stage, content: bytes) -> None:
    _write(stage.root / "runs" / "000" / "storage" / "anything" / "notes.txt", content)


def _stamps(stage: Stage) -> Iterator[Piece]:
    """What is noted beside the rows of each stored frame. (The rows are the claims themselves.)"""
    for path in _files(stage.root):
        name = str(path.relative_to(stage.root))
        if path.suffix == ".parquet" and is_private(name):
            noted = pl.read_parquet_metadata(path)
            yield Piece(name, json.dumps(without_schema(noted)).encode())


def _plant_stamp(stage: Stage, content: bytes) -> None:
    storage = Storage(str(stage.root / "runs" / f"9{len(_files(stage.root)):06d}" / "storage"))
    stamp = Stamp(FIRST, 1, datetime(2026, 1, 1, tzinfo=UTC), {"note": as_text(content)})
    storage.write(f"transformed_claims/{FIRST}", StampedFrame(pl.LazyFrame({"a": [1]}), stamp))
    storage.close()


def _temporary(stage: Stage) -> Iterator[Piece]:
    for path in _files(stage.temporary):
        yield Piece(f"the name {path.name}", path.name.encode())
        yield Piece(path.name, path.read_bytes())


def _plant_temporary(stage: Stage, content: bytes) -> None:
    _write(stage.temporary / "left.bin", content)


def _alerts(stage: Stage) -> Iterator[Piece]:
    """New payors with many dollars are named, since a person must map them."""
    for number, post in enumerate(stage.mailbox.posts):
        yield Piece(f"message {number}", json.dumps(post).encode(), frozenset({PAYOR}))


def _plant_alert(stage: Stage, content: bytes) -> None:
    message = {"title": "planted", "message": as_text(content)}
    assert requests.post(stage.mailbox.address, json=message, timeout=30).ok


# The sandbox's


def _sandbox_logs(stage: Stage) -> Iterator[Piece]:
    """Claim ids and payors stand in its access log as they do in Salesforce's: queries name them."""
    stage.note_accesses()
    allowed = frozenset({CLAIM, PAYOR})
    yield Piece("accesses", "\n".join(stage.accesses).encode(), allowed)
    yield Piece("lines", stage.sandbox_log.getvalue().encode(), allowed)


def _plant_in_the_sandbox_log(_: Stage, content: bytes) -> None:
    logging.getLogger("claims_pipeline.sandbox.planted").info("asked for %s", as_text(content))


SINKS = (
    Sink("Dagster's event store", _rows, _plant_event),
    Sink("run tags and run config", _tags, _plant_tag),
    Sink("asset metadata", _metadata, _plant_metadata),
    Sink("compute logs, and any other file of Dagster's", _files_of_home, _plant_compute_log),
    Sink("GraphQL answers", _graphql, _plant_metadata),
    Sink("stdout and stderr", _streams, _plant_on_a_stream, _strict_in_streams),
    Sink("metrics", _metrics, _plant_metric),
    Sink("log lines, at DEBUG", _logs, _plant_in_the_log),
    Sink("DynamoDB items", _items, _plant_item),
    Sink("Lambda answers, errors and the queue of failures", _answers, _plant_answer),
    Sink("HTML, CSV and SVG files for people", _for_people, _plant_report),
    Sink("alerts that were sent", _alerts, _plant_alert),
    Sink("the stored frames' stamps", _stamps, _plant_stamp),
    Sink("every other file below the stage", _other_files, _plant_file),
    Sink("temporary folders", _temporary, _plant_temporary),
    Sink("the sandbox's own logs", _sandbox_logs, _plant_in_the_sandbox_log),
)
"""All of them: the list stands in docs/privacy.md too."""
