"""The commands by which people decide: each takes effect, says what follows, and is kept with who and when."""

import getpass
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from claims_pipeline.cli.exits import Exit
from claims_pipeline.clients.sync_state import Commit, Doubt, FilterCommit, SyncRequest, SyncState
from claims_pipeline.errors import LeaseLost
from claims_pipeline.sync.connections import open_state, read_settings
from claims_pipeline_tests.command_line import Said, claims_pipeline
from claims_pipeline_tests.town import FIRST, SECOND, Town

pytestmark = pytest.mark.journey

DOUBT = Doubt("10010", "20020", 3, 100, datetime(2026, 3, 2, tzinfo=UTC))
ELSEWHERE = "00D000000000009AAA"


@pytest.fixture
def state(town: Town) -> Iterator[SyncState]:
    """The sync state, as a run sees it."""
    found = open_state(read_settings(town.environment), "a-run")
    found.ensure_table()
    yield found


def run(town: Town, *arguments: str, **settings: str) -> Said:
    said = claims_pipeline({**town.environment, **settings}, *arguments)
    assert "Traceback" not in said.words
    return said


def decided(state: SyncState, customer: str = FIRST) -> list[tuple[str, str, str]]:
    return [(each.what, each.by, each.about) for each in state.read(customer).decisions]


def fail(state: SyncState, error: str, customer: str = FIRST) -> None:
    with state.lease(customer) as lease:
        state.begin_attempt(lease, filters="recent")
    state.record_failure(customer, error, passes=False)


def test_a_customer_is_paused_and_resumed(town: Town, state: SyncState) -> None:
    said = run(town, "pause", FIRST, "--reason", "the practice moves house", "--by", "ada")
    assert said.code == Exit.ALL_ARRIVED
    assert f"claims-pipeline resume {FIRST}" in said.out
    paused = state.read(FIRST).paused
    assert paused is not None
    assert (paused.reason, paused.by) == ("the practice moves house", "ada")
    said = run(town, "resume", FIRST, "--by", "bob")
    assert f"Customer {FIRST} is due: request resumed-" in said.out
    assert decided(state) == [("resumed", "bob", ""), ("paused", "ada", "the practice moves house")]
    assert run(town, "resume", FIRST).code == Exit.ALL_ARRIVED, "said twice, it stays resumed"
    never = run(town, "resume", SECOND)
    assert (never.code, never.err.strip()) == (
        Exit.PERMANENT,
        f"Customer {SECOND} is not paused: nothing was changed.",
    )


def test_who_decides_is_this_machine_s_user_unless_told(
    town: Town, state: SyncState, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(getpass, "getuser", lambda: "grace")
    run(town, "pause", FIRST, "--reason", "why")
    assert decided(state) == [("paused", "grace", "why")]

    def nobody() -> str:
        raise KeyError("uid not found")

    monkeypatch.setattr(getpass, "getuser", nobody)
    said = run(town, "resume", FIRST)
    assert said.code == Exit.USAGE
    assert "--by NAME" in said.err


@pytest.mark.parametrize("reason", ["", "   ", "two\nlines", "a\x1b[31mcolour", "x" * 201])
def test_a_reason_is_one_line(town: Town, state: SyncState, reason: str) -> None:
    said = run(town, "pause", FIRST, "--reason", reason)
    assert said.code == Exit.USAGE
    assert "one line of at most 200 characters" in said.err
    assert state.read(FIRST).paused is None


@pytest.mark.parametrize(
    "arguments",
    [
        ("pause", "--reason", "why"),
        ("resume",),
        ("release",),
        ("ask",),
        ("confirm", "report"),
    ],
)
def test_an_unknown_customer_is_3_and_nothing_is_written(
    town: Town, state: SyncState, arguments: tuple[str, ...]
) -> None:
    said = run(town, *arguments, "10009999")
    assert said.code == Exit.SETTINGS
    assert f"customer 10009999 is not set up; the settings know {FIRST}, {SECOND}" in said.err
    assert state.read("10009999").decisions_made == 0
    assert state.read("10009999").request is None


def test_a_stopped_customer_is_released(town: Town, state: SyncState) -> None:
    fail(state, "ReportNotFound")
    said = run(town, "release", FIRST, SECOND, "--by", "ada")
    assert said.code == Exit.ALL_ARRIVED
    assert f"Customer {FIRST} is released: 1 failed attempt(s) are forgotten." in said.out
    assert f"Customer {FIRST} is due: request released-" in said.out
    assert state.read(FIRST).attempts.count == 0
    assert decided(state) == decided(state, SECOND) == [("released", "ada", "")]


def test_of_several_to_release_one_unknown_stops_all(town: Town, state: SyncState) -> None:
    assert run(town, "release", FIRST, "10009999").code == Exit.SETTINGS
    assert decided(state) == []


def test_a_lease_is_freed_only_when_that_is_said(town: Town, state: SyncState) -> None:
    with state.lease(FIRST) as lease:
        assert "is at work" in run(town, "release", FIRST).out
        lease.check()
        said = run(town, "release", FIRST, "--free-lease", "--by", "ada")
        assert "Run a-run has lost its lease." in said.out
        with pytest.raises(LeaseLost):
            lease.check()
    assert decided(state)[0] == ("lease_freed", "ada", "")


def test_a_sync_is_asked_for_as_another_system_would(town: Town, state: SyncState) -> None:
    first = run(town, "ask", FIRST)
    assert first.code == Exit.ALL_ARRIVED
    left = state.read(FIRST).request
    assert left is not None
    assert left.filters is None
    assert f"Request {left.id} is left for customer {FIRST}.\n" in first.out
    assert f"Customer {FIRST} is due: request {left.id} asks for a sync." in first.out
    second = run(town, "ask", FIRST, "--full")
    assert f"It takes the place of request {left.id}." in second.out
    again = state.read(FIRST).request
    assert again is not None
    assert (again.filters, again.id != left.id) == ("full", True)


def test_an_id_of_others_that_is_none_is_not_shown(town: Town, state: SyncState) -> None:
    state.ask_for_sync(FIRST, SyncRequest("DOE, JANE"))
    assert "DOE" not in run(town, "release", FIRST).words
    said = run(town, "ask", FIRST)
    assert "It takes the place of request " in said.out
    assert "DOE" not in said.words


def test_asking_says_when_it_will_not_help(town: Town, state: SyncState) -> None:
    fail(state, "ReportNotFound")
    said = run(town, "ask", FIRST)
    assert f"Customer {FIRST} is stopped: 1 attempt failed, the last with ReportNotFound" in said.out
    assert f"claims-pipeline release {FIRST}" in said.out


def test_a_full_fetch_without_a_full_filter_is_not_asked_for(town: Town, state: SyncState) -> None:
    config = town.sandbox.folder / "recent-only.toml"
    config.write_text(
        f'[customers."{FIRST}"]\nname = "R"\nreport = "10010"\nfilters = [{{ id = "20020", kind = "recent" }}]\n'
    )
    said = run(town, "ask", FIRST, "--full", CLAIMS_CONFIG=str(config))
    assert said.code == Exit.SETTINGS
    assert "has no filter of kind full" in said.err
    assert state.read(FIRST).request is None


def test_a_small_report_is_confirmed(town: Town, state: SyncState) -> None:
    nothing = run(town, "confirm", "report", FIRST)
    assert nothing.code == Exit.PERMANENT
    assert "no report that waits for a person's word" in nothing.err
    fail(state, "SmallReport")
    with state.lease(FIRST) as lease:
        state.doubt_report(lease, DOUBT)
    said = run(town, "confirm", "report", FIRST, "--by", "ada")
    assert f"Customer {FIRST}: 3 rows of filter 20020 will be believed, where there were 100." in said.out
    assert f"Customer {FIRST} is due" in said.out
    assert state.read(FIRST).believed == (DOUBT,)
    assert decided(state) == [("report_believed", "ada", "report 10010, filter 20020: 3 rows, 100 before")]


class TestConfirmOrg:
    def test_without_a_known_org_there_is_nothing_to_confirm(self, town: Town, state: SyncState) -> None:
        mine = town.sandbox.org.settings.organization_id
        said = run(town, "confirm", "org", mine)
        assert said.code == Exit.PERMANENT
        assert f"The sync state belongs to org (none yet); the settings lead to org {mine}." in said.out
        assert "nothing was changed" in said.err
        assert state.organization_id() is None

    def test_the_known_org_needs_no_word(self, town: Town, state: SyncState) -> None:
        mine = town.sandbox.org.settings.organization_id
        state.confirm_org(mine)
        assert run(town, "confirm", "org", mine[:15]).code == Exit.PERMANENT
        assert state.organization_id() == mine

    def test_another_than_the_settings_org_is_refused(self, town: Town, state: SyncState) -> None:
        state.confirm_org(ELSEWHERE)
        said = run(town, "confirm", "org", "00D000000000001AAA")
        assert said.code == Exit.PERMANENT
        assert "Org 00D000000000001AAA is not the one that the settings lead to" in said.err
        assert state.organization_id() == ELSEWHERE

    @pytest.mark.parametrize("error", ["OtherOrganization", "AnotherOrgAnswers"])
    def test_a_refreshed_sandbox_is_taken_on_and_who_stopped_for_it_is_released(
        self, town: Town, state: SyncState, error: str
    ) -> None:
        mine = town.sandbox.org.settings.organization_id
        state.confirm_org(ELSEWHERE)
        fail(state, error, FIRST)
        fail(state, "ReportNotFound", SECOND)
        said = run(town, "confirm", "org", mine, "--by", "ada")
        assert said.code == Exit.ALL_ARRIVED
        assert f"The sync state belongs to org {ELSEWHERE}; the settings lead to org {mine}." in said.out
        assert state.organization_id() == mine
        assert state.read(FIRST).attempts.count == 0
        assert state.read(SECOND).attempts.count == 1, "what stopped for another reason stays stopped"


def test_a_request_that_is_left_is_served_by_the_commit_that_follows(town: Town, state: SyncState) -> None:
    run(town, "ask", FIRST)
    state.confirm_org(ELSEWHERE)
    with state.lease(FIRST) as lease:
        state.begin_attempt(lease, filters="recent")
        outcome = Commit(ELSEWHERE, 1, 1, 0, (FilterCommit("10010", "20020", 1, "ab" * 32),))
        state.commit(lease, state.next_sequence(FIRST), outcome)
    assert state.read(FIRST).request is None
    state.ask_for_sync(FIRST, SyncRequest("other-system-1"))
    assert f"Customer {FIRST} is due: request" in run(town, "ask", FIRST).out
