"""An item of DynamoDB holds 400 KB: a customer's stays far below, at its fullest."""

from decimal import Decimal
from typing import Any

from claims_pipeline.clients.sync_state import BulkJob, FilterCommit, PendingRequest
from claims_pipeline.clients.sync_state.facts import HISTORY_LENGTH
from claims_pipeline_tests.clients.sync_state.workers import NOON, NORTH, Table, outcome

LARGEST_ITEM_BYTES = 400 * 1024
FILTERS, CODES, SUMS, JOBS = 50, 60, 20, 50


def size(value: dict[str, Any]) -> int:
    """Of an attribute, by DynamoDB's own rules, rounded up."""
    ((kind, held),) = value.items()
    if isinstance(held, dict):
        return 3 + sum(len(name.encode()) + size(each) + 1 for name, each in held.items())
    if isinstance(held, list):
        return 3 + sum(size(each) + 1 for each in held)
    return len(str(held).encode()) + (1 if kind == "N" else 0)


def longest(name: str, number: int) -> str:
    """The longest name that a code may have."""
    return f"{name}{number:03d}".ljust(64, "X")


def grown(item: dict[str, Any]) -> dict[str, Any]:
    """The item after as many syncs and jobs as there may be: each as large as the one that it holds."""
    (past,), (job,) = item["history"]["L"], item["bulk_jobs"]["M"].values()
    history = [{"M": {**past["M"], "sequence": {"N": str(10**9 - each)}}} for each in range(HISTORY_LENGTH)]
    jobs = {f"7505g00000{each:05d}AAA": job for each in range(JOBS)}
    return {**item, "history": {"L": history}, "bulk_jobs": {"M": jobs}, "sequence": {"N": str(10**9)}}


def test_twenty_syncs_fifty_filters_and_fifty_jobs_fill_less_than_half(table: Table) -> None:
    counts = {longest("CODE", each): 10**9 + each for each in range(CODES)}
    dollars = {longest("SUM", each): Decimal("-12345678901234.56") for each in range(SUMS)}
    filters = tuple(
        FilterCommit(longest("R", each), longest("F", each), 10**9, "ab" * 32) for each in range(FILTERS)
    )
    largest = outcome(10**9, 10**9, 10**9, filters=filters, counts=counts, dollars=dollars)
    worker = table.worker("r" * 64)
    with worker.state.lease(NORTH) as lease:
        worker.state.remember_job(lease, BulkJob("7505g0000000000AAA", "Claim__c", 1, NOON))
        worker.state.remember_request(lease, PendingRequest("R" * 18, "F" * 64, "9" * 64, 10**9, NOON))
        worker.state.commit(lease, 10**9, largest)
        table.wire.client.put_item(TableName=table.name, Item=grown(table.item(NORTH)))
        worker.state.commit(lease, worker.state.next_sequence(NORTH), largest)
        item = table.item(NORTH)
    assert size({"M": item}) < LARGEST_ITEM_BYTES / 2
    found = worker.state.read(NORTH)
    assert (len(found.history), len(found.filters), len(found.bulk_jobs)) == (HISTORY_LENGTH, FILTERS, JOBS)
    assert (found.history[-1].counts, found.history[-1].dollars) == (counts, dollars)
    assert found.filter(longest("R", 7), longest("F", 7)) == found.filters[7]
