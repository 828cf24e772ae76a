"""Replay: a fetch whose ZIPs were kept is read, transformed and settled again, without CollaborateMD.

What belongs here: from the kept ZIPs and their manifest to the raw rows, under the fetch's own stamp. Not here: the
steps after it (`whole`), nor what an older fetch may do (nothing: `settle` stops it).
"""

from pathlib import Path

from claims_pipeline.clients.sync_state import CustomerState
from claims_pipeline.errors import PermanentError
from claims_pipeline.settings import Customer, Filter, FilterKind
from claims_pipeline.storage.frames import NotStored, Stamp, StampedFrame
from claims_pipeline.sync import known
from claims_pipeline.sync.connections import Connections
from claims_pipeline.sync.fetch import MANIFEST
from claims_pipeline.sync.options import Progress, SyncOptions
from claims_pipeline.sync.ready import preflight, require_newest, require_our_org
from claims_pipeline.sync.reports import Reports, digest_of
from claims_pipeline.sync.whole import WholeSync, bring_over


class KeptReportChanged(PermanentError):
    """A kept ZIP is not the one that was fetched."""


def replay(
    customer: Customer, sequence: int | None, options: SyncOptions, connections: Connections, say: Progress
) -> WholeSync:
    """Run a stored fetch again: of this sequence, or the last one. It may only converge.

    Raises OlderThanCommitted for a fetch older than the committed one, NotStored where its files are gone.
    """
    require_our_org(connections, remember=True)
    preflight(connections)
    state = connections.state.read(customer.number)
    number = sequence or _last_sequence(customer.number, state, connections)
    require_newest(
        customer.number, number, state, connections
    )  # its files must not replace newer ones either
    stamp = _stamp(customer.number, number, connections)
    with connections.storage.work_folder("replay") as work:
        raw = _raw_rows(customer, stamp, connections, work, say)
        kind = FilterKind(raw.stamp.facts["kind"])
        again = SyncOptions(kind=kind, resend=options.resend)
        return bring_over(raw, again, connections, work, say)


def _stamp(customer: str, sequence: int, connections: Connections) -> Stamp:
    """The fetch's stamp, from the manifest beside its ZIPs."""
    manifest = connections.storage.kept_report(customer, sequence, MANIFEST)
    if manifest is None:
        raise NotStored(
            f"Customer {customer}: nothing is kept of fetch {sequence}: it was never finished, or its files were "
            "removed. Fetch again instead: claims-pipeline sync"
        )
    return Stamp.from_text(manifest.read_text(encoding="utf-8"))


def _last_sequence(customer: str, state: CustomerState, connections: Connections) -> int:
    last = known.last_fetch(customer, connections)
    if last is not None and last.sequence is not None:
        return last.sequence
    return state.committed_sequence


def _raw_rows(
    customer: Customer, stamp: Stamp, connections: Connections, work: Path, say: Progress
) -> StampedFrame:
    """The fetch's rows, read again from its ZIPs by today's code and settings."""
    folder = work / "fetch"
    folder.mkdir(mode=0o700)
    reports = Reports(customer, folder)
    say(f"reading fetch {stamp.sequence} again")
    for run, report in enumerate(stamp.facts["reports"]):
        if report["kept_as"] is None:
            continue
        path = connections.storage.report(report["kept_as"])
        if digest_of(path) != report["digest"]:
            raise KeptReportChanged(
                f"Customer {customer.number}: the kept report {report['kept_as']} is not the one that was fetched. "
                "Nothing was done. Fetch again instead: claims-pipeline sync"
            )
        reports.read(path, _filter(customer, report["filter"]), run)
    facts = {**stamp.facts, **reports.facts()}
    return StampedFrame(reports.rows.scan(), Stamp(customer.number, stamp.sequence, stamp.fetched_at, facts))


def _filter(customer: Customer, filter_id: str) -> Filter:
    for each in customer.filters:
        if each.id == filter_id:
            return each
    raise PermanentError(
        f"Customer {customer.number}: the stored fetch is of filter {filter_id}, which the settings know no more. "
        "Fetch again instead: claims-pipeline sync"
    )
