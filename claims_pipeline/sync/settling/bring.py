"""Bring: a customer's stored claims are compared with the org, sent, and every outcome is proved.

What belongs here: the order of comparing, sending, going beyond the report and adding up, and the stored frames that it
starts from. Not here: lease, guards and commit (`settle`), nor how each step is done (`send`, `beyond`, `kept`).
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import polars as pl

from claims_pipeline.claims.columns import BY_FIELD
from claims_pipeline.claims.compare import CompareRules
from claims_pipeline.clients.salesforce import ClaimShape, JobEvent
from claims_pipeline.clients.sync_state import BulkJob, CustomerState, Lease
from claims_pipeline.errors import PermanentError
from claims_pipeline.settings import FilterKind
from claims_pipeline.storage.frames import StampedFrame
from claims_pipeline.sync.connections import Connections
from claims_pipeline.sync.fetching.guards import change_warnings
from claims_pipeline.sync.options import Progress, SyncOptions
from claims_pipeline.sync.payors.mapping import matcher_of
from claims_pipeline.sync.payors.table import PayorTable
from claims_pipeline.sync.ready import preflight
from claims_pipeline.sync.settling import synced
from claims_pipeline.sync.settling.beyond import Beyond, go_beyond
from claims_pipeline.sync.settling.history import RowPlaces, keep_history
from claims_pipeline.sync.settling.issues import WhatIsKnown, write_issues
from claims_pipeline.sync.settling.kept import Brought, Trying, keep_refused, with_kept
from claims_pipeline.sync.settling.open_issues import keep_open
from claims_pipeline.sync.settling.rehearse import Rehearsing, beyond_foreseen, foresight_of, planned
from claims_pipeline.sync.settling.send import (
    CLAIM,
    Writer,
    decide_all,
    deleted_claims,
    outcomes_of,
    send_decided,
)
from claims_pipeline.sync.settling.status_row import write_status
from claims_pipeline.sync.settling.synced import Synced


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

    @property
    def kind(self) -> FilterKind:
        """Whether the fetch was of recent claims or a full one."""
        return FilterKind(self.claims.stamp.facts["kind"])

    @property
    def sequence(self) -> int:
        """Of the fetch. A dry run's claims have none."""
        if self.claims.stamp.sequence is None:
            raise PermanentError("These claims come from a dry run and can never be synced.")
        return self.claims.stamp.sequence

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


@dataclass(frozen=True)
class Bringing:
    """One customer's claims on their way. A dry run has no lease, and writes nothing anywhere."""

    stored: StoredClaims
    options: SyncOptions
    connections: Connections
    work: Path
    say: Progress
    state: CustomerState
    lease: Lease | None

    def bring(self) -> Synced:
        """Compare, send, relink, mark; and prove that every claim has its outcome."""
        salesforce, stored = self.connections.salesforce, self.stored
        shape = preflight(self.connections)
        our_user = salesforce.sign_in().user_id
        rules = compare_rules(stored.claims, self.options, self.connections, shape, our_user)
        matcher, writer = matcher_of(stored.payors), self._writer()
        payors = PayorTable.of(stored.payors, matcher, writer, stored.claims.stamp.fetched_at.date())
        trying = Trying(rules.synced_at, all_due=self.options.resend)
        brought = with_kept(
            stored.claims, stored.rejected, matcher, self.connections.storage, self.work, trying
        )
        self.connections.require_time()
        payors.list_seen(brought.claims, writer)
        sending = "" if isinstance(writer, Rehearsing) else ", and sending what differs"
        self.say(f"comparing {brought.claims.rows:,} claims with the org{sending}")
        decisions = decide_all(brought.claims, rules, salesforce, self.work, brought.spared)
        places = RowPlaces(stored.claims.stamp, brought.claims.rows, self.connections.storage, self.work)
        self.connections.require_time()
        if isinstance(writer, Rehearsing):
            sent = planned(decisions, foresight_of(stored.payors, salesforce), self.work)
        else:
            sent = send_decided(decisions, writer, self.say, meanwhile=places.add_some)
        deleted = deleted_claims(sent, rules, salesforce)
        outcomes = StampedFrame(outcomes_of(sent, deleted, self.work).scan(), stored.claims.stamp)
        synced.require_settled(stored.customer, synced.counts_of(outcomes.frame))
        synced.require_balance(brought.claims, outcomes.frame)
        issues: tuple[str, ...] = ()
        if isinstance(writer, Rehearsing):
            beyond = beyond_foreseen(
                outcomes, stored.rejected, payors, rules, writer, self.say, follows=self.options.follows
            )
        else:
            beyond = go_beyond(
                outcomes, stored.rejected, payors, rules, writer, self.say, follows=self.options.follows
            )
            beyond.require_proved(stored.customer)
            if self.lease is not None:
                self.lease.check()  # a run that was taken over must not put its refused claims in the other's place
            keep_refused(brought, outcomes, self.connections.storage, self.work, now=rules.synced_at)
            issues = self._write_issues(outcomes, brought, writer)
            keep_history(outcomes, stored.rejected, beyond.gone, places, self.connections.storage, self.work)
        said = (shape.warnings, payors.warnings, beyond.warnings, issues, self._suspicions(outcomes.frame))
        warnings = [warning for some in said for warning in some]
        done = self._told(outcomes, brought, beyond, warnings)
        return done if isinstance(writer, Rehearsing) else self._with_status(done, writer)

    def _write_issues(self, outcomes: StampedFrame, brought: Brought, writer: Writer) -> tuple[str, ...]:
        customer = self.connections.settings.customer(self.stored.customer)
        filters = [each.id for each in customer.filters]
        known = WhatIsKnown(outcomes, self.stored.rejected, brought.waiting, filters)
        written = write_issues(known, writer)
        kept = keep_open(known, written.told, self.connections.storage, self.work)
        return (*written.warnings, *kept)

    def _suspicions(self, outcomes: pl.LazyFrame) -> list[str]:
        customer = self.connections.settings.customer(self.stored.customer)
        return list(change_warnings(outcomes, customer, self.stored.kind, self.state))

    def _with_status(self, done: Synced, writer: Writer) -> Synced:
        """Write the customer's status row before the commit: an org that is ahead of the state does no harm."""
        missing = done.org_sums.beside.get("missing") if done.org_sums is not None else None
        counts = {**done.counts, "rejected_rows": self.stored.rejected.rows}
        if done.org_sums is not None:
            counts["missing"] = missing.claims if missing is not None else 0
        stamp = done.outcomes.stamp
        warning = write_status(writer, stamp, counts, done.source_dollars, self.connections.now())
        told = dict(stamp.facts["sync"])
        told["warnings"] = [*told["warnings"], *([warning] if warning else [])]
        told["api_calls"] = self.connections.salesforce.api_calls
        frame = StampedFrame(done.outcomes.frame, replace(stamp, facts={**stamp.facts, "sync": told}))
        return replace(done, outcomes=frame, warnings=tuple(told["warnings"]), api_calls=told["api_calls"])

    def _told(self, outcomes: StampedFrame, brought: Brought, beyond: Beyond, warnings: list[str]) -> Synced:
        """The outcomes, stamped with what else is to be told of the sync."""
        salesforce, facts = self.connections.salesforce, outcomes.stamp.facts
        identity = salesforce.sign_in()
        told: dict[str, Any] = {
            **beyond.to_facts(),
            "tried_again": brought.again,
            "waiting": brought.waiting.rows,
            "warnings": [*facts["warnings"], *salesforce.warnings, *warnings],
            "api_calls": salesforce.api_calls,
            "organization_id": identity.organization_id,
            "instance_url": identity.instance_url,
        }
        frame = StampedFrame(outcomes.frame, replace(outcomes.stamp, facts={**facts, "sync": told}))
        return replace(Synced.of(frame), payor_groups=beyond.payor_groups)

    def _writer(self) -> Writer:
        """How this sync writes: it asks for time and lease before each batch, and keeps its jobs' ids in the state."""
        lease, state = self.lease, self.connections.state
        if lease is None:
            return Rehearsing(self.connections.salesforce, self.work)
        sequence = self.stored.sequence

        def on_job(job_id: str, event: JobEvent) -> None:
            if event is JobEvent.CREATED:
                state.remember_job(lease, BulkJob(job_id, CLAIM, sequence, self.connections.now()))
            elif event in (JobEvent.ENDED, JobEvent.ABORTED):
                state.forget_job(lease, job_id)

        def may_write() -> None:
            self.connections.require_time()
            lease.check()

        return Writer(self.connections.salesforce, self.work, on_job, may_write)


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
