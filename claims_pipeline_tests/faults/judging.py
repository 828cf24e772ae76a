"""Judging: what must be true the moment a process is dead, and once a rerun has ended; a sentence for each fault.

What belongs here: comparing the org, its write log, the state and the storage with an independent reading of the
report. Not here: making it happen (`sweep`). Nothing is asserted: planted bugs must be told in the same words.
"""

import csv
import zipfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from pathlib import Path

import polars as pl

from claims_pipeline.reporting.publish import LIST_COLUMNS
from claims_pipeline.sandbox.salesforce.bulk_ingest_run import UPLOAD
from claims_pipeline.sandbox.salesforce.bulk_jobs import FINISHED
from claims_pipeline.storage.frames import STAMP_KEY, Stamp
from claims_pipeline_tests.faults.days import Day, Scenario, Standing
from claims_pipeline_tests.faults.stage import Item, Kept, Record, Stage, item_in, state_in
from claims_pipeline_tests.town import FIRST

MONEY = frozenset({"Charged_Amount__c", "Paid_Amount__c", "Total_BDP__c"})
STAMPS = frozenset({"Source_Synced_At__c", "Source_As_Of__c"})


def at_death(scenario: Scenario, stage: Stage, committed_before: int) -> Iterator[str]:
    """What is wrong at once: half files, a cursor ahead of the org, values that no report has."""
    yield from half_files(stage.storage)
    old, new = scenario.as_it_was, scenario.as_today
    if stage.state().committed_sequence > committed_before:
        for told in differences(stage, new):
            yield f"the cursor moved, and {told}"
    for number, record in stage.claims().items():
        sides = [side[number] for side in (old, new) if number in side]
        if not sides:
            yield f"claim {number} stands in the org, and no report has sent it"
        elif not _is_made_of(record, sides, stage):
            yield f"claim {number} is neither as it was nor as the report has it"


def after_rerun(scenario: Scenario, stage: Stage, kept: Kept) -> Iterator[str]:
    """What is wrong after the rerun: lost, doubled or stale claims, counts that do not add up, anything left behind."""
    stage.release_jobs()
    yield from differences(stage, scenario.at_last)
    yield from doubled(stage, kept)
    items = stage.items()
    yield from left_behind(stage, items)
    yield from half_files(stage.storage)
    yield from miscounted(scenario.after, stage, items)


def differences(stage: Stage, must: Mapping[str, Standing]) -> Iterator[str]:
    """Where the org is not, to the cent, what it must be."""
    claims = stage.claims()
    for number in sorted(must.keys() - claims.keys()):
        yield f"claim {number} is lost"
    for number in sorted(claims.keys() - must.keys()):
        yield f"claim {number} stands in the org, and should not"
    for number in sorted(must.keys() & claims.keys()):
        fields = wrong_fields(claims[number], must[number], stage)
        if fields:
            yield f"claim {number} is stale or wrong in {', '.join(fields)}"


def wrong_fields(record: Record, must: Standing, stage: Stage) -> list[str]:
    """The fields in which a record is not as it must stand."""
    wrong = [name for name, value in must.source.items() if _printed(name, record[name]) != value]
    if not _is_linked(record, must, stage):
        wrong.append("Claim_Payor__c")
    if not _is_marked(record, must):
        wrong.append("Source_Missing_Since__c")
    return wrong


def _is_made_of(record: Record, sides: list[Standing], stage: Stage) -> bool:
    """Each call writes its own fields whole: the source's, the lookup, the mark. Each is of one side or the other."""
    source = any(
        all(_printed(name, record[name]) == value for name, value in side.source.items()) for side in sides
    )
    linked = any(_is_linked(record, side, stage) for side in sides)
    return source and linked and any(_is_marked(record, side) for side in sides)


def _is_linked(record: Record, must: Standing, stage: Stage) -> bool:
    return bool(record["Claim_Payor__c"] == (None if must.payor is None else stage.payor(must.payor)))


def _is_marked(record: Record, must: Standing) -> bool:
    return (record["Source_Missing_Since__c"] is not None) == must.missing


def _printed(name: str, value: object) -> str | None:
    if value is None:
        return None
    return f"{Decimal(str(value)):.2f}" if name in MONEY else str(value)


def doubled(stage: Stage, kept: Kept) -> Iterator[str]:
    """Claims that were written again though nothing in them changed: each value is written exactly once."""
    standing: dict[str, Record] = {}
    if kept.org is not None:
        cursor = kept.org.execute('SELECT * FROM "Claim__c"')
        names = [column[0] for column in cursor.description]
        records = (dict(zip(names, row, strict=True)) for row in cursor)
        standing = {str(record["Id"]): record for record in records}
    again = Counter[str]()
    for written in stage.written:
        if written.object_name != "Claim__c":
            continue
        before = standing.setdefault(written.record_id, {})
        values = {name: value for name, value in written.values.items() if name not in STAMPS}
        if all(name in before and before[name] == value for name, value in values.items()):
            again[str(before.get("Claim_Number__c"))] += 1
        before.update(values)
    for number, times in sorted(again.items()):
        yield f"claim {number} was written {times} time(s) though nothing in it changed"


def left_behind(stage: Stage, items: Sequence[Item]) -> Iterator[str]:
    """Jobs with rows, report requests, leases: a finished sync leaves none. (A job never filled is nothing.)"""
    for job in stage.jobs():
        if job.state not in FINISHED and (job.folder / UPLOAD).exists():
            yield f"Bulk job {job.id} holds rows and is {job.state}"
    state = state_in(items)
    if state.bulk_jobs:
        yield f"the state still holds {len(state.bulk_jobs)} Bulk job(s)"
    if state.pending_request is not None:
        yield "the state still holds a report request"
    for item in items:
        if "lease_owner" in item:
            yield f"the lease of {item['sync_id']['S']} was not given back"


def half_files(storage: Path) -> Iterator[str]:
    """Files under their final names that are not whole. Work and names beside a target (`.name.id`) may be anything."""
    for path in sorted(storage.rglob("*")):
        if path.is_dir() or path.name.startswith(".") or storage / "work" in path.parents:
            continue
        is_whole = _WHOLE.get(path.suffix, _is_whole_frame)
        if not is_whole(path):
            yield f"the file {path.relative_to(storage)} is not whole"


def _is_whole_zip(path: Path) -> bool:
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.testzip() is None
    except (zipfile.BadZipFile, OSError):
        return False


def _is_whole_manifest(path: Path) -> bool:
    try:
        Stamp.from_text(path.read_text(encoding="utf-8"))
    except (KeyError, TypeError, ValueError, OSError):
        return False
    return True


def _is_whole_frame(path: Path) -> bool:
    try:
        Stamp.from_text(pl.read_parquet_metadata(path)[STAMP_KEY])
        pl.read_parquet(path)
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, KeyError, ValueError, OSError):
        return False
    return True


def _is_whole_page(path: Path) -> bool:
    return path.read_text(encoding="utf-8").rstrip().endswith("</html>")


def _is_whole_list(path: Path) -> bool:
    with path.open(newline="", encoding="utf-8") as stream:
        text = stream.read()
    lines = list(csv.reader(text.splitlines(keepends=True)))
    is_headed = lines[:1] == [list(LIST_COLUMNS)]
    return is_headed and text.endswith("\n") and {len(line) for line in lines} == {len(LIST_COLUMNS)}


_WHOLE = {
    ".zip": _is_whole_zip,
    ".json": _is_whole_manifest,
    ".html": _is_whole_page,
    ".csv": _is_whole_list,
}


def miscounted(day: Day, stage: Stage, items: Sequence[Item]) -> Iterator[str]:
    """Where the state's counts and sums are not those of the report, or the files are not of the committed fetch."""
    state, roll_up = state_in(items), item_in(items, "default")
    must = {
        "records_processed": day.rows,
        "success_count": len(day.verdict.claims.keys() - day.refused),
        "failure_count": day.not_arrived,
    }
    for name, count in must.items():
        if getattr(state, name) != count:
            yield f"the state's {name} is {getattr(state, name)} and must be {count}"
        if roll_up.get(name) != {"N": str(count)}:
            yield f"the roll-up's {name} is {roll_up.get(name)} and must be {count}"
    if {name: Decimal(amount) for name, amount in state.dollars.items()} != day.dollars:
        yield "the state's dollars are not the report's"
    if state.committed_sequence != state.sequence:
        yield f"fetch {state.sequence} was begun, and {state.committed_sequence} is committed"
    sequences = [past.sequence for past in state.history]
    if len(set(sequences)) != len(sequences):
        yield f"the history holds a sync twice: {sequences}"
    for asset in ("raw_collaboratemd_claims", "transformed_claims", "salesforce_synced_claims"):
        path = stage.storage / asset / f"{FIRST}.parquet"
        if not _is_whole_frame(path):
            yield f"{asset} is not stored"
        elif Stamp.from_text(pl.read_parquet_metadata(path)[STAMP_KEY]).sequence != state.committed_sequence:
            yield f"{asset} is not of the committed fetch"
