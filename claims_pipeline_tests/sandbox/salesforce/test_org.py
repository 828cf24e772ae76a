"""The org matches, refuses and keeps records as Salesforce does, whatever surface they came by."""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest

from claims_pipeline.sandbox.salesforce.metadata import read_schema
from claims_pipeline.sandbox.salesforce.org import NoSuchObject, NotAnExternalId, Org
from claims_pipeline.sandbox.salesforce.people import FieldAccess, User
from claims_pipeline.sandbox.salesforce.rows import RowError, RowResult, Wire
from claims_pipeline.sandbox.salesforce.scripts import Refusal, Rewrite, Trigger
from claims_pipeline.sandbox.salesforce.validation import Stored
from claims_pipeline_tests.sandbox.salesforce.conftest import Clock

CLAIM, PAYOR, MAPPING = "Claim__c", "Claim_Payor__c", "Claim_Payor_Mapping__c"
KEY = "Claim_Number__c"


def only(results: list[RowResult]) -> RowResult:
    assert len(results) == 1
    return results[0]


def put(org: Org, user: User, **fields: object) -> RowResult:
    """Upsert one claim."""
    return only(org.upsert(user, CLAIM, KEY, [fields]))


def codes(results: list[RowResult]) -> list[str]:
    return [
        result.errors[0].code if result.errors else "created" if result.created else "updated"
        for result in results
    ]


def claim(org: Org, number: str) -> Mapping[str, Stored]:
    (found,) = [record for record in org.records(CLAIM) if record[KEY] == number and not record["IsDeleted"]]
    return found


def test_a_new_record_gets_its_id_owner_and_stamps(org: Org, me: User) -> None:
    result = put(org, me, Claim_Number__c="A-1", Name=" Doe, Jane ")
    assert result.created
    record = claim(org, "A-1")
    assert record["Id"] == result.id
    assert record["Name"] == "Doe, Jane"
    assert record["OwnerId"] == record["CreatedById"] == record["LastModifiedById"] == me.id
    assert record["CreatedDate"] == record["SystemModstamp"] == "2026-11-23T12:00:00.000Z"


def test_what_is_written_is_told_to_who_keeps_a_write_log(org: Org, me: User) -> None:
    put(org, me, Claim_Number__c="A-0")
    org.written = []
    put(org, me, Claim_Number__c="A-1", Paid_Amount__c=1.5)
    put(org, me, Claim_Number__c="A-1", Paid_Amount__c=2.5)
    put(org, me, Claim_Number__c="A-1", Paid_Amount__c="no amount")
    told = [(each.created, each.values["Paid_Amount__c"], each.user_id) for each in org.written]
    assert told == [(True, 1.5, me.id), (False, 2.5, me.id)]
    assert {each.record_id for each in org.written} == {claim(org, "A-1")["Id"]}


def test_a_record_without_a_name_is_called_by_its_id(org: Org, me: User) -> None:
    result = put(org, me, Claim_Number__c="A-1")
    assert claim(org, "A-1")["Name"] == result.id
    put(org, me, Claim_Number__c="A-1", Name="Doe")
    put(org, me, Claim_Number__c="A-1", Name=None)
    assert claim(org, "A-1")["Name"] == result.id


def test_the_key_matches_whatever_its_case_and_the_spaces_around_it(org: Org, me: User) -> None:
    first = put(org, me, Claim_Number__c="ab-1", Charged_Amount__c=1)
    second = put(org, me, Claim_Number__c=" AB-1 ", Paid_Amount__c=2)
    assert (second.id, second.created) == (first.id, False)
    record = claim(org, "AB-1")
    assert (record["Charged_Amount__c"], record["Paid_Amount__c"]) == (1.0, 2.0)


def test_a_field_that_is_not_sent_stays_and_none_clears_it(org: Org, me: User) -> None:
    put(org, me, Claim_Number__c="A", MR_Number__c="m", Payer__c="p")
    put(org, me, Claim_Number__c="A", MR_Number__c=None)
    assert (claim(org, "A")["MR_Number__c"], claim(org, "A")["Payer__c"]) == (None, "p")


def test_the_same_key_twice_in_a_call_fails_every_row_that_has_it(org: Org, me: User) -> None:
    results = org.upsert(me, CLAIM, KEY, [{KEY: "a"}, {KEY: "b"}, {KEY: " A"}])
    assert codes(results) == ["DUPLICATE_VALUE", "created", "DUPLICATE_VALUE"]
    assert results[0].errors[0] == RowError("DUPLICATE_VALUE", "Duplicate external id specified: a", (KEY,))
    assert [record[KEY] for record in org.records(CLAIM)] == ["b"]


@pytest.mark.parametrize("key", [{}, {KEY: None}, {KEY: "  "}])
def test_a_row_without_its_key_is_refused(org: Org, me: User, key: Mapping[str, object]) -> None:
    error = only(org.upsert(me, CLAIM, KEY, [{"Name": "x", **key}])).errors[0]
    assert error == RowError("MISSING_ARGUMENT", "Claim_Number__c not specified", (KEY,))


def test_a_unique_value_that_another_record_has_is_refused_by_its_holder(org: Org, me: User) -> None:
    first, second = org.insert(me, CLAIM, [{KEY: "a"}, {KEY: "b"}])
    taken = only(org.update(me, CLAIM, [{"Id": second.id, KEY: "A"}])).errors[0]
    holder = str(first.id)[:15]
    assert taken.code == "DUPLICATE_VALUE"
    assert (
        taken.message
        == f"duplicate value found: Claim_Number__c duplicates value on record with id: {holder}"
    )
    assert codes(org.insert(me, CLAIM, [{KEY: "B"}, {KEY: "c"}, {KEY: "C"}])) == [
        "DUPLICATE_VALUE",
        "created",
        "DUPLICATE_VALUE",
    ]
    assert only(org.update(me, CLAIM, [{"Id": second.id, KEY: "B"}])).success, "its own key is no duplicate"


def test_an_external_id_that_is_not_unique_may_match_several(org: Org, me: User) -> None:
    org.insert(me, CLAIM, [{KEY: "1", "Source_Payor_Key__c": "p"}, {KEY: "2", "Source_Payor_Key__c": "p"}])
    results = org.upsert(
        me, CLAIM, "Source_Payor_Key__c", [{"Source_Payor_Key__c": "p"}, {"Source_Payor_Key__c": "P"}]
    )
    assert codes(results) == ["DUPLICATE_EXTERNAL_ID", "created"]


def test_only_external_ids_and_the_id_match_records(org: Org, me: User) -> None:
    with pytest.raises(NotAnExternalId, match="Payer__c"):
        org.upsert(me, CLAIM, "Payer__c", [{"Payer__c": "x"}])
    made = only(org.upsert(me, CLAIM, "Id", [{KEY: "x"}]))
    assert made.created
    assert not only(org.upsert(me, CLAIM, "Id", [{"Id": made.id, "Payer__c": "p"}])).created


def test_required_fields_defaults_and_numbers_of_a_mapping(org: Org, me: User) -> None:
    results = org.insert(
        me, MAPPING, [{}, {"Payor_Key__c": "aetna|"}, {"Payor_Key__c": "x", "Charged_Amount__c": None}]
    )
    assert codes(results) == ["REQUIRED_FIELD_MISSING", "created", "REQUIRED_FIELD_MISSING"]
    assert results[0].errors[0].message == "Required fields are missing: [Payor_Key__c]"
    assert results[2].errors[0].fields == ("Charged_Amount__c",)
    (record,) = org.records(MAPPING)
    assert (record["Charged_Amount__c"], record["Claim_Count__c"], record["Ignored__c"]) == (0.0, 0.0, 0)
    assert record["Name"] == "PM-000001"
    cleared = only(org.update(me, MAPPING, [{"Id": record["Id"], "Claim_Count__c": None}]))
    assert cleared.errors[0].code == "REQUIRED_FIELD_MISSING"


def test_a_lookup_leads_to_a_record_that_is_there(org: Org, me: User) -> None:
    here, gone = (str(found.id) for found in org.insert(me, PAYOR, [{"Name": "A"}, {"Name": "B"}]))
    put(org, me, Claim_Number__c="old", Claim_Payor__c=gone)
    org.delete(me, PAYOR, [gone])
    assert claim(org, "old")["Claim_Payor__c"] is None, "SetNull: the claim stands, its lookup is cleared"
    results = org.upsert(
        me,
        CLAIM,
        KEY,
        [
            {KEY: "1", "Claim_Payor__c": here[:15]},
            {KEY: "2", "Claim_Payor__c": gone},
            {KEY: "3", "Claim_Payor__c": "a01Vx0000000999IAA"},
        ],
    )
    assert codes(results) == ["created", "ENTITY_IS_DELETED", "INVALID_CROSS_REFERENCE_KEY"]
    assert claim(org, "1")["Claim_Payor__c"] == here


def test_updates_are_by_id_and_told_apart_when_they_cannot_be(org: Org, me: User) -> None:
    made = str(put(org, me, Claim_Number__c="a").id)
    other = str(put(org, me, Claim_Number__c="b").id)
    org.delete(me, CLAIM, [other])
    rows = [{"Id": made}, {}, {"Id": other}, {"Id": "a04Vx0000000999IAA"}, {"Id": "nonsense"}, {"Id": me.id}]
    assert codes(org.update(me, CLAIM, rows)) == [
        "updated",
        "MISSING_ARGUMENT",
        "ENTITY_IS_DELETED",
        "INVALID_CROSS_REFERENCE_KEY",
        "MALFORMED_ID",
        "MALFORMED_ID",
    ]
    assert codes(org.update(me, CLAIM, [{"Id": made}, {"Id": made[:15]}])) == ["DUPLICATE_VALUE"] * 2


def test_an_id_has_no_place_in_an_insert_nor_beside_another_key(org: Org, me: User) -> None:
    made = put(org, me, Claim_Number__c="a").id
    assert codes(org.insert(me, CLAIM, [{"Id": made, KEY: "b"}])) == ["INVALID_FIELD_FOR_INSERT_UPDATE"]
    assert codes(org.upsert(me, CLAIM, KEY, [{"Id": made, KEY: "a"}])) == ["INVALID_FIELD_FOR_INSERT_UPDATE"]
    assert codes(org.upsert(me, CLAIM, KEY, [{"Id": None, KEY: "a"}])) == ["updated"]


def test_unknown_and_read_only_fields_are_refused_by_row(org: Org, me: User) -> None:
    unknown = put(org, me, Claim_Number__c="a", Nonsense__c=1).errors[0]
    assert unknown == RowError("INVALID_FIELD", "No such column 'Nonsense__c' on sobject of type Claim__c")
    stamped = put(org, me, Claim_Number__c="a", CreatedById=me.id, SystemModstamp="x").errors[0]
    assert (stamped.code, stamped.fields) == (
        "INVALID_FIELD_FOR_INSERT_UPDATE",
        ("CreatedById", "SystemModstamp"),
    )
    formula = only(org.insert(me, MAPPING, [{"Payor_Key__c": "p", "Status__c": "Mapped"}])).errors[0]
    assert formula.fields == ("Status__c",)
    assert org.records(CLAIM) == []


def test_field_security_is_each_users_own(org: Org, me: User, admin: User) -> None:
    org.set_access(me, CLAIM, "MR_Number__c", FieldAccess.HIDDEN)
    org.set_access(me, CLAIM, "Payer__c", FieldAccess.READ_ONLY)
    assert put(org, me, Claim_Number__c="a", MR_Number__c="1").errors[0].code == "INVALID_FIELD"
    assert put(org, me, Claim_Number__c="a", Payer__c="1").errors[0].code == "INVALID_FIELD_FOR_INSERT_UPDATE"
    assert put(org, admin, Claim_Number__c="a", MR_Number__c="1", Payer__c="1").success
    seen, whole = org.seen_by(me, CLAIM), org.seen_by(admin, CLAIM)
    assert seen is not None
    assert whole is not None
    assert whole.fields.keys() - seen.fields.keys() == {"MR_Number__c"}
    org.set_access(me, CLAIM, "MR_Number__c", FieldAccess.EDIT)
    assert put(org, me, Claim_Number__c="a", MR_Number__c="2").success


def test_the_last_modifier_is_whoever_wrote_last_even_if_nothing_changed(
    org: Org, me: User, admin: User, clock: Clock
) -> None:
    put(org, me, Claim_Number__c="a")
    clock.forward(60)
    put(org, admin, Claim_Number__c="a")
    record = claim(org, "a")
    assert (record["CreatedById"], record["LastModifiedById"]) == (me.id, admin.id)
    assert (record["CreatedDate"], record["LastModifiedDate"]) == (
        "2026-11-23T12:00:00.000Z",
        "2026-11-23T12:01:00.000Z",
    )


def test_all_or_none_writes_nothing_when_one_row_is_refused(org: Org, me: User) -> None:
    results = org.upsert(me, CLAIM, KEY, [{KEY: "a"}, {KEY: "b", "DOS__c": "?"}], all_or_none=True)
    assert codes(results) == ["ALL_OR_NONE_OPERATION_ROLLED_BACK", "JSON_PARSER_ERROR"]
    assert org.records(CLAIM) == []


def test_a_deleted_record_is_no_match_and_its_key_is_free(org: Org, me: User) -> None:
    first = put(org, me, Claim_Number__c="a")
    assert only(org.delete(me, CLAIM, [str(first.id)])).success
    assert codes(org.delete(me, CLAIM, [str(first.id)])) == ["ENTITY_IS_DELETED"]
    again = put(org, me, Claim_Number__c="A")
    assert again.created
    assert again.id != first.id


def test_a_trigger_rewrites_what_is_written(org: Org, me: User) -> None:
    org.scripts.triggers += [
        Trigger(CLAIM, "Payer__c", Rewrite.UPPER),
        Trigger(CLAIM, "MR_Number__c", Rewrite.PREFIX, "MR-"),
        Trigger(CLAIM, "Source_Status__c", Rewrite.SET, "touched"),
    ]
    put(org, me, Claim_Number__c="a", Payer__c="abc", MR_Number__c="7")
    put(org, me, Claim_Number__c="a", MR_Number__c="MR-7")
    record = claim(org, "a")
    assert (record["Payer__c"], record["MR_Number__c"], record["Source_Status__c"]) == (
        "ABC",
        "MR-7",
        "touched",
    )
    org.scripts.clear()
    put(org, me, Claim_Number__c="a", Payer__c="abc")
    assert claim(org, "a")["Payer__c"] == "abc"


def test_a_locked_record_is_free_again_after_so_many_attempts(org: Org, me: User) -> None:
    org.scripts.lock(CLAIM, "A", 2)
    results = [
        codes([put(org, me, Claim_Number__c="a"), put(org, me, Claim_Number__c="b")]) for _ in range(3)
    ]
    assert results == [
        ["UNABLE_TO_LOCK_ROW", "created"],
        ["UNABLE_TO_LOCK_ROW", "updated"],
        ["created", "updated"],
    ]


def test_a_record_can_be_refused_by_its_lookup_with_any_code(org: Org, me: User) -> None:
    payor = str(only(org.insert(me, PAYOR, [{"Name": "A"}])).id)
    error = RowError("FIELD_CUSTOM_VALIDATION_EXCEPTION", "Not this payor: today", ("Claim_Payor__c",))
    org.scripts.refusals.append(Refusal(CLAIM, payor, error))
    assert put(org, me, Claim_Number__c="a", Claim_Payor__c=payor).errors == (error,)
    assert put(org, me, Claim_Number__c="a").success


def test_of_several_refusals_of_one_record_the_first_that_is_left_counts(org: Org, me: User) -> None:
    payor = str(only(org.insert(me, PAYOR, [{"Name": "A"}])).id)
    for key, code, times in (
        (payor, "FIRST", 1),
        ("A", "SECOND", 1),
        ("b", "OTHER", 1),
        (payor, "LAST", None),
    ):
        org.scripts.refusals.append(Refusal(CLAIM, key, RowError(code, "no"), times))
    put_again = [codes([put(org, me, Claim_Number__c="a", Claim_Payor__c=payor)]) for _ in range(4)]
    assert put_again == [["FIRST"], ["SECOND"], ["LAST"], ["LAST"]]


def test_a_dropped_field_is_unknown_and_what_it_held_is_gone(org: Org, me: User) -> None:
    put(org, me, Claim_Number__c="a", Source_Hash__c="h")
    org.drop_field(CLAIM, "Source_Hash__c")
    assert put(org, me, Claim_Number__c="a", Source_Hash__c="h").errors[0].code == "INVALID_FIELD"
    assert put(org, me, Claim_Number__c="b").success
    assert "Source_Hash__c" not in claim(org, "a")


def test_an_org_without_our_objects_still_takes_claims(org: Org, me: User) -> None:
    org.drop_object(MAPPING)
    with pytest.raises(NoSuchObject, match="Claim_Payor_Mapping__c"):
        org.insert(me, MAPPING, [{"Payor_Key__c": "x"}])
    org.drop_object(PAYOR)
    assert put(org, me, Claim_Number__c="a").success
    assert put(org, me, Claim_Number__c="a", Claim_Payor__c=None).errors[0].code == "INVALID_FIELD"


def test_standard_objects_are_not_written(org: Org, me: User) -> None:
    with pytest.raises(NoSuchObject, match="User"):
        org.insert(me, "User", [{"Username": "x"}])


def test_bulks_text_becomes_the_same_record_as_json(org: Org, me: User) -> None:
    json_row = {
        KEY: "j",
        "Charged_Amount__c": 1204.5,
        "DOS__c": "2026-01-05",
        "Paid_Y_or_N__c": "No",
        "Payer__c": None,
    }
    csv_row = {
        KEY: "c",
        "Charged_Amount__c": "1204.50",
        "DOS__c": "2026-01-05",
        "Paid_Y_or_N__c": "No",
        "Payer__c": None,
    }
    put(org, me, **json_row)
    org.upsert(me, CLAIM, KEY, [csv_row], wire=Wire.CSV)
    mine, theirs = dict(claim(org, "j")), dict(claim(org, "c"))
    for name in ("Id", KEY, "Name"):
        del mine[name], theirs[name]
    assert mine == theirs


def test_an_org_on_disk_is_the_same_when_it_is_opened_again(tmp_path: Path) -> None:
    database = tmp_path / "org.sqlite"
    first = Org(read_schema(), clock=lambda: datetime(2026, 1, 1, tzinfo=UTC), database=database)
    made = put(first, first.settings.users[0], Claim_Number__c="a")
    first.close()
    again = Org(read_schema(), clock=lambda: datetime(2026, 1, 2, tzinfo=UTC), database=database)
    user = again.settings.users[0]
    assert put(again, user, Claim_Number__c="A").id == made.id
    assert put(again, user, Claim_Number__c="b").id not in (None, made.id)
    again.close()
