"""The search sees: a canary planted on purpose is found in each sink and in each coding.

Without this the runs would prove nothing.
"""

import string

import pytest

from claims_pipeline_tests.journeys.canary import (
    ACCENTS,
    AMOUNTS,
    APOSTROPHES,
    CLAIM,
    DAYS,
    DIGITS,
    NOWHERE,
    PATIENT,
    PAYOR,
    leaks_in,
)
from claims_pipeline_tests.paths import REPOSITORY
from claims_pipeline_tests.privacy.codings import CODINGS
from claims_pipeline_tests.privacy.sinks import PRIVATE, SINKS, Sink, is_private, leaks
from claims_pipeline_tests.privacy.stage import Stage

pytestmark = pytest.mark.privacy
_LETTERS = string.ascii_lowercase
PLANTED = {
    coding: f"Q'\u00fczxpl\u00e2nt{_LETTERS[n // 26]}{_LETTERS[n % 26]}q" for n, coding in enumerate(CODINGS)
}
"""One token a coding, with an apostrophe and accents in it."""


@pytest.mark.parametrize("token", [*NOWHERE, CLAIM, PAYOR])
def test_every_token_is_found_in_every_coding(token: str) -> None:
    for name, coding in CODINGS.items():
        content = b"head: " + coding(f"patient: {token} (7)") + b"\ntail"
        assert leaks_in("planted", content, [token]), name


@pytest.mark.parametrize("sink", SINKS, ids=lambda sink: sink.name)
def test_what_is_planted_in_a_sink_is_found_there_in_every_coding(stage: Stage, sink: Sink) -> None:
    assert leaks(stage, [sink], list(PLANTED.values())) == [], "found before anything was planted"
    for name, token in PLANTED.items():
        sink.plant(stage, CODINGS[name](token))
    found = {leak.token for leak in leaks(stage, [sink], list(PLANTED.values()))}
    assert {name for name, token in PLANTED.items() if token not in found} == set()


@pytest.mark.parametrize("sink", SINKS, ids=lambda sink: sink.name)
def test_a_patients_name_may_stand_in_no_sink(stage: Stage, sink: Sink) -> None:
    for token in (PATIENT, ACCENTS, APOSTROPHES, DIGITS, DAYS[0]):
        sink.plant(stage, f"{token}, MARY".encode())
    found = {leak.token for leak in leaks(stage, [sink])}
    assert found >= {PATIENT, ACCENTS, APOSTROPHES, DIGITS, DAYS[0]}


def test_nothing_is_found_where_nothing_is() -> None:
    for path in (REPOSITORY / "docs").rglob("*.md"):
        assert leaks_in(str(path), path.read_bytes(), (*NOWHERE, CLAIM, PAYOR)) == []


def test_only_files_of_the_private_storage_are_passed_over() -> None:
    may = (
        "runs/001/storage/reports/10001001/000000000001/20020.zip",
        "runs/001/storage/dry_run/reports/10001001/20020.zip",
        "runs/001/storage/refused_claims/10001001.parquet",
        "runs/001/storage/dry_run/transformed_claims/10001001.parquet",
    )
    may_not = (
        "runs/001/storage/reports/10001001/000000000001/fetch.json",
        "runs/001/storage/salesforce_synced_claims/10001001.parquet",
        "runs/001/storage/work/sync-abcdefgh/part.parquet",
        "runs/001/storage/reports/10001001.html",
        "dagster/history/runs.db",
        "reports.zip",
    )
    assert [name for name in may if not is_private(name)] == []
    assert [name for name in may_not if is_private(name)] == []
    assert len(PRIVATE) == 5


def test_numbers_are_too_long_for_chance() -> None:
    digits = ["".join(each for each in token if each.isdigit()) for token in (*AMOUNTS, DIGITS)]
    assert min(map(len, digits)) >= 12
