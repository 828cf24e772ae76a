"""The loop closed: every payor seen stands in the mapping table, and a person's word there reaches its claims.

Real HTTP, the whole sync; the table's rows and the org's claims are looked at as they are stored.
"""

from collections.abc import Callable

import pytest
from polars.testing import assert_frame_equal

from claims_pipeline.sandbox.faults import Fault
from claims_pipeline.sandbox.salesforce.rows import RowError
from claims_pipeline.sandbox.salesforce.scripts import Refusal
from claims_pipeline.sandbox.salesforce.settings import INTEGRATION_USERNAME
from claims_pipeline.sync.payors import table
from claims_pipeline_tests.given_report import report, row
from claims_pipeline_tests.journeys.conftest import FIRST, SECOND, Town
from claims_pipeline_tests.payor_table import MAPPING, decide, lookups, mapping_rows, new_payor

KEY, OTHER_KEY = "nobody knows health|nkh1", "some other plan|sop2"
PEOPLES = ("Claim_Payor__c", "Ignored__c", "Decided_By__c", "Decided_At__c")
BY_COLLECTIONS, BY_BULK = {"SALESFORCE_BULK_FROM_ROWS": "1000000"}, {"SALESFORCE_BULK_FROM_ROWS": "1"}

pytestmark = pytest.mark.journey


def other(claim: str, **cells: str) -> list[str]:
    return row(claim, ClaimPrimaryPayerName="Some Other Plan", PayerID="SOP2", **cells)


@pytest.mark.parametrize("way", [BY_COLLECTIONS, BY_BULK], ids=["collections", "bulk"])
def test_every_payor_seen_stands_in_the_table_with_match_counts_and_dollars(
    build_town: Callable[..., Town], way: dict[str, str]
) -> None:
    town = build_town(**way)
    found = new_payor(town, "Some Other Plan", "SOP2")
    near = new_payor(town, "Nobody Knows Helth", "NKH9")
    town.put(report(row("1"), row("2", ClaimTotalAmount="50.50"), other("3")))
    assert town.sync().synced.warnings == ()
    rows = mapping_rows(town)
    assert set(rows) == {KEY, OTHER_KEY}
    unmapped, matched = rows[KEY], rows[OTHER_KEY]
    assert (unmapped["Source_Payor_Name__c"], unmapped["Source_Payor_Id__c"]) == (
        "Nobody Knows Health",
        "NKH1",
    )
    assert (unmapped["Match_Rule__c"], unmapped["Automatic_Match__c"]) == ("UNMAPPED", None)
    assert (unmapped["Claim_Count__c"], unmapped["Charged_Amount__c"]) == (2.0, 150.5)
    assert unmapped["Suggestion_1__c"] == near
    assert unmapped["Suggestion_1_Score__c"] > 90
    assert unmapped["First_Seen_On__c"] == unmapped["Last_Seen_On__c"] is not None
    assert (matched["Match_Rule__c"], matched["Automatic_Match__c"]) == ("NAME_AND_ID", found)
    assert (matched["Claim_Count__c"], matched["Charged_Amount__c"]) == (0.0, 0.0)
    assert matched["Linked_Payor__c"] == found
    assert lookups(town) == {"1": None, "2": None, "3": found}


def test_a_row_stands_before_its_claims_are_sent(town: Town) -> None:
    written = town.sandbox.org.written = []
    town.put(report(row("1"), other("2")))
    town.sync()
    order = [each.object_name for each in written if each.object_name in (MAPPING, "Claim__c")]
    assert order[:2] == [MAPPING] * 2
    assert "Claim__c" in order


def test_an_unchanged_day_writes_no_row_and_asks_one_aggregate(town: Town) -> None:
    town.put(report(row("1"), other("2")))
    town.sync()
    before = mapping_rows(town)
    town.sandbox.salesforce_wire.clear_log()
    assert town.sync().synced.sent == 0
    assert town.writes() == []
    assert mapping_rows(town) == before
    calls = [each.path for each in town.sandbox.salesforce_wire.log if "/services/data/" in each.path]
    assert len(calls) <= 12


def test_peoples_fields_are_never_written_and_only_differing_ones_are(town: Town) -> None:
    town.put(report(row("1")))
    town.sync()
    payor = new_payor(town, "Quite Another Name")
    decide(town, KEY, "map", payor)
    decided = {name: mapping_rows(town)[KEY][name] for name in PEOPLES}
    written = town.sandbox.org.written = []
    town.put(report(row("1"), row("2")))
    town.sync()
    fields = set().union(*(each.values for each in written if each.object_name == MAPPING))
    assert not fields & set(PEOPLES)
    assert "First_Seen_On__c" not in fields
    assert {name: mapping_rows(town)[KEY][name] for name in PEOPLES} == decided
    assert decided["Decided_By__c"] is not None


def test_last_seen_is_written_with_another_change_or_once_a_month(town: Town) -> None:
    town.put(report(row("1")))
    town.sync()
    integration = town.sandbox.org.user(INTEGRATION_USERNAME)
    assert integration is not None
    record_id = mapping_rows(town)[KEY]["Id"]
    today = mapping_rows(town)[KEY]["Last_Seen_On__c"]

    def last_seen(day: str) -> object:
        dates = {"Id": record_id, "Last_Seen_On__c": day, "First_Seen_On__c": "2020-01-01"}
        town.sandbox.org.update(integration, MAPPING, [dates])
        town.sync()
        return mapping_rows(town)[KEY]["Last_Seen_On__c"]

    year, month, day = map(int, str(today).split("-"))
    assert last_seen(f"{year - 1}-{month:02}-{min(day, 28):02}") == today
    assert mapping_rows(town)[KEY]["First_Seen_On__c"] == "2020-01-01"
    assert last_seen(str(today)) == today
    town.put(report(row("1"), row("2")))  # another count alone: the payor is not seen anew for that
    assert last_seen(str(today)) == today


def test_a_mapping_links_its_claims_whoever_is_synced_next_and_touches_no_other(town: Town) -> None:
    """Two customers share the payor; the next sync of either links the claims of both."""
    town.put(report(row("1"), other("2")))
    town.put(report(row("3"), row("4")), SECOND)
    town.sync()
    town.sync(SECOND)
    payor = new_payor(town, "Quite Another Name")
    decide(town, KEY, "map", payor)
    town.put(report(other("5")))
    untouched = {number: claim for number, claim in town.claims().items() if number == "2"}
    written = town.sandbox.org.written = []
    mapped = town.sync(FIRST)
    assert mapped.synced.relinked == {"updated": 3}
    assert lookups(town) == {"1": payor, "2": None, "3": payor, "4": payor, "5": None}
    ids = {town.claims()[number]["Id"] for number in ("1", "3", "4")}
    linked = [each for each in written if each.record_id in ids]
    assert len(linked) == 3
    assert all(set(each.values) - {"Claim_Number__c"} == {"Claim_Payor__c"} for each in linked)
    assert town.claims()["2"] == untouched["2"]
    told = mapping_rows(town)[KEY]
    assert (told["Linked_Payor__c"], told["Claim_Count__c"], told["Charged_Amount__c"]) == (payor, 0.0, 0.0)
    town.sandbox.salesforce_wire.clear_log()
    assert town.sync(SECOND).synced.relinked == {}
    assert town.writes() == []


@pytest.mark.parametrize("way", [BY_COLLECTIONS, BY_BULK], ids=["collections", "bulk"])
def test_a_mapping_taken_back_clears_what_it_linked_and_nothing_else(
    build_town: Callable[..., Town], way: dict[str, str]
) -> None:
    town = build_town(**way)
    town.put(report(row("1"), row("2"), other("3")))
    town.sync()
    payor, by_hand = new_payor(town, "Quite Another Name"), new_payor(town, "Chosen By Hand")
    decide(town, KEY, "map", payor)
    town.sync()
    town.edit("2", Claim_Payor__c=by_hand)
    decide(town, KEY, "takeBack")
    town.edit("3", Claim_Payor__c=payor)  # of another payor key: not this mapping's
    assert town.sync().synced.relinked == {"updated": 1}
    assert lookups(town) == {"1": None, "2": by_hand, "3": payor}
    told = mapping_rows(town)[KEY]
    assert (told["Linked_Payor__c"], told["Claim_Count__c"]) == (None, 1.0)
    assert town.sync().synced.relinked == {}


def test_an_automatic_match_that_changes_moves_what_it_linked_and_nothing_else(town: Town) -> None:
    first = new_payor(town, "Nobody Knows Health")
    town.put(report(row("1"), row("2"), row("3")))
    town.sync()
    assert set(lookups(town).values()) == {first}
    by_hand = new_payor(town, "Chosen By Hand")
    town.edit("2", Claim_Payor__c=by_hand)
    better = new_payor(town, "Nobody Knows Health, Inc", "NKH1")  # by its id: an earlier step than by name
    town.put(report(other("4"), other("5")))
    assert town.sync().synced.relinked == {"updated": 2}
    assert lookups(town) == {"1": better, "2": by_hand, "3": better, "4": None, "5": None}
    told = mapping_rows(town)[KEY]
    assert (told["Linked_Payor__c"], told["Automatic_Match__c"], told["Match_Rule__c"]) == (
        better,
        better,
        "ID",
    )


def test_a_wrong_automatic_match_is_overruled_and_comes_back_when_that_is_taken_back(town: Town) -> None:
    automatic = new_payor(town, "Nobody Knows Health", "NKH1")
    town.put(report(row("1")))
    town.sync()
    right = new_payor(town, "The Right One")
    decide(town, KEY, "map", right)
    town.sync()
    assert lookups(town) == {"1": right}
    assert mapping_rows(town)[KEY]["Automatic_Match__c"] == automatic
    decide(town, KEY, "takeBack")
    town.sync()
    assert lookups(town) == {"1": automatic}
    assert mapping_rows(town)[KEY]["Linked_Payor__c"] == automatic


def test_an_ignored_payor_is_left_alone_and_no_longer_reported(town: Town) -> None:
    from claims_pipeline.sync.payors.mapping import matcher_of
    from claims_pipeline.sync.payors.unmapped import unmapped_payors

    def reported() -> list[str]:
        whole = town.sync()
        salesforce = _salesforce(town)
        matcher, at = matcher_of(whole.payors), whole.payors.stamp.fetched_at
        listed = unmapped_payors(salesforce, matcher, at)
        as_the_sync_read_them = unmapped_payors(salesforce, matcher, at, whole.synced.payor_groups)
        assert_frame_equal(as_the_sync_read_them.frame, listed.frame)
        return listed.frame.collect().get_column("payor_key").to_list()

    town.put(report(row("1"), other("2")))
    assert reported() == [KEY, OTHER_KEY]
    decide(town, KEY, "ignore")
    assert reported() == [OTHER_KEY]
    assert lookups(town)["1"] is None
    decide(town, KEY, "unignore")
    assert reported() == [KEY, OTHER_KEY]


def _salesforce(town: Town) -> object:
    from claims_pipeline.sync.connections import connect, read_settings

    return town.runs.enter_context(connect(read_settings(town.environment), "looking")).salesforce


def test_two_spellings_of_a_payor_do_not_take_turns(town: Town) -> None:
    town.put(report(row("1", ClaimPrimaryPayerName="NOBODY KNOWS HEALTH")))
    town.sync()
    town.put(report(row("2", ClaimPrimaryPayerName="Nobody Knows Health")), SECOND)
    town.sync(SECOND)
    assert mapping_rows(town)[KEY]["Source_Payor_Name__c"] == "NOBODY KNOWS HEALTH"


def test_a_payor_that_only_the_orgs_claims_name_gets_its_row_too(town: Town) -> None:
    """The table was installed later than the claims came."""
    town.put(report(row("1"), other("2")))
    town.sync()
    admin = town.sandbox.org.user(INTEGRATION_USERNAME)
    assert admin is not None
    town.sandbox.org.delete(admin, MAPPING, [str(each["Id"]) for each in mapping_rows(town).values()])
    town.put(report(row("1")))
    town.sync()
    standing = {key: found for key, found in mapping_rows(town).items() if not found["IsDeleted"]}
    assert set(standing) == {KEY, OTHER_KEY}
    assert standing[OTHER_KEY]["Source_Payor_Name__c"] == "Some Other Plan"
    assert standing[OTHER_KEY]["Claim_Count__c"] == 1.0


def test_a_refused_row_stops_no_claim_and_is_told_with_its_code(town: Town) -> None:
    error = RowError("FIELD_CUSTOM_VALIDATION_EXCEPTION", "no")
    town.sandbox.org.scripts.refusals.append(Refusal(MAPPING, KEY, error))
    town.put(report(row("1"), other("2")))
    whole = town.sync()
    assert whole.synced.counts["created"] == 2
    assert whole.synced.warnings == (
        "1 row(s) of Claim_Payor_Mapping__c were not written: FIELD_CUSTOM_VALIDATION_EXCEPTION (1)",
    )
    town.sandbox.org.scripts.clear()
    assert town.sync().synced.warnings == ()
    assert set(mapping_rows(town)) == {KEY, OTHER_KEY}


def test_a_table_that_takes_no_call_stops_no_claim(town: Town) -> None:
    path = f"/composite/sobjects/{MAPPING}/"
    town.sandbox.salesforce_wire.faults.add(Fault("PATCH", path, times=100, status=403, body=b"[]"))
    town.put(report(row("1")))
    whole = town.sync()
    assert whole.synced.counts["created"] == 1
    (warning,) = set(whole.synced.warnings)
    assert "could not be written" in warning
    town.sandbox.salesforce_wire.faults.clear()
    assert town.sync().synced.warnings == ()
    assert set(mapping_rows(town)) == {KEY}


def test_a_row_that_another_run_makes_meanwhile_is_written_once_more_before_the_claims(town: Town) -> None:
    """`DUPLICATE_VALUE` on our own key, the once."""
    error = RowError(
        "DUPLICATE_VALUE", "duplicate value found: Payor_Key__c duplicates value", ("Payor_Key__c",)
    )
    town.sandbox.org.scripts.refusals.append(Refusal(MAPPING, KEY, error, 1))
    written = town.sandbox.org.written = []
    town.put(report(row("1")))
    assert town.sync().synced.warnings == ()
    assert next(iter(written)).object_name == MAPPING
    assert mapping_rows(town)[KEY]["Source_Payor_Name__c"] == "Nobody Knows Health"


def test_a_run_that_dies_before_a_match_moved_every_claim_is_taken_up_whatever_people_do(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Died between claims and row; the mapping is taken back before the rerun: its claims are found all the same."""
    town.put(report(row("1"), row("2")))
    town.sync()
    payor = new_payor(town, "Quite Another Name")
    decide(town, KEY, "map", payor)

    def dies(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(table.PayorTable, "settle", dies)
        with pytest.raises(KeyboardInterrupt):
            town.sync()
    assert set(lookups(town).values()) == {payor}
    decide(town, KEY, "takeBack")
    town.sync()
    assert set(lookups(town).values()) == {None}
    assert mapping_rows(town)[KEY]["Linked_Payor__c"] is None


def test_an_automatic_match_that_changes_twice_over_a_death_leaves_no_claim_behind(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    new_payor(town, "Nobody Knows Health")
    town.put(report(row("1"), row("2")))
    town.sync()
    second = new_payor(town, "Nobody Knows Health, Inc", "NKH1")

    def dies(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(table.PayorTable, "settle", dies)
        with pytest.raises(KeyboardInterrupt):
            town.sync()
    assert set(lookups(town).values()) == {second}
    third = new_payor(town, "NOBODY KNOWS HEALTH", "NKH1")  # by name and id: the first step of all
    town.sync()
    assert set(lookups(town).values()) == {third}
    assert mapping_rows(town)[KEY]["Linked_Payor__c"] == third


def test_a_long_payor_name_whose_key_is_cut_keeps_its_automatic_link(town: Town) -> None:
    """Its key alone cannot be matched: what is not known is not taken for taken back."""
    name = "Very Long Payor Name " * 12 + "End"
    payor = new_payor(town, "By Its Id", "LONG1")
    town.put(report(row("1", ClaimPrimaryPayerName=name, PayerID="LONG1")))
    town.sync()
    assert lookups(town) == {"1": payor}
    town.put(report(row("2")))
    town.sync()
    assert lookups(town)["1"] == payor


def test_a_dry_run_leaves_the_table_alone(town: Town) -> None:
    town.put(report(row("1")))
    town.sync(dry_run=True)
    assert mapping_rows(town) == {}


def test_without_the_table_the_sync_works_with_one_warning(town: Town) -> None:
    town.sandbox.org.drop_object(MAPPING)
    automatic = new_payor(town, "Nobody Knows Health", "NKH1")
    town.put(report(row("1")))
    whole = town.sync()
    assert lookups(town) == {"1": automatic}
    assert [warning for warning in whole.synced.warnings if MAPPING in warning] == list(whole.synced.warnings)
    assert len(whole.synced.warnings) == 1


@pytest.mark.parametrize(
    "field", ["Suggestion_2__c", "Linked_Payor__c", "Claim_Count__c", "First_Seen_On__c"]
)
def test_without_a_field_of_ours_the_rest_is_written_with_one_warning(town: Town, field: str) -> None:
    town.sandbox.org.drop_field(MAPPING, field)
    town.put(report(row("1")))
    whole = town.sync()
    (warning,) = whole.synced.warnings
    assert field in warning
    assert mapping_rows(town)[KEY]["Match_Rule__c"] == "UNMAPPED"
    assert town.sync().synced.warnings == (warning,)


@pytest.mark.parametrize("field", ["Claim_Payor__c", "Ignored__c", "Payor_Key__c"])
def test_where_peoples_decisions_are_hidden_nothing_is_matched_and_nothing_cleared(
    town: Town, field: str
) -> None:
    automatic = new_payor(town, "Nobody Knows Health", "NKH1")
    town.put(report(row("1")))
    town.sync()
    town.sandbox.org.drop_field(MAPPING, field)
    town.put(report(row("1", ClaimAmountPaid="41.00"), row("2")))
    whole = town.sync()
    (warning,) = (words for words in whole.synced.warnings if MAPPING in words)
    assert field in warning
    assert lookups(town) == {"1": automatic, "2": None}
    assert (whole.synced.counts["updated"], whole.synced.counts["created"]) == (1, 1)


def test_ten_thousand_payors_cost_bounded_calls(build_town: Callable[..., Town]) -> None:
    town = build_town()
    town.put(
        report(
            *(
                row(f"{place}", ClaimPrimaryPayerName=f"{place} plan", PayerID=f"{place}")
                for place in range(10_000)
            )
        )
    )
    whole = town.sync()
    assert len(mapping_rows(town)) == 10_000
    assert whole.synced.api_calls < 100
    again = town.sync()
    assert again.synced.sent == 0
    assert again.synced.api_calls < 40
