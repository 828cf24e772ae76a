"""Settle: a customer's stored claims are brought into Salesforce, every outcome is proved and stored, the cursor moves.

What belongs here: the lease, the guard against older fetches, and the commit, which comes last. Not here: comparing
and sending (`send`), relinking, marking and the org's own sums (`beyond`), adding up (`synced`).
"""

from dataclasses import dataclass, replace
from pathlib import Path

from claims_pipeline.claims.columns import BY_FIELD
from claims_pipeline.claims.compare import CompareRules
from claims_pipeline.claims.outcomes import ClaimOutcome
from claims_pipeline.clients.salesforce import ClaimShape, JobEvent
from claims_pipeline.clients.sync_state import BulkJob, Commit, FilterCommit, Lease
from claims_pipeline.errors import OlderThanCommitted, PermanentError
from claims_pipeline.storage.frames import StampedFrame
from claims_pipeline.sync import synced
from claims_pipeline.sync.beyond import Beyond, go_beyond
from claims_pipeline.sync.connections import Connections
from claims_pipeline.sync.kept import Brought, keep_refused, with_kept
from claims_pipeline.sync.options import Progress, SyncOptions
from claims_pipeline.sync.payors import matcher_of
from claims_pipeline.sync.send import (
    CLAIM,
    Writer,
    decide_all,
    deleted_claims,
    outcomes_of,
    planned,
    send_decided,
)
from claims_pipeline.sync.synced import Synced

SYNCED = "salesforce_synced_claims"


@dataclass(frozen=True)
class StoredClaims:
    """The stored frames that one sync starts from."""

    claims: StampedFrame
    rejected: StampedFrame
    payors: StampedFrame

    @property
    def customer(self) -> str:
        """The CollaborateMD customer number."""
        return self.claims.stamp.customer

    def require_fit(self, options: SyncOptions) -> None:
        """Raise unless claims and rejected rows are of one fetch, and of the kind of run that is asked for."""
        claims, rejected = self.claims.stamp, self.rejected.stamp
        if claims.dry_run != options.dry_run:
            told = "come from a dry run and can never be synced" if claims.dry_run else "are no dry run's"
            raise PermanentError(f"Customer {self.customer}: these claims {told}. Fetch the report again.")
        if (claims.sequence, claims.fetched_at) != (rejected.sequence, rejected.fetched_at):
            raise PermanentError(
                f"Customer {self.customer}: the stored claims are of fetch {claims.sequence}, the stored rejected rows "
                f"of fetch {rejected.sequence}: a claim whose rows were rejected could pass for one that the source "
                "lost. Make both anew (the assets transformed_claims and rejected_claims together), then sync."
            )


def preflight(connections: Connections) -> ClaimShape:
    """What the org lets us write to `Claim__c`; names every missing or unwritable field before a row is sent."""
    return connections.salesforce.preflight(left_alone=connections.settings.salesforce.fields_left_alone)


def settle(
    stored: StoredClaims, options: SyncOptions, connections: Connections, work: Path, say: Progress
) -> Synced:
    """Bring one customer's claims into Salesforce, store the outcomes, and commit. Returns them as stored.

    A dry run compares, and writes nothing to Salesforce or the sync state. Raises OlderThanCommitted for a fetch
    older than the committed one, NotSettled while Salesforce owes an answer.
    """
    stored.require_fit(options)
    if options.dry_run:
        return _stored(_bring(stored, options, connections, work, say, None), connections)
    with connections.state.lease(stored.customer) as lease:
        _require_newest(stored.claims, connections)
        done = _stored(_bring(stored, options, connections, work, say, lease), connections)
        connections.state.commit(lease, _sequence(stored.claims), _commit_of(stored, done))
        say("committed")
        return done


def _stored(done: Synced, connections: Connections) -> Synced:
    """The same, over the stored outcomes: what was read to make them goes with the work folder."""
    stamp = done.outcomes.stamp
    name = f"{SYNCED}/{stamp.customer}"
    connections.storage.write(name, done.outcomes)
    return Synced.of(connections.storage.read(name, dry_run=stamp.dry_run))


def _sequence(claims: StampedFrame) -> int:
    if claims.stamp.sequence is None:
        raise PermanentError("These claims come from a dry run and can never be synced.")
    return claims.stamp.sequence


def _require_newest(claims: StampedFrame, connections: Connections) -> None:
    customer, sequence = claims.stamp.customer, _sequence(claims)
    committed = connections.state.read(customer).committed_sequence
    if sequence < committed:
        raise OlderThanCommitted(
            f"Customer {customer}: these claims are of fetch {sequence}, and fetch {committed} is already in "
            "Salesforce. Sending them would bring old amounts back, so nothing was done. Fetch again instead."
        )


def _bring(
    stored: StoredClaims,
    options: SyncOptions,
    connections: Connections,
    work: Path,
    say: Progress,
    lease: Lease | None,
) -> Synced:
    """Compare, send, relink, mark; and prove that every claim has its outcome. A dry run has no lease."""
    identity = connections.salesforce.sign_in()
    if not options.dry_run:
        connections.state.confirm_org(identity.organization_id)
    if lease is not None:
        _end_jobs_left_behind(stored.customer, connections, lease)
    shape = preflight(connections)
    rules = compare_rules(stored.claims, options, connections, shape, identity.user_id)
    writer = _writer(stored.claims, connections, work, lease)
    matcher = matcher_of(stored.payors)
    brought = with_kept(
        stored.claims,
        stored.rejected,
        matcher,
        connections.storage,
        work,
        now=rules.synced_at,
        all_due=options.resend,
    )
    say(f"comparing {brought.claims.rows:,} claims with the org")
    decided = decide_all(brought.claims, rules, connections.salesforce, work)
    sent = planned(decided, work) if options.dry_run else send_decided(decided, rules, writer, say)
    deleted = deleted_claims(sent, rules, connections.salesforce)
    outcomes = StampedFrame(outcomes_of(sent, deleted, work).scan(), stored.claims.stamp)
    synced.require_settled(stored.customer, synced.counts_of(outcomes.frame))
    synced.require_balance(brought.claims, outcomes.frame)
    beyond = Beyond()
    if not options.dry_run:
        beyond = go_beyond(outcomes, stored.rejected, matcher, rules, writer, say)
        beyond.require_proved(stored.customer)
        keep_refused(brought, outcomes, connections.storage, work, now=rules.synced_at)
    return Synced.of(_with_facts(outcomes, brought, beyond, connections, shape))


def _with_facts(
    outcomes: StampedFrame, brought: Brought, beyond: Beyond, connections: Connections, shape: ClaimShape
) -> StampedFrame:
    """The outcomes, stamped with what else is to be told of the sync."""
    identity = connections.salesforce.sign_in()
    facts = outcomes.stamp.facts
    told = {
        **beyond.to_facts(),
        "tried_again": brought.again,
        "warnings": [
            *facts["warnings"],
            *connections.salesforce.warnings,
            *shape.warnings,
            *beyond.warnings,
        ],
        "api_calls": connections.salesforce.api_calls,
        "organization_id": identity.organization_id,
        "instance_url": identity.instance_url,
    }
    return StampedFrame(outcomes.frame, replace(outcomes.stamp, facts={**facts, "sync": told}))


def _end_jobs_left_behind(customer: str, connections: Connections, lease: Lease) -> None:
    """A Bulk job may outlive its run: none may write any more before we compare."""
    for job in connections.state.read(customer).bulk_jobs:
        connections.salesforce.end_job(job.id)
        connections.state.forget_job(lease, job.id)


def _writer(claims: StampedFrame, connections: Connections, work: Path, lease: Lease | None) -> Writer:
    """How this sync writes: it notices a lost lease before each batch, and keeps its Bulk jobs' ids in the state."""
    if lease is None:
        return Writer(connections.salesforce, work)
    sequence = _sequence(claims)

    def on_job(job_id: str, event: JobEvent) -> None:
        if event is JobEvent.CREATED:
            connections.state.remember_job(lease, BulkJob(job_id, CLAIM, sequence, connections.now()))
        elif event in (JobEvent.ENDED, JobEvent.ABORTED):
            connections.state.forget_job(lease, job_id)

    return Writer(connections.salesforce, work, on_job, lease.check)


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
        counts={**done.counts, "rejected_rows": rejected},
        dollars=done.source_dollars,
    )


def compare_rules(
    claims: StampedFrame, options: SyncOptions, connections: Connections, shape: ClaimShape, our_user: str
) -> CompareRules:
    """What a comparison of these claims with the org goes by: a field that the report lacks is left to the org."""
    absent = set(BY_FIELD) - set(claims.stamp.facts["present"])
    left = {BY_FIELD[field].salesforce for field in absent} | _derived_from(absent)
    return CompareRules(
        customer=claims.stamp.customer,
        our_user=our_user,
        writable=shape.writable,
        left_to_org=frozenset(name for name in left if name is not None),
        synced_at=connections.now(),
        as_of=claims.stamp.fetched_at,
        resend=options.resend,
    )


def _derived_from(absent: set[str]) -> set[str]:
    """Fields that we derive, and cannot when the report has not what they are made of."""
    derived = {
        "paid_on": "Paid_Y_or_N__c",
        "payor_name": "Source_Payor_Key__c",
        "payor_id": "Source_Payor_Key__c",
    }
    return {salesforce for field, salesforce in derived.items() if field in absent}
