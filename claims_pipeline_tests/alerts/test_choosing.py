"""What is news: by table, and whatever was told before."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from claims_pipeline.alerts.choosing import SENDING, News, choose
from claims_pipeline.alerts.finding import Finding, Look
from claims_pipeline.alerts.kinds import WORDS, AlertKind
from claims_pipeline.alerts.messages import Links
from claims_pipeline.clients.sync_state import ToldAlert
from claims_pipeline_tests.paths import REPOSITORY

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
DAY = timedelta(hours=24)
KIND = AlertKind.STOPPED


def look(*found: Finding, told: ToldAlert | None = None, sequence: int = 3) -> Look:
    return Look("10001001", found, frozenset(), {told.kind: told} if told else {}, 1, sequence)


def before(ago: timedelta = timedelta(hours=1), **more: object) -> ToldAlert:
    return ToldAlert(KIND.value, NOW - ago, 3, **more)  # type: ignore[arg-type]  # what a test names


STANDS = Finding(KIND, "It stopped.", marks=("0",))
TOLD = ("0",)


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        (look(), []),
        (look(STANDS), [(News.NEW, ("a", "b"))]),
        (look(STANDS, told=before(marks=TOLD)), []),
        (look(STANDS, told=before(DAY, marks=TOLD)), [(News.STILL, ("a", "b"))]),
        (look(STANDS, told=before(marks=("other",))), [(News.NEW, ("a", "b"))]),
        (look(STANDS, told=before(marks=TOLD, left=("b",))), [(News.NEW, ("b",))]),
        (look(STANDS, told=before(marks=TOLD, left=("gone",))), []),
        (look(STANDS, told=before(SENDING / 2, marks=TOLD, left=("a",), is_sending=True)), []),
        (look(STANDS, told=before(SENDING, marks=TOLD, left=("a",), is_sending=True)), [(News.NEW, ("a",))]),
        (look(told=before(marks=TOLD)), []),  # gone, but no sync has succeeded
        (look(told=before(marks=TOLD), sequence=4), [(News.WELL, ("a", "b"))]),
        (look(told=before(marks=TOLD, left=("a",)), sequence=4), [(News.WELL, ("b",))]),
        (look(told=before(marks=TOLD, left=("a",), is_well=True), sequence=4), [(News.WELL, ("a",))]),
        (look(STANDS, told=before(marks=TOLD, is_well=True, left=("a",))), [(News.NEW, ("a", "b"))]),
    ],
)
def test_what_is_told_now(seen: Look, expected: list[tuple[News, tuple[str, ...]]]) -> None:
    assert [(each.news, each.to) for each in choose(seen, ["a", "b"], NOW, DAY)] == expected


@given(
    stands=st.booleans(),
    is_unclear=st.booleans(),
    minutes=st.integers(-100, 3000),
    left=st.sets(st.sampled_from(["a", "b"])),
    is_sending=st.booleans(),
)
def test_nothing_is_said_to_be_well_that_stands_or_is_unclear(
    stands: bool, is_unclear: bool, minutes: int, left: set[str], is_sending: bool
) -> None:
    told = ToldAlert(KIND.value, NOW - timedelta(minutes=minutes), 3, TOLD, tuple(left), is_sending)
    unclear = frozenset({KIND}) if is_unclear else frozenset[AlertKind]()
    seen = Look("10001001", (STANDS,) if stands else (), unclear, {KIND.value: told}, 1, 4)
    well = [each for each in choose(seen, ["a", "b"], NOW, DAY) if each.news is News.WELL]
    assert not (well and (stands or is_unclear))


def test_an_alert_of_a_later_version_is_left_alone() -> None:
    told = ToldAlert("a_kind_of_tomorrow", NOW - DAY, 3)
    assert choose(Look("10001001", (), frozenset(), {told.kind: told}, 1, 9), ["a"], NOW, DAY) == []


def test_every_kind_has_its_words_and_its_page_is_there() -> None:
    assert set(WORDS) == set(AlertKind)
    for words in WORDS.values():
        name, _, anchor = words.page.partition("#")
        headings = [
            line.lstrip("# ").lower()
            for line in (REPOSITORY / "docs" / name).read_text().splitlines()
            if line[:2] == "##"
        ]
        anchors = {
            "".join(c for c in each if c.isalnum() or c in " -").replace(" ", "-") for each in headings
        }
        assert anchor in anchors, words.page


def test_a_run_is_a_link_where_there_is_one() -> None:
    run = "97e7bd62-0707-451e-ab4f-a0fcbf2d9fb7"
    assert Links("https://ui", None).run(run) == f"https://ui/runs/{run}"
    assert Links("https://ui", None).run("cli-1") == "cli-1"
    assert Links(None, None, "https://log").run("lambda-1-10001001") == "lambda-1-10001001, in https://log"
    assert "DOE" not in Links(None, None).run("DOE, JOHN")
