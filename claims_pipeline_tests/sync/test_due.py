"""When a customer is due: after so long, on a request, when a failed attempt's wait is over; and why it is not."""

import hashlib
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from claims_pipeline.clients.sync_state import Attempts, CustomerState, Holder, SyncRequest
from claims_pipeline.settings import Customer, DueRules, Filter, FilterKind
from claims_pipeline.sync.due import Standing, is_overdue, judge, stands, wait_after
from claims_pipeline_tests.sync.given_state import CUSTOMER, DOUBT, NOW, PAUSED, STATES, ago, failed

RULES = DueRules()
BEFORE = CustomerState(CUSTOMER, last_success_at=ago(hours=25))
PROPERTY = settings(max_examples=300, deadline=None, derandomize=True, database=None)
WISH = SyncRequest("wish-1", "full")
RECENT, FULL = Filter("5001", FilterKind.RECENT), Filter("5002", FilterKind.FULL)


def held(minutes_ago: float) -> Holder:
    return Holder("run-9", ago(minutes=minutes_ago), 300)


@pytest.mark.parametrize(
    ("state", "standing", "due_at"),
    [
        pytest.param(CustomerState(CUSTOMER), Standing.DUE, None, id="never synced"),
        pytest.param(BEFORE, Standing.FRESH, NOW + timedelta(hours=1), id="yesterday"),
        pytest.param(replace(BEFORE, last_success_at=ago(hours=26)), Standing.DUE, NOW, id="26 hours ago"),
        pytest.param(replace(BEFORE, request=WISH), Standing.DUE, None, id="a wish"),
        pytest.param(replace(BEFORE, paused=PAUSED, request=WISH), Standing.PAUSED, None, id="paused"),
        pytest.param(
            replace(BEFORE, holder=held(14)), Standing.AT_WORK, NOW + timedelta(minutes=1), id="held"
        ),
        pytest.param(
            replace(BEFORE, holder=held(-4)), Standing.AT_WORK, NOW + timedelta(minutes=19), id="clock ahead"
        ),
        pytest.param(
            replace(BEFORE, holder=held(15), request=WISH), Standing.DUE, None, id="held by the dead"
        ),
        pytest.param(
            replace(BEFORE, holder=Holder("run-9", None, 300), request=WISH), Standing.DUE, None, id="no stamp"
        ),
        pytest.param(
            replace(BEFORE, attempts=failed(1, at=ago(minutes=14))),
            Standing.WAITING,
            NOW + timedelta(minutes=1),
            id="waits",
        ),
        pytest.param(
            replace(BEFORE, attempts=failed(1, at=ago(minutes=15))), Standing.DUE, NOW, id="wait is over"
        ),
        pytest.param(
            replace(BEFORE, attempts=failed(1, at=ago(minutes=14), error=None)),
            Standing.WAITING,
            NOW + timedelta(minutes=1),
            id="killed",
        ),
        pytest.param(
            replace(BEFORE, attempts=failed(1, at=ago(minutes=14)), request=WISH),
            Standing.WAITING,
            NOW + timedelta(minutes=1),
            id="a wish cuts no wait short",
        ),
        pytest.param(
            replace(BEFORE, attempts=failed(1, at=ago(days=3), passes=False), request=WISH),
            Standing.STOPPED,
            None,
            id="does not pass",
        ),
        pytest.param(
            replace(BEFORE, attempts=failed(6, at=ago(days=3))), Standing.STOPPED, None, id="six times"
        ),
        pytest.param(
            replace(BEFORE, attempts=failed(6, at=ago(days=3), error=None), request=WISH),
            Standing.STOPPED,
            None,
            id="six kills and a wish",
        ),
        pytest.param(
            replace(BEFORE, attempts=failed(5, at=ago(hours=4))), Standing.DUE, NOW, id="five times"
        ),
        pytest.param(
            replace(BEFORE, attempts=Attempts(2)), Standing.DUE, None, id="attempts without an instant"
        ),
        pytest.param(
            replace(BEFORE, holder=held(0), attempts=failed(6)), Standing.AT_WORK, NOW + timedelta(minutes=15),
            id="held on a last attempt",
        ),
    ],
)  # fmt: skip
def test_how_a_customer_stands(state: CustomerState, standing: Standing, due_at: datetime | None) -> None:
    verdict = judge(state, NOW, RULES)
    assert (verdict.standing, verdict.due_at) == (standing, due_at)


def test_waits_double_up_to_the_longest() -> None:
    minutes = [wait_after(count, RULES).total_seconds() / 60 for count in (0, 1, 2, 3, 4, 5, 6, 10**9)]
    assert minutes == [15, 15, 30, 60, 120, 240, 240, 240]


def test_a_success_far_in_the_future_does_not_keep_a_customer_fresh_for_years() -> None:
    """A worker's clock was wrong once; the state keeps the later instant of the two for good."""
    wrong = replace(
        BEFORE, last_success_at=NOW + timedelta(days=900), attempts=Attempts(last_at=ago(hours=27))
    )
    assert judge(wrong, NOW, RULES).standing is Standing.DUE
    assert is_overdue(wrong, NOW, RULES)
    mended = replace(wrong, attempts=Attempts(last_at=ago(hours=1)))
    assert judge(mended, NOW, RULES).standing is Standing.FRESH


def test_minutes_between_clocks_change_nothing() -> None:
    ahead = replace(
        BEFORE, last_success_at=NOW + timedelta(minutes=4), attempts=Attempts(last_at=ago(hours=30))
    )
    assert judge(ahead, NOW, RULES).due_at == NOW + timedelta(hours=26, minutes=4)


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (replace(BEFORE, paused=PAUSED), ("by ada", "moves house", f"claims-pipeline resume {CUSTOMER}")),
        (
            replace(BEFORE, attempts=failed(2, error="ReportNotFound", passes=False)),
            (
                "2 attempts",
                "ReportNotFound (run run-1)",
                "does not pass",
                f"claims-pipeline release {CUSTOMER}",
            ),
        ),
        (replace(BEFORE, attempts=failed(6, error=None)), ("6 attempts", "no word of it", "release")),
        (
            replace(BEFORE, attempts=failed(1, error="SmallReport", passes=False), doubt=DOUBT),
            ("filter 5001 has 3 rows, and 100", f"claims-pipeline confirm report {CUSTOMER}"),
        ),
        (replace(BEFORE, attempts=failed(1)), ("1 attempt failed", "the next one 2026-03-02 12:15 UTC")),
        (replace(BEFORE, holder=held(1)), ("run run-9 is at work",)),
        (replace(BEFORE, request=WISH), ("request wish-1",)),
        (BEFORE, ("last success 2026-03-01 11:00 UTC", "due again 2026-03-02 13:00 UTC")),
        (CustomerState(CUSTOMER), ("never synced",)),
    ],
)
def test_it_says_why_and_what_to_do(state: CustomerState, words: tuple[str, ...]) -> None:
    why = judge(state, NOW, RULES).why
    assert [each for each in words if each not in why] == []


@pytest.mark.parametrize("told", ["DOE, JANE", "x" * 65, "two\nlines", "\x1b[31mred", "DOE\n"])
def test_an_id_of_others_that_is_none_is_told_by_its_digest(told: str) -> None:
    request, holder = SyncRequest(told, "full"), Holder(told, NOW, 300)
    only_recent = Customer(CUSTOMER, "Clinic", "4001", (RECENT,))
    for why in (
        judge(replace(BEFORE, request=request), NOW, RULES).why,
        judge(replace(BEFORE, holder=holder), NOW, RULES).why,
        judge(replace(BEFORE, attempts=replace(failed(1), last_run=told)), NOW, RULES).why,
        stands(replace(BEFORE, request=request), only_recent, NOW, RULES).why,
    ):
        assert hashlib.sha256(told.encode()).hexdigest()[:16] in why
        assert told not in why


@pytest.mark.parametrize(
    ("state", "filters", "standing"),
    [
        pytest.param(replace(BEFORE, request=WISH), (RECENT,), Standing.STOPPED, id="nothing serves it"),
        pytest.param(replace(BEFORE, request=WISH), (RECENT, FULL), Standing.DUE, id="served"),
        pytest.param(
            replace(BEFORE, request=SyncRequest("wish-1", "recent")), (RECENT,), Standing.DUE, id="recent"
        ),
        pytest.param(
            replace(BEFORE, request=WISH, last_success_at=ago(hours=26)),
            (RECENT,),
            Standing.DUE,
            id="the day's sync does not wait for it",
        ),
        pytest.param(replace(BEFORE, request=WISH, paused=PAUSED), (RECENT,), Standing.PAUSED, id="paused"),
    ],
)
def test_how_a_customer_stands_with_its_filters(
    state: CustomerState, filters: tuple[Filter, ...], standing: Standing
) -> None:
    assert stands(state, Customer(CUSTOMER, "Clinic", "4001", filters), NOW, RULES).standing is standing


@PROPERTY
@given(STATES, st.integers(1, 10))
def test_nobody_is_passed_over_for_good_unless_a_person_is_told(state: CustomerState, most: int) -> None:
    later = judge(state, NOW + timedelta(days=60), replace(RULES, most_attempts=most))
    assert later.standing in (Standing.DUE, Standing.STOPPED, Standing.PAUSED)
    if later.standing is not Standing.DUE:
        assert "claims-pipeline" in later.why, "a stop says what ends it"


@PROPERTY
@given(STATES)
def test_who_is_not_due_yet_is_due_when_it_was_told(state: CustomerState) -> None:
    verdict = judge(state, NOW, RULES)
    if verdict.standing not in (Standing.FRESH, Standing.WAITING):
        return
    assert verdict.due_at is not None
    assert verdict.due_at > NOW
    then = judge(replace(state, holder=None), verdict.due_at, RULES)
    assert then.standing is Standing.DUE


@PROPERTY
@given(STATES)
def test_a_released_customer_is_due_at_once(state: CustomerState) -> None:
    """As `release --free-lease` leaves it."""
    released = replace(
        state,
        holder=None,
        paused=None,
        attempts=replace(state.attempts, count=0, failure=None),
        request=state.request or SyncRequest("released-1"),
    )
    assert judge(released, NOW, RULES).standing is Standing.DUE


@PROPERTY
@given(st.integers(1, 12), st.integers(1, 600), st.integers(1, 5000))
def test_attempts_are_bounded_and_their_waits_never_shrink(most: int, first: int, longest: int) -> None:
    """A customer that always fails, looked at every minute: each attempt comes after its wait, then none."""
    rules = DueRules(RULES.due_after, most, timedelta(minutes=first), timedelta(minutes=longest))
    state, now, begun = CustomerState(CUSTOMER), NOW, list[datetime]()
    while judge(state, now, rules).standing is not Standing.STOPPED:
        verdict = judge(state, now, rules)
        if verdict.standing is Standing.DUE:
            begun.append(now)
            state = replace(state, attempts=failed(len(begun), at=now))
        else:
            assert verdict.due_at is not None
            now = verdict.due_at
    waits = [later - earlier for earlier, later in pairwise(begun)]
    assert len(begun) == most
    assert waits == sorted(waits)
    assert all(timedelta(minutes=first) <= each <= timedelta(minutes=max(first, longest)) for each in waits)
