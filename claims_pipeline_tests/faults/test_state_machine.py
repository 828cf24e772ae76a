"""Two workers, people, a changing source and crashes, in any order: the design's promises hold after every step."""

import os
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import polars as pl
import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from claims_pipeline.clients.salesforce import AnotherOrgAnswers
from claims_pipeline.clients.sync_state import OtherOrganization
from claims_pipeline.errors import ClaimsPipelineError, OlderThanCommitted, TransientError
from claims_pipeline.sandbox.systems import Sandbox, SandboxCustomer
from claims_pipeline.settings import FilterKind
from claims_pipeline.storage.frames import NotStored
from claims_pipeline.sync.settling.bring import StoredClaims
from claims_pipeline_tests.faults.machine_bugs import BUGS, Bug
from claims_pipeline_tests.faults.machine_model import (
    LOOKUP,
    Bringing,
    Broken,
    Model,
    Word,
    hold,
    roll_up_is_even,
)
from claims_pipeline_tests.faults.machine_source import CLAIMS, PAYORS, STEADY
from claims_pipeline_tests.faults.machine_town import (
    FIRST,
    LASTING,
    OWN_FIELD,
    PASSING,
    SECOND,
    MachineTown,
    Worker,
)
from claims_pipeline_tests.faults.machine_wire import Fate, Killed, Wire, passing_by

claims = st.sampled_from(CLAIMS)
workers = st.sampled_from(["A", "B"])
kinds = st.sampled_from([FilterKind.RECENT, FilterKind.RECENT, FilterKind.FULL])
payors = st.sampled_from(sorted(PAYORS))
steps = st.sampled_from(["settle", "settle", "fetch"])
changes = st.fixed_dictionaries(
    {},
    optional={
        "charged": st.sampled_from(["100.00", "250.00"]),
        "paid": st.sampled_from(["0.00", "25.00", "40.50"]),
        "status": st.sampled_from(["OPEN", "PAID", ""]),
        "payor": payors,
        "check": st.sampled_from(["", "EFT1"]),
    },
)
source_acts = st.lists(
    st.one_of(
        st.tuples(st.just("change"), claims, changes),
        st.tuples(st.just("change"), claims, changes),
        st.tuples(st.just("lose"), claims),
        st.tuples(st.just("let_out_of_the_window"), claims),
        st.tuples(st.just("spoil_or_mend"), claims),
        st.tuples(st.just("name_no_claim_or_do"), claims),
    ),
    min_size=1,
    max_size=4,
)
News = list[tuple[str, dict[str, str]]]
news = st.lists(st.tuples(claims, changes), max_size=2)
EDITS: dict[str, object] = {
    "Paid_Amount__c": 1.0,
    "MR_Number__c": "EDITED",
    "Source_Status__c": "EDITED",
    "Name": "E",
}
person_acts = st.lists(
    st.one_of(
        st.tuples(st.just("edit"), claims, st.sampled_from(sorted(EDITS))),
        st.tuples(st.just("write_a_note"), claims),
        st.tuples(st.just("set_the_lookup"), claims),
        st.tuples(st.just("delete"), claims),
        st.tuples(st.just("map"), payors, st.sampled_from(["first", "second", "ignored", None])),
    ),
    min_size=1,
    max_size=3,
)
org_acts = st.one_of(
    st.tuples(st.just("refuse"), claims, st.sampled_from([PASSING, LASTING])),
    st.tuples(st.just("relent"), claims),
    st.tuples(st.just("hold_jobs"), st.booleans()),
    st.tuples(st.just("release_jobs")),
)
where = st.one_of(
    st.tuples(st.just("settle"), st.integers(0, 45)),
    st.tuples(st.just("settle"), st.integers(0, 45)),
    st.tuples(st.just("fetch"), st.integers(0, 25)),
    st.tuples(st.just("transform"), st.integers(0, 14)),
)
"""A step, and a boundary of it (it may have fewer)."""


SEEN: Counter[str] = Counter()
"""What came about in all examples: a machine in which nothing happens proves nothing."""


class Machine(RuleBasedStateMachine):
    """The rules: what may happen. What must be true then is the model's."""

    def __init__(self, build: Callable[[bool], MachineTown]) -> None:
        super().__init__()
        self._build = build

    @initialize(by_bulk=st.booleans())
    def begin(self, by_bulk: bool) -> None:
        self.town = self._build(by_bulk)
        town = self.town
        self.model = Model(town.payor_ids["auto"], FIRST, own_field=OWN_FIELD)
        self.last_commit: str | None = None
        self.last_state = (0, 0)
        self.settling: _Settling | None = None
        self.quiet: StoredClaims | None = None
        """What was committed last, as long as nothing has happened since."""
        self.foul: list[str] = []
        town.wire.on_write = self._write_is_lawful

    def teardown(self) -> None:
        if hasattr(self, "town"):
            try:
                if sys.exc_info()[0] is None:  # else the example has failed already
                    self._all_comes_right()
            finally:
                self.town.close()

    # -- the source

    @rule(acts=source_acts)
    def source_does(self, acts: list[tuple[Any, ...]]) -> None:
        for name, *given in acts:
            getattr(self, f"_source_{name}")(*given)
        self.town.reprint()

    def _source_change(self, claim: str, cells: dict[str, str]) -> None:
        self.town.source.change(claim, **cells)

    def _source_lose(self, claim: str) -> None:
        self.town.source.vanish(claim)

    def _source_let_out_of_the_window(self, claim: str) -> None:
        """Not before a committed fetch has seen what last happened to it: the window is wide enough for that."""
        source, printed = self.town.source, self.model.fetched.get(self.model.committed)
        version = source.claims.get(claim)
        if printed is not None and version is not None and printed.good.get(claim) == version:
            source.outside.add(claim)

    def _source_spoil_or_mend(self, claim: str) -> None:
        self.town.source.faulty ^= {claim}
        self.town.source.outside.discard(claim)

    def _source_name_no_claim_or_do(self, _: str) -> None:
        """A row without a claim id comes or goes."""
        self.town.source.has_nameless_row ^= True

    # -- the workers

    @rule(name=workers, kind=kinds)
    def sync(self, name: str, kind: FilterKind) -> None:
        self._steps(self.town.workers[name], kind, "settle", Fate())

    @rule(name=workers, kind=kinds)
    def fetch_alone(self, name: str, kind: FilterKind) -> None:
        self._steps(self.town.workers[name], kind, "fetch", Fate())

    @rule(name=workers, from_storage=st.booleans())
    def transform_alone(self, name: str, from_storage: bool) -> None:
        self._transform(self.town.workers[name], Fate(), from_storage=from_storage)

    @rule(name=workers, from_storage=st.booleans())
    def settle_alone(self, name: str, from_storage: bool) -> None:
        self._settle(self.town.workers[name], Fate(), from_storage=from_storage)

    @rule(name=workers, kind=kinds, at=where)
    def crash(self, name: str, kind: FilterKind, at: tuple[str, int | str]) -> None:
        self._steps(self.town.workers[name], kind, at[0], Fate(killed_at=at[1]))

    @rule(name=workers, kind=kinds, at=where, other=st.tuples(kinds, steps), news=news)
    def freeze_while_the_other_works(
        self,
        name: str,
        kind: FilterKind,
        at: tuple[str, int | str],
        other: tuple[FilterKind, str],
        news: News,
    ) -> None:
        """A process stands still past its lease; meanwhile the source changes and the other worker takes over."""
        taking_over = self.town.workers["B" if name == "A" else "A"]

        def meanwhile() -> None:
            self.saw(f"frozen in {at[0]}")
            if self.settling is not None:
                self.settling.note_commit()  # it may have committed, and not have heard of it yet
            for claim, cells in news:
                self.town.source.change(claim, **cells)
            self.town.reprint()
            self._steps(taking_over, *other, Fate())

        self._steps(self.town.workers[name], kind, at[0], Fate(frozen_at=at[1], meanwhile=meanwhile))

    @precondition(lambda self: self.quiet is not None)
    @rule(name=workers)
    def settle_the_same_again(self, name: str) -> None:
        """Running twice changes nothing: not one write, by whichever worker."""
        assert self.quiet is not None
        before, wrote = self.town.claims(), len(self.town.wire.writes)
        self._settle(self.town.workers[name], Fate(), ready=self.quiet)
        hold(self.town.claims() == before and len(self.town.wire.writes) == wrote, "a replay wrote")

    @precondition(lambda self: self.model.committed)
    @rule(name=workers)
    def the_other_customer_is_synced(self, name: str) -> None:
        if self._org_is_known and not self.town.bulk.script.hold:
            self.town.ends(self.town.workers[name])
            self.town.sync_the_other_customer(self.town.workers[name])

    # -- people

    @rule(acts=person_acts)
    def person_does(self, acts: list[tuple[Any, ...]]) -> None:
        for name, subject, *given in acts:
            if name == "map" or subject in self.town.claims():
                getattr(self, f"_person_{name}")(subject, *given)
                self.quiet = None

    def _person_edit(self, claim: str, field: str) -> None:
        """What the source owns."""
        self.town.edit(claim, **{field: EDITS[field]})
        self.model.edited(claim, **{field: EDITS[field]})

    def _person_write_a_note(self, claim: str) -> None:
        self.town.edit(claim, **{OWN_FIELD: "call them"})
        self.model.notes[claim] = "call them"

    def _person_set_the_lookup(self, claim: str) -> None:
        payor = self.town.payor_ids["hand"]
        self.town.edit(claim, **{LOOKUP: payor})
        self.model.hand[claim] = payor

    def _person_delete(self, claim: str) -> None:
        self.town.delete(claim)
        self.model.deleted(claim)

    def _person_map(self, payor: str, to: str | None) -> None:
        """Or ignores it, or takes the word back."""
        self.town.map(payor, None if to == "ignored" else to, ignored=to == "ignored")

    @rule(act=org_acts)
    def org_does(self, act: tuple[Any, ...]) -> None:
        name, *given = act
        getattr(self.town, name)(*given)

    @rule(days=st.sampled_from([1, 8]))
    def days_pass(self, days: int) -> None:
        self.town.clock.sleep(days * 86_400)
        self.quiet = None

    @precondition(lambda self: self.model.committed and self._org_is_known)
    @rule(with_records=st.booleans())
    def org_is_refreshed(self, with_records: bool) -> None:
        self.town.refresh_org(with_records=with_records)
        self.model.other_org(self.town.claims())
        self.quiet = None

    @precondition(lambda self: not self._org_is_known)
    @rule()
    def person_accepts_the_org(self) -> None:
        self.town.accept_org()

    # -- at any time

    @invariant()
    def promises_hold(self) -> None:
        if not hasattr(self, "town"):
            return
        hold(not self.foul, "a write that no one may make", self.foul)
        self.model.look(self.town.claims())
        roll_up_is_even(self.town.table.items)
        item = self.town.table.items.get(FIRST, {})
        sequence, committed = (
            int(item.get(name, {"N": "0"})["N"]) for name in ("sequence", "committed_sequence")
        )
        hold(sequence >= self.last_state[0] and committed >= self.last_state[1], "the state moved back")
        hold(
            committed == self.model.committed <= sequence,
            "the cursor stands where no sync has put it",
            committed,
        )
        self.last_state = (sequence, committed)

    # -- how

    @property
    def _org_is_known(self) -> bool:
        return self.town.known_org in (None, self.town.organization_id)

    def _write_is_lawful(self, owner: str, what: str) -> None:
        """One writer at a time, and never into an org that no one said yes to."""
        holders = [
            self.town.table.items.get(name, {}).get("lease_owner", {}).get("S") for name in (FIRST, SECOND)
        ]
        if owner not in holders:
            self.foul.append(f"{owner} did without the lease ({holders}): {what}")
        if self.town.known_org != self.town.organization_id:
            self.foul.append(f"{owner} did in an org that is not the state's: {what}")

    def _steps(self, worker: Worker, kind: FilterKind, last: str, fate: Fate) -> None:
        """The steps up to the last one, which has this fate."""
        unharmed = Fate()
        if not self._fetch(worker, kind, fate if last == "fetch" else unharmed) or last == "fetch":
            return
        if not self._transform(worker, fate if last == "transform" else unharmed) or last == "transform":
            return
        self._settle(worker, fate)

    def _fetch(self, worker: Worker, kind: FilterKind, fate: Fate) -> bool:
        town = self.town
        try:
            town.fetch(worker, kind, fate)
        except Killed:
            self.saw("killed in fetch")
            stored = self._stored("raw_collaboratemd_claims")
            if stored is not None and stored.stamp.sequence not in self.model.fetched:
                self.model.fetch_done(stored.stamp.sequence, town.printed(stored.stamp.sequence))
            town.ends(worker)
            return False
        except ClaimsPipelineError as error:
            is_stopped = isinstance(error, OtherOrganization | AnotherOrgAnswers)
            is_other_org = not self._org_is_known or worker.has_seen_another_org
            if not (is_stopped and is_other_org) and not fate.was_frozen:
                raise
            self._lease_is_free(worker)
            town.ends(worker)
            return False
        assert worker.raw is not None
        sequence = worker.raw.stamp.sequence
        assert sequence is not None
        self.model.fetch_done(sequence, town.printed(sequence))
        self._lease_is_free(worker)
        return True

    def _transform(self, worker: Worker, fate: Fate, *, from_storage: bool = False) -> bool:
        raw = self._stored("raw_collaboratemd_claims") if from_storage else worker.raw
        if raw is None:
            return False
        try:
            self.town.transform(worker, raw, fate)
        except Killed:
            self.saw("killed in transform")
            self.town.ends(worker)
            return False
        except AnotherOrgAnswers:
            hold(worker.has_seen_another_org, "a transform failed without a reason")
            self.town.ends(worker)
            return False
        return True

    def _settle(
        self, worker: Worker, fate: Fate, *, from_storage: bool = False, ready: StoredClaims | None = None
    ) -> None:
        stored = self._ready_in_storage() if from_storage else worker.ready
        ready = ready or stored
        if ready is None:
            return
        before, self.settling = self.settling, _Settling(self, worker, ready, fate)
        try:
            self.settling.run()
        finally:
            self.settling = before

    def _ready_in_storage(self) -> StoredClaims | None:
        frames = [self._stored(name) for name in ("transformed_claims", "rejected_claims")]
        payors = self._stored("payor_mapping", customer=False)
        if frames[0] is None or frames[1] is None or payors is None:
            return None
        return StoredClaims(frames[0], frames[1], payors)

    def _stored(self, name: str, *, customer: bool = True) -> Any:
        try:
            return self.town.stored(f"{name}/{FIRST}" if customer else name)
        except NotStored:
            return None

    def saw(self, what: str) -> None:
        """Count what came about."""
        SEEN[what] += 1

    def _lease_is_free(self, worker: Worker) -> None:
        """A step that ended, however it ended, gave its lease back; only a killed process cannot."""
        holder = self.town.table.items.get(FIRST, {}).get("lease_owner", {}).get("S")
        hold(holder != worker.owner, "a lease was not given back")

    def _all_comes_right(self) -> None:
        """Once everyone relents, one sync brings all that is recent, a full one all, and the next writes nothing."""
        town = self.town
        self.promises_hold()
        for claim in list(town.refused):
            town.relent(claim)
        town.release_jobs()
        self.promises_hold()
        if not self._org_is_known:
            town.accept_org()
        town.clock.sleep(8 * 86_400)
        for worker in town.workers.values():
            town.ends(worker)
        self._steps(town.workers["A"], FilterKind.RECENT, "settle", Fate())
        self._org_is_the_source(recent_alone=True)
        self._steps(town.workers["B"], FilterKind.FULL, "settle", Fate())
        self._org_is_the_source(recent_alone=False)
        wrote = len(town.wire.writes)
        self._steps(town.workers["A"], FilterKind.RECENT, "settle", Fate())
        hold(len(town.wire.writes) == wrote, "a sync after a sync wrote")
        self.promises_hold()

    def _org_is_the_source(self, *, recent_alone: bool) -> None:
        source, org = self.town.source, self.town.claims()
        for claim in {STEADY, *source.claims} - source.faulty - (source.outside if recent_alone else set()):
            wanted = source.claims[claim].record(claim)
            found = {name: org.get(claim, {}).get(name) for name in wanted}
            hold(found == wanted, "the org is not as the source", claim)


class _Settling:
    """One settle under the model's eyes."""

    def __init__(self, machine: Machine, worker: Worker, ready: StoredClaims, fate: Fate) -> None:
        self.machine, self.worker, self.ready, self.fate = machine, worker, ready, fate
        sequence = ready.claims.stamp.sequence
        assert sequence is not None
        refused = {claim: code == LASTING for claim, code in machine.town.refused.items()}
        printed, now = machine.model.fetched[sequence], machine.town.clock.seconds
        by_us = ready.payors.stamp.facts["read_by"] == worker.owner
        words = _words_in(ready) if by_us else _words_of_now(machine.town)  # another's are read anew
        self.bringing = Bringing(sequence, printed, words, now, refused)
        self.reasons = self._reasons_to_stop(self.bringing)
        self.is_of_another_org = worker.has_seen_another_org
        self.before, self.wrote = machine.town.claims(), len(machine.town.wire.writes)
        self.has_committed = False

    def run(self) -> None:
        machine = self.machine
        if not self.reasons:
            machine.model.begin(self.bringing)
        machine.quiet = None
        ended, error = self._attempt()
        self.note_commit()
        if self.has_committed:
            machine.saw("committed" if ended else "killed after the commit")
            if ended and not machine.model.owed and not self.fate.was_frozen:
                machine.quiet = self.ready
        else:
            self._did_not_commit(ended, error)
        machine.model.hands_are_kept(self.before, machine.town.claims(), self.bringing.words)
        machine.promises_hold()

    def note_commit(self) -> None:
        """Where a commit has come that the model does not know, it is ours: all must hold at this moment."""
        machine, town = self.machine, self.machine.town
        commit = town.table.items.get(FIRST, {}).get("commit_id", {}).get("S")
        if commit != machine.last_commit:
            hold(not self.reasons, "a commit that could not be", self.reasons)
            machine.last_commit, self.has_committed = commit, True
            machine.model.commit_done(self.bringing, self.before, town.claims())

    def _did_not_commit(self, ended: bool, error: ClaimsPipelineError | None) -> None:
        machine, town, was_killed = self.machine, self.machine.town, error is None and not ended
        wrote_nothing = town.claims() == self.before and len(town.wire.writes) == self.wrote
        if self.reasons:
            machine.saw(f"stopped by {self.reasons[0].__name__}")
            hold(was_killed or isinstance(error, tuple(self.reasons)), "it was not stopped", self.reasons)
            hold(wrote_nothing or self.fate.was_frozen, "it wrote", self.reasons)
        elif self.is_of_another_org and isinstance(error, AnotherOrgAnswers | OtherOrganization):
            hold(wrote_nothing, "it wrote, and has seen another org")
        else:
            hold(not ended, "a sync ended well and committed nothing")
            machine.saw("killed before the commit" if error is None else f"failed by {type(error).__name__}")
            is_slow = town.bulk.script.hold and isinstance(error, TransientError)
            if error is not None and not (self.fate.was_frozen or is_slow):
                raise error

    def _reasons_to_stop(self, bringing: Bringing) -> list[type[ClaimsPipelineError]]:
        """The errors of which one must come, and nothing else happen."""
        reasons: list[type[ClaimsPipelineError]] = []
        if self.ready.rejected.stamp.sequence != bringing.sequence:
            reasons.append(ClaimsPipelineError)
        if bringing.sequence < self.machine.model.committed:
            reasons.append(OlderThanCommitted)
        if not self.machine._org_is_known:
            reasons += [OtherOrganization, AnotherOrgAnswers]
        return reasons

    def _attempt(self) -> tuple[bool, ClaimsPipelineError | None]:
        """Whether it ended well, and else with which error; none where the process was killed."""
        try:
            self.machine.town.settle(self.worker, self.ready, self.fate)
        except Killed:
            self.machine.town.ends(self.worker)
            return False, None
        except ClaimsPipelineError as error:
            self.machine._lease_is_free(self.worker)
            self.machine.town.ends(self.worker)
            return False, error
        self.machine._lease_is_free(self.worker)
        return True, None


def _words_in(ready: StoredClaims) -> dict[str, Word]:
    rows = ready.payors.frame.filter(pl.col("kind") == "mapping").collect()
    return {
        row["payor_key"]: Word(row["claim_payor"], bool(row["ignored"])) for row in rows.iter_rows(named=True)
    }


def _words_of_now(town: MachineTown) -> dict[str, Word]:
    rows = town.org.records("Claim_Payor_Mapping__c")
    return {
        str(row["Payor_Key__c"]): Word(
            None if row["Claim_Payor__c"] is None else str(row["Claim_Payor__c"]), bool(row["Ignored__c"])
        )
        for row in rows
    }


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[bool], MachineTown]]:
    """Builds the towns of the examples, over one sandbox."""
    folder: Path = tmp_path_factory.mktemp("machine")
    customers = (SandboxCustomer(FIRST, "Riverside"), SandboxCustomer(SECOND, "Lakeview"))
    wire = Wire()
    with Sandbox(folder / "sandbox", customers=customers, payors=False) as sandbox, passing_by(wire):
        wire.apps[urlsplit(sandbox.collaboratemd.url).port or 0] = sandbox.collaboratemd_wire
        with pytest.MonkeyPatch.context() as patch:
            for name, value in sandbox.dynamodb.environment().items():
                patch.setenv(name, value)
            yield lambda by_bulk: MachineTown(sandbox, wire, folder, by_bulk=by_bulk)
    wire.close()


def profile(**more: Any) -> settings:
    """How a run of the machine goes. Its failing example is long; the rules print it."""
    return settings(deadline=None, database=None, suppress_health_check=list(HealthCheck), **more)


def test_the_promises_hold_in_any_order(build: Callable[[bool], MachineTown]) -> None:
    SEEN.clear()
    short = profile(max_examples=9, stateful_step_count=25, derandomize=True, phases=[Phase.generate])
    run_state_machine_as_test(lambda: Machine(build), settings=short)  # type: ignore[arg-type]  # a factory is as good
    for what, times in {"committed": 30, "killed": 3, "frozen": 3}.items():
        assert sum(SEEN[each] for each in SEEN if each.startswith(what)) >= times, (what, dict(SEEN))


@pytest.mark.everywhere
def test_the_promises_hold_in_many_more_orders(build: Callable[[bool], MachineTown]) -> None:
    """MACHINE_SEED says from where, MACHINE_EXAMPLES how many: go and look for others."""
    chosen = int(os.environ.get("MACHINE_SEED") or 7)
    examples = int(os.environ.get("MACHINE_EXAMPLES") or 40)
    print(f"MACHINE_SEED={chosen} MACHINE_EXAMPLES={examples}")
    SEEN.clear()

    @seed(chosen)
    def machine() -> Machine:
        return Machine(build)

    phases = [Phase.generate, Phase.shrink] if os.environ.get("MACHINE_SHRINK") else [Phase.generate]
    run_state_machine_as_test(
        machine, settings=profile(max_examples=examples, stateful_step_count=40, phases=phases)
    )  # type: ignore[arg-type]  # as above
    print(", ".join(f"{what}: {times}" for what, times in sorted(SEEN.items())))


def tell(build: Callable[[bool], MachineTown], bug: Bug) -> None:
    """The bug's story, and that all comes right after it."""
    machine = Machine(build)
    machine.begin(by_bulk=bug.by_bulk)
    try:
        bug.story(machine)
        machine.promises_hold()
    finally:
        machine.teardown()


@pytest.mark.parametrize("name", BUGS)
def test_each_story_ends_well(build: Callable[[bool], MachineTown], name: str) -> None:
    tell(build, BUGS[name])


@pytest.mark.parametrize("name", BUGS)
def test_the_machine_sees_each_planted_bug(
    build: Callable[[bool], MachineTown], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    BUGS[name].plant(monkeypatch)
    with pytest.raises(Broken):
        tell(build, BUGS[name])
