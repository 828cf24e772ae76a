"""Settle: a customer's stored claims are brought into Salesforce under its lease, and the cursor moves last.

What belongs here: jobs that a dead run left, storing the outcomes, and the commit. Not here: taking the customer, with
the guards against older fetches and other orgs (`holding`), nor comparing, sending and proving (`bring`).
"""

from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

from claims_pipeline.claims.outcomes import ClaimOutcome
from claims_pipeline.clients.sync_state import Commit, CustomerState, FilterCommit, Lease
from claims_pipeline.sync.connections import Connections
from claims_pipeline.sync.holding import Held, held_to_settle
from claims_pipeline.sync.known import SYNCED
from claims_pipeline.sync.options import Progress, SyncOptions
from claims_pipeline.sync.settling.bring import Bringing, StoredClaims
from claims_pipeline.sync.settling.rematch import with_payors_of_now
from claims_pipeline.sync.settling.synced import Synced


def settle(
    stored: StoredClaims,
    options: SyncOptions,
    connections: Connections,
    work: Path,
    say: Progress,
    held: Held | None = None,
) -> Synced:
    """Bring one customer's claims into Salesforce, store the outcomes, and commit. Returns them as stored.

    `held`: the customer, where this run holds it since these claims were fetched; else it is held from here. A dry run
    compares, and writes nothing to Salesforce or the sync state. Raises OlderThanCommitted for a fetch older than the
    committed one, NotSettled while Salesforce owes an answer.
    """
    stored.require_fit(options)
    sequence = stored.claims.stamp.sequence
    with nullcontext(held) if held else held_to_settle(stored.customer, sequence, connections) as taken:
        state, lease = taken.state, taken.lease
        if lease is None:
            return _stored(
                Bringing(stored, options, connections, work, say, state, None).bring(), connections
            )
        connections.state.begin_sending(lease, stored.sequence)
        _end_jobs_left_behind(state, options, stored.sequence, connections, lease)
        stored = with_payors_of_now(stored, connections, work)
        done = _stored(Bringing(stored, options, connections, work, say, state, lease).bring(), connections)
        connections.state.commit(lease, stored.sequence, _commit_of(stored, done))
        say("committed")
        return done


def _stored(done: Synced, connections: Connections) -> Synced:
    """The same, over the stored outcomes: what was read to make them goes with the work folder."""
    stamp = done.outcomes.stamp
    name = f"{SYNCED}/{stamp.customer}"
    connections.storage.write(name, done.outcomes)
    return replace(done, outcomes=connections.storage.read(name, dry_run=stamp.dry_run))


def _end_jobs_left_behind(
    state: CustomerState, options: SyncOptions, sequence: int, connections: Connections, lease: Lease
) -> None:
    """A Bulk job may outlive its run: none may write any more before we compare."""
    for job in state.bulk_jobs:
        is_ours = options.goes_on and job.sequence == sequence
        connections.salesforce.end_job(job.id, abort=not is_ours)
        connections.state.forget_job(lease, job.id)


def _commit_of(stored: StoredClaims, done: Synced) -> Commit:
    """What the state keeps of a sync: codes, counts and sums."""
    facts = stored.claims.stamp.facts
    rejected = stored.rejected.rows
    arrived = (ClaimOutcome.CREATED, ClaimOutcome.UPDATED, ClaimOutcome.UNCHANGED)
    return Commit(
        organization_id=done.organization_id,
        records_processed=sum(report["rows"] for report in facts["reports"]),
        success_count=sum(done.counts[outcome] for outcome in arrived),
        failure_count=done.failed + done.counts[ClaimOutcome.HELD] + rejected,
        filters=tuple(
            FilterCommit(facts["report_id"], report["filter"], report["rows"], report["digest"])
            for report in facts["reports"]
        ),
        counts={**done.counts, "waiting": done.waiting, "rejected_rows": rejected},
        dollars=done.source_dollars,
    )
