"""Reconcile: after a full fetch, prove that Salesforce holds what the source holds, claim by claim and field by field.

What belongs here: reading both sides anew, the fetch as it is stored and the org by one Bulk query. Nothing is written,
and no lease taken. Not here: where a claim stands (`placing`), adding up (`findings`). A sync's own proof
(`org_sums`) must come before the commit, and before claims are marked; this one trusts nothing that a sync has in hand.
"""

from dataclasses import dataclass, replace
from pathlib import Path

from claims_pipeline.claims.compare import KEPT_FIELDS, LOOKUP_FIELD, SOURCE_FIELDS, CompareRules
from claims_pipeline.errors import PermanentError, TransientError
from claims_pipeline.settings import FilterKind
from claims_pipeline.storage.buckets import Buckets
from claims_pipeline.storage.frames import NotStored, StampedFrame
from claims_pipeline.sync.connections import Connections
from claims_pipeline.sync.known import SYNCED
from claims_pipeline.sync.options import Progress, SyncOptions
from claims_pipeline.sync.ready import preflight
from claims_pipeline.sync.reconciliation.findings import GroupTally, Reconciliation
from claims_pipeline.sync.reconciliation.placing import Placing
from claims_pipeline.sync.settling.bring import compare_rules
from claims_pipeline.sync.settling.missing import may_mark
from claims_pipeline.sync.settling.standing import standing

CLAIMS, REJECTED_ROWS = "transformed_claims", "rejected_claims"


class NoFullFetch(PermanentError):
    """What is stored is not one committed full fetch, so there is nothing that Salesforce could be compared with."""

    def __init__(self, customer: str, why: str) -> None:
        super().__init__(
            f"Customer {customer}: Salesforce can be compared with the source after a full fetch alone, and {why}. "
            f"Run `claims-pipeline sync --full --customer {customer}` first (in Dagster: the job full_sync_claims)."
        )


class CommittedMeanwhile(TransientError):
    """Another sync of the customer was committed while the org was read: what was found means nothing."""


@dataclass(frozen=True)
class _FullFetch:
    """The stored frames of one committed full fetch. (No payors: the lookup is people's too, and not compared.)"""

    claims: StampedFrame
    rejected: StampedFrame
    outcomes: StampedFrame
    sequence: int
    commit_id: str | None

    @property
    def customer(self) -> str:
        return self.claims.stamp.customer


def reconcile(customer: str, connections: Connections, work: Path, say: Progress) -> Reconciliation:
    """Compare the customer's last full fetch with what stands in Salesforce now.

    Raises NoFullFetch where the last fetch is not one, CommittedMeanwhile where the result would be void. Memory: one
    bucket of the larger side.
    """
    fetched = _last_full_fetch(customer, connections)
    rules = _rules(fetched, connections)
    say("reading back what Salesforce holds of this customer")
    stand = standing(
        fetched.outcomes, fetched.rejected, rules, connections.salesforce, work, beside=rules.read_back
    )
    claims = Buckets(work / "source", "claim_key", stand.named.count, fetched.claims.frame.collect_schema())
    claims.fill(fetched.claims.slices())
    say(f"comparing {fetched.claims.rows:,} claims of the source with them")
    facts = fetched.claims.stamp.facts
    tally = GroupTally(stand.money)
    placing = Placing(rules, stand, connections.salesforce, may_mark(facts))
    for source, (named, records) in zip(claims, stand.buckets(), strict=True):
        for placed in placing.place(source, named, records):
            tally.add(placed)
    return Reconciliation(
        customer=customer,
        sequence=fetched.sequence,
        fetched_at=fetched.claims.stamp.fetched_at,
        groups=tally.groups(),
        money=stand.money,
        unreadable_ids=facts["unreadable_ids"],
        extras_told=stand.of_customer_alone,
        not_compared=tuple(name for name in (*SOURCE_FIELDS, *KEPT_FIELDS) if not rules.writes(name)),
        newer_fetch=_newer_fetch(fetched, connections),
    )


def _last_full_fetch(customer: str, connections: Connections) -> _FullFetch:
    """The stored frames, which must be of one full fetch, and of the one that the cursor stands on."""
    try:
        claims, rejected, outcomes = (
            connections.storage.read(f"{asset}/{customer}") for asset in (CLAIMS, REJECTED_ROWS, SYNCED)
        )
    except NotStored:
        raise NoFullFetch(customer, "none is stored") from None
    stamp = claims.stamp
    of_one = {(frame.stamp.sequence, frame.stamp.fetched_at) for frame in (claims, rejected, outcomes)}
    if len(of_one) > 1:
        raise NoFullFetch(customer, "the stored claims, rejected rows and outcomes are not of one fetch")
    if stamp.facts["kind"] != FilterKind.FULL:
        raise NoFullFetch(customer, f"the last fetch ({stamp.sequence}) was a recent one")
    state = connections.state.read(customer)
    if stamp.sequence is None or stamp.sequence != state.committed_sequence:
        stands = f"the stored fetch is {stamp.sequence}, the committed one {state.committed_sequence}"
        raise NoFullFetch(customer, stands)
    return _FullFetch(claims, rejected, outcomes, stamp.sequence, state.commit_id)


def _newer_fetch(fetched: _FullFetch, connections: Connections) -> bool:
    """Whether a later fetch has begun; raises where one was committed since we began to read."""
    state = connections.state.read(fetched.customer)
    if (state.committed_sequence, state.commit_id) != (fetched.sequence, fetched.commit_id):
        raise CommittedMeanwhile(
            f"Customer {fetched.customer}: a sync (of fetch {state.committed_sequence}) was committed while Salesforce "
            f"was compared with fetch {fetched.sequence}, so what was found is void and not told. Run it again."
        )
    return state.sequence > fetched.sequence


def _rules(fetched: _FullFetch, connections: Connections) -> CompareRules:
    """The rules of the sync itself, but for the lookup, which people and mappings move without the source."""
    identity = connections.salesforce.sign_in()
    synced_to = str(fetched.outcomes.stamp.facts["sync"]["organization_id"])
    if synced_to != identity.organization_id:
        raise PermanentError(
            f"Customer {fetched.customer}: the last sync wrote to the org {synced_to}, and the settings lead to "
            f"{identity.organization_id}. Nothing was compared: look at SALESFORCE_DOMAIN and the user."
        )
    options = SyncOptions(kind=FilterKind.FULL)
    rules = compare_rules(fetched.claims, options, connections, preflight(connections), identity.user_id)
    return replace(rules, left_to_org=rules.left_to_org | {LOOKUP_FIELD})
