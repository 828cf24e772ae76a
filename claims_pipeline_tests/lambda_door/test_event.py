"""What the function may be asked: all that is wrong is named at once, and nothing that was given is quoted."""

import pytest

from claims_pipeline.lambda_door.event import Continuation, Event, EventRefused, read_event
from claims_pipeline.settings import FilterKind

LEFT = {"count": 2, "of": "0f2b-1", "customers": ["10001001"]}


def test_the_predecessors_event_is_a_recent_sync_of_all_customers() -> None:
    assert read_event({"full_sync": False}) == read_event({}) == Event()
    assert Event().kind is FilterKind.RECENT


def test_more_may_be_asked() -> None:
    asked = read_event(
        {"full_sync": True, "dry_run": True, "customers": ["10002002", "10001001", "10002002"]}
    )
    assert asked == Event(full_sync=True, dry_run=True, customers=("10002002", "10001001"))
    assert asked.kind is FilterKind.FULL


def test_a_continuation_is_read_as_it_was_written() -> None:
    written = Event(full_sync=True).continued("request-1", ("10001001", "10002002"))
    read = read_event(written)
    assert read == Event(True, continuation=Continuation(1, "request-1", ("10001001", "10002002")))
    assert read.continued("request-2", ("10002002",)) == {
        "full_sync": True,
        "continuation": {"count": 2, "of": "request-1", "customers": ["10002002"]},
    }


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ([], "it is no JSON object"),
        (None, "it is no JSON object"),
        ({"fullsync": True}, "fullsync is no key that it may have"),
        ({"version": "0", "detail-type": "Scheduled Event"}, "version is no key .*; detail-type is no key"),
        ({"full_sync": "false"}, "full_sync should be true or false"),
        ({"dry_run": 1}, "dry_run should be true or false"),
        ({"customers": "10001001"}, "customers should be a list of customer numbers of 8 digits"),
        ({"customers": []}, "customers should be a list"),
        ({"customers": [10001001]}, "each in quotes"),
        ({"customers": ["1000100"]}, "8 digits"),
        ({"customers": ["\u0661000100\u0661"]}, "8 digits"),
        ({"full_sync": 2, "customers": 1, "more": 1}, "more is no key.*full_sync should.*customers should"),
        ({"continuation": {"count": 1}}, "it is written by the function itself"),
        ({"continuation": LEFT | {"count": 0}}, "continuation.count is wrong"),
        ({"continuation": LEFT | {"count": True}}, "continuation.count is wrong"),
        ({"continuation": LEFT | {"of": "a/b"}}, "continuation.of is wrong"),
        ({"continuation": LEFT | {"customers": []}}, "continuation.customers should be a list"),
        ({"continuation": LEFT, "dry_run": True}, "continuation stands alone"),
        ({"continuation": LEFT, "customers": ["10001001"]}, "continuation stands alone"),
    ],
)
def test_what_is_wrong_is_named(given: object, words: str) -> None:
    with pytest.raises(EventRefused, match=words):
        read_event(given)


@pytest.mark.parametrize("key", ["Doe, Jane", "a\nb", "x" * 60])
def test_nothing_that_was_given_is_quoted(key: str) -> None:
    with pytest.raises(EventRefused) as refused:
        read_event({key: "Doe", "customers": ["Jane"], "full_sync": "Mary"})
    assert not any(word in str(refused.value) for word in (key, "Doe", "Jane", "Mary"))
