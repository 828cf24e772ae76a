"""Bugs planted into the pipeline, and for each a short story in which it does harm: the machine must turn red.

What belongs here: the bugs, and the stories as calls of the machine's own rules. Told without its bug, a story passes.
"""

import inspect
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import polars as pl
import pytest

from claims_pipeline.clients.salesforce import SalesforceClient
from claims_pipeline.clients.sync_state import Commit, Lease, OtherOrganization, SyncState
from claims_pipeline.settings import FilterKind
from claims_pipeline.storage.frames import Storage
from claims_pipeline.sync import holding
from claims_pipeline.sync.settling import send, settle
from claims_pipeline_tests.faults import machine_town
from claims_pipeline_tests.faults.machine_model import LOOKUP
from claims_pipeline_tests.faults.machine_town import FIRST, PASSING

RECENT, FULL = FilterKind.RECENT, FilterKind.FULL
Plant = Callable[[pytest.MonkeyPatch], None]


@dataclass(frozen=True)
class Bug:
    """`plant` puts it in; `story` is told by the machine's rules; `by_bulk` says how the story's claims are sent."""

    plant: Plant
    story: Callable[[Any], None]
    by_bulk: bool = False


def _change(machine: Any, claim: str, **cells: str) -> None:
    machine.source_does(acts=[("change", claim, cells)])


def commit_before_anything_is_sent(patch: pytest.MonkeyPatch) -> None:
    whole = machine_town.settle

    def settle(ready: Any, options: Any, connections: Any, *more: Any) -> Any:
        sequence = ready.claims.stamp.sequence
        org = connections.salesforce.sign_in().organization_id
        connections.state.confirm_org(org)
        with connections.state.lease(FIRST) as lease:
            connections.state.commit(lease, sequence, Commit(org, 1, 1, 0, ()))
        return whole(ready, options, connections, *more)

    patch.setattr(machine_town, "settle", settle)


def killed_before_it_sends(machine: Any) -> None:
    machine.sync(name="A", kind=RECENT)
    _change(machine, "C1", paid="25.00")
    for boundary in range(16, 30, 2):
        machine.crash(name="A", kind=RECENT, at=("settle", boundary))


def do_not_look_for_a_newer_commit(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(holding, "require_newest", lambda *_: None)


def an_older_fetch_is_settled_late(machine: Any) -> None:
    machine.sync(name="A", kind=RECENT)
    _change(machine, "C1", paid="25.00")
    machine.fetch_alone(name="A", kind=RECENT)
    machine.transform_alone(name="A", from_storage=False)
    _change(machine, "C1", paid="40.50")
    machine.sync(name="B", kind=RECENT)
    machine.settle_alone(name="A", from_storage=False)


def do_not_check_the_lease(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Lease, "check", lambda lease: None)


def a_sleeper_wakes_after_its_lease(machine: Any) -> None:
    machine.sync(name="A", kind=RECENT)
    _change(machine, "C1", paid="25.00")
    meanwhile = {"other": (RECENT, "settle"), "news": [("C1", {"paid": "40.50"})]}
    machine.freeze_while_the_other_works(name="A", kind=RECENT, at=("settle", "/composite"), **meanwhile)


def do_not_check_the_lease_before_a_file(patch: pytest.MonkeyPatch) -> None:
    """A lease that is looked at before a batch for the org alone."""
    check = Lease.check

    def check_in_upsert(lease: Lease) -> None:
        if inspect.stack()[1].function != "bring":
            check(lease)

    patch.setattr(Lease, "check", check_in_upsert)


def a_sleeper_wakes_when_the_other_was_refused(machine: Any) -> None:
    machine.sync(name="A", kind=RECENT)
    _change(machine, "C2", paid="25.00")
    machine.org_does(act=("refuse", "C1", PASSING))
    meanwhile = {"other": (RECENT, "settle"), "news": [("C1", {"paid": "25.00"})]}
    machine.freeze_while_the_other_works(name="A", kind=RECENT, at=("settle", "GROUP+BY"), **meanwhile)
    machine.source_does(acts=[("let_out_of_the_window", "C1")])
    machine.org_does(act=("relent", "C1"))
    machine.sync(name="B", kind=RECENT)


def never_clear_a_lookup(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("claims_pipeline.claims.compare._payor_changed_at_source", lambda rules: pl.lit(False))


def a_payor_changes_at_the_source(machine: Any) -> None:
    _change(machine, "C1", payor="auto")
    machine.sync(name="A", kind=RECENT)
    _change(machine, "C1", payor="nemo")
    machine.sync(name="A", kind=RECENT)


def drop_what_was_refused(patch: pytest.MonkeyPatch) -> None:
    write = Storage.write

    def write_all_else(storage: Storage, name: str, frame: Any) -> str:
        return "" if name.startswith("refused_claims") else write(storage, name, frame)

    patch.setattr(Storage, "write", write_all_else)


def a_refused_claim_leaves_the_window(machine: Any) -> None:
    _change(machine, "C1", paid="25.00")
    machine.org_does(act=("refuse", "C1", PASSING))
    machine.sync(name="A", kind=RECENT)
    machine.source_does(acts=[("let_out_of_the_window", "C1")])
    machine.org_does(act=("relent", "C1"))
    machine.sync(name="B", kind=RECENT)


def leave_old_jobs_alone(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(SalesforceClient, "end_job", lambda client, job_id, **_: "Gone")


def the_org_runs_a_dead_workers_job_late(machine: Any) -> None:
    machine.sync(name="A", kind=RECENT)
    _change(machine, "C1", paid="25.00")
    machine.org_does(act=("hold_jobs", True))
    machine.crash(
        name="A", kind=RECENT, at=("settle", "write PATCH")
    )  # the job is handed over, and nobody heard
    machine.org_does(act=("hold_jobs", False))
    _change(machine, "C1", paid="40.50")
    machine.sync(name="B", kind=RECENT)
    machine.org_does(act=("release_jobs",))


def send_everything_each_time(patch: pytest.MonkeyPatch) -> None:
    options = machine_town.SyncOptions
    patch.setattr(machine_town, "SyncOptions", lambda **more: options(resend=True, **more))


def nothing_happens_twice(machine: Any) -> None:
    machine.sync(name="A", kind=RECENT)
    machine.settle_the_same_again(name="B")


def believe_any_org(patch: pytest.MonkeyPatch) -> None:
    confirm = SyncState.confirm_org

    def believe(state: SyncState, organization_id: str) -> None:
        with suppress(OtherOrganization):
            confirm(state, organization_id)

    patch.setattr(SyncState, "confirm_org", believe)


def the_sandbox_is_refreshed(machine: Any) -> None:
    machine.sync(name="A", kind=RECENT)
    machine.org_is_refreshed(with_records=False)
    machine.sync(name="B", kind=RECENT)


def overwrite_what_a_person_set(patch: pytest.MonkeyPatch) -> None:
    told = send.payload_of
    cleared = pl.when(pl.col(LOOKUP) != "").then(pl.col(LOOKUP)).alias(LOOKUP)
    patch.setattr(send, "payload_of", lambda decided: told(decided).with_columns(cleared))


def a_person_sets_a_lookup(machine: Any) -> None:
    machine.sync(name="A", kind=RECENT)
    machine.person_does(acts=[("set_the_lookup", "C1")])
    _change(machine, "C1", paid="25.00")
    machine.sync(name="A", kind=RECENT)


def believe_the_payors_of_another_run(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(settle, "with_payors_of_now", lambda stored, *_: stored)


def a_person_maps_before_another_run_settles(machine: Any) -> None:
    machine.sync(name="A", kind=RECENT)
    machine.transform_alone(name="A", from_storage=True)
    machine.person_does(acts=[("map", "nobody", "first")])
    machine.settle_alone(name="B", from_storage=True)


BUGS = {
    "commit before anything is sent": Bug(commit_before_anything_is_sent, killed_before_it_sends),
    "do not look for a newer commit": Bug(do_not_look_for_a_newer_commit, an_older_fetch_is_settled_late),
    "do not check the lease": Bug(do_not_check_the_lease, a_sleeper_wakes_after_its_lease),
    "do not check the lease before a file": Bug(
        do_not_check_the_lease_before_a_file, a_sleeper_wakes_when_the_other_was_refused
    ),
    "never clear a lookup": Bug(never_clear_a_lookup, a_payor_changes_at_the_source),
    "drop what was refused": Bug(drop_what_was_refused, a_refused_claim_leaves_the_window),
    "leave old jobs alone": Bug(leave_old_jobs_alone, the_org_runs_a_dead_workers_job_late, by_bulk=True),
    "send everything each time": Bug(send_everything_each_time, nothing_happens_twice),
    "believe any org": Bug(believe_any_org, the_sandbox_is_refreshed),
    "overwrite what a person set": Bug(overwrite_what_a_person_set, a_person_sets_a_lookup),
    "believe the payors of another run": Bug(
        believe_the_payors_of_another_run, a_person_maps_before_another_run_settles
    ),
}
