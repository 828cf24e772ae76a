"""Bugs that a pipeline like this could have, to be switched on in its process: the sweep must find every one.

What belongs here: one function a bug, which changes the running code as little as the mistake itself would. Not here:
anything that the product uses.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl

from claims_pipeline.clients.salesforce import SalesforceClient, bulk_query
from claims_pipeline.clients.salesforce.bulk_query import DownloadedRecords
from claims_pipeline.clients.sync_state import SyncState
from claims_pipeline.clients.sync_state.lease import Lease
from claims_pipeline.clients.sync_state.table import Change
from claims_pipeline.storage.place import FolderPlace, make_private_folder
from claims_pipeline.sync.settling import send
from claims_pipeline_tests.faults.hooks import Tape

IN_PLACE = "write in place"
"""A boundary that only this bug has: between the two halves of a file."""


def commit_moved_early(_: Tape) -> None:
    """The cursor moves before the claims are sent, not after."""
    take, upsert_claims = SyncState.next_sequence, SalesforceClient.upsert
    taken: list[tuple[SyncState, str, int]] = []

    def next_sequence(state: SyncState, customer: str, *args: Any, **more: Any) -> int:
        sequence = take(state, customer, *args, **more)
        taken.append((state, customer, sequence))
        return sequence

    def upsert(client: SalesforceClient, *args: Any, **more: Any) -> Iterator[pl.DataFrame]:
        while taken:
            state, customer, sequence = taken.pop()
            set_it, always = "SET #committed_sequence = :sequence", "attribute_exists(#sync_id)"
            state._table.update(Change(customer, set_it, always, {"sequence": sequence}))
        return upsert_claims(client, *args, **more)

    SyncState.next_sequence = next_sequence  # type: ignore[method-assign]
    SalesforceClient.upsert = upsert  # type: ignore[method-assign]


def written_in_place(tape: Tape) -> None:
    """A file grows under its final name; whoever dies meanwhile leaves half of it there."""

    def publish(place: FolderPlace, local: Path, name: str) -> None:
        target = place.root / name
        make_private_folder(target.parent)
        whole = local.read_bytes()
        middle = len(whole) // 2
        with target.open("wb") as file:
            file.write(whole[:middle])
            file.flush()
            tape.around(IN_PLACE, lambda: file.write(whole[middle:]))
        local.unlink()

    FolderPlace.publish = publish  # type: ignore[method-assign]


def sent_without_comparing(_: Tape) -> None:
    """A retry sends its claims again without reading what stands in the org."""
    standing = send._standing_records

    def nothing_stands(*args: Any) -> Callable[[int, pl.DataFrame], pl.DataFrame]:
        read = standing(*args)
        return lambda number, bucket: read(number, bucket).clear()

    send._standing_records = nothing_stands


def results_page_dropped(_: Tape) -> None:
    """Of a Bulk query's pages the first is lost, after its count was proved."""
    download = bulk_query.download

    def all_but_the_first(*args: Any, **more: Any) -> DownloadedRecords:
        downloaded = download(*args, **more)
        return replace(downloaded, parts=downloaded.parts[1:])

    bulk_query.download = all_but_the_first


def lease_not_checked(_: Tape) -> None:
    """Nobody asks before a batch whether the customer is still ours."""
    Lease.check = lambda _: None  # type: ignore[method-assign]


def old_job_not_settled(_: Tape) -> None:
    """A Bulk job that an earlier run left is forgotten, and may write whenever Salesforce comes to it."""
    SalesforceClient.end_job = lambda *_: "Gone"  # type: ignore[method-assign]


BUGS: dict[str, Callable[[Tape], None]] = {
    bug.__name__: bug
    for bug in (
        commit_moved_early,
        written_in_place,
        sent_without_comparing,
        results_page_dropped,
        lease_not_checked,
        old_job_not_settled,
    )
}
