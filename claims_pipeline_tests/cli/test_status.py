"""`claims-pipeline status`: how every customer stands, stuck ones first, for people and for scripts."""

import json
from dataclasses import replace

import pytest

from claims_pipeline.cli.exits import Exit
from claims_pipeline.clients.sync_state import CustomerState, SyncRequest
from claims_pipeline.settings import Customer, DueRules, Settings
from claims_pipeline.sync.connections import open_state, read_settings
from claims_pipeline.sync.due import Standing
from claims_pipeline.sync.standings import CustomerStanding, standings
from claims_pipeline_tests.command_line import Said, claims_pipeline
from claims_pipeline_tests.given_report import report, row
from claims_pipeline_tests.sync.given_state import DOUBT, NOW, PAUSED, ago, failed
from claims_pipeline_tests.test_settings import GOOD, load
from claims_pipeline_tests.town import FIRST, SECOND, Town

WELL = CustomerState("10000001", last_success_at=ago(hours=2))


def status(town: Town, *options: str, **settings: str) -> Said:
    said = claims_pipeline({**town.environment, **settings}, "status", *options)
    assert "Traceback" not in said.words
    return said


def settings_of(numbers: list[str]) -> Settings:
    customers = tuple(Customer(number, "Clinic", "4001", ()) for number in numbers)
    return replace(load(GOOD), customers=customers, due=DueRules())


def stood(*states: CustomerState) -> list[CustomerStanding]:
    held = {each.customer: each for each in states}
    return standings(settings_of(list(held)), held, NOW)


def test_those_that_need_a_person_come_first() -> None:
    states = {
        "10000001": WELL,
        "10000002": replace(WELL, paused=PAUSED, last_success_at=ago(days=9)),
        "10000003": replace(WELL, attempts=failed(1)),
        "10000004": replace(WELL, attempts=failed(6)),
        "10000005": replace(WELL, last_success_at=ago(hours=30)),
        "10000006": CustomerState(""),
        "10000007": replace(WELL, doubt=DOUBT),
        "10000008": replace(WELL, attempts=failed(2), last_success_at=ago(hours=30)),
    }
    found = stood(*(replace(state, customer=number) for number, state in states.items()))
    assert [(each.customer.number[-1], each.needs_a_look) for each in found] == [
        ("4", True),
        ("6", True),
        ("5", True),
        ("8", True),
        ("7", True),
        ("2", False),
        ("3", False),
        ("1", False),
    ]


@pytest.mark.parametrize(
    ("state", "needs"),
    [
        (WELL, False),
        (replace(WELL, paused=PAUSED, doubt=DOUBT), True),
        (replace(WELL, counts={"refused": 3, "held": 2, "rejected_rows": 1}), False),
    ],
)
def test_what_needs_a_look(state: CustomerState, needs: bool) -> None:
    (found,) = stood(state)
    assert found.needs_a_look is needs


def test_a_wish_that_no_filter_serves_needs_a_look_and_its_id_is_told_only_if_it_is_one() -> None:
    (found,) = stood(replace(WELL, request=SyncRequest("DOE, JANE", "full")))
    assert (found.verdict.standing, found.needs_a_look) == (Standing.STOPPED, True)
    assert "no filter of this customer is declared full" in found.verdict.why
    assert "DOE" not in json.dumps(found.as_facts())


def test_the_facts_for_a_script_are_all_json() -> None:
    (found,) = stood(replace(WELL, paused=PAUSED, doubt=DOUBT, attempts=failed(2), counts={"refused": 3}))
    facts = json.loads(json.dumps(found.as_facts()))
    assert facts["standing"] == Standing.PAUSED
    assert facts["last_success_at"] == "2026-03-02T10:00:00+00:00"
    assert (facts["attempts"], facts["last_failure"], facts["refused"], facts["held"]) == (
        2,
        "ReportTimedOut",
        3,
        0,
    )
    assert facts["paused"] == {
        "reason": "the practice moves house",
        "by": "ada",
        "since": "2026-03-02T12:00:00+00:00",
    }
    assert facts["doubt"] == {
        "filter": "5001",
        "rows": 3,
        "rows_before": 100,
        "at": "2026-03-02T12:00:00+00:00",
    }


@pytest.mark.journey
def test_all_well_is_0_and_never_synced_is_4(town: Town) -> None:
    town.put(report(row("S1"), row("S2", ClaimTotalAmount="12,34")))
    town.sync()
    said = status(town)
    assert said.code == Exit.NOT_ALL_ARRIVED
    lines = said.out.splitlines()
    assert lines[0] == f"! {SECOND} (Lakeview): due, never synced"
    assert lines[2].startswith(f"  {FIRST} (Riverside): fresh, last success ")
    assert "    of the last sync: rejected rows 1" in lines
    assert lines[-1] == "2 customer(s): 1 due, 1 fresh. In need of a look (!): 1."
    town.put(report(row("S3")), SECOND)
    town.sync(SECOND)
    said = status(town)
    assert (said.code, said.out.splitlines()[-1]) == (0, "2 customer(s): 2 fresh. All is well.")
    assert "\x1b" not in said.words


@pytest.mark.journey
def test_a_stop_says_what_to_do_and_a_doubt_which_word_it_waits_for(town: Town) -> None:
    state = open_state(read_settings(town.environment), "a-run")
    state.ensure_table()
    for customer in (FIRST, SECOND):
        with state.lease(customer) as lease:
            state.begin_attempt(lease, filters="recent")
            if customer == SECOND:
                state.doubt_report(lease, DOUBT)
        state.record_failure(customer, "ReportNotFound", passes=False)
    said = status(town)
    assert said.code == Exit.NOT_ALL_ARRIVED
    assert (
        "1 attempt failed, the last with ReportNotFound (run a-run), which does not pass by itself"
        in said.out
    )
    assert f"`claims-pipeline release {FIRST}`" in said.out
    assert f"claims-pipeline confirm report {SECOND}" in said.out


@pytest.mark.journey
def test_for_a_script_it_is_one_json_object(town: Town) -> None:
    state = open_state(read_settings(town.environment), "a-run")
    state.ensure_table()
    state.pause(FIRST, reason="moving", by="ada")
    said = status(town, "--json")
    assert said.code == Exit.NOT_ALL_ARRIVED
    found = json.loads(said.out)
    assert [each["customer"] for each in found["customers"]] == [SECOND, FIRST]
    assert found["customers"][1]["paused"]["reason"] == "moving"


@pytest.mark.journey
def test_a_table_that_is_not_there_is_5_and_says_who_makes_it(town: Town) -> None:
    said = status(town)
    assert said.code == Exit.PERMANENT
    assert "does not exist" in said.err
    assert "a first run by a person" in said.err
